"""Every string of Kraken's catalogue: its class, what the call has done, and whether it may be sent again."""

from __future__ import annotations

import pytest

from kraken_async.api.endpoints import find
from kraken_async.calls.retry import RetryPolicy, classify
from kraken_async.errors import KrakenAPIError, Outcome, RateLimitExceeded
from kraken_async.wire.error_table import ERROR_TABLE, api_error, is_warning, look_up

READ = find("Balance", private=True)
WRITE = find("AddOrder", private=True)
CANCEL = find("CancelOrder", private=True)
POLICY = RetryPolicy(attempts=3, budget=100.0, jitter=lambda: 1.0)

# What Kraken sends | class | outcome of a write | repeated: read, AddOrder, CancelOrder by txid ("y" or "-").
# The outcome of a read is always "refused".
CATALOGUE = """
EAPI:Invalid key|AuthenticationError|refused|---
EAPI:Invalid signature|AuthenticationError|refused|---
EAPI:Invalid nonce|InvalidNonce|refused|---
EAPI:Rate limit exceeded|RateLimitExceeded|refused|y-y
EAPI:Bad request|InvalidArguments|refused|---
EAPI:Feature disabled|ServiceUnavailable|refused|---
EAPI:Invalid token|AuthenticationError|refused|---
ESession:Invalid session|AuthenticationError|refused|---
EAPI:Invalid arguments:nft|InvalidArguments|refused|---
EAPI:Permission denied|PermissionDenied|refused|---
EAuth:Account temporary disabled|AuthenticationError|refused|---
EAuth:Account unconfirmed|AuthenticationError|refused|---
EAuth:Failed|AuthenticationError|refused|---
EAuth:Rate limit exceeded|RateLimitExceeded|refused|y-y
EAuth:Too many requests|RateLimitExceeded|refused|y-y
EGeneral:Temporary lockout|TemporaryLockout|refused|---
EGeneral:Permission denied|PermissionDenied|refused|---
EGeneral:Invalid arguments|InvalidArguments|refused|---
EGeneral:Invalid arguments:volume|InvalidArguments|refused|---
EGeneral:Invalid arguments:Index unavailable|InvalidArguments|refused|---
EGeneral:Invalid arguments:cl_ord_id|InvalidArguments|refused|---
EGeneral:Invalid arguments:cl_ord_id not unique|InvalidArguments|refused|---
EGeneral:Invalid arguments:Invalid strategy ID|InvalidArguments|refused|---
EGeneral:Unknown method|InvalidArguments|refused|---
EGeneral:Unknown Method|InvalidArguments|refused|---
EGeneral:Too many requests|RateLimitExceeded|refused|y-y
EGeneral:Internal error|ServiceUnavailable|unknown|y-y
EGeneral:Internal error:5|ServiceUnavailable|unknown|y-y
EDatabase:Internal error|ServiceUnavailable|unknown|y-y
EService:Unavailable|ServiceUnavailable|unknown|y-y
EService:Busy|ServiceUnavailable|unknown|y-y
EService:Busy.|ServiceUnavailable|unknown|y-y
EService:Timeout|ServiceUnavailable|unknown|y-y
EService: Throttled: 1741500000|RateLimitExceeded|refused|y-y
EService:Throttled:1741500000.|RateLimitExceeded|refused|y-y
EService:Market in cancel_only mode|ServiceUnavailable|refused|---
EService:Market in post_only mode|ServiceUnavailable|refused|---
EService:Market in limit_only mode|ServiceUnavailable|refused|---
EService:Market in reduce_only mode|ServiceUnavailable|refused|---
EService:Deadline elapsed|ServiceUnavailable|unknown|---
EQuery:Unknown asset pair|InvalidArguments|refused|---
EQuery:Invalid asset pair|InvalidArguments|refused|---
EQuery:Unknown asset|InvalidArguments|refused|---
EOrder:Insufficient funds|InsufficientFunds|refused|---
EOrder:Insufficient margin|OrderError|refused|---
EOrder:Margin allowance exceeded|OrderError|refused|---
EOrder:Margin level too low|OrderError|refused|---
EOrder:Margin position size exceeded|OrderError|refused|---
EOrder:Cannot open position|OrderError|refused|---
EOrder:Cannot open opposing position|OrderError|refused|---
EOrder:Order minimum not met|OrderError|refused|---
EOrder:Cost minimum not met|OrderError|refused|---
EOrder:Tick size check failed|OrderError|refused|---
EOrder:Invalid price|OrderError|refused|---
EOrder:Invalid order|OrderError|refused|---
EOrder:Unknown order|OrderError|refused|---
EOrder:Unknown position|OrderError|refused|---
EOrder:No amendable parameters|OrderError|refused|---
There are no amendable parameters in it|OrderError|refused|---
EOrder:Post only order|OrderError|refused|---
EOrder:Rate limit exceeded|RateLimitExceeded|refused|y-y
EOrder:Domain rate limit exceeded|RateLimitExceeded|refused|y-y
EOrder:Orders limit exceeded|OrderError|refused|---
EOrder:Scheduled orders limit exceeded|OrderError|refused|---
EOrder:Positions limit exceeded|OrderError|refused|---
EOrder:Reduce only:Non-PC|OrderError|refused|---
EOrder:Reduce only:No position exists|OrderError|refused|---
EOrder:Reduce only:Position is closed|OrderError|unknown|---
EOrder:Trading agreement required|OrderError|refused|---
EOrder:Limit <5>|OrderError|refused|---
EOrder:Order type not supported|OrderError|refused|---
EOrder:Unknown order action|OrderError|refused|---
ETrade:Invalid request|OrderError|refused|---
ETrade:Locked|PermissionDenied|refused|---
EAccount:Invalid permissions:XMRUSD trading restricted for GB.|PermissionDenied|refused|---
EFunding:Max fee exceeded|InvalidArguments|refused|---
EFunding:No funding method|InvalidArguments|refused|---
EFunding:Unknown asset|InvalidArguments|refused|---
EFunding:Invalid amount|InvalidArguments|refused|---
EFunding:Unknown withdraw key|InvalidArguments|refused|---
EFunding:Invalid reference id|InvalidArguments|refused|---
EFunding:Unknown reference id|InvalidArguments|refused|---
EFunding:Too many addresses|InvalidArguments|refused|---
EFunding:Invalid staking method|InvalidArguments|refused|---
Invalid withdrawal address|InvalidArguments|refused|---
TooManyDepositAddresses|InvalidArguments|refused|---
EEarnings:Below min:(De)allocation operation amount less than minimum|InvalidArguments|refused|---
EEarnings:Busy:Another (de)allocation for the same strategy is in progress|ServiceUnavailable|refused|---
EEarnings:Busy|ServiceUnavailable|unknown|y-y
EEarnings:Permission denied:The user's tier is not high enough|PermissionDenied|refused|---
EEarnings:Insufficient funds:Insufficient funds to complete the request|InsufficientFunds|refused|---
EEarnings:Above max:The allocation exceeds user limit for the strategy|InvalidArguments|refused|---
EExport:Internal error|KrakenAPIError|refused|---
EExport:Unexpected error|KrakenAPIError|refused|---
EExport:Canceled|KrakenAPIError|refused|---
EExport:Deleted|KrakenAPIError|refused|---
EExport:Exported size too big|KrakenAPIError|refused|---
EBM:limit exceeded:CAL|PermissionDenied|refused|---
Invalid timeout argument|InvalidArguments|refused|---
EOrder:Something new|UnrecognisedError|refused|---
EAPI:Something new|UnrecognisedError|refused|---
EService:Something new|UnrecognisedError|unknown|---
EFuture:Something|UnrecognisedError|unknown|---
something else|UnrecognisedError|unknown|---
"""
ROWS = [line.split("|") for line in CATALOGUE.split("\n") if line]


