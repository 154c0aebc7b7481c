/* SPDX-License-Identifier: Apache-2.0 */

// ---- verdicts: the answers in plain sentences, before any picture ----

function verdictSentences() {
    const said = [], say = (tone, mark, text) => said.push([tone, mark, text]);
    const within = (row, name, type) => row[name + "_low"] === null || row[name + "_low"] === undefined ? units.cell(row[name], type)
        : `${units.cell(row[name], type)} (${units.cell(row[name + "_low"], type)}–${units.cell(row[name + "_high"], type)})`;

    const judged = reportRows("leaks"), urgent = judged.filter(row => ["leak", "growing"].includes(row.verdict));
    for (const row of urgent.slice(0, 5)) {
        const rate = Object.keys(row).find(name => /rate_bytes_per_hour$/.test(name));
        say(row.verdict === "leak" ? "bad" : "warn", row.verdict === "leak" ? "leak" : "growing",
            `${row.subject ?? row.function}: ${within(row, "live_bytes", "BYTES")} alive${rate && row[rate] ? `, ${within(row, rate, "RATE")} more` : ""}. ${row.reason ?? row.why ?? ""}`);
    }
    if (urgent.length > 5) say("warn", "leak", `${urgent.length - 5} more sites leak or grow.`);
    if (chartRows("sites").length && urgent.length === 0) say("good", "no leak", "No site leaks or grows.");

    const peak = residentMoments.reduce((most, moment) => moment.rss_bytes > (most?.rss_bytes ?? 0) ? moment : most, null);
    if (peak) {
        const largestPart = RESIDENT.map(([name], i) => [name, peak.parts[i]]).sort((a, b) => b[1] - a[1])[0], unknown = peak.named.unexplained ?? 0;
        say(unknown > peak.rss_bytes * 0.1 ? "warn" : "note", "memory",
            `At most ${units.bytes(peak.rss_bytes)} resident, after ${units.ns(peak.time_ns)}; ${units.share(largestPart[1] / peak.rss_bytes)} of it ${largestPart[0]}, ${units.share(unknown / peak.rss_bytes)} unexplained.`);
    }
    const prose = (name, tone, mark, bad, text) => reportRows(name).filter(bad).slice(0, 3).forEach(row => say(tone, mark, text(row)));
    prose("frames", "warn", "frames", row => row.over_budget > 0, row => `${row.stream}: ${row.verdict}`);
    prose("gc", "warn", "collections", row => row.verdict && /press|behind|thrash|most of|too|grow/i.test(row.verdict), row => `${row.heap}: ${row.verdict}`);
    prose("evals", "warn", "evaluations", row => row.verdict === "suspect", row => `${row.label ?? "(unnamed)"}: ${row.warning}`);
    prose("pools", "warn", "pools", row => row.overflow_count > 0 || row.exhausted_count > 0 || row.forgotten_resets > 0, row => `${row.pool}: ${(row.verdict ?? "").trim()}`);
    prose("fragmentation", "warn", "fragmented", row => row.verdict === "fragmented", row => `${row.name ?? row.kind}: ${within(row, "free", "BYTES")} of ${units.bytes(row.reserved)} is free inside. ${row.advice ?? ""}`);
    if (facts.lost_events > 0) say("warn", "lost", `${units.count(facts.lost_events)} events were lost; the report losses says which.`);
    else if (facts.complete === 1) say("good", "complete", "Nothing was lost while recording.");
    return said;
}

function verdictsPanel() {
    const said = verdictSentences();
    return panel("verdicts", "What was found", null, [reports.get("leaks"), reports.get("summary"), reports.get("losses")].filter(Boolean),
        el("ul", { class: "verdicts" }, said.map(([tone, mark, text]) => el("li", {}, el("span", { class: "mark " + tone }, mark), el("span", { class: "text" }, text)))));
}
