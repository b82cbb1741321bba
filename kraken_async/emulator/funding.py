"""Money in and out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .values import Refusal
from .venue import Call
from .wire import decimal, flag, text

_FEE = Decimal("0.0002")


def _asset(call: Call) -> str:
    try:
        return call.venue.markets.asset(text(call.params, "asset")).key
    except Refusal as refusal:
        if refusal.errors == ("EQuery:Unknown asset",):
            raise Refusal("EFunding:Unknown asset") from None
        raise


def _amount(call: Call, asset: str) -> Decimal:
    amount = decimal(call.params, "amount")
    free = call.account.balances.get(asset, Decimal(0)) - call.account.held(asset)
    if amount <= _FEE or amount > free:
        raise Refusal("EFunding:Invalid amount")
    return amount


def _moved(call: Call, kind: str, asset: str, amount: Decimal, fee: Decimal) -> str:
    refid = f"FT{call.venue.ids.token(5)}-{call.venue.ids.token(22)}"
    call.account.entry(call.t, kind, asset, -(amount - fee), fee, refid)
    return refid


def withdraw(call: Call) -> Any:
    """Withdraw: ``{refid}``. There is no client id: sent twice, it withdraws twice."""
    asset, key = _asset(call), text(call.params, "key")
    amount = _amount(call, asset)
    if call.params.get("max_fee") is not None and decimal(call.params, "max_fee") < _FEE:
        raise Refusal("EFunding:Max fee exceeded")
    refid = _moved(call, "withdrawal", asset, amount, _FEE)
    row = {
        "method": "Emulated",
        "aclass": "currency",
        "asset": asset,
        "refid": refid,
        "txid": None,
        "info": key,
        "amount": f"{amount - _FEE:.8f}",
        "fee": f"{_FEE:.8f}",
        "time": int(call.t),
        "status": "Pending",
        "key": key,
    }
    call.account.withdrawals.append(row)
    return {"refid": refid}


def withdraw_status(call: Call) -> Any:
    """WithdrawStatus: newest first; a list, or an object when asked for by cursor."""
    rows = list(reversed(call.account.withdrawals))
    if call.params.get("asset") is not None:
        asset = _asset(call)
        rows = [row for row in rows if row["asset"] == asset]
    if call.params.get("cursor") is not None:
        return {"withdrawals": rows, "next_cursor": None}
    return rows


def withdraw_cancel(call: Call) -> Any:
    """WithdrawCancel: true; the money comes back."""
    refid = text(call.params, "refid")
    for row in call.account.withdrawals:
        if row["refid"] == refid:
            if row["status"] != "Pending":
                return False
            row["status"], row["status-prop"] = "Failure", "canceled"
            back = Decimal(row["amount"]) + _FEE
            call.account.entry(call.t, "withdrawal", row["asset"], back, Decimal(0), refid)
            return True
    raise Refusal("EFunding:Unknown reference id")


def withdraw_info(call: Call) -> Any:
    """WithdrawInfo: what would arrive, and the fee."""
    asset = _asset(call)
    text(call.params, "key")
    amount, limit = decimal(call.params, "amount"), call.account.balances.get(asset, Decimal(0))
    return {
        "method": "Emulated",
        "limit": f"{limit:.8f}",
        "amount": f"{amount - _FEE:.8f}",
        "fee": f"{_FEE:.8f}",
    }


def withdraw_methods(call: Call) -> Any:
    """WithdrawMethods: one for every asset."""
    assets = [_asset(call)] if call.params.get("asset") is not None else list(call.venue.markets.assets)
    return [
        {"asset": asset, "method": "Emulated", "network": "Emulated", "minimum": "0.001"} for asset in assets
    ]


def wallet_transfer(call: Call) -> Any:
    """WalletTransfer: out of the spot wallet, for good."""
    asset = _asset(call)
    text(call.params, "from"), text(call.params, "to")
    return {"refid": _moved(call, "transfer", asset, _amount(call, asset), Decimal(0))}


def deposit_methods(call: Call) -> Any:
    """DepositMethods: one for every asset."""
    _asset(call)
    return [
        {
            "method": "Emulated",
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
    "DepositStatus": lambda call: [],
}
