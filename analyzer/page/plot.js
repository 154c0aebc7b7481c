/* SPDX-License-Identifier: Apache-2.0 */

// ---- plot: a canvas over time ----
//
// All plots show selection.range and one moment; dragging in any selects a time for all. A plot is drawn only while
// it can be seen, and at most once per picture.

const GUTTER = 64;

// A pattern says what a colour says, to those who do not see the colour.
const hatches = new Map();

function hatch(ctx, colour, kind) {
    const key = [colour, kind, theme.colour("card")].join();
    if (!hatches.has(key)) hatches.set(key, makeHatch(ctx, colour, kind));
    return hatches.get(key);
}

function makeHatch(ctx, colour, kind) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const draw = tile.getContext("2d");
    draw.strokeStyle = draw.fillStyle = colour;
    draw.globalAlpha = kind === "lines" ? 0.18 : 0.75;
    draw.fillRect(0, 0, 8, 8);
    draw.globalAlpha = 1;
    draw.lineWidth = 1.4;
    draw.beginPath();
    if (kind === "lines" || kind === "slash") {
        for (const shift of [-8, 0, 8]) {
            draw.moveTo(shift, 8);
            draw.lineTo(shift + 8, 0);
        }
    } else if (kind === "level") {
        draw.moveTo(0, 4);
        draw.lineTo(8, 4);
    } else if (kind === "upright") {
        draw.moveTo(4, 0);
        draw.lineTo(4, 8);
    } else if (kind === "dots") {
        draw.rect(3, 3, 2, 2);
    }
    if (kind !== "lines") draw.strokeStyle = theme.colour("card");
    draw.stroke();
    return ctx.createPattern(tile, "repeat");
}

function niceSteps(low, high, count, binary) {
    const span = (high - low) / count;
    if (!(span > 0)) return [low];
    const power = 10 ** Math.floor(Math.log10(span));
    const step = binary ? 2 ** Math.ceil(Math.log2(span)) : power * [1, 2, 5, 10].find(factor => factor * power >= span);
    const steps = [];
    for (let at = Math.ceil(low / step) * step; at <= high * 1.0001; at += step) steps.push(at);
    return steps;
}

class TimePlot {
    // height: of the canvas; unit: a function for values; binary: steps of 1024; top(t0, t1): the largest value there;
    // draw(ctx, plot): what is between the axes; read(time): [[name, text, colour]...] at a moment; label: for who cannot see it.
    constructor(options) {
        Object.assign(this, { height: 170, bottom: 18, headroom: 1.06, unit: units.bytes, binary: true, fixed: false }, options);
        this.canvas = el("canvas", { role: "img", "aria-label": this.label ?? "", tabindex: this.fixed ? "0" : null });
        this.legend = el("div", { class: "legend" });
        this.element = el("div", { class: "plot" }, this.canvas, this.legend);
        this.canvas.style.height = this.height + "px";
        whileVisible(this.element, () => this.paint());
        new ResizeObserver(() => this.paint()).observe(this.canvas);
        this.listen();
    }

    get range() { return this.fixed ? whole : selection.range; }

    x(time) { return GUTTER + (time - this.range[0]) / (this.range[1] - this.range[0]) * (this.width - GUTTER - 6); }
    y(value) { return this.height - this.bottom - value / this.highest * (this.height - this.bottom - 6); }
    time(x) { return this.range[0] + (x - GUTTER) / (this.width - GUTTER - 6) * (this.range[1] - this.range[0]); }

    listen() {
        const here = event => this.time(event.clientX - this.canvas.getBoundingClientRect().left);
        let start = null, moved = null;
        this.canvas.addEventListener("pointerdown", event => {
            if (event.button !== 0) return;
            start = here(event);
            moved = this.fixed && !isWhole() && start > selection.range[0] && start < selection.range[1]
                ? start - selection.range[0] : null;
            this.canvas.setPointerCapture(event.pointerId);
        });
        this.canvas.addEventListener("pointermove", event => {
            const now = here(event);
            selectMoment(Math.max(whole[0], Math.min(now, whole[1])));
            if (start === null) return;
            if (moved !== null) { // the window is carried along
                const width = selection.range[1] - selection.range[0];
                const from = Math.max(whole[0], Math.min(now - moved, whole[1] - width));
                selectRange(from, from + width);
            } else if (this.fixed) {
                selectRange(Math.min(start, now), Math.max(start, now));
            } else {
                this.drag = [Math.min(start, now), Math.max(start, now)];
                changed();
            }
        });
        this.canvas.addEventListener("pointerup", () => {
            if (this.drag && this.x(this.drag[1]) - this.x(this.drag[0]) > 4) selectRange(...this.drag);
            start = this.drag = null;
            changed();
        });
        this.canvas.addEventListener("pointerleave", () => selectMoment(null));
        this.canvas.addEventListener("dblclick", () => selectRange(...whole));
        this.canvas.addEventListener("keydown", event => {
            const [from, to] = selection.range, step = (to - from) / 10;
            const moves = { ArrowLeft: [-step, -step], ArrowRight: [step, step], "+": [step, -step], "-": [-step, step] };
            const move = moves[event.key];
            if (move) {
                selectRange(from + move[0], to + move[1]);
                event.preventDefault();
            }
        });
    }

