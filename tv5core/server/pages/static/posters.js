// Posters by address, from the hosts that the gateway names; a placeholder everywhere else.

import { el } from "./dom.js";

const TMDB = "https://image.tmdb.org/t/p/w342";

function allowed() {
  const meta = document.querySelector('meta[name="tv5-image-origins"]');
  return (meta?.content ?? "").split(" ").filter(Boolean);
}

/** Return the address of a poster, or null where there is none or its host is not allowed. */
export function posterUrl(path, origins = allowed()) {
  if (!path) return null;
  try {
    const url = new URL(path.startsWith("/") && !path.startsWith("//") ? TMDB + path : path);
    return origins.includes(url.origin) ? url.href : null;
  } catch {
    return null;
  }
}

/** Return a poster of a title, loaded when it comes near the screen. */
export function poster(title, kind = "poster") {
  const frame = el("div", { class: kind, "aria-hidden": "true" }, initials(title));
  const address = posterUrl(title.poster_path);
  if (address) {
    // The name beside it says what it shows: an empty alternative keeps it from being read twice.
    const image = el("img", {
      alt: "",
      loading: "lazy",
      decoding: "async",
      referrerpolicy: "no-referrer",
      width: 342,
      height: 513,
      onerror: () => image.remove(),
      src: address,
    });
    frame.append(image);
  }
  return frame;
}

function initials(title) {
  const words = title.title.replace(/^(the|a|an)\s+/i, "").split(/\s+/);
  const letters = words.map((word) => word.match(/[\p{L}\p{N}]/u)?.[0] ?? "").join("");
  return el("span", {}, [...letters].slice(0, 2).join("").toUpperCase() || "?");
}
