"""Asking for the lines that a comparison lacks; the active ones of the snapshot stay."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from pipeline.comparison.material import Material, material
from pipeline.comparison.rows import Side
from pipeline.errors import UsageError
from pipeline.estimate import Question
from pipeline.executors.selection import opened
from pipeline.llm.keys import api_key
from pipeline.progress import Progress
from pipeline.prompt_sources import SUFFIX
from pipeline.prompts import Prompt, load
from pipeline.records import Paper, Usage
from pipeline.settings import BudgetSettings, Settings
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
    named = settings.model.named(model or settings.model.name)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(named, fallback=()))


def orders(settings: Settings, read: Material) -> list[Order]:
    """What is to be asked for, contender by contender; those that lack nothing are left out.

    Raises `PromptError` where a prompt's file is damaged, whether anything is missing or not:
    by which text its lines were written is not known. `UsageError` where lines cannot be asked
    for: no model is to be asked, the prompt's file is gone, or the snapshot has no active prompt
    yet, which asking would choose.
    """
    made = []
    for side in read.sides:
        name = side.contender.prompt
        if name not in read.prompts and (settings.prompts / f"{name}{SUFFIX}").is_file():
            load(settings.prompts, name)  # fails again, and says why
        papers = side.to_ask(read.papers)
        if not papers:
            continue
        contender = side.contender
        prompt = read.prompts.get(name)
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


def fill(  # noqa: PLR0913  what is asked for, by what, and when
    settings: Settings,
    read: Material,
    contenders: Sequence[str],
    wanted: Sequence[Order],
    now: datetime,
    *,
    progress: Progress,
) -> tuple[Material, Filled]:
    """Ask for what is wanted, check it, and read all anew. Hold the topic's lock.

    The sides are then told why a line is still missing. Raises `SettingsError` where a key is
    missing, before anything is asked.
    """
    for order in wanted:
        api_key(order.settings.model)  # before the first answer is paid for
    done, learned = Filled(), dict[tuple[str, str], str]()
    left = settings.budget
    for group in _by_provider(wanted):
        with opened(msgspec.structs.replace(group[0].settings, budget=left)) as executor:
            for order in group:
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
                learned |= {(name, paper): each.reason for paper, each in made.failures.items()}
                left = _less(left, made.usage)
    done.unchecked = check(settings, read.snapshot, executor=None, progress=progress).left_out
    after = material(settings, read.snapshot, contenders)
    sides = []
    for side in after.sides:
        name = str(side.contender)
        instead = INSTEAD.format(side.contender.model)
        reasons = {
            paper.id: learned.get((name, paper.id), instead) for paper in side.to_ask(after.papers)
        }
        done.missing.update(reasons.values())
        sides.append(replace(side, reasons={**side.reasons, **reasons}))
    return replace(after, sides=sides), done


def _by_provider(wanted: Sequence[Order]) -> list[list[Order]]:
    """Orders that one executor can work off, which asks one address for any of its models."""
    groups: dict[str, list[Order]] = {}
    for order in wanted:
        table = order.settings.model.renamed("")
        groups.setdefault(repr(table), []).append(order)
    return [*groups.values()]


def _less(budget: BudgetSettings, spent: Usage) -> BudgetSettings:
    """What is left for the rest of the command; the day's limit reads the books."""
    return msgspec.structs.replace(
        budget,
        usd_per_run=max(0.0, budget.usd_per_run - (spent.usd or 0.0)),
        tokens_per_run=max(0, budget.tokens_per_run - spent.tokens),
    )
