"""``account_id``: calls of one wallet of an account, where Kraken takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kraken_async.api.endpoints import Priority, find
from kraken_async.errors import InvalidArguments, Outcome

FIELD = "account_id"


def of_wallet(endpoint: str, fields: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    """Return the fields of a call of the wallet ``account_id``. One that is among the fields already stays.

    Cancels go as they are: they name their order. Raises InvalidArguments (not sent) for another endpoint that takes
    no ``account_id``: it would act on the key's main wallet.
    """
    from kraken_async.api.parameters import PARAMETERS  # large, and read by views of a wallet only

    if FIELD in fields:
        return dict(fields)
    found = find(endpoint, private=True)
    if found.priority == Priority.CANCEL:
        return dict(fields)
    described = PARAMETERS.get(endpoint)
    if described is not None and FIELD not in described.table:
        msg = f"{endpoint} takes no account_id, and would act on the main wallet: call it without that option"
        raise InvalidArguments(msg, endpoint=endpoint, outcome=Outcome.NOT_SENT)
    return {**fields, FIELD: account_id}
