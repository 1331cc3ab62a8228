// The panels of the live page: what each shows of the figures.

import { el } from "./dom.js";
import { milliseconds } from "./chart.js";

const number = new Intl.NumberFormat("en");
const LAYERS = { memory: "Memory", disk: "Disk", redis: "Redis", l1: "Memory", l2: "Disk", l3: "Redis" };
const KINDS = { recommendations: "similar", suggestions: "suggest" };
const TIERS = {
  full: "Full",
  cached: "Stored, stale",
  static: "Static set",
  none: "Refused",
};
const PROVIDERS = { tmdb: "TMDB", justwatch: "JustWatch" };

/** Return a share as a percentage; 100 only where nothing is missing. */
export function percent(share) {
  if (share === null || share === undefined) return "\u2013";
  const value = share * 100;
  if (value > 99.9 && value < 100) return "99.9 %";
  if (value > 0 && value < 0.1) return "<0.1 %";
  return value > 0 && value < 10 ? `${value.toFixed(1)} %` : `${Number(value.toFixed(1))} %`;
}

export function bytes(value) {
  if (!value) return "\u2013";
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${scaled >= 99.5 || power === 0 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[power]}`;
}

function rate(value) {
  return value >= 9.95 ? number.format(Math.round(value)) : value.toFixed(1);
}

/** Show big numbers: name, value, unit, and how it is to be taken. */
export function numbers(list, rows) {
  update(list, rows, ([name]) => name, ([name]) => [
    el("div", { "data-key": name },
      el("dt", {}),
      el("dd", {}, el("span", { class: "value" }), el("span", { class: "unit" }), el("span", { class: "verdict" }))),
  ], (node, [name, value, unit, verdict]) => {
    set(node.querySelector("dt"), name);
    set(node.querySelector(".value"), value);
    set(node.querySelector(".unit"), unit ? ` ${unit}` : "");
    set(node.querySelector(".verdict"), verdict?.text ?? "");
    node.dataset.level = verdict?.level ?? "";
    node.dataset.name = name;
  });
}

/** Show bars: name, share 0 to 1 or null, what is written, and how it is to be taken. */
function bars(list, rows, none) {
  const shown = rows.length ? rows : [{ name: none, share: undefined, said: "" }];
  update(list, shown, (row) => row.name, (row) => [
    el("li", { "data-key": row.name },
      el("span", { class: "name" }), el("span", { class: "said" }),
      el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill" }))),
  ], (node, row) => {
    set(node.querySelector(".name"), row.name);
    set(node.querySelector(".said"), row.said);
    node.querySelector(".track").hidden = row.share === undefined;
    node.querySelector(".fill").style.setProperty("--share", String(row.share ?? 0));
    node.dataset.level = row.level ?? "";
  });
}

// Nodes are kept and their text is set: nothing flickers, and a reader's place is not lost.
function update(list, rows, key, make, fill) {
  const keys = rows.map(key);
  const nodes = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const wanted = rows.map((row, i) => nodes.get(keys[i]) ?? make(row)[0]);
  if (wanted.length !== list.children.length || wanted.some((node, i) => list.children[i] !== node)) {
    list.replaceChildren(...wanted);
  }
  rows.forEach((row, i) => fill(wanted[i], row));
}

function set(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

// -- panels -------------------------------------------------------------------------------

const at = (id) => document.getElementById(id);

export function showLatency({ latency }) {
  const limits = { p50: [100, 300], p95: [200, 300], p99: [500, 1000] };
  numbers(at("percentiles"), ["p50", "p95", "p99"].map((name) => {
    const value = latency[`${name}_ms`];
    const [shown, unit] = milliseconds(value);
    const [warn, bad] = limits[name];
    return [name, shown, unit, judged(value, warn, bad, "slow", "too slow")];
  }));
}

function judged(value, warn, bad, slow, worse) {
  if (value === null || value === undefined) return null;
  if (value > bad) return { level: "bad", text: worse };
  return value > warn ? { level: "warn", text: slow } : null;
}

export function showTraffic({ qps, error_share }) {
  numbers(at("traffic"), [
    ["requests", rate(qps), "/s", null],
    ["errors", percent(error_share), "", judged(error_share, 0.01, 0.05, "raised", "too many")],
  ]);
}

export function showSearch({ search }) {
  const [p50, unit50] = milliseconds(search.p50_ms);
  const [p95, unit95] = milliseconds(search.p95_ms);
  const few = search.recall === null || search.recall_samples < 30; // too few to judge
  const low = few ? null : 1 - search.recall;
  const samples = search.recall_samples;
  numbers(at("search"), [
    ["p50", p50, unit50, judged(search.p50_ms, 50, 150, "slow", "too slow")],
    ["p95", p95, unit95, judged(search.p95_ms, 150, 300, "slow", "too slow")],
    ["recall@10", percent(search.recall), samples ? `(${number.format(samples)})` : "",
      judged(low, 0.05, 0.1, "low", "too low")],
    ["searches", rate(search.qps), "/s", null],
  ]);
}

export function showProviders({ providers }) {
  const rows = providers.map((one) => {
    const share = one.limit ? one.used / one.limit : 0;
    const window = one.window_s === 1 ? "a second" : `in ${one.window_s} s`;
    const notes = [`${window}`];
    if (one.waiting) notes.push(`${one.waiting} waiting`);
    if (one.breaker === "open") notes.push("down: not asked");
    else if (one.breaker === "half-open") notes.push("being tried again");
    else if (share > 0.9) notes.push("near its limit");
    const level = one.breaker === "open" || share > 1 ? "bad"
      : one.breaker === "half-open" || share > 0.9 ? "warn" : "";
    return { ...one, share: Math.min(1, share), notes: notes.join(", "), level };
  });
  const list = at("providers");
  const shown = rows.length ? rows : [{ name: "none", missing: true }];
  update(list, shown, (row) => row.name, (row) => [
    el("li", { "data-key": row.name },
      el("span", { class: "name" }),
      el("span", { class: "value" }),
      el("span", { class: "track" }, el("span", { class: "fill" })),
      el("span", { class: "notes" })),
  ], (node, row) => {
    const name = PROVIDERS[row.name] ?? row.name;
    const track = node.querySelector(".track");
    track.hidden = Boolean(row.missing);
    if (row.missing) return set(node.querySelector(".name"), "No provider is asked.");
    set(node.querySelector(".name"), name);
    set(node.querySelector(".value"), `${Math.round(row.used)}/${Math.round(row.limit)}`);
    set(node.querySelector(".notes"), row.notes);
    track.setAttribute("role", "meter");
    track.setAttribute("aria-label", `${name}, requests ${row.notes}`);
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", String(row.limit));
    track.setAttribute("aria-valuenow", String(row.used));
    node.querySelector(".fill").style.setProperty("--share", String(row.share));
    node.dataset.level = row.level;
  });
}

export function showHits({ kinds, layers }) {
  const rows = (found, names) => found.map(({ name, ratio, requests }) => ({
    name: names[name] ?? name.replaceAll("_", " "),
    share: ratio,
    said: requests ? percent(ratio) : "\u2013",
    level: requests >= 20 && ratio < 0.6 && names === KINDS ? "warn" : "",
  }));
  bars(at("kinds"), rows(kinds, KINDS), "No look-ups yet.");
  bars(at("layers"), rows(layers, LAYERS), "No look-ups yet.");
}

export function showTiers({ tiers }) {
  const all = tiers.reduce((sum, { count }) => sum + count, 0);
  bars(at("tiers"), tiers.map(({ name, count }) => ({
    name: TIERS[name] ?? name,
    share: all ? count / all : 0,
    said: all ? `${percent(count / all)} \u00b7 ${number.format(count)}` : "\u2013",
    level: !count || name === "full" ? "" : name === "cached" ? "warn" : "bad",
  })), "No answers yet.");
}

export function showStore({ store, pool, workers }) {
  const rows = [
    ["titles", number.format(store.titles)],
    ["vectors", number.format(store.vectors)],
    ["not sealed yet", number.format(store.live_rows)],
    ["on disk", bytes(store.disk_bytes)],
    ["cache", bytes(store.cache_bytes)],
    ["memory", bytes(store.memory_bytes)],
    ["threads busy", `${pool.busy}/${pool.threads}`],
    ["in progress", number.format(pool.in_progress)],
    ["waiting", number.format(pool.waiting)],
    ["workers", number.format(workers)],
  ];
  update(at("store"), rows, ([name]) => name, ([name]) => [
    el("div", { "data-key": name }, el("dt", {}, name), el("dd", {})),
  ], (node, [, value]) => set(node.querySelector("dd"), value));
}

const SEVERITIES = { info: "Info", warning: "Warning", critical: "Critical" };

export function showEvents(events) {
  const list = at("events");
  const rows = events.length ? events : [{ none: true, time: 0, text: "Nothing has happened." }];
  update(list, rows, (row) => `${row.time}|${row.text}`, (row) => [
    el("li", { "data-key": `${row.time}|${row.text}`, "data-severity": row.severity ?? "" },
      row.none ? null : el("time", { datetime: new Date(row.time * 1000).toISOString() }, clock(row.time)),
      row.none ? null : el("span", { class: "severity" }, SEVERITIES[row.severity] ?? row.severity),
      el("span", {}, row.text)),
  ], () => {});
  // What does not fit is left out whole, rather than cut through a line.
  for (const node of list.children) node.hidden = false;
  if (getComputedStyle(list).overflowY !== "hidden") return;
  const cut = [...list.children].filter((one) => one.offsetTop + one.offsetHeight > list.clientHeight + 1);
  for (const node of cut) node.hidden = true;
}

/** Return the time of day. */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}
