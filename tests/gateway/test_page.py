"""The page in a real browser: signed in by a token, live, and able to stop everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kraken_async.emulator import Fault
from tests.gateway.browser import CHROMIUM, Page, browser
from tests.gateway.conftest import ORDER, Client, Running, eventually
from tests.gateway.stage import Stage, staged
from tests.gateway.states import STATES

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
    assert await page.text(".badge") == "Not halted"
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
    assert "kraken-async gateway resume --account main" in await page.text("#confirm-text code")
    assert await page.js("document.activeElement.id") == "confirm-no"
    assert not running.account.session.stats().halted
    await page.press("Tab", 9)
    assert await page.js("document.activeElement.id") == "confirm-yes"
    started = asyncio.get_running_loop().time()
    await page.press("Enter", 13)
    async with asyncio.timeout(45):
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
    await page.until("document.activeElement.matches('.account .halt')")  # told of by an event of its own
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


@pytest.fixture
async def stage(running: Running) -> AsyncIterator[Stage]:
    """The page before a status that can be chosen. It begins as a real gateway's."""
    bot = running.client("read,trade,halt")
    await bot.call("AddOrder", ORDER)
    _, status = await bot.api("/api/status")
    async with staged(status) as found:
        yield found


@pytest.fixture
async def staged_page(stage: Stage, tmp_path: Path) -> AsyncIterator[Page]:
    """A tab that is signed in on the stage. When the test is over, nothing was said in its console."""
    async with browser(tmp_path / "profile") as found:
        await found.goto(stage.url + "/")
        await found.sign_in("any")
        await found.until("document.querySelector('.account')")
        yield found
        assert not found.said


async def show(page: Page, stage: Stage, state: str) -> None:
    """Put a state on, and wait until the page shows it."""
    await shown(page, stage.show(**STATES[state]))


async def shown(page: Page, version: str) -> None:
    """Let the page ask at once, and wait until it shows the status of that version."""
    await page.js("document.dispatchEvent(new Event('visibilitychange'))")
    await page.until(f"document.getElementById('where').textContent.includes('version {version},')")


#: What a machine's fonts, a reader's zoom or an unkind style sheet may do to the page.
FONTS = {
    "as it is": "",
    "serif": "* { font-family: serif !important }",
    "one width": "* { font-family: monospace !important }",
    "wide": "* { font-family: monospace !important; letter-spacing: 0.15em !important }",
    "large": "html, body, body * { font-size: 22px !important }",
    "heavy": "* { font-weight: 900 !important; letter-spacing: 0.05em !important; word-spacing: 0.5em !important }",
}

#: Elements that reach beyond the screen, but for what scrolls in a box of its own.
_BEYOND = """(() => {
  const inside = (each) => each.closest('.scroll') && !each.matches('.scroll');
  return [...document.querySelectorAll('header *, main *, dialog[open], dialog[open] *, #tip')]
    .filter((each) => !each.closest('[hidden]') && !inside(each) && each.getClientRects().length
      && (each.getBoundingClientRect().right > innerWidth + 0.5 || each.getBoundingClientRect().left < -0.5))
    .map((each) => each.outerHTML.slice(0, 200));
})()"""


async def wear(page: Page, style: str) -> None:
    sheet = f"const sheet = new CSSStyleSheet(); sheet.replaceSync({json.dumps(style)});"
    await page.js(f"(() => {{ {sheet} document.adoptedStyleSheets = [sheet]; }})()")


async def too_wide(page: Page, width: int) -> list[str]:
    found = await page.js(_BEYOND)
    assert isinstance(found, list)
    if await page.js("document.documentElement.scrollWidth") > width:
        found.append("the document")
    return found


WIDTHS = (320, 390, 700, 1180)


async def try_on(page: Page, what: str) -> None:
    """Look at what the page shows in all widths and fonts: nothing reaches beyond the screen."""
    for width in WIDTHS:
        await page.size(width, 800, mobile=width < 500)
        for font, style in FONTS.items():
            await wear(page, style)
            assert not await too_wide(page, width), (what, width, font)
    await wear(page, "")


async def test_nothing_is_wider_than_the_screen_whatever_the_fonts(staged_page: Page, stage: Stage) -> None:
    for state in STATES:
        await show(staged_page, stage, state)
        await try_on(staged_page, state)