    paint() {
        const ratio = devicePixelRatio || 1, width = this.canvas.clientWidth;
        if (width === 0) return;
        if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(this.height * ratio)) {
            this.canvas.width = Math.round(width * ratio);
            this.canvas.height = Math.round(this.height * ratio);
        }
        const ctx = this.canvas.getContext("2d");
        this.width = width;
        this.highest = Math.max(this.top(...this.range), 1e-9) * this.headroom;
        ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
        ctx.clearRect(0, 0, width, this.height);
        ctx.font = "11px system-ui, sans-serif";
        this.axes(ctx);
        ctx.save();
        ctx.beginPath();
        ctx.rect(GUTTER, 0, width - GUTTER - 6, this.height - this.bottom + 1);
        ctx.clip();
        this.draw(ctx, this);
        this.marks(ctx);
        ctx.restore();
        this.cursor(ctx);
        this.say();
    }

    axes(ctx) {
        ctx.fillStyle = theme.colour("soft");
        ctx.strokeStyle = theme.colour("grid");
        ctx.lineWidth = 1;
        ctx.textAlign = "right";
        ctx.textBaseline = "middle";
        if (!this.plain) {
            for (const value of niceSteps(0, this.highest, Math.max(2, this.height / 55), this.binary)) {
                const y = Math.round(this.y(value)) + 0.5;
                ctx.beginPath();
                ctx.moveTo(GUTTER, y);
                ctx.lineTo(this.width - 6, y);
                ctx.stroke();
                ctx.fillText(this.unit(value), GUTTER - 6, Math.max(7, y));
            }
        }
        ctx.textAlign = "center";
        ctx.textBaseline = "bottom";
        for (const time of niceSteps(...this.range, Math.max(2, this.width / 130), false)) {
            const x = this.x(time);
            if (x > GUTTER + 14 && x < this.width - 24) ctx.fillText(units.ns(time), x, this.height - 1);
        }
    }

    marks(ctx) {
        ctx.strokeStyle = theme.colour("c9");
        ctx.setLineDash([2, 3]);
        for (const mark of chartRows("marks")) {
            const x = this.x(mark.time_ns);
            if (x < GUTTER || x > this.width) continue;
            ctx.beginPath();
            ctx.moveTo(x, 0);
            ctx.lineTo(x, this.height - this.bottom);
            ctx.stroke();
        }
        ctx.setLineDash([]);
    }

    cursor(ctx) {
        const shade = (from, to, colour) => {
            ctx.globalAlpha = 0.16;
            ctx.fillStyle = colour;
            ctx.fillRect(this.x(from), 0, this.x(to) - this.x(from), this.height - this.bottom);
            ctx.globalAlpha = 1;
        };
        if (this.drag) shade(...this.drag, theme.colour("accent"));
        if (this.fixed && !isWhole()) {
            shade(whole[0], selection.range[0], theme.colour("ink"));
            shade(selection.range[1], whole[1], theme.colour("ink"));
        }
        if (selection.hover !== null) {
            const x = Math.round(this.x(selection.hover)) + 0.5;
            if (x >= GUTTER && x <= this.width) {
                ctx.strokeStyle = theme.colour("soft");
                ctx.beginPath();
                ctx.moveTo(x, 0);
                ctx.lineTo(x, this.height - this.bottom);
                ctx.stroke();
            }
        }
    }

    // The legend carries the values at the moment, so that nothing has to be hit exactly.
    say() {
        if (!this.read) return;
        const time = selection.hover ?? this.range[1];
        const words = this.read(time).map(([name, text, colour]) => el("span", {},
            colour ? el("i", { class: "swatch", style: { background: colour } }) : null, name + " ", el("b", {}, text)));
        this.legend.replaceChildren(el("span", {}, selection.hover === null ? "at the end of the selection" : "at " + units.ns(time)), ...words);
    }
}