def test_every_row_of_the_table_is_tried() -> None:
    tried = {look_up(row[0]) for row in ROWS}
    assert tried >= set(ERROR_TABLE.values())
    plain = [row[0].replace(": ", ":").lower() for row in ROWS]
    assert [prefix for prefix in ERROR_TABLE if not any(p.startswith(prefix.lower()) for p in plain)] == []


@pytest.mark.parametrize(("entry", "cls", "written", "repeated"), ROWS, ids=[row[0] for row in ROWS])
def test_string_has_class_outcome_and_repeat(entry: str, cls: str, written: str, repeated: str) -> None:
    read = api_error([entry], "Balance", changes=False)
    write = api_error([entry], "AddOrder", changes=True)
    assert (type(read).__name__, type(write).__name__) == (cls, cls)
    assert (read.outcome, write.outcome) == (Outcome.REFUSED, Outcome(written))
    assert (classify(READ, read), classify(WRITE, write)) == (Outcome.REFUSED, Outcome(written))
    delays = [
        POLICY.delay(read, READ, 1, 0.0, now=1741499999.0),
        POLICY.delay(write, WRITE, 1, 0.0, now=1741499999.0),
        POLICY.delay(write, CANCEL, 1, 0.0, params={"txid": "OMADEU-PTXID-FORUSE"}, now=1741499999.0),
    ]
    assert "".join("-" if delay is None else "y" for delay in delays) == repeated
    assert read.errors == write.errors == (entry,)
    assert entry in str(read)


