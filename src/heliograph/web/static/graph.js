// The graph: dagre lays out what is small, layers what is large; this draws it, and lets people look closer.
"use strict";

(async () => {
  const place = document.getElementById("graph"), SVG = "http://www.w3.org/2000/svg";
  const WIDE = 210, TALL = 44, LARGE = 400;
  const make = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const short = (text) => text.length > 30 ? "…" + text.slice(-29) : text;

  let most = 0;
  function leadsTo(node) {
    if (node.task !== undefined) return `${place.dataset.task}&task=${encodeURIComponent(node.task)}`;
    if (node.count <= most) return `${place.dataset.page.replace(/[?&]by=function/, "")}&open=${encodeURIComponent(node.function)}`;
    const dot = node.function.lastIndexOf(".");
    return `${place.dataset.tasks}&q=${encodeURIComponent(`function.qualname = ${JSON.stringify(node.function.slice(dot + 1))}`)}#tasks`;
  }

  function box(node, at) {
    const worst = ["FAILED", "RUNNING", "CANCELED", "WAITING", "READY", "PENDING", "SUCCESSFUL"].find((name) => node.statuses[name]);
    const link = make("a", { href: leadsTo(node), class: `node f-${worst}`, transform: `translate(${at.x - WIDE / 2} ${at.y - TALL / 2})` });
    link.append(make("title", {}, `${node.label}\n${Object.entries(node.statuses).map(([name, count]) => `${count} ${name}`).join(", ")}`));
    link.append(make("rect", { class: "box", width: WIDE, height: TALL, rx: 7 }));
    let x = 8;
    for (const [name, count] of Object.entries(node.statuses)) {
      const wide = (WIDE - 16) * count / node.count;
      link.append(make("rect", { class: `part f-${name}`, x, y: TALL - 11, width: wide, height: 5, rx: 2 }));
      x += wide;
    }
    link.append(make("text", { x: 8, y: 19 }, short(node.label)));
    if (node.task === undefined) link.append(make("text", { class: "count", x: WIDE - 8, y: 29, "text-anchor": "end" }, `× ${node.count}`));
    return link;
  }

  function laidOut(found) {
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: found.nodes.length > 60 ? "LR" : "TB", nodesep: 22, ranksep: 46, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const node of found.nodes) graph.setNode(node.key, { width: WIDE, height: TALL });
    for (const edge of found.edges) if (edge.from !== edge.to) graph.setEdge(edge.from, edge.to, { handed: edge.continuation });
    dagre.layout(graph);
    const { width, height } = graph.graph();
    return {
      width, height, at: new Map(found.nodes.map((node) => [node.key, graph.node(node.key)])),
      lines: graph.edges().map((key) => ({ points: graph.edge(key).points, handed: graph.edge(key).handed })),
    };
  }

  // A block of boxes for each layer, from left to right; in it, each box near those that it needs.
  function layered(found) {
    const needs = new Map(found.nodes.map((node) => [node.key, []])), takers = new Map(found.nodes.map((node) => [node.key, []]));
    const waits = new Map(found.nodes.map((node) => [node.key, 0])), layer = new Map();
    for (const edge of found.edges) if (edge.from !== edge.to) {
      needs.get(edge.to).push(edge.from); takers.get(edge.from).push(edge.to);
      waits.set(edge.to, waits.get(edge.to) + 1);
    }
    const ready = found.nodes.filter((node) => !waits.get(node.key)).map((node) => node.key);
    for (const key of ready) {
      layer.set(key, Math.max(0, ...needs.get(key).slice(0, 10000).map((need) => (layer.get(need) ?? -1) + 1)));
      for (const taker of takers.get(key)) {
        waits.set(taker, waits.get(taker) - 1);
        if (!waits.get(taker)) ready.push(taker);
      }
    }
    const layers = [];
    for (const node of found.nodes) (layers[layer.get(node.key) ?? 0] ||= []).push(node.key);
    const tall = Math.ceil(Math.sqrt(found.nodes.length * 2.2)), at = new Map(), order = new Map();
    let x = WIDE / 2 + 8, most = 0;
    for (const keys of layers.filter(Boolean)) {
      const near = new Map(keys.map((key) => [key, needs.get(key).reduce((sum, need) => sum + (order.get(need) ?? 0), 0) / (needs.get(key).length || 1)]));
      keys.sort((a, b) => near.get(a) - near.get(b));
      const rows = Math.min(tall, keys.length);
      keys.forEach((key, number) => {
        order.set(key, number / keys.length);
        at.set(key, { x: x + Math.floor(number / rows) * (WIDE + 20), y: TALL / 2 + 8 + (number % rows) * (TALL + 14) });
      });
      most = Math.max(most, rows);
      x += Math.ceil(keys.length / rows) * (WIDE + 20) + 120;
    }
    const lines = found.edges.filter((edge) => edge.from !== edge.to).map((edge) => {
      const from = at.get(edge.from), to = at.get(edge.to);
      return { points: [{ x: from.x + WIDE / 2, y: from.y }, { x: to.x - WIDE / 2, y: to.y }], handed: edge.continuation };
    });
    return { width: x - WIDE / 2 - 100, height: most * (TALL + 14) + 16, at, lines };
  }

  // Zoom and pan: the part of the drawing that is seen.
  function closer(svg, width, height) {
    // All of it, as long as it can be read; else a part that can be read well.
    const room = place.clientWidth, LEAST = 0.42, WELL = 0.8;
    const scale = room / width < LEAST ? WELL : Math.min(1, room / width);
    const tall = Math.max(Math.min(height * scale, innerHeight * 0.72), 200);
    svg.setAttribute("width", "100%"); svg.setAttribute("height", tall);
    let seen;
    const show = (x, y, w) => {
      const wide = Math.min(Math.max(w, 120), Math.max(width * 1.6, room)), high = wide * tall / room;
      seen = { x: Math.min(Math.max(x, -wide * 0.8), width - wide * 0.2), y: Math.min(Math.max(y, -high * 0.8), height - high * 0.2), w: wide, h: high };
      svg.setAttribute("viewBox", `${seen.x} ${seen.y} ${seen.w} ${seen.h}`);
    };
    const begin = () => { const w = room / scale; show(Math.min((width - w) / 2, 0), Math.min((height - w * tall / room) / 2, 0), w); };
    const whole = () => { const w = Math.max(width, height * room / tall); show((width - w) / 2, Math.min((height - w * tall / room) / 2, 0), w); };
    const zoom = (by, px = room / 2, py = tall / 2) => {
      const x = seen.x + px / room * seen.w, y = seen.y + py / tall * seen.h, w = seen.w * by;
      show(x - px / room * w, y - py / tall * w * tall / room, w);
    };
    let held = null;
    svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY, seen: { ...seen }, moved: false }; });
    svg.addEventListener("pointermove", (event) => {
      if (!held || !event.buttons) return;
      const dx = event.clientX - held.x, dy = event.clientY - held.y;
      if (!held.moved && Math.abs(dx) + Math.abs(dy) < 5) return;
      held.moved = true;
      svg.setPointerCapture(event.pointerId);
      show(held.seen.x - dx / room * seen.w, held.seen.y - dy / tall * seen.h, seen.w);
    });
    svg.addEventListener("click", (event) => { if (held?.moved) event.preventDefault(); held = null; }, true);
    svg.addEventListener("focusin", (event) => { // a box that is reached by keys is brought into sight
      if (!event.target.matches(".node:focus-visible")) return;
      const [x, y] = event.target.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
      if (x < seen.x || y < seen.y || x + WIDE > seen.x + seen.w || y + TALL > seen.y + seen.h) show(x + WIDE / 2 - seen.w / 2, y + TALL / 2 - seen.h / 2, seen.w);
    });
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      zoom(1.002 ** event.deltaY, event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    const acts = { in: () => zoom(0.7), out: () => zoom(1.4), all: whole };
    for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", acts[button.dataset.zoom]);
    const by = (dx, dy) => show(seen.x + dx * seen.w * 0.15, seen.y + dy * seen.h * 0.15, seen.w);
    place.addEventListener("keydown", (event) => {
      const act = { "+": acts.in, "=": acts.in, "-": acts.out, 0: whole, ArrowLeft: () => by(-1, 0), ArrowRight: () => by(1, 0), ArrowUp: () => by(0, -1), ArrowDown: () => by(0, 1) }[event.key];
      if (act) { event.preventDefault(); act(); }
    });
    begin();
  }

  try {
    const answer = await fetch(place.dataset.graph);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error.message);
    most = found.most;
    const { width, height, at, lines } = found.nodes.length > LARGE ? layered(found) : laidOut(found);
    const svg = make("svg", { role: "group", "aria-label": `${found.nodes.length} boxes` });
    const defs = make("defs", {}), marker = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    marker.append(make("path", { class: "arrow", d: "M0 0L8 4L0 8z" }));
    defs.append(marker); svg.append(defs);
    for (const { points, handed } of lines) {
      svg.append(make("path", { class: handed ? "edge handed" : "edge", "marker-end": "url(#arrow)", d: points.map((point, number) => `${number ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("") }));
    }
    for (const node of found.nodes) svg.append(box(node, at.get(node.key)));
    place.replaceChildren(svg);
    closer(svg, width, height);
    place.dataset.drawn = String(found.nodes.length);
    if (found.closed.length) place.before(Object.assign(document.createElement("p"), { className: "hint", textContent: `Too many tasks to show one by one: ${found.closed.join(", ")}` }));
  } catch (error) {
    place.textContent = `The graph can't be drawn: ${error.message}`;
  }
})();
