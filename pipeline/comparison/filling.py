"""Asking for the lines that a comparison lacks; the active ones of the snapshot stay."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from pipeline.comparison.material import Material, material
from pipeline.comparison.rows import Side
from pipeline.errors import UsageError
from pipeline.estimate import Question
from pipeline.exchange import Executor
from pipeline.progress import Progress
from pipeline.prompts import Prompt
from pipeline.records import Paper
from pipeline.settings import Settings
from pipeline.stages.check import check
from pipeline.stages.summarize import summarize
from pipeline.wanted import job_for

INSTEAD = "another model wrote a line in place of {}"


@dataclass(frozen=True)
class Order:
    """The papers that one contender lacks, with the settings by which they are asked for."""

    side: Side
    settings: Settings
    prompt: Prompt
    papers: list[Paper]

    def questions(self, topic: str, snapshot: str) -> list[Question]:
        """What is asked, in digest order."""
        return [
            Question(
                job_for(self.settings, topic, snapshot, self.prompt, paper), self.prompt.sentences
            )
            for paper in self.papers
        ]


@dataclass
class Filled:
    """What asking came to: `missing`, by reason, counts the papers that still lack a line."""

    missing: Counter[str] = field(default_factory=Counter)
    unchecked: tuple[str, ...] = ()


def asking(settings: Settings, model: str | None = None) -> Settings:
    """The settings by which contenders are asked for, of this `model`: no other answers for it."""
    renamed = settings.model.renamed(model or settings.model.name)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(renamed, fallback=()))


def orders(settings: Settings, read: Material) -> list[Order]:
    """What is to be asked for, contender by contender; those that lack nothing are left out.

    Raises `UsageError` where lines cannot be asked for: no model is to be asked, the prompt's
    file cannot be used, or the snapshot has no active prompt yet, which asking would choose.
    """
    made = []
    for side in read.sides:
        papers = side.to_ask(read.papers)
        if not papers:
            continue
        contender = side.contender
        prompt = read.prompts.get(contender.prompt)
        if prompt is None:
            raise UsageError(
                f"{contender} cannot be filled in: {side.note}",
                next_step="Restore the prompt, or leave out --run",
            )
        if settings.model.embedded:
            raise UsageError(
                f"{contender} cannot be filled in: the settings name the embedded model, "
                "so none is asked",
                next_step="Set [model], or leave out --run",
            )
        if read.run.prompt is None:
            raise UsageError(
                f"{read.snapshot} has no lines yet, and the first ones are those it shows",
                next_step=f"Run paperline summarize {read.snapshot} first",
            )
        made.append(Order(side, asking(settings, contender.model), prompt, papers))
    return made


def fill(  # noqa: PLR0913  what is asked for, and by what
    settings: Settings,
    read: Material,
    contenders: Sequence[str],
    wanted: Sequence[Order],
    now: datetime,
    *,
    executor: Executor,
    progress: Progress,
) -> tuple[Material, Filled]:
    """Ask for what is wanted, check it, and read all anew. Hold the topic's lock."""
    done, reasons = Filled(), dict[tuple[str, str], str]()
    for order in wanted:
        made = summarize(
            order.settings,
            read.snapshot,
            order.prompt.name,
            now,
            executor=executor,
            progress=progress,
            only=[paper.id for paper in order.papers],
        )
        name = str(order.side.contender)
        reasons |= {(name, paper): each.reason for paper, each in made.failures.items()}
    done.unchecked = check(settings, read.snapshot, executor=None, progress=progress).left_out
    after = material(settings, read.snapshot, contenders)
    for side in after.sides:
        name = str(side.contender)
        instead = INSTEAD.format(side.contender.model)
        lacking = [reasons.get((name, paper.id), instead) for paper in side.to_ask(after.papers)]
        done.missing.update(lacking)
    return after, done
