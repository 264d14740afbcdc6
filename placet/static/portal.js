// What only the pages for everybody have. Everything works without this file.
"use strict";

// --- pages that renew themselves ---------------------------------------------------------------------------
// The address is asked every few seconds with the version that is shown; the answer is empty, or has the parts of the
// page that changed. What somebody types is in none of these parts.
(() => {
  const place = document.querySelector("[data-live-url]");
  if (!place) return;
  const address = new URL(place.dataset.liveUrl, location.href);
  const PAUSE = 3000;
  const LONGEST_PAUSE = 30000;
  const idsIn = (words) => new Set(words.split(" ").filter(Boolean));
  const known = place.dataset.openOnes === undefined ? undefined : idsIn(place.dataset.openOnes);
  let version = place.dataset.version;
  let pause = PAUSE;
  let ended = false;
  let timer;

  const ownText = (node) =>
    [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE).map((child) => child.data.trim()).join("\n");

  // Change only what differs, so that the focus stays and a screen reader says only what is new.
  const renew = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    const alike = old.tagName === fresh.tagName && old.children.length === fresh.children.length
      && old.children.length > 0 && ownText(old) === ownText(fresh);
    if (!alike) {
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(fresh);
      if (focused) document.getElementById(focused)?.focus();
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const pairs = [...old.children].map((child, number) => [child, fresh.children[number]]);
    for (const [one, other] of pairs) renew(one, other);
  };

  const close = (asked) => {
    for (const control of asked.querySelectorAll("button, input[name=pick]")) {
      control.disabled = true;
      control.checked = false;
    }
    for (const text of asked.querySelectorAll("textarea")) text.readOnly = true; // it can still be copied
    for (const note of asked.querySelectorAll("[data-closed]")) note.hidden = false;
    document.dispatchEvent(new Event("picked"));
  };

  const show = (answer) => {
    for (const fresh of answer.querySelectorAll("[data-live]")) {
      const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
      if (old) renew(old, document.importNode(fresh, true));
    }
    // What was said after something was done, of where the request stood then.
    for (const past of document.querySelectorAll("[data-now]")) past.remove();
    if (answer.dataset.title) document.title = answer.dataset.title;
    if (answer.dataset.openOnes !== undefined) {
      const open = idsIn(answer.dataset.openOnes);
      for (const asked of document.querySelectorAll("[data-asked]")) {
        if (!open.delete(asked.dataset.asked)) close(asked);
      }
      // Of those without a card here, the other pages have all that were there when this one was made.
      const news = document.querySelector("[data-new]");
      if (news && known) news.hidden = ![...open].some((id) => !known.has(id));
    }
    version = answer.dataset.version;
    if (answer.dataset.ended !== undefined) {
      ended = true;
      for (const gone of document.querySelectorAll("[data-while-running]")) gone.remove();
    }
  };

  const look = async () => {
    timer = undefined;
    if (document.hidden) return;
    address.searchParams.set("seen", version);
    try {
      const response = await fetch(address, { redirect: "manual", signal: AbortSignal.timeout(10000) });
      if (response.status === 200) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        show(page.querySelector("[data-live-answer]"));
      } else if (response.status < 500 && response.status !== 204) {
        ended = true; // signed out, or not for this person any more: a reload says so
      }
      pause = response.status < 500 ? PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE); // the network or the server is away: later
    }
    wait();
  };

  const wait = () => {
    if (!ended && timer === undefined) timer = setTimeout(look, pause);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    clearTimeout(timer);
    timer = undefined;
    pause = PAUSE;
    if (!ended) look();
  });
  wait();
})();

