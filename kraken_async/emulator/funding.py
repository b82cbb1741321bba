"""Money in and out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .account import Account
from .ids import Ids
from .values import Refusal
from .venue import Call
from .wire import bad, decimal, flag, integer, text

FEE = Decimal("0.0002")
_METHOD = "Emulated"
_PAGE = 25


def _asset(call: Call) -> str:
    try:
        return call.venue.markets.asset(text(call.params, "asset")).key
    except Refusal as refusal:
        if refusal.errors == ("EQuery:Unknown asset",):
            raise Refusal("EFunding:Unknown asset") from None
        raise


def _amount(call: Call, asset: str) -> Decimal:
    amount = decimal(call.params, "amount")
    if amount <= FEE or amount > call.account.wallet.free(asset):
        raise Refusal("EFunding:Invalid amount")
    return amount


def funding_id(ids: Ids) -> str:
    """Return a reference id of a deposit or a withdrawal."""
    return f"FT{ids.token(5)}-{ids.token(22)}"


def _moved(call: Call, kind: str, asset: str, amount: Decimal, fee: Decimal) -> str:
    refid = funding_id(call.venue.ids)
    call.account.wallet.entry(call.t, kind, asset, -(amount - fee), fee, refid)
    return refid


def deposit(account: Account, asset: str, amount: Decimal, t: float) -> str:
    """Let money come in and return its reference id."""
    refid = funding_id(account.ids)
    account.wallet.entry(t, "deposit", asset, amount, Decimal(0), refid)
    row = {
        "method": _METHOD,
        "aclass": "currency",
        "asset": asset,
        "refid": refid,
        "txid": account.ids.token(32),
        "info": f"emulated-{asset.lower()}-address",
        "amount": f"{amount:.8f}",
        "fee": "0.0000000000",
        "time": int(t),
        "status": "Success",
    }
    account.deposits.append(row)
    return refid


def withdraw(call: Call) -> Any:
    """Withdraw: ``{refid}``. There is no client id: sent twice, it withdraws twice."""
    asset, key = _asset(call), text(call.params, "key")
    amount = _amount(call, asset)
    if call.params.get("max_fee") is not None and decimal(call.params, "max_fee") < FEE:
        raise Refusal("EFunding:Max fee exceeded")
    refid = _moved(call, "withdrawal", asset, amount, FEE)
    row = {
        "method": _METHOD,
        "network": _METHOD,
        "aclass": "currency",
        "asset": asset,
        "refid": refid,
        "txid": None,
        "info": key,
        "amount": f"{amount - FEE:.8f}",
        "fee": f"{FEE:.8f}",
        "time": int(call.t),
        "status": "Pending",
        "key": key,
    }
    call.account.withdrawals.append(row)
    return {"refid": refid}


def withdraw_status(call: Call) -> Any:
    """WithdrawStatus: newest first; a list, or an object when asked for by cursor."""
    return _page(call, call.account.withdrawals, "withdrawals")


def deposit_status(call: Call) -> Any:
    """DepositStatus: newest first; a list, or an object when asked for by cursor."""
    return _page(call, call.account.deposits, "deposits")


def _page(call: Call, rows: list[dict[str, Any]], name: str) -> Any:
    asset = _asset(call) if call.params.get("asset") is not None else None
    method = text(call.params, "method", "")
    start, end = integer(call.params, "start", 0), integer(call.params, "end", 0)
    found = [
        row
        for row in reversed(rows)
        if asset in (None, row["asset"])
        and method in ("", row["method"])
        and row["time"] > start
        and (not end or row["time"] <= end)
    ]
    if call.params.get("cursor") is None:
        return found
    cursor = text(call.params, "cursor", "false").lower()
    offset = 0
    if cursor not in ("true", "false"):
        if not cursor.isdecimal():
            raise bad("cursor")
        offset = int(cursor)
    if cursor == "false":
        return found
    following = offset + integer(call.params, "limit", _PAGE)
    more = str(following) if following < len(found) else None
    return {name: found[offset:following], "next_cursor": more}


def withdraw_cancel(call: Call) -> Any:
    """WithdrawCancel: true; the money comes back."""
    refid = text(call.params, "refid")
    for row in call.account.withdrawals:
        if row["refid"] == refid:
            if row["status"] != "Pending":
                return False
            row["status"], row["status-prop"] = "Failure", "canceled"
            back = Decimal(row["amount"]) + FEE
            call.account.wallet.entry(call.t, "withdrawal", row["asset"], back, Decimal(0), refid)
            return True
    raise Refusal("EFunding:Unknown reference id")


def withdraw_info(call: Call) -> Any:
    """WithdrawInfo: what would arrive, and the fee."""
    asset = _asset(call)
    text(call.params, "key")
    amount, limit = decimal(call.params, "amount"), call.account.balances.get(asset, Decimal(0))
    return {
        "method": _METHOD,
        "limit": f"{limit:.8f}",
        "amount": f"{amount - FEE:.8f}",
        "fee": f"{FEE:.8f}",
    }


def withdraw_methods(call: Call) -> Any:
    """WithdrawMethods: one for every asset."""
    assets = [_asset(call)] if call.params.get("asset") is not None else list(call.venue.markets.assets)
    return [
        {
            "asset": asset,
            "method": _METHOD,
            "network": _METHOD,
            "minimum": "0.001",
            "fee": {"aclass": "currency", "asset": asset, "fee": f"{FEE:.8f}"},
        }
        for asset in assets
    ]


def wallet_transfer(call: Call) -> Any:
    """WalletTransfer: from the spot wallet to the futures wallet, for good; no other way is open."""
    asset = _asset(call)
    for name, only in (("from", "Spot Wallet"), ("to", "Futures Wallet")):
        if text(call.params, name) != only:
            raise bad(name)
    return {"refid": _moved(call, "transfer", asset, _amount(call, asset), Decimal(0))}


def deposit_methods(call: Call) -> Any:
    """DepositMethods: one for every asset."""
    _asset(call)
    return [
        {
            "method": _METHOD,
            "limit": False,
            "fee": "0.0000000000",
            "gen-address": True,
            "minimum": "0.0001",
        }
    ]


def deposit_addresses(call: Call) -> Any:
    """DepositAddresses: one made-up address."""
    asset, _ = _asset(call), text(call.params, "method")
    row: dict[str, Any] = {"address": f"emulated-{asset.lower()}-address", "expiretm": "0"}
    return [{**row, "new": True} if flag(call.params, "new") else row]


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "Withdraw": withdraw,
    "WithdrawStatus": withdraw_status,
    "WithdrawCancel": withdraw_cancel,
    "WithdrawInfo": withdraw_info,
    "WithdrawMethods": withdraw_methods,
    "WithdrawAddresses": lambda call: [],
    "WalletTransfer": wallet_transfer,
    "DepositMethods": deposit_methods,
    "DepositAddresses": deposit_addresses,
    "DepositStatus": deposit_status,
}
