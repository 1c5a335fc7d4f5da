"""Which lines are wanted: by which prompt and model, for which papers; the question for each."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pipeline.books import Run
from pipeline.exchange import Job, Outcome
from pipeline.glossary import Glossary
from pipeline.llm.tokens import count_messages
from pipeline.prompts import Prompt
from pipeline.records import EMBEDDED, Lines, Origin, Paper, Summary, summary_id
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot


@dataclass(frozen=True)
class Wanted:
    """Which candidates are wanted, and for which papers.

    `prompt` is None for the embedded model, whose candidates differ by the `glossary`. `only`:
    no other papers than these; `redo`: also those that have a candidate.
    """

    prompt: Prompt | None
    glossary: Glossary
    model: str
    fallbacks: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    redo: bool = False

    @property
    def name(self) -> str | None:
        """The prompt's name."""
        return self.prompt.name if self.prompt else None

    @property
    def fingerprint(self) -> str:
        """The prompt's own, or that of the glossary."""
        return self.prompt.fingerprint if self.prompt else self.glossary.fingerprint

    def fingerprint_for(self, paper: Paper) -> str:
        """The `prompt_fingerprint` of a candidate of this paper."""
        return self.prompt.fingerprint_for(paper) if self.prompt else self.glossary.fingerprint

    def candidate(self, paper: Paper, lines: Lines, outcome: Outcome) -> Summary:
        """The candidate that an outcome with these lines makes."""
        origin: Origin = "embedded" if outcome.model == EMBEDDED else "model"
        fingerprint = self.fingerprint_for(paper)
        return Summary(
            id=summary_id(paper.id, paper.version, origin, outcome.model, fingerprint, lines),
            paper=paper.id,
            version=paper.version,
            lines=lines,
            origin=origin,
            model=outcome.model,
            prompt=self.name,
            prompt_fingerprint=fingerprint,
            terms=self.prompt.terms(paper) if self.prompt else {},
            mended=outcome.mended,
            usage=outcome.usage,
            created=outcome.created,
        )

    def by_it(self, summaries: Iterable[Summary]) -> Iterator[Summary]:
        """The candidates by the prompt, whatever its text, and the model or one in its place."""
        models = (self.model, *self.fallbacks)
        return (s for s in summaries if s.prompt == self.name and s.model in models)

    def written(self, summaries: Iterable[Summary]) -> set[tuple[str, str]]:
        """Papers and fingerprints for which the model, or one in its place, has written."""
        return {(s.paper, s.prompt_fingerprint) for s in self.by_it(summaries)}

    def papers(self, papers: Iterable[Paper]) -> Iterator[Paper]:
        """Those that should have a candidate, in digest order; nobody asks for a withdrawn one."""
        for paper in papers:
            if paper.status != "withdrawn" and (self.only is None or paper.id in self.only):
                yield paper

    def here(self, snapshot: Snapshot) -> set[str]:
        """The papers of a snapshot that have the candidate that is wanted, or a stand-in for it."""
        written = self.written(snapshot.each_summary())
        papers = snapshot.each_paper()
        return {p.id for p in papers if written and (p.id, self.fingerprint_for(p)) in written}

    def to_make(self, papers: Iterable[Paper], have: Collection[str]) -> Iterator[Paper]:
        """The papers to make a candidate for, in digest order."""
        return (p for p in self.papers(papers) if self.redo or p.id not in have)


def wanted_for(settings: Settings, run: Run, prompt: Prompt, glossary: Glossary) -> Wanted:
    """The candidates that this prompt, by the settings' model, should have in a snapshot."""
    if settings.model.embedded:
        return Wanted(None, glossary, EMBEDDED)
    # Where another model is tried out, a fallback's lines are none of it.
    fallbacks = run.fallbacks if run.model == settings.model.name else ()
    return Wanted(prompt, glossary, settings.model.name, fallbacks)


def job_for(settings: Settings, topic: str, snapshot: str, prompt: Prompt, paper: Paper) -> Job:
    """The question about one paper. Raises `PromptError` where the prompt fails on it."""
    return Job(
        topic=topic,
        snapshot=snapshot,
        paper=paper,
        messages=prompt.messages(paper),
        languages=prompt.languages,
        parameters=prompt.parameters,
        model=settings.model.name,
    )


def term_tokens(prompt: Prompt, paper: Paper) -> int:
    """Tokens that the glossary's terms take in what is sent about a paper."""
    if not prompt.terms(paper):
        return 0
    without = count_messages(prompt.messages(paper, with_terms=False))
    return count_messages(prompt.messages(paper)) - without
