"""What of a snapshot is no longer what it would be if it were made now, and what renews it."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pipeline import candidates, glossary, prompts
from pipeline.books import Run
from pipeline.errors import PromptError
from pipeline.records import Count, Paper, Record, Summary
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import assemble, check
from pipeline.text import amount, one_line
from pipeline.wanted import Wanted


class Stale(Record, frozen=True, kw_only=True):
    """One thing that is stale, or of which that cannot be told: `what`, in words.

    `command` renews the work of `stage`. For `summarize`, `count` lines by a `prompt` and a
    `model` are by an earlier text of it, or were given other terms of the glossary; for
    `check`, `count` were never checked.
    """

    stage: Literal["summarize", "check", "assemble"]
    what: str
    command: str
    count: Count = 0
    prompt: str | None = None
    model: str | None = None

    def sentence(self) -> str:
        """What is stale, and what renews it."""
        return one_line(f"stale: {self.what}; renew: {self.command}")


def stale(settings: Settings, snapshot: Snapshot) -> tuple[Stale, ...]:
    """What is stale in a snapshot, in the order of its stages. Raises `DamagedFile`."""
    run = snapshot.run()
    if "summarize" not in run.stages:
        return ()
    summaries = snapshot.summaries()
    checked = candidates.checked(run, summaries)
    found = list(_lines(settings, snapshot, run, summaries))
    if snapshot.digest_json.exists():
        if why := check.stale(settings, snapshot):
            command, count = f"paperline check {snapshot}", len(summaries) - len(checked)
            found.append(Stale(stage="check", what=why, command=command, count=count))
        if assemble.is_stale(settings, snapshot):
            command = f"paperline assemble {snapshot}"
            found.append(Stale(stage="assemble", what="the digest", command=command))
    return tuple(found)


def _lines(
    settings: Settings, snapshot: Snapshot, run: Run, summaries: Sequence[Summary]
) -> Iterator[Stale]:
    """The lines that the present text of their prompt did not write."""
    contents = prompts.contents(settings.prompts)
    if run.passes and all(each.prompts == contents for each in run.passes):
        return  # no prompt needs to be read, which takes a tenth of a second
    papers = [paper for paper in snapshot.each_paper() if paper.status != "withdrawn"]
    by: defaultdict[tuple[str, str], list[Summary]] = defaultdict(list)
    for summary in summaries:
        if summary.prompt is not None:
            stands_in = summary.model in run.fallbacks and summary.prompt == run.prompt
            model = run.model if stands_in and run.model else summary.model
            by[summary.prompt, model].append(summary)
    standing = _standing(snapshot)
    for (name, model), all_written in by.items():
        written, command = all_written, f"paperline summarize {snapshot} --prompt {name}"
        if model != settings.model.name:
            command += f" --model {shlex.quote(model)}"
        if (name, model) == (run.prompt, run.model):
            # Of the active ones those count that the digest shows and would change.
            command += " --activate"
            chosen = candidates.active(run, all_written)
            written = [s for paper, s in chosen.items() if paper not in standing]
        by_it = f"by {name} and {model}"
        try:
            prompt = prompts.load(settings.prompts, name)
            wanted = Wanted(prompt, glossary.load(settings.prompts), model, run.fallbacks)
        except PromptError as error:
            what = f"perhaps the lines {by_it}: that cannot be told, {error}"
            yield Stale(stage="summarize", what=what, command=command, prompt=name, model=model)
            continue
        if count := _outdated(wanted, papers, written):
            what = f"{amount(count, 'line')} {by_it}, whose text or terms have changed since"
            yield Stale(
                stage="summarize", what=what, command=command, count=count, prompt=name, model=model
            )


def _standing(snapshot: Snapshot) -> set[str]:
    """The papers whose lines stay, whatever candidates come: decided or published ones."""
    digest = snapshot.digest()
    releases = snapshot.publications()
    published = [entry.paper.id for entry in releases[-1].digest.papers] if releases else []
    entries = digest.papers if digest else ()
    decided = [entry.paper.id for entry in entries if entry.settled]
    return {*published, *decided}


def _outdated(wanted: Wanted, papers: Iterable[Paper], written: Sequence[Summary]) -> int:
    """The papers with lines of which none is by the present text."""
    present, any_text = wanted.written(written), {summary.paper for summary in written}
    return sum(
        paper.id in any_text and (paper.id, wanted.fingerprint_for(paper)) not in present
        for paper in papers
    )
