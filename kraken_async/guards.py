"""Guards: each sees every call before it is queued, and returns it, changed or not, or raises GuardRefused.

A guard of your own is a function of one Request:

>>> def small_orders_only(request):
...     if request.endpoint == "AddOrder" and float(request.params["volume"]) > 1:
...         raise GuardRefused("at most 1 a time", endpoint="AddOrder")
...     return no_funding(request)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kraken_async.api.endpoints import find, has_effect
from kraken_async.errors import GuardRefused


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A private call as a guard sees it before it is queued; the guard may return another (`dataclasses.replace`).

    `endpoint` is Kraken's name, `params` the call's fields, `changes` whether it is more than a pure read.
    """

    endpoint: str
    params: Mapping[str, Any]
    changes: bool = False

    def __repr__(self) -> str:
        return f"<Request {' '.join([self.endpoint, *map(str, self.params)])}>"


Guard = Callable[[Request], Request]

# Kraken checks these without doing them, with `validate`.
_VALIDATED: Final = frozenset({"AddOrder", "AddOrderBatch", "EditOrder"})


def no_funding(request: Request) -> Request:
    """Refuse what moves money out of the account, or between accounts or wallets. The default guard.

    Withdraw, WalletTransfer, AccountTransfer, and endpoints that are not known but whose names sound like
    these. Earn/Allocate and Earn/Deallocate pass, as the money stays in the account; so does WithdrawCancel.
    """
    if find(request.endpoint, private=True).funding:
        _refuse(request, "withdrawals and transfers are off", "guard=guards.allow_all")
    return request


def readonly(request: Request) -> Request:
    """Refuse everything that has an effect, and everything that is not known to have none."""
    _refuse_effect(request, "this session only reads", "guard=guards.no_funding")
    return request


def dry_run(request: Request) -> Request:
    """Let Kraken check orders without placing them (`validate`); refuse every other effect.

    Kraken's answer to such an order has its description and no txid.
    """
    if request.endpoint in _VALIDATED:
        return replace(request, params={**request.params, "validate": True})
    _refuse_effect(request, "this is a dry run", "guard=guards.no_funding")
    return request


def allow_all(request: Request) -> Request:
    """Let everything pass, withdrawals and transfers too."""
    return request


def _refuse_effect(request: Request, why: str, cure: str) -> None:
    endpoint = find(request.endpoint, private=True)
    if has_effect(endpoint, request.params):
        _refuse(request, why, "guard=guards.allow_all" if endpoint.funding else cure)


def _refuse(request: Request, why: str, cure: str) -> None:
    msg = f"{request.endpoint} was not sent: {why}. To allow it: KrakenSession(..., {cure})"
    raise GuardRefused(msg, endpoint=request.endpoint)
