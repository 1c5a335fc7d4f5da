"""Prompts side by side: which candidate of each paper stands for a prompt and a model; pure.

A contender is named `PROMPT[~N][@MODEL]`: `one_line@gpt-5-mini`, or `one_line~1` for the lines
before the newest ones by that prompt, as after a change of its text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.errors import UsageError
from pipeline.records import Summary

NAMED = re.compile(
    r"(?P<prompt>[A-Za-z0-9_][A-Za-z0-9_-]*)(?:~(?P<back>\d{1,3}))?(?:@(?P<model>.+))?"
)


@dataclass(frozen=True)
class Contender:
    """The lines by a prompt and a model; `back`: how many times they were written anew since.

    `model` is None until it is known which one is meant; lines by the models in `fallbacks`
    stand where it gave none.
    """

    prompt: str
    model: str | None = None
    back: int = 0
    fallbacks: tuple[str, ...] = ()

    def __str__(self) -> str:
        back = f"~{self.back}" if self.back else ""
        return f"{self.prompt}{back}" + (f"@{self.model}" if self.model else "")


def named(text: str) -> Contender:
    """The contender that is written so. Raises `UsageError`."""
    found = NAMED.fullmatch(text)
    if found is None:
        raise UsageError(
            f"found {text!r}, expected PROMPT, PROMPT@MODEL or PROMPT~1 for the lines before",
            next_step="paperline prompts list shows the prompts",
        )
    return Contender(found["prompt"], found["model"], int(found["back"] or 0))


def with_model(
    contender: Contender, summaries: Iterable[Summary], usual: str, fallbacks: Sequence[str] = ()
) -> Contender:
    """The contender with its model: the one named, else the `usual` one, which may fall back.

    Where the usual one has no line by the prompt and exactly one other model has, that one.
    """
    if contender.model is not None:
        return contender
    wrote = {s.model for s in summaries if s.prompt == contender.prompt} - {*fallbacks}
    if usual not in wrote and len(wrote) == 1:
        return replace(contender, model=wrote.pop())
    return replace(contender, model=usual, fallbacks=tuple(fallbacks))


def candidates_of(
    contender: Contender,
    summaries: Iterable[Summary],
    is_current: Callable[[Summary], bool] = lambda _: False,
) -> dict[str, Summary]:
    """By paper, the candidate that stands for a contender, of `summaries` oldest first.

    Those that `is_current` says the prompt's present text wrote come before later ones, those
    of the model before a fallback's. `back` leaves out so many of each paper.
    """
    models = [*contender.fallbacks, contender.model]
    ranked: dict[str, list[Summary]] = {}
    for summary in summaries:
        if summary.prompt == contender.prompt and summary.model in models:
            ranked.setdefault(summary.paper, []).append(summary)
    found = {}
    for paper, ones in ranked.items():
        ones.sort(key=lambda one: (one.model == contender.model, is_current(one)))
        if contender.back < len(ones):
            found[paper] = ones[-1 - contender.back]
    return found
