// The text of a process: a link of a problem puts the cursor into its line. Without this, the line's number and words
// stand beside the problem.
"use strict";

(() => {
  const area = document.getElementById("text");
  if (!area) return;
  for (const link of document.querySelectorAll("a[data-line]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const lines = area.value.split("\n");
      const before = lines.slice(0, Number(link.dataset.line) - 1);
      const start = before.reduce((length, line) => length + line.length + 1, 0);
      const height = area.scrollHeight / Math.max(1, lines.length);
      area.focus();
      area.setSelectionRange(start, start + (lines[before.length] || "").length);
      area.scrollTop = Math.max(0, (before.length - 3) * height);
    });
  }
})();
