/* SPDX-License-Identifier: Apache-2.0 */

// ---- units: numbers as people read them ----

const units = {
    scaled(value, steps, base) {
        let step = 0, scaled = Math.abs(value);
        while (scaled >= base && step < steps.length - 1) {
            scaled /= base;
            step++;
        }
        const digits = step === 0 ? 0 : scaled < 10 ? 2 : scaled < 100 ? 1 : 0;
        return (value < 0 ? "-" : "") + scaled.toFixed(digits) + " " + steps[step];
    },
    bytes: value => units.scaled(value, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 1024),
    ns(value) {
        const size = Math.abs(value);
        if (size < 1e3) return Math.round(value) + " ns";
        if (size < 1e6) return (value / 1e3).toFixed(1) + " µs";
        if (size < 1e9) return (value / 1e6).toFixed(1) + " ms";
        if (size < 6e10) return (value / 1e9).toFixed(2) + " s";
        const seconds = Math.round(size / 1e9), hours = Math.floor(seconds / 3600);
        const minutes = String(Math.floor(seconds / 60) % 60).padStart(hours ? 2 : 1, "0");
        return (value < 0 ? "-" : "") + (hours ? hours + ":" : "") + minutes + ":" + String(seconds % 60).padStart(2, "0") +
            (hours ? " h" : " min");
    },
    count: value => Number.isInteger(value) ? value.toLocaleString("en").replaceAll(",", "\u202f") : String(+value.toPrecision(4)),
    share: value => (value * 100).toFixed(Math.abs(value) < 0.0995 ? 2 : 1) + " %",
    flow: value => units.bytes(value) + "/s",
    rate: value => units.bytes(value) + "/h",

    // By the type that a report's column documents.
    cell(value, type, unit) {
        if (value === null || value === undefined) return "";
        if (typeof value === "string") return value;
        switch (type) {
        case "BYTES": return units.bytes(value);
        case "NS": return units.ns(value);
        case "COUNT": return units.count(value);
        case "RATIO": return units.share(value);
        case "RATE": return units.rate(value);
        case "FLOW": return units.flow(value);
        case "PACE": return units.count(+value.toPrecision(4)) + " /s";
        case "MIXED": return units.mixed(value, unit);
        default: return String(value);
        }
    },
    mixed(value, unit) {
        switch (unit) {
        case "bytes": return units.bytes(value);
        case "bytes_per_hour": return units.rate(value);
        case "bytes_per_second": return units.flow(value);
        case "ns": return units.ns(value);
        case "ppm": return units.share(value / 1e6);
        case "ratio": return units.share(value);
        default: return units.count(value);
        }
    },
    isNumber: type => !["TEXT", "GROUP", "STACK", "PROSE", "NOTE", "UNIT"].includes(type),
};
