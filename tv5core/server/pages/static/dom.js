// Elements from plain data. Text goes in as text, never as markup: what titles say is not ours.

/** Make an element. Attributes that are null, undefined or false are left out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element. */
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** Text of a title, in whatever direction its script runs. */
export function text(value) {
  return el("bdi", {}, String(value));
}

/** Text with matched words between ** marked. */
export function marked(value) {
  const parts = String(value).split("**");
  if (parts.length % 2 === 0) return [String(value)]; // stars of its own: leave them alone
  return parts.map((part, i) => (i % 2 ? el("mark", {}, part) : part));
}

/** Return an address that is safe to link to, or null: http and https only. */
export function safeUrl(value) {
  try {
    const url = new URL(value);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Say something to screen readers, rarely and politely. */
export function announce(message) {
  const status = document.getElementById("status");
  if (status && status.textContent !== message) status.textContent = message;
}
