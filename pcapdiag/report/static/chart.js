// Charts over time: uPlot with our colours, kept as wide as their place, redrawn when the colour scheme changes.
"use strict";

(function (p) {
  const charts = new Set();

  function make(place, options, data) {
    const chart = new uPlot({ width: widthOf(place), ...options }, data, place);
    charts.add(chart);
    new ResizeObserver(() => {
      const width = widthOf(place);
      if (width !== chart.width) chart.setSize({ width, height: options.height });
    }).observe(place);
    return chart;
  }

  const widthOf = (place) => Math.max(200, Math.floor(place.clientWidth));

  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => {
      for (const chart of charts) chart.redraw(false, true);
    });
  }

  const axis = (more) => ({
    stroke: () => p.colour("--quiet"),
    grid: { stroke: () => p.colour("--line"), width: 1 },
    ticks: { stroke: () => p.colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
    ...more,
  });

  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

  p.chart = { make, axis, utc };
})(pcapdiag);
