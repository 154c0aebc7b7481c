/* SPDX-License-Identifier: Apache-2.0 */

// ---- dom: elements, panels, tips ----

// Text is always text: nothing from the trace is ever read as markup.
function el(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
        else if (name === "style") Object.assign(made.style, value);
        else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
    return made;
}

const theme = {
    get dark() { return document.documentElement.dataset.theme === "dark"; },
    set(name) {
        document.documentElement.dataset.theme = name;
        theme.colours = {};
        changed();
    },
    colours: {},
    colour(name) {
        return theme.colours[name] ??= getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    },
};

const tip = {
    show(event, text) {
        const box = document.getElementById("tip");
        box.textContent = text;
        box.hidden = false;
        const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
        const below = event.clientY + 18 + box.offsetHeight < innerHeight;
        box.style.left = Math.max(8, left) + "px";
        box.style.top = (below ? event.clientY + 18 : event.clientY - box.offsetHeight - 10) + "px";
    },
    hide() { document.getElementById("tip").hidden = true; },
};

// Calls `draw` when the selection or the theme changed, for what can be seen; at once when it comes into sight, or is printed.
function whileVisible(element, draw) {
    let visible = false, stale = true;
    const look = () => {
        if (!visible) {
            stale = true;
        } else {
            stale = false;
            draw();
        }
    };
    new IntersectionObserver(entries => {
        visible = entries.at(-1).isIntersecting;
        if (visible && stale) look();
    }, { rootMargin: "80px" }).observe(element);
    listeners.add(look);
    addEventListener("beforeprint", draw);
}

// A card with a title, its drawing, and on demand its table and the statement that made it. `tables` are the
// tables behind the drawing.
function panel(id, title, sentence, tables, ...content) {
    const shown = tables.filter(table => table);
    const data = el("div", { hidden: true, class: "data" });
    const toggle = el("button", { "aria-expanded": "false", class: "toggle", title: "The table behind this, and its SQL (space)" }, "Table");
    const made = el("section", { class: "card", id, tabindex: "-1", "aria-label": title },
        el("div", { class: "top" }, el("h2", {}, title), toggle),
        sentence ? el("p", { class: "sentence" }, sentence) : null,
        ...content, data);
    toggle.addEventListener("click", () => {
        data.hidden = !data.hidden;
        toggle.setAttribute("aria-expanded", String(!data.hidden));
        if (!data.hidden && !data.firstChild) {
            for (const table of shown) data.append(tableView(table), sqlView(table));
        }
    });
    made.reports = shown.map(table => table.name);
    if (shown.length === 0) toggle.remove();
    return made;
}

function sqlView(table) {
    return el("details", {}, el("summary", { class: "note" }, "SQL of " + table.name), el("pre", {}, table.sql));
}

// Buttons of which one is pressed.
function choice(label, options, chosen, choose) {
    const buttons = options.map(([value, text]) => el("button", {
        "aria-pressed": String(value === chosen),
        onclick: event => {
            buttons.forEach(button => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
            choose(value);
        },
    }, text));
    return el("span", { class: "controls", role: "group", "aria-label": label }, buttons);
}
