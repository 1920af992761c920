// The timeline: exchanges, errors, throughput and retransmissions in equal steps, zoomed together.
"use strict";

(function (p) {
  const data = p.view.timeline;
  const place = document.getElementById("timeline-charts");
  const names = Object.keys(data.statuses);
  const steps = data.bytes.length;
  const begin = data.first_us / 1e6;
  const times = Array.from({ length: steps }, (_, n) => begin + n * data.step_s);
  const whole = [begin, begin + Math.max(steps, 2) * data.step_s];
  const charts = [];
  let zooming = false;

  const COLOURS = ["--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
  const colourOf = (name) => (name === "ok" ? "--c-ok" : COLOURS[names.filter((n) => n !== "ok").indexOf(name) % COLOURS.length]);
  const labelOf = (name) => (name === "ok" ? "below 400" : name === "none" ? "no answer" : name);

  function zoom(from, to) {
    if (zooming) return;
    zooming = true;
    const least = data.step_s * 3;
    const middle = (from + to) / 2;
    if (to - from < least) [from, to] = [middle - least / 2, middle + least / 2];
    for (const chart of charts) chart.setScale("x", { min: Math.max(from, whole[0]), max: Math.min(to, whole[1]) });
    zooming = false;
  }

  function add(title, series, height, unit, hooks = {}) {
    const figure = p.html("figure", { class: "chart" }, p.html("figcaption", {}, title));
    const inner = p.html("div", { role: "img", "aria-label": `${title}: ${summaryOf(series, unit)}` });
    figure.append(inner);
    place.append(figure);
    // Stacked: each series is drawn as the sum of itself and those below it, the highest first; nothing where it
    // has nothing, for its edge would shine through the bar before it.
    const stacked = series.map((one, n) => times.map((_, at) => (one.values[at] ? sum(series.slice(n), at) : null)));
    const bars = uPlot.paths.bars({ size: [0.9, 60], align: 1 });
    charts.push(p.chart.make(inner, {
      height,
      tzDate: p.chart.utc,
      cursor: { dataIdx: (u, one, at) => at, sync: { key: "timeline" }, drag: { x: true, y: false }, points: { show: false } },
      scales: { x: { range: (u, min, max) => [min ?? whole[0], max === null || max >= times[steps - 1] ? whole[1] : max] }, y: { range: (u, min, max) => [0, Math.max(max * 1.08, 1e-9)] } },
      axes: [p.chart.axis({ values: timesOfDay, space: 90 }), p.chart.axis({ size: 84, incrs: unit === plain ? WHOLE : undefined, values: (u, ticks) => ticks.map((n) => unit(n)) })],
      series: [
        { label: "UTC", value: (u, s) => (s === null ? "" : p.clock((s - begin) * 1e6).slice(0, 12)) },
        ...series.map((one) => ({
          label: one.label, colour: one.colour, filled: true, width: 0, paths: bars,
          points: { show: false }, value: (u, v, s, at) => (at === null ? "" : unit(one.values[at])),
        })),
      ],
      hooks: { setScale: [(u, key) => key === "x" && zoom(u.scales.x.min, u.scales.x.max)], ...hooks },
    }, [times, ...stacked]));
  }

  // Ticks as UTC times of day, with as much of a second as their distance asks for.
  function timesOfDay(u, ticks, axis, space, distance) {
    let digits = 0;
    while (digits < 6 && Math.abs((distance * 10 ** digits) % 1) > 1e-6) digits += 1;
    return ticks.map((tick) => p.clock((tick - begin) * 1e6).slice(0, digits ? 9 + digits : 8));
  }

  const sum = (series, at) => series.reduce((total, one) => total + one.values[at], 0);
  const summaryOf = (series, unit) => series.map((one) => `${one.label} ${unit(one.values.reduce((a, b) => a + b, 0))} in all`).join(", ");

  // A mark over every step in which a finding's requests failed.
  function marks(u) {
    const context = u.ctx;
    const ratio = devicePixelRatio;
    context.save();
    p.report.findings.forEach((finding, number) => {
      if (finding.severity === "info") return;
      context.fillStyle = p.colour(finding.severity === "error" ? "--error" : "--warning");
      for (const [step] of data.findings[number] || []) {
        const x = u.valToPos(times[step] + data.step_s / 2, "x", true);
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        const y = u.bbox.top;
        context.beginPath();
        context.moveTo(x, y + 6 * ratio);
        context.lineTo(x - 4 * ratio, y - 1 * ratio);
        context.lineTo(x + 4 * ratio, y - 1 * ratio);
        context.fill();
      }
    });
    context.restore();
  }

  const plain = (n) => (Number.isInteger(n) ? p.count(n) : String(n));
  const WHOLE = Array.from({ length: 30 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3));
  const perStep = `per ${p.duration(Math.round(data.step_s * 1e6))}`;
  document.getElementById("timeline-note").textContent =
    `${data.leg === "all" ? "All" : `The ${data.leg}'s`} exchanges by the UTC time each began, ${perStep}, from ${new Date(data.first_us / 1000).toISOString().slice(0, 10)} on. Drag to zoom, double-click for all. ` +
    "A mark above the chart stands where a finding's requests failed.";
  const errors = names.filter((name) => name !== "ok");
  const series = (list) => list.map((name) => ({ label: labelOf(name), colour: colourOf(name), values: data.statuses[name] }));
  const any = names.some((name) => data.statuses[name].some(Boolean));
  const sentAgain = Object.entries(data.retransmissions);
  if (!any) place.append(p.html("p", {}, "No exchange in clear to draw."));
  if (any || sentAgain.length) place.before(p.chart.zoomButtons("the timeline", whole, () => [charts[0].scales.x.min, charts[0].scales.x.max], zoom));
  if (any) add(`Exchanges ${perStep}`, series([...errors, "ok"]), 190, plain, { draw: [marks] });
  if (errors.length) add(`Errors by status ${perStep}`, series(errors), 130, plain);
  const rate = data.bytes.map((n) => n / data.step_s);
  if (any) add("Message bodies per second", [{ label: "bodies", colour: "--c5", values: rate }], 120, (n) => `${p.bytes(Math.round(n))}/s`);
  if (sentAgain.length) {
    add(`Packets sent again ${perStep}`,
      sentAgain.map(([leg, values], n) => ({ label: leg, colour: n ? "--c4" : "--c3", values })), 120, plain);
  }
})(pcapdiag);
