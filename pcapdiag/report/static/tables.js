// The tables of exchanges and connections.
"use strict";

(function (p) {
  const { html, count, duration, bytes, clock, times } = p;
  const LEGS = ["", "frontend", "backend"];

  function said(table, things) {
    if (table.total === 1) return `The only ${things.slice(0, -1)}.`;
    if (table.shown >= table.total) return `All ${count(table.total)} ${things}.`;
    return `${count(table.shown)} of ${count(table.total)} ${things}: ${count(table.failed_shown)} of ${count(table.failed)} failed ones, ` +
      `the ${count(table.slow)} ${things === "exchanges" ? "slowest" : "with most retransmissions"}, and the rest picked evenly over the capture.`;
  }

  const legChoices = [
    { label: "both legs", test: () => true },
    { label: "failed", test: (row) => row.failed },
    { label: "frontend", test: (row) => row.leg === 1 },
    { label: "backend", test: (row) => row.leg === 2 },
  ];

  const frame = (row) => (p.report.capture.files.length > 1 ? `${row.file + 1}/${row.frame}` : String(row.frame));
  const waited = times.waitOf;

  const exchanges = p.table({
    label: "exchanges",
    rows: [...times.byNumber.values()],
    choices: legChoices,
    className: (row) => row.failed && "failed",
    columns: [
      { title: "No.", right: true, value: (row) => row.exchange },
      { title: "Start (UTC)", value: (row) => row.start_us, cell: (row) => clock(row.start_us) },
      { title: "Leg", value: (row) => LEGS[row.leg] },
      { title: "Request", kind: "long", value: (row) => `${row.method} ${row.target}` },
      { title: "Host", kind: "long", value: (row) => row.host },
      { title: "Status", value: (row) => row.status, cell: (row) => times.statusOf(row) },
      { title: "Cause", value: (row) => row.cause },
      { title: "Waited", right: true, value: waited, cell: (row) => duration(waited(row)) },
      { title: "Took", right: true, value: (row) => row.took_us, cell: (row) => duration(row.took_us) },
      { title: "Sent", right: true, value: (row) => row.request_bytes, cell: (row) => bytes(row.request_bytes) },
      { title: "Received", right: true, value: (row) => row.response_bytes, cell: (row) => bytes(row.response_bytes) },
      { title: "Ended", value: (row) => ended(row) },
      { title: "Client", value: (row) => row.client },
      { title: "Server", value: (row) => row.server },
      { title: "Connection", right: true, value: (row) => row.connection, cell: (row) => connectionLink(row.connection) },
      { title: "Other leg", right: true, value: (row) => row.peer, cell: (row) => (row.peer === null ? "" : exchangeLink(row.peer)) },
      { title: "Frame", right: true, value: (row) => row.frame, cell: frame },
    ],
  });

  function ended(row) {
    if (row.request_ended !== "complete") return `request ${row.request_ended}`;
    return row.response_ended === "complete" ? "" : `response ${row.response_ended}`;
  }

  const connections = p.table({
    label: "connections",
    rows: p.objects(p.view.connections),
    choices: legChoices,
    className: (row) => row.failed && "failed",
    columns: [
      { title: "No.", right: true, value: (row) => row.connection },
      { title: "Start (UTC)", value: (row) => row.start_us, cell: (row) => clock(row.start_us) },
      { title: "Leg", value: (row) => LEGS[row.leg] },
      { title: "Client", value: (row) => row.client },
      { title: "Server", value: (row) => row.server },
      { title: "Lasted", right: true, value: (row) => row.duration_us, cell: (row) => duration(row.duration_us) },
      { title: "Exchanges", right: true, value: (row) => row.exchanges, cell: (row) => exchangesLink(row) },
      { title: "Packets", right: true, value: (row) => row.packets, cell: (row) => count(row.packets) },
      { title: "Sent", right: true, value: (row) => row.client_bytes, cell: (row) => bytes(row.client_bytes) },
      { title: "Received", right: true, value: (row) => row.server_bytes, cell: (row) => bytes(row.server_bytes) },
      { title: "RTT", right: true, value: (row) => row.rtt_us, cell: (row) => duration(row.rtt_us) },
      { title: "Sent again", right: true, value: (row) => row.retransmissions },
      { title: "End", value: (row) => row.state },
      { title: "First frame", right: true, value: (row) => row.frame, cell: frame },
    ],
  });

  function link(text, act) {
    return html("button", { type: "button", class: "open", onclick: act }, text);
  }

  function go(section, table, test) {
    table.only(test);
    document.getElementById(section).scrollIntoView();
  }

  function showConnection(number) {
    go("connections", connections, (row) => row.connection === number);
  }

  function connectionLink(number) {
    return link(String(number), () => showConnection(number));
  }

  function exchangeLink(number) {
    return link(String(number), () => go("exchanges", exchanges, (row) => row.exchange === number));
  }

  function exchangesLink(row) {
    if (!row.exchanges) return "0";
    return link(count(row.exchanges), () => go("exchanges", exchanges, (other) => other.connection === row.connection));
  }

  document.getElementById("exchanges-table").append(html("p", { class: "quiet" }, said(p.view.exchanges, "exchanges")), ...exchanges.nodes);
  document.getElementById("connections-table").append(html("p", { class: "quiet" }, said(p.view.connections, "connections")), ...connections.nodes);
  for (const anchor of document.querySelectorAll("[data-connection]")) {
    anchor.addEventListener("click", (event) => {
      event.preventDefault();
      showConnection(Number(anchor.dataset.connection));
    });
  }
})(pcapdiag);
