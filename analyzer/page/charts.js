/* SPDX-License-Identifier: Apache-2.0 */

// ---- charts over time ----
//
// Each function makes one panel, or null when the run has nothing for it.

const RESIDENT = [ // name, parts of rss_part, colour, pattern
    ["live", ["live"], "c1", null],
    ["rounding, headers", ["rounding", "headers"], "c5", "dots"],
    ["free in allocator", ["thread_caches", "free_partial", "free_dirty", "free_top"], "c2", "slash"],
    ["pools unused", ["pool_free"], "c8", "level"],
    ["GC heap free, garbage", ["heap_free", "heap_garbage"], "c3", "upright"],
    ["mapped, static", ["mapped", "static"], "c4", null],
    ["stacks", ["thread_stacks", "main_stack"], "c9", "level"],
    ["files, shared", ["files", "shared"], "c7", null],
    ["recorder", ["recorder"], "c10", "dots"],
    ["unexplained", ["unexplained"], "c6", "lines"],
];

// The readings of the resident set: time, all of it, and bytes by RESIDENT.
let residentMoments;
derived.push(() => {
    const place = new Map(RESIDENT.flatMap(([, parts], i) => parts.map(part => [part, i])));
    const moments = [];
    for (const row of chartRows("resident")) {
        if (moments.at(-1)?.time_ns !== row.time_ns) {
            moments.push({ time_ns: row.time_ns, rss_bytes: row.rss_bytes, parts: RESIDENT.map(() => 0), named: {} });
        }
        moments.at(-1).parts[place.get(row.part) ?? RESIDENT.length - 1] += row.bytes ?? 0;
        moments.at(-1).named[row.part] = row.bytes;
    }
    residentMoments = moments;
});

function largest(rows, time, value, from, to) {
    let most = 0;
    for (const row of rows) if (row[time] >= from && row[time] <= to && row[value] > most) most = row[value];
    return most;
}

function strokeLine(ctx, plot, rows, time, value, colour, dash = []) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.5;
    ctx.setLineDash(dash);
    ctx.beginPath();
    let drawn = false;
    for (const row of rows) {
        if (row[value] === null) continue;
        if (drawn) ctx.lineTo(plot.x(row[time]), plot.y(row[value]));
        else ctx.moveTo(plot.x(row[time]), plot.y(row[value]));
        drawn = true;
    }
    ctx.stroke();
    ctx.setLineDash([]);
}

// Short strokes at the upper edge, where something began.
function tickAt(ctx, plot, rows, top, colour) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const row of rows) {
        const x = plot.x(row.begin_ns);
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + 6);
    }
    ctx.stroke();
}

function overviewPlot() {
    const live = chartRows("live"), process = chartRows("process");
    const plot = new TimePlot({
        fixed: true, height: 64, plain: true,
        label: "Resident and live memory of the whole run. Drag to select a time; arrows move the selection, + and - change it, Escape clears it.",
        top: (from, to) => Math.max(largest(process, "time_ns", "rss_bytes", from, to), largest(live, "end_ns", "live_bytes", from, to)),
        draw(ctx) {
            ctx.fillStyle = theme.colour("c1");
            ctx.globalAlpha = 0.55;
            ctx.beginPath();
            ctx.moveTo(plot.x(0), plot.y(0));
            for (const row of live) ctx.lineTo(plot.x(row.end_ns), plot.y(row.live_bytes));
            ctx.lineTo(plot.x(live.at(-1)?.end_ns ?? 0), plot.y(0));
            ctx.fill();
            ctx.globalAlpha = 1;
            strokeLine(ctx, plot, process, "time_ns", "rss_bytes", theme.colour("ink"));
        },
    });
    return plot;
}

