// Charts as SVG, drawn anew with each reading: a few hundred points at most.

import { svg } from "./dom.js";

export const LINES = [
  { key: "p50_ms", name: "p50" },
  { key: "p95_ms", name: "p95" },
  { key: "p99_ms", name: "p99" },
];

const TICKS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000];
const SPAN_S = 15 * 60;

/** Return a duration as it is read from afar: three digits at most. */
export function milliseconds(value) {
  if (value === null || value === undefined) return ["\u2013", ""];
  if (value >= 9995) return [(value / 1000).toFixed(0), "s"];
  if (value >= 1000) return [(value / 1000).toFixed(1), "s"];
  return [value >= 99.5 ? value.toFixed(0) : value >= 9.95 ? value.toFixed(0) : value.toFixed(1), "ms"];
}

function box(container) {
  const { width, height } = container.getBoundingClientRect();
  const rem = parseFloat(getComputedStyle(container).fontSize);
  return { width: Math.max(width, 160), height: Math.max(height, 80), rem };
}

function frame(container, width, height, label) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  container.replaceChildren(root);
  return root;
}

function pieces(series, key, x, y) {
  // A gap in what is known is a gap in the line.
  const found = [];
  let current = null;
  for (const point of series) {
    if (point[key] === null || point[key] === undefined) {
      current = null;
    } else {
      if (!current) found.push((current = []));
      current.push([x(point.time), y(point[key])]);
    }
  }
  return found;
}

function path(points) {
  if (points.length === 1) return `M${points[0]}h0.1`; // one reading alone: a dot
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");
}

/** Draw percentiles of the last 15 minutes, on a logarithmic scale. */
export function latencyChart(container, series, now) {
  const { width, height, rem } = box(container);
  const pad = { left: rem * 4.2, right: rem * 2.9, top: rem * 0.6, bottom: rem * 1.7 };
  const values = series.flatMap((point) => LINES.map(({ key }) => point[key])).filter((v) => v > 0);
  const [low, high] = bounds(values);
  const x = (time) => pad.left + (1 - (now - time) / SPAN_S) * (width - pad.left - pad.right);
  const scale = (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low);
  const y = (value) => height - pad.bottom - scale(value) * (height - pad.top - pad.bottom);
  const root = frame(container, width, height, summary(series));
  const all = TICKS.filter((tick) => tick >= low && tick <= high);
  const fit = all.length * rem * 1.4 <= height - pad.top - pad.bottom;
  const ticks = fit ? all : all.filter((tick) => Number.isInteger(Math.log10(tick)));
  for (const tick of ticks) {
    root.append(
      svg("line", { class: "grid", x1: pad.left, x2: width - pad.right, y1: y(tick), y2: y(tick) }),
      svg("text", { x: pad.left - rem * 0.5, y: y(tick) + rem * 0.33, "text-anchor": "end" }, unit(tick)),
    );
  }
  times(root, x, now, height, rem);
  if (low <= 300 && high >= 300) {
    root.append(svg("line", { class: "limit", x1: pad.left, x2: width - pad.right, y1: y(300), y2: y(300) }));
  }
  const visible = series.filter((point) => now - point.time <= SPAN_S);
  const ends = [];
  for (const { key, name } of LINES) {
    const lines = pieces(visible, key, x, y);
    for (const points of lines) root.append(svg("path", { class: `line ${name}`, d: path(points) }));
    if (lines.length) ends.push({ name, at: lines.at(-1).at(-1) });
  }
  for (const { name, at } of apart(ends, rem, pad.top, height - pad.bottom)) {
    root.append(svg("text", { class: `end ${name}`, x: at[0] + rem * 0.4, y: at[1] + rem * 0.33 }, name));
  }
}

function bounds(values) {
  const least = Math.min(1, ...values);
  const most = Math.max(100, ...values);
  const low = TICKS.findLast((tick) => tick <= least) ?? TICKS[0];
  const high = TICKS.find((tick) => tick >= most) ?? most;
  return [low, high];
}

function unit(tick) {
  return tick >= 1000 ? `${tick / 1000} s` : `${tick} ms`;
}

function times(root, x, now, height, rem) {
  const narrow = x(now) - x(now - SPAN_S) < 20 * rem;
  for (const minutes of narrow ? [15] : [15, 10, 5]) {
    const anchor = minutes === 15 ? "start" : "middle";
    const attributes = { x: x(now - minutes * 60), y: height - rem * 0.35, "text-anchor": anchor };
    root.append(svg("text", attributes, `\u2212${minutes} min`));
  }
  root.append(svg("text", { x: x(now), y: height - rem * 0.35, "text-anchor": "end" }, "now"));
}

// Labels at the ends of lines, pushed apart where they would lie on each other.
function apart(ends, rem, top, bottom) {
  const sorted = ends.map((end) => ({ ...end, at: [...end.at] })).sort((a, b) => a.at[1] - b.at[1]);
  const gap = rem * 1.05;
  for (let i = 1; i < sorted.length; i += 1) {
    sorted[i].at[1] = Math.max(sorted[i].at[1], sorted[i - 1].at[1] + gap);
  }
  const over = (sorted.at(-1)?.at[1] ?? 0) - bottom;
  if (over > 0) for (const end of sorted) end.at[1] -= over;
  return sorted;
}

function summary(series) {
  const worst = (key) => Math.max(...series.map((point) => point[key] ?? 0), 0);
  if (!series.length) return "Latency over 15 minutes: no requests yet.";
  const parts = LINES.map(({ key, name }) => {
    const [value, of] = milliseconds(worst(key));
    return `${name} at most ${value} ${of}`;
  });
  return `Latency over 15 minutes: ${parts.join(", ")}.`;
}

/** Draw requests a second of the last 15 minutes, from zero. */
export function rateChart(container, series, now) {
  const { width, height, rem } = box(container);
  const pad = { top: rem * 1.3, bottom: 2 };
  const most = Math.max(1, ...series.map((point) => point.qps));
  const x = (time) => (1 - (now - time) / SPAN_S) * width;
  const y = (value) => height - pad.bottom - (value / most) * (height - pad.top - pad.bottom);
  const label = `Requests a second over 15 minutes, at most ${most.toFixed(0)}.`;
  const root = frame(container, width, height, label);
  const points = series.filter((point) => now - point.time <= SPAN_S).map((p) => [x(p.time), y(p.qps)]);
  if (points.length) {
    const floor = height - pad.bottom;
    root.append(
      svg("path", { class: "area", d: `${path(points)}V${floor}H${points[0][0].toFixed(1)}Z` }),
      svg("path", { class: "line p50", d: path(points) }),
    );
  }
  root.append(svg("text", { x: 0, y: rem * 0.9 }, `15 minutes, most ${most.toFixed(0)}/s`));
}
