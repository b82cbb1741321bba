"""Things that a forked child must not go on using: sessions, stores, sources. Locks and numbers are the parent's."""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class Inherited(Protocol):
    """Something that must not be used on in a forked child."""

    def left_behind(self) -> None:
        """Close without unlocking, in the child right after the fork; be unusable from now on."""


# The one piece of module state: fork takes no arguments. Weak, so that a forgotten session can be collected.
_living: Final[dict[int, weakref.ref[Inherited]]] = {}


def watch_forks(thing: Inherited) -> None:
    """Have ``thing.left_behind()`` called in every child forked from now on."""
    key = id(thing)
    _living[key] = weakref.ref(thing, lambda _: _living.pop(key, None))


def unwatch_forks(thing: Inherited) -> None:
    """Undo :func:`watch_forks`. Idempotent."""
    _living.pop(id(thing), None)


def _leave_behind() -> None:
    for reference in list(_living.values()):
        thing = reference()
        if thing is not None:
            thing.left_behind()
    _living.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_leave_behind)

#: The message for a user who goes on with a parent's session, store or source in a forked child.
FORKED: Final = "it belongs to the parent process; after a fork, open one of your own in the child"