@pytest.mark.parametrize(
    "entry",
    [
        "EService:Throttled:1741500000",
        "EService: Throttled: 1741500000",
        "EService: Throttled: 1741500000.",
        "EService:Throttled: 1741500000 ",
    ],
)
def test_throttled_tells_until_when(entry: str) -> None:
    error = api_error([entry], "Balance", changes=False)
    assert isinstance(error, RateLimitExceeded)
    assert error.until == 1741500000.0


def test_throttled_without_a_time_has_none() -> None:
    error = api_error(["EService:Throttled"], "Balance", changes=False)
    assert isinstance(error, RateLimitExceeded)
    assert error.until is None


def test_longest_prefix_decides() -> None:
    assert look_up("EEarnings:Busy:Another one").effect == "earlier"
    assert look_up("EEarnings:Busy:or so").effect == "possible"


def test_a_prefix_ends_where_a_word_does() -> None:
    assert look_up("EService:Busybody").cls.__name__ == "UnrecognisedError"
    assert look_up("EAPI:Invalid keys").cls.__name__ == "UnrecognisedError"


@pytest.mark.parametrize(
    ("entries", "cls"),
    [
        (["EOrder:Insufficient funds", "EGeneral:Temporary lockout"], "TemporaryLockout"),
        (["EGeneral:Invalid arguments", "EAPI:Invalid nonce"], "InvalidNonce"),
        (["EOrder:Unknown order", "EOrder:Insufficient funds"], "InsufficientFunds"),
        (["WDatabase:No change", "EOrder:Unknown order"], "OrderError"),
        (["EGeneral:Invalid arguments", "EFuture:Something"], "UnrecognisedError"),
    ],
)
def test_most_serious_entry_decides_and_all_are_kept(entries: list[str], cls: str) -> None:
    for given in (entries, entries[::-1]):
        error = api_error(given, "AddOrder", changes=True)
        assert type(error).__name__ == cls
        assert error.errors == tuple(given)


def test_one_entry_that_may_have_acted_leaves_a_write_unknown() -> None:
    error = api_error(["EAPI:Rate limit exceeded", "EService:Busy"], "AddOrder", changes=True)
    assert isinstance(error, RateLimitExceeded)
    assert error.outcome is Outcome.UNKNOWN
    assert not error.retryable


def test_client_id_that_is_taken_tells_of_an_earlier_sending() -> None:
    error = api_error(["EGeneral:Invalid arguments:cl_ord_id not unique"], "AddOrder", changes=True)
    assert error.effect == "earlier"
    assert api_error(["EService:Busy"], "AddOrder", changes=True).effect == "possible"
    assert api_error(["EOrder:Unknown order"], "AddOrder", changes=True).effect == "none"


@pytest.mark.parametrize(
    ("entry", "changes", "retryable"),
    [
        ("EAPI:Rate limit exceeded", True, True),
        ("EOrder:Rate limit exceeded", True, False),
        ("EService:Busy", False, True),
        ("EService:Busy", True, False),
        ("EAPI:Invalid nonce", True, True),
        ("EAPI:Invalid key", False, False),
    ],
)
def test_retryable_means_later_unchanged_and_without_risk(entry: str, changes: bool, retryable: bool) -> None:
    assert api_error([entry], "AddOrder", changes=changes).retryable is retryable


@pytest.mark.parametrize("entry", ["WDatabase:No change", "WGeneral:Danger"])
def test_warning_is_no_error(entry: str) -> None:
    assert is_warning(entry)


@pytest.mark.parametrize("entry", ["EOrder:Unknown order", "Withdrawal failed", "What: now", "W:x", "Wait"])
def test_other_text_is_no_warning(entry: str) -> None:
    assert not is_warning(entry)


def test_an_error_without_text_is_unrecognised() -> None:
    error = api_error([], "AddOrder", changes=True)
    assert type(error).__name__ == "UnrecognisedError"
    assert error.outcome is Outcome.UNKNOWN


def test_message_names_the_call_and_the_cure() -> None:
    assert str(api_error(["EAPI:Invalid key"], "Balance", changes=False)) == (
        "Balance: EAPI:Invalid key "
        "(check the API key, its secret, its allowed addresses and its one-time password)"
    )
    assert str(api_error(["EAPI: Invalid signature"], "Balance", changes=False)) == (
        "Balance: EAPI: Invalid signature "
        "(wrong secret for this key, or a one-time password that is wrong or missing)"
    )
    assert str(api_error(["EOrder:Unknown order"], None, changes=True)) == "EOrder:Unknown order"


def test_a_long_string_is_kept_but_not_told_whole() -> None:
    error: KrakenAPIError = api_error(["EOrder:" + "x" * 10_000], "AddOrder", changes=True)
    assert len(error.errors[0]) == 10_007
    assert len(str(error)) < 300
