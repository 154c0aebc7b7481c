// SPDX-License-Identifier: Apache-2.0
//
// page.mjs -- opens pages of `memanalyze html` in Chromium and uses them as a reader would.
//
//   node page.mjs CHROMIUM FOLDER NAME=PANEL,PANEL...     FOLDER/NAME.html must draw these panels
//
// Each check that fails is a line on stdout; the exit code says whether there were any. A screenshot of each page, light and dark,
// is left in FOLDER.
import { chromium } from "playwright-core";

const [executablePath, folder, ...pages] = process.argv.slice(2);
let checks = 0, failures = 0;

function check(page, what, holds) {
    checks++;
    if (!holds) {
        failures++;
        console.log(`FAILED ${page}: ${what}`);
    }
}

// What holds at once, or when the page has drawn: a busy machine may take a while.
async function eventually(page, what, asks) {
    for (let tries = 0; tries < 40; tries++) {
        if (await asks()) return check(page, what, true);
        await new Promise(done => setTimeout(done, 100));
    }
    check(page, what, false);
}

// How many different colours a drawing has: an empty canvas has one.
const coloursOf = canvas => canvas.evaluate(element => {
    const data = element.getContext("2d").getImageData(0, 0, element.width, element.height).data, seen = new Set();
    for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3]);
    return seen.size;
});

