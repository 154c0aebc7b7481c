/* SPDX-License-Identifier: Apache-2.0 */

// ---- flame graph and sites: what the stacks hold ----

// Of each of the largest stacks: sums up to the begin of each step, and what was alive there.
let seriesByStack;
derived.push(() => {
    const made = new Map();
    for (const row of chartRows("site_series")) {
        if (!made.has(row.stack_id)) {
            const steps = Math.ceil(whole[1] / row.step_ns) + 1, zeros = () => new Array(steps).fill(0);
            made.set(row.stack_id, { step_ns: row.step_ns, alloc_bytes: zeros(), survivor_bytes: zeros(), alive: zeros() });
        }
        const sums = made.get(row.stack_id);
        if (row.step + 1 >= sums.alive.length) continue;
        sums.alloc_bytes[row.step + 1] = row.alloc_bytes;
        sums.survivor_bytes[row.step + 1] = row.survivor_bytes;
        sums.alive[row.step + 1] = row.alloc_bytes - row.freed_bytes;
    }
    for (const sums of made.values()) {
        for (const column of [sums.alloc_bytes, sums.survivor_bytes, sums.alive]) for (let i = 1; i < column.length; i++) column[i] += column[i - 1];
    }
    seriesByStack = made;
});

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
    const sums = seriesByStack.get(row.stack_id);
    if (!sums) return 0;
    const at = time => Math.max(0, Math.min(sums[series].length - 1, Math.floor(time / sums.step_ns)));
    return sums[series][at(selection.range[1] + sums.step_ns - 1)] - sums[series][at(selection.range[0])];
}

// The boxes there can be, and for each stack those that it lies in. Largest of the run first, so that boxes keep
// their places while the selection changes.
function flameTree(rows, measure, inverted) {
    const root = { name: "all", value: 0, kin: new Map(), children: [], parent: null }, paths = [];
    for (const row of rows) {
        const names = row.folded.split(";").slice(-128), path = [root], whole = MEASURES[measure][1](row);
        if (inverted) names.reverse();
        let at = root;
        for (const name of names) {
            if (at !== root && at.name === name) continue; // recursion is one box
            if (!at.kin.has(name)) at.kin.set(name, { name, value: 0, kin: new Map(), children: [], parent: at });
            at = at.kin.get(name);
            path.push(at);
        }
        for (const node of path) node.value += whole;
        paths.push([row, path]);
    }
    const sort = node => {
        node.children = [...node.kin.values()].sort((a, b) => b.value - a.value);
        node.children.forEach(sort);
    };
    sort(root);
    return { root, paths };
}

// What a box of the baseline holds, under the names on the way to it; figures that grow with time, for as long as this run.
let baseline;
derived.push(() => {
    const [of, sites] = ["facts", "sites"].map(name => page.baseline.find(table => table.name === name)).map(raw => raw ? new Table(raw) : null);
    baseline = sites ? { rows: sites.records, scale: facts.duration_ns / Math.max(1, of.records[0]?.duration_ns ?? 1), trees: new Map() } : null;
});

function weighBaseline(measure, inverted) {
    const key = measure + inverted;
    if (!baseline.trees.has(key)) {
        const sums = new Map(), grows = ["allocated", "blocks", "temporary"].includes(measure), add = node => {
            sums.set(pathOf(node), node.value * (grows ? baseline.scale : 1));
            node.children.forEach(add);
        };
        add(flameTree(baseline.rows, measure, inverted).root);
        baseline.trees.set(key, sums);
    }
    return baseline.trees.get(key);
}

const pathOf = node => node.path ??= node.parent ? pathOf(node.parent) + "\n" + node.name : "";

function weigh(tree, measure) {
    for (const [, path] of tree.paths) for (const node of path) node.value = 0;
    for (const [row, path] of tree.paths) {
        const value = siteValue(row, measure);
        for (const node of path) node.value += value;
    }
}

// Orange grew, blue shrank, the paler the less.
function changeColour(now, before) {
    const change = (now - before) / Math.max(now, before, 1), amount = Math.min(1, Math.abs(change)), light = theme.dark ? 26 : 92 - amount * 22;
    return `hsl(${change > 0 ? 24 : 210} ${Math.round(15 + amount * 75)}% ${theme.dark ? light + amount * 14 : light}%)`;
}

// The same function has the same tone everywhere.
function toneOf(name) {
    let hash = 0;
    for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
    return Math.abs(hash) % 30;
}

