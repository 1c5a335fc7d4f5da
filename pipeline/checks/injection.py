"""A line that obeys text in the abstract, or addresses the reader, or carries a link of its own."""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN, has_one

TOP_LEVEL = (
    r"com|org|net|io|ai|edu|gov|cn|dev|co|info|xyz|app|ru|top|site|shop|link|ly|me|uk|de|fr|jp"
)
DOT = re.compile(rf"\.(?:(?:{TOP_LEVEL})\b|(?<=www\.))|@|://", re.IGNORECASE)
LINK = re.compile(
    r"(?:https?|ftp)://[^\s\u2018-\u201d\u3000-\uffef]+|\bwww\.[A-Za-z0-9][\w.-]*"
    r"|[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}@[A-Za-z][A-Za-z0-9-]{0,63}\.[A-Za-z][A-Za-z.]{1,60}"
    r"|(?<![A-Za-z0-9_@.])@[A-Za-z]\w{2,}"
    rf"|(?<![A-Za-z0-9_.@-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,5}}(?:{TOP_LEVEL})(?![A-Za-z0-9-])",
    re.IGNORECASE | re.ASCII,
)
TRAILING = ".,;:!?)]}'\"/"

CLAUSE = r"(?:^|[.!?:;,—。！？：；，]\s?|\bplease |请)"
ORDER = re.compile(
    rf"{CLAUSE}(?P<order>(?:ignore|disregard|forget|override)\s(?:\w+\s){{0,4}}"
    r"(?:instructions?|prompts?|rules|guidelines|above|text|messages?|everything)\b"
    r"|(?:rate|accept|recommend|approve|score|review|cite|endorse)\s(?:this|the)\s"
    r"(?:paper|work|article|submission|manuscript)\b"
    r"|give\s(?:this|the)\s(?:paper|work|submission)\s(?:a|an|the|full|top)\b"
    r"|(?:respond|reply|answer)\s(?:only\s)?with\b|output\s(?:only|exactly)\b"
    r"|(?:click|visit|subscribe|follow|download|contact)\s(?:here|us|our|me|the link|now)\b"
    r"|(?:do not|don't|never)\s(?:mention|reveal|criticize|reject|follow|summarize)\b)"
    r"|(?:^|[.!?。]\s?)(?P<you>you\s(?:must|have to|are required to|are now"
    r"|should (?:rate|accept|give|ignore))\b)"
    r"|(?P<verdict>(?:deserves|recommended for|merits)\s(?:a\s)?(?:strong\s)?accept(?:ance)?\b)"
    r"|(?P<chinese>(?:请|务必)(?:务必|忽略|无视|点击|访问|关注|给出|给予|接受|接收|录用|评为"
    r"|联系|引用|扫码|转发|不要|勿|输出|回复|打分|推荐)|务必(?:给|将|把)"
    r"|(?:^|[。！？：；，])(?:忽略|无视)(?:掉|所有|全部|之前|先前|以上|上述|前面|此前)+的?"
    r"(?:所有|全部)?(?:指令|指示|说明|提示|内容|要求)"
    r"|(?:^|[。！？：；，])你(?:必须|应该|应当|现在是|需要)"
    r"|(?:建议|推荐)(?:录用|接收)(?:本文|该文|此文)|给(?:本文|这篇论文|该论文)(?:打|评)?(?:高|满)分)",
    re.IGNORECASE,
)
"""Words that tell the reader, or a model that reads on, what to do."""
ORDER_WORDS = frozenset(
    {
        *(
            "ignore",
            "disregard",
            "forget",
            "override",
            "rate",
            "accept",
            "recommend",
            "recommended",
        ),
        *("approve", "score", "review", "cite", "endorse", "give", "respond", "reply", "answer"),
        *("output", "click", "visit", "subscribe", "follow", "download", "contact", "do", "don't"),
        *("never", "you", "deserves", "merits"),
    }
)
CHINESE_ORDERS = re.compile("请|务必|忽略|无视|你|录用|接收|[满高]分")
"""No order is in a line without one of these; looking for them is faster."""

