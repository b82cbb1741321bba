"""What a user's type checker says: nothing of right calls, and of each wrong one that it is wrong.

mypy and pyright each read one module with all of them. pyright is a program for Node: where it cannot run, its half is
skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

HEAD = """\
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from kraken_async import KrakenSession, Priority
from kraken_async.api.results import BalanceResult, NewOrder, Order, OrderPlaced, Trade
from kraken_async.sync import KrakenSession as Synchronous
"""

RIGHT = """
async def right(client: KrakenSession) -> None:
    balance = await client.spot.balance()
    amount: Decimal = Decimal(balance["XXBT"])
    same: BalanceResult = await client.private("Balance")
    placed = await client.spot.add_order(
        pair="XBTUSD", type="buy", ordertype="limit", volume=Decimal("0.1"), price=25000, oflags="post"
    )
    txid: str = placed["txid"][0]
    checked = await client.spot.add_order(
        pair="XBTUSD", type="sell", ordertype="market", volume="1", oflags=["fcib", "nompp"], validate=True
    )
    maybe: list[str] | None = checked.get("txid")
    orders = await client.private("OpenOrders", {"trades": True})
    order: Order = next(iter(orders["open"].values()))
    price: str = order["descr"]["price"]
    reason: str | None = order.get("reason")
    history = await client.private("TradesHistory", start=1, without_count=True)
    trade: Trade = history["trades"]["T"]
    when: float = trade["time"]
    pairs = await client.public("AssetPairs", pair="XBTUSD")
    base: str = pairs["XXBTZUSD"]["base"]
    fees = await client.public("AssetPairs", info="fees")
    level: list[list[float]] | None = fees["XXBTZUSD"].get("fees")
    book = await client.spot.depth(pair="XBTUSD", count=10)
    best: str | int = book["XXBTZUSD"]["asks"][0][0]
    deposits = await client.spot.deposit_status(asset="XBT")
    method: str = deposits[0]["method"]
    page = await client.spot.deposit_status(cursor=True)
    cursor: str | None = page.get("next_cursor")
    row: NewOrder = {"type": "buy", "ordertype": "limit", "volume": "1", "price": "2"}
    await client.spot.add_order_batch(pair="XBTUSD", orders=[row, row])
    await client.spot.cancel_order(txid=txid)
    await client.spot.wallet_transfer(asset="XBT", from_="Spot Wallet", to="Futures Wallet", amount="1")
    await client.spot.trade_volume(pair=["XBTUSD"], fee_info=True)
    new = await client.private("FromTheFuture", whatever=1)
    print(new["anything"].at_all, amount, same, maybe, price, reason, when, base, level, best, method, cursor)


async def with_options(client: KrakenSession) -> None:
    urgent = client.with_options(priority=Priority.CANCEL, timeout=2.0)
    placed: OrderPlaced = await urgent.spot.add_order(pair="X", type="buy", ordertype="market", volume=1)
    exact = client.with_options(amounts=Decimal, times=datetime)
    total = sum((await exact.private("Balance")).values(), Decimal(0))
    balances = await exact.spot.balance()
    print(placed, total + balances["XXBT"])


def without_await(plain: Synchronous) -> None:
    balance: BalanceResult = plain.spot.balance()
    same: BalanceResult = plain.private("Balance")
    placed: OrderPlaced = plain.spot.add_order(
        pair="XBTUSD", type="buy", ordertype="limit", volume="1", price=1
    )
    checked = plain.spot.add_order(pair="X", type="buy", ordertype="market", volume=1, validate=True)
    maybe: list[str] | None = checked.get("txid")
    method: str = plain.spot.deposit_status(asset="XBT")[0]["method"]
    exact = plain.with_options(amounts=Decimal)
    total = exact.spot.balance()["XXBT"]
    for txid, trade in plain.paginate("TradesHistory"):
        print(txid, trade["price"], plain.markets()["BTC/USD"].price(1), balance, same, placed, maybe, method, total)


async def by_name(client: KrakenSession, name: str, fields: Mapping[str, Any]) -> Any:
    return await client.private(name, fields)


def made() -> KrakenSession:
    return KrakenSession.from_env(tier="pro", state_dir="/tmp", max_queued=10)
