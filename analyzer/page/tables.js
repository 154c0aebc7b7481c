/* SPDX-License-Identifier: Apache-2.0 */

// ---- tables: a report's rows ----

// An estimate stands with its interval; text that explains a row stands below it; every head says what it means.
function tableView(table, rows = table.records) {
    if (rows.length === 0) return el("p", { class: "note" }, table.empty ?? "no rows");
    const named = name => !/_(low|high)$/.test(name) || !table.has(name.replace(/_(low|high)$/, ""));
    const below = table.columns.filter(([, type]) => ["PROSE", "STACK", "NOTE"].includes(type)).map(column => column[0]);
    const shown = table.columns.filter(([name, type]) =>
        named(name) && !["KEY", "TOTAL", "UNIT", "PROSE", "STACK", "NOTE"].includes(type)
        && rows.some(row => row[name] !== null));
    const unit = table.columns.find(([, type]) => type === "UNIT")?.[0];
    const order = { column: null, down: true };
    const body = el("tbody");

    function cellText(row, name, type) {
        const value = row[name], low = row[name + "_low"], high = row[name + "_high"];
        const text = units.cell(value, type, unit && row[unit]);
        if (low === undefined || low === null || high === null || (low === value && high === value)) return [text];
        return [text, el("span", { class: "interval" }, ` (${units.cell(low, type, unit && row[unit])}–${units.cell(high, type, unit && row[unit])})`)];
    }

    function fill() {
        const sorted = order.column === null ? rows : rows.slice().sort((a, b) => {
            const x = a[order.column], y = b[order.column];
            if (x === null || y === null) return (x === null) - (y === null);
            return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1);
        });
        body.replaceChildren(...sorted.flatMap(row => {
            const more = below.map(name => row[name]).filter(text => text);
            return [
                el("tr", {}, shown.map(([name, type]) => el("td", { class: units.isNumber(type) ? "number" : "text" }, cellText(row, name, type)))),
                more.length ? el("tr", { class: "more" }, el("td", { colspan: shown.length }, more.join(" · "))) : null,
            ].filter(Boolean);
        }));
    }

    fill();
    return el("div", { class: "scroll" }, el("table", {},
        el("caption", {}, table.sentence + (table.cut ? ` The first ${rows.length} rows.` : "")),
        el("thead", {}, el("tr", {}, shown.map(([name, type, meaning]) => el("th", { scope: "col", class: units.isNumber(type) ? "number" : "" },
            el("button", {
                title: meaning || name,
                onclick: () => {
                    order.down = order.column === name ? !order.down : units.isNumber(type);
                    order.column = name;
                    fill();
                },
            }, name.replace(/_(bytes|ns)$/, "").replaceAll("_", " ")))))),
        body));
}

// A line of heights, as an image with words.
function sparkline(values, colour, words) {
    const space = "http://www.w3.org/2000/svg", width = 140, height = 22;
    const most = Math.max(...values, 1), made = document.createElementNS(space, "svg"), line = document.createElementNS(space, "polyline");
    made.setAttribute("class", "spark");
    made.setAttribute("width", width);
    made.setAttribute("height", height);
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", words);
    line.setAttribute("fill", "none");
    line.style.stroke = colour;
    line.setAttribute("stroke-width", "1.4");
    line.setAttribute("points", values.map((value, i) =>
        `${(i / Math.max(values.length - 1, 1) * (width - 2) + 1).toFixed(1)},${(height - 2 - value / most * (height - 4)).toFixed(1)}`).join(" "));
    made.append(line);
    return made;
}