STUDIES = re.compile(
    r"prompt[- ]injection|injection attack|jailbreak|red[- ]team"
    r"|(?:injected|hidden|adversarial) (?:prompt|instruction)",
    re.IGNORECASE,
)
LONGEST = 20_000
"""Characters of an abstract in which its own use of an order is looked for."""

QUOTATION = re.compile(r"“[^“”]*”|\"[^\"]*\"|「[^「」]*」|‘[^‘’]*’|``[^`']*''|(?<!\w)'[^']*'(?!\w)")

COMMANDS: dict[str, tuple[str, ...]] = {
    "ignor": ("ignore ",),
    "disregard": ("disregard ",),
    "forget": ("forget ",),
    "overrid": ("override ",),
    "respond": ("respond ",),
    "reply": ("reply ",),
    "answer": ("answer ",),
    "output": ("output ",),
    "as an ai": ("as an ai",),
    "you ": ("you must", "you are now"),
    "<": ("<!--", "<script"),
}
CHINESE_COMMANDS = {word: (word,) for word in ("忽略", "无视", "输出", "务必")}
"""What commands to a model begin with, by a part that is looked for faster."""
EARLIER = r"(?:all|any|previous|prior|above|earlier|preceding|foregoing|your|these)"
COMMAND = re.compile(
    rf"\b(?:ignore|disregard|forget|override)\s(?:\w+\s){{0,2}}{EARLIER}\s(?:\w+\s){{0,2}}"
    r"(?:instructions?|prompts?|rules|guidelines|text|messages?|directions?)\b"
    r"|\b(?:ignore|disregard|forget)\s(?:everything|(?:the )?(?:instructions?|prompts?|text))"
    r" (?:above|before)"
    rf"|{CLAUSE}(?:(?:respond|reply|answer)\s(?:only|with)|output\s(?:only|exactly|the)|as an ai)\b"
    r"|(?:^|[.!?]\s)you\s(?:must|are now)\b|<!--|<script\b"
    r"|(?:忽略|无视)[^。！？]{0,12}(?:指令|指示|说明|提示|要求)|(?:只|请)输出|务必",
    re.IGNORECASE,
)
PAYLOAD = re.compile(
    r"(?:[.,:;!?\"“]\s*|\b(?:and|only|then|please|to|must|just|instead|exactly)\s|^)"
    r"(?:output|print|say|write|respond|reply|answer|return|state|repeat|include)\b[:\s]+"
    r"(?:(?:only|exactly|just|with|the|words?|text|phrase|sentence|following|that|simply)\b[:\s]+)*"
    r"(?P<english>[^\n.!?;]{2,300})|(?:输出|回复|回答|写|说)[:：]?(?P<chinese>[^。！？；\n]{2,200})"
    r"|<!--(?P<comment>.{2,300}?)-->",
    re.IGNORECASE,
)
MOST_PLACES = 100
"""Places of one such word that are looked at."""

REACH = 600
"""Characters after a command within which it says what to write."""

WORD = re.compile(r"[A-Za-z0-9]+|[\u3400-\u9fff]")
TAG = re.compile(r"<\s*/?\s*[a-z!][^<>]*>?", re.IGNORECASE)
CONTENT = re.compile(r"[a-z]{4,}")

MOST = 0.5
"""Share of a line's words that are the payload where the line is little else."""

LONG = 5
"""Words in a row of a payload that no line has by chance."""

SHARED = 0.3
"""Share of the longer words of an English line that the paper has at least, if it is its line."""

SHORT = 12
"""Characters of a Chinese line that say too little to be told from an answer to a command."""