function residentPanel() {
    const moments = residentMoments, process = chartRows("process");
    if (moments.length === 0) return null;
    const limit = largest(process, "time_ns", "cgroup_limit_bytes", ...whole);
    const used = RESIDENT.map((group, i) => moments.some(moment => moment.parts[i] > 0));
    const plot = new TimePlot({
        height: 240, label: "The resident set over time as stacked areas, by what it consists of",
        top: (from, to) => {
            const most = Math.max(largest(moments, "time_ns", "rss_bytes", from, to), largest(process, "time_ns", "rss_bytes", from, to),
                moments[Math.max(0, lastBefore(moments, "time_ns", from))].rss_bytes);
            return limit && limit < most * 2 ? Math.max(most, limit) : most;
        },
        draw(ctx) {
            let floor = moments.map(() => 0);
            RESIDENT.forEach(([, , colour, pattern], group) => {
                if (!used[group]) return;
                const roof = moments.map((moment, i) => floor[i] + moment.parts[group]);
                ctx.fillStyle = pattern ? hatch(ctx, theme.colour(colour), pattern) : theme.colour(colour);
                ctx.globalAlpha = pattern === "lines" ? 1 : 0.85;
                ctx.beginPath();
                moments.forEach((moment, i) => ctx.lineTo(plot.x(moment.time_ns), plot.y(roof[i])));
                ctx.lineTo(plot.x(whole[1]), plot.y(roof.at(-1)));
                ctx.lineTo(plot.x(whole[1]), plot.y(floor.at(-1)));
                for (let i = moments.length - 1; i >= 0; i--) ctx.lineTo(plot.x(moments[i].time_ns), plot.y(floor[i]));
                ctx.fill();
                floor = roof;
            });
            ctx.globalAlpha = 1;
            strokeLine(ctx, plot, process, "time_ns", "rss_bytes", theme.colour("ink"));
            strokeLine(ctx, plot, process, "time_ns", "cgroup_limit_bytes", theme.colour("bad"), [6, 4]);
            tickAt(ctx, plot, chartRows("collections"), 0, theme.colour("c3"));
            tickAt(ctx, plot, chartRows("work").filter(row => row.family === "span" && row.left_bytes > 0), 8, theme.colour("c4"));
        },
        read(time) {
            const moment = moments[Math.max(0, lastBefore(moments, "time_ns", time))];
            return [["resident", units.bytes(moment.rss_bytes), theme.colour("ink")],
                ...RESIDENT.flatMap(([name, , colour], i) => used[i] ? [[name, units.bytes(moment.parts[i]), theme.colour(colour)]] : []),
                ...(limit ? [["limit", units.bytes(limit), theme.colour("bad")]] : [])];
        },
    });
    return panel("memory", "Memory over time", "What the resident set consists of. The parts add up to it; what nothing explains is hatched. Strokes at the upper edge: collections, and below them spans that left something.",
        [charts.get("resident"), charts.get("process"), reports.get("rss"), reports.get("stability"), reports.get("idle")], plot.element);
}

function pressurePanel() {
    const rows = chartRows("live").filter(row => row.end_ns > row.start_ns).map(row => {
        const seconds = (row.end_ns - row.start_ns) / 1e9;
        return { ...row, allocated: row.alloc_bytes / seconds, freed: row.freed_bytes / seconds };
    });
    if (!rows.some(row => row.alloc_bytes > 0)) return null;
    const stepped = (ctx, plot, value) => {
        ctx.beginPath();
        ctx.moveTo(plot.x(rows[0].start_ns), plot.y(0));
        for (const row of rows) {
            ctx.lineTo(plot.x(row.start_ns), plot.y(row[value]));
            ctx.lineTo(plot.x(row.end_ns), plot.y(row[value]));
        }
        ctx.lineTo(plot.x(rows.at(-1).end_ns), plot.y(0));
    };
    const plot = new TimePlot({
        unit: units.flow, label: "Bytes allocated and freed per second, over time",
        top: (from, to) => Math.max(largest(rows, "end_ns", "allocated", from, to), largest(rows, "end_ns", "freed", from, to)),
        draw(ctx) {
            ctx.fillStyle = theme.colour("c1");
            ctx.globalAlpha = 0.6;
            stepped(ctx, plot, "allocated");
            ctx.fill();
            ctx.globalAlpha = 1;
            ctx.strokeStyle = theme.colour("c6");
            ctx.lineWidth = 1.4;
            stepped(ctx, plot, "freed");
            ctx.stroke();
        },
        read(time) {
            const row = rows[Math.max(0, lastBefore(rows, "start_ns", time))];
            return [["allocated", units.flow(row.allocated), theme.colour("c1")], ["freed", units.flow(row.freed), theme.colour("c6")],
                ["live", `${units.bytes(row.live_bytes)} (${units.bytes(row.live_bytes_low)}–${units.bytes(row.live_bytes_high)})`, null]];
        },
    });
    return panel("pressure", "Allocation pressure", "Allocated and freed per second; what is between the two lines stays.",
        [charts.get("live"), reports.get("timeline"), reports.get("temporary")], plot.element);
}

