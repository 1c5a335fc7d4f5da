"""Where each line of a paper comes from, and who answers for it, in words."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from pipeline.records import DigestLine, Entry, Language
from pipeline.site.words import LANGUAGE, Said

WRITTEN: Final = Said("Written by", "撰写：")
EDITED: Final = Said("Edited by", "修改：")
PICKED: Final = Said("Not written by a model", "并非模型撰写")
REVIEWED: Final = Said("Reviewed by", "审阅：")
NOT_REVIEWED: Final = Said("Not reviewed by a person", "未经人工审阅")
CARRIED: Final = Said("decided in snapshot", "决定沿用自")

Told = tuple[Said, str]
"""What was done, and by whom or what: names alone, which are the same in both languages."""


def told(
    entry: Entry, languages: Sequence[Language], local: Callable[[datetime], str]
) -> list[Told]:
    """By what each line shown was written, and who decided on the paper when.

    Two lines of one origin are told of once.
    """
    shown = {name: _origin(entry.lines[name]) for name in languages if name in entry.lines}
    origins = list(dict.fromkeys(shown.values()))
    if len(origins) > 1:
        origins = [(_of_line(name, done), by) for name, (done, by) in shown.items()]
    return [*origins, *_review(entry, local)]


def _of_line(language: Language, done: Said) -> Said:
    whose = LANGUAGE[language]
    return Said(f"{whose.en}: {done.en.lower()}", f"{whose.zh}{done.zh}")


def _origin(line: DigestLine) -> Told:
    if line.origin == "embedded":
        return PICKED, ""
    if line.origin == "editor":
        return EDITED, line.editor or ""
    return WRITTEN, ", ".join(filter(None, [line.model, line.prompt]))


def _review(entry: Entry, local: Callable[[datetime], str]) -> list[Told]:
    decision = entry.decision
    if decision is None or not entry.settled:
        return [(NOT_REVIEWED, "")]
    reviewed = [(REVIEWED, f"{decision.reviewer}, {local(decision.at)}")]
    return [*reviewed, (CARRIED, entry.carried_from)] if entry.carried_from else reviewed
