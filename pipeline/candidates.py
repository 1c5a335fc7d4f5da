"""Which of a snapshot's candidates a digest may show, and which it shows by itself; pure."""

from collections.abc import Iterable, Sequence

from pipeline.books import Run
from pipeline.records import EMBEDDED, Summary, fingerprint


def active(run: Run, summaries: Iterable[Summary]) -> dict[str, Summary]:
    """The candidates of the active prompt and model, by paper.

    Those of the prompt's exact text come before later ones, those of the model before a
    fallback's. Where the embedded model is the active one, they are its.
    """
    if run.model == EMBEDDED:
        return stand_ins(summaries)
    of_prompt = [s for s in summaries if s.prompt == run.prompt]
    fallbacks = [s for s in of_prompt if s.model in run.fallbacks]
    of_model = [s for s in of_prompt if s.model == run.model]
    exact = [s for s in of_model if s.prompt_fingerprint == run.prompt_fingerprint]
    return {s.paper: s for s in [*fallbacks, *of_model, *exact]}


def stand_ins(summaries: Iterable[Summary]) -> dict[str, Summary]:
    """The embedded model's candidates, by paper."""
    return {s.paper: s for s in summaries if s.origin == "embedded"}


def checked(run: Run, summaries: Sequence[Summary]) -> Sequence[Summary]:
    """The candidates that were checked: the first ones, since new ones are added behind them."""
    stage = run.stages.get("check")
    first = summaries[: stage.counts["candidates"]] if stage else ()
    return first if stage and stage.inputs["summaries"] == identity(first) else ()


def identity(summaries: Iterable[Summary]) -> str:
    """Fingerprint of candidates, by which they are known again."""
    return fingerprint([summary.id for summary in summaries])