function collectionsPanel() {
    const rows = chartRows("collections");
    if (rows.length === 0) return null;
    const pauses = rows.filter(row => row.pause_ns !== null), heaps = [...new Set(rows.map(row => row.heap))];
    const colour = heap => theme.colour("c" + (heaps.indexOf(heap) % 6 + 1));
    let budget = 16.6e6;
    const parts = [];
    if (pauses.length) {
        const plot = new TimePlot({
            unit: units.ns, binary: false, label: "Pause of each collection over time, with the frame budget",
            top: (from, to) => Math.max(largest(pauses, "begin_ns", "pause_ns", from, to), budget * 1.1),
            draw(ctx) {
                ctx.strokeStyle = theme.colour("bad");
                ctx.setLineDash([6, 4]);
                ctx.beginPath();
                ctx.moveTo(GUTTER, plot.y(budget));
                ctx.lineTo(plot.width, plot.y(budget));
                ctx.stroke();
                ctx.setLineDash([]);
                for (const row of pauses) {
                    const x = plot.x(row.begin_ns), y = plot.y(row.pause_ns);
                    if (x < GUTTER - 4 || x > plot.width) continue;
                    ctx.strokeStyle = ctx.fillStyle = row.pause_ns > budget ? theme.colour("bad") : colour(row.heap);
                    ctx.beginPath();
                    ctx.moveTo(x, plot.y(0));
                    ctx.lineTo(x, y);
                    ctx.stroke();
                    ctx.beginPath();
                    if (row.kind === "minor" || row.kind === "incremental") ctx.arc(x, y, 2.5, 0, 7);
                    else ctx.rect(x - 2.5, y - 2.5, 5, 5);
                    ctx.fill();
                }
            },
            read(time) {
                const [from, to] = selection.range, inside = pauses.filter(row => row.begin_ns >= from && row.begin_ns <= to).map(row => row.pause_ns).sort((a, b) => a - b);
                const at = share => inside.length ? units.ns(inside[Math.min(inside.length - 1, Math.ceil(share * inside.length) - 1)]) : "none";
                const here = pauses[lastBefore(pauses, "begin_ns", time)];
                return [["pause", here ? `${units.ns(here.pause_ns)} ${here.kind}${here.reason ? ", " + here.reason : ""}` : "none", null],
                    ["p50", at(0.5), null], ["p95", at(0.95), null], ["p99", at(0.99), null], ["longest", at(1), null],
                    ["over the line", units.count(inside.filter(pause => pause > budget).length), theme.colour("bad")]];
            },
        });
        parts.push(choice("Frame budget", [[8.3e6, "8.3 ms"], [16.6e6, "16.6 ms"], [33.3e6, "33.3 ms"]], budget, value => {
            budget = value;
            changed();
        }), plot.element);
    }
    const told = rows.filter(row => row.used_before_bytes !== null || row.used_after_bytes !== null);
    if (told.length) {
        const plot = new TimePlot({
            height: 140, label: "Heap use before and after each collection",
            top: (from, to) => Math.max(largest(told, "begin_ns", "used_before_bytes", from, to), largest(told, "begin_ns", "used_after_bytes", from, to)),
            draw(ctx) {
                for (const heap of heaps) {
                    ctx.strokeStyle = colour(heap);
                    ctx.lineWidth = 1.4;
                    ctx.beginPath();
                    for (const row of told.filter(row => row.heap === heap)) {
                        if (row.used_before_bytes !== null) ctx.lineTo(plot.x(row.begin_ns), plot.y(row.used_before_bytes));
                        if (row.used_after_bytes !== null) ctx.lineTo(plot.x(row.begin_ns + (row.pause_ns ?? 0)), plot.y(row.used_after_bytes));
                    }
                    ctx.stroke();
                }
            },
            read(time) {
                return heaps.map(heap => {
                    const own = told.filter(row => row.heap === heap), row = own[Math.max(0, lastBefore(own, "begin_ns", time))];
                    return row ? [heap ?? "heap", `${units.cell(row.used_before_bytes, "BYTES")} → ${units.cell(row.used_after_bytes, "BYTES")}`, colour(heap)]
                        : [heap ?? "heap", "", colour(heap)];
                });
            },
        });
        parts.push(plot.element);
    }
    return parts.length === 0 ? null : panel("gc", "Collections", "Above: how long the program stood, against the time of a frame. Below: heap use before and after.",
        [charts.get("collections"), reports.get("gc"), reports.get("gc_causes"), reports.get("gc_what_if")], ...parts);
}

