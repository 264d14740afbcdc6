// What only the pages of Administration have. Everything works without this file.

// --- Copy: `<button data-copy="#id" hidden>` copies the text of that element, and says so.
// A word with a hyphen stays on one line where that has room for it, so that no parameter is parted from its hyphen.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const source = document.querySelector(button.dataset.copy);
  source.replaceChildren(...source.textContent.split(/(\s+)/).map(unparted));
}

function unparted(piece) {
  if (!piece.includes("-")) return piece;
  const word = document.createElement("span");
  word.className = "unparted";
  word.textContent = piece;
  return word;
}

async function copied(source) {
  try {
    await navigator.clipboard.writeText(source.textContent); // there on https and this machine only
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const status = document.getElementById("copy-status");
  if (!button || !status) return;
  const done = await copied(document.querySelector(button.dataset.copy));
  const words = done ? status.dataset.copied : status.dataset.marked;
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  button.textContent = words;
  status.textContent = words;
  setTimeout(() => {
    button.textContent = label;
    status.textContent = "";
  }, 2500);
});

// --- What follows from a choice comes a moment after it: what was typed in its place meanwhile stays.
let asked = new Map();
document.addEventListener("htmx:beforeRequest", (event) => {
  asked = new Map([...(event.target.closest("form")?.elements ?? [])].map((field) => [field, field.value]));
});

// --- Once a form is sent, what was asked as one left its last field needs no answer any more: that could be about what
// saving changed already.
let isSent = false;
document.addEventListener("submit", (event) => {
  isSent = !event.defaultPrevented; // htmx sends others itself
});
addEventListener("pageshow", () => {
  isSent = false; // one came back to it
});
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (isSent) event.preventDefault();
});

// --- What is said of a field as one leaves it: what stands there already is not put there, and read out, again.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (!target.id.startsWith("message_")) { // a field that follows from a choice
    if (asked.has(target) && asked.get(target) !== target.value) event.detail.shouldSwap = false;
    return;
  }
  const field = document.getElementsByName(target.id.replace(/^message_/, ""))[0];
  field?.toggleAttribute("aria-invalid", false);
  if (field && fragment.querySelector(".errorlist")) field.setAttribute("aria-invalid", "true");
  if (target.textContent.trim() === fragment.textContent.trim()) event.detail.shouldSwap = false;
});

// --- What is wrong with a form that came back is seen at once, however far down it stands, and one types on there.
if (performance.getEntriesByType("navigation")[0]?.responseStatus === 422) {
  const wrong = document.querySelector("main :is([role=alert], .errorlist)");
  const field = document.querySelector("main .field.wrong :is(input:not([type=hidden]), select, textarea)");
  field?.focus({ preventScroll: true });
  const first = field?.closest(".field") ?? wrong;
  if (first?.getBoundingClientRect().bottom > innerHeight) first.scrollIntoView({ block: "center" });
}
