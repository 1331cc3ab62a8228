// Sets the theme before anything is drawn; the switch is wired once the page is there.
// A classic script on purpose: modules run later, and the page would flash.
(() => {
  const KEY = "tv5-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is refused: the system's choice holds
    }
  }

  function current() {
    const own = stored();
    return own === "dark" || own === "light" ? own : dark.matches ? "dark" : "light";
  }

  function apply() {
    root.dataset.theme = current();
    const button = document.getElementById("theme");
    if (!button) return;
    const other = current() === "dark" ? "light" : "dark";
    button.textContent = other === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Switch to the ${other} theme`);
  }

  function toggle() {
    const other = current() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, other);
      apply();
    } catch {
      root.dataset.theme = other;
    }
  }

  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme")?.addEventListener("click", toggle);
  });
})();
