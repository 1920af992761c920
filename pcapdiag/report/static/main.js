// Puts each finding's ladders and plots in their place, when its section first opens.
"use strict";

(function (p) {
  const drawers = [];
  for (const place of document.querySelectorAll(".ladders")) {
    const mine = p.view.ladders.filter((data) => data.finding === Number(place.dataset.finding));
    const details = place.closest("details");
    const draw = () => {
      if (!details.open || place.childElementCount || !mine.length) return;
      place.append(p.ladderLegend());
      for (const data of mine) {
        const plot = p.sequence(data);
        place.append(p.ladder(data), ...(plot ? [plot] : []));
      }
    };
    details.addEventListener("toggle", draw);
    drawers.push(draw);
    draw();
  }

  // What a link points to is opened before it is shown.
  const openTarget = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();
  // On paper every finding is open, all is as wide as the sheet, and colours are those for white.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.finding, details.mistaken")) details.open = true;
    for (const draw of drawers) draw();
    toPaper(680);
  });
  addEventListener("afterprint", () => toPaper(0));

  function toPaper(width) {
    p.paper.width = width;
    document.documentElement.classList.toggle("paper", width > 0);
    for (const draw of p.paper.drawers) draw();
  }
})(pcapdiag);
