"""What of a snapshot is no longer what it would be if it were made now, and what renews it."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pipeline import glossary, prompts
from pipeline.books import Run
from pipeline.candidates import checked
from pipeline.errors import PromptError
from pipeline.records import Count, Paper, Record, Summary
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import assemble, check
from pipeline.text import amount
from pipeline.wanted import Wanted


class Stale(Record, frozen=True, kw_only=True):
    """One thing that is stale: the work of a `stage`, and the `command` that renews it.

    For `summarize`, `count` lines by a `prompt` and a `model` are by an earlier text of the
    prompt, or were given other terms of the glossary; `fault` is why that cannot be told. For
    `check`, `count` candidates were never checked; where it is 0, the rules are others now.
    """

    stage: Literal["summarize", "check", "assemble"]
    command: str
    count: Count = 0
    prompt: str | None = None
    model: str | None = None
    fault: str | None = None

    def sentence(self) -> str:
        """What is stale, in words."""
        if self.stage == "summarize" and self.fault:
            return f"whether the lines by {self.prompt} are stale cannot be told: {self.fault}"
        if self.stage == "summarize":
            earlier = f"by {self.prompt} and {self.model} as they were before the prompt changed"
            return f"stale: {amount(self.count, 'line')} {earlier}; renew: {self.command}"
        if self.stage == "check" and self.count:
            return f"stale: {amount(self.count, 'line')} not checked yet; renew: {self.command}"
        what = "the findings, by earlier rules" if self.stage == "check" else "the digest"
        return f"stale: {what}; renew: {self.command}"


def stale(settings: Settings, snapshot: Snapshot) -> tuple[Stale, ...]:
    """What is stale in a snapshot, in the order of its stages. Raises `DamagedFile`."""
    run = snapshot.run()
    if "summarize" not in run.stages:
        return ()
    summaries = snapshot.summaries()
    found = list(_lines(settings, snapshot, run, summaries))
    if snapshot.digest_json.exists():
        if check.is_stale(settings, snapshot):
            count = len(summaries) - len(checked(run, summaries))
            found.append(Stale(stage="check", count=count, command=f"paperline check {snapshot}"))
        if assemble.is_stale(settings, snapshot):
            found.append(Stale(stage="assemble", command=f"paperline assemble {snapshot}"))
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
    for (name, model), written in by.items():
        command = f"paperline summarize {snapshot} --prompt {name}"
        if model != settings.model.name:
            command += f" --model {shlex.quote(model)}"
        if (name, model) == (run.prompt, run.model):
            command += " --activate"
        try:
            prompt = prompts.load(settings.prompts, name)
            wanted = Wanted(prompt, glossary.load(settings.prompts), model, run.fallbacks)
        except PromptError as error:
            yield Stale(
                stage="summarize", command=command, prompt=name, model=model, fault=str(error)
            )
            continue
        if count := _outdated(wanted, papers, written):
            yield Stale(stage="summarize", command=command, count=count, prompt=name, model=model)


def _outdated(wanted: Wanted, papers: Iterable[Paper], written: Sequence[Summary]) -> int:
    """The papers with lines of which none is by the present text."""
    present, any_text = wanted.written(written), {summary.paper for summary in written}
    return sum(
        paper.id in any_text and (paper.id, wanted.fingerprint_for(paper)) not in present
        for paper in papers
    )
