// A form that was sent is not sent a second time by a double click. Everything works without this file.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
  } else if (form.method === "post") {
    form.dataset.sent = "yes";
  }
});
// Navigation that is wider than a phone begins where one is.
for (const here of document.querySelectorAll("nav > [aria-current]")) {
  const line = here.parentElement;
  if (line.scrollWidth > line.clientWidth) line.scrollLeft = here.offsetLeft - line.offsetLeft - 16;
}
// A page that the browser shows again from its memory starts afresh.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
