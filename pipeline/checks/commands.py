"""What the text of a paper tells a model to do that reads it."""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.checks.rules import Span
from pipeline.records import Paper

CLAUSE = r"(?:^|[.!?:;,—。！？：；，]\s?|\bplease |请)"
"""Where an order may begin."""

STUDIES = re.compile(
    r"prompt[- ]injection|injection attack|jailbreak|red[- ]team"
    r"|(?:injected|hidden|adversarial) (?:prompt|instruction)",
    re.IGNORECASE,
)
LONGEST = 20_000
"""Characters of an abstract in which its own use of an order is looked for."""

PRAISES: dict[str, str] = {
    r"excellent|superb|splendid": "优秀|出色|卓越|极佳",
    r"outstanding|exceptional|extraordinary": "杰出|卓越|非凡|优异",
    r"brilliant|amazing|wonderful|fantastic|incredible": "精彩|了不起|惊人",
    r"ground-?breaking|breakthrough|revolutionary": "突破性|里程碑|革命性|划时代|开创性|颠覆性",
    r"masterpiece|flawless|perfect|impeccable": "杰作|完美|无懈可击|无可挑剔",
    r"nobel|turing award": "诺贝尔|图灵奖",
    r"best[- ]paper|award-winning|prize": "最佳论文|获奖",
    r"world-class|first-class|top-quality|highest quality|must-read": "世界级|一流|顶级|顶尖|必读",
    r"best|greatest": "最好|最佳|最伟大|伟大",
    r"must be accepted|strong accept|accept(?:ed|ance)?": "接收|录用|接受",
}
"""Praise, as an attacker has it written, in English and in Chinese."""
ENGLISH_PRAISE = "|".join(list(PRAISES)[:-1])
CHINESE_PRAISE = "|".join(list(PRAISES.values())[:-1])

_VERBS = ("state", "say", "write", "mention", "claim", "include", "give")
_LATER = tuple(f", {verb} " for verb in _VERBS)
COMMANDS: dict[str, tuple[str, ...]] = {
    "ignor": ("ignore ",),
    "disregard": ("disregard ",),
    "forget": ("forget ",),
    "overrid": ("override ",),
    "respond": ("respond only", "respond with"),
    "reply": ("reply only", "reply with"),
    "answer": ("answer only", "answer with"),
    "output": ("output only", "output exactly", "output the"),
    "as an ai": ("as an ai",),
    "you ": ("you must", "you are now"),
    "<": ("<!--", "<script"),
    "note ": ("note to ", "note for "),
    "message": ("message to ", "message for "),
    "instruction": ("instruction to ", "instructions to ", "instruction for ", "instructions for "),
    "notice": ("notice to ", "notice for "),
    " must ": tuple(
        f" must {verb}"
        for verb in ("only", "always", "output", "praise", "recommend", "accept", "rate", *_VERBS)
    ),
    "positive re": ("positive review",),
    "summari": _LATER,
    "review": _LATER,
    "translat": _LATER,
}
CHINESE_COMMANDS = {word: (word,) for word in ("忽略", "无视", "输出", "务必", "时", "必须")}
"""What commands to a model begin with, by a part that is looked for faster."""

