// What the indexes of `search/YEAR/`, which hold digests, say to a query: see `searchable.py` for
// how their text is split. `search.js` shows it.
"use strict";
const indexes = (() => {
  const BATCH = 12; // digests asked for at once
  const MOST_WORDS = 12;
  const FAR = 0.4;
  const HAN =
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff" +
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}";
  const RUNS = new RegExp(`[${HAN}]+|[^${HAN}]+`, "gu");
  const IS_HAN = new RegExp(`^[${HAN}]`, "u");
  const FOLDED = ["abstract", "facts"]; // what a hit does not show in full
  const RESPELLED = ["unaccented", "formulas"]; // what the other fields say in other letters
  const WEIGHTS = { id: 10, title: 6, authors: 6, en: 4, zh: 4, abstract: 1, facts: 1, unaccented: 3, formulas: 1 };
  const openings = new Map(); // by the year

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
    if (!openings.has(name)) {
      const opening = opened(name);
      opening.catch(() => openings.delete(name));
      openings.set(name, opening);
    }
    return openings.get(name);
  }

  /** The digests that hold all words, the likeliest first: `{results, score}`, a result a word. */
  async function digestsWith(words, wish, name) {
    const { entry, index } = await indexOf(name);
    // The index has no signs; of a query Pagefind takes away some of them only, such as no `^`.
    const sought = words.map(({ text, han }) => (han ? pairs(text).join(" ") : text.replace(/\p{S}/gu, "")));
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

  /** The papers in these years, in their order; `missed` gets those that cannot be searched. */
  async function* search(words, wish, years, missed) {
    for (const name of years) {
      try {
        yield* searchYear(words, wish, name);
      } catch (error) {
        console.warn(error);
        missed.push(name);
      }
    }
  }

  return { HAN, IS_HAN, FOLDED, wordsOf, newest, search };
})();
