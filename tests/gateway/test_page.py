"""The page in a real browser: signed in by a token, live, and able to stop everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kraken_async.emulator import Fault
from tests.gateway.browser import CHROMIUM, Page, browser
from tests.gateway.conftest import ORDER, Client, Running, eventually

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture
async def page(running: Running, tmp_path: Path) -> AsyncIterator[Page]:
    """A tab at the gateway's page. When the test is over, nothing was said in its console."""
    async with browser(tmp_path / "profile") as found:
        await found.goto(running.gateway.url + "/")
        yield found
        assert not found.said
        assert all(address.startswith(running.gateway.url) for address in found.asked)


async def sign_in(page: Page, running: Running, allow: str = "read,halt") -> Client:
    client = running.client(allow, name="page")
    await page.sign_in(client.token)
    await page.until("document.querySelector('.account')")
    return client


async def test_a_token_signs_in_and_the_numbers_move(page: Page, running: Running) -> None:
    client = await sign_in(page, running)
    bot = running.client(name="grid-bot")
    for number in range(5):
        await bot.call("AddOrder", {**ORDER, "price": f"{20000 + number}"})
    await page.until("document.querySelector('[data-is=counts] b').textContent === '5'")
    for _ in range(3):
        await bot.call("Balance")
    await page.until("document.querySelector('[data-is=counts] b').textContent === '8'")
    await page.until("document.querySelector('[data-is=tokens] td').textContent === 'grid-bot'")
    assert await page.text("[data-is=calls] td:nth-child(3)") == "Balance"
    assert await page.text(".badge") == "Trading"
    kept = await page.js(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert client.token not in kept
    assert kept.startswith('[{},{},"",')
    shown = await page.js("document.documentElement.outerHTML")
    assert client.token not in shown


async def test_a_token_that_is_none_is_told_so_and_one_that_ends_is_signed_out(
    page: Page, running: Running
) -> None:
    await page.sign_in("kgwt-of-nobody")
    await page.until("document.getElementById('wrong').textContent.includes('not known')")
    await sign_in(page, running)
    running.tokens.remove("page")
    await page.until("!document.getElementById('sign-in').hidden")
    assert "not known" in await page.text("#wrong")
    assert await page.js("document.querySelector('.account') === null")
    page.said.clear()  # the browser itself reports each 401


async def test_a_halt_by_keyboard_alone_names_the_account_and_stops_a_running_bot_within_2_s(
    page: Page, running: Running
) -> None:
    await sign_in(page, running)
    bot = running.client(name="grid-bot")
    refused: list[str] = []

    async def trade() -> None:
        number = 0
        while not refused:
            number += 1
            answer, _ = await bot.call("AddOrder", {**ORDER, "price": f"{20000 + number}"})
            refused.extend(answer["error"])

    trading = asyncio.create_task(trade())
    await eventually(lambda: len(running.emulator.orders) > 5)
    await page.js("document.querySelector('.account .halt').focus()")
    await page.press("Enter", 13)
    await page.until("document.getElementById('confirm').open")
    assert await page.text("#confirm-title") == "Halt account \u201cmain\u201d?"
    assert "All open orders of the Kraken account" in await page.text("#confirm-text")
    assert await page.js("document.activeElement.id") == "confirm-no"
    assert not running.account.session.stats().halted
    await page.press("Tab", 9)
    assert await page.js("document.activeElement.id") == "confirm-yes"
    started = asyncio.get_running_loop().time()
    await page.press("Enter", 13)
    async with asyncio.timeout(10):
        await trading
    assert asyncio.get_running_loop().time() - started < 2.0
    assert refused[0] == "EService:Market in cancel_only mode"
    await page.until("document.querySelector('.badge').textContent.startsWith('Halted')")
    await page.until("document.querySelector('[data-is=said]').textContent.includes('cancelled')")
    assert not [order for order in running.emulator.orders.values() if order.status == "open"]


async def test_escape_leaves_everything_as_it_is(page: Page, running: Running) -> None:
    await sign_in(page, running)
    await page.js("document.querySelector('.account .halt').click()")
    await page.until("document.getElementById('confirm').open")
    await page.press("Escape", 27)
    await page.until("!document.getElementById('confirm').open")
    assert await page.js("document.activeElement.textContent") == "Halt"
    assert not running.arrived("CancelAll")


async def test_a_token_that_may_only_read_cannot_halt(page: Page, running: Running) -> None:
    await sign_in(page, running, "read")
    assert await page.js("document.querySelector('.account .halt').disabled")


async def test_texts_of_a_server_and_of_orders_are_shown_as_text(page: Page, running: Running) -> None:
    evil = "<img src=x onerror=document.title='taken'>"
    bot = running.client()
    running.emulator.faults.next("AddOrder", Fault.refuse(f"EOrder:{evil}"))
    await bot.call("AddOrder", ORDER)
    running.emulator.faults.next("AddOrder", Fault.http(502, "after"))
    running.emulator.faults.plan = lambda _, name: Fault.http(503) if name != "AddOrder" else None
    await bot.call("AddOrder", {**ORDER, "pair": "XBTUSD", "cl_ord_id": "b-bold-b"})
    await sign_in(page, running)
    await page.until("document.querySelector('[data-is=unresolved] tr')")
    assert evil[:20] in await page.text("[data-is=calls]")
    assert await page.js("document.querySelectorAll('#accounts img, #accounts script').length") == 0
    assert "b-bold-b" in await page.text("[data-is=unresolved] code")
    assert await page.js("document.title") != "taken"


@pytest.mark.parametrize("width", [320, 390, 1180])
async def test_nothing_is_wider_than_the_screen(page: Page, running: Running, width: int) -> None:
    await page.size(width, 800, mobile=width < 500)
    assert await page.js("document.documentElement.scrollWidth") <= width
    bot = running.client()
    running.emulator.faults.next("AddOrder", Fault.http(502, "after"))
    running.emulator.faults.plan = lambda _, name: Fault.http(503) if name != "AddOrder" else None
    await bot.call("AddOrder", ORDER)
    await sign_in(page, running)
    await page.until("document.querySelector('[data-is=unresolved] tr')")
    assert await page.js("document.documentElement.scrollWidth") <= width
    await page.js("document.querySelector('.account .halt').click()")
    await page.until("document.getElementById('confirm').open")
    assert await page.js("document.getElementById('confirm').getBoundingClientRect().right") <= width


async def test_everything_has_a_name_for_a_screen_reader_and_a_sentence_for_each_number(
    page: Page, running: Running
) -> None:
    await sign_in(page, running)
    nodes = (await page.do("Accessibility.getFullAXTree"))["nodes"]
    named = {"button", "meter", "textbox", "region", "heading", "table", "link"}
    nameless = [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node["role"]["value"] in named - {"table"}
        and not node.get("name", {}).get("value")
    ]
    assert not nameless
    without = "[...document.querySelectorAll('.account .big b, .account .bars .value, .account .counts b')]"
    assert (
        await page.js(f"{without}.filter((each) => !each.closest('[data-tip]')).map((e) => e.outerHTML)")
        == []
    )
    await page.js("document.querySelector('[data-is=counter]').focus()")
    assert (await page.text("#tip")).startswith("Kraken counts private calls")
    assert not await page.js("document.getElementById('tip').hidden")


async def test_a_gateway_that_falls_silent_is_told_from_one_that_has_nothing_to_say(
    page: Page, running: Running
) -> None:
    await sign_in(page, running)
    await running.gateway.close()
    await page.until("!document.getElementById('stale').hidden", 20.0)
    assert "has not answered since" in await page.text("#stale")
    assert "kraken-async halt" in await page.text("#stale")
    page.said.clear()  # the browser itself reports each refused connection


async def test_it_follows_the_system_s_colours(page: Page, running: Running) -> None:
    await sign_in(page, running)
    seen = {}
    look = "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
    for scheme in ("light", "dark"):
        await page.scheme(scheme)
        seen[scheme] = await page.js(look)
    assert seen["light"][0] != seen["dark"][0]
    assert seen["light"][1] != seen["dark"][1]
