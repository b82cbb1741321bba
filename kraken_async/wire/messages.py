"""Values that travel between the signer, the transport and the decoder: plain values, no behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kraken_async.problems import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


# A named tuple, as the next one: made in half the time of a frozen dataclass, and one of each is made for every call.
class SignedRequest(NamedTuple):
    """One request, ready to leave.

    ``method`` is "POST" for a private call, "GET" for a public one, whose query is in ``path``. ``body`` holds the
    exact bytes that were signed, ``nonce`` the number in them (0 in a public call). ``headers`` carry the API
    key and the signature and ``body`` may carry a one-time password, so the repr shows neither.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    nonce: int

    def __repr__(self) -> str:
        return f"<SignedRequest {self.method} {self.path}>"


class Response(NamedTuple):
    """One answer as it came over the wire: HTTP status, headers, and the body's bytes, unpacked.

    Header names are looked up as the transport gave them, then in any case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Response {self.status}, {counted(len(self.body), 'byte')}>"


if TYPE_CHECKING:
    #: Is called with an answer as soon as it is whole.
    Early = Callable[[Response], object]
