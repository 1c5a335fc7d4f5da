// Finds papers in the indexes of `search/YEAR/`, which hold digests: see `searchable.py` for
// how their text is split. A hit is a paper in which every word of the query occurs, in one
// digest or several.
"use strict";
(() => {
  const TITLE = document.title;
  const PAGE = 20;
  const BATCH = 12; // digests asked for at once
  const PAUSE = 250; // milliseconds after the last key
  const MOST_WORDS = 12;
  const FAR = 0.4;
  const HAN =
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff" +
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}";
  const RUNS = new RegExp(`[${HAN}]+|[^${HAN}]+`, "gu");
  const IS_HAN = new RegExp(`^[${HAN}]`, "u");
  const WIDE = new RegExp(`^[${HAN}\u3000-\u303f\uff01-\uff65]$`, "u");
  const MARKS = /^\p{P}+$/u;
  const WIDE_MARK = /^[\u3000-\u303f\uff01-\uff65]$/u;
  const FOLDED = ["abstract", "facts"];
  const RESPELLED = ["unaccented", "formulas"]; // what the other fields say in other letters
  const MOST_LINKS = 4; // to other digests, before the rest is folded
  const LANGUAGES = { en: "en", zh: "zh-Hans" };
  const WEIGHTS = { id: 10, title: 6, authors: 6, en: 4, zh: 4, abstract: 1, facts: 1, unaccented: 3, formulas: 1 };

  const byId = (id) => document.getElementById(id);
  const form = byId("search");
  const [field, topic, year] = ["q", "topic", "year"].map(byId);
  const [found, unable, hits, more] = ["found", "unable", "hits", "more"].map(byId);
  const titles = new Map([...topic.options].map((option) => [option.value, option.text]));
  const years = [...year.options].map((option) => option.value).filter(Boolean);
  const indexes = new Map();

  // What was asked.

  const LETTERS = { ø: "o", ł: "l", đ: "d", ð: "d", ı: "i", ß: "ss", æ: "ae", œ: "oe", þ: "th" };
  const plain = (text) =>
    text
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/[øłđðıßæœþ]/g, (letter) => LETTERS[letter]);
  const bare = (text) => plain(text).replace(/[^\p{L}\p{N}]/gu, "");

  /** The words of a query: `{text, han}`, those of Chinese without blanks between. */
  function wordsOf(query) {
    const asked = query
      .normalize("NFC")
      .replace(/(https?:\/\/)?(www\.)?arxiv\.org\/(abs|pdf|html)\//gi, " ")
      .replace(/\barxiv:/gi, " ")
      .replace(/(\d{4}\.\d{4,5}|\/\d{7})(v\d+)?(\.pdf)?(?![\p{L}\p{N}])/giu, "$1");
    const runs = asked.split(/\s+/).flatMap((part) => part.match(RUNS) ?? []);
    const words = runs
      .map((text) => ({ text, han: IS_HAN.test(text) }))
      .filter(({ text, han }) => han || bare(text));
    const distinct = new Map(words.map((word) => [plain(word.text), word]));
    return [...distinct.values()].slice(0, MOST_WORDS);
  }

  /** `神经网络` as the index has it: `神经 经网 网络`. */
  function pairs(text) {
    const characters = [...text];
    if (characters.length === 1) return characters;
    return characters.slice(1).map((next, place) => characters[place] + next);
  }

  /** The word that each digest of a topic begins with in the index. */
  function topicWord(name) {
    const halves = [...new TextEncoder().encode(name)].flatMap((byte) => [byte >> 4, byte & 15]);
    return `qz${String.fromCharCode(...halves.map((half) => 97 + half))}`;
  }

  // What the indexes say.

  /** What says which files an index has now: another text once it was made anew. */
  async function entryOf(name) {
    const address = new URL(`search/${name}/pagefind-entry.json`, document.baseURI);
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.text();
  }

  async function opened(name) {
    const address = new URL(`search/${name}/pagefind.js`, document.baseURI);
    const [entry, pagefind] = await Promise.all([entryOf(name), import(address.href)]);
    const index = pagefind.createInstance({});
    await index.init();
    return { entry, index };
  }

  /** The index of a year, which brings its own edition of Pagefind. */
  function indexOf(name) {
    if (!indexes.has(name)) {
      const opening = opened(name);
      opening.catch(() => indexes.delete(name));
      indexes.set(name, opening);
    }
    return indexes.get(name);
  }

  /** The digests that hold all words, the likeliest first: `{results, score}`, a result a word. */
  async function digestsWith(words, wish, name) {
    const { entry, index } = await indexOf(name);
    const sought = words.map(({ text, han }) => (han ? pairs(text).join(" ") : text));
    if (wish.topic) sought.push(topicWord(wish.topic));
    const answers = await Promise.all(sought.map((text) => index.search(text)));
    const byDigest = new Map();
    for (const { results } of answers) {
      for (const result of results) {
        const digest = byDigest.get(result.id) ?? { results: [], score: 0 };
        digest.results.push(result);
        digest.score += result.score;
        byDigest.set(result.id, digest);
      }
    }
    const complete = [...byDigest.values()].filter(({ results }) => results.length === sought.length);
    // Pagefind takes a part of the index that is gone for one that is empty.
    if (!complete.length && (await entryOf(name)) !== entry) throw new Error(`${name}: made anew`);
    return complete.sort((a, b) => b.score - a.score);
  }

  /** The papers of one digest in which all words occur. */
  async function papersOf(digest, words) {
    const data = await digest.results[0].data();
    const address = /([a-z0-9_-]+)\/(\d{8}_\d{4})\.html$/.exec(data.url);
    if (!address) return [];
    const tokens = data.content.split(/\s+/);
    const common = { tokens, topic: address[1], snapshot: address[2] };
    return papersIn(data.anchors, tokens.length)
      .map((paper) => ({ ...common, ...paper, ...matched(paper, tokens, digest, words) }))
      .filter((paper) => paper.score > 0);
  }

  /** The papers in an index's text: `{id, fields}`, of each field the first token and the end. */
  function papersIn(anchors, end) {
    const papers = [];
    anchors.forEach(({ id, location }, place) => {
      const range = [location, anchors[place + 1]?.location ?? end];
      if (Object.hasOwn(WEIGHTS, id) && papers.length) papers.at(-1).fields[id] = range;
      else papers.push({ id, fields: { id: range } });
    });
    return papers;
  }

  /** How well a paper answers, 0 where a word is missing; the tokens to be marked; whether
      a word occurs only in what a hit does not show in full. */
  function matched(paper, tokens, digest, words) {
    const marks = new Set();
    let score = 0;
    let hidden = false;
    for (const [place, word] of words.entries()) {
      const here = word.han
        ? runsOf(word.text, tokens, paper)
        : wordsLike(word.text, tokens, digest.results[place].words, paper);
      let best = 0;
      let inSight = false;
      for (const [name, [start, end]] of Object.entries(paper.fields)) {
        for (const [at, length, likeness] of here) {
          if (at < start || at >= end) continue;
          for (let token = at; token < at + length; token += 1) marks.add(token);
          if (RESPELLED.includes(name)) spelledSo(tokens[at], tokens, paper).forEach((token) => marks.add(token));
          best = Math.max(best, WEIGHTS[name] * likeness);
          inSight ||= ![...FOLDED, "formulas"].includes(name);
        }
      }
      if (!best) return { score: 0 };
      score += best;
      hidden ||= !inSight;
    }
    return { score, marks, hidden };
  }

  /** Where a word stands that is written with other letters in the index's last field. */
  function spelledSo(word, tokens, paper) {
    const [start, end] = [paper.fields.id[0], paper.fields.unaccented[0]];
    const places = [...Array(end - start).keys()].map((place) => start + place);
    return places.filter((at) => bare(tokens[at]) === bare(word));
  }

  /** Where the characters follow each other: `[first token, tokens, 1]`. */
  function runsOf(text, tokens, paper) {
    const sought = pairs(text);
    const last = [...text].at(-1);
    const single = sought[0] === last;
    const runs = [];
    const ranges = Object.values(paper.fields);
    for (let at = ranges[0][0]; at < ranges.at(-1)[1]; at += 1) {
      if (single ? tokens[at].startsWith(last) : sought.every((pair, next) => tokens[at + next] === pair)) {
        runs.push([at, single ? 1 : sought.length + 1, 1]);
      }
    }
    return runs;
  }

  /** Of the places that Pagefind found in a paper, those of the word or else of longer ones. */
  function wordsLike(text, tokens, places, paper) {
    const ranges = Object.values(paper.fields);
    const [start, end] = [ranges[0][0], ranges.at(-1)[1]];
    const found = places
      .filter((at) => at >= start && at < end)
      .map((at) => [at, 1, likeness(text, tokens[at])]);
    const near = found.filter((place) => place[2] > FAR);
    return near.length ? near : found.filter((place) => place[2]);
  }

  /** 1 for the word itself, less for another form, a part, a beginning; 0 for another word. */
  function likeness(text, token) {
    const sought = bare(text);
    const whole = bare(token);
    const parts = token
      .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
      .split(/[^\p{L}\p{N}\p{M}]+/u)
      .map(bare);
    if (whole === sought) return 1;
    if (parts.includes(sought)) return 0.9;
    if (sought.length < 3) return 0;
    if (/\p{N}/u.test(sought)) return whole.startsWith(sought) ? FAR : 0;
    const stem = sought.slice(0, Math.max(3, Math.ceil(sought.length / 2)));
    const alike = [whole, ...parts].filter((part) => part.startsWith(stem) || part.includes(sought));
    if (!alike.length) return 0;
    const nearest = Math.min(...alike.map((part) => Math.abs(part.length - sought.length)));
    return sought.length > 3 && nearest <= 3 ? 0.7 : FAR;
  }

  const newest = (a, b) => (a.snapshot < b.snapshot ? 1 : a.snapshot > b.snapshot ? -1 : 0);

  /** The papers in a year, a batch of digests at a time, in a batch the best first. */
  async function* searchYear(words, wish, name) {
    const digests = await digestsWith(words, wish, name);
    for (let start = 0; start < digests.length; start += BATCH) {
      const batch = digests.slice(start, start + BATCH);
      const papers = (await Promise.all(batch.map((digest) => papersOf(digest, words)))).flat();
      const wanted = papers.filter((paper) => !wish.topic || paper.topic === wish.topic);
      yield wanted.sort((a, b) => b.score - a.score || newest(a, b));
    }
  }

  /** The papers in all years, the newest first; `missed` gets the years that cannot be searched. */
  async function* search(words, wish, missed) {
    for (const name of wish.year ? [wish.year] : years) {
      try {
        yield* searchYear(words, wish, name);
      } catch (error) {
        console.warn(error);
        missed.push(name);
      }
    }
  }

  // What the reader sees.

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** A sentence in both languages. */
  function both(en, zh) {
    return [
      element("span", { class: "e" }, en),
      " ",
      element("span", { class: "z", lang: "zh-Hans" }, zh),
    ];
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
      const [, open, word, close] = /^(\p{P}*)(.*?)(\p{P}*)$/su.exec(text);
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

  /** Links to the other digests that hold a paper, the newest first. */
  function alsoIn(papers) {
    const links = papers.map(placeOf).map(({ href, time, title }) => {
      return element("a", { href }, time, " ", element("span", { dir: "auto" }, title));
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
    if (others.length) made.append(alsoIn(others));
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
    const results = { batches: search(words, wish, missed), missed, byId: new Map(), ready: [], count: 0 };
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
