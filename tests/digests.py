"""Builders of invented papers, digests and publications. Every value can be overridden."""

from datetime import UTC, datetime
from typing import Any

from pipeline.records import (
    Decision,
    Digest,
    DigestLine,
    Entry,
    Language,
    Lines,
    Paper,
    Publication,
    Reason,
    Summary,
    summary_id,
)

INSTANT = datetime(2026, 4, 30, 20, 5, tzinfo=UTC)


def a_paper(number: int = 1, **changes: Any) -> Paper:
    """An invented paper; `number` makes its id and title its own."""
    identifier = f"2604.9{number:04d}"
    return Paper(
        id=identifier,
        version=1,
        title=f"Tidal Adapters {number}: Fine-Tuning a Current Model for One Harbour",
        authors=("Ada Kelp", "Lü Haiyan", "Orla O'Brine"),
        abstract=(
            "Harbours differ in shape, so a model of one says little about the next. "
            "We adapt a coastal model with $k < 50$ gauges & report an error of 4 cm."
        ),
        first=datetime(2026, 4, 29, 12, 45, tzinfo=UTC),
        latest=datetime(2026, 4, 29, 12, 45, tzinfo=UTC),
        comments="9 pages, 3 figures",
        venue="Journal of Invented Tides 4 (2026)",
        primary_category="physics.ao-ph",
        categories=("physics.ao-ph", "cs.LG"),
        url=f"https://arxiv.org/abs/{identifier}v1",
        pdf_url=f"https://arxiv.org/pdf/{identifier}v1",
    ).but(**changes)


def a_summary(paper: Paper, lines: Lines, **changes: Any) -> Summary:
    """A candidate by the invented model tide-1, with the id that its parts give it."""
    made = Summary(
        id="",
        paper=paper.id,
        version=paper.version,
        lines=lines,
        origin="model",
        model="tide-1",
        prompt="one_line",
        prompt_fingerprint="f" * 64,
        created=INSTANT,
    ).but(**changes)
    parts = made.paper, made.version, made.origin, made.model, made.prompt_fingerprint, made.lines
    return made.but(id=summary_id(*parts))


def a_line(text: str, origin: str = "model", **changes: Any) -> DigestLine:
    """A line by the invented model tide-1, or by whatever `origin` says."""
    by_model = origin == "model"
    return DigestLine(
        text=text,
        origin=origin,  # type: ignore[arg-type]
        model="tide-1" if by_model else ("embedded" if origin == "embedded" else None),
        prompt="one_line" if by_model else None,
    ).but(**changes)


def a_decision(paper: Paper | None = None, **changes: Any) -> Decision:
    """An approval by the invented editor Mei Lan."""
    paper = paper or a_paper()
    return Decision(
        paper=paper.id,
        version=paper.version,
        action="approve",
        summary=None,
        lines=None,
        editor="Mei Lan",
        at=datetime(2026, 5, 1, 0, 30, tzinfo=UTC),
    ).but(**changes)


def an_entry(number: int = 1, *, paper: Paper | None = None, **changes: Any) -> Entry:
    """An entry with two lines of a model and no decision."""
    lines: dict[Language, DigestLine] = {
        "en": a_line(f"Adapts a coastal model to harbour {number} with few gauges."),
        "zh": a_line(f"用少量潮位站把近岸模型适配到第 {number} 个港口。"),
    }
    return Entry(paper=paper or a_paper(number), summary="0123456789abcdef", lines=lines).but(
        **changes
    )


def approved(entry: Entry, **changes: Any) -> Entry:
    """`entry` as an editor approved it."""
    return entry.but(decision=a_decision(entry.paper, **changes))


def a_digest(*entries: Entry, **changes: Any) -> Digest:
    """A published digest of `entries`, or of one approved paper where none is given."""
    return Digest(
        topic="tides",
        title="Tide Papers 潮汐论文",
        snapshot="20260501_0405",
        instant=INSTANT,
        time_zone="Asia/Shanghai",
        policy="all",
        status="published",
        prompt="one_line",
        model="tide-1",
        papers=entries or (approved(an_entry()),),
    ).but(**changes)


def a_publication(
    digest: Digest | None = None, reason: Reason = "first", **changes: Any
) -> Publication:
    """A release of `digest` half an hour after midnight UTC on 1 May 2026."""
    digest = digest or a_digest()
    return Publication(
        at=datetime(2026, 5, 1, 0, 30, tzinfo=UTC),
        reason=reason,
        who=digest.editors,
        digest=digest,
    ).but(**changes)
