// The review page: keys, the strip, and edits that are kept in the browser until they are saved.
// Blind choice has its keys from here, too.
// Everything it does can be done without it: it only follows the page's own links and forms.
"use strict";

const focus = () => document.getElementById("focus");
const inFocus = (selector) => focus()?.querySelector(selector) ?? null;
const editor = () => inFocus("#editor");
const fields = () => [...(focus()?.querySelectorAll("textarea") ?? [])];

// --- moving between papers -------------------------------------------------------------

const links = () => [...document.querySelectorAll("#strip a[data-paper]")];

function markCurrent() {
  const paper = focus()?.dataset.paper;
  for (const link of links()) {
    if (link.dataset.paper === paper) {
      link.setAttribute("aria-current", "true");
      link.scrollIntoView({ block: "nearest", inline: "center" });
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

// The paper that was asked for, or another candidate of the one in focus, and is not here yet.
let asked = null;
// Forms that were sent, each with the kept edit that its answer makes superfluous. Until they
// are answered the page stays.
const underWay = new Map();

// Whether what is on the page is about to be replaced: nothing may be decided on it any more.
const isPassing = () => asked !== null || underWay.size > 0;

const PATIENCE = 200; // milliseconds that need no sign
let sign = null;

function showPassing() {
  if (isPassing()) {
    focus()?.setAttribute("aria-busy", "true");
    sign ??= setTimeout(() => {
      const loading = document.getElementById("loading");
      loading.hidden = false;
      document.getElementById("said").textContent = told = loading.textContent;
    }, PATIENCE);
  } else {
    focus()?.removeAttribute("aria-busy");
    clearTimeout(sign);
    sign = null;
    document.getElementById("loading").hidden = true;
  }
}

function open(address, paper = focus()?.dataset.paper) {
  if (underWay.size) return;
  keep();
  const mine = { paper };
  asked = mine;
  showPassing();
  const over = () => {
    if (asked === mine) asked = null;
    showPassing();
  };
  htmx.ajax("GET", address, { source: "#strip", target: "#focus", swap: "outerHTML" }).then(over, over);
}

function step(by) {
  const all = links();
  const from = asked?.paper ?? focus()?.dataset.paper;
  const here = all.findIndex((link) => link.dataset.paper === from);
  const next = all[here < 0 ? 0 : Math.min(Math.max(here + by, 0), all.length - 1)];
  if (next && next !== all[here]) open(next.getAttribute("href"), next.dataset.paper);
}

// --- editing: autosave, restore, live checks --------------------------------------------

const storeName = () => `paperline:${focus()?.dataset.store}`;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(storeName()));
  } catch {
    return null; // no storage, or something else of that name
  }
}

function forget(name = storeName()) {
  try {
    localStorage.removeItem(name);
  } catch {
    // a browser without storage keeps nothing anyway
  }
}

function keep() {
  if (!editor()?.open) return;
  const texts = Object.fromEntries(fields().map((field) => [field.name, field.value]));
  if (fields().every((field) => field.value === field.dataset.saved)) {
    forget();
    return;
  }
  try {
    localStorage.setItem(storeName(), JSON.stringify(texts));
  } catch {
    // a full or forbidden storage: the text is still in the page
  }
}

function edit() {
  const part = editor();
  if (!part) return;
  part.open = true;
  const field = fields()[0];
  field?.focus();
  field?.setSelectionRange(field.value.length, field.value.length);
  recheck();
}

function leave() {
  keep();
  editor().open = false;
  inFocus("#title").focus({ preventScroll: true });
}

function recheck() {
  const field = fields()[0];
  if (field) htmx.trigger(field, "check");
}

function fill(texts) {
  for (const field of fields()) if (typeof texts[field.name] === "string") field.value = texts[field.name];
  keep();
  recheck();
}

function offerKept() {
  const kept = stored();
  const note = inFocus("#kept");
  if (!kept || !note) return;
  if (fields().every((field) => kept[field.name] === field.value)) return;
  note.hidden = false;
  const part = editor();
  if (!part.open) part.classList.add("has-kept");
}

