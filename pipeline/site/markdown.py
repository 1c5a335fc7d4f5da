"""A digest -> Markdown (CommonMark), with everything untrusted as plain text."""

import re
from collections.abc import Iterator

from pipeline.records import LANGUAGES, Digest, Entry
from pipeline.site import words
from pipeline.site.text import abstract_link, clean, local_time, pdf_link

MARKUP = re.compile(r"([\\`*_\[\]<>|~&$^@]|:(?=//)|(?<=[wW]{3})\.)")
"""Punctuation that CommonMark, its tables, autolinks or math give a meaning to anywhere."""

OPENING = re.compile(r"^(?:([#+=:-])|(\d+)([.)])(?= |$))")
"""What makes a heading, a list, a rule or a definition where a line begins with it."""

SPACE = re.compile(r"\s+")


def escaped(text: str) -> str:
    """`text` on one line, every character that could be markup behind a backslash."""
    line = MARKUP.sub(r"\\\1", SPACE.sub(" ", clean(text)).strip())
    return OPENING.sub(_behind_backslash, line)


def _behind_backslash(opening: re.Match[str]) -> str:
    sign, number, after = opening.groups()
    return f"\\{sign}" if sign else f"{number}\\{after}"


def digest_markdown(digest: Digest) -> str:
    """The digest as a Markdown document. Raises `DamagedFile` as `digest_page` does."""
    when = local_time(digest)(digest.instant)
    head = [
        f"# {escaped(digest.title)}",
        f"{when} {escaped(digest.time_zone)}  \nSnapshot: {clean(digest.snapshot)}",
    ]
    about = [words.written(digest), words.reviewed(digest)]
    head += [f"{escaped(said.en)}\n{escaped(said.zh)}" for said in about]
    introduced = words.introduced(digest)
    if introduced and digest.introduction:
        lines = digest.introduction.lines or {}
        head += [escaped(lines[language]) for language in LANGUAGES if language in lines]
        head.append(f"{escaped(introduced.en)} · {escaped(introduced.zh)}")
    if digest.notes:
        head.append("\n".join(f"- {escaped(note)}" for note in digest.notes))
    body = [
        block
        for number, entry in enumerate(digest.papers, 1)
        for block in _blocks(digest, number, entry)
    ]
    tail = []
    if digest.earlier:
        names = "\n".join(f"- [{name}](../{name}/5-digest.md)" for name in digest.earlier)
        tail = ["## Earlier snapshots · 往期", names]
    thanks = [f"{escaped(words.THANKS.en)}\n{escaped(words.THANKS.zh)}"]
    return "\n\n".join([*head, *body, *tail, "---", *thanks]) + "\n"


def _blocks(digest: Digest, number: int, entry: Entry) -> Iterator[str]:
    paper, local = entry.paper, local_time(digest)
    yield f"## {number}\\. [{escaped(paper.title)}](<{abstract_link(paper)}>)"
    withdrawal = words.withdrawal_note(digest, entry)
    if withdrawal:
        yield f"{escaped(withdrawal.en)}\n{escaped(withdrawal.zh)}"
    for language in LANGUAGES:
        if language in entry.lines:
            note = words.origin_note(entry, language)
            beside = f"  \n({escaped(note)})" if note else ""
            yield f"{escaped(entry.lines[language].text)}{beside}"
    missing = words.gap_note(entry) or (None if entry.lines else words.NO_LINE)
    if missing:
        yield f"{escaped(missing.en)}\n{escaped(missing.zh)}"
    status, review = words.STATUS[paper.status], words.review_note(entry)
    chosen = f"{words.PINNED.en} · {words.PINNED.zh}" if entry.pinned else None
    facts = [
        ("Chosen · 推荐", chosen),
        ("Authors · 作者", ", ".join(paper.authors)),
        ("First version · 首次提交", local(paper.first)),
        (f"This version (v{paper.version}) · 本版提交", local(paper.latest)),
        ("Comments · 备注", paper.comments),
        ("Venue · 发表于", paper.venue),
        ("Categories · 分类", ", ".join(paper.categories)),
        ("Status · 状态", f"{status.en} · {status.zh}"),
        ("Review · 审阅", f"{review.en} · {review.zh}"),
    ]
    listed = [f"- {label}: {escaped(value)}" for label, value in facts if value]
    links = f"- [abs](<{abstract_link(paper)}>), [pdf](<{pdf_link(paper)}>)"
    yield "\n".join([*listed, links])
    if paper.abstract:
        yield f"> {escaped(paper.abstract)}"
