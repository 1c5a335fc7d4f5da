"""The records that stages pass through files.

All are frozen, picklable structs; what comes from a file is validated by decoding it
into one of them. Times are aware and in UTC, written `2026-05-01T04:05:00Z`.
`docs/schema/` is generated from here. `books.py` has what is kept of the work itself,
`exchange.py` what is said to a model. (msgspec rather than pydantic: its import takes
a tenth of the time, which every command pays.)
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from pipeline.encoding import RESTORE as RESTORE
from pipeline.encoding import Kind as Kind
from pipeline.encoding import Record as Record
from pipeline.encoding import each_record as each_record
from pipeline.encoding import fingerprint as fingerprint
from pipeline.encoding import utc as utc
from pipeline.encoding import utc_text as utc_text
from pipeline.formats import FORMAT as FORMAT

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
TAGS: dict[Language, str] = {"en": "en", "zh": "zh-Hans"}
"""By which pages and feeds name the languages: BCP 47."""

Origin = Literal["model", "embedded"]
Action = Literal[
    "approve", "edit", "exclude", "hold", "reopen", "pin", "unpin", "move", "introduce"
]
Status = Literal["new", "revised", "seen", "withdrawn"]
Policy = Literal["all", "flagged", "none"]
FailureKind = Literal["unavailable", "refused", "budget", "content", "pending"]
Reason = Literal["first", "correction", "heal", "withdrawn"]
Order = Literal["updated", "submitted"]
Severity = Literal["error", "warning", "note"]
Revised = Literal["title", "abstract", "comments"]
Lines = dict[Language, str]

ARXIV_ID = r"^([0-9]{4}\.[0-9]{4,5}|[a-z][a-z-]*(\.[A-Z]{2})?/[0-9]{7})$(?!\n)"
"""arXiv's identifier since April 2007, and the one before it, without a version."""

TOPIC_NAME = r"^[a-z0-9][a-z0-9_-]{0,99}$(?!\n)"
"""A topic's name, which is a folder's and a part of addresses too."""

PROMPT_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$(?!\n)"
"""A prompt's name, which is its file's too."""

EMBEDDED = "embedded"
"""The model name of the extractive stand-in that needs no network."""


Utc = Annotated[datetime, Meta(tz=True)]
ArxivId = Annotated[str, Meta(pattern=ARXIV_ID)]
SnapshotName = Annotated[str, Meta(pattern=r"^[0-9]{8}_[0-9]{4}$(?!\n)")]
Count = Annotated[int, Meta(ge=0)]
Filled = Annotated[str, Meta(min_length=1)]
Present = Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
"""The format that is written; `formats` reads others."""


class Paper(Record, frozen=True, kw_only=True):
    """One arXiv paper as the topic shows it: white space normalised, LaTeX kept.

    `first` and `latest` are the submission times of version 1 and of `version`.
    """

    id: ArxivId
    version: Annotated[int, Meta(ge=1)]
    title: Filled
    authors: tuple[str, ...]
    abstract: str
    first: Utc
    latest: Utc
    comments: str | None = None
    venue: str | None = None
    doi: str | None = None
    primary_category: str
    categories: tuple[str, ...]
    url: str
    pdf_url: str
    status: Status = "new"


class Usage(Record, frozen=True, kw_only=True):
    """Tokens of one or more requests, and US dollars (None: the price is not known).

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`.
    """

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    reasoning_tokens: Count = 0
    usd: float | None = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def at(self, share: float) -> "Usage":
        """The same tokens at a share of the price."""
        return self if self.usd is None else self.but(usd=self.usd * share)

    def plus(self, other: "Usage") -> "Usage":
        """The sum; an unknown price makes the sum's unknown."""
        known = self.usd is not None and other.usd is not None
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            usd=(self.usd or 0.0) + (other.usd or 0.0) if known else None,
        )


