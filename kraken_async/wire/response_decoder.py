"""Decoding: an answer becomes Kraken's result, or the error that says what happened. Pure.

Whatever the HTTP status, an envelope is Kraken's own word and is read first; only without one does the status
decide, by docs.kraken.com/exchange/guides/general/errors and what is known of the servers in front of Kraken:

    400 401 403 404 405        the edge or the path: refused, no effect
    any other                  unknown for a write: 502, 520 and HTML pages with executed orders were seen
    200 without an envelope    unknown for a write

An envelope without a result (absent, null, or warnings alone) is an empty result of a read: Kraken answers so for
an account without activity. Of a write it does not say that it was done, so the outcome is unknown; only
``WDatabase:No change`` says that nothing was to be done. An empty result counts as none
beside a warning, and where Kraken always names what was done: of a withdrawal or a transfer.

No answer is quoted but for an HTML page's title or a few plain words: it may hold what must not be logged.
"""

from __future__ import annotations

import html
import logging
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import KrakenAPIError, Outcome, RateLimitExceeded, TransportError, one_line
from kraken_async.problems import counted
from kraken_async.wire.error_table import api_error, is_warning
from kraken_async.wire.json_decoder import exact, reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import CallTrace
    from kraken_async.wire.messages import Response

log: logging.Logger = logging.getLogger("kraken_async.decode")

#: Bytes of JSON that are read at most; Kraken's largest answer, AssetPairs, has about one million.
LARGEST: Final = 64 * 1024 * 1024
#: The one warning that says what was done: nothing.
NO_CHANGE: Final = "WDatabase:No change"

_REFUSED: Final = frozenset({400, 401, 403, 404, 405})
_PASSING: Final = frozenset({408, 425, 429})
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
# A plain word, or a status such as 502 or Cloudflare's 1020; anything else might be a key or a password.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'-]{0,19}[.,:;!?]?|[(]?[0-9]{3,4}[).,:;]?")


def decode(response: Response, endpoint: Endpoint, *, exactly: bool = False) -> Any:
    """Kraken's result, with its strings as sent; of an endpoint that gives a file, the bytes.

    ``exactly``: numbers with a fraction are Decimals with the digits that were sent.

    A read without a result gives ``{}``, ``[]`` or None by the endpoint's description. Raises KrakenAPIError for an
    error that Kraken sent, TransportError for an answer that is not Kraken's, and for a write ("unknown") without a
    result. Warnings are logged.
    """
    body = response.body
    if endpoint.binary and response.status == 200 and body[:2] == b"PK":
        return body
    if len(body) > LARGEST:
        raise _broken(response, endpoint, f"an answer of {len(body)} bytes is too large")
    try:
        envelope = exact(body) if exactly else reader()(body)
    except ValueError:
        envelope = None
    if type(envelope) is not dict or "error" not in envelope:
        raise _broken(response, endpoint, _describe(body))
    errors, result = envelope["error"], envelope.get("result")
    warnings = _raise_errors(errors, response, endpoint) if errors else ()
    if result is None or (not result and endpoint.changes and (warnings or _is_named(endpoint))):
        return _without_result(warnings, response, endpoint)
    return result


def decode_traced(response: Response, endpoint: Endpoint, trace: CallTrace) -> Any:
    """As :func:`decode`; the trace takes note of the bytes and of what was made of them."""
    try:
        result = decode(response, endpoint)
    except KrakenAPIError as error:
        trace.answered(response.body, error)
        raise
    trace.answered(response.body, result)
    return result


def _is_named(endpoint: Endpoint) -> bool:
    """Return whether the result of a write always names what was done."""
    return endpoint.funding and endpoint.known


def _without_result(warnings: Sequence[str], response: Response, endpoint: Endpoint) -> Any:
    """Return what an envelope without a result stands for."""
    if endpoint.changes:
        if any(entry.startswith(NO_CHANGE) for entry in warnings):
            return None
        what = ": ".join(["neither an error nor a result", *warnings])
        raise _broken(response, endpoint, what, Outcome.UNKNOWN)
    if response.status != 200 or endpoint.binary:
        raise _broken(response, endpoint, "neither an error nor a result")
    return [] if endpoint.result == "list" else {} if endpoint.result == "object" else None


def _raise_errors(errors: object, response: Response, endpoint: Endpoint) -> list[str]:
    """Raise what Kraken's entries say, or log them if all are warnings, and return them."""
    entries = [str(entry) for entry in errors] if isinstance(errors, list) else [str(errors)]
    if all(map(is_warning, entries)):
        log.warning("%s: %s", endpoint.name, one_line(", ".join(entries)), extra={"endpoint": endpoint.name})
        return entries
    error = api_error(entries, endpoint.name, changes=endpoint.changes)
    if isinstance(error, RateLimitExceeded):
        error.retry_after = _retry_after(response.headers) or error.retry_after
    raise error


def _broken(
    response: Response, endpoint: Endpoint, what: str, outcome: Outcome | None = None
) -> TransportError:
    status = response.status
    refused = status in _REFUSED
    passing = status in _PASSING or status >= 500 or status == 200
    return TransportError(
        f"{endpoint.name}: HTTP {status}, {what}",
        endpoint=endpoint.name,
        outcome=outcome or (Outcome.REFUSED if refused else Outcome.UNKNOWN),
        retryable=passing and not endpoint.changes,
        status=status,
        retry_after=_retry_after(response.headers),
    )


def _describe(body: bytes) -> str:
    """Return what came instead of an envelope, in at most 200 characters, without anything that may be secret."""
    start = body[:4096].decode("utf-8", "replace").strip()
    if not start:
        return "empty"
    if start[0] in '{["':
        return f"JSON that is broken, cut short, or not Kraken's ({counted(len(body), 'byte')})"
    if start[0] == "<":
        title = _TITLE.search(start)
        return f"an HTML page: {_words(html.unescape(title[1]))}" if title else "an HTML page"
    return f"not JSON: {_words(start)}"


def _words(text: str) -> str:
    return " ".join(word if _WORD.fullmatch(word) else "…" for word in text[:150].split()[:20])


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; of its date form, counted from the answer's own Date."""
    value = _header(headers, "Retry-After")
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(_header(headers, "Date") or "")
        return max((until - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _header(headers: Mapping[str, str], name: str) -> str | None:
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name.lower()), None)
    return found if found is None else found.strip()
