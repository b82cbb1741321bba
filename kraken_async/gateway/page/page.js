"use strict";
// Shows the gateway's status, asked for once a second, and halts an account. All text is set as text: what a server, an
// order or a token is called can therefore never become markup. The token is kept in this variable and nowhere else.

(() => {
  const EVERY = 1000, PATIENCE = 5000, OLD = 4000, HISTORY = 60;
  const LOOKUPS = "the gateway's order look-ups";
  const PRIORITIES = [
    ["CANCEL", "Cancels", "Cancels go before everything else."],
    ["LOOKUPS", "Order look-ups", "The gateway's own look-ups of orders whose answer was lost."],
    ["AMEND", "Changes", "Changes to open orders (amend, edit)."],
    ["PLACE", "New orders", "New orders, and other calls that change something."],
    ["READ", "Reads (balances)", "Balances, open orders, single orders, positions."],
    ["HISTORY", "History (ledgers)", "Ledgers, closed orders, past trades and exports go last."],
  ];
  const TIPS = {
    counter: "Kraken counts the private calls of this API key and refuses them above the maximum. Each call adds its cost in points; the counter falls by itself. The gateway waits rather than exceed it. It knows of the calls of all programs that share its store, and of no others.",
    flight: "The call that was sent to Kraken and has no answer yet, and for how long. One key has at most one, but for a cancel that overtakes a stalled call.",
    pace: "Private calls that this gateway sent to Kraken on this key. The line shows how many in each second of the last minute that this page was open.",
    doubt: "Orders that were sent, and whose answer was lost. Each may be open or filled at Kraken, and is looked for until it is found, or the time that it may take to show is over.",
    waited: "From a call's arrival in the gateway's queue to its sending, over the last 200 calls: the wait for Kraken's limits and for calls that go before. The median is exceeded by half of the calls.",
    trip: "From the sending of a call to Kraken's answer, over the last 200 calls. The median is exceeded by half of them.",
    lead: "Kraken wants each call numbered higher than the one before; the gateway takes the number from the clock. A large lead means that the clock was set back, or that another program moved the number. Where the last number is kept over a crash, none is used twice.",
    breaker: "After too many bad calls Kraken locks a key out for some minutes. Private calls then fail here at once, since each try would make it longer. The same is done for a while when Kraken keeps refusing the numbers of calls.",
  };
  const NO_ANSWER = { TransportError: "the answer was lost", RequestTimeout: "no answer came in time", QueueTimeout: "waited too long" };
  const ENDS = { answered: "answered", refused: "refused here", "not-sent": "not sent", unknown: "answer lost" };
  const byId = (id) => document.getElementById(id);
  const state = { token: "", timer: 0, round: 0, answeredAt: 0, accounts: new Map(), tokenMayHalt: false, haltWith: "" };

  // ---- small helpers

  function text(element, value) { if (element.textContent !== value) element.textContent = value; }
  function make(tag, value, className) {
    const element = document.createElement(tag);
    if (value !== undefined) element.textContent = value;
    if (className) element.className = className;
    return element;
  }
  function count(n) { return Number(n).toLocaleString("en-US"); }
  function plural(n, one, many) { return `${count(n)} ${n === 1 ? one : many}`; }
  function points(n) { return Number(n).toFixed(1); }
  function under(s) { return s > 0 && s < 0.001 ? "under 1 ms" : `at most ${duration(s)}`; }
  function milliseconds(s) { return s > 0 && s < 0.001 ? "<1" : count(Math.round(s * 1000)); }
  function duration(s) { return s < 1 ? `${milliseconds(s)} ms` : s < 100 ? `${s.toFixed(1)} s` : seconds(s); }
  function seconds(s) {
    const n = Math.max(0, s);
    if (n < 10) return `${n.toFixed(1)} s`;
    if (n < 120) return `${Math.round(n)} s`;
    if (n < 7200) return `${Math.round(n / 60)} min`;
    return n < 172800 ? `${Math.round(n / 3600)} h` : `${Math.round(n / 86400)} days`;
  }
  function clock(at) { return new Date(at * 1000).toLocaleTimeString("en-GB"); }
  function zone() {
    const minutes = -new Date().getTimezoneOffset(), two = (n) => String(Math.floor(Math.abs(n))).padStart(2, "0");
    return minutes ? `UTC${minutes < 0 ? "\u2212" : "+"}${two(minutes / 60)}:${two(minutes % 60)}` : "UTC";
  }
  function moment(at) {
    const date = new Date(at * 1000);
    return date.toDateString() === new Date().toDateString() ? clock(at) : `${date.toLocaleDateString("en-CA")} ${clock(at)}`;
  }
  function meter(bar, level, maximum, label, full) {
    const share = maximum > 0 ? Math.min(1, level / maximum) : 0;
    bar.firstElementChild.style.width = `${(share * 100).toFixed(1)}%`;
    bar.classList.toggle("warn", Boolean(full));
    bar.setAttribute("aria-valuenow", level.toFixed(1));
    bar.setAttribute("aria-valuemax", String(maximum));
    bar.setAttribute("aria-label", label);
  }
  // Rebuild rows only when they differ, so that a reader keeps focus and selection.
  function rows(body, data, build) {
    const mark = JSON.stringify(data);
    if (body.dataset.mark === mark) return;
    body.dataset.mark = mark;
    body.replaceChildren(...build(data));
    if (body.tagName === "TBODY") explain(body);
  }
  // A cell has the sentence of its column.
  function explain(body) {
    const heads = body.parentElement.tHead.rows[0].cells;
    for (const line of body.rows) {
      for (const cell of line.cells) if (cell.colSpan === 1) cell.dataset.tip = heads[cell.cellIndex].dataset.tip;
    }
  }
  function row(...cells) {
    const line = make("tr");
    for (const cell of cells) line.append(cell instanceof Node ? cell : make("td", cell));
    return line;
  }
  function nothing(columns, words) {
    const cell = make("td", words, "none");
    cell.colSpan = columns;
    return [row(cell)];
  }

  // ---- asking the gateway

  async function ask(path, options = {}) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.patience || PATIENCE);
    try {
      return await fetch(path, {
        method: options.method || "GET",
        headers: { Authorization: `Bearer ${state.token}`, ...(options.body ? { "Content-Type": "application/json" } : {}) },
        body: options.body, signal: abort.signal, cache: "no-store", credentials: "omit", redirect: "error",
      });
    } finally { clearTimeout(timer); }
  }

  async function poll() {
    clearTimeout(state.timer);
    const token = state.token, round = ++state.round;
    if (!token) return;
    const asked = performance.now();
    try {
      const response = await ask("/api/status");
      if (token !== state.token) return;
      if (response.status === 401) return leave("This token is not known here, or its time is over.");
      if (response.status === 403) return leave("This token may not look: it needs --allow read, or halt.");
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const status = await response.json();
      if (token !== state.token) return;
      state.answeredAt = Date.now();
      show(status);
    } catch (error) {
      if (token === state.token && byId("accounts").hidden) return leave("The gateway does not answer.");
    }
    freshness();
    if (round !== state.round) return;  // asked out of turn meanwhile: that one goes on
    clearTimeout(state.timer);
    state.timer = setTimeout(poll, Math.max(100, EVERY - (performance.now() - asked)));
  }

  function freshness() {
    const live = byId("live"), age = Date.now() - state.answeredAt;
    const old = Boolean(state.token) && state.answeredAt > 0 && age > OLD;
    live.hidden = !state.token || !state.answeredAt;
    live.classList.toggle("old", old);
    text(live, `${old ? "No answer since" : "Up to date:"} ${clock(state.answeredAt / 1000)}. All times are ${zone()}`);
    byId("stale").hidden = !old;
    byId("accounts").classList.toggle("old-figures", old);
    if (old) {
      text(byId("stale"), `The gateway has not answered since ${clock(state.answeredAt / 1000)} ${zone()}. The figures below are from then. ${shellHalt(state.haltWith)}`);
    }
  }

  function leave(why) {
    clearTimeout(state.timer);
    state.token = ""; state.answeredAt = 0; state.accounts.clear();
    byId("accounts").replaceChildren();
    byId("accounts").hidden = true;
    byId("gateway-problems").replaceChildren();
    byId("sign-in").hidden = false;
    byId("leave").hidden = true;
    if (byId("confirm").open) byId("confirm").close();
    text(byId("where"), "");
    text(byId("wrong"), why || "");
    document.title = "Kraken gateway";
    freshness();
    byId("token").focus();
  }

  // ---- showing

  function show(status) {
    byId("sign-in").hidden = true;
    byId("accounts").hidden = false;
    byId("leave").hidden = false;
    state.tokenMayHalt = status.token.allow.includes("halt");
    text(byId("where"), `${status.url} on ${status.host}, version ${status.version}, running since ${moment(status.started_at)}`);
    state.haltWith = status.accounts.map((account) => account.halt_with).filter(Boolean).join("; ");
    const problems = [...status.problems, ...(status.closing ? ["the gateway is closing"] : [])];
    rows(byId("gateway-problems"), problems, (all) => all.length ? [list(all)] : []);
    for (const account of status.accounts) showAccount(account, status);
    if (!status.accounts.length && !byId("accounts").childElementCount) {
      byId("accounts").append(make("p", "This token is for an account that the gateway does not serve.", "card"));
    }
    const halted = status.accounts.filter((account) => account.stats.halted).map((account) => account.name);
    document.title = halted.length ? `HALTED: ${halted.join(", ")}` : `${status.accounts.map((a) => a.name).join(", ")}: Kraken gateway`;
  }

  function list(sentences) {
    const all = make("ul", undefined, "problems");
    for (const each of sentences) all.append(make("li", each, "warning"));
    return all;
  }

  function partsOf(account) {
    const known = state.accounts.get(account.name);
    if (known) return known;
    const section = byId("account-template").content.firstElementChild.cloneNode(true);
    const parts = { section, history: [], pairs: new Set() };
    for (const element of section.querySelectorAll("[data-is]")) parts[element.dataset.is] = element;
    for (const [name, sentence] of Object.entries(TIPS)) parts[name].dataset.tip = sentence;
    section.setAttribute("aria-label", `Account ${account.name}`);
    parts.halt.addEventListener("click", () => confirmHalt(parts));
    byId("accounts").append(section);
    state.accounts.set(account.name, parts);
    return parts;
  }

  function showAccount(account, status) {
    const parts = partsOf(account), stats = account.stats;
    text(parts.name, `Account ${account.name}`);
    showState(parts, account, stats, status);
    parts.shown = { account, status };
    rows(parts.problems, account.problems, (all) => all.map((each) => make("li", each.text, each.severity)));
    showTiles(parts, account, stats, status);
    showQueue(parts, account, stats);
    showCounts(parts, account, stats);
    showEngine(parts, account, stats);
    showUnresolved(parts, account.unresolved);
    showLate(parts, account);
    showCalls(parts, account.last_calls);
    showTokens(parts, account);
    showSessions(parts, account.sessions);
  }

  function showState(parts, account, stats, status) {
    const locked = stats.breaker !== "closed";
    text(parts.state, stats.halted ? "Halted: no new orders" : locked ? "Private calls stopped" : "Not halted");
    parts.state.classList.toggle("bad", stats.halted);
    parts.state.classList.toggle("warn", locked && !stats.halted);
    parts.elsewhere.hidden = account.base_url === "https://api.kraken.com";
    text(parts.elsewhere, `TEST, unless this server passes calls on: they go to ${account.base_url}, not to api.kraken.com. \u201cKraken\u201d on this page means that server.`);
    text(parts.facts, `Named \u201c${account.name}\u201d in the gateway's configuration. Kraken tier ${account.tier}: limit ${stats.counter_maximum} points, ${stats.counter_decay} back a second`);
    parts.facts.dataset.tip = "The account's verification level at Kraken, which sets its limits.";
    text(parts.halt, stats.halted ? "Halt again" : "Halt trading");
    parts.halt.setAttribute("aria-label", `Halt trading on account ${account.name}`);
    parts.halt.disabled = !state.tokenMayHalt;
    parts.halt.title = state.tokenMayHalt ? "Stops all trading on this key. Asks first." : "This token may not halt: it needs --allow halt.";
  }

  // A figure: a number large, its unit beside it, and a line below. A word in the place of a number is set smaller.
  function figure(parts, name, value, unitName, unit, subName, sub) {
    text(parts[name], value);
    parts[name].classList.toggle("word", !/[0-9]/.test(value));
    text(parts[unitName], unit);
    text(parts[subName], sub);
  }

  function showTiles(parts, account, stats, status) {
    const most = stats.counter_maximum, free = stats.counter_decay ? stats.counter_level / stats.counter_decay : 0;
    const falls = `Falls by ${plural(stats.counter_decay, "point", "points")} a second`, full = stats.counter_level + 1 > account.counter_room;
    figure(parts, "level", points(stats.counter_level), "of", `of ${most} points used`, "free",
      `${free >= 1 ? `${falls}: empty in ${seconds(free)} if nothing is sent` : falls}.`);
    parts.full.hidden = !full || !account.governor;
    text(parts.full, `Nearly full: reads and history wait${stats.halted ? "" : ", new orders do not"}.`);
    text(parts.rule, `Reads cost 1 or 2 points, cancelling all 1; new orders, changes and single cancels none. ${account.governor
      ? `Reads stop at ${points(account.counter_room)}; the rest is for look-ups of lost orders and for cancelling all.`
      : "Limits are not kept here."} Above ${most} Kraken refuses calls.`);
    meter(parts["counter-bar"], stats.counter_level, most, "Kraken's call counter, in points", full);
    const age = stats.in_flight_age;
    figure(parts, "age", age === null ? "None" : age.toFixed(1), "age-unit", age === null ? "" : "s without an answer",
      "flight-sub", age === null ? "No call is in flight." : `${plural(stats.in_flight, "call waits", "calls wait")} for Kraken's answer.`);
    text(parts.rate, count(Math.round(stats.recent_burst_rate)));
    text(parts["rate-sub"], `${plural(stats.total_nonces_issued, "call", "calls")} since ${moment(account.since)}`);
    spark(parts, stats.recent_burst_rate);
    const lost = stats.unresolved;
    figure(parts, "lost", count(lost), "lost-unit", lost === 1 ? "order now" : "orders now", "lost-sub",
      lost ? "Its answer was lost: listed below." : "What became of every order is known.");
    if (lost > 1) text(parts["lost-sub"], "Their answers were lost: listed below.");
    parts.doubt.classList.toggle("alarm", lost > 0);
    const sent = `the last ${plural(Math.min(200, stats.total_nonces_issued), "call", "calls")} sent`;
    const any = stats.round_trip.max > 0, unit = (value) => (!any ? "" : value < 1 ? "ms" : "s");
    const halves = (times) => `Half of ${sent}: ${under(times.p50)}. 99 in 100: ${under(times.p99)}.`;
    const head = (value) => (!any ? "None" : value < 1 ? milliseconds(value) : value.toFixed(1));
    figure(parts, "wait", head(stats.wait.p50), "wait-unit", unit(stats.wait.p50), "wait-sub",
      any ? halves(stats.wait) : "No call was sent yet.");
    figure(parts, "median", head(stats.round_trip.p50), "median-unit", unit(stats.round_trip.p50), "trip-sub",
      any ? halves(stats.round_trip) : "No call was answered yet.");
    const shut = stats.breaker !== "closed", until = stats.breaker_until;
    const why = stats.breaker === "locked out" ? "Kraken locked the key out" : "Kraken kept refusing the numbers of calls";
    figure(parts, "open", !shut ? "None" : until ? seconds(until - status.time) : "Now", "open-unit", shut && until ? "left" : "", "breaker-sub",
      !shut ? "Calls go to Kraken." : `${why}: calls fail here at once${until ? ` until ${clock(until)}` : ""}.`);
    parts.breaker.classList.toggle("alarm", shut);
    const lead = stats.nonce_lead, used = stats.last_nonce > 0, idle = lead < -10;
    const safe = stats.durable ? "Saved, so that none is used twice, even after a crash." : "Not saved: it is lost in a crash.";
    figure(parts, "ahead", !used ? "None" : idle ? seconds(-lead).split(" ")[0] : Math.max(0, lead).toFixed(1),
      "ahead-unit", !used ? "used yet" : idle ? `${seconds(-lead).split(" ")[1]} since the last one` : "s ahead of this computer's clock", "durable",
      used && !idle ? `Near 0 s is normal; above 60 s, check this computer's clock. ${safe}` : safe);
  }

  function spark(parts, rate) {
    parts.history.push(rate);
    if (parts.history.length > HISTORY) parts.history.shift();
    const most = Math.max(...parts.history), top = Math.max(4, most), first = HISTORY - parts.history.length;
    const place = (value, at) => `${((first + at) / (HISTORY - 1) * 120).toFixed(1)},${(27 - value / top * 26).toFixed(1)}`;
    parts.section.querySelector("polyline").setAttribute("points", parts.history.map(place).join(" "));
    text(parts.peak, `Calls in each second; the highest: ${count(Math.round(most))}`);
  }

  function bar(item, label, value, level, maximum, full) {
    if (!item.firstElementChild) {
      const track = make("div", undefined, "meter");
      track.setAttribute("role", "meter");
      track.setAttribute("aria-valuemin", "0");
      track.append(make("i"));
      item.append(make("span"), track, make("span", undefined, "value"));
    }
    const [name, track, number] = item.children;
    text(name, label);
    text(number, value);
    meter(track, level, maximum, label, full);
  }

  function showQueue(parts, account, stats) {
    const depths = Object.values(stats.queue_depth), own = stats.lookups;
    const most = Math.max(10, ...depths);
    const known = { LOOKUPS: own.waiting, AMEND: stats.queue_depth.AMEND - own.waiting }, ages = { ...stats.queue_age, LOOKUPS: own.age };
    PRIORITIES.forEach(([name, label, sentence], at) => {
      const item = parts.queue.children[at] || parts.queue.appendChild(make("li"));
      const waiting = known[name] ?? stats.queue_depth[name];
      item.dataset.tip = `${sentence} Behind the number: for how long the first of them has waited. A full bar is ${count(most)} calls.`;
      bar(item, label, `${plural(waiting, "call", "calls")}${waiting && ages[name] >= 0.1 ? `, for up to ${duration(ages[name])}` : ""}`, waiting, most);
    });
    const queued = depths.reduce((sum, n) => sum + n, 0);
    const all = Object.values(account.waiting_by_token).reduce((sum, n) => sum + n, 0);
    const more = Math.max(0, all - queued - stats.in_flight);
    const turn = "they wait for their turn, as one call at a time is at Kraken";
    text(parts.why, !queued ? "No call waits." : `Why: ${account.waiting_for || turn}.`);
    parts.lines.hidden = !more;
    text(parts.lines, more ? `${plural(more, "more call waits", "more calls wait")} behind these, in a line for each program.` : "");
  }

  function showCounts(parts, account, stats) {
    text(parts["counts-title"], `How calls ended, since ${moment(account.since)}`);
    const shown = [
      ["answered", stats.answered, "answered without error", "Kraken did what was asked."],
      ["refused", stats.refused, "refused by Kraken", "Kraken refused it: no effect."],
      ["not-sent", stats.not_sent, "dropped here, unsent", "It did not leave the gateway, as trading was halted, it had waited too long, or its program had left: no effect."],
      ["unknown", stats.unknown, "answer lost", "No answer came, and it could not be found out in time what became of the call. Of a read that is harmless; orders among them are listed on this page until it is known."],
      ["retries", stats.retries, "sent again (counted apart)", "Sendings that were repeated because the one before was certain to have had no effect. They are not calls of their own."],
    ];
    rows(parts.counts, [...shown, stats.unresolved], () => shown.map(([name, n, label, sentence]) => {
      const item = make("li", undefined, name === "unknown" && stats.unresolved ? "bad" : "");
      item.dataset.tip = sentence;
      item.append(make("b", count(n)), label);
      return item;
    }));
    const errors = Object.entries(stats.errors).sort((a, b) => b[1] - a[1]).slice(0, 5);
    const times = (n) => plural(n, "time", "times");
    text(parts.errors, errors.length ? `Failures: ${errors.map(([code, n]) => `${NO_ANSWER[code] || code}, ${times(n)}`).join("; ")}` : "No failure yet.");
  }

  function showEngine(parts, account, stats) {
    const most = stats.pair_threshold, used = Object.entries(stats.pair_levels).sort((a, b) => b[1] - a[1]).slice(0, 12);
    for (const [pair, level] of used) if (level >= 0.5) parts.pairs.add(pair);  // once shown, it stays
    const pairs = used.filter(([pair]) => parts.pairs.has(pair));
    parts["engine-card"].hidden = !pairs.length;
    text(parts["engine-sub"], `Each falls by ${account.engine_decay} a second. Kraken refuses new orders on a pair above ${most} points${account.governor ? `; here they wait at ${points(account.pair_room)}` : ""}.`);
    while (parts.engine.children.length > pairs.length) parts.engine.lastElementChild.remove();
    pairs.forEach(([pair, level], at) => {
      const item = parts.engine.children[at] || parts.engine.appendChild(make("li"));
      const free = account.engine_decay ? level / account.engine_decay : 0;
      item.dataset.tip = `Kraken counts orders, changes and cancels on ${pair}. Above ${most} points it refuses new orders; the counter falls by ${account.engine_decay} a second.`;
      bar(item, pair, `${points(level)} of ${most} points${free >= 1 ? `, empty in ${seconds(free)}` : ""}`, level, most, level + 1 > account.pair_room);
    });
  }

  function showUnresolved(parts, orders) {
    parts["unresolved-card"].hidden = !orders.length;
    rows(parts.unresolved, orders, (all) => all.map((order) => {
      const command = make("td", undefined, "wrap");
      const button = make("button", "Copy", "copy");
      button.type = "button";
      button.setAttribute("aria-label", `Copy the command for order ${order.cl_ord_id || order.id}`);
      button.addEventListener("click", () => copy(order.command, button));
      command.append(make("code", order.command), button);
      return row(moment(order.sent_at), order.token || "not known", described(order.endpoint, order),
        make("td", String(order.cl_ord_id || order.userref || "none"), "id"), make("td", lookedFor(order.search), "id"), command);
    }));
  }

  function lookedFor({ rounds, last_at: at, found, goes_on: on }) {
    const looked = rounds ? `${plural(rounds, "time", "times")}, last at ${at ? moment(at) : "a time not known"}: ${found || "nothing could be asked"}` : "Not yet";
    return `${looked}. ${on ? "It goes on by itself." : "No more by itself: look it up by hand."}`;
  }

  function described(endpoint, fields) {
    const what = [endpoint, fields.type, fields.volume, fields.pair, fields.ordertype, fields.price && `at ${fields.price}`];
    return what.filter(Boolean).join(" ");
  }

  function showLate(parts, account) {
    const done = account.unheard.map((each) => ({ ...each, outcome: `done: ${each.ids.join(", ") || "without an id"}` }));
    const absent = account.absent.map((each) => ({ ...each, outcome: "not found, or refused" }));
    const all = [...done, ...absent].sort((a, b) => b.at - a.at).slice(0, 10);
    parts["unheard-card"].hidden = !all.length;
    rows(parts.unheard, all, (found) => found.map((each) =>
      row(moment(each.at), each.token, described(each.endpoint, each.fields), make("td", each.outcome, "wrap"))));
  }

  async function copy(words, button) {
    try {
      await navigator.clipboard.writeText(words);
      text(button, "Copied");
    } catch (error) { text(button, "Select it by hand"); }
    setTimeout(() => text(button, "Copy"), 2000);
  }

  function showCalls(parts, calls) {
    const kinds = { answered: "ok", unknown: "doubt" };
    rows(parts.calls, calls, (all) => all.length ? [...all].reverse().map((call) => {
      const took = make("td", duration(call.took), "num");
      const why = call.reason || call.error;
      const words = call.by_kraken ? "refused by Kraken" : call.outcome === "answered" && call.changes ? "accepted" : ENDS[call.outcome] || call.outcome;
      const outcome = make("td", why ? `${words}: ${why}` : words, `${kinds[call.outcome] || "no"} wrap`);
      return row(clock(call.at), call.token, described(call.endpoint, call.order), outcome, took);
    }) : nothing(5, "No program has called yet."));
  }

  function showTokens(parts, account) {
    text(parts["ended-title"], `Calls ended since ${moment(account.since)}`);
    const open = {};
    for (const { token } of account.unresolved) open[token || "not known"] = (open[token || "not known"] || 0) + 1;
    const names = [...new Set([account.calls_by_token, account.waiting_by_token, open].flatMap(Object.keys))].sort();
    const data = names.map((name) => [name, account.calls_by_token[name] || 0, account.waiting_by_token[name] || 0, open[name] || 0]);
    const own = account.stats.lookups;
    if (own.ended || own.waiting) data.push([LOOKUPS, own.ended, own.waiting, 0]);
    rows(parts.tokens, data, (all) => all.length ? all.map(([name, ...numbers]) =>
      row(name, ...numbers.map((number) => make("td", count(number), "num")))) : nothing(4, "No program has called yet."));
  }

  function showSessions(parts, sessions) {
    const others = sessions.filter((each) => !each.here);
    const data = others.map((each) => ({ ...each, silent: each.gone ? Math.round(each.silent) : 0, since: Math.round(each.since) }));
    rows(parts.sessions, data, (all) => all.length ? all.map((each) => {
      const name = `process ${each.pid}${each.host ? ` on ${each.host}` : ""}`;
      const worst = each.problems.find((problem) => problem.severity === "critical") || each.problems[0];
      const said = each.gone ? `not heard of for ${seconds(each.silent)}` : each.halted ? "halted" : worst ? worst.text : "healthy";
      const cell = make("td", said, said === "healthy" ? "ok" : "no wrap");
      return row(name, moment(each.since), make("td", count(each.sent), "num"), make("td", count(each.waiting), "num"), cell);
    }) : nothing(5, "None is seen: this gateway alone uses the key."));
  }

  // ---- halting

  function confirmHalt(parts) {
    const dialog = byId("confirm"), { account, status } = parts.shown, name = account.name;
    text(byId("confirm-title"), `Halt account \u201c${name}\u201d?`);
    const facts = make("ul");
    const others = account.sessions.filter((each) => !each.here && !each.gone).map((each) => `process ${each.pid}${each.host ? ` on ${each.host}` : ""}`);
    const lost = account.unresolved.length;
    for (const each of [
      `All open orders of the Kraken account behind \u201c${name}\u201d are cancelled: protective stops too, and those placed elsewhere. Positions stay open.`,
      `An order in flight is cancelled or refused, unless it fills first.${lost ? ` ${lost === 1 ? "The order of unknown outcome is" : `The ${count(lost)} orders of unknown outcome are`} cancelled too, if open.` : ""}`,
      `Waiting orders and changes are dropped unsent, and new ones refused, in this account's programs and in others with this API key that share its store${others.length ? `: ${others.join(", ")}` : " (none is seen)"}. Reads and cancels go on.`,
      "Not stopped: programs with another store or another API key, other tools, and the Kraken app. Their new orders still go.",
      "This page then says how many orders were cancelled. If Kraken does not answer, it says so: new orders are refused all the same, and \u201cHalt again\u201d cancels again.",
    ]) facts.append(make("li", each));
    const until = account.resume_with
      ? "over restarts too, until somebody resumes it"
      : "until the gateway is started again, since this account's state is in its memory";
    facts.append(make("li", `It holds, ${until}. Then programs may trade at once; cancelled orders and stops do not come back.`));
    const resume = make("p", undefined, "later");
    if (account.resume_with) {
      resume.append(make("b", "Later, to resume: "), `in a shell on ${status.host}, as the gateway's user`);
      const button = make("button", "Copy", "copy");
      button.type = "button";
      button.setAttribute("aria-label", "Copy the command that resumes trading");
      button.addEventListener("click", () => copy(account.resume_with, button));
      resume.append(make("code", account.resume_with, "command"), button);
    }
    byId("confirm-text").replaceChildren(facts, ...(account.resume_with ? [resume] : []));
    text(byId("confirm-yes"), `Halt ${name}`);
    byId("confirm-yes").onclick = () => { dialog.close(); halt(name, parts); };
    byId("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => parts.halt.focus();
    dialog.showModal();
    byId("confirm-no").focus();
  }

  function shellHalt(command) {
    return command ? `To halt without it, run in a shell: ${command}` : "To halt without it, cancel the orders at Kraken, and stop the gateway.";
  }

  async function halt(name, parts) {
    say(parts, `Halting ${name} \u2026`, false);
    try {
      const response = await ask("/api/halt", { method: "POST", body: JSON.stringify({ account: name }), patience: 15000 });
      const told = await response.json();
      if (!response.ok) say(parts, `Not halted: ${told.reason || told.error.join(", ")}`, true);
      else if (told.error.length) say(parts, `Halted: ${told.error.join("; ")}. \u201cHalt again\u201d cancels again.`, true);
      else say(parts, `Halted at ${clock(Date.now() / 1000)} ${zone()}. ${plural(told.cancelled.count, "open order was", "open orders were")} cancelled.`, false);
    } catch (error) {
      say(parts, `The gateway did not answer: it is not known whether ${name} is halted. ${shellHalt(parts.shown.account.halt_with)}`, true);
    }
    poll();
  }

  function say(parts, words, bad) {
    parts.said.hidden = false;
    parts.said.classList.toggle("bad", bad);
    text(parts.said, words);
  }

  // ---- sentences on hover and on focus

  let owner = null;  // whose sentence is shown

  function tip(target) {
    owner = target instanceof Element ? target.closest("[data-tip]") : null;
    byId("tip").hidden = !owner;
    if (!owner) return;
    text(byId("tip"), owner.dataset.tip);
    owner.setAttribute("aria-describedby", "tip");
    place();
  }

  // A focus may scroll: the sentence goes with what it is about.
  function place() {
    if (!owner) return;
    if (!owner.isConnected) { tip(null); return; }
    const box = byId("tip");
    const at = owner.getBoundingClientRect(), size = box.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), window.innerWidth - size.width - 8);
    const below = at.bottom + 8 + size.height < window.innerHeight;
    box.style.left = `${left}px`;
    box.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - size.height - 6)}px`;
  }

  document.addEventListener("pointerover", (event) => tip(event.target));
  document.addEventListener("focusin", (event) => tip(event.target));
  document.addEventListener("focusout", () => tip(null));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip(null); });
  document.addEventListener("scroll", place, { passive: true });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  byId("leave").addEventListener("click", () => leave(""));
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    state.token = byId("token").value.trim();
    byId("token").value = "";
    byId("accounts").hidden = true;
    text(byId("wrong"), "");
    poll();
  });
  setInterval(freshness, 1000);
  byId("token").focus();
})();
