// The report's data, and how anything of it gets into the page: as text nodes only, never as markup.
"use strict";

const pcapdiag = (function () {
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);
  const report = parse("report-data");
  const view = parse("view-data");
  const SVG = "http://www.w3.org/2000/svg";
  const HIDDEN = new RegExp(
    "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f" +
      "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}]|[\\ud800-\\udfff]",
    "gu",
  );

  // Text of the capture with control, bidirectional and invisible characters spelled out.
  function shown(text) {
    return String(text).replace(HIDDEN, (c) => {
      const code = c.codePointAt(0);
      return code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
    });
  }

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : shown(value));
    }
    for (const child of children.flat()) {
      if (child === null || child === undefined || child === "") continue;
      node.append(child instanceof Node ? child : document.createTextNode(shown(child)));
    }
    return node;
  }

  const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

  // Rows of a {columns, rows, names} table as objects; a column with names holds numbers of them.
  function objects({ columns, rows, names = {} }) {
    return rows.map((row) => Object.fromEntries(columns.map((column, n) => [column, names[column] ? names[column][row[n]] : row[n]])));
  }

  const count = (n) => n.toLocaleString("en-US");

  // Times and sizes read as pcapdiag/words.py says them.
  function duration(us) {
    if (us === null || us === undefined) return "";
    const s = us / 1e6;
    if (s > 0 && s < 0.0009995) return `${Math.floor(s * 1e6 + 0.5)} µs`;
    if (s > 0 && s < 0.9995) return `${threeDigits(s * 1e3)} ms`;
    if (s < 119.5) return `${threeDigits(s)} s`;
    const minutes = Math.floor(s / 60 + 0.5), whole = Math.floor(s + 0.5);
    const [n, large, small] = whole < 7200 ? [whole, "min", "s"] : [minutes, "h", "min"];
    return `${count(Math.floor(n / 60))} ${large}` + (n % 60 ? ` ${n % 60} ${small}` : "");
  }

  function threeDigits(n) {
    const digits = n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
    return count(Math.floor(n * 10 ** digits + 0.5) / 10 ** digits);
  }

  function bytes(n) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (n >= 999.5 && unit < units.length - 1) {
      n /= 1000;
      unit += 1;
    }
    return `${threeDigits(n)} ${units[unit]}`;
  }

  // The time of day, in UTC, of a moment given in microseconds after the capture's first packet.
  function clock(us) {
    const moment = view.timeline.first_us + Math.round(us);
    const seconds = Math.floor(moment / 1e6);
    return new Date(seconds * 1000).toISOString().slice(11, 19) + "." + String(moment - seconds * 1e6).padStart(6, "0");
  }

  // What must be drawn anew for paper and after it; `width` is the sheet's in pixels, 0 on the screen.
  const paper = { width: 0, drawers: [] };
  const onPaper = (draw) => paper.drawers.push(draw);

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  return { report, view, html, svg, objects, shown, count, duration, bytes, clock, colour, paper, onPaper };
})();
