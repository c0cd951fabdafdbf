// The timeline: a lane a worker, or a row a task. Bars thinner than a pixel are drawn once a pixel, so that
// 100,000 of them take a few milliseconds.
"use strict";

(() => {
  const canvas = document.getElementById("timeline");
  if (!canvas) return;
  const tip = document.getElementById("tip"), lanes = document.getElementById("lanes");
  const pen = canvas.getContext("2d");
  const NAMES = 118, TOP = 22, PHASES = ["queue", "load", "compute", "store"];
  let bars = null, rows = null, from = 0, until = 1, scrolled = 0, colours = {}, asked = false, again = false;

  const words = (ms) => Math.abs(ms) < 1e-6 ? "0" : ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
    : ms < 60000 ? `${(ms / 1000).toFixed(2)} s` : ms < 3600000 ? `${Math.floor(ms / 60000)} min ${String(Math.floor(ms / 1000) % 60).padStart(2, "0")} s`
    : `${Math.floor(ms / 3600000)} h ${String(Math.floor(ms / 60000) % 60).padStart(2, "0")} min`;

  // Of the axis: only as many digits as tell two ticks apart.
  const tick = (ms, step) => ms > 0 && ms < 60000 && step >= 1000 ? `${ms / 1000} s` : ms >= 60000 && ms < 3600000 && step >= 60000 ? `${Math.round(ms / 60000)} min` : words(ms);

  // Rows: which bars are in which, each row in the order of time.
  function arrange() {
    const count = bars.task.length, byTask = lanes.value === "tasks";
    const order = Uint32Array.from({ length: count }, (_, at) => at);
    if (byTask) {
      order.sort((a, b) => bars.ready[a] - bars.ready[b]);
      const of = new Map();
      rows = [];
      for (const at of order) {
        const task = bars.task[at];
        if (!of.has(task)) { of.set(task, rows.length); rows.push({ name: task, bars: [] }); }
        rows[of.get(task)].bars.push(at);
      }
    } else {
      order.sort((a, b) => bars.started[a] - bars.started[b]);
      rows = bars.lanes.map((name) => ({ name, bars: [] }));
      const nowhere = { name: "no worker", bars: [] };
      for (const at of order) (rows[bars.lane[at]] || nowhere).bars.push(at);
      if (nowhere.bars.length) rows.push(nowhere);
    }
    // Until when anything up to a bar goes: where to begin is found by halving.
    for (const one of rows) {
      one.ends = new Float64Array(one.bars.length);
      let latest = -Infinity;
      one.bars.forEach((at, number) => { latest = Math.max(latest, bars.stored[at]); one.ends[number] = latest; });
    }
    fit();
    draw();
  }

  const height = () => lanes.value === "tasks" ? 16 : Math.max(12, Math.min(34, (canvas.clientHeight - TOP - 4) / Math.max(rows.length, 1)));
  const wide = () => Math.max(canvas.clientWidth - NAMES - 8, 10);
  const x = (ms) => NAMES + (ms - from) / (until - from) * wide();
  const time = (px) => from + (px - NAMES) / wide() * (until - from);
  const spans = (at) => lanes.value === "tasks"
    ? [bars.ready[at], bars.started[at], bars.loaded[at], bars.finished[at], bars.stored[at]]
    : [bars.started[at], bars.started[at], bars.loaded[at], bars.finished[at], bars.stored[at]];

  // As high as the lanes need, within what a page has room for.
  function fit() {
    const least = 7, most = 26, lines = lanes.value === "tasks" ? rows.length * 16 : rows.length * 34;
    canvas.style.height = `${Math.min(Math.max(TOP + 6 + lines, least * 16), most * 16)}px`;
  }

  let asking = false;
  const soon = () => { if (!asking) { asking = true; requestAnimationFrame(() => { asking = false; draw(); }); } };

  function draw() {
    const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    pen.font = "11px system-ui, sans-serif";
    if (!bars) return;
    axis(w, h);
    const tall = height(), first = Math.max(Math.floor(scrolled / tall), 0), last = Math.min(Math.ceil((scrolled + h - TOP) / tall), rows.length);
    pen.save();
    pen.beginPath(); pen.rect(0, TOP, w, h - TOP); pen.clip();
    for (let number = first; number < last; number++) {
      const y = TOP + number * tall - scrolled;
      row(rows[number], y + 1.5, tall - 3, w);
      pen.fillStyle = colours.back; pen.fillRect(0, y, NAMES - 4, tall);
      pen.fillStyle = colours.soft;
      const name = rows[number].name, end = name.length > 17 ? "…" + name.slice(-12) : name;
      pen.fillText(end, 6, y + tall / 2 + 4);
    }
    if (!rows.length) { pen.fillStyle = colours.soft; pen.fillText("No attempt has begun yet.", NAMES, TOP + 20); }
    pen.restore();
    if (brush) { pen.fillStyle = colours.brush; pen.fillRect(Math.min(brush.a, brush.b), TOP, Math.abs(brush.a - brush.b), h - TOP); }
  }

  function axis(w, h) {
    const step = nice((until - from) / Math.max(wide() / 110, 1));
    pen.lineWidth = 1;
    for (let at = Math.ceil(from / step) * step; at <= until; at += step) {
      const px = Math.round(x(at)) + 0.5;
      pen.strokeStyle = colours.line; pen.beginPath(); pen.moveTo(px, TOP - 4); pen.lineTo(px, h); pen.stroke();
      const label = tick(at, step); // the last one may have no room behind its line
      pen.fillStyle = colours.soft; pen.fillText(label, Math.min(px + 3, w - pen.measureText(label).width - 2), 13);
    }
  }

  const ROUND = [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((seconds) => seconds * 1000);
  const nice = (rough) => { if (rough > 1000) return ROUND.find((step) => step >= rough) || Math.ceil(rough / 86400000) * 86400000; const ten = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-3))); return ten * [1, 2, 5, 10].find((by) => by * ten >= rough); };

  function first(of) {
    let low = 0, high = of.ends.length;
    while (low < high) { const middle = (low + high) >> 1; if (of.ends[middle] < from) low = middle + 1; else high = middle; }
    return low;
  }

  function row(of, y, tall, w) {
    // Bars narrower than a pixel fill theirs: neighbouring pixels are one rectangle, what failed is seen among others.
    const byTask = lanes.value === "tasks", begins = byTask ? bars.ready : bars.started, failing = bars.statuses.indexOf("FAILED");
    const scale = wide() / (until - from), marks = [], thinFailed = [];
    let since = -1, filled = -1;
    const fill = () => { if (since >= 0) { pen.fillStyle = colours.compute; pen.fillRect(since, y, filled - since + 1, tall); } since = -1; };
    for (let number = first(of); number < of.bars.length; number++) {
      const at = of.bars[number], begin = NAMES + (begins[at] - from) * scale;
      if (begin > w) break;
      const end = NAMES + (bars.stored[at] - from) * scale, failed = bars.status[at] === failing;
      if (end < NAMES) continue;
      if (bars.critical[at]) marks.push(begin, end);
      if (end - begin < 1.2) {
        const px = Math.floor(begin);
        if (failed) thinFailed.push(px);
        if (since < 0 || px > filled + 1) { fill(); since = px; }
        filled = px;
        continue;
      }
      fill();
      if (byTask && bars.attempt[at] === 1) {
        const zero = Math.max(x(0), NAMES - 4);
        pen.fillStyle = colours.wait; pen.fillRect(zero, y + tall / 2 - 1, Math.max(begin - zero, 0), 2);
      }
      const moments = spans(at);
      for (let phase = 0; phase < 4; phase++) {
        const a = Math.max(x(moments[phase]), NAMES - 4), b = Math.min(x(moments[phase + 1]), w);
        if (b - a <= 0) continue;
        const thin = phase === 3 && !byTask; // a worker doesn't wait for the commit
        pen.fillStyle = phase === 2 && failed ? colours.FAILED : colours[PHASES[phase]];
        pen.fillRect(a, thin ? y + tall - 4 : y, Math.max(b - a - (phase === 2 ? 0.5 : 0), 0.7), thin ? 4 : tall);
      }
    }
    fill();
    pen.fillStyle = colours.FAILED;
    for (const px of thinFailed) pen.fillRect(px, y, 1, tall);
    pen.strokeStyle = colours.critical; pen.lineWidth = 2;
    let last = -Infinity;
    for (let at = 0; at < marks.length; at += 2) {
      if (marks[at + 1] - last < 1) continue; // one mark a pixel is enough
      pen.strokeRect(marks[at], y, Math.max(marks[at + 1] - marks[at], 1), tall);
      last = marks[at + 1];
    }
  }

  function paint() {
    const style = getComputedStyle(document.documentElement), named = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of [...PHASES, "wait", "critical", "soft", "line", "FAILED"]) colours[name] = named(name);
    colours.back = named("pre"); colours.brush = named("link") + "44";
    draw();
  }

  function hit(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    if (!rows || px < NAMES || py < TOP) return null;
    const found = rows[Math.floor((py - TOP + scrolled) / height())];
    if (!found) return null;
    const slack = (until - from) / wide() * 2, at = time(px);
    let best = null, least = Infinity;
    for (const bar of found.bars) {
      const moments = spans(bar), off = Math.max(moments[0] - at, at - moments[4], 0);
      if (off <= slack && off <= least) { best = bar; least = off; }
    }
    return best;
  }

  function tell(event) {
    const bar = hit(event);
    tip.hidden = bar === null;
    if (bar === null) return;
    const moments = [bars.ready[bar], bars.started[bar], bars.loaded[bar], bars.finished[bar], bars.stored[bar]];
    const parts = PHASES.map((name, at) => `${name} ${words(moments[at + 1] - moments[at])}`).join(", ");
    tip.textContent = `${bars.task[bar]}${bars.attempt[bar] > 1 ? ` #${bars.attempt[bar]}` : ""}\n${bars.statuses[bars.status[bar]]}, ${bars.functions[bars.function[bar]]}\n${parts}${bars.critical[bar] ? "\non the critical path" : ""}`;
    const box = canvas.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX - box.left + 14, Math.max(box.width - tip.offsetWidth - 4, 0))}px`;
    tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  function zoom(by, px) {
    if (!bars?.wall) return;
    const middle = time(px ?? NAMES + wide() / 2), span = Math.min(Math.max((until - from) * by, 0.01), bars.wall * 1.02);
    const share = (middle - from) / (until - from);
    show(middle - share * span, middle + (1 - share) * span);
  }
  function show(a, b) {
    const span = b - a, least = -0.01 * bars.wall, most = 1.01 * bars.wall;
    from = Math.max(Math.min(a, most - span), least); until = from + span;
    soon();
  }
  const all = () => bars && show(-0.01 * Math.max(bars.wall, 0.001), 1.01 * Math.max(bars.wall, 0.001));
  const pan = (share) => bars && show(from + share * (until - from), until + share * (until - from));

  let brush = null, held = null;
  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    const px = event.clientX - canvas.getBoundingClientRect().left;
    if (event.shiftKey) brush = { a: px, b: px };
    held = { x: event.clientX, y: event.clientY, from, until, scrolled, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held || !bars) return tell(event);
    if (Math.abs(event.clientX - held.x) + Math.abs(event.clientY - held.y) > 4) held.moved = true;
    if (fingers.size === 2) {
      const [other] = [...fingers.values()].filter((one) => one.pointerId !== event.pointerId);
      const before = Math.abs(fingers.get(event.pointerId).clientX - other.clientX), now = Math.abs(event.clientX - other.clientX);
      if (before > 5 && now > 5) zoom(before / now, (event.clientX + other.clientX) / 2 - canvas.getBoundingClientRect().left);
      fingers.set(event.pointerId, event);
    } else if (brush) {
      brush.b = event.clientX - canvas.getBoundingClientRect().left;
      soon();
    } else {
      const by = (held.x - event.clientX) / wide() * (held.until - held.from);
      scrolled = Math.max(0, Math.min(held.scrolled + held.y - event.clientY, rows.length * height() - canvas.clientHeight + TOP + 4));
      show(held.from + by, held.until + by);
    }
    tip.hidden = true;
  });
  const release = (event) => {
    fingers.delete(event.pointerId);
    if (brush && Math.abs(brush.a - brush.b) > 4) show(time(Math.min(brush.a, brush.b)), time(Math.max(brush.a, brush.b)));
    else if (held && !held.moved && event.type === "pointerup") {
      const bar = hit(event);
      if (bar !== null) location.href = `${canvas.dataset.task}&task=${encodeURIComponent(bars.task[bar])}`;
    }
    brush = held = null;
    soon();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoom(1.002 ** event.deltaY, event.clientX - canvas.getBoundingClientRect().left);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = { "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), 0: all }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => ({ in: () => zoom(0.6), out: () => zoom(1.6), all })[button.dataset.zoom]());
  }
  lanes.addEventListener("change", () => { scrolled = 0; if (bars) arrange(); });
  new ResizeObserver(() => draw()).observe(canvas);
  document.addEventListener("heliograph:theme", paint);

  async function read() {
    again = asked; // later, and once: what has changed last is shown too
    if (asked) return;
    asked = true;
    try {
      const answer = await fetch(canvas.dataset.timeline);
      if (!answer.ok) throw new Error((await answer.json()).error.message);
      const before = bars, found = await answer.json();
      const whole = !before || until - from >= before.wall * 0.98;
      bars = found;
      for (const name of ["ready", "started", "loaded", "finished", "stored"]) bars[name] = Float64Array.from(bars[name]);
      arrange();
      if (whole) all();
      canvas.dataset.drawn = String(bars.task.length);
    } catch (error) {
      pen.fillStyle = colours.soft; pen.fillText(`The timeline can't be drawn: ${error.message}`, 12, 20);
    }
    setTimeout(() => { asked = false; if (again) read(); }, 2000);
  }
  document.addEventListener("heliograph:changed", () => { if ("again" in canvas.dataset) read(); });
  paint();
  read();
})();
