// A table that sorts, filters and turns pages; only the rows of one page are ever in the document.
"use strict";

(function (p) {
  const { html, count } = p;
  const PAGE = 50;

  // columns: [{title, value(row), cell(row)?, right?}]; rows: objects; choices: [{label, test(row)}]
  function table({ label, columns, rows, choices, className }) {
    let sorted = null, descending = false, page = 0, needle = "", choice = choices[0];
    const texts = new Map();
    const textOf = (row) => {
      if (!texts.has(row)) texts.set(row, columns.map((c) => c.value(row) ?? "").join("\u0000").toLowerCase());
      return texts.get(row);
    };
    const head = html("tr", {});
    const body = html("tbody", {});
    const said = html("span", { role: "status" });
    const search = html("input", { type: "search", placeholder: "Search", "aria-label": `Search ${label}` });
    const select = html("select", { "aria-label": `Which ${label}` }, choices.map((one) => html("option", {}, one.label)));
    const turn = (title, by) => html("button", { type: "button", onclick: () => { page += by; draw(); } }, title);
    const [back, forth] = [turn("Previous", -1), turn("Next", 1)];

    columns.forEach((column) => {
      const button = html("button", { type: "button", class: "sort" }, column.title);
      button.addEventListener("click", () => {
        descending = sorted === column ? !descending : Boolean(column.right);
        sorted = column;
        page = 0;
        draw();
      });
      column.header = html("th", { scope: "col", class: column.right && "n" }, button);
      head.append(column.header);
    });

    function matching() {
      let found = rows.filter(choice.test);
      if (needle) found = found.filter((row) => textOf(row).includes(needle));
      if (sorted) {
        const value = sorted.value, sign = descending ? -1 : 1;
        found = [...found].sort((a, b) => sign * compare(value(a), value(b)));
      }
      return found;
    }

    function draw() {
      const found = matching();
      const pages = Math.max(1, Math.ceil(found.length / PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      const part = found.slice(page * PAGE, (page + 1) * PAGE);
      body.replaceChildren(...part.map((row) => html("tr", { class: className(row) },
        columns.map((column) => cellOf(column, row)))));
      said.textContent = found.length ? `${count(page * PAGE + 1)} to ${count(page * PAGE + part.length)} of ${count(found.length)}` : "none";
      back.disabled = page === 0;
      forth.disabled = page >= pages - 1;
      for (const column of columns) {
        column.header.setAttribute("aria-sort", column === sorted ? (descending ? "descending" : "ascending") : "none");
        column.header.firstChild.textContent = column.title + (column === sorted ? (descending ? " ▾" : " ▴") : "");
      }
    }

    search.addEventListener("input", () => find(search.value));
    select.addEventListener("change", () => {
      choice = choices[select.selectedIndex];
      page = 0;
      draw();
    });

    function find(text) {
      search.value = text;
      needle = text.toLowerCase();
      page = 0;
      draw();
    }

    function only(test) {
      select.selectedIndex = 0;
      choice = { label: "", test };
      find("");
    }

    draw();
    return { find, only, nodes: [
      html("div", { class: "controls" }, search, select, back, forth, said),
      html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Rows of ${label}` }, html("table", { class: "rows" }, html("thead", {}, head), body)),
    ] };
  }

  // A cell; one of a long kind is cut by the style sheet and told whole by its title.
  function cellOf(column, row) {
    const long = column.kind === "long";
    return html("td", { class: column.right ? "n" : column.kind, title: long && column.value(row) },
      column.cell ? column.cell(row) : column.value(row));
  }

  function compare(a, b) {
    const [left, right] = [a ?? null, b ?? null];
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -1 : 1;
  }

  p.table = table;
})(pcapdiag);
