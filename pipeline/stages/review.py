"""Taking an editor's decision; it names exactly the text that the editor saw."""

from datetime import datetime

from pipeline.errors import UsageError
from pipeline.records import Action, Decision, Digest, Language, Lines, utc
from pipeline.snapshot import Snapshot
from pipeline.text import CONTROL, one_line


def decide(  # noqa: PLR0913  the parts of a decision
    snapshot: Snapshot,
    paper: str,
    action: Action,
    *,
    editor: str,
    at: datetime,
    text: Lines | None = None,
    note: str = "",
) -> Decision:
    """Take one decision on what the digest shows now, and have it on disk.

    The caller holds `snapshot.releasing()`. `text` are the new lines of an `edit`;
    the language that is left out stays. Raises `UsageError`.
    """
    digest = snapshot.digest()
    if digest is None:
        raise UsageError(
            f"{snapshot} has no digest yet to decide on",
            next_step=f"Run paperline run {snapshot.topic}",
        )
    if not editor.strip():
        raise UsageError("a decision needs an editor's name", next_step="Give it with --editor")
    version, summary, shown = _on_show(snapshot, digest, paper)
    given = _usable(text or {})
    if bool(given) != (action == "edit"):
        raise UsageError(
            "edit needs new text, and no other action takes any",
            next_step="Give --en or --zh with edit, and with nothing else",
        )
    if action == "approve" and not shown and not _withdrawn(digest, paper):
        raise UsageError(
            f"there are no lines of {paper} to approve",
            where=str(snapshot),
            next_step=f"Run paperline summarize {snapshot}, or give the lines with edit",
        )
    decision = Decision(
        paper=paper,
        version=version,
        action=action,
        summary=summary,
        lines={**shown, **given},
        editor=one_line(editor),
        at=utc(at),
        note=one_line(note),
    )
    snapshot.append_decision(decision)
    return decision


def _on_show(snapshot: Snapshot, digest: Digest, paper: str) -> tuple[int, str | None, Lines]:
    """Version, candidate and lines that the digest shows for a paper, or that it left out."""
    for entry in digest.papers:
        if entry.paper.id == paper:
            lines: Lines = {language: line.text for language, line in entry.lines.items()}
            return entry.paper.version, entry.summary, lines
    for decision in digest.excluded:
        if decision.paper == paper:
            return decision.version, decision.summary, decision.lines or {}
    raise UsageError(
        f"there is no paper {paper!r} in {snapshot}",
        next_step="Name it by its arXiv id without a version; "
        f"paperline status {snapshot} --json lists them",
    )


def _withdrawn(digest: Digest, paper: str) -> bool:
    return any(e.paper.id == paper and e.paper.status == "withdrawn" for e in digest.papers)


def _usable(text: Lines) -> Lines:
    usable: dict[Language, str] = {}
    for language, line in text.items():
        if not line.strip() or CONTROL.search(line):
            raise UsageError(
                f"the {language} line is empty, or has a line break or control character",
                next_step="Give one line of text",
            )
        usable[language] = line.strip()
    return usable
