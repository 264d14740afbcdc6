// A form that was sent is not sent a second time by a double click. Everything works without this file.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
  } else if (form.method === "post") {
    form.dataset.sent = "yes";
  }
});
// Navigation that is wider than a phone begins where one is, and fades on the sides where there is more of it.
const fade = (line) => {
  const left = line.scrollWidth - line.clientWidth - line.scrollLeft;
  line.dataset.more = `${line.scrollLeft > 1 ? "before " : ""}${left > 1 ? "after" : ""}`.trim();
};
const lines = document.querySelectorAll(".main-nav, .sub-nav, .tabs");
for (const line of lines) {
  const here = line.querySelector(":scope > [aria-current]");
  line.dataset.more = "";
  if (here && line.scrollWidth > line.clientWidth) line.scrollLeft = here.offsetLeft - line.offsetLeft - 36;
  fade(line);
  line.addEventListener("scroll", () => fade(line), { passive: true });
}
window.addEventListener("resize", () => lines.forEach(fade));
// A page that the browser shows again from its memory starts afresh.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
