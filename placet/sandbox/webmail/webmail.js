// Shows new mail by itself, times in the reader's own zone, and brings the Copy buttons to life. All pages work without it.
"use strict";

const EVERY = 2000; // milliseconds between two looks
const MOST_FAILURES = 5; // in a row

function inOwnZone(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString();
    time.textContent =
      at.toDateString() === today
        ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
        : at.toLocaleDateString([], { day: "numeric", month: "short" });
  }
}

function replaceKeepingFocus(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  inOwnZone(fresh);
  old.replaceWith(fresh);
  if (focused) {
    [...fresh.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  }
}

async function refresh() {
  const here = new URL(location.href);
  here.searchParams.set("again", "1"); // so that what is said once is left for a page that somebody sees
  const answer = await fetch(here, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (fresh && fresh.innerHTML !== old.dataset.seen) {
      const seen = fresh.innerHTML;
      replaceKeepingFocus(old, document.adoptNode(fresh));
      document.getElementById(old.id).dataset.seen = seen;
    }
  }
}

function say(before, now) {
  const more = now - before;
  if (more > 0) document.getElementById("said").textContent = more === 1 ? "One new mail." : `${more} new mails.`;
}

async function watch(where) {
  let known = null;
  let failed = 0; // in a row
  for (;;) {
    await new Promise((done) => setTimeout(done, known === null && failed === 0 ? 0 : EVERY));
    if (document.hidden && known !== null) continue;
    try {
      const news = await (await fetch(where, { credentials: "same-origin" })).json();
      // The first time too: something may have come between this page and its script.
      if (known === null || news.stamp !== known.stamp) await refresh();
      if (known !== null) say(known.unread, news.unread);
      known = news;
      failed = 0;
    } catch {
      // Signed out, or the sandbox has stopped: there is nothing more to watch.
      failed += 1;
      if (failed === MOST_FAILURES) return;
    }
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    document.getElementById("said").textContent = "Copied.";
    button.firstChild.textContent = "Copied";
    setTimeout(() => (button.firstChild.textContent = "Copy"), 2000);
  });
}

inOwnZone(document);
if (document.body.dataset.news && document.querySelector("[data-live]")) watch(document.body.dataset.news);
