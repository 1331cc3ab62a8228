// A text field with suggestions: the combobox pattern of the ARIA Authoring Practices, where focus
// stays in the field and the active option is named by aria-activedescendant.

import { announce, el, text } from "./dom.js";

const WAIT_MS = 120; // about the gap between keys of a fast typist

/**
 * Give a field suggestions.
 *
 * suggest(text, signal) resolves to suggestions; choose(suggestion) is called with the one chosen.
 */
export function combobox(input, list, suggest, choose) {
  let options = [];
  let active = -1;
  let timer = 0;
  let flight = null;

  function close() {
    clearTimeout(timer);
    flight?.abort();
    options = [];
    active = -1;
    list.replaceChildren();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function open(found) {
    options = found;
    active = -1;
    list.replaceChildren(...found.map(option));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    input.removeAttribute("aria-activedescendant");
    announce(found.length === 1 ? "1 suggestion" : `${found.length} suggestions`);
  }

  function option(suggestion, place) {
    const kind = suggestion.kind === "show" ? "Series" : "Film";
    return el(
      "li",
      {
        id: `suggestion-${place}`,
        role: "option",
        "aria-selected": "false",
        // Before the field loses focus, which would close the list.
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => take(place),
      },
      el("span", { class: "suggested" }, text(suggestion.text)),
      el("span", { class: "quiet" }, suggestion.year ? `${kind}, ${suggestion.year}` : kind),
    );
  }

  function activate(place) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = place;
    const node = list.children[active];
    if (!node) return input.removeAttribute("aria-activedescendant");
    node.setAttribute("aria-selected", "true");
    node.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", node.id);
  }

  function take(place) {
    const suggestion = options[place];
    close();
    choose(suggestion);
  }

  async function look() {
    const typed = input.value;
    flight?.abort();
    if (!typed.trim()) return close();
    const mine = new AbortController();
    flight = mine;
    try {
      const found = await suggest(typed, mine.signal);
      // Another key, or the end of the search: these are stale.
      if (flight === mine && !mine.signal.aborted && document.activeElement === input) open(found);
    } catch (error) {
      // Suggestions are a help: where they fail, the search itself says why.
      if (error.name !== "AbortError" && flight === mine) close();
    }
  }

  input.addEventListener("input", (event) => {
    clearTimeout(timer);
    flight?.abort();
    if (event.isComposing) return;
    timer = setTimeout(look, WAIT_MS);
  });
  input.addEventListener("compositionend", () => {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const last = options.length - 1;
    if (event.key === "ArrowDown" && list.hidden) look();
    else if (event.key === "ArrowDown" && last >= 0) activate(active >= last ? -1 : active + 1);
    else if (event.key === "ArrowUp" && last >= 0) activate(active < 0 ? last : active - 1);
    else if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
  });
  return { close };
}
