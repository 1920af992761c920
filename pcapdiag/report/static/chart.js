// Charts over time: uPlot with our colours, kept as wide as their place, redrawn when the colour scheme changes.
"use strict";

(function (p) {
  const charts = new Set();

  // A chart in its place; a series with a `colour`, the name of one of our CSS variables, is drawn in it.
  function make(place, { series, ...options }, data) {
    const painted = series.map(({ colour, ...one }) => (colour ? { ...one, stroke: () => p.colour(colour), fill: one.filled && (() => p.colour(colour)) } : one));
    const marker = (u, n) => (series[n].colour ? `var(${series[n].colour})` : null);
    const legend = { markers: { stroke: marker, fill: (u, n) => (series[n].filled ? marker(u, n) : null) } };
    const chart = new uPlot({ width: widthOf(place), legend, series: painted, ...options }, data, place);
    charts.add(chart);
    const fit = () => widthOf(place) !== chart.width && chart.setSize({ width: widthOf(place), height: options.height });
    new ResizeObserver(fit).observe(place);
    p.onPaper(() => {
      fit();
      chart.redraw(false, true);
    });
    return chart;
  }

  // Makes what is in a place when it first comes into view, or is printed.
  function whenSeen(place, draw) {
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && now());
    const now = () => {
      observer.disconnect();
      if (!place.childElementCount) draw();
    };
    observer.observe(place);
    p.onPaper(now);
  }

  const widthOf = (place) => p.paper.width || Math.max(200, Math.floor(place.clientWidth));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const chart of charts) chart.redraw(false, true);
  });

  // Buttons that zoom: `extent` gives what is shown, [from, to] of `whole`; `zoom` shows another stretch.
  function zoomButtons(what, whole, extent, zoom) {
    const act = (label, change) => p.html("button", { type: "button", onclick: () => zoom(...change(...extent())) }, label);
    return p.html("div", { class: "controls", role: "group", "aria-label": `Zoom ${what}` },
      act("Zoom in", (a, b) => [a + (b - a) / 4, b - (b - a) / 4]),
      act("Zoom out", (a, b) => [a - (b - a) / 2, b + (b - a) / 2]),
      act("Earlier", (a, b) => { const by = Math.min((b - a) / 2, a - whole[0]); return [a - by, b - by]; }),
      act("Later", (a, b) => { const by = Math.min((b - a) / 2, whole[1] - b); return [a + by, b + by]; }),
      act("Whole", () => whole));
  }

  const axis = (more) => ({
    stroke: () => p.colour("--quiet"),
    grid: { stroke: () => p.colour("--line"), width: 1 },
    ticks: { stroke: () => p.colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
    ...more,
  });

  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

  p.chart = { make, whenSeen, axis, utc, zoomButtons };
})(pcapdiag);
