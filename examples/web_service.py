"""A web service whose requests share one session, with a health endpoint for what watches over it."""

import os
from collections.abc import AsyncIterator

from aiohttp import web

from kraken_async import KrakenError, KrakenSession

SESSION = web.AppKey("session", KrakenSession)


async def session(app: web.Application) -> AsyncIterator[None]:
    async with KrakenSession.from_env() as client:
        app[SESSION] = client
        yield


async def balance(request: web.Request) -> web.Response:
    try:
        view = request.app[SESSION].with_options(
            queue_timeout=5.0
        )  # better an error than a visitor who waits
        return web.json_response(await view.private("Balance"))
    except KrakenError as error:
        return web.json_response({"error": str(error), "outcome": error.outcome}, status=503)


async def health(request: web.Request) -> web.Response:
    problems = request.app[SESSION].stats().problems
    return web.json_response({"problems": problems}, status=503 if problems else 200)


def create_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(session)
    app.add_routes([web.get("/balance", balance), web.get("/health", health)])
    return app


def main() -> None:
    web.run_app(create_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))


if __name__ == "__main__":
    main()