function framesPanel() {
    const rows = chartRows("strip");
    if (rows.length === 0) return null;
    const streams = [...new Set(rows.map(row => row.stream))];
    const parts = streams.map(stream => {
        const own = rows.filter(row => row.stream === stream), budget = own[0].budget_ns;
        const plot = new TimePlot({
            unit: units.ns, binary: false, height: 130, label: `Frames of ${stream} over time, by how long they took`,
            top: (from, to) => Math.max(largest(own, "begin_ns", "duration_ns", from, to), (budget ?? 0) * 1.1),
            draw(ctx) {
                const floor = plot.y(0);
                for (const row of own) {
                    const x = plot.x(row.begin_ns), width = Math.max(1, plot.x(row.begin_ns + row.duration_ns) - x);
                    if (x > plot.width || x + width < GUTTER) continue;
                    ctx.fillStyle = theme.colour(row.why ? "c6" : "c1");
                    ctx.fillRect(x, plot.y(row.duration_ns), width, floor - plot.y(row.duration_ns));
                    if (row.gc_ns) {
                        ctx.fillStyle = theme.colour("c3");
                        ctx.fillRect(x, plot.y(row.gc_ns), width, floor - plot.y(row.gc_ns));
                    }
                }
                if (budget) {
                    ctx.strokeStyle = theme.colour("bad");
                    ctx.setLineDash([6, 4]);
                    ctx.beginPath();
                    ctx.moveTo(GUTTER, plot.y(budget));
                    ctx.lineTo(plot.width, plot.y(budget));
                    ctx.stroke();
                    ctx.setLineDash([]);
                }
            },
            read(time) {
                const row = own[Math.max(0, lastBefore(own, "begin_ns", time))], [from, to] = selection.range;
                const inside = own.filter(one => one.begin_ns >= from && one.begin_ns <= to);
                return [["frame " + row.number, units.ns(row.duration_ns), theme.colour(row.why ? "c6" : "c1")],
                    ["of that GC", row.gc_ns === null ? "not told" : units.ns(row.gc_ns), theme.colour("c3")],
                    ["allocated", row.alloc_bytes === null ? "not told" : units.bytes(row.alloc_bytes), null],
                    ...(row.why ? [["over budget by", row.why, theme.colour("bad")]] : []),
                    ["over budget in the selection", `${units.count(inside.reduce((sum, one) => sum + one.over_budget, 0))} of ${units.count(inside.reduce((sum, one) => sum + one.frames, 0))}`, null]];
            },
        });
        return [streams.length > 1 ? el("div", { class: "note" }, stream) : null, plot.element];
    });
    return panel("frames", "Frames", "How long each took, with the part in which collections held it; where there are many, the longest of a step.",
        [charts.get("strip"), reports.get("frames"), reports.get("frame_causes")], ...parts.flat());
}

