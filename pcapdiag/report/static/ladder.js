// Ladder diagrams: lifelines of client, load balancer and backend, an arrow for each packet.
"use strict";

(function (p) {
  const { html, svg, duration } = p;
  const CHARACTER = 6.7, BOLD = 7.5, ALL_SHOWN = 60, SHEET = 240;

  function ladder(data) {
    const packets = p.objects({ columns: data.columns, rows: data.packets });
    const figure = html("figure", {}, html("figcaption", {}, caption(data, packets)));
    const scroll = html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Ladder of ${data.title} from frame ${packets[0].frame} on` });
    let everything = packets.length <= ALL_SHOWN;
    const redraw = () => scroll.replaceChildren(...pictures(data, packets, everything, p.paper.width || scroll.clientWidth, p.paper.width ? SHEET : Infinity));
    p.onPaper(redraw);
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
    const unscaled = data.unscaled.length ? " Windows are as the header has them where the handshake, which tells their scale, was not captured." : "";
    return `${data.title}${note}: ${packets.length} packets${left}. Times are seconds after the first; the evidence is marked.${unscaled}`;
  }

  function legend() {
    const sample = (kind, text) => html("span", {}, svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
      svg("g", { class: kind }, svg("path", { class: "arrow", d: "M1 5H20" }), svg("path", { class: "head", d: "M25 5l-7-4v8z" }))), ` ${text}`);
    const lostSample = () => html("span", {}, svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
      svg("g", { class: "lost" }, svg("path", { class: "arrow", d: "M1 5H18" }), svg("path", { class: "cross", d: cross(18, 5) }))), " not acknowledged: probably lost");
    return html("div", { class: "legend" }, sample("", "segment"), sample("http", "HTTP message"), sample("again", "sent again"), lostSample(), sample("reset", "RST or ICMP error"));
  }

  const cross = (x, y) => `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`;

  const isLost = (packet) => packet.again_in || packet.is_unanswered;

  const kindOf = (packet) => {
    if (isLost(packet)) return packet.http ? "lost http" : "lost";
    if (packet.flags.includes("RST") || packet.event.startsWith("ICMP")) return "reset";
    if (packet.event.includes("retransmission") || packet.event === "out of order") return "again";
    return packet.http ? "http" : "";
  };

  // Which rows to draw: all, or those near the evidence, near messages and events, and both ends.
  function chosen(packets, everything) {
    if (everything) return packets.map(() => true);
    const keep = packets.map((_, n) => n < 6 || n >= packets.length - 6);
    packets.forEach((packet, n) => {
      keep[n] ||= Boolean(packet.again_in);
      const reach = packet.is_evidence ? 3 : packet.http || packet.flags.match(/RST|FIN|SYN/) ? 1 : 0;
      if (packet.is_evidence || packet.http || packet.event || packet.flags.match(/RST|FIN|SYN/)) {
        for (let near = n - reach; near <= n + reach; near += 1) if (near >= 0 && near < packets.length) keep[near] = true;
      }
    });
    return keep;
  }

  // The ladder: one picture, or on paper several that a page can end between, each at most `sheet` high.
  function pictures(data, packets, everything, available, sheet) {
    const lanes = data.lanes.length;
    const narrow = available < 560;
    const gutter = narrow ? 62 : 150;
    const width = Math.max(available - 2, 280);
    const [left, right] = narrow ? [4, 8] : [34, 46];
    const space = (width - gutter - left - right) / (lanes - 1);
    const laneX = data.lanes.map((_, n) => gutter + left + n * space);
    const frame = { width, gutter, laneX, narrow, lanes, files: data.files.length };
    const body = [];
    const span = packets.length ? packets[packets.length - 1].time_us - packets[0].time_us : 0;
    const keep = chosen(packets, everything);
    // The lifelines' names; on a phone addresses alone, one below the other.
    const names = data.lanes.map((lane) => {
      const parts = lane.name.split(" / ");
      return narrow ? wrapped([...new Set(parts.map(address))].join(" "), space * 0.9) : wrapped(lane.name, space * 0.95);
    });
    const top = 23 + 13 * Math.max(...names.map((lines) => lines.length));
    let y = top + 8, skipped = 0, before = null;
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
    const head = [];
    data.lanes.forEach((lane, n) => {
      const anchor = n === 0 ? "start" : n === lanes - 1 ? "end" : "middle";
      const x = n === 0 ? laneX[0] - Math.min(24, left) : n === lanes - 1 ? laneX[n] + right : laneX[n];
      head.push(
        svg("text", { class: "strong", x, y: 13, "text-anchor": anchor }, lane.role),
        ...names[n].map((line, at) => svg("text", { class: "quiet", x, y: 28 + 13 * at, "text-anchor": anchor }, line)),
      );
    });
    if (narrow) head.push(svg("text", { class: "quiet", x: 2, y: 13 }, "frame"), svg("text", { class: "quiet", x: 2, y: 28 }, "seconds"));
    else head.push(svg("text", { class: "quiet", x: 4, y: 28 }, "seconds"), svg("text", { class: "quiet", x: gutter - 30, y: 28, "text-anchor": "end" }, "frame"));
    const said = `Ladder diagram of ${packets.length} packets between ${data.lanes.map((l) => `${l.role} ${l.name}`).join(", ")}; the same as a table below.`;
    const drawn = [];
    for (let first = 0, begin = 0; first < body.length || !first; ) {
      let next = first + 1;
      while (next < body.length && body[next].end - begin <= sheet) next += 1;
      const end = next >= body.length ? y + 8 : body[next - 1].end, from = Math.max(begin, top);
      drawn.push(svg("svg", { width, height: end - begin, viewBox: `0 ${begin} ${width} ${end - begin}`, role: "img", "aria-label": begin ? "The ladder goes on." : said },
        begin ? [] : head, laneX.map((x) => svg("line", { class: "line", x1: x, x2: x, y1: from, y2: Math.min(end, y), "stroke-width": 2 })),
        body.slice(first, next).map((row) => row.node)));
      [first, begin] = [next, end];
    }
    return drawn;
  }

  // An endpoint's address, without its port.
  const address = (endpoint) => endpoint.replace(/:\d+$/, "");

  function band(body, y, { width, gutter }, text) {
    body.push({ end: y + 24, node: svg("g", {}, svg("rect", { class: "pause", x: 0, y: y + 2, width, height: 18 }), svg("text", { class: "quiet", x: gutter, y: y + 15 }, text)) });
    return y + 24;
  }

  function step(body, y, packet, { width, gutter, laneX, narrow, lanes, files }) {
    const kind = kindOf(packet);
    const tcp = segment(packet);
    const left = packet.leg === 2 && lanes > 2 ? 1 : 0;
    const [from, to] = packet.direction ? [laneX[left + 1], laneX[left]] : [laneX[left], laneX[left + 1]];
    const place = label(Math.min(from, to), Math.max(from, to), left, laneX, narrow && lanes > 2);
    const said = wrapped(above(packet), place.room, BOLD), numbers = wrapped(tcp, place.room);
    const height = (said.length ? 27 + 13 * said.length : narrow ? 16 : 13) + 12 * (numbers.length - !!said.length);
    const line = y + (said.length ? 8 + 13 * said.length : 5 + 12 * numbers.length);
    const tip = line + 4, sign = Math.sign(to - from);
    const row = svg("g", { class: packet.is_evidence ? `${kind} on-mark` : kind });
    if (packet.is_evidence) row.append(svg("rect", { class: "marked", x: 0, y: y + 1, width, height: height - 1 }));
    const number = files > 1 ? `${packet.file + 1}/${packet.frame}` : packet.frame;
    const seconds = (packet.time_us / 1e6).toFixed(6);
    if (narrow) {
      row.append(svg("text", { class: "mono", x: 2, y: line - 4 }, number), svg("text", { class: "mono quiet", x: 2, y: line + 8 }, seconds));
    } else {
      row.append(svg("text", { class: "mono quiet", x: 4, y: line + 4 }, seconds), svg("text", { class: "mono", x: gutter - 30, y: line + 4, "text-anchor": "end" }, number));
    }
    if (isLost(packet)) {
      const end = from + 0.8 * (to - from);
      row.append(svg("path", { class: "arrow", d: `M${from} ${line}L${end} ${line + 3}` }), svg("path", { class: "cross", d: cross(end, line + 3) }));
    } else {
      row.append(svg("path", { class: "arrow", d: `M${from} ${line}L${to - sign * 7} ${tip}` }), svg("path", { class: "head", d: `M${to} ${tip}l${-sign * 9} -5v9z` }));
    }
    const write = (kind, lines, first, apart) => row.append(...lines.map((text, n) =>
      svg("text", { class: kind, x: place.x, y: first + n * apart, "text-anchor": place.anchor }, text)));
    write("label strong halo", said, line + 8 - 13 * said.length, 13);
    if (said.length) write("mono quiet halo", numbers, line + 15, 12);
    else write("label mono halo", numbers, line + 8 - 12 * numbers.length, 12);
    row.append(svg("title", {}, `frame ${packet.frame}: ${packet.flags} seq ${packet.seq} ack ${packet.ack} len ${packet.length} win ${packet.window} ${packet.event}`));
    body.push({ end: y + height, node: row });
    return y + height;
  }

  // Where a row's words stand: over its arrow, or on a phone from its outer lifeline inwards.
  function label(from, to, left, laneX, wide) {
    if (!wide) return { x: (from + to) / 2, anchor: "middle", room: to - from - 12 };
    const room = laneX[laneX.length - 1] - laneX[0] - 8;
    return left ? { x: to - 6, anchor: "end", room } : { x: from + 6, anchor: "start", room };
  }

  // The words above a row's arrow: an HTTP message, what TCP made of the segment; "" for an ordinary one.
  function above(packet) {
    const head = packet.http || (packet.event && packet.flags.includes("RST") ? "RST" : "");
    const parts = [packet.event];
    if (packet.again_of.length) parts[0] += ` of ${packet.again_of[0]}, ${duration(packet.again_of[1])} later`;
    if (packet.again_in) parts.push(`no ACK, sent again in ${packet.again_in}`);
    else if (packet.is_unanswered) parts.push("never acknowledged");
    const events = parts.filter(Boolean).join("; ");
    return head && events ? `${head} (${events})` : head || events;
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

  // A text's lines in this much room, broken between words; a word too long for a line is broken too.
  function wrapped(text, room, character = CHARACTER) {
    const most = Math.max(8, Math.floor(room / character));
    const lines = [];
    let line = "";
    for (const word of text.split(" ").flatMap((w) => pieces(w, most))) {
      if (line && line.length + 1 + word.length > most) {
        lines.push(line);
        line = "";
      }
      line = line ? `${line} ${word}` : word;
    }
    return line ? [...lines, line] : lines;
  }

  const pieces = (word, most) => Array.from({ length: Math.ceil(word.length / most) }, (_, n) => word.slice(n * most, (n + 1) * most));

  function asTable(data, packets) {
    const titles = ["Frame", "Seconds", "From", "Flags", "Seq", "Ack", "Len", "Window", "TCP", "HTTP"];
    const right = [0, 1, 4, 5, 6, 7];
    const details = html("details", { class: "more" }, html("summary", {}, "These packets as a table"));
    details.addEventListener("toggle", () => {
      if (details.querySelector("table")) return;
      details.append(html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Packets" }, html("table", {},
        html("thead", {}, html("tr", {}, titles.map((t, n) => html("th", { scope: "col", class: right.includes(n) && "n" }, t)))),
        html("tbody", {}, packets.map((q) => html("tr", { class: q.is_evidence && "chosen" },
          [q.frame, (q.time_us / 1e6).toFixed(6), sender(data, q), q.flags, q.seq, q.ack, q.length, q.window, above({ ...q, http: "" }), q.http]
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
