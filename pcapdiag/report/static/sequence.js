// Time-sequence plots as tcptrace draws them: segments as bars, the receiver's ACKs and window as steps.
"use strict";

(function (p) {
  const LEAST_SEGMENTS = 8;

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
    const times = [...new Set([...plot.segments, ...plot.answers].map((q) => q.time_us))].sort((a, b) => a - b);
    const at = new Map(times.map((time, n) => [time, n]));
    const column = (packets, value) => {
      const values = times.map(() => null);
      for (const q of packets) values[at.get(q.time_us)] = value(q);
      return values;
    };
    const tops = column(plot.segments, (q) => q.seq + q.length);
    const acks = column(plot.answers, (q) => q.ack);
    const windows = column(plot.answers, (q) => q.ack + q.window);
    const highest = Math.max(...plot.segments.map((q) => q.seq + q.length), ...plot.answers.map((q) => q.ack));
    const again = plot.segments.filter((q) => q.event.includes("retransmission"));
    const text = `${plot.segments.length} segments, ${again.length} of them sent again, ${plot.answers.length} ACKs`;
    const figure = p.html("figure", {}, p.html("figcaption", {}, `Sequence numbers over time, ${plot.way ? "server to client" : "client to server"}: ${text}.`));
    const place = p.html("div", { role: "img", "aria-label": `Time-sequence plot: ${text}.` });
    figure.append(place);
    const steps = uPlot.paths.stepped({ align: 1 });
    const seconds = (us) => us / 1e6;
    const lowest = Math.min(...plot.segments.map((q) => q.seq), ...plot.answers.map((q) => q.ack));
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      p.chart.make(place, {
        height: 260,
        scales: { x: { time: false }, y: { range: () => [lowest - (highest - lowest) * 0.05, highest + (highest - lowest) * 0.12 + 1] } },
        cursor: { points: { show: false } },
        axes: [p.chart.axis({ space: 80, values: (u, ticks) => ticks.map((n) => p.duration(Math.round(n * 1e6))) }), p.chart.axis({ size: 78, values: (u, ticks) => ticks.map(p.count) })],
        series: [
          { label: "time", value: (u, s) => (s === null ? "" : `${s.toFixed(6)} s`) },
          { label: "segment ends at", stroke: () => p.colour("--c1"), paths: () => null, points: { show: false } },
          { label: "acknowledged", stroke: () => p.colour("--ok"), width: 1.5, paths: steps, spanGaps: true, points: { show: false } },
          { label: "window ends at", stroke: () => p.colour("--c3"), width: 1, dash: [4, 3], paths: steps, spanGaps: true, points: { show: false } },
        ],
        hooks: { draw: [(u) => bars(u, plot.segments)] },
      }, [times.map(seconds), tops, acks, windows]);
    }).observe(place);
    return figure;
  }

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
      context.stroke();
    }
    context.restore();
  }

  p.sequence = sequence;
})(pcapdiag);