function workPanel() {
    const rows = chartRows("work").slice().sort((a, b) => a.begin_ns - b.begin_ns);
    if (rows.length === 0) return null;
    const counts = new Map();
    for (const row of rows) counts.set(row.name, (counts.get(row.name) ?? 0) + 1);
    const kinds = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, 6);
    const colour = name => theme.colour(kinds.includes(name) ? "c" + (kinds.indexOf(name) + 1) : "c7");
    const plot = new TimePlot({
        unit: units.ns, binary: false, height: 190, label: "Spans and evaluations over time, by how long they took",
        top: (from, to) => largest(rows, "begin_ns", "duration_ns", from, to),
        draw(ctx) {
            for (const row of rows) {
                const x = plot.x(row.begin_ns), y = plot.y(row.duration_ns);
                if (x < GUTTER - 4 || x > plot.width) continue;
                ctx.fillStyle = ctx.strokeStyle = colour(row.name);
                ctx.globalAlpha = 0.75;
                ctx.beginPath();
                ctx.arc(x, y, row.left_bytes > 0 ? 4 : 2.5, 0, 7);
                if (row.ended && row.ended !== "ok") ctx.stroke();
                else ctx.fill();
            }
            ctx.globalAlpha = 1;
        },
        read(time) {
            const row = rows[Math.max(0, lastBefore(rows, "begin_ns", time))];
            return [[row.name || row.family, `${row.label ? row.label + " " : ""}${units.ns(row.duration_ns)}${row.ended && row.ended !== "ok" ? ", " + row.ended : ""}`, colour(row.name)],
                ["allocated", units.cell(row.alloc_bytes, "BYTES") || "not told", null], ["left behind", units.cell(row.left_bytes, "BYTES"), null],
                ...kinds.map(kind => [kind || "(unnamed)", units.count(counts.get(kind)), colour(kind)])];
        },
    });
    return panel("work", "Requests and evaluations", "Each by when it began and how long it took; larger when some of what it allocated was left behind, hollow when it failed.",
        [charts.get("work"), reports.get("spans"), reports.get("span_leftovers"), reports.get("span_causes"), reports.get("span_labels"), reports.get("evals")], plot.element);
}

// ---- charts of the whole run ----

// Upright bars with words below; each says its figures under the pointer.
function barChart(label, rows, height = 170) {
    const canvas = el("canvas", { role: "img", "aria-label": label }), most = Math.max(...rows.map(row => row.value), 1e-9);
    canvas.style.height = height + "px";
    const paint = () => {
        const ratio = devicePixelRatio || 1, width = canvas.clientWidth, wide = Math.min((width - 12) / rows.length, 160);
        if (width === 0) return;
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        const ctx = canvas.getContext("2d");
        ctx.scale(ratio, ratio);
        ctx.font = "11px system-ui, sans-serif";
        ctx.textAlign = "center";
        rows.forEach((row, i) => {
            const x = 6 + i * wide, tall = row.value / most * (height - 40);
            ctx.fillStyle = theme.colour(row.colour ?? "c1");
            ctx.fillRect(x + 1, height - 18 - tall, Math.max(1, wide - 2), tall);
            ctx.fillStyle = theme.colour("soft");
            if (wide > 34 || i % Math.ceil(60 / wide) === 0) ctx.fillText(row.name, x + wide / 2, height - 5);
            if (wide > 52 && row.value > 0) ctx.fillText(row.text, x + wide / 2, height - 22 - tall);
        });
    };
    new ResizeObserver(paint).observe(canvas);
    let painted = null;
    whileVisible(canvas, () => {
        if (painted !== theme.dark) paint();
        painted = theme.dark;
    });
    canvas.addEventListener("pointermove", event => {
        const row = rows[Math.floor((event.offsetX - 6) / Math.min((canvas.clientWidth - 12) / rows.length, 160))];
        if (row) tip.show(event, `${row.name}\n${row.text}${row.more ? "\n" + row.more : ""}`);
        else tip.hide();
    });
    canvas.addEventListener("pointerleave", tip.hide);
    return el("div", { class: "plot" }, canvas);
}

