"""HTTP: bodies in, within their bounds, and replies out."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from kraken_async.gateway import fields
from kraken_async.gateway.replies import JSON_TYPE
from kraken_async.gateway.whole_response import WholeResponse

if TYPE_CHECKING:
    from kraken_async.gateway.replies import Reply
    from kraken_async.gateway.spool import Spool

#: Seconds for a request's body to arrive.
BODY_TIMEOUT: Final = 10.0


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the request's body. Raises ValueError for one that is too large, or does not come."""
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > fields.LARGEST:
        raise ValueError(f"body: more than {fields.LARGEST} bytes")
    data = bytearray()
    if request.content.is_eof():  # nearly always: it came with the headers
        whole = request.content.read_nowait()
        if len(whole) > fields.LARGEST:
            raise ValueError(f"body: more than {fields.LARGEST} bytes")
        return whole
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while chunk := await request.content.readany():
                data += chunk
                if len(data) > fields.LARGEST:
                    raise ValueError(f"body: more than {fields.LARGEST} bytes")
    except TimeoutError:
        raise ValueError(f"body: did not arrive within {BODY_TIMEOUT:g} s") from None
    except web.RequestPayloadError:
        raise ValueError("body: cut short") from None
    return bytes(data)


def token_of(request: web.BaseRequest) -> str:
    """Return the token that a program gives as its API key; "" without one."""
    given = request.headers.get("API-Key")
    if given is None:
        bearer = request.headers.get("Authorization", "")
        given = bearer[7:] if bearer[:7].lower() == "bearer " else ""
    return given.strip()


def response(reply: Reply) -> web.StreamResponse:
    """Return a reply as it is sent."""
    return WholeResponse(reply.body, headers_of(reply), reply.status)


def headers_of(reply: Reply) -> dict[str, str]:
    """Return the headers of a reply."""
    return {**reply.headers, "Content-Type": reply.content_type, "Cache-Control": "no-store"}


async def poured(request: web.BaseRequest, reply: Reply, spool: Spool) -> web.StreamResponse:
    """Write a file out, piece by piece, as fast as the client takes it."""
    answer = web.StreamResponse(headers={**headers_of(reply), "Content-Length": str(spool.size)})
    try:
        await answer.prepare(request)
        for piece in spool.pieces():
            await answer.write(piece)
        await answer.write_eof()
    finally:
        spool.close()
    return answer


def json_response(data: Any, code: int = 200) -> web.Response:
    """Return JSON of the gateway's own."""
    body = json.dumps(data, default=str, separators=(",", ":")).encode()
    headers = {"Content-Type": JSON_TYPE, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=code, headers=headers, body=body)


def denied(why: str) -> web.Response:
    """Return the refusal of what a token may not."""
    return json_response({"error": ["EGeneral:Permission denied"], "reason": why}, 403)


def plain(code: int, text: str) -> web.Response:
    """Return a sentence, for people."""
    return web.Response(
        status=code,
        text=text + "\n",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