function flamePanel() {
    const table = charts.get("sites"), rows = chartRows("sites");
    if (rows.length === 0) return null;
    const canvas = el("canvas", { role: "application", tabindex: "0", "aria-label": "Flame graph: arrows move, Enter zooms, Backspace zooms out" });
    const words = el("div", { class: "legend" });
    const search = el("input", { type: "search", placeholder: "find a function ( / )", "aria-label": "Find a function" });
    const ROW = 18;
    let measure = rows.some(row => MEASURES.leaked[1](row) > 0) ? "leaked" : rows.some(row => row.live_bytes > 0) ? "live" : "allocated";
    let inverted = false, tree, root, zoomed, focused, boxes = [], stale = true;
    const unit = value => measure === "blocks" ? units.count(Math.round(value)) : units.bytes(value);

    function layout(width) {
        boxes = [];
        const place = (node, left, wide, level) => {
            if (wide < 0.4) return;
            boxes.push({ node, left, wide, level });
            let at = left;
            for (const child of node.children) {
                if (child.value > 0) place(child, at, wide * child.value / node.value, level + 1);
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
            tree = flameTree(rows, measure, inverted);
            root = zoomed = focused = tree.root;
            stale = false;
        }
        weigh(tree, measure);
        layout(width);
        const ratio = devicePixelRatio || 1, height = (Math.max(...boxes.map(box => box.level), 0) + 1) * ROW + 2;
        canvas.style.height = height + "px";
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        const before = baseline && isWhole() ? weighBaseline(measure, inverted) : null;
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
            const tone = node.tone ??= toneOf(node.name);
            ctx.fillStyle = hit ? theme.colour("c4") : above ? theme.colour("line") : before ? changeColour(node.value, before.get(pathOf(node)) ?? 0)
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
            baseline ? el("span", {}, isWhole() ? "orange: more than in the baseline, blue: less" : "the baseline is compared with the whole run only") : "",
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
        const before = node && baseline && isWhole() ? weighBaseline(measure, inverted).get(pathOf(node)) ?? 0 : null;
        if (node) tip.show(event, `${node.name}\n${unit(node.value)}, ${units.share(node.value / root.value)} of all${before === null ? "" : `\n${unit(before)} in the baseline`}`);
        else tip.hide();
    });
    canvas.addEventListener("pointerleave", tip.hide);
    canvas.addEventListener("keydown", event => {
        const kin = focused.parent?.children ?? [], place = kin.indexOf(focused);
        const moves = {
            ArrowUp: () => focused.parent, ArrowDown: () => focused.children[0],
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
    const controls = el("div", { class: "controls" },
        choice("Measure", Object.entries(MEASURES).filter(([, [, value]]) => rows.some(row => value(row) > 0)).map(([name, [text]]) => [name, text]), measure, value => {
            measure = value;
            stale = true;
            paint();
        }),
        choice("Direction", [[false, "from main"], [true, "from the site"]], inverted, value => {
            inverted = value;
            stale = true;
            paint();
        }), search);
    const box = el("div", { class: "plot flame" }, canvas);
    let last = "";
    whileVisible(box, () => {
        const now = [...selection.range, theme.dark].join();
        if (now !== last) paint();
        last = now;
    });
    return panel("flame", "Who holds it", "Stacks as boxes, as wide as what they hold. Click to zoom, click a box above to zoom out.",
        [table, reports.get("peak"), reports.get("hotspots")], controls, words, box);
}

function sitesPanel() {
    const rows = chartRows("sites").filter(row => row.stack_id !== null);
    if (rows.length === 0) return null;
    const urgency = { leak: 0, growing: 1, undecided: 2, cache: 3, startup: 4, steady: 5 }, tone = { leak: "bad", growing: "warn", undecided: "note" };
    const body = el("tbody");
    let order = "verdict", last = "";

    // Rows are made once and filled anew, so that they can follow the brush.
    function rowOf(row) {
        if (!row.element) {
            const alive = seriesByStack.get(row.stack_id)?.alive ?? [];
            row.cells = [el("td", { class: "number" }), el("td", { class: "number" })];
            row.element = el("tr", {},
                el("td", { class: tone[row.verdict] ?? "note" }, row.verdict ?? ""), el("td", { class: "text", title: row.folded.split(";").reverse().slice(0, 24).join("\n") }, row.function),
                ...row.cells, el("td", { class: "number" }, units.cell(row.rate_bytes_per_hour, "RATE")),
                el("td", {}, alive.length > 2 ? sparkline(alive.map(value => Math.max(0, value)), `var(--${row.verdict === "leak" ? "bad" : "c1"})`, "live bytes over time") : null));
        }
        row.cells[0].textContent = units.bytes(row.live);
        row.cells[1].textContent = units.bytes(row.allocated);
        return row.element;
    }

    function fill() {
        for (const row of rows) {
            row.live = siteValue(row, "live");
            row.allocated = siteValue(row, "allocated");
        }
        const listed = rows.filter(row => row.live > 0 || row.allocated > 0);
        listed.sort((a, b) => order === "verdict" ? (urgency[a.verdict] ?? 6) - (urgency[b.verdict] ?? 6) || b.live - a.live || b.allocated - a.allocated : b[order] - a[order]);
        body.replaceChildren(...listed.slice(0, 25).map(rowOf));
    }

    whileVisible(body, () => {
        const now = selection.range.join();
        if (now !== last) fill();
        last = now;
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
