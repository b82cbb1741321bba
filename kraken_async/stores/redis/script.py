"""The one script that RedisStore runs (script.lua): everything that must happen at once on the server.

Nonces have 19 digits and Lua numbers 53 bits: they stay strings here, compared by length and then digit by
digit, and are raised by HINCRBY. ``tonumber`` is only used on times in milliseconds and on generations.

Keys, all with one hash tag:

``state``  hash: v, unit, last, gen, level, level_at, seldom; run, era, era_gen; recalled, placed; turn_at. Times are
           the server's unix seconds. ``gen`` counts the writes. An era begins, at ``era_gen``, when state may have
           been lost: two versions are the same only if era and gen agree. ``seldom`` holds the slow fields.
           ``turn_at``: when a nonce was last taken with the turn (ms). Release 0.1.0 does not write it.
``recalled``, ``placed``  lists: the newest cancelled client ids and names of placed orders, as ``<text> <time>``.
           The hash counts how many there ever were. Release 0.1.0 has neither.
``sessions``  hash, session -> until when (ms) it counts as living, and what it last said of itself.
``turn``   string with a time to live: the ticket that may send. It names who drew it (turn.py).
``line``   list of waiting tickets, first come first served.
``seen``   hash, ticket -> until when (ms) it counts as waiting; a waiter that died is passed over after that.
``go:``    prefix of one list per ticket, on which its owner blocks: the hand-over.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

LUA: Final = files(__package__).joinpath("script.lua").read_text(encoding="utf-8")
