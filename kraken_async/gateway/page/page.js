"use strict";
// Shows the gateway's status, asked for once a second, and halts an account. All text is set as text: what a server, an
// order or a token is called can therefore never become markup. The token is kept in this variable and nowhere else.

(() => {
  const EVERY = 1000, PATIENCE = 5000, OLD = 4000, HISTORY = 60;
  const PRIORITIES = [
    ["CANCEL", "Cancel", "Cancels go before everything else."],
    ["AMEND", "Amend", "Changes to orders, and the session's own look-ups."],
    ["PLACE", "Place", "New orders, and other calls that change something."],
    ["READ", "Read", "Balances, open orders and other reads."],
    ["HISTORY", "History", "Ledgers, trades and other long reads go last."],
  ];
  const TIPS = {
    counter: "Kraken counts private calls on this key and refuses them above the maximum. Each call adds its cost in points; the counter goes down by itself. The gateway waits rather than exceed it.",
    flight: "The call that was sent to Kraken and has no answer yet, and for how long. One key has at most one in flight, but for a cancel that overtakes a stalled one.",
    pace: "Private calls that this gateway sent to Kraken on this key in the last second; the line shows the last minute.",
    trip: "From the sending of a call to Kraken's answer, over the last 200 calls. The wait is from being asked for to being sent.",
    lead: "How far the last nonce is ahead of this machine's clock. Near 0 s is normal; a large lead means that the clock was set back, or that another program moved the nonce.",
    breaker: "Closed: calls pass. Kraken's lockout, or nonces that could not be healed, open it, and private calls then fail at once instead of making it worse.",
  };
  const RESUME = "trading is halted on this key until somebody runs \u201ckraken-async resume\u201d in a shell";
  const NO_ANSWER = { TransportError: "no usable answer", RequestTimeout: "no answer in time", QueueTimeout: "waited too long" };
  const byId = (id) => document.getElementById(id);
  const state = { token: "", timer: 0, round: 0, answeredAt: 0, accounts: new Map(), tokenMayHalt: false, asking: null };

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
  function moment(at) {
    const date = new Date(at * 1000);
    return date.toDateString() === new Date().toDateString() ? clock(at) : `${date.toLocaleDateString("en-CA")} ${clock(at)}`;
  }
  function meter(bar, level, maximum, label) {
    const share = maximum > 0 ? Math.min(1, level / maximum) : 0;
    bar.firstElementChild.style.width = `${(share * 100).toFixed(1)}%`;
    bar.classList.toggle("warn", share > 0.7 && share <= 0.9);
    bar.classList.toggle("bad", share > 0.9);
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
    text(live, old ? "no answer" : "live");
    byId("stale").hidden = !old;
    byId("accounts").classList.toggle("old-figures", old);
    if (old) {
      text(byId("stale"), `The gateway has not answered since ${clock(state.answeredAt / 1000)}. The figures below are from then. The shell's "kraken-async halt" works without it.`);
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
    text(byId("where"), `${status.url}, version ${status.version}, up for ${seconds(status.time - status.started_at)}`);
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
    for (const each of sentences) all.append(make("li", each));
    return all;
  }

  function partsOf(account) {
    const known = state.accounts.get(account.name);
    if (known) return known;
    const section = byId("account-template").content.firstElementChild.cloneNode(true);
    const parts = { section, history: [] };
    for (const element of section.querySelectorAll("[data-is]")) parts[element.dataset.is] = element;
    for (const [name, sentence] of Object.entries(TIPS)) parts[name].dataset.tip = sentence;
    section.setAttribute("aria-label", `Account ${account.name}`);
    parts.halt.addEventListener("click", () => confirmHalt(account.name, parts));
    byId("accounts").append(section);
    state.accounts.set(account.name, parts);
    return parts;
  }

  function showAccount(account, status) {
    const parts = partsOf(account), stats = account.stats;
    text(parts.name, account.name);
    showState(parts, account, stats, status);
    const lost = `the outcome of ${plural(stats.unresolved, "order", "orders")} is not known: see below`;
    const problems = stats.problems.map((each) =>
      each.startsWith("trading is halted") ? RESUME : each.startsWith("the outcome of orders is unknown") ? lost : each);
    rows(parts.problems, problems, (all) => all.map((each) => make("li", each)));
    showTiles(parts, account, stats, status);
    showQueue(parts, account, stats);
    showCounts(parts, stats);
    showEngine(parts, account, stats);
    showUnresolved(parts, account.unresolved);
    showUnheard(parts, account.unheard);
    showCalls(parts, account.last_calls);
    showTokens(parts, account);
    showSessions(parts, account.sessions);
  }

  function showState(parts, account, stats, status) {
    const locked = stats.breaker !== "closed";
    text(parts.state, stats.halted ? "Halted: no new orders" : locked ? `Calls stopped: ${stats.breaker}` : "Trading");
    parts.state.classList.toggle("bad", stats.halted);
    parts.state.classList.toggle("warn", locked && !stats.halted);
    const real = account.base_url === "https://api.kraken.com";
    text(parts.facts, `${account.tier} tier${real ? "" : `, not Kraken itself but ${account.base_url}`}${account.governor ? "" : ", limits are not enforced here"}`);
    text(parts.halt, stats.halted ? "Halt again" : "Halt");
    parts.halt.setAttribute("aria-label", `Halt account ${account.name}`);
    parts.halt.disabled = !state.tokenMayHalt;
    parts.halt.title = state.tokenMayHalt ? "Stops all trading on this key. Asks first." : "This token may not halt: it needs --allow halt.";
  }

  function showTiles(parts, account, stats, status) {
    text(parts.level, points(stats.counter_level));
    text(parts.of, `of ${stats.counter_maximum} points`);
    meter(parts["counter-bar"], stats.counter_level, stats.counter_maximum, "Call counter, in points");
    const free = stats.counter_decay ? stats.counter_level / stats.counter_decay : 0;
    text(parts.free, stats.counter_level > 0.05 ? `empty in ${seconds(free)}; goes down by ${stats.counter_decay} a second` : `empty; goes down by ${stats.counter_decay} a second`);
    const age = stats.in_flight_age;
    text(parts.age, age === null ? "None" : age.toFixed(1));
    text(parts["age-unit"], age === null ? "" : "s without an answer");
    text(parts["flight-sub"], age === null ? "no call waits for Kraken's answer" : plural(stats.in_flight, "call at Kraken", "calls at Kraken"));
    text(parts.rate, count(Math.round(stats.recent_burst_rate)));
    spark(parts, stats.recent_burst_rate);
    text(parts["rate-sub"], `${plural(stats.total_nonces_issued, "call", "calls")} since the start`);
    const any = stats.round_trip.max > 0;
    text(parts.median, any ? milliseconds(stats.round_trip.p50) : "None");
    text(parts["median-unit"], any ? "ms, median" : "made yet");
    parts["wait-sub"].hidden = !any;
    text(parts["trip-sub"], !any ? "no call has been answered yet" : `99 of 100 within ${duration(stats.round_trip.p99)}`);
    text(parts["wait-sub"], `waited before: ${duration(stats.wait.p50)}; 99 of 100 within ${duration(stats.wait.p99)}`);
    const lead = stats.nonce_lead, used = stats.last_nonce > 0;
    const safe = stats.durable ? "kept safe over a crash" : "not kept safe over a crash";
    text(parts.ahead, used ? Math.max(0, lead).toFixed(1) : "None");
    text(parts["ahead-unit"], used ? "s ahead of the clock" : "used yet");
    text(parts.durable, used && lead < -10 ? `last used ${seconds(-lead)} ago, ${safe}` : safe);
    text(parts.open, stats.breaker === "closed" ? "Closed" : stats.breaker === "locked out" ? "Locked out" : "Paused");
    text(parts["breaker-sub"], stats.breaker_until ? `until ${clock(stats.breaker_until)}, ${seconds(stats.breaker_until - status.time)} more` : "calls pass");
  }

  function spark(parts, rate) {
    parts.history.push(rate);
    if (parts.history.length > HISTORY) parts.history.shift();
    const top = Math.max(4, ...parts.history), first = HISTORY - parts.history.length;
    const place = (value, at) => `${((first + at) / (HISTORY - 1) * 120).toFixed(1)},${(26 - value / top * 24).toFixed(1)}`;
    parts.section.querySelector("polyline").setAttribute("points", parts.history.map(place).join(" "));
  }

  function bar(item, label, value, level, maximum) {
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
    meter(track, level, maximum, label);
  }

  function showQueue(parts, account, stats) {
    const most = Math.max(10, ...Object.values(stats.queue_depth));
    PRIORITIES.forEach(([name, label, sentence], at) => {
      const item = parts.queue.children[at] || parts.queue.appendChild(make("li"));
      const waiting = stats.queue_depth[name] || 0;
      item.dataset.tip = sentence;
      bar(item, label, plural(waiting, "call", "calls"), waiting, most);
      item.querySelector(".meter").classList.remove("warn", "bad");
    });
    const queued = Object.values(stats.queue_depth).reduce((sum, n) => sum + n, 0);
    const all = Object.values(account.waiting_by_token).reduce((sum, n) => sum + n, 0);
    const more = Math.max(0, all - queued - stats.in_flight);
    text(parts.lines, more ? `${plural(more, "more call waits", "more calls wait")} in the gateway's lines, one line for each token, so that none is kept waiting by another's flood.` : "No call waits in the gateway's lines before these.");
  }

  function showCounts(parts, stats) {
    const shown = [
      ["answered", stats.answered, "answered", "Kraken did what was asked."],
      ["refused", stats.refused, "refused", "Kraken refused it: no effect."],
      ["not-sent", stats.not_sent, "not sent", "It did not leave the gateway: no effect."],
      ["unknown", stats.unknown, "unknown", "No answer came, and it could not be found out in time what became of it. Of a read that is harmless; orders among them are listed on this page."],
      ["retries", stats.retries, "repeated", "Sendings that were repeated because the one before was certain to have had no effect."],
    ];
    rows(parts.counts, [...shown, stats.unresolved], () => shown.map(([name, n, label, sentence]) => {
      const item = make("li", undefined, name === "unknown" && stats.unresolved ? "bad" : "");
      item.dataset.tip = sentence;
      item.append(make("b", count(n)), label);
      return item;
    }));
    const errors = Object.entries(stats.errors).sort((a, b) => b[1] - a[1]).slice(0, 5);
    text(parts.errors, errors.length ? `Most frequent: ${errors.map(([code, n]) => `${NO_ANSWER[code] || code} (${count(n)})`).join(", ")}` : "No error yet.");
  }

  function showEngine(parts, account, stats) {
    const pairs = Object.entries(stats.pair_levels).filter(([, level]) => level >= 0.05).sort((a, b) => b[1] - a[1]).slice(0, 12);
    parts["engine-card"].hidden = !pairs.length;
    while (parts.engine.children.length > pairs.length) parts.engine.lastElementChild.remove();
    pairs.forEach(([pair, level], at) => {
      const item = parts.engine.children[at] || parts.engine.appendChild(make("li"));
      const free = account.engine_decay ? level / account.engine_decay : 0;
      item.dataset.tip = `Kraken's matching engine counts orders, amends and cancels on ${pair}. Above ${points(stats.pair_threshold)} points it refuses new orders; it counts down by ${account.engine_decay} a second.`;
      bar(item, pair, `${points(level)} of ${stats.pair_threshold} points, empty in ${seconds(free)}`, level, stats.pair_threshold);
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
      return row(moment(order.sent_at), described(order.endpoint, order), order.cl_ord_id || order.userref || "none", command);
    }));
  }

  function described(endpoint, fields) {
    const what = [fields.type, fields.volume, fields.pair, fields.ordertype, fields.price && `at ${fields.price}`];
    return `${endpoint} ${what.filter(Boolean).join(" ")}`;
  }

  function showUnheard(parts, writes) {
    parts["unheard-card"].hidden = !writes.length;
    rows(parts.unheard, writes.slice(-10), (all) => [...all].reverse().map((each) =>
      row(moment(each.at), each.token, described(each.endpoint, each.fields), each.ids.join(", ") || "none")));
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
      const outcome = make("td", call.error ? `${call.outcome}: ${call.error}` : call.outcome, kinds[call.outcome] || "no");
      return row(clock(call.at), call.token, call.endpoint, outcome, took);
    }) : nothing(5, "No program has called yet."));
  }

  function showTokens(parts, account) {
    const names = [...new Set([...Object.keys(account.calls_by_token), ...Object.keys(account.waiting_by_token)])].sort();
    const data = names.map((name) => [name, account.calls_by_token[name] || 0, account.waiting_by_token[name] || 0]);
    rows(parts.tokens, data, (all) => all.length ? all.map(([name, calls, waiting]) =>
      row(name, make("td", count(calls), "num"), make("td", count(waiting), "num"))) : nothing(3, "No program has called yet."));
  }

  function showSessions(parts, sessions) {
    const data = sessions.map((each) => ({ ...each, silent: each.gone ? Math.round(each.silent) : 0 }));
    rows(parts.sessions, data, (all) => all.length ? all.map((each) => {
      const name = `${each.pid}${each.host ? ` on ${each.host}` : ""}${each.here ? ", this gateway" : ""}`;
      const said = each.gone ? `silent for ${seconds(each.silent)}` : plural(each.problems.length, "problem", "problems");
      const well = !each.gone && !each.problems.length;
      return row(name, make("td", count(each.sent), "num"), make("td", count(each.waiting), "num"), make("td", well ? "well" : said, well ? "ok" : "no"));
    }) : nothing(4, "None has shown itself yet."));
  }

  // ---- halting

  function confirmHalt(name, parts) {
    const dialog = byId("confirm");
    text(byId("confirm-title"), `Halt account \u201c${name}\u201d?`);
    const facts = make("ul");
    for (const each of [
      `All open orders of the Kraken account behind \u201c${name}\u201d are cancelled: protective stops too, and those placed elsewhere.`,
      "Orders that wait are taken back unsent, and new ones are refused, in every program on this key.",
      "It holds until somebody runs \u201ckraken-async resume\u201d in a shell. Open positions stay open.",
    ]) facts.append(make("li", each));
    byId("confirm-text").replaceChildren(facts);
    text(byId("confirm-yes"), `Halt ${name}`);
    byId("confirm-yes").onclick = () => { dialog.close(); halt(name, parts); };
    byId("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => parts.halt.focus();
    dialog.showModal();
    byId("confirm-no").focus();
  }

  async function halt(name, parts) {
    say(parts, `Halting ${name} \u2026`, false);
    try {
      const response = await ask("/api/halt", { method: "POST", body: JSON.stringify({ account: name }), patience: 15000 });
      const told = await response.json();
      if (!response.ok) say(parts, `Not halted: ${told.reason || told.error.join(", ")}`, true);
      else if (told.error.length) say(parts, `Halted, but ${told.error.join("; ")}`, true);
      else say(parts, `Halted at ${clock(Date.now() / 1000)}. ${plural(told.cancelled.count, "order was", "orders were")} cancelled.`, false);
    } catch (error) {
      say(parts, `The gateway did not answer: it is not known whether ${name} is halted. Run \u201ckraken-async halt\u201d in a shell.`, true);
    }
    poll();
  }

  function say(parts, words, bad) {
    parts.said.hidden = false;
    parts.said.classList.toggle("bad", bad);
    text(parts.said, words);
  }

  // ---- sentences on hover and on focus

  function tip(target) {
    const box = byId("tip");
    const owner = target instanceof Element ? target.closest("[data-tip]") : null;
    if (!owner) { box.hidden = true; return; }
    text(box, owner.dataset.tip);
    box.hidden = false;
    const at = owner.getBoundingClientRect(), size = box.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), window.innerWidth - size.width - 8);
    const below = at.bottom + 8 + size.height < window.innerHeight;
    box.style.left = `${left}px`;
    box.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - size.height - 6)}px`;
    owner.setAttribute("aria-describedby", "tip");
  }

  document.addEventListener("pointerover", (event) => tip(event.target));
  document.addEventListener("focusin", (event) => tip(event.target));
  document.addEventListener("focusout", () => tip(null));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip(null); });
  document.addEventListener("scroll", () => tip(null), { passive: true });
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