// The least contrast of any text with what it lies on, as WCAG counts it.
const leastContrast = () => {
    const parse = colour => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    let least = [99, ""];
    for (const element of document.querySelectorAll("h1, h2, p, td, th, span, b, button, summary, .note")) {
        if (!element.checkVisibility() || ![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        let ground = element;
        while (ground && (parse(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
        const a = light(parse(getComputedStyle(element).color)), b = light(parse(getComputedStyle(ground ?? document.body).backgroundColor));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < least[0]) least = [ratio, element.tagName + " " + element.className + " " + element.textContent.slice(0, 30)];
    }
    return least;
};

async function use(browser, name, panels) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
    const noise = [];
    page.on("console", message => ["error", "warning"].includes(message.type()) && noise.push(message.text()));
    page.on("pageerror", error => noise.push(String(error)));
    page.on("dialog", dialog => (noise.push("a dialog: " + dialog.message()), dialog.dismiss()));
    page.on("request", request => /^(file|data):/.test(request.url()) || noise.push("asked for " + request.url()));
    await page.goto(`file://${folder}/${name}.html`);
    await page.waitForSelector("footer kbd");

    // the set that suits the program hides what it has no need of; the choice is kept
    const chosen = await page.locator("header select").inputValue();
    check(name, `the report set ${chosen} is not the one that suits`, name !== "game" || chosen === "game");
    await page.selectOption("header select", "embedded");
    check(name, "a report set hides nothing", await page.locator("main > section[hidden]").count() > 0);
    await page.reload();
    check(name, "the choice is not remembered", await page.locator("header select").inputValue() === "embedded");
    await page.selectOption("header select", "everything");

    for (const panel of panels) {
        const section = page.locator(`#${panel}`);
        check(name, `there is no panel ${panel}`, await section.count() === 1);
        if (await section.count() !== 1) continue;
        await section.scrollIntoViewIfNeeded();
        await page.waitForTimeout(80);
        for (const canvas of await section.locator("canvas").all()) await eventually(name, `${panel} is blank`, async () => await coloursOf(canvas) > 3);
    }

    // the brush: what is selected there is what everything speaks of
    const seen = async selector => { // what is out of sight is not drawn
        await page.locator(selector).scrollIntoViewIfNeeded();
        await page.waitForTimeout(120);
        return page.locator(selector).innerText();
    };
    const flame = () => seen("#flame .legend"), sites = () => seen("#sites tbody");
    await page.locator("#flame").getByRole("button", { name: "allocated", exact: true }).click();
    const before = [await flame(), await sites(), await page.evaluate(() => selection.range.join())];
    await page.evaluate(() => scrollTo(0, 0));
    const strip = await page.locator("#overview canvas").boundingBox();
    await page.mouse.move(strip.x + strip.width * 0.3, strip.y + 20);
    await page.mouse.down();
    for (let i = 0; i <= 30; i++) await page.mouse.move(strip.x + strip.width * (0.3 + i / 100), strip.y + 20);
    await page.mouse.up();
    await page.waitForTimeout(80);
    check(name, "dragging over the overview selects nothing", await page.evaluate(() => selection.range.join()) !== before[2]);
    await eventually(name, "the flame graph does not follow the selection", async () => await flame() !== before[0]);
    await eventually(name, "the sites do not follow the selection", async () => await sites() !== before[1]);
    await page.evaluate(() => scrollTo(0, 0));
    const pace = await page.evaluate(() => new Promise(done => { // the same again, timed
        const times = [];
        let step = 0, last = performance.now();
        const next = () => {
            times.push(performance.now() - last);
            last = performance.now();
            if (++step > 40) return done(times.sort((a, b) => a - b)[Math.floor(times.length * 0.9)]);
            selectRange(whole[1] * step / 100, whole[1] * (step + 40) / 100);
            requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
    }));
    console.log(`${name}: 9 of 10 pictures while brushing took at most ${pace.toFixed(1)} ms`);
    await page.keyboard.press("Escape");
    await page.waitForTimeout(80);
    await eventually(name, "Escape does not select the whole run", async () => await page.evaluate(() => selection.range.join()) === before[2]);

    check(name, "what changed since the baseline is not said", name !== "server" || /orange: more/.test(await flame()));

    // hovering speaks in every legend
    await page.evaluate(() => scrollTo(0, 0));
    await page.mouse.move(strip.x + strip.width * 0.6, strip.y + 20);
    await eventually(name, "the moment under the pointer is not known", () => page.evaluate(() => selection.hover !== null));
    if (panels.includes("memory")) {
        await eventually(name, "the moment under the pointer is not linked", () => page.evaluate(() => /^at \d/.test(document.querySelector("#memory .legend").textContent)));
    }

    // the planner
    const plan = () => page.locator("#capacity").innerText();
    if (await page.locator("#capacity").count()) {
        const limit = page.locator("#capacity input[type=range]").first();
        await limit.fill(await limit.getAttribute("max")); // for it may begin at 23
        const planned = await plan();
        await limit.fill("23");
        check(name, "the limit's slider changes nothing", await plan() !== planned);
        check(name, "the snippet does not follow the slider", /memory_limit_bytes = 8388608/.test(await plan()));
    }

    // the keyboard
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press("j");
    check(name, "j goes nowhere", await page.evaluate(() => document.activeElement.id) === "verdicts");
    await page.keyboard.press("j");
    const second = await page.evaluate(() => document.activeElement.id);
    check(name, "j stays", second !== "verdicts" && second !== "");
    await page.keyboard.press(" ");
    check(name, "space shows no table", await page.locator(`#${second} .data table`).count() > 0);
    check(name, "the table comes without its SQL", /SELECT/.test(await page.locator(`#${second} .data pre`).first().textContent()));
    await page.keyboard.press(" ");
    await page.keyboard.press("/");
    check(name, "/ does not go to the search", await page.evaluate(() => document.activeElement.type) === "search");
    await page.keyboard.type("ma");
    await eventually(name, "the search finds nothing", async () => /found/.test(await flame()));
    await page.keyboard.press("Escape");

    // every report opens
    for (const report of await page.locator("#reports details.report").all()) await report.locator("summary").first().click();
    await page.waitForTimeout(120);
    await eventually(name, "a report has no table", async () => await page.locator("#reports details.report > .scroll table").count() === await page.locator("#reports details.report").count());

    for (const theme of ["light", "dark"]) {
        await page.evaluate(chosen => chooseTheme(chosen), theme);
        await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
        await page.waitForTimeout(120);
        const [ratio, where] = await page.evaluate(leastContrast);
        check(name, `in the ${theme} theme a text has a contrast of ${ratio.toFixed(2)}: ${where}`, ratio >= 4.5);
        await page.screenshot({ path: `${folder}/${name}_${theme}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 400, height: 800 });
    await page.waitForTimeout(80);
    await eventually(name, "it is wider than a narrow screen", () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    check(name, noise.join("; "), noise.length === 0);
    await page.close();
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
for (const page of pages) {
    const [name, panels] = page.split("=");
    await use(browser, name, panels.split(","));
}
await browser.close();
console.log(`${checks} checks, ${failures} failed`);
process.exit(failures ? 1 : 0);
