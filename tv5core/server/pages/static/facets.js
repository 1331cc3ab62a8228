// Facets: what the matches have in common, to choose from; several values of each.

import { el, text } from "./dom.js";
import { FACETS, decades, label } from "./state.js";

const number = new Intl.NumberFormat("en");

/** Return the names of the fields that are counted. */
export function counted() {
  return FACETS.map(({ field, counts }) => counts ?? field).join(",");
}

/** Show the counts of an answer; a value that is chosen stays, with nothing left of it too. */
export function showFacets(container, facets, state, toggle) {
  const open = new Set([...container.querySelectorAll("[data-all]")].map((one) => one.dataset.all));
  const focused = document.activeElement?.closest?.("[data-value]")?.dataset.value;
  const groups = FACETS.map((facet) => group(facet, facets, state, toggle, open.has(facet.field)));
  container.replaceChildren(...groups.filter(Boolean));
  if (focused) {
    // Choosing a value must not lose one's place in the list.
    const same = [...container.querySelectorAll("[data-value]")];
    same.find((one) => one.dataset.value === focused)?.querySelector("input")?.focus();
  }
}

function group(facet, facets, state, toggle, isOpen) {
  const { field, name, most, counts } = facet;
  const found = facets[counts ?? field] ?? [];
  const values = counts === "year" ? decades(found) : found;
  const selected = state.filters[field] ?? [];
  const missing = selected.filter((value) => !values.some((one) => String(one.value) === value));
  const all = [...values, ...missing.map((value) => ({ value, count: 0 }))];
  if (!all.length) return null;
  const first = all.filter((one, i) => i < most || selected.includes(String(one.value)));
  const box = el("fieldset", { class: "facet", "data-all": isOpen ? field : null });
  const draw = (shown) =>
    box.replaceChildren(
      el("legend", {}, name),
      ...shown.map((one) => choice(field, one, selected, toggle)),
      ...(shown.length < all.length ? [more(all.length - shown.length, () => grow())] : []),
    );
  const grow = () => {
    box.dataset.all = field;
    draw(all);
    box.querySelectorAll("input")[first.length]?.focus();
  };
  draw(isOpen ? all : first);
  return box;
}

function choice(field, { value, count }, selected, toggle) {
  const key = String(value);
  return el(
    "label",
    { class: "choice", "data-value": `${field}:${key}` },
    el("input", {
      type: "checkbox",
      checked: selected.includes(key),
      onchange: () => toggle(field, key),
    }),
    el("span", {}, text(label(field, key))),
    el("span", { class: "count" }, number.format(count)),
  );
}

function more(count, show) {
  return el("button", { type: "button", class: "plain", onclick: show }, `${count} more`);
}