// Lifetimes to the right, sizes upwards, both by powers of two; darkness by the logarithm of the bytes.
function lifetimeMap(rows) {
    const octave = value => Math.max(0, Math.round(Math.log2(Math.max(1, value))));
    const ages = rows.map(row => octave(row.low_ns)), sizes = rows.map(row => octave(row.low_bytes));
    const firstAge = Math.min(...ages), firstSize = Math.min(...sizes), wide = Math.max(...ages) - firstAge + 1, tall = Math.max(...sizes) - firstSize + 1;
    const most = Math.log(Math.max(...rows.map(row => row.bytes), 2)), grid = el("div", { class: "heat", role: "img", "aria-label": "Freed bytes by lifetime and size; the table has the same" });
    const byCell = new Map(rows.map((row, i) => [`${ages[i]},${sizes[i]}`, row]));
    grid.style.gridTemplateColumns = `56px repeat(${wide}, minmax(0, 1fr))`;
    for (let size = tall - 1; size >= 0; size--) {
        grid.append(el("span", {}, units.bytes(2 ** (size + firstSize))));
        for (let age = 0; age < wide; age++) {
            const row = byCell.get(`${age + firstAge},${size + firstSize}`);
            grid.append(el("i", row && row.bytes > 0 ? {
                style: { background: `color-mix(in srgb, var(--c1) ${Math.round(12 + 88 * Math.log(Math.max(row.bytes, 1)) / most)}%, var(--grid))` },
                onpointermove: event => tip.show(event, `${units.bytes(row.bytes)} in ${units.count(row.blocks)} blocks\nof ${units.bytes(row.low_bytes)} to ${units.bytes(row.high_bytes)}\nthat lived ${units.ns(row.low_ns)} to ${units.ns(row.high_ns)}`),
                onpointerleave: tip.hide,
            } : {}));
        }
    }
    grid.append(el("span"));
    for (let age = 0; age < wide; age++) grid.append(el("span", {}, age % Math.ceil(wide / 10) === 0 ? units.ns(2 ** (age + firstAge)) : ""));
    return grid;
}

function survivalPanel() {
    const survival = reports.get("survival"), parts = [];
    const rows = survival?.records ?? [];
    if (rows.length) {
        for (const heap of [...new Set(rows.map(row => row.heap))]) {
            const own = rows.filter(row => row.heap === heap);
            parts.push(el("div", { class: "note" }, `${heap ?? "all heaps"}: alive, by collections survived`), barChart("Bytes alive by collections survived", own.map(row => ({
                name: row.survived, value: row.bytes ?? row.objects ?? 0, text: row.bytes === null ? units.count(row.objects) : units.bytes(row.bytes), colour: "c3",
            }))));
        }
    }
    const lives = chartRows("lifetimes");
    if (lives.length) {
        const ages = new Map();
        for (const row of lives) {
            const age = ages.get(row.low_ns) ?? { low_ns: row.low_ns, high_ns: row.high_ns, bytes: 0, blocks: 0 };
            age.bytes += row.bytes;
            age.blocks += row.blocks;
            ages.set(row.low_ns, age);
        }
        parts.push(el("div", { class: "note" }, "freed blocks of malloc, by how long they lived"), barChart("Bytes freed by how long the blocks lived", [...ages.values()].map(row => ({
            name: units.ns(row.low_ns), value: row.bytes, text: units.bytes(row.bytes), more: `${units.count(row.blocks)} blocks lived ${units.ns(row.low_ns)} to ${units.ns(row.high_ns)}`,
        }))), el("div", { class: "note" }, "the same by size: the darker, the more bytes were freed"), lifetimeMap(lives));
    }
    return parts.length === 0 ? null : panel("survival", "Survival", "How many collections the living have survived, and how long the dead lived.",
        [survival, charts.get("lifetimes"), reports.get("survivors"), reports.get("pretenuring")], ...parts);
}

