// Why a title was found: the parts of its score, in plain words.

import { el } from "./dom.js";

const WORDS = {
  exact: "Its name is exactly this",
  other_exact: "Another of its names is exactly this",
  near: "Its name is nearly this",
  main: "The main part of its name is this",
  title_filled: "How much of its name these words are",
  name_words: "Words found in its names",
  all_words: "Words found anywhere in it",
  text: "Words that count in its description",
  text_of_description: "Words of a description, found in its own",
  meaning: "Near in meaning",
  meaning_of_description: "Near in meaning, as a description",
  votes: "Well known: many votes",
  year: "From the year that is named",
  readings: "Fits what words were read as",
  in_order: "Words in the same order",
  spelling: "Letters in common with its name",
};

const percent = new Intl.NumberFormat("en", { style: "percent" });

/** Return an explanation of a hit that was asked for with explain. */
export function why(hit) {
  const parts = Object.entries(hit.parts ?? {}).sort((a, b) => b[1] - a[1]);
  if (!parts.length) {
    return el("p", {}, "It passes the filters; such lists are ordered by votes, or as you chose.");
  }
  const most = Math.max(...parts.map(([, value]) => Math.abs(value)));
  return el(
    "div",
    {},
    el("p", {}, `${percent.format(hit.relevance)} likely to be what was asked for. What counted:`),
    el(
      "table",
      { class: "why" },
      el("thead", {}, el("tr", {}, ...["Evidence", "Points"].map(head))),
      el("tbody", {}, ...parts.map(([name, value]) => row(name, value, most))),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Score"), points(hit.score))),
    ),
  );
}

function head(name) {
  return el("th", { scope: "col" }, name);
}

function points(value) {
  return el("td", {}, value.toFixed(1));
}

function row(name, value, most) {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(Math.abs(value) / most));
  const words = WORDS[name] ?? name.replaceAll("_", " ");
  return el("tr", {}, el("th", { scope: "row" }, words), el("td", {}, bar, value.toFixed(1)));
}
