/* SPDX-License-Identifier: Apache-2.0 */

// ---- data: tables of the page, and what is selected ----

class Table {
    constructor(raw) {
        Object.assign(this, raw);
        this.at = new Map(raw.columns.map((column, i) => [column[0], i]));
    }

    has(column) { return this.at.has(column); }

    // Rows as objects, made once.
    get records() {
        this.made ??= this.rows.map(row => Object.fromEntries(this.columns.map((column, i) => [column[0], row[i]])));
        return this.made;
    }

    type(column) { return this.at.has(column) ? this.columns[this.at.get(column)][1] : "VALUE"; }
    meaning(column) { return this.at.has(column) ? this.columns[this.at.get(column)][2] : ""; }
}

let page, charts, reports, facts, whole = [0, 1];
const chartRows = name => charts.get(name)?.records ?? [];
const reportRows = name => reports.get(name)?.records ?? [];

// The time that everything is about, and the moment under the pointer; listeners are asked once per picture.
const selection = { range: whole.slice(), hover: null };
const listeners = new Set();
const derived = []; // functions that compute what others need of new data

// Takes data, the first or others of a run that goes on. What was selected stays, and goes on when it went to the end.
function load(raw) {
    const [from, to] = selection.range, atEnd = to >= whole[1], all = isWhole();
    page = raw;
    charts = new Map(page.charts.map(table => [table.name, new Table(table)]));
    reports = new Map(page.reports.map(table => [table.name, new Table(table)]));
    facts = chartRows("facts")[0] ?? { duration_ns: 1 };
    whole = [0, Math.max(facts.duration_ns, 1)];
    selection.range = all ? whole.slice() : atEnd ? [Math.max(0, whole[1] - (to - from)), whole[1]] : [from, to];
    listeners.clear();
    derived.forEach(compute => compute());
}

let asked = false;

function changed() {
    if (!asked) {
        asked = true;
        requestAnimationFrame(() => {
            asked = false;
            listeners.forEach(listen => listen());
        });
    }
}

function selectRange(from, to) {
    const least = whole[1] / 1e5;
    from = Math.max(whole[0], Math.min(from, whole[1] - least));
    to = Math.min(whole[1], Math.max(to, from + least));
    if (from !== selection.range[0] || to !== selection.range[1]) {
        selection.range = [from, to];
        changed();
    }
}

function selectMoment(time) {
    if (time !== selection.hover) {
        selection.hover = time;
        changed();
    }
}

const isWhole = () => selection.range[0] === whole[0] && selection.range[1] === whole[1];

// Index of the last row whose `column` is at most `time`; -1: none.
function lastBefore(rows, column, time) {
    let low = 0, high = rows.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (rows[middle][column] <= time) low = middle + 1;
        else high = middle;
    }
    return low - 1;
}

// What the reader chose and wants to find again.
const memory = {
    get(name) {
        try { return localStorage.getItem("memanalyze." + name); } catch { return null; }
    },
    set(name, value) {
        try { localStorage.setItem("memanalyze." + name, value); } catch { /* not allowed here */ }
    },
};
