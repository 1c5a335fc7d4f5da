// What a digest's page offers beyond its text: the reader's language and subjects, kept in the
// browser, a filter, and keys. The page is complete without it. Text is only ever set as text.
"use strict";

{
  const $ = id => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A browser may refuse to keep anything; then choices hold until the page is left.
  const kept = {
    get: name => { try { return localStorage.getItem(`paperline.${name}`); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(`paperline.${name}`, value); } catch {} },
  };

  for (const choice of all(".languages input"))
    choice.addEventListener("change", () => kept.set("language", choice.id.slice("lang-".length)));

  const tools = document.querySelector(".tools");
  if (tools) start();

  function start() {
    const main = $("main"), filter = $("filter"), told = $("told");
    const fold = text => text.normalize("NFKC").toLowerCase();
    const papers = all("article.paper").map(article => {
      const parts = [".authors", "h2", ".summary", ".abstract"].flatMap(s => all(s, article));
      return {
        article, parts,
        text: fold([article.id, ...parts.map(part => part.textContent)].join("\n")),
        status: article.querySelector(".badge").classList[1],
        category: article.querySelector(".categories b").textContent,
        names: fold(article.querySelector(".authors").textContent),
      };
    });

    const pressed = {};

    // Subjects of the reader's own

    const escaped = text => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    const listed = text => text.split(/[,，、;；\n]/).map(word => fold(word.trim())).filter(Boolean);
    // "rl" is no part of "early"; longer words may have an ending. Chinese has no word boundaries.
    const pattern = word => new RegExp(/[a-z0-9]/.test(word[0])
      ? `(?<![\\p{L}\\p{N}])${escaped(word)}${word.length < 4 ? "(?![\\p{L}\\p{N}])" : ""}`
      : escaped(word), "gu");

    function mark(name, patterns, where) {
      if (!globalThis.Highlight) return;
      const ranges = [];
      for (const root of patterns.length ? papers.flatMap(where) : []) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const node = walker.currentNode, text = node.data.toLowerCase();
          if (text.length !== node.length) continue;
          for (const one of patterns)
            for (const found of text.matchAll(one)) {
              const range = new Range();
              range.setStart(node, found.index);
              range.setEnd(node, found.index + found[0].length);
              ranges.push(range);
            }
        }
      }
      CSS.highlights.set(name, new Highlight(...ranges));
    }

    function mine() {
      const words = listed($("mine-keywords").value).map(pattern);
      const people = listed($("mine-authors").value).map(pattern);
      const hit = paper => words.some(one => paper.text.search(one) >= 0)
        || people.some(one => paper.names.search(one) >= 0);
      let count = 0;
      for (const paper of papers) {
        paper.mine = hit(paper);
        paper.article.classList.toggle("hit", paper.mine);
        count += paper.mine;
      }
      $("mine-count").textContent = words.length + people.length ? count : "";
      const first = paper => $("mine-first").checked && paper.mine;
      const order = [...papers.filter(first), ...papers.filter(paper => !first(paper))];
      if (order.some(({ article }, place) => article !== main.children[place]))
        main.append(...order.map(paper => paper.article));
      mark("mine-words", words, paper => paper.parts);
      mark("mine-people", people, paper => all(".authors", paper.article));
      show(); // what was marked in a paper that moved is marked no more
    }

    for (const id of ["mine-keywords", "mine-authors"]) {
      $(id).value = kept.get(id) ?? "";
      $(id).addEventListener("input", () => { kept.set(id, $(id).value); mine(); });
    }
    $("mine-first").checked = kept.get("mine-first") === "yes";
    $("mine-first").addEventListener("change", () => {
      kept.set("mine-first", $("mine-first").checked ? "yes" : "no");
      mine();
    });

    // Filter and categories

    function show() {
      const words = fold(filter.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { article, text, ...facets } of papers) {
        const chosen = Object.entries(pressed).every(([facet, values]) =>
          !values.size || values.has(facets[facet]));
        article.hidden = !(chosen && words.every(word => text.includes(word)));
        shown += !article.hidden;
      }
      mark("filter", words.map(word => new RegExp(escaped(word), "gu")), paper => paper.parts);
      const some = filtered();
      $("all").hidden = !some;
      told.replaceChildren();
      for (const [language, said] of some ? Object.entries(told.dataset) : []) {
        const part = document.createElement("i");
        part.lang = language;
        part.textContent = said.replace("{shown}", shown).replace("{all}", papers.length);
        told.append(part, " ");
      }
    }
    filter.addEventListener("input", show);

    const filtered = () =>
      filter.value.trim() || Object.values(pressed).some(values => values.size);
    function showAll() {
      filter.value = "";
      for (const button of all(".facets [aria-pressed=true]")) button.setAttribute("aria-pressed", "false");
      for (const values of Object.values(pressed)) values.clear();
      show();
    }
    $("all").addEventListener("click", () => { showAll(); main.focus({ preventScroll: true }); });

    for (const link of all(".facets a")) {
      const button = document.createElement("button");
      const [[facet, value]] = Object.entries(link.dataset);
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.append(...link.childNodes);
      button.addEventListener("click", () => {
        const values = pressed[facet] ??= new Set();
        if (!values.delete(value)) values.add(value);
        button.setAttribute("aria-pressed", String(values.has(value)));
        show();
      });
      link.replaceWith(button);
    }

    // A link to a paper that the filter hides shows it again, whether followed or typed.
    addEventListener("click", event => {
      const link = event.target.closest?.("a[href^='#']");
      if ($(link?.getAttribute("href").slice(1))?.closest("article[hidden]")) showAll();
    });
    addEventListener("hashchange", () => {
      const target = document.querySelector("article[hidden]:target, article[hidden] :target");
      if (target) { showAll(); target.scrollIntoView(); }
    });

    // Abstracts

    const abstracts = () => all("article.paper > details:has(> .abstract)");
    $("unfold").addEventListener("click", event => {
      const open = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", String(open));
      for (const each of abstracts()) each.open = open;
    });

    // What is wider than the page can be scrolled by keyboard too.
    const wide = new ResizeObserver(seen => {
      for (const { target } of seen)
        if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
        else target.removeAttribute("tabindex");
    });
    for (const formula of all('article.paper math:is(.wide, [display="block"])')) wide.observe(formula);

    // Keys

    const keys = $("keys");
    $("keys-open").addEventListener("click", () => keys.showModal());
    $("keys-on").checked = kept.get("keys") !== "off";
    $("keys-on").addEventListener("change", () => kept.set("keys", $("keys-on").checked ? "on" : "off"));

    const visible = () => all("article.paper:not([hidden])");
    const current = () => document.activeElement?.closest("article.paper");
    function go(step) {
      const those = visible(), here = those.indexOf(current());
      const top = tools.getBoundingClientRect().bottom;
      const below = those.findIndex(article => article.getBoundingClientRect().bottom > top + 1);
      const next = those[here >= 0 ? here + step : step > 0 ? below : below - 1];
      if (!next) return;
      next.querySelector("h2 a").focus({ preventScroll: true });
      next.scrollIntoView();
    }
    function unfold() {
      const top = tools.getBoundingClientRect().bottom;
      const here = current() ?? visible().find(each => each.getBoundingClientRect().bottom > top + 1);
      const abstract = here?.querySelector(":scope > details:has(> .abstract)");
      if (abstract) abstract.open = !abstract.open;
    }
    const does = {
      j: () => go(1), k: () => go(-1), o: unfold,
      "/": () => { filter.focus(); filter.select(); }, "?": () => keys.showModal(),
    };
    addEventListener("keydown", event => {
      const combined = event.ctrlKey || event.metaKey || event.altKey;
      if (event.defaultPrevented || event.isComposing || combined || keys.open) return;
      const typing = event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select");
      if (event.key === "Escape") {
        const open = document.querySelector(".mine[open]");
        if (open) { open.open = false; open.querySelector("summary").focus(); }
        else if (filtered() || event.target === filter) { showAll(); filter.blur(); }
      } else if (!typing && $("keys-on").checked && Object.hasOwn(does, event.key)) {
        event.preventDefault();
        does[event.key]();
      }
    });

    mine();
    tools.hidden = false;
  }
}