async def test_the_question_before_a_halt_is_no_wider_than_the_screen(staged_page: Page) -> None:
    await staged_page.js("document.querySelector('.account .halt').click()")
    await staged_page.until("document.getElementById('confirm').open")
    await try_on(staged_page, "the question")


async def test_signing_in_is_no_wider_than_the_screen(page: Page) -> None:
    await try_on(page, "signing in")


#: Numbers, and words in the place of one, without a sentence of their own. Sentences, names and commands need none.
_UNSAID = """(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const plain = 'h1, h2, code, button, script, template, dialog, [role=tooltip], [hidden]'
    + ', .problems, .said, .stale, .none, #sign-in';
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    const number = /[0-9]/.test(walk.currentNode.textContent) || at.matches('.big b, .value, td.num, .counts b');
    if (number && !at.closest(plain) && !at.closest('[data-tip]')) found.push(at.outerHTML);
    if (at.closest('[data-tip=""], [data-tip=undefined]')) found.push(at.outerHTML);
  }
  return found;
})()"""

#: Roles that a screen reader announces, and that need a name.
_NAMED = {"button", "meter", "textbox", "region", "heading", "link", "columnheader"}


async def nameless(page: Page) -> list[str]:
    nodes = (await page.do("Accessibility.getFullAXTree"))["nodes"]
    return [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node["role"]["value"] in _NAMED
        and not node.get("name", {}).get("value")
    ]


async def test_each_number_has_a_sentence_and_each_part_a_name_in_every_state(
    staged_page: Page, stage: Stage
) -> None:
    for state in STATES:
        await show(staged_page, stage, state)
        assert not await staged_page.js(_UNSAID), state
        assert not await nameless(staged_page), state


async def test_it_asks_once_a_second_however_often_it_comes_back_into_sight(
    staged_page: Page, stage: Stage
) -> None:
    before = stage.asked
    await staged_page.js(
        "for (let n = 0; n < 20; n += 1) document.dispatchEvent(new Event('visibilitychange'))"
    )
    await eventually(lambda: stage.asked >= before + 20)  # each asks once, at once
    await staged_page.js("new Promise((done) => setTimeout(done, 500))")
    before = stage.asked
    took = await staged_page.js(
        "(async () => { const began = performance.now();"
        " await new Promise((done) => setTimeout(done, 2500)); return performance.now() - began; })()"
    )
    assert stage.asked - before <= took / 1000 + 2


async def test_a_sentence_is_shown_on_focus_and_on_hover_and_goes_with_escape(staged_page: Page) -> None:
    page = staged_page
    await page.js("document.querySelector('[data-is=counter]').focus()")
    assert (await page.text("#tip")).startswith("Kraken counts the private calls")
    assert not await page.js("document.getElementById('tip').hidden")
    await page.js("document.dispatchEvent(new Event('scroll'))")  # a focus may scroll what it is at into view
    assert not await page.js("document.getElementById('tip').hidden")
    await page.press("Escape", 27)
    assert await page.js("document.getElementById('tip').hidden")
    number = "document.querySelector('[data-is=counts] b')"
    await page.js(f"{number}.dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }}))")
    assert not await page.js("document.getElementById('tip').hidden")


async def test_a_gateway_that_falls_silent_is_told_from_one_that_has_nothing_to_say(
    page: Page, running: Running
) -> None:
    await sign_in(page, running)
    await running.gateway.close()
    await page.until("!document.getElementById('stale').hidden")
    assert "has not answered since" in await page.text("#stale")
    assert running.gateway.config.path.name in await page.text("#stale")
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


async def test_a_halt_that_no_shell_can_end_says_how_it_ends(staged_page: Page, stage: Stage) -> None:
    await shown(staged_page, stage.show(account={"resume_with": "", "halt_with": ""}))
    await staged_page.js("document.querySelector('.account .halt').click()")
    assert "until the gateway is started again" in await staged_page.text("#confirm-text")
    assert await staged_page.js("document.querySelector('#confirm-text code') === null")


# ------------------------------------------------------------------ what a stranger asks


async def texts(page: Page, selector: str) -> list[str]:
    found = await page.js(
        f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.textContent)"
    )
    assert isinstance(found, list)
    return found


