/* SPDX-License-Identifier: Apache-2.0 */

// ---- planner: what if ----

// The chance that the highest of a next period exceeds `bytes`, between the risks that import computed.
function exceedance(rows, bytes) {
    if (rows.length === 0) return null;
    const rising = rows.slice().sort((a, b) => a.bytes - b.bytes);
    if (bytes < rising[0].bytes) return rising[0].risk < 0.9 ? 0.99 : Math.max(rising[0].risk, 0.975);
    if (bytes >= rising.at(-1).bytes) return rising.at(-1).risk;
    const above = rising.findIndex(row => row.bytes > bytes), low = rising[above - 1], high = rising[above];
    const part = (bytes - low.bytes) / (high.bytes - low.bytes);
    return Math.exp(Math.log(low.risk) * (1 - part) + Math.log(high.risk) * part);
}

const slots = (value, kind) => kind === "connection" ? units.count(value) : units.bytes(value);

// The least size that so few looks wanted more than, and the share that wants more than the present one.
function poolPlan(level, accepted) {
    const looks = chartRows("occupancy").filter(row => row.pool_id === level.subject_id);
    const all = looks.reduce((sum, row) => sum + row.looks, 0);
    if (!all) return null;
    if ((level.overflow_count > 0 || level.wait_count > 0) && level.maximum <= level.capacity_bytes) return { hidden: true };
    const beyond = size => looks.reduce((sum, row) => row.size_bytes > size ? sum + row.looks : sum, 0) / all;
    const size = (looks.find(row => beyond(row.size_bytes) <= accepted) ?? looks.at(-1)).size_bytes;
    return { size, beyond: beyond(size), now: level.capacity_bytes === null ? null : beyond(level.capacity_bytes) };
}

function plannerPanel() {
    const levels = chartRows("levels"), rss = levels.find(level => level.measure === "rss");
    if (!rss) return null;
    const risks = chartRows("risks").filter(row => row.measure === "rss"), load = chartRows("loads")[0], pools = levels.filter(level => level.measure === "pool");
    const top = Math.ceil(Math.log2(Math.max(rss.next_high_bytes ?? rss.maximum, rss.maximum) * 8)), bottom = Math.min(22, Math.floor(Math.log2(rss.maximum)) - 1);
    const recommended = risks.find(row => row.risk === 0.01)?.bytes ?? null;
    const slider = (label, min, max, step, value) => el("input", { type: "range", min, max, step, value, "aria-label": label });
    const limit = slider("Memory limit", bottom, top, 0.01, Math.log2(recommended ?? rss.maximum * 1.2));
    const concurrency = load ? slider("Times the load", 0, 6, 0.1, 0) : null, accepted = slider("Accepted share of overflow", -4, -0.3, 0.1, -2);
    const words = el("div"), table = el("div", { class: "scroll" }), snippet = el("pre", {}), limitWords = el("b"), loadWords = el("b"), acceptedWords = el("b");

    function plan() {
        const bytes = 2 ** limit.value, times = concurrency ? 2 ** concurrency.value : 1, share = 10 ** accepted.value;
        const more = load?.span_bytes ? Math.round((times - 1) * load.in_flight * load.span_bytes) : 0, risk = exceedance(risks, bytes - more);
        const sizes = pools.map(level => [level, poolPlan(level, share)]).filter(([, one]) => one);
        limitWords.textContent = units.bytes(bytes);
        loadWords.textContent = load ? `× ${times.toFixed(1)}, ${(load.in_flight * times).toPrecision(3)} ${load.kind || "spans"} in flight` : "";
        acceptedWords.textContent = units.share(share);
        const said = [rss.next_bytes === null ? `The run is too short to predict; at most ${units.bytes(rss.maximum)} was resident.`
            : `The next period of the same length peaks at ${units.bytes(rss.next_bytes + more)} (${units.bytes(rss.next_low_bytes + more)}–${units.bytes(rss.next_high_bytes + more)})${more ? `, of which ${units.bytes(more)} for the added load` : ""}.`];
        if (risk !== null) said.push(`${units.bytes(bytes)} is exceeded with a chance of ${risk >= 0.975 ? "more than 97 %" : risk <= 0.0001 ? "less than 0.01 %" : units.share(risk)}.`);
        if (rss.trend === "grows") {
            const left = Math.max(0, bytes - rss.maximum - more), hours = rate => units.ns(left / rate * 3.6e12);
            said.push(rss.explained === 1 && rss.slope_bytes_per_hour > 0
                ? `It grows by ${units.rate(rss.slope_bytes_per_hour)} and leaks explain that: the limit is reached in ${hours(rss.slope_bytes_per_hour)}`
                    + (rss.slope_bytes_per_hour_low > 0 ? ` (${hours(rss.slope_bytes_per_hour_high)}–${hours(rss.slope_bytes_per_hour_low)}).` : ".")
                : `It grew by ${units.rate(rss.slope_bytes_per_hour)}, which no leak explains: it may level off.`);
        } else if (rss.trend === "level") said.push("It does not grow.");
        words.replaceChildren(...said.map(text => el("p", {}, text)));
        table.replaceChildren(sizes.length ? el("table", {}, el("thead", {}, el("tr", {}, ["pool", "now", "too small now", "size to take", "then too small"].map((name, i) =>
            el("th", { scope: "col", class: i ? "number" : "" }, name)))), el("tbody", {}, sizes.map(([level, one]) => el("tr", {},
            el("td", { class: "text" }, level.name), el("td", { class: "number" }, level.capacity_bytes === null ? "no limit" : slots(level.capacity_bytes, level.kind)),
            one.hidden ? el("td", { colspan: "3" }, level.wait_count > 0 ? "requests wait for it; the report capacity says how many it takes" : "overflows, and is never reset: what it would take cannot be told") : [
            el("td", { class: "number" }, one.now === null ? "" : units.share(one.now)), el("td", { class: "number" }, slots(one.size, level.kind)),
            el("td", { class: "number" }, units.share(one.beyond))])))) : "");
        snippet.textContent = [`memory_limit_bytes = ${Math.round(bytes)}`, ...sizes.filter(([, one]) => !one.hidden).map(([level, one]) =>
            `${level.name.replace(/[^A-Za-z0-9]+/g, "_").toLowerCase()}_${level.kind === "connection" ? "slots" : "bytes"} = ${one.size}`)].join("\n");
    }

    for (const input of [limit, concurrency, accepted]) input?.addEventListener("input", plan);
    plan();
    return panel("capacity", "Capacity", "What the next period of the same length will need, from what this one did. Base, plus memory of a request times those in flight, plus growth times time.",
        [reports.get("capacity"), reports.get("capacity_pools"), reports.get("pools"), charts.get("levels"), charts.get("risks"), charts.get("occupancy")], el("div", { class: "planner" },
            el("div", {},
                el("label", {}, "Limit ", limitWords, limit), recommended ? el("button", { onclick: () => { limit.value = Math.log2(recommended); plan(); } }, `1 % chance: ${units.bytes(recommended)}`) : null,
                concurrency ? el("label", {}, el("br"), "Load ", loadWords, concurrency) : null,
                pools.length ? el("label", {}, el("br"), "Accepted: a pool too small in ", acceptedWords, " of the time", accepted) : null,
                snippet, el("button", { onclick: event => navigator.clipboard?.writeText(snippet.textContent).then(() => { event.target.textContent = "Copied"; }) }, "Copy")),
            el("div", {}, words, table)));
}
