/* SPDX-License-Identifier: Apache-2.0 */

// ---- flame graph and sites: what the stacks hold ----

const seriesByStack = (() => {
    const made = new Map();
    for (const row of chartRows("site_series")) {
        if (!made.has(row.stack_id)) made.set(row.stack_id, []);
        made.get(row.stack_id).push(row);
    }
    return made;
})();

const MEASURES = { // name, what it is, whether the selected time can be cut out of it
    live: ["alive at the end", row => row.live_bytes, "survivor_bytes"],
    leaked: ["leaking", row => ["leak", "growing"].includes(row.verdict) ? row.live_bytes : 0, null],
    peak: ["at the peak", row => row.peak_bytes, null],
    allocated: ["allocated", row => row.allocated_bytes, "alloc_bytes"],
    blocks: ["allocations", row => row.allocated_blocks, null],
    temporary: ["temporary", row => row.temporary_bytes, null],
};

// What a site holds by a measure: of the selected time where that can be told, else of the run.
function siteValue(row, measure) {
    const [, value, series] = MEASURES[measure];
    if (isWhole() || !series) return value(row);
    const [from, to] = selection.range;
    return (seriesByStack.get(row.stack_id) ?? []).reduce((sum, step) =>
        step.step * step.step_ns < to && (step.step + 1) * step.step_ns > from ? sum + step[series] : sum, 0);
}

function flameTree(rows, measure, inverted) {
    const root = { name: "all", value: 0, children: new Map(), depth: 0, parent: null };
    for (const row of rows) {
        const value = siteValue(row, measure), names = row.folded.split(";");
        if (!(value > 0)) continue;
        if (inverted) names.reverse();
        let at = root;
        root.value += value;
        for (const name of names.slice(0, 128)) {
            if (at.name === name && at !== root) continue; // recursion is one box
            if (!at.children.has(name)) at.children.set(name, { name, value: 0, children: new Map(), depth: at.depth + 1, parent: at });
            at = at.children.get(name);
            at.value += value;
        }
    }
    return root;
}

function flamePanel() {
    const table = charts.get("sites"), rows = chartRows("sites");
    if (rows.length === 0) return null;
    const canvas = el("canvas", { role: "application", tabindex: "0", "aria-label": "Flame graph: arrows move, Enter zooms, Backspace zooms out" });
    const words = el("div", { class: "legend" });
    const search = el("input", { type: "search", placeholder: "find a function ( / )", "aria-label": "Find a function" });
    const ROW = 18;
    let measure = rows.some(row => MEASURES.leaked[1](row) > 0) ? "leaked" : rows.some(row => row.live_bytes > 0) ? "live" : "allocated";
    let inverted = false, root, zoomed, focused, boxes = [], stale = true;
    const unit = value => measure === "blocks" ? units.count(Math.round(value)) : units.bytes(value);

    function layout(width) {
        boxes = [];
        const place = (node, left, wide, level) => {
            if (wide < 0.4) return;
            boxes.push({ node, left, wide, level });
            let at = left;
            for (const child of [...node.children.values()].sort((a, b) => b.value - a.value)) {
                place(child, at, wide * child.value / node.value, level + 1);
                at += wide * child.value / node.value;
            }
        };
        const above = [];
        for (let at = zoomed.parent; at; at = at.parent) above.unshift(at);
        above.forEach((node, level) => boxes.push({ node, left: 0, wide: width, level, above: true }));
        place(zoomed, 0, width, above.length);
    }

    function paint() {
        const width = canvas.clientWidth;
        if (!width) return;
        if (stale) {
            const path = [];
            for (let at = zoomed; at?.parent; at = at.parent) path.unshift(at.name);
            root = zoomed = flameTree(rows, measure, inverted);
            for (const name of path) zoomed = zoomed.children.get(name) ?? zoomed;
            focused = zoomed;
            stale = false;
        }
        layout(width);
        const ratio = devicePixelRatio || 1, height = (Math.max(...boxes.map(box => box.level), 0) + 1) * ROW + 2;
        canvas.style.height = height + "px";
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        const ctx = canvas.getContext("2d"), wanted = search.value.toLowerCase();
        ctx.scale(ratio, ratio);
        ctx.font = "11.5px system-ui, sans-serif";
        ctx.textBaseline = "middle";
        let found = 0;
        const inside = new Set();
        for (const { node, left, wide, level, above } of boxes) {
            const hit = wanted && node.name.toLowerCase().includes(wanted);
            if (hit && !inside.has(node.parent)) found += node.value;
            if (hit || inside.has(node.parent)) inside.add(node);
            let hash = 0;
            for (let i = 0; i < node.name.length; i++) hash = (hash * 31 + node.name.charCodeAt(i)) | 0;
            const tone = Math.abs(hash) % 30;
            ctx.fillStyle = hit ? theme.colour("c4") : above ? theme.colour("line")
                : theme.dark ? `hsl(${205 + tone} 45% ${30 + tone / 4}%)` : `hsl(${200 + tone} 62% ${72 + tone / 4}%)`;
            ctx.fillRect(left, level * ROW, Math.max(wide - 0.6, 0.4), ROW - 1);
            if (node === focused && document.activeElement === canvas) {
                ctx.strokeStyle = theme.colour("ink");
                ctx.lineWidth = 2;
                ctx.strokeRect(left + 1, level * ROW + 1, wide - 2, ROW - 3);
            }
            if (wide > 28) {
                ctx.save();
                ctx.beginPath();
                ctx.rect(left, level * ROW, wide - 4, ROW);
                ctx.clip();
                ctx.fillStyle = theme.colour("ink");
                ctx.fillText(node.name.slice(0, 300), left + 4, level * ROW + ROW / 2);
                ctx.restore();
            }
        }
        words.replaceChildren(el("span", {}, MEASURES[measure][0] + " ", el("b", {}, unit(root.value))),
            isWhole() ? "" : el("span", {}, MEASURES[measure][2] ? "allocated in the selected time, by the largest 150 stacks" : "of the whole run: this measure has no times"),
            wanted ? el("span", {}, "found ", el("b", {}, `${unit(found)}, ${units.share(root.value ? found / root.value : 0)}`)) : "",
            zoomed !== root ? el("span", {}, "zoomed: ", el("b", {}, zoomed.name.slice(0, 80))) : "");
    }

    const under = event => {
        const level = Math.floor(event.offsetY / ROW);
        return boxes.find(box => box.level === level && event.offsetX >= box.left && event.offsetX < box.left + box.wide)?.node;
    };
    const zoom = node => {
        zoomed = focused = node ?? root;
        paint();
    };
    canvas.addEventListener("click", event => under(event) && zoom(under(event)));
    canvas.addEventListener("pointermove", event => {
        const node = under(event);
        if (node) tip.show(event, `${node.name}\n${unit(node.value)}, ${units.share(node.value / root.value)} of all`);
        else tip.hide();
    });
    canvas.addEventListener("pointerleave", tip.hide);
    canvas.addEventListener("keydown", event => {
        const kin = [...(focused.parent?.children.values() ?? [])].sort((a, b) => b.value - a.value), place = kin.indexOf(focused);
        const moves = {
            ArrowUp: () => focused.parent, ArrowDown: () => [...focused.children.values()].sort((a, b) => b.value - a.value)[0],
            ArrowLeft: () => kin[place - 1], ArrowRight: () => kin[place + 1],
        };
        if (event.key === "Enter") zoom(focused);
        else if (event.key === "Backspace") zoom(zoomed.parent);
        else if (moves[event.key]) focused = moves[event.key]() ?? focused;
        else return;
        event.preventDefault();
        canvas.setAttribute("aria-label", `${focused.name}, ${unit(focused.value)}`);
        paint();
    });
    search.addEventListener("input", paint);
    new ResizeObserver(paint).observe(canvas);
    let last = "";
    listeners.add(() => {
        const now = [...selection.range, theme.dark].join();
        if (now !== last) {
            last = now;
            stale = true;
            paint();
        }
    });
    const controls = el("div", { class: "controls" },
        choice("Measure", Object.entries(MEASURES).filter(([, [, value]]) => rows.some(row => value(row) > 0)).map(([name, [text]]) => [name, text]), measure, value => {
            measure = value;
            stale = true;
            paint();
        }),
        choice("Direction", [[false, "from main"], [true, "from the site"]], inverted, value => {
            inverted = value;
            zoomed = null;
            stale = true;
            paint();
        }), search);
    return panel("flame", "Who holds it", "Stacks as boxes, as wide as what they hold. Click to zoom, click a box above to zoom out.",
        [table], controls, words, el("div", { class: "plot" }, canvas));
}

