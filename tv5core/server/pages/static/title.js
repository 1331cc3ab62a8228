// One title in a dialog: description, where to watch, why it was found, what is like it.

import { get } from "./api.js";
import { el, safeUrl, text } from "./dom.js";
import { poster } from "./posters.js";
import { facts, link } from "./results.js";
import { label } from "./state.js";
import { trouble } from "./trouble.js";
import { why } from "./why.js";

/**
 * Manage the dialog.
 *
 * explain(id, signal) resolves to the hit with the parts of its score, or to null; closed() is
 * called when the user closes it.
 */
export function titleDialog(dialog, explain, closed) {
  let shown = "";
  let flight = null;

  dialog.addEventListener("close", () => {
    flight?.abort();
    if (!shown) return; // closed by show("")
    shown = "";
    closed();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });

  async function show(id, state) {
    if (id === shown) return;
    shown = id;
    flight?.abort();
    if (!id) return dialog.close();
    flight = new AbortController();
    const mine = flight;
    draw(el("p", { class: "quiet" }, "Loading\u2026"));
    if (!dialog.open) dialog.showModal();
    try {
      const { body, tier } = await get(`/v1/titles/${encodeURIComponent(id)}`, {}, mine.signal);
      draw(...page(body, tier, state, mine.signal, explain));
      dialog.scrollTop = 0;
    } catch (error) {
      if (error.name === "AbortError" || flight !== mine) return;
      draw(trouble(error, () => { shown = ""; show(id, state); }));
    }
  }

  function draw(...content) {
    const close = el(
      "button",
      { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() },
      "\u00d7",
    );
    dialog.replaceChildren(close, ...content);
  }

  return { show };
}

function page(answer, tier, state, signal, explain) {
  const title = answer.title;
  return [
    el(
      "div",
      { class: "detail" },
      poster(title, "poster large"),
      el(
        "div",
        {},
        el("h2", { id: "title-name" }, text(title.title)),
        otherName(title),
        title.tagline ? el("p", { class: "tagline", dir: "auto" }, title.tagline) : null,
        facts(title),
        age(answer, tier),
      ),
      el(
        "div",
        {},
        genres(title),
        el("p", { class: "overview", dir: "auto" }, title.overview || "No description."),
        people(title),
      ),
    ),
    watch(answer.availability, title, signal),
    state.q || hasFilters(state) ? reasons(title.id, explain, signal) : null,
    similar(title.id, state, signal),
  ].filter(Boolean);
}

function hasFilters(state) {
  return Object.values(state.filters).some((values) => values.length);
}

function otherName(title) {
  if (!title.original_title || title.original_title === title.title) return null;
  return el("p", { class: "quiet" }, "Original name: ", text(title.original_title));
}

function genres(title) {
  if (!title.genres?.length) return null;
  return el(
    "ul",
    { class: "tags", "aria-label": "Genres" },
    title.genres.map((genre) => {
      const href = `/?${new URLSearchParams({ genre })}`;
      return el("li", {}, el("a", { href, "data-here": true }, text(genre)));
    }),
  );
}

function age(answer, tier) {
  if (tier === "full" && !answer._stale && !answer._fallback) return null;
  const said = answer._fallback
    ? "From the titles that ship with the gateway: its sources do not answer."
    : "As it was stored earlier: the provider does not answer at the moment.";
  return el("p", { class: "note" }, said);
}

function people(title) {
  const rows = [
    ["Directed by", title.directors],
    ["Created by", title.creators],
    ["With", (title.cast ?? []).slice(0, 12).map((person) => person.name)],
  ].filter(([, names]) => names?.length);
  if (!rows.length) return null;
  return el(
    "dl",
    { class: "people" },
    rows.flatMap(([role, names]) => [
      el("dt", {}, role),
      el("dd", {}, names.flatMap((name, i) => [i ? ", " : "", person(name)])),
    ]),
  );
}

function person(name) {
  return el("a", { href: `/?${new URLSearchParams({ q: name })}`, "data-here": true }, text(name));
}

// -- where to watch -----------------------------------------------------------------------

