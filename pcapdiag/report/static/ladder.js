// Ladder diagrams: lifelines of client, load balancer and backend, an arrow for each packet.
"use strict";

(function (p) {
  const { html, svg, duration } = p;
  const CHARACTER = 6.7, ALL_SHOWN = 60;

  function ladder(data) {
    const packets = p.objects({ columns: data.columns, rows: data.packets });
    const figure = html("figure", {}, html("figcaption", {}, caption(data, packets)));
    const scroll = html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Ladder of ${data.title}` });
    let everything = packets.length <= ALL_SHOWN;
    const redraw = () => scroll.replaceChildren(picture(data, packets, everything, scroll.clientWidth));
    figure.append(scroll);
    if (!everything) {
      const button = html("button", { type: "button" }, `Show all ${packets.length} packets`);
      button.addEventListener("click", () => {
        everything = !everything;
        button.textContent = everything ? "Show only what matters" : `Show all ${packets.length} packets`;
        redraw();
      });
      figure.append(button);
    }
    figure.append(asTable(data, packets));
    let width = 0;
    new ResizeObserver(() => {
      if (scroll.clientWidth && scroll.clientWidth !== width) {
        width = scroll.clientWidth;
        redraw();
      }
    }).observe(scroll);
    return figure;
  }

  function caption(data, packets) {
    const note = data.note ? ` (${data.note})` : "";
    const left = data.left_out ? `, ${p.count(data.left_out)} more left out` : "";
    return `${data.title}${note}: ${packets.length} packets${left}. Times are seconds after the first; the evidence is marked.`;
  }

  function legend() {
    const sample = (kind, text) => html("span", {}, svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
      svg("g", { class: kind }, svg("path", { class: "arrow", d: "M1 5H20" }), svg("path", { class: "head", d: "M25 5l-7-4v8z" }))), ` ${text}`);
    return html("div", { class: "legend" }, sample("", "segment"), sample("http", "HTTP message"), sample("again", "sent again"), sample("reset", "RST"));
  }

  const kindOf = (packet) => {
    if (packet.flags.includes("RST") || packet.event.startsWith("ICMP")) return "reset";
    if (packet.event.includes("retransmission") || packet.event === "out of order") return "again";
    return packet.http ? "http" : "";
  };

  // Which rows to draw: all, or those near the evidence, near messages and events, and both ends.
  function chosen(packets, everything) {
    if (everything) return packets.map(() => true);
    const keep = packets.map((_, n) => n < 6 || n >= packets.length - 6);
    packets.forEach((packet, n) => {
      const reach = packet.is_evidence ? 3 : packet.http || packet.flags.match(/RST|FIN|SYN/) ? 1 : 0;
      if (packet.is_evidence || packet.http || packet.event || packet.flags.match(/RST|FIN|SYN/)) {
        for (let near = n - reach; near <= n + reach; near += 1) if (near >= 0 && near < packets.length) keep[near] = true;
      }
    });
    return keep;
  }

  function picture(data, packets, everything, available) {
    const lanes = data.lanes.length;
    const narrow = available < 560;
    const gutter = narrow ? 112 : 150;
    const width = Math.max(available - 2, lanes > 2 ? 560 : 380);
    const space = (width - gutter - 80) / (lanes - 1);
    const laneX = data.lanes.map((_, n) => gutter + 34 + n * space);
    const frame = { width, gutter, laneX, digits: narrow ? 4 : 6, lanes, files: data.files.length };
    const body = svg("g", {});
    const span = packets.length ? packets[packets.length - 1].time_us - packets[0].time_us : 0;
    const keep = chosen(packets, everything);
    let y = 44, skipped = 0, before = null;
    packets.forEach((packet, n) => {
      if (!keep[n]) {
        skipped += 1;
        before = packet;
        return;
      }
      if (skipped) y = band(body, y, frame, `${skipped} packets not drawn`);
      skipped = 0;
      const pause = before ? packet.time_us - before.time_us : 0;
      if (pause >= 1000 && (pause >= 1e6 || pause >= span * 0.15)) y = band(body, y, frame, `${duration(pause)} pass`);
      y = step(body, y, packet, frame);
      before = packet;
    });
    const drawing = svg("svg", {
      width, height: y + 8, viewBox: `0 0 ${width} ${y + 8}`, role: "img",
      "aria-label": `Ladder diagram of ${packets.length} packets between ${data.lanes.map((l) => `${l.role} ${l.name}`).join(", ")}; the same as a table below.`,
    });
    data.lanes.forEach((lane, n) => {
      const anchor = n === 0 ? "start" : n === lanes - 1 ? "end" : "middle";
      const x = n === 0 ? laneX[0] - 24 : n === lanes - 1 ? laneX[n] + 46 : laneX[n];
      drawing.append(
        svg("line", { class: "line", x1: laneX[n], x2: laneX[n], y1: 36, y2: y, "stroke-width": 2 }),
        svg("text", { class: "strong", x, y: 13, "text-anchor": anchor }, lane.role),
        svg("text", { class: "quiet", x, y: 28, "text-anchor": anchor }, clip(lane.name, space * 0.95)),
      );
    });
    drawing.append(svg("text", { class: "quiet", x: 4, y: 28 }, "seconds"), svg("text", { class: "quiet", x: gutter - 30, y: 28, "text-anchor": "end" }, "frame"), body);
    return drawing;
  }

  function band(body, y, { width, gutter }, text) {
    body.append(svg("rect", { class: "pause", x: 0, y: y + 2, width, height: 18 }), svg("text", { class: "quiet", x: gutter, y: y + 15 }, text));
    return y + 24;
  }

  function step(body, y, packet, { width, gutter, laneX, digits, lanes, files }) {
    const kind = kindOf(packet);
    const height = packet.http || packet.event ? 40 : 25;
    const left = packet.leg === 2 && lanes > 2 ? 1 : 0;
    const [from, to] = packet.direction ? [laneX[left + 1], laneX[left]] : [laneX[left], laneX[left + 1]];
    const line = y + (height === 40 ? 21 : 17), tip = line + 4, sign = Math.sign(to - from);
    const room = Math.abs(to - from) - 24, middle = (from + to) / 2;
    const row = svg("g", { class: packet.is_evidence ? `${kind} on-mark` : kind });
    if (packet.is_evidence) row.append(svg("rect", { class: "marked", x: 0, y: y + 1, width, height: height - 1 }));
    row.append(
      svg("text", { class: "mono quiet", x: 4, y: line + 4 }, (packet.time_us / 1e6).toFixed(digits)),
      svg("text", { class: "mono", x: gutter - 30, y: line + 4, "text-anchor": "end" }, files > 1 ? `${packet.file + 1}/${packet.frame}` : packet.frame),
      svg("path", { class: "arrow", d: `M${from} ${line}L${to - sign * 7} ${tip}` }),
      svg("path", { class: "head", d: `M${to} ${tip}l${-sign * 9} -5v9z` }),
    );
    const tcp = segment(packet);
    const head = packet.http || (packet.event && packet.flags.includes("RST") ? "RST" : "");
    const above = head && packet.event ? `${head} (${packet.event})` : head || packet.event;
    if (above) {
      row.append(
        svg("text", { class: "label strong halo", x: middle, y: line - 5, "text-anchor": "middle" }, clip(above, room)),
        svg("text", { class: "mono quiet halo", x: middle, y: line + 15, "text-anchor": "middle" }, clip(tcp, room)),
      );
    } else {
      row.append(svg("text", { class: "label mono halo", x: middle, y: line - 4, "text-anchor": "middle" }, clip(tcp, room)));
    }
    row.append(svg("title", {}, `frame ${packet.frame}: ${packet.flags} seq ${packet.seq} ack ${packet.ack} len ${packet.length} win ${packet.window} ${packet.event}`));
    body.append(row);
    return y + height;
  }

  // What a segment says, the least telling last.
  function segment(packet) {
    const flags = packet.flags.split(",").filter((flag) => flag && flag !== "ACK" && (flag !== "PSH" || !packet.length)).join(",");
    const parts = [flags || (packet.length ? "" : "ACK")];
    if (packet.length || flags || packet.event) parts.push(`seq ${packet.seq}`);
    if (packet.length) parts.push(`len ${packet.length}`);
    if (packet.flags.includes("ACK")) parts.push(`ack ${packet.ack}`);
    if (!packet.flags.includes("RST")) parts.push(`win ${packet.window}`);
    if (packet.sack.length) parts.push(`sack ${packet.sack.map(([a, b]) => `${a}-${b}`).join(" ")}`);
    return parts.filter(Boolean).join(" ");
  }

  function clip(text, room) {
    const most = Math.max(6, Math.floor(room / CHARACTER));
    return text.length <= most ? text : text.slice(0, most - 1) + "…";
  }

  function asTable(data, packets) {
    const titles = ["Frame", "Seconds", "From", "Flags", "Seq", "Ack", "Len", "Window", "TCP", "HTTP"];
    const right = [0, 1, 4, 5, 6, 7];
    const details = html("details", { class: "more" }, html("summary", {}, "These packets as a table"));
    details.addEventListener("toggle", () => {
      if (details.querySelector("table")) return;
      details.append(html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Packets" }, html("table", {},
        html("thead", {}, html("tr", {}, titles.map((t, n) => html("th", { scope: "col", class: right.includes(n) && "n" }, t)))),
        html("tbody", {}, packets.map((q) => html("tr", { class: q.is_evidence && "chosen" },
          [q.frame, (q.time_us / 1e6).toFixed(6), sender(data, q), q.flags, q.seq, q.ack, q.length, q.window, q.event, q.http]
            .map((value, n) => html("td", { class: right.includes(n) && "n" }, value))))))));
    });
    return details;
  }

  function sender(data, packet) {
    const left = packet.leg === 2 && data.lanes.length > 2 ? 1 : 0;
    return data.lanes[left + packet.direction].role;
  }

  p.ladder = ladder;
  p.ladderLegend = legend;
})(pcapdiag);
