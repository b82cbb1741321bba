"""The server's side of a conversation with a session on Redis: what was said to the script, when, and its answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as Unreachable

from kraken_async.stores.redis.key import RedisKey


class Said(NamedTuple):
    """One operation: when, by the loop's clock, and with what words."""

    at: float
    op: str
    words: tuple[Any, ...]


class Silent(NamedTuple):
    """An answer that comes late."""

    seconds: float
    then: Any = None


class Script:
    """A redis client that runs no script: it writes down what it is to run, and gives what a test has laid out.

    ``answers``: by operation, the next one first; an exception is raised, a function is called with the words. Without
    one the script answers as for a session that is alone on its key.
    """

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.said: list[Said] = []
        self.keys: list[str] = []
        self.answers: dict[str, deque[Any]] = defaultdict(deque)
        self.settings: dict[str, Any] = {"aof_enabled": 1}
        self.state: dict[str, Any] = {"last": 100, "gen": 7, "era": "era"}

    def answer(self, op: str, *answers: Any) -> None:
        self.answers[op].extend(answers)

    def heard(self, op: str) -> list[tuple[Any, ...]]:
        """Return the words of each such operation, and forget them."""
        found = [each.words for each in self.said if each.op == op]
        self.said = [each for each in self.said if each.op != op]
        return found

    def times(self, op: str) -> list[float]:
        return [each.at for each in self.said if each.op == op]

    def key(
        self, unit: str = "ns", *, lease: float = 6.0, timeout: float = 2.0, name: str = "kraken_async:k"
    ) -> RedisKey:
        return RedisKey(None, name, unit, lease=lease, timeout=timeout, client=self)

    # -- what a client has -----------------------------------------------------------------------------------------

    async def execute_command(self, command: str, *words: Any) -> Any:
        if command == "BLPOP":
            return await self._give("BLPOP", words)
        count = words[1]
        self.keys = [key.decode() for key in words[2 : 2 + count]]
        op, *rest = words[2 + count :]
        return await self._give(op, tuple(rest))

    async def info(self) -> dict[str, Any]:
        return self.settings

    async def config_get(self, name: str) -> dict[str, str]:
        return {name: ""}

    # -- answers ---------------------------------------------------------------------------------------------------

    async def _give(self, op: str, words: tuple[Any, ...]) -> Any:
        self.said.append(Said(self.clock(), op, words))
        laid_out = self.answers[op]
        answer = laid_out.popleft() if laid_out else getattr(self, f"_{op.lower()}")
        if isinstance(answer, Silent):
            await asyncio.sleep(answer.seconds)
            answer = answer.then
        if isinstance(answer, BaseException):
            raise answer
        return answer(*words) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]  # the class is abstract

    def moment(self) -> list[bytes]:
        """The server's time, as seconds and microseconds."""
        now = time.time()
        return [b"%d" % now, b"%06d" % round(now % 1 * 1e6)]

    def snapshot(self, **state: Any) -> list[bytes]:
        now = {**self.state, **state}
        names = (
            "v",
            "unit",
            "last",
            "gen",
            "era",
            "era_gen",
            "level",
            "level_at",
            "seldom",
            "recalled",
            "placed",
        )
        defaults = {"v": "1", "unit": "ns"}
        return [str(now.get(name, defaults.get(name, ""))).encode() for name in names] + self.moment()

    def handed(self, **state: Any) -> list[bytes]:
        """What lies on a waiter's list once the turn is its own."""
        text = json.dumps([each.decode() for each in self.snapshot(**state)])
        return [b"list", text.encode()]

    def _load(self) -> list[bytes]:
        return self.snapshot()

    def _acquire(self, *_: Any) -> list[bytes]:
        return [b"1", *self.snapshot()]

    def _leave(self, _ticket: str, _short: int, parcel: str) -> bytes:
        self.state["placed"] = int(self.state.get("placed", 0)) + len(parcel.splitlines())
        return b"1"

    def _renew(self, *_: Any) -> bytes:
        return b"1"

    def _hurry(self, *_: Any) -> bytes:
        return b"1"

    def _beat(self, *_: Any) -> bytes:
        return b"1"

    def _sessions(self, *_: Any) -> list[bytes]:
        return []

    def _moved(self, *_: Any) -> int:
        return -1

    def _news(self, *_: Any) -> list[Any]:
        return [[int(self.state.get("recalled", 0)), []], [int(self.state.get("placed", 0)), []]]

    def _take(self, *words: Any) -> list[bytes]:
        self.state["last"] = max(int(words[3]) + 1, int(words[4]))
        return self._written(words)

    def _write(self, *words: Any) -> list[bytes]:
        self.state["last"] = max(int(words[3]), int(self.state["last"]))
        return self._written(words)

    def _jump(self, *words: Any) -> list[bytes]:
        self.state["last"] = int(words[4]) + int(words[9])
        return self._written(words)

    def _written(self, words: tuple[Any, ...]) -> list[bytes]:
        self.state["gen"] = int(words[1])
        for name, lines in (("recalled", words[14]), ("placed", words[15])):
            self.state[name] = int(self.state.get(name, 0)) + len(lines.splitlines())
        return [b"OK", str(self.state["last"]).encode(), b"%d" % self.state["gen"], b"era", *self.moment()]


def unreachable() -> Unreachable:
    return Unreachable("nothing listens there")
