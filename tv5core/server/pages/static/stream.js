// The connection to the gateway: events while they come, else asking, and saying which it is.

const SILENCE_MS = 5000; // readings come every second: five missed are a lost connection
const POLL_MS = 3000;
const LONGEST_MS = 15000;

/**
 * Follow the figures.
 *
 * figures(value) gets each reading, with its series; connection(state) is one of "live",
 * "polling", "lost".
 */
export function follow({ figures, connection }) {
  let source = null;
  let watch = 0;
  let timer = 0;
  let failures = 0;
  let series = [];

  function heard(state) {
    failures = 0;
    connection(state);
    clearTimeout(watch);
    watch = setTimeout(lost, SILENCE_MS);
  }

  function take(text, whole) {
    const value = JSON.parse(text);
    if (whole) series = value.series;
    figures({ ...value, series });
  }

  function open() {
    close();
    const mine = (source = new EventSource("/live/events"));
    const on = (name, whole) => mine.addEventListener(name, (event) => {
      if (source !== mine) return;
      take(event.data, whole);
      heard("live");
    });
    on("state", true);
    on("now", false);
    mine.onerror = () => {
      if (source !== mine) return;
      // Refused (too many pages, or no gateway behind a proxy) ends it for good; a connection that
      // broke is tried again by the browser, but its waits are not ours: start anew either way.
      lost();
    };
    clearTimeout(watch);
    watch = setTimeout(lost, SILENCE_MS);
  }

  function close() {
    clearTimeout(watch);
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  async function lost() {
    close();
    const answered = await ask();
    if (source) return; // opened meanwhile
    failures = answered ? 0 : failures + 1;
    connection(answered ? "polling" : "lost");
    const wait = answered ? POLL_MS : Math.min(LONGEST_MS, 500 * 2 ** Math.min(failures, 5));
    clearTimeout(timer);
    // A little at random, so that not every page of a room comes back in one moment.
    timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
  }

  // Where events are refused, the page still asks; then events are tried again.
  async function ask() {
    try {
      const signal = AbortSignal.timeout(SILENCE_MS);
      const response = await fetch("/live/state", { signal, cache: "no-store" });
      if (!response.ok) return false;
      take(await response.text(), true);
      return true;
    } catch {
      return false;
    }
  }

  addEventListener("online", open);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  addEventListener("pagehide", close);
  document.addEventListener("visibilitychange", () => {
    // A phone that slept: do not wait for the silence to be noticed.
    if (document.visibilityState === "visible" && source?.readyState !== EventSource.OPEN) open();
  });
  open();
}
