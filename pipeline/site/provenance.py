"""Where each line of a paper comes from, and who answers for it, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from pipeline.records import Digest, DigestLine, Entry, Language
from pipeline.site.words import LANGUAGE, Said

PICKED: Final = Said("not written by a model", "并非模型撰写")
NOT_REVIEWED: Final = Said("not reviewed by a person", "未经人工审阅")
NOTHING: Final = Said("", "")

SIGN: Final = "✓"
LEGEND: Final = Said(
    f"{SIGN} under a paper: who reviewed it, and when.",
    f"每篇之下 {SIGN} 后为审阅人与审阅时间。",
)
"""The head of a page names its model, prompt and reviewers; a paper says what is its own."""


@dataclass(frozen=True)
class Provenance:
    """What a page in `languages` says beside a digest's papers; `local` writes its times."""

    digest: Digest
    languages: Sequence[Language]
    local: Callable[[datetime], str]

    def told(self, entry: Entry) -> Said:
        """By what each line shown was written, and who decided on the paper when.

        In two languages only what the head of the page leaves open: the same in both where
        that is a name and a time, empty where it is nothing.
        """
        if len(self.languages) > 1 and self._as_the_head_says(entry):
            decision = entry.decision
            if decision is None or not entry.settled:
                return NOTHING
            brief = f"{SIGN} {decision.reviewer}, {self.local(decision.at)}"
            return Said(brief, brief)
        said = [*_written(entry, self.languages), _reviewed(entry, self.local)]
        english = "; ".join(part.en for part in said)
        return Said(english[:1].upper() + english[1:], "；".join(part.zh for part in said))

    @property
    def legend(self) -> Said | None:
        """What the sign under papers means, where the page has one."""
        signed = any(self.told(entry).en.startswith(SIGN) for entry in self.digest.papers)
        return LEGEND if signed else None

    def _as_the_head_says(self, entry: Entry) -> bool:
        """Whether the page's one model and prompt wrote the lines shown, and a person read them.

        Or no person has read anything on the page, as its head says too.
        """
        shown = [entry.lines[name] for name in self.languages if name in entry.lines]
        reviewed = entry.settled and entry.decision is not None and not entry.carried_from
        return (
            self._one_model
            and bool(shown)
            and all(line.origin == "model" for line in shown)
            and (reviewed or self._nobody)
        )

    @cached_property
    def _one_model(self) -> bool:
        lines = [line for entry in self.digest.papers for line in entry.lines.values()]
        return len({(line.model, line.prompt) for line in lines if line.origin == "model"}) == 1

    @cached_property
    def _nobody(self) -> bool:
        return self.digest.status == "published" and not self.digest.editors


def _written(entry: Entry, languages: Sequence[Language]) -> list[Said]:
    """Two lines of one origin are told of once."""
    shown = {name: _origin(entry.lines[name]) for name in languages if name in entry.lines}
    origins = list(dict.fromkeys(shown.values()))
    if len(origins) > 1:
        return [_of_line(name, origin) for name, origin in shown.items()]
    return origins


def _of_line(language: Language, origin: Said) -> Said:
    whose = LANGUAGE[language]
    return Said(f"{whose.en} {origin.en}", f"{whose.zh}{origin.zh}")


def _origin(line: DigestLine) -> Said:
    if line.origin == "embedded":
        return PICKED
    if line.origin == "editor":
        if not line.editor:
            return Said("edited by an editor", "经编辑修改")
        return Said(f"edited by {line.editor}", f"修改：{line.editor}")
    if not line.model:
        return Said("written by a model", "由模型撰写")
    prompt, prompt_zh = (f" ({line.prompt})", f"（{line.prompt}）") if line.prompt else ("", "")
    return Said(f"written by {line.model}{prompt}", f"撰写：{line.model}{prompt_zh}")


def _reviewed(entry: Entry, local: Callable[[datetime], str]) -> Said:
    decision = entry.decision
    if decision is None or not entry.settled:
        return NOT_REVIEWED
    who, when, earlier = decision.reviewer, local(decision.at), entry.carried_from
    return Said(
        f"reviewed by {who}, {when}" + (f", decided in snapshot {earlier}" if earlier else ""),
        f"审阅：{who}，{when}" + (f"，沿用 {earlier} 期的决定" if earlier else ""),
    )
