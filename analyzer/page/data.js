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

const page = JSON.parse(document.getElementById("data").textContent);
const charts = new Map(page.charts.map(raw => [raw.name, new Table(raw)]));
const reports = new Map(page.reports.map(raw => [raw.name, new Table(raw)]));
const chartRows = name => charts.get(name)?.records ?? [];
const reportRows = name => reports.get(name)?.records ?? [];
const facts = chartRows("facts")[0] ?? { duration_ns: 1 };
const whole = [0, Math.max(facts.duration_ns, 1)];

// The time that everything is about, and the moment under the pointer; listeners are asked once per picture.
const selection = { range: whole.slice(), hover: null };
const listeners = new Set();
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
