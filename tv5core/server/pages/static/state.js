// What the search page shows, as the address carries it; and the filter that follows from it.

export const FACETS = [
  { field: "kind", name: "Kind", most: 2 },
  { field: "genre", name: "Genre", most: 12 },
  { field: "decade", name: "Decade", most: 12, counts: "year" },
  { field: "on", name: "Where to watch", most: 10 },
  { field: "language", name: "Language", most: 8 },
  { field: "certification", name: "Age rating", most: 8 },
];

export const SORTS = {
  relevance: "Best match",
  popularity: "Most popular",
  rating: "Best rated",
  date: "Newest",
  title: "Name",
};

const KINDS = { movie: "Films", show: "Series" };
const OFFERS = { flatrate: "Stream", free: "Free", ads: "With ads", rent: "Rent", buy: "Buy" };
const languages = names("language");
const regions = names("region");

function names(type) {
  try {
    return new Intl.DisplayNames(["en"], { type });
  } catch {
    return null;
  }
}

function named(table, code) {
  try {
    return table?.of(code) || code;
  } catch {
    return code; // not a code: a source's own words
  }
}

/** Return how a value of a field is shown. */
export function label(field, value) {
  if (field === "kind") return KINDS[value] ?? value;
  if (field === "decade") return `${value}s`;
  if (field === "language") return named(languages, value);
  if (field === "region") return named(regions, value);
  if (field === "offer") return OFFERS[value] ?? value;
  if (field === "on") return service(value);
  return value;
}

function service(value) {
  return value.replace(/(^|\s)(\p{L})/gu, (all, before, letter) => before + letter.toUpperCase());
}

/** Read the state from an address's query. */
export function read(search) {
  const query = new URLSearchParams(search);
  const filters = {};
  for (const { field } of FACETS) {
    const values = [...new Set(query.getAll(field))].filter((value) => value && value.length < 200);
    if (field === "decade") {
      filters[field] = values.filter((value) => /^\d{3}0$/.test(value));
    } else {
      filters[field] = values;
    }
  }
  const sort = query.get("sort") ?? "relevance";
  return {
    q: (query.get("q") ?? "").slice(0, 1000),
    filters,
    sort: sort in SORTS ? sort : "relevance",
    literal: query.get("literal") === "1",
    title: query.get("title") ?? "",
  };
}

/** Write the state as an address of this page. */
export function write(state) {
  const query = new URLSearchParams();
  if (state.q) query.set("q", state.q);
  for (const { field } of FACETS) {
    for (const value of state.filters[field] ?? []) query.append(field, value);
  }
  if (state.sort !== "relevance") query.set("sort", state.sort);
  if (state.literal) query.set("literal", "1");
  if (state.title) query.set("title", state.title);
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

/** Return the filter, in the grammar of the API. */
export function where(filters) {
  const clauses = [];
  for (const { field } of FACETS) {
    const values = filters[field] ?? [];
    if (!values.length) continue;
    if (field === "decade") clauses.push(years(values));
    else clauses.push(`${field}:(${values.map(quoted).join("|")})`);
  }
  return clauses.join(" ");
}

function years(decades) {
  const ranges = decades.map((decade) => `year:${decade}..${Number(decade) + 9}`);
  return ranges.length === 1 ? ranges[0] : `(${ranges.join(" | ")})`;
}

/** Return a value in quotation marks, so that its own marks mean nothing. */
export function quoted(value) {
  return `"${String(value).replace(/[\\"]/g, "\\$&")}"`;
}

/** Return a state with a value of a field chosen, or no longer. */
export function toggled(state, field, value) {
  const had = state.filters[field] ?? [];
  const values = had.includes(value) ? had.filter((one) => one !== value) : [...had, value];
  return { ...state, filters: { ...state.filters, [field]: values } };
}

/** Return a state without filters. */
export function unfiltered(state) {
  return { ...state, filters: Object.fromEntries(FACETS.map(({ field }) => [field, []])) };
}

/** Return the chosen filters as pairs. */
export function chosen(state) {
  return FACETS.flatMap(({ field }) => (state.filters[field] ?? []).map((value) => [field, value]));
}

/** Count years by decade, the latest first. */
export function decades(counts) {
  const found = new Map();
  for (const { value, count } of counts) {
    const decade = String(Math.floor(value / 10) * 10);
    found.set(decade, (found.get(decade) ?? 0) + count);
  }
  return [...found]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => Number(b.value) - Number(a.value));
}
