// Where time went: each server's response times, and the waterfall of requests that failed or were slow.
"use strict";

(function (p) {
  const { html, svg, duration, count } = p;
  const { bins, servers, leg, more_servers } = p.view.times;
  const SHOWN = 8;

  const lowOf = (bin) => bins.lowest_us * 10 ** (bin / bins.per_decade);

  function range() {
    const used = [];
    for (const server of servers) server.histogram.forEach((n, bin) => n && used.push(bin));
    return [Math.max(0, Math.min(...used) - 1), Math.min(bins.count - 1, Math.max(...used) + 1)];
  }

  function histogram(server, [first, last]) {
    const width = 260, height = 34, step = width / (last - first + 1);
    const most = Math.max(...server.histogram);
    const picture = svg("svg", { class: "histogram", width, height: height + 1, role: "img", "aria-label":
      `Distribution from ${duration(Math.round(lowOf(first)))} to ${duration(Math.round(lowOf(last + 1)))}, logarithmic` });
    server.histogram.slice(first, last + 1).forEach((n, at) => {
      if (!n) return;
      const tall = Math.max(2, (n / most) * height);
      picture.append(svg("rect", { class: "bar", x: at * step + 0.5, y: height - tall, width: Math.max(step - 1, 1), height: tall },
        svg("title", {}, `${duration(Math.round(lowOf(first + at)))} to ${duration(Math.round(lowOf(first + at + 1)))}: ${count(n)}`)));
    });
    picture.append(svg("line", { class: "line", x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5 }));
    return picture;
  }

  function serverTable() {
    if (!servers.length) return html("p", { class: "quiet" }, "No answered exchange in this capture.");
    const shared = range();
    const scale = `${duration(Math.round(lowOf(shared[0])))} to ${duration(Math.round(lowOf(shared[1] + 1)))}, logarithmic`;
    const titles = ["Server", "Answers", "No answer", "Median", "90 %", "99 %", "Longest", `Distribution (${scale})`];
    return html("table", {},
      html("thead", {}, html("tr", {}, titles.map((t, n) => html("th", { scope: "col", class: n && n < 7 && "n" }, t)))),
      html("tbody", {}, servers.map((server) => html("tr", {}, html("th", { scope: "row" }, server.name), html("td", { class: "n" }, count(server.count)), html("td", { class: server.unanswered ? "n bad" : "n" }, count(server.unanswered)),
        [server.p50_us, server.p90_us, server.p99_us, server.max_us].map((us) => html("td", { class: "n" }, duration(us))),
        html("td", {}, histogram(server, shared))))));
  }

  const rows = p.objects(p.view.exchanges);
  const byNumber = new Map(rows.map((row) => [row.exchange, row]));

  // From the request's last byte to its answer's first; 0 where the answer began before the request's end.
  const waitOf = (row) => (row.response_start_us === null || row.request_end_us === null ? null : Math.max(0, row.response_start_us - row.request_end_us));

  // A request's bars: sending it, waiting for the answer, the answer; below them the same on the backend leg.
  function bars(row, scale, width, y, shift) {
    const x = (us) => ((us + shift) / scale) * width;
    const end = row.took_us;
    const parts = [["light", 0, row.request_end_us ?? end, "request"]];
    if (row.request_end_us !== null && waitOf(row) !== 0) parts.push(["wait", row.request_end_us, row.response_start_us ?? end, "waiting"]);
    if (row.response_start_us !== null) parts.push(["", row.response_start_us, end, "response"]);
    return parts.map(([kind, from, to, name]) => svg("rect", {
      class: `bar ${kind}`, x: x(from), y, width: Math.max(1.5, x(to) - x(from)), height: 9,
    }, svg("title", {}, `${name}: ${duration(to - from)}`)));
  }

  function waterfall(row, scale) {
    const width = innerWidth < 760 ? 170 : innerWidth < 1000 ? 250 : 420;
    const peer = row.peer === null ? null : byNumber.get(row.peer);
    const offset = peer ? peer.start_us - row.start_us : 0;
    const drawn = peer && offset >= 0 && offset <= scale;
    const picture = svg("svg", { width, height: drawn ? 24 : 12, role: "img", "aria-label": words(row) + (peer ? `; backend: ${words(peer)}` : "") },
      bars(row, scale, width, 1, 0), drawn ? bars(peer, scale, width, 13, offset) : []);
    return picture;
  }

  function words(row) {
    const parts = [];
    if (row.request_end_us) parts.push(`request ${duration(row.request_end_us)}`);
    if (row.request_end_us !== null && row.response_start_us !== null) parts.push(`waiting ${duration(waitOf(row))}`);
    if (row.response_start_us !== null && row.response_end_us !== null) parts.push(`response ${duration(row.took_us - row.response_start_us)}`);
    return parts.join(", ") || "no answer";
  }

  const name = (row) => `${row.method} ${row.target.length > 60 ? row.target.slice(0, 59) + "…" : row.target}`;

  function waterfalls() {
    const near = rows.some((row) => row.leg === 1) ? rows.filter((row) => row.leg === 1) : rows;
    const failed = near.filter((row) => row.failed).slice(0, SHOWN);
    const slow = near.filter((row) => !row.failed).sort((a, b) => b.took_us - a.took_us).slice(0, SHOWN);
    const chosen = [...failed, ...slow];
    if (!chosen.length) return [html("p", { class: "quiet" }, "No exchange in this capture.")];
    const scale = Math.max(...chosen.map((row) => row.took_us), 1) * 1.02;
    const line = (row) => html("tr", { class: row.failed && "failed" },
      html("td", { class: "target" }, name(row)), html("td", {}, statusOf(row)), html("td", { class: "n" }, duration(row.took_us)),
      html("td", {}, waterfall(row, scale), html("div", { class: "quiet" }, p.view.spent[row.exchange] ?? "")),
      html("td", { class: "quiet" }, row.peer === null ? "" : byNumber.get(row.peer)?.server ?? ""));
    const key = (kind, text) => html("span", {}, svg("svg", { width: 12, height: 10, "aria-hidden": "true" }, svg("rect", { class: `bar ${kind}`, width: 12, height: 10 })), ` ${text}`);
    return [
      html("div", { class: "legend" }, key("light", "request"), key("wait", "waiting for the answer"), key("", "response"), html("span", {}, "upper bar: client side, lower bar: backend side")),
      html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Waterfall" }, html("table", {},
        html("thead", {}, html("tr", {}, ["Request", "Status", "Took", `Waterfall (0 to ${duration(Math.round(scale))})`, "Backend"].map((t) => html("th", { scope: "col", class: t === "Took" && "n" }, t)))),
        html("tbody", {}, chosen.map(line)))),
    ];
  }

  function statusOf(row) {
    if (row.status) return html("span", { class: row.status >= 400 ? "tag bad" : "tag" }, String(row.status));
    return html("span", { class: "tag bad" }, "no answer");
  }

  document.getElementById("times-note").textContent = servers.length
    ? `From the last byte of a request to the first byte of its answer, as ${leg === "backend" ? "each backend" : "each server"} took it; 0 where an answer began before its request ended` +
      (more_servers ? `; the ${servers.length} busiest of ${servers.length + more_servers} servers.` : ".")
    : "";
  document.getElementById("times-servers").append(serverTable());
  document.getElementById("waterfall").append(...waterfalls());
  p.times = { waterfall, waitOf, words, statusOf, byNumber };
})(pcapdiag);
