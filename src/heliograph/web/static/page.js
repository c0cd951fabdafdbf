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
  if (answer.status >= 401) throw new Error(`the server answers ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function load(part) {
  if (!part.dataset.load || part.due) return;
  const wait = (part.asked ?? -Infinity) + Number(part.dataset.again ?? 0) - Date.now();
  if (wait > 0) { // later, and once: what has changed last is shown too
    part.due = setTimeout(() => { part.due = null; load(part); }, wait);
    return;
  }
  part.asked = Date.now();
  try {
    const page = await fetched(part.dataset.load);
    const inside = page.querySelector("main") || page.body;
    localTimes(inside);
    part.replaceChildren(...inside.childNodes);
  } catch {
    part.textContent = "This part could not be loaded.";
  }
  part.dataset.loaded = "yes";
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

function trouble(text) {
  const place = document.getElementById("trouble");
  place.textContent = text;
  place.hidden = !text;
}

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
      chip.classList.remove("off");
      trouble("");
    } catch (error) {
      chip.classList.add("off"); // the next change asks again
      trouble(`What is shown may be old: ${error.message}.`);
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

// Completion of searches: of a field, of what can stand behind it, of its values, and of what joins conditions.
const WORDS = { comparing: ["=", "!=", "<", "<=", ">", ">=", "in (", "exists", "contains", "prefix"], joining: ["and", "or"] };

function completing(input) {
  const fields = JSON.parse(input.dataset.fields || "[]"), values = JSON.parse(input.dataset.values || "{}");
  if (!fields.length) return;
  const list = document.createElement("ul");
  list.className = "offered"; list.id = "offered"; list.hidden = true; list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "What can stand here");
  input.parentElement.append(list);
  for (const [name, value] of [["role", "combobox"], ["aria-controls", "offered"], ["aria-expanded", "false"], ["aria-autocomplete", "list"]]) input.setAttribute(name, value);
  let at = -1, begun = "";
  const offers = () => {
    const before = input.value.slice(0, input.selectionStart);
    begun = /(?:"[^"]*|[^\s()"]*)$/.exec(before)[0];
    const rest = before.slice(0, before.length - begun.length), field = /([\w.]+)\s*(?:!?=|<=?|>=?|(?:not\s+)?in\s*\([^)]*|contains|prefix)\s*$/.exec(rest)?.[1];
    if (field) return values[field] || [];
    if (/(?:^|\(|\band|\bor|\bnot)\s*$/i.test(rest)) return begun || rest ? [...fields, "not"] : [];
    if (/[\w.]+\s+$/.test(rest) && fields.includes(/([\w.]+)\s+$/.exec(rest)[1])) return WORDS.comparing;
    return /[\w")]\s+$/.test(rest) ? WORDS.joining : [];
  };
  const show = (names) => {
    at = -1;
    list.replaceChildren(...names.map((name, number) => {
      const item = document.createElement("li");
      item.textContent = name; item.id = `offered-${number}`; item.setAttribute("role", "option");
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    list.hidden = !names.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  };
  const offer = () => {
    const found = offers(), least = begun.toLowerCase().replace(/^"/, "");
    show(found.filter((name) => name.toLowerCase().includes(least) && name !== begun).slice(0, 12));
  };
  const take = (name) => {
    const end = input.selectionStart;
    input.setRangeText(`${name}${name.endsWith("(") ? "" : " "}`, end - begun.length, end, "end");
    offer();
  };
  input.addEventListener("input", offer);
  input.addEventListener("blur", () => show([]));
  input.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) offer();
    else if (list.hidden) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const items = [...list.children];
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
      items.forEach((item, number) => item.setAttribute("aria-selected", String(number === at)));
      input.setAttribute("aria-activedescendant", items[at].id);
      items[at].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Tab" || (event.key === "Enter" && at >= 0)) take(list.children[Math.max(at, 0)].textContent);
    else if (event.key === "Escape") show([]);
    else return;
    event.preventDefault();
  });
  if (input.dataset.wrong) { // the cursor stands where the search is wrong
    input.focus();
    input.setSelectionRange(Number(input.dataset.wrong), Number(input.dataset.wrong));
  }
}

document.getElementById("keys").addEventListener("click", keys["?"]);
document.addEventListener("change", (event) => {
  if (event.target.id !== "choose-all") return;
  for (const box of document.querySelectorAll("input[name=id][type=checkbox]")) box.checked = event.target.checked;
});
for (const told of document.querySelectorAll(".wrong pre")) { // a long search: what is pointed at is in sight
  const lines = told.textContent.split("\n"), longest = Math.max(...lines.map((line) => line.length));
  told.scrollLeft = told.scrollWidth * lines.at(-1).indexOf("^") / longest - told.clientWidth / 2;
}
localTimes(document);
loadAll("[data-load]");
document.querySelectorAll("[data-live]").forEach(live);
document.querySelectorAll("#search").forEach(completing);
