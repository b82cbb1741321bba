"""States of the page: what an operator may meet, as changes to a real gateway's status (see stage.py)."""

from __future__ import annotations

import time
from typing import Any, Final

NOW: Final = time.time()
LONG_ID: Final = "0a0b0c0d-0000-4000-8000-000000000000"

_ORDER: Final[dict[str, Any]] = {
    "id": LONG_ID,
    "token": "grid-bot",
    "cl_ord_id": LONG_ID,
    "userref": None,
    "endpoint": "AddOrder",
    "sent_at": NOW - 90000,
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "volume": "0.05000000",
    "price": "30000.1",
    "params": {},
    "search": {"rounds": 19, "last_at": NOW - 7, "found": "not found", "goes_on": True},
    "command": f'curl -sS -X POST http://127.0.0.1:8810/api/orders/resolve -d \'{{"id": "{LONG_ID}"}}\'',
}

_UNHEARD: Final[dict[str, Any]] = {
    "at": NOW - 5,
    "token": "grid-bot-with-a-name-that-takes-its-time",
    "endpoint": "AddOrder",
    "fields": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.01"},
    "ids": ["OABCDE-12345-FGHIJK"],
}

_PLACED: Final = {"type": "buy", "volume": "0.01", "pair": "XBTUSD", "ordertype": "limit", "price": "30000"}
_CANNOT: Final = "Kraken could not be asked: ClosedOrders: EGeneral:Permission denied"


def _call(outcome: str = "answered", error: str | None = None, took: float = 0.12) -> dict[str, Any]:
    return {
        "at": NOW,
        "token": "grid-bot",
        "endpoint": "AddOrder",
        "order": _PLACED,
        "changes": True,
        "outcome": outcome,
        "by_kraken": outcome == "refused",
        "error": error,
        "reason": "waited 30 s and was not sent" if outcome == "not-sent" else None,
        "took": took,
    }


def _session(pid: int, **more: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "host": "trader-with-a-long-name.example",
        "here": False,
        "since": NOW - 3600,
        "silent": 0.4,
        "gone": False,
        "sent": 1234567,
        "waiting": 12,
        "halted": False,
        "problems": [],
    } | more


def _problem(code: str, severity: str, text: str) -> dict[str, str]:
    return {"code": code, "severity": severity, "text": text}


WAITING: Final = "1234 calls wait for Kraken's call counter: Balance goes in 1.2 s, the last in some 99 s"
_TIMES: Final = {"p50": 0.0004, "p90": 1.5, "p99": 15.4, "max": 99.0}

#: By name: changes to the account's statistics, to the account, and to the gateway.
STATES: Final[dict[str, dict[str, Any]]] = {
    "nothing was called yet": {
        "stats": {
            "total_nonces_issued": 0,
            "last_nonce": 0,
            "recent_burst_rate": 0.0,
            "counter_level": 0.0,
            "pair_levels": {},
            "wait": dict.fromkeys(_TIMES, 0.0),
            "round_trip": dict.fromkeys(_TIMES, 0.0),
            "answered": 0,
            "nonce_lead": 0.0,
        },
        "account": {"calls_by_token": {}, "last_calls": []},
    },
    "busy": {
        "stats": {
            "total_nonces_issued": 12345678,
            "recent_burst_rate": 20.0,
            "queue_depth": {"CANCEL": 1, "AMEND": 2, "PLACE": 1234, "READ": 999, "HISTORY": 5},
            "in_flight": 2,
            "in_flight_age": 3.2,
            "wait": _TIMES,
            "round_trip": _TIMES,
            "counter_level": 19.9,
            "pair_levels": {"XBTUSD": 4.8, "ETHUSD": 179.9, "SOMETHINGLONG/USD": 100.0, "SOLUSD": 0.01},
            "answered": 12345000,
            "refused": 678,
            "not_sent": 12,
            "retries": 34,
            "errors": {"EOrder:Insufficient funds": 600, "RequestTimeout": 78, "QueueTimeout": 12},
            "nonce_lead": 0.3,
            "queue_age": {"CANCEL": 0.0, "AMEND": 0.1, "PLACE": 28.2, "READ": 3.1, "HISTORY": 4000.0},
            "lookups": {"ended": 1234567, "waiting": 1, "age": 0.4},
        },
        "account": {
            "governor": True,
            "problems": [_problem("limit-wait", "info", WAITING)],
            "waiting_for": WAITING,
            "waiting_by_token": {"grid-bot": 4000, "tax-report": 7},
            "calls_by_token": {"grid-bot": 12000000, "tax-report": 345000, "dca.js": 1},
            "last_calls": [
                _call(),
                _call("refused", "EOrder:Insufficient funds", 0.0002),
                _call("unknown", "EGeneral:Outcome unknown:AddOrder", 9.5),
                _call("not-sent", "EService:Unavailable", 30.0),
            ],
        },
    },
    "an order in doubt, and one that its program did not hear of": {
        "stats": {"unknown": 3, "unresolved": 3},
        "account": {
            "unresolved": [
                _ORDER,
                _ORDER | {"token": None, "search": _ORDER["search"] | {"found": _CANNOT, "goes_on": False}},
                _ORDER | {"search": {"rounds": 0, "last_at": None, "found": "", "goes_on": False}},
            ],
            "unheard": [_UNHEARD, _UNHEARD | {"ids": []}],
            "absent": [_UNHEARD | {"at": NOW - 3, "ids": []}],
            "problems": [_problem("orders-unresolved", "critical", "the outcome of 1 order is not known")],
        },
    },
    "locked out": {
        "stats": {
            "breaker": "locked out",
            "breaker_until": NOW + 900,
            "errors": {"EGeneral:Temporary lockout": 1},
        }
    },
    "paused after refused nonces": {
        "stats": {"breaker": "paused", "breaker_until": NOW + 60, "errors": {"EAPI:Invalid nonce": 3}}
    },
    "halted": {
        "stats": {"halted": True},
        "account": {"problems": [_problem("halted", "warning", "trading is halted on this key")]},
    },
    "before Kraken itself": {"account": {"base_url": "https://api.kraken.com"}},
    "nonces far ahead": {"stats": {"nonce_lead": 86400.0, "durable": False}},
    "idle for long": {"stats": {"nonce_lead": -400000.0, "recent_burst_rate": 0.0, "counter_level": 0.0}},
    "other sessions": {
        "account": {
            "sessions": [
                _session(4711),
                _session(4712, host=None, problems=[_problem("halted", "warning", "halted")], halted=True),
                _session(4714, problems=[_problem("store-failing", "critical", "the disk is full " * 9)]),
                _session(4713, gone=True, silent=75.0),
            ]
        }
    },
    "problems of its own": {
        "problems": [
            "the audit log /var/lib/kraken/gateway-audit.jsonl cannot be written: No space left on device"
        ],
        "closing": True,
    },
    "no account": {"accounts": []},
}
