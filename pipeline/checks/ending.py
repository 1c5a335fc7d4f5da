"""The end of a line: whether the line breaks off there."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Lines, Paper
from pipeline.wording import HAN

STOPS = "。！？.!?．｡"
CLOSING = "”’\"')）]】」』》〉}"
PAIRS = (("([（［【{", ")]）］】}"), ("“", "”"), ("「", "」"), ("『", "』"), ("《", "》"))
"""Openings and closings that are counted together, as in the interval `[0, 1)`."""

CUT = ",，、;；:：-‐–—\\&=<~·@#^_|…("
"""No sentence ends in one of these."""

LATIN_WORD = re.compile(
    r"(?:^|[\s,])(and|or|nor|of|the|an?|with|to|for|from|by|in|on|at|as|that|which|while|than|into"
    r"|via|its|their|our|but|whose|between|without|whether|because|through|and/or)$"
)
CHINESE_WORD = re.compile(
    r"(?<![目标])的|(?<![饱总求调中共温缓平柔混之附加亲])和|(?<![参赋授给])与|(?<![普涉提触波危顾遍企])及"
    r"|(?<![合兼归吞一])并|(?<![存内潜外实现所自])在|(?<=[，。；：、并且而可能针])对"
    r"|(?<![行人作所有])为|(?<![可难足所得予])以|(?<![大上中少主])将|(?<![植棉])被"
    r"|(?<![服听遵顺盲随])从|(?<![自理缘路事])由|(?<!终)于|[而或但且把是]"
    r"|(?<=[，。；：、并且而可能])通过|包括|包含|例如|其中|以及"
)
"""What a Chinese line cannot end in, and not as the end of a longer word, as 目的 and 行为."""

NEVER_LAST = frozenset(
    {
        *("and", "or", "nor", "and/or", "but", "the", "an", "its", "their", "our", "whose"),
        *("than", "into", "via", "whether", "because"),
    }
)
SELDOM_LAST = frozenset(
    {
        *("of", "to", "for", "with", "from", "by", "in", "on", "at", "as", "between", "without"),
        *("through", "a"),
    }
)
"""Words in which a sentence may end, as `what they ask for` and `chlorophyll a` do, but rarely."""
SENTENCE_GOES_ON = r"(?:[.,;:)]| (?:is|are|was|were|has|have|and|or|in)\b)"
MEASURE = re.compile(
    r"\sfrom\s\S+(?:\s\S+){0,2}\sto$"
    r"|\b(?:cut|reduc|lower|decreas|rais|increas|improv|boost|outperform|exceed|beat|fall|drop|rise"
    r"|ris|grow)\w*\s(?:\w[\w-]*\s){0,3}by$"
)
"""A change, where the measure of it is to come."""
STOPPED_CHINESE = re.compile(
    r"(?<![饱总求调中共温缓平柔混之附加亲祥谦随议违融])和|(?<![参赋授给])与|(?<![普涉提触波危顾遍企])及"
    r"|(?<![合兼归吞一])并|(?<![植棉])被|(?<!终)于|(?<![备甚以乃不周冬夏])至|(?:提[高升]|降低|减少|增加|缩短|扩大|[升降增减])到"
    r"|(?:高|多|长|大)达|以及|包括|例如|其中|(?<=[，；：])(?:通过|对|在|将|从|由|以|为|而|且|但|或)"
)
"""What no Chinese sentence ends in before its full stop either."""

LONGEST_WORD, LONGEST_TAIL = 40, 90
ABBREVIATION = re.compile(
    r"(?<![\w.])(?:e\.g|i\.e|vs|cf|figs?|eqs?|approx|resp|dr|prof)\.$", re.IGNORECASE
)
"""No sentence ends in one of these."""
OPEN_ENDED = re.compile(r"(?<![\w.])(?:(?i:et al|etc|e|i)\.|(?:[A-Za-z]\.){2,})$")
INITIAL = 2
"""Characters of an initial with its stop."""
LAST_WORD = re.compile(r"[A-Za-z0-9](?:[\w.+'’-]*[\w+])?[.!?]$", re.ASCII)


class Fault(NamedTuple):
    """What is wrong with the end; `certain`: the line does break off."""

    certain: bool
    message: str
    start: int


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`truncated` where the end proves it, else `no-full-stop` where a stop is missing.

    A stop may be that of an abbreviation or a number, which the paper and the line in the
    other language tell. Lists of terms, which are extracted, have none.
    """
    if rules.extractive:
        return
    for language, line in lines.items():
        text = line.rstrip()
        fault = _fault(text, paper, [other for other in lines.values() if other is not line])
        if fault:
            code = "truncated" if fault.certain else "no-full-stop"
            span: Span = (fault.start, len(text))
            yield Found(code, fault.message, language, span)


def _fault(text: str, paper: Paper, others: list[str]) -> Fault | None:
    bare = text.rstrip(CLOSING + " ")
    opened = _unclosed(text)
    if not bare or bare[-1] not in STOPS:
        return _without_stop(text, opened)
    if bare.endswith(("..", "。。")):
        certain = bare.endswith(("...", "。。。"))
        return Fault(certain, f'the line ends in "{bare[-3:]}"', len(bare.rstrip(".。")))
    if opened is not None:
        message = f'"{text[opened]}" is never closed: the line may break off'
        return _stopped(bare, paper, others) or Fault(False, message, opened)
    if bare[-1] in "?!？！。" and len(bare) < len(text) and text[0] not in "\"“'‘「『(（":
        message = f"no full stop after {text[len(bare) - 1 :]}: the line may break off"
        return Fault(False, message, len(bare) - 1)
    return _stopped(bare, paper, others) or _latin_stop(bare, paper, others)


