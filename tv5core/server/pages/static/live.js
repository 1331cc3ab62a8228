// The live page: every reading replaces what is shown; what is shown is never older than it says.

import { latencyChart, rateChart } from "./chart.js";
import {
  clock, showEvents, showHits, showLatency, showProviders, showSearch, showStore, showTiers, showTraffic,
} from "./panels.js";
import { follow } from "./stream.js";

const MOST_EVENTS = 8;
const at = (id) => document.getElementById(id);

let latest = null;
let restarts = []; // what the gateway cannot tell of itself
let state = "";

function show(figures) {
  if (latest && figures.started_at > latest.started_at + 1) {
    restarts = [{ time: figures.started_at, severity: "info", text: "The gateway restarted." }, ...restarts];
    restarts.length = Math.min(restarts.length, 3);
  }
  latest = figures;
  showLatency(figures);
  showTraffic(figures);
  showSearch(figures);
  showProviders(figures);
  showHits(figures);
  showTiers(figures);
  showStore(figures);
  const events = [...figures.events, ...restarts].sort((a, b) => b.time - a.time);
  showEvents(events.slice(0, MOST_EVENTS));
  charts();
  const version = figures.version ? ` \u00b7 ${figures.version}` : "";
  at("since").textContent = `up ${span(figures.time - figures.started_at)}${version}`;
}

function charts() {
  if (!latest) return;
  latencyChart(at("chart"), latest.series, latest.time);
  rateChart(at("traffic-chart"), latest.series, latest.time);
}

function span(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.max(0, Math.floor(seconds))} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 1) return `${minutes} min`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

function connection(changed) {
  if (changed === state) return; // said once, not with every reading
  state = changed;
  const since = latest ? ` The figures are of ${clock(latest.time)}.` : "";
  const said = {
    live: "Live",
    polling: "Asking every few seconds: enough pages are open.",
    lost: `Connection lost; trying again.${since}`,
  }[changed];
  at("connection").textContent = said;
  at("connection").dataset.state = changed;
  document.body.dataset.state = changed;
  document.title = changed === "lost" ? "Connection lost \u2013 tv5core" : "Live \u2013 tv5core";
}

new ResizeObserver(charts).observe(at("chart"));
follow({ figures: show, connection });
document.documentElement.dataset.ready = "true";