class Failure(Record, frozen=True, kw_only=True):
    """Why a paper has no model's line.

    `kind`: `unavailable` and `refused` concern the provider, `budget` the run,
    `content` what the model answered to this paper; `pending`: it was not asked yet.
    """

    kind: FailureKind
    reason: str


class Summary(Record, frozen=True, kw_only=True):
    """One candidate: a paper's lines by one prompt and one model.

    `id` is the fingerprint's first 16 digits of paper, version, origin, model, prompt
    and lines, so the same lines have the same id in every snapshot. `prompt_fingerprint`
    covers all that the prompt says of this paper: its own text, what it extends and includes,
    and the glossary `terms` that it pulled in, English to Chinese. The embedded model uses no
    prompt: `prompt` is None, `prompt_fingerprint` that of the glossary.
    """

    id: str
    paper: ArxivId
    version: int
    lines: Lines
    origin: Origin
    model: str
    prompt: str | None
    prompt_fingerprint: str
    terms: dict[str, str] = {}
    mended: tuple[str, ...] = ()
    usage: Usage = Usage()
    created: Utc


def summary_id(  # noqa: PLR0913  the six parts of the identity
    paper: str, version: int, origin: str, model: str, prompt_fingerprint: str, lines: Lines
) -> str:
    """The id of the candidate with these parts; see `Summary`."""
    return fingerprint([paper, version, origin, model, prompt_fingerprint, lines])[:16]


def prompt_fingerprint(template: str, terms: dict[str, str]) -> str:
    """Of a prompt as it speaks of one paper: its own text, and the glossary terms it pulled in.

    `template` is the text's fingerprint, which stays where no term occurs.
    """
    return fingerprint([template, sorted(terms.items())]) if terms else template


class Finding(Record, frozen=True, kw_only=True):
    """What a check found in one candidate; without `summary` it is about the whole digest.

    `paper` is the one whose line is concerned; `code` is one of `checks/codes.py`. `span` is
    the characters [start, end) of the line of `language` that it is about, `source_span`
    those of the abstract that show it.
    """

    summary: str | None
    paper: ArxivId
    language: Language | None
    code: str
    severity: Severity
    message: str
    span: tuple[Count, Count] | None = None
    source_span: tuple[Count, Count] | None = None


class Decision(Record, frozen=True, kw_only=True):
    """What an editor decided on one paper of one snapshot, and on exactly which text.

    `summary` and `lines` are the candidate and the text the editor saw, or for
    `edit` the text the editor wrote; both are None for hold, reopen and exclude of
    a paper without lines. `pin`, `unpin` and `move` arrange the digest: a pinned paper comes
    first, a moved one stands before the paper `before`, or last where that is None. `introduce`
    is about the digest as a whole, so it has no `paper`; its `lines` are the introduction.
    `restores` names whose decision this one brings back, where another editor undid what was
    done to it.
    """

    paper: ArxivId | None
    version: int | None
    action: Action
    summary: str | None
    lines: Lines | None
    editor: str
    at: Utc
    note: str = ""
    before: ArxivId | None = None
    restores: str | None = None

    @property
    def reviewer(self) -> str:
        """Whose word it is: of a restored decision, whoever took it first."""
        return self.restores or self.editor

    def __post_init__(self) -> None:
        """Raises `ValueError` where a paper is missing, or is named and none is meant."""
        if (self.paper is None) != (self.action == "introduce"):
            raise ValueError(f"{self.action} of paper {self.paper}")


class Preference(Record, frozen=True, kw_only=True):
    """Which of two candidates' lines an editor preferred, who did not know whose they were.

    `summaries` are the ids of the two, `preferred` is one of them, None for a tie. Of several
    by one editor about the same two lines the last one counts.
    """

    paper: ArxivId
    version: int
    language: Language
    summaries: tuple[str, str]
    preferred: str | None
    editor: str
    at: Utc

    def __post_init__(self) -> None:
        """Raises `ValueError` where what was preferred is none of the two."""
        if self.preferred not in (None, *self.summaries):
            raise ValueError(f"{self.preferred} is none of {self.summaries}")