// Squarified: each row of boxes as near to squares as it gets.
function treemap(boxes, width, height) {
    const placed = [], total = boxes.reduce((sum, box) => sum + box.value, 0);
    let left = 0, top = 0, wide = width, tall = height, rest = boxes.map(box => ({ ...box, area: box.value / total * width * height }));
    while (rest.length) {
        const side = Math.min(wide, tall);
        let count = 1, sum = rest[0].area, worst = Infinity;
        for (; count <= rest.length; count++) {
            const row = rest.slice(0, count), area = row.reduce((all, box) => all + box.area, 0), depth = area / side;
            const ratio = Math.max(...row.map(box => Math.max(depth / (box.area / depth), box.area / depth / depth)));
            if (ratio > worst) break;
            worst = ratio;
            sum = area;
        }
        const row = rest.slice(0, count - 1), depth = sum / side;
        let along = 0;
        for (const box of row) {
            const length = box.area / depth;
            placed.push(wide >= tall ? { ...box, x: left, y: top + along, w: depth, h: length } : { ...box, x: left + along, y: top, w: length, h: depth });
            along += length;
        }
        if (wide >= tall) {
            left += depth;
            wide -= depth;
        } else {
            top += depth;
            tall -= depth;
        }
        rest = rest.slice(count - 1);
    }
    return placed;
}

function retainedPanel() {
    const rows = reportRows("retained").filter(row => row.bytes > 0);
    if (rows.length === 0) return null;
    const box = el("div", { class: "treemap", role: "img", "aria-label": "Retained sets as areas; the table has the same" });
    const fill = () => {
        const width = box.clientWidth;
        if (!width) return;
        box.replaceChildren(...treemap(rows.map(row => ({ ...row, value: row.bytes })), width, 260).map((cell, i) => el("div", {
            style: { left: cell.x + "px", top: cell.y + "px", width: cell.w + "px", height: cell.h + "px", background: `var(--c${i % 9 + 1})` },
            onpointermove: event => tip.show(event, `${cell.heap ?? ""} ${cell.root}\n${units.bytes(cell.bytes)}, ${units.count(cell.objects ?? 0)} objects`),
            onpointerleave: tip.hide,
        }, `${cell.root} ${units.bytes(cell.bytes)}`)));
    };
    new ResizeObserver(fill).observe(box);
    return panel("retained", "Retained sets", "What would go if a root went, in the last profile that the program told.",
        [reports.get("retained"), reports.get("classes")], box);
}

