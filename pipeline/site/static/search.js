// The search page. A hit is a paper in which every word of the query occurs, in one digest or
// several; `indexes.js` finds them.
"use strict";
(() => {
  const { HAN, IS_HAN, FOLDED, wordsOf, newest, search } = indexes;
  const TITLE = document.title;
  const PAGE = 20;
  const PAUSE = 250; // milliseconds after the last key
  const WIDE = new RegExp(`^[${HAN}\u3000-\u303f\uff01-\uff65]$`, "u");
  const MARKS = /^\p{P}+$/u;
  const WIDE_MARK = /^[\u3000-\u303f\uff01-\uff65]$/u;
  const MOST_LINKS = 4; // to other digests, before the rest is folded
  const LANGUAGES = { en: "en", zh: "zh-Hans" };

  const byId = (id) => document.getElementById(id);
  const form = byId("search");
  const [field, topic, year] = ["q", "topic", "year"].map(byId);
  const [found, unable, hits, more] = ["found", "unable", "hits", "more"].map(byId);
  const titles = new Map([...topic.options].map((option) => [option.value, option.text]));
  const years = [...year.options].map((option) => option.value).filter(Boolean);

  // What the reader sees.

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** A sentence in both languages, as `macros.html.j2` has it. */
  function both(en, zh) {
    return [element("i", { lang: "en" }, en), " ", element("i", { lang: "zh" }, zh)];
  }

  const say = (en, zh) => found.replaceChildren(...both(en, zh));
  const busy = (is) => hits.setAttribute("aria-busy", is);

  function apart(before, after) {
    const [last, first] = [[...before].at(-1), [...after][0]];
    if (WIDE_MARK.test(last) || WIDE_MARK.test(first)) return false;
    if (WIDE.test(last) && WIDE.test(first)) return false;
    return !((WIDE.test(last) && MARKS.test(after)) || (MARKS.test(before) && WIDE.test(first)));
  }

  /** The tokens as they were written, those to be marked in `<mark>`. */
  function written(paper, [start, end]) {
    const made = document.createDocumentFragment();
    let before = "";
    let mark = null;
    for (let at = start; at < end; at += 1) {
      const token = paper.tokens[at];
      const text = IS_HAN.test(token) ? [...token][0] : token;
      const gap = before && apart(before, text) ? " " : "";
      let [, open, word, close] = /^(\p{P}*)(.*?)(\p{P}*)$/su.exec(text);
      if (word.includes("(") && close.startsWith(")")) [word, close] = [`${word})`, close.slice(1)];
      if (paper.marks.has(at)) {
        if (!mark || open) {
          mark = element("mark");
          made.append(gap + open, mark);
          mark.append(word);
        } else mark.append(gap + word);
        made.append(close);
        if (close) mark = null;
      } else {
        made.append(gap + text);
        mark = null;
      }
      before = text;
    }
    made.normalize();
    return made;
  }

  /** `length` tokens of a field about the first one that is marked. */
  function excerpt(paper, [start, end], length) {
    const marked = [...paper.marks].filter((at) => at >= start && at < end);
    const first = marked.length ? Math.min(...marked) : start;
    const from = Math.max(start, Math.min(first - Math.floor(length / 3), end - length));
    const to = Math.min(end, from + length);
    return [from > start ? "… " : "", written(paper, [from, to]), to < end ? " …" : ""];
  }

  const has = (paper, name) => {
    const [start, end] = paper.fields[name] ?? [0, 0];
    for (let at = start; at < end; at += 1) if (paper.marks.has(at)) return true;
    return false;
  };

  /** Where a paper stands: the address, the day in its own element, the topic's title. */
  function placeOf({ id, snapshot, topic: name }) {
    const address = new URL(`${name}/${snapshot}.html`, document.baseURI);
    address.hash = id;
    const day = `${snapshot.slice(0, 4)}-${snapshot.slice(4, 6)}-${snapshot.slice(6, 8)}`;
    return { href: address.href, time: element("time", { datetime: day }, day), title: titles.get(name) ?? name };
  }

  /** Links to the other digests that hold a paper, the newest first; another topic is named. */
  function alsoIn(others, paper) {
    const links = others.map((other) => {
      const { href, time, title } = placeOf(other);
      const named = other.topic === paper.topic ? [] : [" ", element("span", { dir: "auto" }, title)];
      return element("a", { href }, time, ...named);
    });
    const rest = links.splice(MOST_LINKS);
    const made = element("div", { class: "also" }, element("span", {}, ...both("Also in", "又见")), ...links);
    if (rest.length) {
      const summary = element("summary", {}, ...both(`${rest.length} more`, `另有 ${rest.length} 期`));
      made.append(element("details", {}, summary, ...rest));
    }
    return made;
  }

  /** A hit as it stands in the newest of its digests. */
  function shown(hit) {
    const [paper, ...others] = hit.papers.sort(newest);
    const { fields } = paper;
    const { href, time, title } = placeOf(paper);
    const made = element("li");
    made.append(element("h2", {}, element("a", { href, dir: "auto" }, ...excerpt(paper, fields.title, 60))));
    const lines = element("div", { class: "summary" });
    const there = ["en", "zh"].filter((key) => fields[key]?.[1] > fields[key]?.[0]);
    for (const key of there) {
      const choice = there.length > 1 ? { class: key[0] } : {};
      lines.append(element("p", { lang: LANGUAGES[key], dir: "auto", ...choice }, ...excerpt(paper, fields[key], 150)));
    }
    made.append(lines);
    for (const key of FOLDED) {
      if (paper.hidden && has(paper, key)) {
        made.append(element("p", { class: "excerpt", dir: "auto" }, ...excerpt(paper, fields[key], 40)));
      }
    }
    made.append(
      element("p", { class: "authors", dir: "auto" }, ...excerpt(paper, fields.authors, 24)),
      element(
        "p",
        { class: "facts" },
        element("span", {}, time),
        element("span", { dir: "auto" }, title),
        element("span", {}, "arXiv:", written(paper, fields.id)),
      ),
    );
    if (others.length) made.append(alsoIn(others, paper));
    hit.item = made;
    return made;
  }

  /** Show again, in its place, a hit that was found in one more digest. */
  function refresh(hit) {
    const before = hit.item;
    const held = before.contains(document.activeElement);
    before.replaceWith(shown(hit));
    if (held) hit.item.querySelector("a").focus();
  }

  /** Make papers of one id one hit; returns those hits that are shown already. */
  function gather(results, papers) {
    const again = new Set();
    for (const paper of papers) {
      const hit = results.byId.get(paper.id);
      if (hit) {
        hit.papers.push(paper);
        if (hit.item) again.add(hit);
      } else {
        const made = { papers: [paper], item: null };
        results.byId.set(paper.id, made);
        results.ready.push(made);
      }
    }
    return again;
  }

  let asking = 0;
  let waiting = null; // what "more" goes on with

  /** Show the next hits, as many as a page holds. */
  async function show(results, mine, first) {
    more.hidden = true;
    busy(true);
    if (first) say("Searching…", "正在搜索……");
    let done = false;
    while (results.ready.length < PAGE + 1 && !done) {
      const step = await results.batches.next();
      done = step.done;
      if (mine !== asking) return;
      if (!done) gather(results, step.value).forEach(refresh);
    }
    const next = results.ready.splice(0, PAGE).map(shown);
    if (first) hits.replaceChildren(...next);
    else hits.append(...next);
    if (!first) next[0]?.querySelector("a").focus();
    results.count += next.length;
    more.hidden = !results.ready.length;
    waiting = results;
    busy(false);
    tell(results);
  }

  function tell({ count, ready, missed }) {
    if (missed.length) {
      const which = missed.join(", ");
      say(
        `${papers(count)}, but the index of ${which} could not be loaded. Reload the page to try again.`,
        `共 ${count} 篇；${missed.join("、")} 年的索引无法加载，请刷新页面后重试。`,
      );
    } else if (!count) {
      say(
        "No paper was found. Fewer or shorter words find more.",
        "没有找到论文。减少或缩短关键词可扩大范围。",
      );
    } else if (ready.length) {
      say(`The first ${count} papers; there are more.`, `已显示前 ${count} 篇，还有更多。`);
    } else say(`${papers(count)}.`, `共 ${count} 篇。`);
  }

  const papers = (count) => (count === 1 ? "1 paper" : `${count} papers`);

  const asked = () => ({ q: field.value.trim(), topic: topic.value, year: year.value });

  function start() {
    asking += 1;
    const wish = asked();
    document.title = wish.q ? `${wish.q} · ${TITLE}` : TITLE;
    const words = wordsOf(wish.q);
    if (!words.length) {
      hits.replaceChildren();
      found.replaceChildren();
      more.hidden = true;
      busy(false);
      return;
    }
    const missed = [];
    const batches = search(words, wish, wish.year ? [wish.year] : years, missed);
    const results = { batches, missed, byId: new Map(), ready: [], count: 0 };
    void show(results, asking, true);
  }

  // The address holds the query.

  function addressOf(wish) {
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(wish)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    return address;
  }

  function read() {
    const given = new URLSearchParams(location.search);
    field.value = given.get("q") ?? "";
    for (const [select, name] of [[topic, "topic"], [year, "year"]]) {
      select.value = given.get(name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
    }
    start();
  }

  let timer = 0;

  /** Search for what the form says; `step` makes it a step that the back button undoes. */
  function ask(step) {
    clearTimeout(timer);
    const address = addressOf(asked());
    if (address.href !== location.href) {
      history[step ? "pushState" : "replaceState"](null, "", address);
    } else if (!step) return;
    start();
  }

  function listen() {
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE, false);
    });
    topic.addEventListener("change", () => ask(true));
    year.addEventListener("change", () => ask(true));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(true);
    });
    more.addEventListener("click", () => void show(waiting, asking, false));
    window.addEventListener("popstate", read);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.focus();
      field.select();
    });
  }

  if (location.protocol === "file:" || typeof WebAssembly === "undefined") return;
  unable.hidden = true;
  listen();
  read();
})();
