/* SPDX-License-Identifier: Apache-2.0 */

// ---- main: the page is put together ----

const RANGES = [["1 min", 60e9], ["5 min", 300e9], ["1 h", 3600e9], ["10 h", 36000e9]];

function head() {
    const name = facts.command_line || facts.executable || "a run";
    const how = [facts.pid ? "pid " + facts.pid : "", facts.host, facts.started_unix_ns ? new Date(facts.started_unix_ns / 1e6).toLocaleString() : "",
        units.ns(facts.duration_ns), facts.mode === "full" ? "every allocation" : `sampled every ${units.bytes(facts.interval_bytes ?? 0)}`];
    document.title = `${name.split(" ")[0].split("/").at(-1)} – memanalyze`;
    document.getElementById("head").append(el("h1", {}, name.length > 160 ? name.slice(0, 160) + "…" : name), el("span", { class: "facts" }, how.filter(Boolean).join(" · ")),
        el("span", { class: "controls" },
            RANGES.filter(([, span]) => span < whole[1]).map(([text, span]) => el("button", { onclick: () => selectRange(whole[1] - span, whole[1]), title: "the last " + text }, text)),
            el("button", { onclick: () => selectRange(...whole), title: "the whole run (Escape)" }, "all"),
            el("button", { onclick: () => chooseTheme(theme.dark ? "light" : "dark"), title: "light or dark" }, "◐")));
}

function chooseTheme(name) {
    memory.set("theme", name);
    theme.set(name);
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

const HELP = [["j k", "next and previous panel"], ["space", "its table"], ["/", "find a function"], ["Esc", "the whole run"], ["drag", "select a time in any chart"]];

function start() {
    const main = document.getElementById("main");
    theme.set(memory.get("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    head();
    document.getElementById("overview").append(overviewPlot().element);
    main.append(...[verdictsPanel, processPanel, residentPanel, sitesPanel, flamePanel, pressurePanel, collectionsPanel, framesPanel, workPanel,
        survivalPanel, retainedPanel, fragmentationPanel, plannerPanel, reportsPanel].map(make => make()).filter(Boolean));
    document.getElementById("foot").append(...HELP.flatMap(([key, what]) => [el("kbd", {}, key), ` ${what}  `]), el("p", {}, `memanalyze ${page.version}. This page is one file and asks nobody for anything.`));
    document.addEventListener("keydown", event => {
        const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName), panels = [...main.children], here = panels.indexOf(event.target.closest?.("section"));
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