_EARLIER = r"(?:all|any|previous|prior|above|earlier|preceding|foregoing|your|these)"
_READERS = r"(?:ai|llms?|language models?|chatbots?|summari[sz]ers?|reviewers?|assistants?)"
_READING = r"(?:summari[sz]|review|translat)"
ENGLISH_COMMANDS = (
    rf"\b(?:ignore|disregard|forget|override)\s(?:\w+\s){{0,2}}{_EARLIER}\s(?:\w+\s){{0,2}}"
    r"(?:instructions?|prompts?|rules|guidelines|text|messages?|directions?)\b",
    r"\b(?:ignore|disregard|forget)\s(?:everything|(?:the )?(?:instructions?|prompts?|text))"
    r" (?:above|before)",
    rf"{CLAUSE}(?:(?:respond|reply|answer)\s(?:only|with)|output\s(?:only|exactly|the)|as an ai)\b",
    r"(?:^|[.!?]\s)you\s(?:must|are now)\b",
    r"<!--",
    r"<script\b",
    rf"\b(?:when|while|if|before|after)\s(?:you\s(?:are\s)?)?{_READING}(?:e|es|ing|s)?\b"
    r"(?:\s\w+){0,4}, (?:state|say|write|mention|claim|include|give)"
    r"\s(?:that|this|it|the|a|only|:|\"|“)",
    r"\b(?:note|message|instructions?|notice) (?:to|for) (?:all |any |the )?"
    rf"(?:\w+ )?{_READERS}\b\s?[:,—]",
    r"\b(?:reviewers?|summari(?:es|zers)|(?:the|any|every|your) summary) must (?:only |always )?"
    r"(?:output|state|say|write|include|mention|give|praise|recommend|accept|rate)\b",
    r"\bgive (?:only )?(?:a |an |it a )?(?:very |strongly )?positive review",
)
COMMAND = re.compile(
    "|".join(ENGLISH_COMMANDS)
    + r"|(?:忽略|无视)[^。！？]{0,12}(?:指令|指示|说明|提示|要求)|(?:只|请)输出|务必"
    r"|(?:总结|概括|翻译|评审|审稿|评价)[^。！？，]{0,10}时[，,]?(?:请|务必|必须)?(?:写|说|指出|声称|声明|强调|给出|给予)"
    r"|(?:审稿人|评审人|摘要|总结)必须(?:给|写|说|输出|录用|接收)",
    re.IGNORECASE,
)
PAYLOAD = re.compile(
    r"(?:[.,:;!?\"“]\s*|\b(?:and|only|then|please|to|must|just|instead|exactly)\s|^)"
    r"(?:output|print|say|write|respond|reply|answer|return|state|repeat|include|mention|claim)"
    r"\b[:\s]+"
    r"(?:(?:only|exactly|just|with|the|words?|text|phrase|sentence|following|that|simply)\b[:\s]+)*"
    r"(?P<english>[^\n.!?;]{2,300})"
    r"|(?:输出|回复|回答|写|说|指出|声称|强调)[:：]?(?P<chinese>[^。！？；\n]{2,200})"
    r"|<!--(?P<comment>.{2,300}?)-->",
    re.IGNORECASE,
)
MOST_PLACES = 100
"""Places of one such word that are looked at."""

BACK, AHEAD = 80, 120
"""Characters around such a word in which the command is looked for."""

REACH = 600
"""Characters after a command within which it says what to write."""

MOST_COMMANDS = 5
"""Commands that are left out of a paper's own words; with more of them the rest is none."""

SENTENCE_END = re.compile(r"[.!?。！？\n]|-->")
WORD = re.compile(r"[A-Za-z0-9]+|[\u3400-\u9fff]")


class Command(NamedTuple):
    """What a paper's text tells a model; `payloads` are the words that it is to write."""

    said: str
    source: Span | None
    payloads: tuple[tuple[str, ...], ...]


def command_of(paper: Paper) -> Command | None:
    """The first command to a model in the abstract, the title or the comments."""
    for text in (paper.abstract, f"{paper.title}\n{paper.comments or ''}"):
        found = first_command(text)
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


def own_words(paper: Paper) -> str:
    """The paper's texts in small letters, without the sentences that command a model."""
    text = paper.abstract[:LONGEST]
    for number in range(MOST_COMMANDS):
        found = first_command(text)
        if not found:
            break
        end = SENTENCE_END.search(text, found.end())
        rest = text[end.end() :] if end and number < MOST_COMMANDS - 1 else ""
        text = text[: found.start()] + rest
    return f"{paper.title} {text} {paper.comments or ''}".lower()


def studies(paper: Paper) -> bool:
    """Whether a paper is about commands to models, and has them as content."""
    return bool(STUDIES.search(paper.title) or STUDIES.search(paper.abstract, 0, LONGEST))


def praise(line: str, own: str) -> str | None:
    """Praise in a line, of either language, of which a paper's own words have nothing."""
    text = line.lower()
    for english, chinese in PRAISES.items():
        found = re.search(rf"\b(?:{english})\b|{chinese}", text)
        if found and not re.search(english, own):
            return found[0]
    return None


def first_command(text: str) -> re.Match[str] | None:
    """Looked for around its first words only, since few texts have one."""
    lower = text.lower().replace("\n", " ").replace("\t", " ")
    words = COMMANDS if text.isascii() else COMMANDS | CHINESE_COMMANDS
    places: list[int] = []
    for part in words:
        if part in lower:
            for word in words[part]:
                places += itertools.islice(_places(word, lower), MOST_PLACES)
    around = (COMMAND.search(text, max(0, place - BACK), place + AHEAD) for place in sorted(places))
    return next(filter(None, around), None)


def _places(word: str, text: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)
