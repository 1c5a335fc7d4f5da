"""The embedded model: lines picked from the abstract, without network or key.

English is the sentence that best says what was done or found; Chinese is a line of
keywords from the glossary. Both are labelled as what they are wherever they are shown.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from pipeline.exchange import Deliver, Job, Outcome, Paid, failed
from pipeline.glossary import Glossary
from pipeline.records import EMBEDDED, Failure, Lines, Paper
from pipeline.sentences import sentences
from pipeline.text import one_line

MOST_KEYWORDS = 5
SHORT, LONG = 50, 320
"""Characters between which a sentence reads as one line."""

CUES = (
    (r"\b(we|this (paper|work|study)|here,? we)\b.{0,40}?\b(propos|introduc|present|develop)", 5),
    (
        r"\b(we|results?|experiments?|analys[ie]s)\b.{0,40}?\b(show|find|found|demonstrat|prov[ei])",
        5,
    ),
    (r"\b(we|results?|experiments?|analys[ie]s)\b.{0,40}?\b(reveal|establish|report|observ)", 5),
    (r"\b(achiev|outperform|improv|reduc|surpass|exceed|attain|yield|increas|recover)", 3),
    (r"\b(state-of-the-art|accuracy|speed-?up|error|faster|compared (with|to))\b", 1),
    (r"\d+(\.\d+)?\s*(\\?%|×|x\b|times|points|fold)", 2),
    (r"^(although|despite|while|existing|recent|traditional|current)\b", -4),
    (r"\b(remains?|challeng\w*|has (gained|attracted)|little is known|is essential)\b", -3),
    (r"\b(code|data|data ?sets?|models?|demos?)\b.{0,40}?\b(available|released?)\b", -6),
    (r"\bhowever\b", -4),
    (r"https?://|\b(project|web) ?(page|site)", -6),
    (r"^(this|these|those|such|it|they)\b(?! (paper|work|study|article|survey|thesis|report))", -2),
    (r"^(finally|additionally|further(more)?|moreover|more broadly|in addition)\b", -2),
    (r"^(second|third|lastly)\b|\bwe (also|further)\b", -2),
    (r"\b(highlight|insights?|implications?|pav(e|ing) the way|suggest(s|ing)?)\b", -1),
    (r"\b(future work|we (then )?discuss|we hope)\b|\?$", -4),
)
"""What marks a sentence on what was done or found (or does not), and its weight."""

WEIGHED = tuple((re.compile(cue, re.IGNORECASE), weight) for cue, weight in CUES)


NO_JUDGE = Failure(kind="unavailable", reason="the embedded model gives no second opinion")


class Embedded:
    """The executor of the embedded model; `now` is kept as the time of its lines."""

    def __init__(self, glossary: Glossary, now: datetime) -> None:
        self._glossary = glossary
        self._now = now

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver the lines of each job's paper, in order; all is made anew, nothing is paid.

        It judges no lines: a job that asks for verdicts fails.
        """
        del paid, redo
        for job in jobs:
            if job.answers == "verdicts":
                deliver(failed(job, NO_JUDGE))
                continue
            made = lines(job.paper, self._glossary)
            deliver(Outcome(paper=job.paper.id, model=EMBEDDED, lines=made, created=self._now))

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is ever under way."""

    def close(self) -> None:
        """Nothing is open."""


def lines(paper: Paper, glossary: Glossary) -> Lines:
    """Both lines of a paper; the same for the same paper and glossary."""
    return {"en": best_sentence(paper), "zh": keywords(paper, glossary)}


def best_sentence(paper: Paper) -> str:
    """The sentence of the abstract that best says what was done or found.

    Never the first one when there is another: it is nearly always background. A paper
    without an abstract gives its title, and one without a title too its identifier.
    """
    found = sentences(one_line(paper.abstract))
    candidates = found[1:] or found
    if not candidates:
        return one_line(paper.title) or paper.id
    return max(candidates, key=_score)


def keywords(paper: Paper, glossary: Glossary) -> str:
    """The glossary's terms in title and abstract, in Chinese; else the arXiv categories.

    A term that is a part of another one found says nothing more, and is left out.
    """
    terms = [chinese for _, chinese in glossary.found_in(paper.abstract, title=paper.title)]
    whole = [term for term in terms if not any(term != other and term in other for other in terms)]
    if whole:
        return "关键词：" + "、".join(whole[:MOST_KEYWORDS])
    return "学科分类：" + "、".join(map(one_line, paper.categories or (paper.primary_category,)))


def _score(sentence: str) -> float:
    score = float(sum(weight for cue, weight in WEIGHED if cue.search(sentence)))
    if len(sentence) < SHORT:
        score -= 4
    return score - max(0, len(sentence) - LONG) / 40
