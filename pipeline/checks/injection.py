"""A line that obeys a command in the abstract instead of summarizing it."""

import re
from collections.abc import Iterator

from pipeline.checks import commands
from pipeline.checks.commands import WORD, Command
from pipeline.checks.rules import Found, Rules
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN

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

NOVEL = 0.6
"""Share of a payload's words that no other part of the paper has, in a line that repeats it."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`injection`, once for a line, where the paper has a command to a model."""
    del rules
    if command := commands.command_of(paper):
        for language, line in lines.items():
            yield from _obeyed(language, line, paper, command)


def _obeyed(language: Language, line: str, paper: Paper, command: Command) -> Iterator[Found]:
    reason = _reason(language, line, paper, command)
    if reason:
        message = f'{reason}, and the paper has "{command.said}": the line may obey it'
        yield Found("injection", message, language, (0, len(line)), command.source)


def _reason(language: Language, line: str, paper: Paper, command: Command) -> str | None:
    """Why the line seems to obey the command, if it does."""
    words = WORD.findall(line.lower())
    text = f" {' '.join(words)} "
    own = "" if commands.studies(paper) else commands.own_words(paper)
    for payload in command.payloads:
        if _repeats(text, len(words), payload) or (own and _has_novel(set(words), payload, own)):
            return "the line says what the paper's text tells a model to write"
    if own and (praised := commands.praise(line, own)):
        return f'the line has praise, "{praised}", that is not in the paper'
    if TAG.search(line):
        return "the line has markup"
    return _says_nothing(language, line, paper)


def _says_nothing(language: Language, line: str, paper: Paper) -> str | None:
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


def _has_novel(words: set[str], payload: tuple[str, ...], own: str) -> bool:
    """Whether a line has most of the words of a payload that the paper itself does not have."""
    novel = {word for word in payload if CONTENT.fullmatch(word) and word not in own}
    return bool(novel) and len(novel & words) >= NOVEL * len(novel)
