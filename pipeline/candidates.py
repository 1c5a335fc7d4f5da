"""Which of a snapshot's candidates a digest may show, and which it shows by itself; pure."""

from collections.abc import Iterable, Sequence

from pipeline.books import Run
from pipeline.records import EMBEDDED, Summary, fingerprint, prompt_fingerprint


def active(run: Run, summaries: Iterable[Summary]) -> dict[str, Summary]:
    """The candidates of the active prompt and model, by paper.

    Those of the prompt's exact text, with the glossary of that time, come before later ones,
    those of the model before a fallback's. Where the embedded model is the active one, they
    are its.
    """
    if run.model == EMBEDDED:
        return stand_ins(summaries)
    of_prompt = [s for s in summaries if s.prompt == run.prompt]
    fallbacks = [s for s in of_prompt if s.model in run.fallbacks]
    of_model = [s for s in of_prompt if s.model == run.model]
    # One that was made before a term was there has a part of the terms: the fuller one counts.
    exact = sorted((s for s in of_model if _is_exact(run, s)), key=lambda s: len(s.terms))
    return {s.paper: s for s in [*fallbacks, *of_model, *exact]}


def _is_exact(run: Run, summary: Summary) -> bool:
    """Whether the active text of the prompt wrote a candidate, with terms that are in force."""
    template = run.template_fingerprint or run.prompt_fingerprint or ""
    in_force = summary.terms.items() <= run.terms.items()
    return in_force and summary.prompt_fingerprint == prompt_fingerprint(template, summary.terms)


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