class Command(NamedTuple):
    """What a paper's text tells a model; `payloads` are the words that it is to write."""

    said: str
    source: Span | None
    payloads: tuple[tuple[str, ...], ...]


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`injection`, at most once for each of the three ways in a line.

    A paper that studies such attacks may be quoted: an order in quotation marks, or in the
    third person, is content.
    """
    del rules
    command = _command(paper)
    for language, line in lines.items():
        if DOT.search(line):
            yield from _links(language, line, paper)
        if has_one(line, ORDER_WORDS, CHINESE_ORDERS):
            yield from _orders(language, line, paper)
        if command:
            yield from _obeyed(language, line, paper, command)


def _links(language: Language, line: str, paper: Paper) -> Iterator[Found]:
    known = "".join(f"{paper.abstract} {paper.title} {paper.comments or ''}".lower().split())
    for found in LINK.finditer(line):
        link = found[0].rstrip(TRAILING)
        if link.lower() not in known:
            span = (found.start(), found.start() + len(link))
            yield Found("injection", f"{link} is not in the paper", language, span)
            return


def _orders(language: Language, line: str, paper: Paper) -> Iterator[Found]:
    for found in ORDER.finditer(line):
        span = found.span(found.lastgroup or 0)
        if _is_quoted(line, span) or (line[: span[0]].strip() and _studies(paper)):
            continue
        said = line[slice(*span)]
        if _is_quoted_in(paper.abstract, said):
            continue
        message = f'the line tells its reader what to do: "{said}"'
        yield Found("injection", message, language, span, _place(paper.abstract, said))
        return


def _studies(paper: Paper) -> bool:
    return bool(STUDIES.search(paper.title) or STUDIES.search(paper.abstract, 0, LONGEST))


def _is_quoted(text: str, span: Span) -> bool:
    """Whether words stand in quotation marks that are not around the whole text."""
    for found in QUOTATION.finditer(text):
        if found.start() < span[1] and span[0] < found.end():
            return len(found[0]) < len(text.strip()) - 1
    return False


def _is_quoted_in(abstract: str, said: str) -> bool:
    place = _place(abstract[:LONGEST], said)
    return place is not None and _is_quoted(abstract[:LONGEST], place)


def _place(text: str, said: str) -> Span | None:
    start = text.lower().find(said.lower())
    return None if start < 0 else (start, start + len(said))


def _command(paper: Paper) -> Command | None:
    """The first command to a model in the abstract, the title or the comments."""
    for text in (paper.abstract, f"{paper.title}\n{paper.comments or ''}"):
        found = _first_command(text)
        if not found:
            continue
        said = text[found.start() : found.end() + REACH]
        payloads = []
        for told in PAYLOAD.finditer(said):
            words = tuple(WORD.findall((told[told.lastgroup or 0]).lower()))
            if words:
                payloads.append(words)
        source = found.span() if text is paper.abstract else None
        return Command(found[0], source, tuple(payloads))
    return None


def _first_command(text: str) -> re.Match[str] | None:
    """Looked for around its first words only, since few texts have one."""
    lower = text.lower()
    words = COMMANDS if text.isascii() else COMMANDS | CHINESE_COMMANDS
    places: list[int] = []
    for part in words:
        if part in lower:
            for word in words[part]:
                places += itertools.islice(_places(word, lower), MOST_PLACES)
    around = (COMMAND.search(text, max(0, place - 10), place + 120) for place in sorted(places))
    return next(filter(None, around), None)


def _places(word: str, text: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _obeyed(language: Language, line: str, paper: Paper, command: Command) -> Iterator[Found]:
    reason = _reason(language, line, paper, command)
    if reason:
        message = f'{reason}, and the paper has "{command.said}": the line may obey it'
        yield Found("injection", message, language, (0, len(line)), command.source)


def _reason(language: Language, line: str, paper: Paper, command: Command) -> str | None:
    words = WORD.findall(line.lower())
    text = f" {' '.join(words)} "
    for payload in command.payloads:
        if _repeats(text, len(words), payload):
            return "the line says what the paper's text tells a model to write"
    if TAG.search(line):
        return "the line has markup"
    if language == "en":
        content = CONTENT.findall(line.lower())
        known = f"{paper.abstract} {paper.title}".lower()
        if sum(word in known for word in content) < SHARED * len(content) or not content:
            return "the line shares next to nothing with the paper"
    elif len(line.strip()) <= SHORT or not HAN.search(line):
        return "the line says next to nothing"
    return None


def _repeats(text: str, count: int, payload: tuple[str, ...]) -> bool:
    """Whether a text of so many words is little but the payload, or has a long part of it."""
    told = f" {' '.join(payload)} "
    if (told in text and len(payload) >= MOST * count) or (count >= 2 and text in told):
        return True
    parts = (payload[i : i + LONG] for i in range(len(payload) - LONG + 1))
    return any(f" {' '.join(part)} " in text for part in parts)