// The resident set at the moment under the pointer, or at the end of the selection.
function processPanel() {
    if (residentMoments.length === 0) return null;
    const gauge = el("div", { class: "gauge" }), words = el("b"), list = el("div"), faults = el("div", { class: "note" });
    const process = chartRows("process"), most = Math.max(...residentMoments.map(moment => moment.rss_bytes));
    const details = el("details", {}, el("summary", {}, "Resident ", words, gauge), list, faults);
    const fill = () => {
        const time = selection.hover ?? selection.range[1], moment = residentMoments[Math.max(0, lastBefore(residentMoments, "time_ns", time))];
        const row = process[Math.max(0, lastBefore(process, "time_ns", time))] ?? {};
        words.textContent = `${units.bytes(moment.rss_bytes)} of ${units.bytes(most)} at most`;
        gauge.replaceChildren(...RESIDENT.map(([name, , colour], i) => el("div", {
            title: `${name} ${units.bytes(moment.parts[i])}`, style: { width: moment.parts[i] / most * 100 + "%", background: `var(--${colour})` },
        })));
        if (!details.open) return;
        list.replaceChildren(el("table", {}, el("tbody", {}, RESIDENT.map(([name, , colour], i) => moment.parts[i] > 0 ? el("tr", {},
            el("td", {}, el("i", { class: "swatch", style: { background: `var(--${colour})` } }), name),
            el("td", { class: "number" }, units.bytes(moment.parts[i])), el("td", { class: "number" }, units.share(moment.parts[i] / moment.rss_bytes))) : null).filter(Boolean))));
        faults.textContent = row.minor_faults === undefined || row.minor_faults === null ? ""
            : `page faults so far: ${units.count(row.minor_faults)} minor, ${units.count(row.major_faults ?? 0)} from disk`
            + (row.swap_bytes ? `; ${units.bytes(row.swap_bytes)} swapped out` : "") + (row.pss_bytes ? `; ${units.bytes(row.pss_bytes)} proportional` : "");
    };
    details.addEventListener("toggle", fill);
    whileVisible(details, fill);
    return panel("process", "Process memory", null, [charts.get("process")], details);
}

// One cell per region, by address: the darker, the fuller; a ring where nearly nothing lives in it.
function regionMap(rows) {
    const colour = row => `color-mix(in srgb, var(--c1) ${Math.round(Math.min(1, row.used_bytes / row.reserved_bytes) * 100)}%, var(--grid))`;
    return el("div", { class: "regions", role: "img", "aria-label": "Regions by address, and how full they are" }, rows.map(row => el("i", {
        class: row.state === "nearly empty" ? "pinned" : row.state === "undecided" ? "unsure" : "",
        style: { background: colour(row) },
        onpointermove: event => tip.show(event, `0x${(BigInt.asUintN(64, BigInt(row.address))).toString(16)}\n${row.state}: ${units.bytes(row.used_bytes)} `
            + `(${units.bytes(row.used_bytes_low)}–${units.bytes(row.used_bytes_high)}) of ${units.bytes(row.reserved_bytes)} used`),
        onpointerleave: tip.hide,
    })));
}

function slotMap(map) {
    const cells = [...map.cells];
    return el("div", {}, el("div", { class: "note" }, `${map.pool}: ${units.count(map.used_slots)} of ${units.count(map.slots)} slots taken, at most ${units.count(map.longest_free_run)} free side by side`),
        el("div", { class: "gauge", role: "img", "aria-label": "Taken slots from first to last" }, cells.map((cell, i) => el("div", {
            style: { width: 100 / cells.length + "%", background: `color-mix(in srgb, var(--c1) ${parseInt(cell, 16) / 15 * 100}%, var(--grid))` },
            title: `slots from ${Math.floor(i * map.slots / cells.length)}: ${Math.round(parseInt(cell, 16) / 15 * 100)} % taken`,
        }))));
}

function fragmentationPanel() {
    const maps = chartRows("slots"), main = reports.get("fragmentation"), pins = reports.get("pins"), moments = [...new Set(chartRows("regions").map(row => row.moment))];
    if (maps.length === 0 && !main?.rows.length) return null;
    const place = el("div"), show = moment => place.replaceChildren(regionMap(chartRows("regions").filter(row => row.moment === moment)));
    if (moments.length) show(moments[0]);
    return panel("fragmentation", "Fragmentation", "Memory that is held and not used. Each cell is a stretch of addresses in which blocks lay, darker where more of it is used; ringed where a few old blocks keep it.",
        [main, pins, reports.get("rounding"), reports.get("sizes"), charts.get("regions")].filter(Boolean),
        moments.length > 1 ? choice("Moment", moments.map(moment => [moment, moment === "late" ? "at nine tenths" : "at the end"]), moments[0], show) : null,
        place, ...maps.map(slotMap),
        pins?.rows.length ? el("div", {}, el("div", { class: "note" }, "who pins nearly empty memory"), tableView(pins, pins.records.slice(0, 5))) : null);
}
