// What words of a text were read as, in terms of facets: shown as chosen, and changed like the rest.

import { toggled } from "./state.js";

const FIELDS = { genre: "genre", provider: "on", kind: "kind", year: "decade", language: "language" };

/** Return the applied readings as pairs of a facet's field and its values. */
export function readFacets(interpretation, facets) {
  if (!interpretation?.applied) return [];
  return interpretation.readings
    .filter((one) => one.kind in FIELDS)
    .map((one) => ({
      field: FIELDS[one.kind],
      words: one.words,
      values: one.kind === "year" ? decade(one.where) : values(one.where, facets),
    }));
}

function decade(where) {
  const found = /^year:(\d{3})0\.\.\1(9)$/.exec(where);
  return found ? [`${found[1]}0`] : [];
}

function values(where, facets) {
  const [field, ...rest] = where.split(":");
  const text = rest.join(":").replace(/^\(|\)$/g, "");
  const wanted = new Set(text.split("|").map((one) => unquoted(one.trim()).toLowerCase()));
  const known = (facets[field] ?? []).map(({ value }) => String(value));
  return known.filter((value) => wanted.has(value.toLowerCase()));
}

function unquoted(value) {
  return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}

/**
 * Return a state with a value chosen, or no longer.
 *
 * Where words of the text say something about the same field, the choice takes their place: both
 * together would rarely leave anything.
 */
export function choose(state, field, value, read) {
  const same = read.filter((one) => one.field === field);
  let { q, filters } = state;
  for (const { words, values: known } of same) {
    q = without(q, words);
    filters = { ...filters, [field]: [...new Set([...(filters[field] ?? []), ...known])] };
  }
  return toggled({ ...state, q, filters, title: "" }, field, value);
}

function without(text, words) {
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  if (at < 0) return text;
  return `${text.slice(0, at)} ${text.slice(at + words.length)}`.replace(/\s+/g, " ").trim();
}

/** Return a state in which what was read is chosen, too, to show it so. */
export function withRead(state, read) {
  const filters = { ...state.filters };
  for (const { field, values: known } of read) {
    filters[field] = [...new Set([...(filters[field] ?? []), ...known])];
  }
  return { ...state, filters };
}