class DigestLine(Record, frozen=True, kw_only=True):
    """One line as a reader sees it, and where it comes from: a model, or the `editor`."""

    text: str
    origin: Literal["model", "embedded", "editor"]
    model: str | None
    prompt: str | None
    editor: str | None = None


class Withdrawal(Record, frozen=True, kw_only=True):
    """That a later `version`, submitted at `at`, says that the paper is withdrawn.

    `snapshot` is the one that showed it, `comments` what the version says of it.
    """

    version: int
    at: Utc
    comments: str
    snapshot: SnapshotName


class Revision(Record, frozen=True, kw_only=True):
    """The version of a revised paper that readers saw last, in the same topic.

    `snapshot` showed it. `before` has its text where the version shown now says something else:
    an empty one where it said nothing.
    """

    version: int
    snapshot: SnapshotName
    before: dict[Revised, str]


class Entry(Record, frozen=True, kw_only=True):
    """One paper of a digest.

    `gap` is why a model's line is missing where one was asked for: its reason is for
    the operator, its kind is what readers are told. `carried_from` is the snapshot on
    which the decision was taken, if not this one. `withdrawn` is there where the paper
    was withdrawn after this version. `pinned`: an editor put it at the head of the digest.
    `revision` is there where readers have seen an older version of the paper.
    """

    paper: Paper
    summary: str | None
    lines: dict[Language, DigestLine]
    gap: Failure | None = None
    decision: Decision | None = None
    carried_from: SnapshotName | None = None
    withdrawn: Withdrawal | None = None
    revision: Revision | None = None
    pinned: bool = False

    @property
    def settled(self) -> bool:
        """Whether an editor has approved or edited it (an excluded paper is no entry)."""
        return self.decision is not None and self.decision.action in ("approve", "edit")


class Digest(Record, frozen=True, kw_only=True):
    """A snapshot's digest as it stands; `5-digest.json`.

    `papers` are in digest order, which editors may change; `excluded` holds the decisions that
    took papers out; `findings` are about the lines it shows; `introduction` is the decision
    with an editor's words about the whole.
    `earlier` names at most 30 earlier snapshots, newest first, the way back from here.
    """

    format: Present = FORMAT
    topic: str
    title: str
    snapshot: SnapshotName
    instant: Utc
    time_zone: str
    policy: Policy
    status: Literal["draft", "published"]
    prompt: str
    model: str
    papers: tuple[Entry, ...]
    excluded: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    earlier: tuple[SnapshotName, ...] = ()
    notes: tuple[str, ...] = ()
    introduction: Decision | None = None

    @property
    def editors(self) -> tuple[str, ...]:
        """Who decided on the papers it shows or leaves out, in order of appearance."""
        taken = [e.decision for e in self.papers if e.decision and e.settled]
        return tuple(dict.fromkeys(d.reviewer for d in [*taken, *self.excluded]))

    @property
    def gaps(self) -> tuple[Entry, ...]:
        """The entries without a model's line."""
        return tuple(entry for entry in self.papers if entry.gap)

    @property
    def flagged(self) -> frozenset[str]:
        """The ids of the papers whose lines have an error or a warning."""
        return frozenset(f.paper for f in self.findings if f.severity != "note")

    @property
    def undecided(self) -> tuple[Entry, ...]:
        """The entries that no editor has settled."""
        return tuple(entry for entry in self.papers if not entry.settled)


class Publication(Record, frozen=True, kw_only=True):
    """One line of `6-published.jsonl`: a release with every line as it was published.

    `who`: the editors whose decisions it rests on; empty under a policy that needs none.
    `by` asked for it, where it did not release itself; `decisions` had been taken until then.
    `reason` is `withdrawn` where only notices of withdrawn papers were added, or where the
    whole digest was taken back: then `why` says it, and a later release brings it back.
    """

    at: Utc
    reason: Reason
    who: tuple[str, ...]
    digest: Digest
    why: str | None = None
    by: str | None = None
    decisions: Count = 0
