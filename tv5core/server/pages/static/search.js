// The search page: the address says what is shown; everything else follows from it.

import { get } from "./api.js";
import { combobox } from "./combobox.js";
import { announce, el, text } from "./dom.js";
import { counted, showFacets } from "./facets.js";
import { card, chips, count } from "./results.js";
import { choose, readFacets, withRead } from "./readings.js";
import { SORTS, chosen, quoted, read, toggled, unfiltered, where, write } from "./state.js";
import { titleDialog } from "./title.js";
import { trouble } from "./trouble.js";

const PAGE = 24;
const EXAMPLES = [
  "a shark at the beach",
  "thrillers from the 80s",
  "spirited away",
  "ships in a storm",
  "films with tom hanks",
  "a heist in paris",
];

const at = (id) => document.getElementById(id);
const [input, results, notice, more, sort] = ["q", "results", "notice", "more", "sort"].map(at);

let state = read(location.search);
let searched = null; // what the list shows, without the title that is open
let cursors = [""]; // of the pages shown, to explain hits by
let next = "";
let flight = null;

// -- moving -------------------------------------------------------------------------------

function go(changed, { replace = false } = {}) {
  const address = write(changed);
  if (address !== location.pathname + location.search) {
    history[replace ? "replaceState" : "pushState"]({ tv5: true }, "", address);
  }
  state = changed;
  show();
}

addEventListener("popstate", () => {
  state = read(location.search);
  input.value = state.q;
  show();
});

function show() {
  if (document.activeElement !== input) input.value = state.q;
  sort.value = state.sort;
  document.title = state.q ? `${state.q} \u2013 tv5core` : "tv5core";
  const wanted = write({ ...state, title: "" });
  if (wanted !== searched) search(wanted);
  dialog.show(state.title, state);
}

// -- searching ----------------------------------------------------------------------------

function parameters(cursor = "") {
  return {
    q: state.q,
    k: PAGE,
    where: where(state.filters),
    sort: state.sort,
    understand: state.literal ? "false" : undefined,
    highlight: state.q ? "true" : undefined,
    facets: cursor ? undefined : counted(),
    cursor,
  };
}

async function search(wanted) {
  searched = wanted;
  flight?.abort();
  flight = new AbortController();
  const { signal } = flight;
  const waiting = setTimeout(() => results.setAttribute("aria-busy", "true"), 150);
  try {
    const home = !state.q && !chosen(state).length;
    const asked = state;
    const answer = await get("/v1/search", parameters(), signal);
    const trending = home && state.sort === "relevance" ? await recent(signal) : [];
    notice.replaceChildren();
    draw(answer, asked, home, trending);
  } catch (error) {
    if (error.name === "AbortError") return;
    failed(error, () => search(wanted));
  } finally {
    clearTimeout(waiting);
    if (!signal.aborted) results.removeAttribute("aria-busy");
  }
}

async function recent(signal) {
  try {
    return (await get("/v1/trending", { k: PAGE }, signal)).body.hits ?? [];
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return []; // the list of all titles stands in
  }
}

function failed(error, again) {
  searched = null;
  notice.replaceChildren(trouble(error, again));
  for (const part of ["summary", "reading", "corrected"]) at(part).replaceChildren();
  results.replaceChildren();
  at("start").hidden = true;
  at("empty").hidden = true;
  more.hidden = true;
}

function draw({ body, tier }, asked, home, trending) {
  const hits = trending.length ? trending : body.hits;
  cursors = [""];
  next = trending.length ? "" : body.cursor;
  results.replaceChildren(...hits.map((hit) => card(hit, asked)));
  at("heading").textContent = home ? (trending.length ? "Trending" : "All titles") : "Results";
  const found = count(body.total);
  at("summary").replaceChildren(home ? `${found} in the catalogue` : found, age(body, tier));
  announce(home ? "" : `${found} found`);
  reading(body.interpretation);
  corrected(body);
  filters();
  const known = readFacets(body.interpretation, body.facets);
  const choice = (field, value) => go(choose(state, field, value, known));
  showFacets(at("facets"), body.facets, withRead(state, known), choice);
  at("start").hidden = !home;
  empty(body);
  more.hidden = !next;
  sort.parentElement.hidden = home && trending.length > 0;
}

function age(body, tier) {
  if (body._fallback || tier === "static") return badge("From the titles that ship with the gateway");
  if (body._stale || tier === "cached") return badge("Stored answer; the newest is on its way");
  return "";
}

function badge(said) {
  return el("span", { class: "badge" }, said);
}

// -- how the text was read ----------------------------------------------------------------

function reading(read) {
  const box = at("reading");
  if (state.literal && state.q) {
    return box.replaceChildren(
      "Every word is searched for as it is. ",
      button("Read words as filters", () => go({ ...state, literal: false })),
    );
  }
  if (!read?.readings?.length) return box.replaceChildren();
  const words = read.readings.map((one) => el(
    "span",
    { class: "read" },
    el("bdi", {}, `\u201c${one.words}\u201d`),
    el("span", { class: "quiet" }, ` as ${one.kind}`),
  ));
  if (!read.applied) {
    const reason = read.reason ? `: ${read.reason}` : "";
    return box.replaceChildren("Recognised, and not used as a filter", text(reason), ": ", ...words);
  }
  box.replaceChildren(
    "Read as filters: ",
    ...words,
    " ",
    button("Search for the words instead", () => go({ ...state, literal: true })),
  );
}

