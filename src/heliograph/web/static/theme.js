// Before anything is drawn: light or dark, as was chosen here, else as the system has it.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const set = () => {
    const chosen = localStorage.getItem("heliograph-theme");
    document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", set);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    const now = document.documentElement.dataset.theme;
    localStorage.setItem("heliograph-theme", now === "dark" ? "light" : "dark");
    set();
    document.dispatchEvent(new Event("heliograph:theme"));
  });
  set();
})();