"""

ORDER = 'pair="X", type="buy", ordertype="limit", volume=1'
CALL, ARGUMENT, KEY = "reportCallIssue", "reportArgumentType|reportCallIssue", "reportGeneralTypeIssues"

#: A wrong call, and what each checker says of it: a part of mypy's words, and pyright's rule.
WRONG = [
    (f'await client.spot.add_order({ORDER}, oflag="post")', "oflag", CALL),
    ('await client.spot.add_order(pair="X", type="buy", ordertpye="limit", volume=1)', "ordertpye", CALL),
    ('await client.spot.add_order(pair="X", type="by", ordertype="limit", volume=1)', "add_order", ARGUMENT),
    ('await client.spot.add_order(pair="X", type="buy", ordertype="limt", volume=1)', "add_order", ARGUMENT),
    ('await client.spot.add_order(type="buy", ordertype="limit", volume=1)', "add_order", CALL),
    ('await client.spot.add_order("X", type="buy", ordertype="limit", volume=1)', "add_order", CALL),
    (f'await client.spot.add_order({ORDER}, timeinforce="gtc")', "add_order", ARGUMENT),
    (f'print((await client.spot.add_order({ORDER}))["txids"])', "txids", KEY),
    ('print((await client.private("AddOrder", {}))["txids"])', "txids", KEY),
    ('print((await client.private("Balance"))["XBT"] + 1.0)', "operand", "reportOperatorIssue"),
    ('print((await client.spot.balance())["XBT"] + 1.0)', "operand", "reportOperatorIssue"),
    ('print((await client.public("Time"))["unix"])', "unix", KEY),
    ("await client.spot.balances()", "balances", "reportAttributeAccessIssue"),
    ("await client.spot.query_orders(txid=5)", "txid", ARGUMENT),
    ('await client.spot.ohlc(pair="X", interval=2)', "interval", ARGUMENT),
    ("await client.spot.depth(count=5)", "pair", CALL),
    ('KrakenSession.from_env(teir="pro")', "teir", CALL),
    ("KrakenSession.from_env(tier=5)", "tier", ARGUMENT),
    ("client.with_options(amounts=float)", "with_options", ARGUMENT),
    ("client.with_options(prioritty=1)", "with_options", CALL),
    ("client.spot.balance().keys()", "keys", "reportAttributeAccessIssue"),
    (f'plain.spot.add_order({ORDER}, oflag="post")', "add_order", CALL),
    ('plain.spot.add_order(pair="X", type="by", ordertype="limit", volume=1)', "add_order", ARGUMENT),
    ('print(plain.spot.balance()["XBT"] + 1.0)', "operand", "reportOperatorIssue"),
    ("plain.spot.depth(count=5)", "pair", CALL),
    ("plain.spot.query_orders(txid=5)", "txid", ARGUMENT),
    ('print(plain.private("AddOrder", {})["txids"])', "txids", KEY),
    ("plain.markets(refesh=True)", "markets", CALL),
]


def module() -> str:
    """The module that both checkers read."""
    wrong = "".join(f"    {call}\n" for call, _, _ in WRONG)
    return f"{HEAD}\n{RIGHT}\n\nasync def wrong(client: KrakenSession, plain: Synchronous) -> None:\n{wrong}"


def examples() -> str:
    """The examples of all pages in one function."""
    blocks: list[str] = []
    for page in sorted((ROOT / "docs" / "endpoints").glob("*.md")):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            number = len(blocks)
            indented = "".join(f"    {line}\n" for line in block.splitlines())
            blocks.append(
                f"async def example_{number}(client: KrakenSession) -> None:\n{indented}    print(result)\n"
            )
    assert len(blocks) > 50
    return "from kraken_async import KrakenSession\n\n\n" + "\n\n".join(blocks)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typing")
    (folder / "user.py").write_text(module(), encoding="utf-8")
    (folder / "examples.py").write_text(examples(), encoding="utf-8")
    return folder


def expected() -> dict[int, str]:
    """The lines of the wrong calls."""
    lines = module().splitlines()
    return {lines.index(f"    {call}") + 1: call for call, _, _ in WRONG}


def mypy(folder: Path, name: str) -> dict[int, list[str]]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--no-pretty",
        "--config-file=",
        name,
    ]
    command += [f"--cache-dir={folder / 'cache'}"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(ROOT)}
    )
    assert not done.stderr, done.stderr
    found: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        match = re.match(rf"{re.escape(name)}:(\d+): error: (.*)", line)
        if match is not None:
            found.setdefault(int(match[1]), []).append(match[2])
        else:
            assert ": note:" in line, line
    return found


def pyright(folder: Path, name: str) -> dict[int, list[str]]:
    program = shutil.which(
        "pyright", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if program is None or shutil.which("node") is None:
        pytest.skip("pyright or Node is not installed")
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(ROOT)], "typeCheckingMode": "strict"})
    )
    command = [program, "--outputjson", f"--pythonpath={sys.executable}", name]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "HOME": str(Path.home())}
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        pytest.skip(f"pyright cannot run here: {(done.stderr or done.stdout)[:200]}")
    found: dict[int, list[str]] = {}
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error":
            found.setdefault(each["range"]["start"]["line"] + 1, []).append(
                f"{each.get('rule')}: {each['message']}"
            )
    return found


def test_mypy_takes_right_calls_and_refuses_each_wrong_one(folder: Path) -> None:
    found = mypy(folder, "user.py")
    lines = expected()
    assert {line: said for line, said in found.items() if line not in lines} == {}
    for (call, words, _), line in zip(WRONG, lines, strict=True):
        assert words in " ".join(found.get(line, [])), (call, found.get(line))


def test_pyright_takes_right_calls_and_refuses_each_wrong_one(folder: Path) -> None:
    found = pyright(folder, "user.py")
    lines = expected()
    assert {line: said for line, said in found.items() if line not in lines} == {}
    for (call, _, rules), line in zip(WRONG, lines, strict=True):
        said = " ".join(found.get(line, []))
        assert re.search(rules, said), (call, said)


def test_the_examples_of_the_endpoint_pages_pass_both_checkers(folder: Path) -> None:
    assert mypy(folder, "examples.py") == {}
    assert pyright(folder, "examples.py") == {}


def test_all_public_names_of_all_modules_are_typed_completely(tmp_path: Path) -> None:
    """Nothing is left to be inferred, which checkers may do differently: ``pyright --verifytypes``."""
    program = shutil.which(
        "pyright", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if program is None or shutil.which("node") is None:
        pytest.skip("pyright or Node is not installed")
    command = [program, "--verifytypes", "kraken_async", "--ignoreexternal"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path}  # it asks the first Python there where packages are
    done = subprocess.run(
        [*command, "--outputjson"], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    try:
        symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    except (ValueError, KeyError):
        pytest.skip(f"pyright cannot run here: {(done.stderr or done.stdout)[:200]}")
    public = [each for each in symbols if each["isExported"]]
    assert len(public) > 5000
    assert [each["name"] for each in public if not each["isTypeKnown"] or each["isTypeAmbiguous"]] == []