def _without_stop(text: str, opened: int | None) -> Fault:
    if opened is not None:
        return Fault(True, f'the line breaks off: "{text[opened]}" is never closed', opened)
    last = text[-1:]
    if last and last in CUT:
        return Fault(True, f'the line breaks off after "{text[-8:]}"', len(text) - 1)
    tail = text[-LONGEST_WORD:]
    if last.isascii():
        word = LATIN_WORD.search(tail)
    else:
        word = CHINESE_WORD.search(tail, max(0, len(tail) - 2))
        if word and word.end() != len(tail):
            word = None
    if word:
        found = word[1] if last.isascii() else word[0]
        return Fault(True, f'the line breaks off after "{found}"', len(text) - len(found))
    shown = text[-8:] if HAN.search(text[-8:]) else text[-LONGEST_WORD:].rpartition(" ")[2]
    return Fault(False, f'no full stop after "{shown}"', len(text) - len(shown))


def _stopped(bare: str, paper: Paper, others: list[str]) -> Fault | None:
    """A word in which no sentence ends, with a stop after it that was added."""
    text = bare.rstrip(STOPS)
    tail = text[-LONGEST_TAIL:]
    certain = True
    if HAN.search(tail[-1:]):
        ends = STOPPED_CHINESE.finditer(tail, max(0, len(tail) - 4))
        word = next((one[0] for one in ends if one.end() == len(tail)), "")
    else:
        word = tail[tail.rfind(" ") + 1 :]
        if word in SELDOM_LAST:
            certain = MEASURE.search(tail) is not None
            words = re.escape(" ".join(tail.split()[-2:]))
            last = re.compile(f"{words}{SENTENCE_GOES_ON}", re.IGNORECASE)
            word = "" if not certain and any(map(last.search, (paper.abstract, *others))) else word
        elif word not in NEVER_LAST:
            word = ""
    return _broken(bare, word + bare[len(text) :], certain=certain) if word else None


def _unclosed(text: str) -> int | None:
    """The last opening bracket or quotation mark, where more are opened than closed."""
    for openings, closings in PAIRS:
        opened = sum(map(text.count, openings))
        if opened and opened > sum(map(text.count, closings)):
            return max(map(text.rfind, openings))
    if '"' in text and text.count('"') % 2:
        last = text.rindex('"')
        before, after = text[last - 1 : last], text[last + 1 : last + 2]
        if after.strip() and (not before or not before.isascii() or before in " ([{"):
            return last
    return None


def _latin_stop(bare: str, paper: Paper, others: list[str]) -> Fault | None:
    """Whether the stop is an abbreviation's or a number's rather than the sentence's."""
    tail = bare[-LONGEST_WORD:]
    found = LAST_WORD.search(tail, tail.rfind(" ") + 1)
    if not found:
        return None
    word = found[0]
    if ABBREVIATION.search(tail):
        return _broken(bare, tail.rpartition(" ")[2], certain=True)
    if OPEN_ENDED.search(tail):
        return _broken(bare, word, certain=False)
    texts = [paper.abstract, paper.title, paper.comments or "", *others]
    following = set().union(*(_following(word, text) for text in texts if word in text))
    number, chinese = word[-2].isdigit(), HAN.search(bare) is not None
    initial = len(word) == INITIAL and word[0].isupper()
    if not (number or initial or following or chinese):
        return None
    alone = any(_stands_alone(word[:-1], text) for text in texts)
    if "joined" in following:
        return _broken(bare, word, certain=not alone)
    doubtful = chinese or "spaced" in following or (initial and not alone)
    if number and not (doubtful or alone):
        digits = re.split(r"[^\d.]", word[:-1])[-1]
        doubtful = any(_goes_on(digits, text) for text in texts)
    return _broken(bare, word, certain=False) if doubtful else None


def _goes_on(digits: str, text: str) -> bool:
    """Whether a text has a number only with more digits than the end of a line."""
    return (
        bool(digits)
        and not _stands_alone(digits, text)
        and any(
            after[:1].isdigit() or (after[:1] in ".," and after[1:].isdigit())
            for _, after in _places(digits, text)
        )
    )


def _following(word: str, text: str) -> set[str]:
    """How a text goes on after a word with its stop: `joined` (`Node.js`), `spaced` (`No. of`)."""
    found = set()
    for _, after in _places(word, text):
        if after[:1].isascii() and (after[:1].islower() or after[:1].isdigit()):
            found.add("joined")
        elif after[:1].isspace() and (
            after[1:].islower() or (len(word) == INITIAL and word[0].isupper())
        ):
            found.add("spaced")
    return found


def _stands_alone(word: str, text: str) -> bool:
    """Whether a text has the word as a whole, not as the beginning of `4.5` or `Node.js`."""
    for before, after in _places(word, text):
        decimal = after[:1] == "." and (after[1:].isdigit() or after[1:].islower())
        goes_on = after[:1].isascii() and after[:1].isalnum()
        if before != "." and not decimal and not goes_on:
            return True
    return False


def _places(word: str, text: str) -> Iterator[tuple[str, str]]:
    """The character before each place of a word and the two after it; never inside a word."""
    place = text.find(word)
    while place >= 0:
        before = text[place - 1 : place] if place else " "
        if not (before.isascii() and before.isalnum()):
            yield before, text[place + len(word) : place + len(word) + 2]
        place = text.find(word, place + len(word))


def _broken(bare: str, word: str, *, certain: bool) -> Fault:
    what = "the line breaks off" if certain else "the line may break off"
    return Fault(certain, f'{what} after "{word}"', len(bare) - len(word))