function watch(availability, title, signal) {
  const box = el("section", { "aria-labelledby": "watch-name" });
  const regions = [...new Set([availability.region, ...(title.offers ?? []).map((o) => o.region)])];
  const draw = (known) => box.replaceChildren(...offers(known, regions.filter(Boolean), change));
  async function change(region) {
    try {
      const path = `/v1/titles/${encodeURIComponent(title.id)}/availability`;
      draw((await get(path, { region }, signal)).body.availability);
      box.querySelector("select")?.focus();
    } catch (error) {
      if (error.name !== "AbortError") box.append(trouble(error, () => change(region)));
    }
  }
  draw(availability);
  return box;
}

function offers(availability, regions, change) {
  const groups = ["flatrate", "free", "ads", "rent", "buy"]
    .map((kind) => [kind, availability.offers.filter((offer) => (offer.kind ?? "flatrate") === kind)])
    .filter(([, found]) => found.length);
  return [
    el("h3", { id: "watch-name" }, "Where to watch"),
    region(availability.region, regions, change),
    groups.length
      ? el("dl", { class: "offers" }, groups.flatMap(([kind, found]) => [
          el("dt", {}, label("offer", kind)),
          ...found.map((offer) => el("dd", {}, offerOf(offer))),
        ]))
      : el("p", {}, availability.known ? "Nowhere, as far as is known." : "Nobody could tell just now."),
    Object.keys(availability.missing ?? {}).length
      ? el("p", { class: "note" }, "Not every source answered; there may be more.")
      : null,
    availability.attribution ? el("p", { class: "quiet" }, text(availability.attribution)) : null,
  ].filter(Boolean);
}

function region(current, regions, change) {
  if (regions.length < 2) return el("p", { class: "quiet" }, label("region", current));
  const named = regions.map((code) => [label("region", code), code]).sort();
  return el(
    "label",
    { class: "region" },
    "Country ",
    el(
      "select",
      { onchange: (event) => change(event.target.value) },
      named.map(([name, code]) => el("option", { value: code, selected: code === current }, name)),
    ),
  );
}

function offerOf(offer) {
  const details = [price(offer), offer.quality ? offer.quality.toUpperCase() : null];
  const said = details.filter(Boolean).join(", ");
  const name = text(label("on", offer.provider));
  const url = safeUrl(offer.url);
  return [
    url ? el("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, name) : name,
    said ? ` ${said}` : "",
  ];
}

function price(offer) {
  if (offer.price === null || offer.price === undefined) return null;
  try {
    const format = { style: "currency", currency: offer.currency };
    return new Intl.NumberFormat("en", format).format(offer.price);
  } catch {
    return `${offer.price} ${offer.currency}`.trim();
  }
}

// -- loaded when asked for ----------------------------------------------------------------

function reasons(id, explain, signal) {
  const body = el("div", {});
  const load = async () => {
    try {
      const hit = await explain(id, signal);
      body.replaceChildren(
        hit ? why(hit) : el("p", {}, "It is not among the titles of this search."),
      );
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(trouble(error, load));
    }
  };
  const box = el("details", { class: "reasons" }, el("summary", {}, "Why this title?"), body);
  box.addEventListener("toggle", () => { if (box.open && !body.hasChildNodes()) load(); });
  return box;
}

function similar(id, state, signal) {
  const list = el("ul", { class: "similar" });
  const box = el(
    "section",
    { "aria-labelledby": "similar-name" },
    el("h3", { id: "similar-name" }, "Similar titles"),
    list,
  );
  const load = async () => {
    try {
      const path = `/v1/titles/${encodeURIComponent(id)}/similar`;
      const { body } = await get(path, { k: 12 }, signal);
      const items = body.hits.map((hit) => el(
        "li",
        {},
        poster(hit.title, "poster small"),
        link(hit.title, state),
        el("span", { class: "quiet" }, hit.title.year ?? ""),
      ));
      list.replaceChildren(...(items.length ? items : [el("li", {}, "None are known.")]));
    } catch (error) {
      if (error.name === "AbortError") return;
      const missing = error.status === 404;
      list.replaceChildren(el("li", {}, missing ? "None are known." : trouble(error, load)));
    }
  };
  load();
  return box;
}
