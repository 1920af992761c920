// The map: clients, load balancer addresses, backends; an edge for each path, red where something failed.
"use strict";

(function (p) {
  const { svg, html, count } = p;
  const { nodes, edges } = p.view.map;
  const MARGIN = 2, NARROWEST = 680, LABEL = 150, CHARACTER = 6.6, NODE_HEIGHT = 30, ROW = 50, TOP = 34;
  const TITLES = { client: "Clients", alb: "Load balancer", backend: "Backends" };

  function draw(available) {
    const width = Math.max(available, NARROWEST);
    const kinds = ["client", "alb", "backend"].filter((kind) => nodes[kind].length);
    if (!kinds.length) return html("p", { class: "quiet" }, "No connection to draw.");
    const longest = Math.max(...kinds.flatMap((kind) => nodes[kind].map((node) => node.name.length)));
    const room = (width - 2 * MARGIN - LABEL * (kinds.length - 1)) / kinds.length;
    const nodeWidth = Math.min(Math.max(120, longest * CHARACTER + 16), room);
    const rows = Math.max(...kinds.map((kind) => nodes[kind].length));
    const height = TOP + rows * ROW + 6;
    const at = {};
    kinds.forEach((kind, column) => {
      const x = MARGIN + (column * (width - 2 * MARGIN - nodeWidth)) / Math.max(1, kinds.length - 1);
      const gap = (rows * ROW) / nodes[kind].length;
      at[kind] = nodes[kind].map((node, n) => ({ x, y: TOP + gap * (n + 0.5), node }));
    });
    const picture = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": describe(),
    });
    const labels = svg("g", {});
    for (const edge of edges) drawEdge(picture, labels, edge, ends(edge, at), nodeWidth);
    picture.append(labels);
    for (const kind of kinds) drawNodes(picture, kind, at[kind], nodeWidth);
    return picture;
  }

  function ends(edge, at) {
    if (edge.leg === "frontend") return [at.client[edge.from], at.alb[edge.to]];
    if (edge.leg === "backend") return [at.alb[edge.from], at.backend[edge.to]];
    return [at.client[edge.from], at.backend[edge.to]];
  }

  const busiest = Math.max(1, ...edges.map((edge) => edge.exchanges || edge.connections));

  function drawEdge(picture, labels, edge, [from, to], nodeWidth) {
    const [x1, x2] = [from.x + nodeWidth, to.x];
    const outer = edge.leg === "backend"; // labels stand at the outer ends, where edges lie apart and level
    const level = Math.min(130, (x2 - x1) * 0.75);
    const [start, end] = outer ? [x1, x2 - level] : [x1 + level, x2];
    const bend = outer ? start + (end - start) / 3 : end - (end - start) / 3;
    const share = Math.log1p(edge.exchanges || edge.connections) / Math.log1p(busiest);
    picture.append(
      svg("path", {
        class: edge.failed ? "edge bad" : "edge",
        d: `M${x1} ${from.y}H${start}C${bend} ${from.y} ${bend} ${to.y} ${end} ${to.y}H${x2}`,
        "stroke-width": (1 + 4 * share).toFixed(1),
      }, svg("title", {}, `${from.node.name} to ${to.node.name}: ${facts(edge)}`)),
    );
    if (edge.failed || edges.length <= 12) {
      const place = outer ? { x: x2 - 8, "text-anchor": "end" } : { x: x1 + 8, "text-anchor": "start" };
      const y = outer ? to.y : from.y;
      const asked = edge.exchanges ? plural(edge.exchanges, "request") : plural(edge.connections, "connection");
      const first = edge.failed ? `${count(edge.failed)} of ${count(edge.exchanges || edge.connections)} failed` : asked;
      labels.append(svg("text", { class: edge.failed ? "bad halo" : "halo", ...place, y: y - 6 }, first));
      if (edges.length <= 12) second(edge).forEach((text, n) => labels.append(svg("text", { class: "quiet halo", ...place, y: y + 14 + 13 * n }, text)));
    }
  }

  const plural = (n, thing) => `${count(n)} ${thing}${n === 1 ? "" : "s"}`;

  // The quieter facts of an edge: connections, round trip, repeats.
  function second(edge) {
    const parts = edge.exchanges ? [`${count(edge.connections)} conn.`] : [];
    if (edge.rtt_ms !== null) parts.push(`RTT ${p.duration(Math.round(edge.rtt_ms * 1000))}`);
    return [parts.join(", "), edge.retransmissions ? `${lossOf(edge)} sent again` : ""].filter(Boolean);
  }

  const lossOf = (edge) => `${((100 * edge.retransmissions) / (edge.packets || 1)).toFixed(1)} %`;

  function drawNodes(picture, kind, places, nodeWidth) {
    picture.append(svg("text", { class: "strong", x: places[0].x, y: 16 }, TITLES[kind]));
    places.forEach(({ x, y, node }, n) => {
      const failing = edges.some((edge) => edge.failed && touches(edge, kind, n));
      const most = Math.floor((nodeWidth - 8) / CHARACTER); // of long names both ends, for they differ in the last
      const cut = node.name.length > most ? `${node.name.slice(0, most / 2)}…${node.name.slice(1 - most / 2)}` : node.name;
      picture.append(
        svg("rect", {
          class: failing ? "node bad" : "node", x, y: y - NODE_HEIGHT / 2, width: nodeWidth, height: NODE_HEIGHT, rx: 5,
        }),
        svg("text", { x: x + nodeWidth / 2, y: y + 4, "text-anchor": "middle" }, cut, svg("title", {}, node.name)),
      );
    });
  }

  function touches(edge, kind, n) {
    if (kind === "client") return edge.leg !== "backend" && edge.from === n;
    if (kind === "backend") return edge.leg !== "frontend" && edge.to === n;
    return (edge.leg === "frontend" && edge.to === n) || (edge.leg === "backend" && edge.from === n);
  }

  function facts(edge) {
    const loss = edge.packets ? (100 * edge.retransmissions) / edge.packets : 0;
    const rtt = edge.rtt_ms === null ? "" : `, median handshake RTT ${edge.rtt_ms} ms`;
    return `${count(edge.connections)} connections, ${count(edge.exchanges)} exchanges, ${count(edge.failed)} failed, ` +
      `${loss.toFixed(2)} % retransmitted${rtt}`;
  }

  function describe() {
    const failing = edges.filter((edge) => edge.failed).length;
    return `${nodes.client.length} clients, ${nodes.alb.length} load balancer addresses, ${nodes.backend.length} backends, ` +
      `${edges.length} paths of which ${failing} carried failures; the same as a table below.`;
  }

  function table() {
    const names = (edge) => {
      if (edge.leg === "frontend") return [nodes.client[edge.from], nodes.alb[edge.to]];
      if (edge.leg === "backend") return [nodes.alb[edge.from], nodes.backend[edge.to]];
      return [nodes.client[edge.from], nodes.backend[edge.to]];
    };
    const titles = ["From", "To", "Connections", "Exchanges", "Failed", "Retransmitted", "Median RTT"];
    return html("table", {},
      html("thead", {}, html("tr", {}, titles.map((t, n) => html("th", { scope: "col", class: n > 1 && "n" }, t)))),
      html("tbody", {}, edges.map((edge) => {
        const [from, to] = names(edge);
        const loss = edge.packets ? (100 * edge.retransmissions) / edge.packets : 0;
        const numbers = [
          count(edge.connections), count(edge.exchanges), count(edge.failed),
          `${count(edge.retransmissions)} (${loss.toFixed(2)} %)`, edge.rtt_ms === null ? "" : `${edge.rtt_ms} ms`,
        ];
        return html("tr", { class: edge.failed && "failed" }, html("td", {}, from.name), html("td", {}, to.name),
          numbers.map((n) => html("td", { class: "n" }, n)));
      })));
  }

  const place = document.getElementById("map-picture");
  let drawnFor = 0;
  const redraw = () => {
    const width = p.paper.width || place.clientWidth;
    if (!width || width === drawnFor) return;
    drawnFor = width;
    place.replaceChildren(draw(width));
  };
  redraw();
  new ResizeObserver(redraw).observe(place);
  p.onPaper(redraw);
  document.getElementById("map-table").append(table());
  document.getElementById("map-details").open = edges.length > 12 && edges.length <= 24; // what the picture does not say
})(pcapdiag);