function sitesPanel() {
    const rows = chartRows("sites").filter(row => row.stack_id !== null);
    if (rows.length === 0) return null;
    const urgency = { leak: 0, growing: 1, undecided: 2, cache: 3, startup: 4, steady: 5 }, tone = { leak: "bad", growing: "warn", undecided: "note" };
    const body = el("tbody");
    let order = "verdict", last = "";
    function fill() {
        const listed = rows.map(row => ({ ...row, live: siteValue(row, "live"), allocated: siteValue(row, "allocated") }));
        listed.sort((a, b) => order === "verdict" ? (urgency[a.verdict] ?? 6) - (urgency[b.verdict] ?? 6) || b.live - a.live : b[order] - a[order]);
        body.replaceChildren(...listed.slice(0, 25).map(row => {
            const steps = seriesByStack.get(row.stack_id) ?? [], count = steps.length ? Math.ceil(whole[1] / steps[0].step_ns) : 0, alive = new Array(count).fill(0);
            for (const step of steps) if (step.step < count) alive[step.step] = step.alloc_bytes - step.freed_bytes;
            for (let i = 1; i < count; i++) alive[i] += alive[i - 1];
            return el("tr", {},
                el("td", { class: tone[row.verdict] ?? "note" }, row.verdict ?? ""), el("td", { class: "text", title: row.folded.split(";").reverse().slice(0, 24).join("\n") }, row.function),
                el("td", { class: "number" }, units.bytes(row.live)), el("td", { class: "number" }, units.bytes(row.allocated)),
                el("td", { class: "number" }, units.cell(row.rate_bytes_per_hour, "RATE")),
                el("td", {}, count > 1 ? sparkline(alive.map(value => Math.max(0, value)), theme.colour(row.verdict === "leak" ? "bad" : "c1"), "live bytes over time") : null));
        }));
    }
    listeners.add(() => {
        const now = [...selection.range, theme.dark].join();
        if (now !== last) {
            last = now;
            fill();
        }
    });
    fill();
    return panel("sites", "Sites", "Who allocates, and whether it stays; of the selected time. The line is what was alive, over the whole run.",
        [charts.get("sites"), reports.get("leaks"), reports.get("hotspots")],
        choice("Order", [["verdict", "verdict"], ["live", "alive"], ["allocated", "allocated"]], order, value => {
            order = value;
            fill();
        }),
        el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["verdict", "site", "alive", "allocated", "leaks", "alive over time"].map((name, i) =>
            el("th", { scope: "col", class: i > 1 && i < 5 ? "number" : "" }, name)))), body)));
}
