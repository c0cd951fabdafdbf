// What every page does: local times, parts loaded behind, live updates, the keyboard, completion of searches.
"use strict";

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!isNaN(moment)) {
      time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
      time.title = time.dateTime;
    }
  }
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function load(part) {
  if (!part.dataset.load) return;
  try {
    const page = await fetched(part.dataset.load);
    const inside = page.querySelector("main") || page.body;
    localTimes(inside);
    part.replaceChildren(...inside.childNodes);
  } catch {
    part.textContent = "This part could not be loaded.";
  }
}

const loadAll = (which) => document.querySelectorAll(which).forEach(load);

// Live: the server says that something has changed; the page is asked for again, and what differs is changed.
// What is chosen or open stays so.
const kept = {
  beforeNodeMorphed(before, after) {
    if (before.type === "checkbox") after.checked = before.checked;
    if (before.tagName === "DETAILS") after.open = before.open;
    if (before.classList?.contains("here")) after.classList.add("here");
  },
};

function live(part) {
  if (!part.dataset.live) return;
  const chip = document.getElementById("live");
  const stream = new EventSource(part.dataset.live);
  let busy = false, again = false;
  const refresh = async () => {
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const page = await fetched(location.href);
      for (const id of [part.id, "rows"]) {
        const before = id ? document.getElementById(id) : part;
        const after = page.querySelector(id ? `#${CSS.escape(id)}` : "[data-live]");
        if (!before || !after) continue;
        localTimes(after);
        Idiomorph.morph(before, after, { callbacks: kept });
      }
      loadAll("[data-load][data-again]");
      document.dispatchEvent(new Event("heliograph:changed"));
    } catch {
      chip.classList.add("off"); // the next change asks again
    }
    setTimeout(() => { busy = false; if (again) refresh(); }, 1000);
  };
  stream.addEventListener("open", () => { chip.hidden = false; chip.classList.remove("off"); });
  stream.addEventListener("error", () => chip.classList.add("off"));
  stream.addEventListener("change", refresh);
  addEventListener("pagehide", () => stream.close());
}

// Keyboard.
function step(by) {
  const rows = [...document.querySelectorAll("table.rows tbody tr")];
  const here = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
  if (!next) return;
  rows[here]?.classList.remove("here");
  next.classList.add("here");
  next.querySelector("a.open")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const keys = {
  "/": () => { const search = document.getElementById("search"); search?.focus(); search?.select(); },
  j: () => step(1),
  k: () => step(-1),
  x: () => document.querySelector("tr.here input[type=checkbox]")?.click(),
  Enter: () => document.querySelector("tr.here a.open")?.click(),
  g: () => document.querySelector("a.brand").click(),
  "?": () => document.getElementById("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && event.target.matches("input")) return event.target.blur();
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  if (event.key === "Enter" && event.target !== document.body) return; // what has the focus knows best
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// Completion of field names in the search box.
function completing(input) {
  const fields = (input.dataset.fields || "").split(" ").filter(Boolean);
  if (!fields.length) return;
  const list = document.createElement("ul");
  list.className = "offered"; list.id = "offered"; list.hidden = true; list.setAttribute("role", "listbox");
  input.parentElement.append(list);
  for (const [name, value] of [["role", "combobox"], ["aria-controls", "offered"], ["aria-expanded", "false"], ["aria-autocomplete", "list"]]) input.setAttribute(name, value);
  let at = -1;
  const word = () => /(?:^|[\s(])([\w.]+)$/.exec(input.value.slice(0, input.selectionStart))?.[1];
  const show = (names) => {
    at = -1;
    list.replaceChildren(...names.map((name) => {
      const item = document.createElement("li");
      item.textContent = name; item.setAttribute("role", "option");
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    list.hidden = !names.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const take = (name) => {
    const end = input.selectionStart, begin = end - word().length;
    input.setRangeText(name + " ", begin, end, "end");
    show([]);
  };
  input.addEventListener("input", () => {
    const begun = word();
    show(begun ? fields.filter((name) => name.includes(begun) && name !== begun).slice(0, 10) : []);
  });
  input.addEventListener("blur", () => show([]));
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
      items.forEach((item, number) => item.setAttribute("aria-selected", String(number === at)));
    } else if (event.key === "Tab" || (event.key === "Enter" && at >= 0)) take(items[Math.max(at, 0)].textContent);
    else if (event.key === "Escape") show([]);
    else return;
    event.preventDefault();
  });
}

document.getElementById("keys").addEventListener("click", keys["?"]);
document.addEventListener("change", (event) => {
  if (event.target.id !== "choose-all") return;
  for (const box of document.querySelectorAll("input[name=id][type=checkbox]")) box.checked = event.target.checked;
});
localTimes(document);
loadAll("[data-load]");
document.querySelectorAll("[data-live]").forEach(live);
document.querySelectorAll("#search").forEach(completing);