async def test_another_server_than_kraken_s_is_said_above_all(staged_page: Page, stage: Stage) -> None:
    said = await staged_page.text("[data-is=elsewhere]")
    assert said.startswith("TEST, unless this server passes calls on: they go to http://127.0.0.1:")
    await show(staged_page, stage, "before Kraken itself")
    assert await staged_page.js("document.querySelector('[data-is=elsewhere]').hidden")


async def test_the_question_before_a_halt_says_whom_it_stops_and_what_comes_after(
    staged_page: Page, stage: Stage
) -> None:
    lost = "an order in doubt, and one that its program did not hear of"
    changes = {**STATES[lost]["account"], **STATES["other sessions"]["account"]}
    await shown(staged_page, stage.show(STATES[lost]["stats"], changes))
    await staged_page.js("document.querySelector('.account .halt').click()")
    _, flight, stopped, not_stopped, seen, after = await texts(staged_page, "#confirm-text li")
    assert flight.endswith("The 3 orders of unknown outcome are cancelled too, if open.")
    assert "process 4711 on trader-with-a-long-name.example" in stopped
    assert "4713" not in stopped  # it is gone
    assert not_stopped.startswith("Not stopped: programs with another store")
    assert "If Kraken does not answer, it says so" in seen
    assert after.endswith("cancelled orders and stops do not come back.")
    assert (await staged_page.text("#confirm-text .later")).startswith("Later, to resume: ")


async def test_a_counter_that_is_nearly_full_says_which_calls_wait(staged_page: Page, stage: Stage) -> None:
    full = "document.querySelector('[data-is=full]')"
    bar = "document.querySelector('[data-is=counter-bar]').className"
    account = {"governor": True, "counter_room": 17.8}
    await shown(staged_page, stage.show({"counter_level": 16.7}, account))
    assert await staged_page.js(f"{full}.hidden && {bar} === 'meter'")
    await shown(staged_page, stage.show({"counter_level": 18.2}, account))
    assert await staged_page.js(f"!{full}.hidden && {bar} === 'meter warn'")
    assert "Reads stop at 17.8;" in await staged_page.text("[data-is=rule]")
    await shown(staged_page, stage.show({"counter_level": 18.2}, {"governor": False}))
    assert await staged_page.js(f"{full}.hidden")  # nothing waits
    assert "Limits are not kept here." in await staged_page.text("[data-is=rule]")


async def test_an_order_in_doubt_says_how_it_was_looked_for_and_whose_it_is(
    staged_page: Page, stage: Stage
) -> None:
    await show(staged_page, stage, "an order in doubt, and one that its program did not hear of")
    first, second, third = await texts(staged_page, "[data-is=unresolved] td:nth-child(5)")
    assert first.startswith("19 times, last at ")
    assert first.endswith(": not found. It goes on by itself.")
    assert "Permission denied" in second
    assert third == "Not yet. No more by itself: look it up by hand."
    rows = await texts(staged_page, "[data-is=tokens] tr")
    assert "grid-bot002" in rows
    assert "not known001" in rows
    outcomes = await texts(staged_page, "[data-is=unheard] td:nth-child(4)")
    assert outcomes == ["not found, or refused", "done: OABCDE-12345-FGHIJK", "done: without an id"]


async def test_look_ups_are_told_from_changes_and_calls_from_one_another(
    staged_page: Page, stage: Stage
) -> None:
    await show(staged_page, stage, "busy")
    assert await texts(staged_page, "[data-is=queue] .value") == [
        "1 call",
        "1 call, for up to 400 ms",
        "1 call, for up to 100 ms",
        "1,234 calls, for up to 28.2 s",
        "999 calls, for up to 3.1 s",
        "5 calls, for up to 67 min",
    ]
    assert "the gateway's order look-ups1,234,56710" in await texts(staged_page, "[data-is=tokens] tr")
    assert await texts(staged_page, "[data-is=calls] td:nth-child(4)") == [
        "not sent: waited 30 s and was not sent",
        "answer lost: EGeneral:Outcome unknown:AddOrder",
        "refused by Kraken: EOrder:Insufficient funds",
        "accepted",
    ]
    assert (await texts(staged_page, "[data-is=calls] td:nth-child(3)"))[0] == (
        "AddOrder buy 0.01 XBTUSD limit at 30000"
    )
