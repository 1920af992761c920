// A copy button beside every command and filter.
"use strict";

(function (p) {
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return selectAndCopy(text); // pages opened from disk may have no clipboard
    }
  }

  function selectAndCopy(text) {
    const field = p.html("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: "-1" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }

  for (const line of document.querySelectorAll(".copyable")) {
    const text = line.querySelector("code").textContent;
    const button = p.html("button", { type: "button", class: "copy", "aria-label": `Copy: ${text}` }, "Copy");
    button.addEventListener("click", async () => {
      button.textContent = (await copy(text)) ? "Copied" : "Press Ctrl+C";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    line.append(button);
  }
})(pcapdiag);
