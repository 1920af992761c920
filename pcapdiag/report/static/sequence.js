// Time-sequence plots as tcptrace draws them: segments as bars, the receiver's ACKs and window as steps.
"use strict";

(function (p) {
  const LEAST_SEGMENTS = 8;
  const REACH = 4; // a window that ends more than so many times as high as the data would make that flat

  // The direction of the evidence's connection that carries most bytes, if it is worth a plot.
  function wanted(data) {
    const packets = p.objects({ columns: data.columns, rows: data.packets }).filter((q) => q.leg === data.leg && !q.event.startsWith("ICMP"));
    const sent = [0, 1].map((way) => packets.filter((q) => q.direction === way && q.length));
    const way = sent[1].length > sent[0].length ? 1 : 0;
    const again = sent[way].some((q) => q.event);
    if (sent[way].length < (again ? 2 : LEAST_SEGMENTS)) return null;
    return { way, segments: sent[way], answers: packets.filter((q) => q.direction !== way && q.flags.includes("ACK")) };
  }

  function sequence(data) {
    const plot = wanted(data);
    if (!plot) return null;
    const points = [...plot.segments, ...plot.answers];
    const begin = Math.min(...points.map((q) => q.time_us)), end = data.packets[data.packets.length - 1][data.columns.indexOf("time_us")];
    const times = [...new Set([...points.map((q) => q.time_us), end])].sort((a, b) => a - b);
    const at = new Map(times.map((time, n) => [time, n]));
    // One value a time; of several packets at one time the value that `best` chooses.
    const column = (packets, value, best) => {
      const values = times.map(() => null);
      for (const q of packets) {
        const n = at.get(q.time_us);
        values[n] = values[n] === null ? value(q) : best(values[n], value(q));
      }
      return values;
    };
    // What was last acknowledged stays so to the end.
    const standing = (value) => {
      const values = column(plot.answers, value, Math.max);
      values[times.length - 1] ??= values.findLast((v) => v !== null) ?? null;
      return values;
    };
    const bottoms = column(plot.segments, (q) => q.seq, Math.min);
    const tops = column(plot.segments, (q) => q.seq + q.length, Math.max);
    const acks = standing((q) => q.ack);
    const window = standing((q) => q.ack + q.window);
    const lowest = Math.min(...plot.segments.map((q) => q.seq), ...plot.answers.map((q) => q.ack));
    const highest = Math.max(...tops, ...acks);
    const [nearest, farthest] = [Math.min(...window.filter((v) => v !== null)), Math.max(...window)];
    const unscaled = data.unscaled.includes(data.leg);
    const windowShown = !unscaled && nearest - lowest < REACH * (highest - lowest);
    const tallest = windowShown ? Math.max(highest, Math.min(farthest, lowest + REACH * (highest - lowest))) : highest;
    const again = plot.segments.filter((q) => q.event.includes("retransmission"));
    const text = `${plot.segments.length} segments, ${again.length} of them sent again${again.length ? " (red)" : ""}, ${plot.answers.length} ACKs`;
    const beyond = unscaled ? " The window's scale is not known." : windowShown || nearest === Infinity ? "" : ` The window ends far above, at ${p.count(nearest)} or more.`;
    const figure = p.html("figure", {}, p.html("figcaption", {}, `Sequence numbers over time, ${plot.way ? "server to client" : "client to server"}: ${text}.${beyond} Drag to zoom, double-click for all.`));
    const place = p.html("div", { role: "img", "aria-label": `Time-sequence plot: ${text}.` });
    const steps = uPlot.paths.stepped({ align: 1 });
    const seconds = (us) => us / 1e6;
    const pad = Math.max((end - begin) * 0.02, 1);
    const whole = [seconds(begin - pad), seconds(end + pad)];
    const first = seconds(times[0]), last = seconds(times[times.length - 1]);
    // As high as what is shown of it; all of it where nothing is.
    const heights = (u, least, most) => {
      const [low, high] = least === null ? [lowest, tallest] : [least, Math.max(least, Math.min(most, tallest))];
      const span = Math.max(high - low, 1);
      return [low - span * 0.05, high + span * 0.08 + 1];
    };
    let chart;
    const zoom = (from, to) => chart.setScale("x", { min: Math.max(from, whole[0]), max: Math.min(to, whole[1]) });
    figure.append(p.chart.zoomButtons(`the plot of ${data.title}`, whole, () => [chart.scales.x.min, chart.scales.x.max], zoom), place);
    p.chart.whenSeen(place, () => {
      chart = p.chart.make(place, {
        height: 260,
        scales: { x: { time: false, range: (u, min, max) => [min <= first ? whole[0] : min, max >= last ? whole[1] : max] }, y: { range: heights } },
        cursor: { points: { show: false }, drag: { x: true, y: false } },
        axes: [p.chart.axis({ space: 64, values: (u, ticks) => ticks.map((n) => p.duration(Math.round(n * 1e6))) }), p.chart.axis({ size: 78, values: (u, ticks) => ticks.map(p.count) })],
        series: [
          { label: "time", value: (u, s) => (s === null ? "" : `${s.toFixed(6)} s`) },
          { label: "segment begins at", colour: "--c1", paths: () => null, points: { show: false }, value: said },
          { label: "and ends at", colour: "--c1", paths: () => null, points: { show: false }, value: said },
          { label: "acknowledged", colour: "--ok", width: 1.5, paths: steps, spanGaps: true, points: { show: false }, value: said },
          ...(windowShown ? [{ label: "window ends at", colour: "--c3", width: 1, dash: [4, 3], paths: steps, spanGaps: true, points: { show: false }, value: said }] : []),
        ],
        hooks: { draw: [(u) => bars(u, plot.segments)] },
      }, [times.map(seconds), bottoms, tops, acks, ...(windowShown ? [window] : [])]);
    });
    return figure;
  }

  const said = (u, value) => (value === null || value === undefined ? "" : p.count(value));

  function bars(u, segments) {
    const context = u.ctx;
    const ratio = devicePixelRatio;
    context.save();
    context.beginPath();
    context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    context.clip();
    for (const q of segments) {
      const again = q.event.includes("retransmission");
      const x = u.valToPos(q.time_us / 1e6, "x", true);
      const [low, high] = [u.valToPos(q.seq, "y", true), u.valToPos(q.seq + q.length, "y", true)];
      context.strokeStyle = p.colour(again ? "--error" : "--c1");
      context.lineWidth = (again ? 3 : 2) * ratio;
      context.setLineDash([]);
      context.beginPath();
      context.moveTo(x, low);
      context.lineTo(x, Math.min(high, low - 3 * ratio));
      for (const y of [low, high]) { // as tcptrace: a tick at either end, for segments stand close
        context.moveTo(x - 2.5 * ratio, y);
        context.lineTo(x + 2.5 * ratio, y);
      }
      context.stroke();
    }
    context.restore();
  }

  p.sequence = sequence;
})(pcapdiag);
