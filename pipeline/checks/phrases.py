"""Words around a summary: labels, talk of the model, and text of the prompt."""

import functools
import itertools
import re
from collections.abc import Iterator

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Lines, Paper
from pipeline.wording import ECHO, HAN, LABEL, in_quotes, words_of

_KINDS = (
    r"summary|abstract|translation|translated|sentence|line|version|answer|output|response|title"
    r"|description|english|chinese|tl;?dr"
)
_CHINESE_KINDS = (
    "总结|概括|概述|概要|摘要|简介|翻译|译文|回答|输出|解读|中文|英文|版本?|一句话|标题"
)
LABELS = re.compile(
    r"[(\[]?(?:(?:(?:one|single)[- ](?:line|sentence)|short|brief|concise|final|paper|english"
    rf"|chinese) )*(?:{_KINDS})(?: \([^()]{{1,20}}\))?[)\]]?\s*[:：]"
    rf"|[(\[](?:{_KINDS}|summarized)[)\]]"
    r"|(?:en|zh|system|user|assistant)\s*[:：]"
    rf"|[(（\[【]?(?:论文|本文|简要|简短|核心|最终)?(?:{_CHINESE_KINDS}){{1,3}}"
    r"(?:如下|为|是)?[)）\]】]?\s*[:：]"
    rf"|[(（\[【](?:论文)?(?:{_CHINESE_KINDS}){{1,3}}[)）\]】]",
    re.IGNORECASE,
)
"""How a line begins that says what it is before it says it."""

GREETINGS = re.compile(
    r"(?:sure|certainly|of course)[,!.] |好的[，,！!]"
    r"|here(?: is|'s| are) [^.:]{0,40}\b(?:summar|lines?\b|sentence|json|translation)"
    r"[^.:]{0,30}[:.]"
    r"|(?:以下|下面|以上|上面)(?:就)?(?:是|为)[^。：:]{0,30}(?:摘要|总结|概括|翻译|句)"
    r"[^。：:]{0,15}[:：。]",
    re.IGNORECASE,
)
"""How a model begins that talks to whoever asked."""

TEMPLATE = re.compile(
    r"\{\{|\}\}|\{%|%\}|\{(?:title|abstract|paper|text|summary|content)\}"
    r"|\"(?:en|zh)\"\s*:|^\s*\{\s*\"|<\|[\w-]+\|>|\[/?INST\]|\[(?:insert|your)\b[^\]]*\]|<</?SYS>>",
    re.IGNORECASE,
)
"""Of a template, of the JSON around the lines, or of a model's own format of a conversation."""

TALK = re.compile(
    r"\bI hope [^.]{0,40}\bhelp|^\W*hope (?:this|that) helps\b|\blet me know (?:if|whether|when)\b"
    r"|\bfeel free to (?:ask|contact|reach)\b"
    r"|\bif you (?:need|want|would like|have) (?:any|more|further)\b|\bfor reference only\b"
    r"|\bthis (?:summary|translation) (?:was|is|has been)"
    r" (?:automatically |machine[- ])?(?:generated|written|produced|created|translated)\b"
    r"|^\W*(?:AI|machine|LLM)[- ]generated(?=[,;:.)]| summary\b| translation\b)"
    r"|^\W*(?:automatically )?(?:generated|written|summari[sz]ed|translated)"
    r" by (?:an? )?(?:AI|LLM|GPT|ChatGPT|Claude|Gemini|language model)\b"
    r"|(?:^|[.;(\[]\s?)(?:note|disclaimer|caveat)\s?[:：]"
    r"|(?:\bplease |^)(?:see|refer to|consult|read|check) the (?:original|full|paper|abstract)\b"
    r"|\b(?P<abstract>(?:the|this|its|provided|given) abstract (?:itself )?"
    r"(?:does|did|gives|provides|has no|lacks|mentions|contains|is (?:too|truncated|incomplete|not"
    r"|missing|empty|cut)|was not))\b",
    re.IGNORECASE,
)
"""Talk to the reader, or about the text that a model was given."""
TALK_WORDS = frozenset(
    {
        *("hope", "know", "feel", "you", "reference", "summary", "translation", "generated"),
        *("written", "summarized", "summarised", "translated", "note", "disclaimer", "caveat"),
        *("see", "refer", "consult", "read", "check", "abstract"),
    }
)
"""No such talk is in a line without one of these; looking for them is faster."""

