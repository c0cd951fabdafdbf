// The graph: dagre lays it out, this draws it.
"use strict";

(async () => {
  const place = document.getElementById("graph"), SVG = "http://www.w3.org/2000/svg";
  const WIDE = 210, TALL = 44;
  const make = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const short = (text) => text.length > 30 ? "…" + text.slice(-29) : text;

  function leadsTo(node) {
    if (node.task !== undefined) return `${place.dataset.task}&task=${encodeURIComponent(node.task)}`;
    if (node.count <= 300) return `${place.dataset.page.replace(/[?&]by=function/, "")}&open=${encodeURIComponent(node.function)}`;
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

  try {
    const answer = await fetch(place.dataset.graph);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error.message);
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: found.nodes.length > 60 ? "LR" : "TB", nodesep: 22, ranksep: 46, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const node of found.nodes) graph.setNode(node.key, { width: WIDE, height: TALL });
    for (const edge of found.edges) if (edge.from !== edge.to) graph.setEdge(edge.from, edge.to, { handed: edge.continuation });
    dagre.layout(graph);
    const { width, height } = graph.graph();
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${found.nodes.length} boxes` });
    const defs = make("defs", {}), marker = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    marker.append(make("path", { class: "arrow", d: "M0 0L8 4L0 8z" }));
    defs.append(marker); svg.append(defs);
    for (const key of graph.edges()) {
      const edge = graph.edge(key);
      svg.append(make("path", { class: edge.handed ? "edge handed" : "edge", "marker-end": "url(#arrow)", d: edge.points.map((point, at) => `${at ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("") }));
    }
    for (const node of found.nodes) svg.append(box(node, graph.node(node.key)));
    place.replaceChildren(svg);
    place.dataset.drawn = String(found.nodes.length);
    if (found.closed.length) place.before(Object.assign(document.createElement("p"), { className: "hint", textContent: `Too many tasks to show one by one: ${found.closed.join(", ")}` }));
  } catch (error) {
    place.textContent = `The graph can't be drawn: ${error.message}`;
  }
})();
