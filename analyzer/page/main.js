/* SPDX-License-Identifier: Apache-2.0 */

// ---- main: the page is put together ----

const RANGES = [["1 min", 60e9], ["5 min", 300e9], ["1 h", 3600e9], ["10 h", 36000e9]];

// How the page gets on with its server; "": there is none.
let live = "";

function sayLive(words) {
    live = words;
    document.getElementById("live").textContent = words;
}

function head() {
    const name = facts.command_line || facts.executable || "a run";
    const how = [facts.pid ? "pid " + facts.pid : "", facts.host, facts.started_unix_ns ? new Date(facts.started_unix_ns / 1e6).toLocaleString() : "",
        units.ns(facts.duration_ns), facts.mode === "full" ? "every allocation" : `sampled every ${units.bytes(facts.interval_bytes ?? 0)}`];
    document.getElementById("head").replaceChildren();
    document.title = `${name.split(" ")[0].split("/").at(-1)} – memanalyze`;
    document.getElementById("head").append(el("h1", {}, name.length > 160 ? name.slice(0, 160) + "…" : name), el("span", { class: "facts" }, how.filter(Boolean).join(" · ")),
        el("span", { class: "controls" }, el("span", { id: "live", class: "good" }, live), setChooser(),
            RANGES.filter(([, span]) => span < whole[1]).map(([text, span]) => el("button", { onclick: () => selectRange(whole[1] - span, whole[1]), title: "the last " + text }, text)),
            el("button", { onclick: () => selectRange(...whole), title: "the whole run (Escape)" }, "all"),
            el("button", { onclick: () => chooseTheme(theme.dark ? "light" : "dark"), title: "light or dark" }, "◐")));
}

function chooseTheme(name) {
    memory.set("theme", name);
    theme.set(name);
}

// A report set says which panels stand here, and in which order; the reports of all are at the end.
function chooseSet(name) {
    const main = document.getElementById("main"), set = page.sets.find(one => one.name === name);
    const place = section => Math.min(...section.reports.map(report => set.reports.indexOf(report)).filter(at => at >= 0), Infinity);
    const fixed = ["verdicts", "process", "memory"], last = ["reports"];
    const panels = [...main.children].sort((a, b) => PANELS.indexOf(a.id) - PANELS.indexOf(b.id));
    const rank = section => fixed.includes(section.id) ? -3 + fixed.indexOf(section.id) : last.includes(section.id) ? 1e9 : set ? place(section) : 0;
    main.append(...panels.map(section => [rank(section), section]).sort((a, b) => a[0] - b[0] || 0).map(([order, section]) => {
        section.hidden = order === Infinity;
        return section;
    }));
}

function setChooser() {
    const suits = page.sets.find(set => set.chosen), kept = memory.get("set");
    const select = el("select", { "aria-label": "Which panels: by kind of program", title: suits ? `${suits.name} suits: ${suits.reason ?? suits.sentence}` : "", onchange: () => {
        memory.set("set", select.value);
        chooseSet(select.value);
    } }, [...page.sets.map(set => [set.name, set.sentence]), ["everything", "every panel there is"]].map(([name, sentence]) => el("option", { value: name, title: sentence }, name)));
    select.value = [...select.options].some(option => option.value === kept) ? kept : suits?.name ?? "everything";
    return select;
}

// The reports that no chart stands for, each behind its name.
function reportsPanel() {
    const listed = [...reports.values()].filter(table => table.rows.length > 0);
    return panel("reports", "All reports", "Every report that has something to say about this run, with all its columns.", [], listed.map(table => {
        const details = el("details", { class: "report" }, el("summary", {}, el("b", {}, table.name), " ", el("span", { class: "note" }, table.sentence)));
        details.addEventListener("toggle", () => {
            if (details.open && details.childElementCount === 1) details.append(tableView(table), table.caveat ? el("p", { class: "note" }, table.caveat) : "", sqlView(table));
        });
        return details;
    }));
}

const PANELS = ["verdicts", "process", "memory", "sites", "flame", "pressure", "gc", "frames", "work", "survival", "retained", "fragmentation", "capacity", "reports"];
const HELP = [["j k", "next and previous panel"], ["space", "its table"], ["/", "find a function"], ["Esc", "the whole run"], ["drag", "select a time in any chart"]];

// Draws everything of the data; what was open, and where one was, stays.
function build() {
    const main = document.getElementById("main"), top = scrollY;
    const open = [...main.querySelectorAll("section")].filter(section => section.querySelector(".toggle")?.getAttribute("aria-expanded") === "true").map(section => section.id);
    const unfolded = [...main.querySelectorAll("details[open] > summary b")].map(name => name.textContent);
    head();
    document.getElementById("overview").replaceChildren(overviewPlot().element);
    main.replaceChildren(...[verdictsPanel, processPanel, residentPanel, sitesPanel, flamePanel, pressurePanel, collectionsPanel, framesPanel, workPanel,
        survivalPanel, retainedPanel, fragmentationPanel, plannerPanel, reportsPanel].map(make => make()).filter(Boolean));
    chooseSet(document.querySelector("header select").value);
    for (const id of open) document.querySelector(`#${id} .toggle`)?.click();
    for (const name of main.querySelectorAll("details > summary b")) if (unfolded.includes(name.textContent)) name.closest("details").open = true;
    scrollTo(0, top);
    changed();
}

// While a recording goes on: the server says when there is more.
function follow() {
    const events = new EventSource("events" + location.search);
    let fetching = false;
    events.onmessage = async () => {
        if (fetching || document.hidden) return;
        fetching = true;
        try {
            load(await (await fetch("data" + location.search)).json());
            build();
        } finally {
            fetching = false;
        }
    };
    events.onopen = () => sayLive("● live");
    events.onerror = () => sayLive("○ not followed any more");
}

function start() {
    const main = document.getElementById("main");
    theme.set(memory.get("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    load(JSON.parse(document.getElementById("data").textContent));
    build();
    document.getElementById("foot").append(...HELP.flatMap(([key, what]) => [el("kbd", {}, key), ` ${what}  `]), el("p", {}, `memanalyze ${page.version}. This page is one file and asks nobody for anything.`));
    document.addEventListener("keydown", event => {
        const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName), panels = [...main.children].filter(section => !section.hidden), here = panels.indexOf(event.target.closest?.("section"));
        if (event.key === "Escape") {
            selectRange(...whole);
            event.target.blur?.();
        } else if (typing || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        } else if (event.key === "j" || event.key === "k") {
            const next = panels[Math.max(0, Math.min(panels.length - 1, here + (event.key === "j" ? 1 : here < 0 ? 1 : -1)))];
            next.focus();
            next.scrollIntoView({ block: "start" });
            scrollBy(0, -document.getElementById("overview").offsetHeight - 8);
        } else if (event.key === " " && here >= 0 && event.target.tagName !== "BUTTON" && event.target.tagName !== "SUMMARY") {
            panels[here].querySelector(".toggle")?.click();
            event.preventDefault();
        } else if (event.key === "/") {
            const search = main.querySelector("input[type=search]");
            search?.focus();
            search?.scrollIntoView({ block: "center" });
            event.preventDefault();
        }
    });
}

start();
if (document.documentElement.dataset.live) follow();