# One class first, and what goes before each afterwards, so that places to look at are found fast.
CHINESE_TALK = re.compile(
    r"[希仅如详请摘注备说提免本该此由](?:"
    r"(?<=希)望[^。]{0,12}(?:对(?:您|你|大家)|帮(?:助|到)?到?(?:您|你))"
    r"|(?<=仅)供参考(?=[：:，,。；;！）)]|$)"
    r"|(?<=如)[果有需您][^。]{0,12}(?:请(?:告诉|告知|联系|随时|提供)|告诉我)"
    r"|(?<=详)见(?:原文|论文|全文|正文)"
    r"|(?<=请)(?:参阅|查看|参考|查阅|阅读|参见|见)(?:原文|全文|论文|原论文|链接|摘要)"
    r"|(?<=请)稍后(?:再试|重试)|(?<=请)手动(?:补充|填写)"
    r"|(?<=摘)(?P<abstract>要[中里]?并?(?:未|没有|不)"
    r"(?:提供|给出|说明|提及|提到|包含|涉及|报告|披露|注明|明确|完整))"
    r"|(?<![^（(。；\s].)(?:(?<=注)|(?<=备)注|(?<=注)意|(?<=说)明|(?<=提)示|(?<=免)责声明)[:：]"
    r"|(?<![^（(。；，].)(?:(?<=[本该此])(?:摘要|总结|内容|译文|文本)由|(?<=由))\s?(?:AI|人工智能|大?模型|机器)"
    r"\s?(?:自动)?(?:生成|翻译|总结|撰写)(?=[，,。；：:）)]|$))",
    re.IGNORECASE,
)
COUNTED = re.compile(
    r"[（(]\s?(?:共|约|字数[:：]?|全文)?\s?\d{1,3}\s?(?:个)?(?:字|词|汉字|字符|words?|characters?)\s?[）)][.。]?\s*$"
)
"""How long a line is, said behind it."""
LONGEST_COUNT = 40

MOST_PLACES = 20
"""Places of talk in a line that are looked at; a line has two at most."""

BRACES = re.compile(r"[{}\"\[<]")

CHINESE_ECHO = 20
"""As ECHO, in Chinese characters."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`prompt-text`, once for a line."""
    if rules.extractive:
        return
    for language, line in lines.items():
        said = _around(line, paper)
        if not said and (echo := _echo(line, rules.form.instructions)):
            said = "text of the prompt", echo
        if said:
            what, span = said
            shown = line[span[0] : min(span[1], span[0] + ECHO)].strip()
            yield Found("prompt-text", f'{what}: "{shown}"', language, span)


def _around(line: str, paper: Paper) -> tuple[str, Span] | None:
    """What stands before, behind or around a summary, and its place."""
    start = len(line) - len(line.lstrip())
    found = LABEL.match(line, start) or LABELS.match(line, start)
    what = "a label before the line"
    if not found:
        found, what = GREETINGS.match(line, start), "talk around the line"
    if not found and (talk := _talk(line, paper)):
        return what, talk
    if not found and BRACES.search(line):
        found, what = TEMPLATE.search(line), "text of a template"
    if not found or found[0].lower() in paper.abstract.lower():
        return None
    return what, found.span()


def _talk(line: str, paper: Paper) -> Span | None:
    """Where the model talks to its reader, or about the abstract that it was given."""
    patterns = [] if TALK_WORDS.isdisjoint(words_of(line)) else [TALK]
    if not line.isascii():
        patterns.append(CHINESE_TALK)
    abstract = paper.abstract.lower() if patterns else ""
    for pattern in patterns:
        for found in itertools.islice(pattern.finditer(line), MOST_PLACES):
            about = "abstract" if found.lastgroup == "abstract" else found[0].strip().lower()
            if about not in abstract and not in_quotes(line, *found.span()):
                return found.span()
    counted = COUNTED.search(line, max(0, len(line) - LONGEST_COUNT))
    if counted and counted[0].strip() not in paper.abstract:
        return counted.span()
    return None


def _echo(line: str, instructions: str) -> Span | None:
    """A stretch of the instructions that a line repeats; case does not matter."""
    if not instructions:
        return None
    told = _plain(instructions)
    text = line.lower()
    # Every stretch that is long enough has one whole block of half its least length.
    block = ECHO // 2 if text.isascii() else CHINESE_ECHO // 2
    for start in range(0, len(text) - block + 1, block):
        place = told.find(text[start : start + block])
        while place >= 0:
            first, last = _stretched(text, start, told, place)
            if last - first >= ECHO or len(HAN.findall(text, first, last)) >= CHINESE_ECHO:
                return first, min(last, len(line))
            place = told.find(text[start : start + block], place + 1)
    return None


@functools.lru_cache(maxsize=16)
def _plain(instructions: str) -> str:
    return " ".join(instructions.lower().split())


def _stretched(text: str, start: int, told: str, place: int) -> Span:
    """The longest stretch around a place of two texts that is the same in both."""
    first, last = start, start
    while first and place and text[first - 1] == told[place - 1]:
        first, place = first - 1, place - 1
    place += last - first
    while last < len(text) and place < len(told) and text[last] == told[place]:
        last, place = last + 1, place + 1
    return first, last
