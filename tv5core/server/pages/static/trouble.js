// What went wrong, in words that help, and a way on.

import { el } from "./dom.js";

const SAID = {
  0: ["The gateway cannot be reached", "Is the connection up? Your search is kept."],
  404: ["There is no such title", "It may have been deleted since it was found."],
  429: ["Too many requests", "Every client has its share a second."],
  503: ["The gateway is busy", "It answers fewer requests rather than all of them late."],
  504: ["That took too long", "The gateway gave up on this request."],
};

/**
 * Return a message about an error, with a button that tries again.
 *
 * Where the gateway says when to come back, it tries again by itself then.
 */
export function trouble(error, again) {
  const [title, help] = SAID[error.status] ?? [error.title || "That did not work", ""];
  const hint = error.status === 400 ? error.detail : help;
  const button = el("button", { type: "button", onclick: () => retry() }, "Try again");
  const wait = el("span", { class: "quiet", "aria-hidden": "true" });
  const box = el(
    "div",
    { class: "trouble" },
    el("p", {}, el("strong", {}, title)),
    hint ? el("p", { dir: "auto" }, hint) : null,
    error.requestId ? el("p", { class: "quiet" }, `Request ${error.requestId}`) : null,
    error.status === 400 || error.status === 404 ? null : el("p", {}, button, " ", wait),
  );
  let timer = 0;
  const retry = () => {
    clearInterval(timer);
    removeEventListener("online", retry);
    again();
  };
  if (error.status === 0) addEventListener("online", retry, { once: true });
  if (error.retryAfterS) {
    let left = Math.ceil(error.retryAfterS);
    const tick = () => {
      if (!box.isConnected) return clearInterval(timer); // something else is shown by now
      if (left <= 0) return retry();
      wait.textContent = `Trying again in ${left} s`;
      left -= 1;
    };
    timer = setInterval(tick, 1000);
    queueMicrotask(tick);
  }
  return box;
}