const acts = {
  keys: () => {
    const keys = document.getElementById("keys");
    if (keys.open) keys.close();
    else keys.showModal();
  },
  leave,
  restore: () => {
    const kept = stored();
    inFocus("#kept").hidden = true;
    if (kept) fill(kept);
  },
  forget: () => {
    forget();
    inFocus("#kept").hidden = true;
  },
  take: (button) => {
    const offers = button.closest(".elsewhere").querySelectorAll("[data-offer]");
    edit();
    fill(Object.fromEntries([...offers].map((offer) => [offer.dataset.offer, offer.textContent])));
  },
};

// --- marks: what belongs together lights up together ------------------------------------

function light(element) {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  const numbers = element?.closest("[data-marks]")?.dataset.marks.split(" ") ?? [];
  const root = element?.closest("#live") ?? focus();
  for (const number of numbers) {
    for (const other of root?.querySelectorAll(`[data-marks~="${number}"]`) ?? []) {
      other.classList.add("lit");
    }
  }
}

// --- single keys can be switched off (WCAG 2.1.4) --------------------------------------

const KEYS_STORE = "paperline:single-keys";

function singleKeys() {
  try {
    return localStorage.getItem(KEYS_STORE) !== "off";
  } catch {
    return document.getElementById("single").checked;
  }
}

function switchKeys() {
  const box = document.getElementById("single");
  try {
    if (box.checked) localStorage.removeItem(KEYS_STORE);
    else localStorage.setItem(KEYS_STORE, "off");
  } catch {
    // without storage they are off until the page is left
  }
  showKeys();
}

function showKeys() {
  const on = singleKeys();
  document.getElementById("single").checked = on;
  document.documentElement.classList.toggle("no-single-keys", !on);
}

// --- blind choice: a pair that has only just appeared has been read by nobody -----------

// A second press or tap that was meant for the pair before comes sooner than this, in milliseconds.
const UNREAD = 300;
let reading = null;

function appear() {
  const pair = document.getElementById("choice");
  if (!pair) return;
  clearTimeout(reading);
  delete pair.dataset.ready;
  requestAnimationFrame(() => {
    reading = setTimeout(() => { pair.dataset.ready = ""; }, UNREAD);
  });
}

// --- events --------------------------------------------------------------------------------

function press(key) {
  const target = [focus(), document].map((root) => root?.querySelector(`[data-key~="${key}"]`)).find(Boolean);
  if (!target || target.disabled || !target.checkVisibility()) return false;
  if (isPassing() && target.matches("button:not([data-act]), summary, a[data-open]") && !isStill(target)) return true;
  if (target.tagName === "SUMMARY") {
    const part = target.parentElement;
    if (part.id === "editor") {
      edit();
    } else {
      part.open = true;
      part.querySelector("select, button")?.focus();
    }
  } else {
    target.click();
  }
  return true;
}

// Whether a link leads to a candidate of the paper that was asked for, too.
const isStill = (link) => link.matches("a[data-open]") && asked?.paper === focus()?.dataset.paper;

// The letter on the key, also under CapsLock and where the keyboard is set to another script.
function keyOf(event) {
  const latin = /^[\x20-\x7e]$/.test(event.key);
  if (!latin && event.code.startsWith("Key")) return event.code.slice(3).toLowerCase();
  return /^[A-Z]$/.test(event.key) && !event.shiftKey ? event.key.toLowerCase() : event.key;
}

// Ctrl+Enter saves an edit. In a conflict it only shows the way to what has to be pressed itself.
function save(event) {
  const again = inFocus("#again");
  const inEditor = event.target.closest("#editor");
  if (!again && !inEditor) return;
  event.preventDefault();
  if (event.repeat || isPassing()) return;
  if (again) again.focus();
  else inFocus('[data-act="save"]').click();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // keys of an input method, such as that of Chinese
  const typing = event.target.closest('textarea, input:not([type="checkbox"]), select');
  const inEditor = event.target.closest("#editor");
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (asked && !asked.paper) asked = null; // the browser stays on this page
    showPassing();
    if (inEditor) leave();
    else if (typing) event.target.blur();
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    save(event);
    return;
  }
  if (event.target.matches("textarea") && inEditor && event.key === "Enter") {
    event.preventDefault(); // a line has no line breaks
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !singleKeys()) return;
  if (document.querySelector("dialog[open]") && event.key !== "?") return;
  const key = keyOf(event);
  const moves = { j: 1, k: -1 };
  if (key in moves && document.getElementById("strip")) {
    event.preventDefault();
    step(moves[key]);
  } else if (event.repeat) {
    // a key that is held down must not decide on papers that nobody has read
  } else if (/^([a-z0-9?=[\]]|ArrowLeft|ArrowRight)$/.test(key) && press(key)) {
    event.preventDefault();
  }
});