function corrected(body) {
  const box = at("corrected");
  const mean = body.did_you_mean;
  if (!mean || !state.q) return box.replaceChildren();
  const literally = state.q.split(/\s+/).filter(Boolean).map(quoted).join(" ");
  box.replaceChildren(
    "Showing titles for ",
    button(mean, () => go({ ...state, q: mean })),
    ". ",
    state.q.includes('"') ? "" : button("Search for what I typed", () => go({ ...state, q: literally })),
  );
}

function button(said, act) {
  return el("button", { type: "button", class: "plain", onclick: act }, text(said));
}

// -- filters ------------------------------------------------------------------------------

function remove(field, value) {
  go({ ...toggled(state, field, value), title: "" });
}

function filters() {
  const pairs = chosen(state);
  const clear = button("Remove all filters", () => go(unfiltered(state)));
  at("filters").replaceChildren(...chips(pairs, remove), ...(pairs.length > 1 ? [clear] : []));
  at("filter-count").textContent = pairs.length ? ` (${pairs.length})` : "";
}

// -- nothing found ------------------------------------------------------------------------

function empty(body) {
  const box = at("empty");
  box.hidden = body.hits.length > 0;
  if (body.hits.length) return;
  const ways = [
    chosen(state).length ? button("Remove the filters", () => go(unfiltered(state))) : null,
    body.interpretation?.applied
      ? button("Search for the words as they are", () => go({ ...state, literal: true }))
      : null,
    state.q.includes('"')
      ? button("Search without quotation marks", () => go({ ...state, q: state.q.replaceAll('"', "") }))
      : null,
  ].filter(Boolean);
  box.replaceChildren(
    el("p", {}, el("strong", {}, "No titles were found.")),
    ways.length
      ? el("ul", {}, ways.map((way) => el("li", {}, way)))
      : el("p", {}, "No word of this is known here. Check the spelling, or describe the plot."),
    el("p", {}, "These find something in most catalogues:"),
    examples(),
  );
}

function examples() {
  return el("ul", { class: "tags" }, EXAMPLES.map((q) =>
    el("li", {}, el("a", { href: `/?${new URLSearchParams({ q })}`, "data-here": true }, q))));
}

// -- more ---------------------------------------------------------------------------------

more.addEventListener("click", async () => {
  const { signal } = flight;
  more.disabled = true;
  try {
    const cursor = next;
    const { body } = await get("/v1/search", parameters(cursor), signal);
    const added = body.hits.map((hit) => card(hit, state));
    cursors.push(cursor);
    next = body.cursor;
    results.append(...added);
    more.hidden = !next;
    announce(`${added.length} more titles`);
    added[0]?.querySelector("a")?.focus({ preventScroll: true });
    notice.replaceChildren();
  } catch (error) {
    if (error.name !== "AbortError") notice.replaceChildren(trouble(error, () => more.click()));
  } finally {
    more.disabled = false;
  }
});

async function explain(id, signal) {
  for (const cursor of cursors) {
    const asked = { ...parameters(cursor), facets: undefined, explain: "true" };
    const { body } = await get("/v1/search", asked, signal);
    const hit = body.hits.find((one) => one.id === id);
    if (hit) return hit;
  }
  return null;
}

// -- wiring -------------------------------------------------------------------------------

const dialog = titleDialog(at("title"), explain, () => {
  // Back where the title was opened from this page; an address that was opened as it is stays.
  if (history.state?.tv5) history.back();
  else go({ ...state, title: "" }, { replace: true });
});

const suggestions = combobox(
  input,
  at("suggestions"),
  async (q, signal) => (await get("/v1/suggest", { q, k: 8 }, signal)).body.suggestions,
  (suggestion) => {
    input.value = suggestion.text;
    go({ ...unfiltered(state), q: suggestion.text, literal: false, title: suggestion.id });
  },
);

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  suggestions.close();
  go({ ...state, q: input.value.trim(), literal: false, title: "" });
});

sort.replaceChildren(...Object.entries(SORTS).map(([value, name]) => el("option", { value }, name)));
sort.addEventListener("change", () => go({ ...state, sort: sort.value }));

// Links within the page change the state; with a key held they open a tab as any link.
document.addEventListener("click", (event) => {
  const a = event.target.closest?.("a[data-title], a[data-here]");
  if (!a || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) {
    return;
  }
  event.preventDefault();
  const to = read(new URL(a.href).search);
  if ("here" in a.dataset) input.value = to.q;
  go(to);
});

at("start").append(examples());

// On a narrow screen the filters start folded.
if (matchMedia("(max-width: 60rem)").matches) at("facet-box").open = false;

input.value = state.q;
show();
document.documentElement.dataset.ready = "true";
