// Hits as cards.

import { el, marked, text } from "./dom.js";
import { poster } from "./posters.js";
import { label, write } from "./state.js";

const number = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact" });

/** Return what is known of a title in a line: year, kind, length, age rating, rating. */
export function facts(title) {
  const parts = [
    title.year,
    title.kind === "show" ? "Series" : "Film",
    title.seasons ? `${title.seasons} ${title.seasons === 1 ? "season" : "seasons"}` : null,
    length(title.runtime),
    title.certification,
  ];
  const known = parts.filter(Boolean).map((part) => el("span", {}, text(part)));
  if (title.rating) known.push(el("span", {}, `${title.rating.toFixed(1)}/10${votes(title.votes)}`));
  return el("p", { class: "facts" }, known.flatMap((one) => [one, " "]));
}

function length(minutes) {
  if (!minutes) return null;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

function votes(count) {
  return count ? ` (${compact.format(count)} ${count === 1 ? "vote" : "votes"})` : "";
}

/** Return a hit of a search. */
export function card(hit, state) {
  const title = hit.title;
  return el(
    "li",
    { class: "card", "data-id": title.id },
    poster(title),
    el(
      "div",
      { class: "about" },
      el("h3", {}, link(title, state)),
      facts(title),
      title.genres?.length ? el("p", { class: "quiet" }, text(title.genres.join(", "))) : null,
      snippet(hit),
      matched(hit),
    ),
  );
}

/** Return a link to a title that opens it here, and in a tab of its own where that is asked for. */
export function link(title, state) {
  const href = write({ ...state, title: title.id });
  return el("a", { href, "data-title": title.id }, text(title.title));
}

function snippet(hit) {
  const found = hit.fragments?.text;
  if (found) return el("p", { class: "snippet", dir: "auto" }, marked(found));
  return el("p", { class: "snippet", dir: "auto" }, hit.title.overview || "No description.");
}

const PLACES = {
  other_titles: "Also called",
  people: "With",
  characters: "Character",
  keywords: "About",
};

function matched(hit) {
  const found = Object.entries(PLACES).filter(([field]) => hit.fragments?.[field]?.includes("**"));
  if (!found.length) return null;
  const [field, name] = found[0];
  return el("p", { class: "matched" }, `${name}: `, el("bdi", {}, marked(hit.fragments[field])));
}

/** Return how many titles a search found. */
export function count(total) {
  const shown = number.format(total.count);
  if (total.count === 0) return "No titles";
  const titles = total.count === 1 ? "title" : "titles";
  return total.relation === "at_least" ? `At least ${shown} ${titles}` : `${shown} ${titles}`;
}

/** Return the chosen filters as buttons that take them away. */
export function chips(pairs, remove) {
  return pairs.map(([field, value]) =>
    el(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-label": `Remove the filter ${label(field, value)}`,
        onclick: () => remove(field, value),
      },
      text(label(field, value)),
      el("span", { "aria-hidden": "true" }, " \u00d7"),
    ),
  );
}