// --- waiting for me: keys, and several at once -------------------------------------------------------------
(() => {
  const list = document.querySelector("[data-cards]");
  if (!list) return;
  const counted = [...document.querySelectorAll("[data-count]")].map((button) => [button, button.textContent]);
  const count = () => {
    const number = list.querySelectorAll("input[name=pick]:checked").length;
    for (const [button, words] of counted) {
      button.textContent = number ? button.dataset.count.replace("{n}", number) : words;
    }
  };
  list.addEventListener("change", count);
  document.addEventListener("picked", count);
  count();

  const keys = document.getElementById("keys");
  const wanted = document.querySelector("[data-keys-on]");
  wanted.checked = localStorage.getItem("placet-keys") !== "off";
  wanted.addEventListener("change", () => localStorage.setItem("placet-keys", wanted.checked ? "on" : "off"));
  for (const button of document.querySelectorAll("[data-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => keys.showModal());
  }

  const move = (from, by) => {
    const cards = [...list.querySelectorAll("[data-card]")];
    const next = cards[from ? cards.indexOf(from) + by : 0];
    if (!next) return;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  // No key decides anything: that of an answer only goes to its button.
  const answer = (key, card) => [...card.querySelectorAll("[data-answer]")].find((one) => one.dataset.answer === key);
  const act = (key, card, onCard) => {
    if (key === "j" || (onCard && key === "ArrowDown")) move(card, 1);
    else if (key === "k" || (onCard && key === "ArrowUp")) move(card, -1);
    else if (key === "?") keys.showModal();
    else if (!card) return false;
    else if (key === "x") card.querySelector("input[name=pick]")?.click();
    else if (key === "o" || (onCard && key === "Enter")) card.querySelector("[data-open]").click();
    else if (answer(key, card)) answer(key, card).focus();
    else return false;
    return true;
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("textarea, select, input:not([type=checkbox]), [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    if (!wanted.checked) return;
    const card = event.target.closest("[data-card]");
    if (act(event.key, card, event.target === card)) event.preventDefault();
  });
})();

// --- forms that bring files: those that are too large are named at once -------------------------------------
(() => {
  const form = document.querySelector("form[enctype='multipart/form-data']");
  if (!form) return;
  const files = [...form.querySelectorAll("input[type=file]")]; // they stay, even where their row is sent anew
  const chosen = () => files.flatMap((input) => [...input.files]);
  const complaint = (input) => {
    const large = [...input.files].find((file) => file.size > Number(input.dataset.largest));
    if (large) return input.dataset.tooLarge.replace("{name}", large.name);
    const together = chosen().reduce((sum, file) => sum + file.size, 0);
    return input.files.length && together > Number(input.dataset.together) ? input.dataset.tooLargeTogether : "";
  };
  const complain = (input) => {
    const words = complaint(input);
    const field = input.closest(".field");
    let note = field.querySelector("[data-complaint]");
    if (!note && words) {
      note = document.createElement("p");
      note.className = "trouble";
      note.dataset.complaint = "";
      note.setAttribute("role", "alert");
      input.after(note);
    }
    if (note) note.textContent = words;
    field.classList.toggle("wrong", Boolean(words));
    return Boolean(words);
  };
  for (const input of files) input.addEventListener("change", () => files.forEach(complain));
  form.addEventListener("submit", (event) => {
    const wrong = files.filter(complain);
    if (!wrong.length) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // it was not sent, so it may be sent again
    wrong[0].focus();
  });
})();

// --- the form of a request: its draft is saved by itself ----------------------------------------------------
(() => {
  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const said = form.querySelector("[data-saved]");
  const files = [...form.querySelectorAll("input[type=file]")]; // they stay, even where their row is sent anew
  let changed = false;
  let sending = false;
  let waiting = false; // for the draft, before files are sent
  let saving;

  const typed = () => {
    const data = new FormData(form);
    for (const input of files) data.delete(input.name);
    data.set("do", "autosave");
    return data;
  };
  const say = (words, trouble) => {
    said.classList.toggle("trouble", trouble);
    said.classList.toggle("quiet", !trouble);
    if (said.textContent !== words) said.textContent = words; // heard once, not with every try
  };
  // Whether the draft was saved is what the answer says: 204. Anything else is said and tried again.
  const answered = (response) => {
    changed ||= response.status !== 204;
    if (response.status === 204) say(changed ? "" : said.dataset.saved, false);
    else if (response.type === "opaqueredirect" || response.status === 403) say(said.dataset.signedOut, true);
    else say(response.status === 409 ? said.dataset.outdated : said.dataset.notSaved, true);
  };
  const save = async (keepalive) => {
    if (!changed || sending) return;
    changed = false;
    const mine = new AbortController();
    const late = setTimeout(() => mine.abort(), 10000);
    saving = mine;
    try {
      const asked = { method: "POST", body: typed(), redirect: "manual", signal: mine.signal, keepalive };
      answered(await fetch(form.action, asked));
    } catch {
      changed = true;
      if (!sending) say(said.dataset.notSaved, true);
    }
    clearTimeout(late);
  };
  form.addEventListener("input", (event) => {
    if (event.target.type === "file") return;
    changed = true;
    if (!said.classList.contains("trouble")) say("", false);
  });
  setInterval(() => {
    if (!document.hidden) save(false);
  }, 20000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) save(true);
  });
  window.addEventListener("pagehide", () => {
    if (!changed || sending) return;
    changed = !navigator.sendBeacon(form.action, typed());
    if (changed) say(said.dataset.notSaved, true); // seen if the page comes back from the browser's memory
  });
  window.addEventListener("pageshow", () => {
    sending = false;
  });

  form.addEventListener("submit", (event) => {
    if (files.some((input) => input.files.length) && changed) {
      // Files can be lost on their way, and with them what was typed: that goes first, and alone.
      event.preventDefault();
      event.stopPropagation();
      if (waiting) return;
      waiting = true;
      save(false).finally(() => {
        waiting = false;
        changed = false; // it is sent now, whether it was saved or not
        form.requestSubmit(event.submitter);
      });
      return;
    }
    sending = true;
    saving?.abort();
  });
})();

// --- a form whose fields depend on each other: a row that the server sends anew takes over what is being typed in it --
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const focused = document.activeElement;
  if (!target.id.startsWith("row_") || !target.contains(focused) || !focused.id) return;
  const fresh = fragment.querySelector(`#${CSS.escape(focused.id)}`);
  if (!fresh || !("selectionStart" in focused) || focused.type === "file") return; // that one is kept as it is
  fresh.value = focused.value;
  const { id, selectionStart, selectionEnd } = focused;
  document.addEventListener("htmx:oobAfterSwap", () => {
    const again = document.getElementById(id);
    again.focus();
    if (selectionStart !== null) again.setSelectionRange(selectionStart, selectionEnd);
  }, { once: true });
});