// What changes something about a paper that is about to be replaced is not sent.
document.addEventListener("submit", (event) => {
  const chooses = event.target.id === "choice";
  if (!chooses && !event.target.matches("[hx-post]")) return;
  if (isPassing()) {
    event.preventDefault();
    event.stopPropagation();
  } else if (chooses) {
    asked = {}; // the next pair is another page
    showPassing();
  }
}, true);

// Keys press buttons and links, too.
document.addEventListener("click", (event) => {
  const unread = document.querySelector("#choice:not([data-ready])");
  if (unread && event.target.closest("#choice button, .tools a[data-key]")) event.preventDefault();
}, true);

document.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]");
  if (act && act.dataset.act in acts) {
    acts[act.dataset.act](act);
    return;
  }
  const link = event.target.closest("a[data-paper], a[data-open]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    if (link.dataset.paper || !isPassing() || isStill(link)) open(link.getAttribute("href"), link.dataset.paper);
  }
});

document.addEventListener("toggle", (event) => {
  if (event.target.id === "editor" && event.target.open) recheck();
}, true);

document.addEventListener("change", (event) => {
  if (event.target.id === "single") switchKeys();
});

document.addEventListener("input", (event) => {
  if (event.target.closest("#editor")) keep();
});

document.addEventListener("focusin", ({ target }) => {
  // browsers leave alone what is partly in view
  if (target.matches("#strip a")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
});

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => light(event.target));
}

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement.tagName !== "FORM") return;
  keep();
  underWay.set(ctx, ctx.request.submitter?.value === "edit" ? storeName() : null);
  showPassing();
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  underWay.delete(ctx);
  showPassing();
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.response?.status === 200) {
    document.getElementById("problem").replaceChildren();
    if (underWay.get(ctx)) forget(underWay.get(ctx));
  }
  underWay.delete(ctx);
  arrived();
  showPassing();
  tell();
});

// What changes beside the focus is said by one element that stays: a live region that is put
// into the page together with its text says nothing.
let told = "";
function tell() {
  const texts = [".tags, #live .length, #live .finding, #live .clean", "#question", "#progress .release"]
    .flatMap((selector) => [...document.querySelectorAll(selector)])
    .map((element) => element.textContent.replace(/\s+/g, " ").trim());
  const text = texts.filter(Boolean).join(" ");
  if (text !== told) document.getElementById("said").textContent = text;
  told = text;
}

let seen = null;
function arrived() {
  const here = focus();
  if (!here || here === seen) return;
  const first = seen === null;
  seen = here;
  asked = null;
  markCurrent();
  offerKept();
  if (here.dataset.address) history.replaceState(null, "", here.dataset.address);
  if (editor()?.open) edit();
  else inFocus("#title")?.focus({ preventScroll: true });
  // On a phone the strip stands above the paper: the rest of the page's head is scrolled away.
  const strip = document.getElementById("strip");
  const above = !first && strip.getBoundingClientRect().bottom <= here.getBoundingClientRect().top;
  window.scrollTo({ top: above ? strip.offsetTop : 0 });
}

// On the way to another page nothing is decided on this one either.
window.addEventListener("beforeunload", () => {
  asked = {};
  showPassing();
});
window.addEventListener("pageshow", () => {
  asked = null;
  showPassing();
  appear();
});

document.addEventListener("htmx:error", () => {
  document.getElementById("offline").hidden = false;
});
// An answer that is not this server's, a proxy's error page for example, replaces nothing.
document.addEventListener("htmx:before:response", (event) => {
  if (event.detail.ctx.response.headers.get("X-Paperline")) return;
  event.preventDefault();
  document.getElementById("offline").hidden = false;
});
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.target?.id === "focus") document.getElementById("offline").hidden = true;
});
document.addEventListener("DOMContentLoaded", () => {
  told = "";
  showKeys();
  arrived();
  tell();
});
