"""Which format the files are of: a newer one is refused, an older one is read.

`run.json` and a digest say their format themselves. The lines of the other files cannot, so
`outputs/format.json` says that of all that stands beside the snapshots; where it is absent,
that is 1. What is written is of the present format, so a file may hold lines of several: a
record that does not decode is tried as one of an older format, the newest of them first.
`docs/upgrades.md` has the rules for the next format.
"""

import functools
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pipeline import files
from pipeline.errors import DamagedFile, NewerFormat

log = logging.getLogger(__name__)

FORMAT = 1
"""Version of the files' format."""

FILE = "format.json"
WAIT = 30.0
"""Seconds to wait for another process that writes it."""

CODE = re.compile(r"[a-z]+(-[a-z]+)*: ")
"""As in `not-json: the answer was ...`."""

Object = dict[str, Any]
Migration = Callable[[Object], Object]


def _spend(value: Object) -> Object:
    """Costs had no id, and were never booked twice: each line counts, also beside its like."""
    return {"id": uuid.uuid4().hex, **value}


def _fetch(value: Object) -> Object:
    """A fetch did not say what it asked for: the next one then looks further back."""
    return {"query": "", **value}


def _run(value: Object) -> Object:
    """A gap had the number of its nights, not their dates; a pass was told of when it was over."""
    gaps = {
        paper: {**gap, "nights": gap["nights"] if isinstance(gap["nights"], list) else []}
        for paper, gap in value.get("gaps", {}).items()
    }
    passes = [{"complete": True, **one} for one in value.get("passes", [])]
    return {**value, "gaps": gaps, "passes": passes}


def _digest(value: Object) -> Object:
    """A gap was the reason alone, without the kind that readers are told."""
    papers = [
        {**entry, "gap": {"kind": _kind(entry["gap"]), "reason": entry["gap"]}}
        if isinstance(entry["gap"], str)
        else entry
        for entry in value["papers"]
    ]
    return {**value, "papers": papers}


def _kind(reason: str) -> str:
    """What the reason tells of the kind; an answer that could not be used was told by a code."""
    if "budget" in reason:
        return "budget"
    return "content" if CODE.match(reason) else "unavailable"


MIGRATIONS: dict[int, dict[str, Migration]] = {
    0: {"Spend": _spend, "Fetch": _fetch, "Run": _run, "Digest": _digest},
}
"""From each older format to the next, by the record's name: a function of its JSON object.

0 is what versions wrote before format 1 was settled; they say 1, too. A record that is not
named is the same in both.
"""


def as_current(name: str, text: str, *, where: str) -> Iterator[Object]:
    """A record's JSON as it would be now, if it is of an older format: one try for each of them.

    `text` did not decode as the record called `name`. Raises `NewerFormat`.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return
    said = _said(value)
    if said is None:
        return
    if said > FORMAT:
        raise newer(said, where)
    for start in range(min(said, FORMAT - 1), min(MIGRATIONS) - 1, -1):
        try:
            yield _migrated(name, value, start)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # it is not of that format


def _migrated(name: str, value: Object, start: int) -> Object:
    if "digest" in value:  # a release, which holds one
        value = {**value, "digest": _migrated("Digest", value["digest"], start)}
    for older in range(start, FORMAT):
        value = MIGRATIONS.get(older, {}).get(name, dict)(value)
    return {**value, "format": FORMAT} if "format" in value else value


def _said(value: object) -> int | None:
    """The format that an object names, or the digest in it; the present one where none is named.

    None where it is no object, or names something else than a number.
    """
    if not isinstance(value, dict):
        return None
    held = value.get("digest", value)
    said = held.get("format", FORMAT) if isinstance(held, dict) else None
    return said if isinstance(said, int) else None


def newer(said: int, where: str) -> NewerFormat:
    """The error about something of a format that a later version of paperline wrote."""
    return NewerFormat(
        f"is of format {said}, and this paperline reads up to {FORMAT}",
        where=where,
        next_step="Upgrade paperline: docs/upgrades.md",
    )


def check(root: Path) -> None:
    """Refuse an `outputs/` of a newer format, before anything in it is read or written.

    Raises `NewerFormat`, `OutputError`. Cheap: the file is read once, and again if it changes.
    """
    path = root / FILE
    with files.translated(path):
        stamp = files.stamp(path)
    said = _written(path, stamp)
    if said is not None and said > FORMAT:
        raise newer(said, str(path))


def mark(root: Path) -> None:
    """Write down the present format, where `outputs/` does not say it yet.

    Call it before anything else is written there. Raises `NewerFormat`, `OutputError`, `Busy`.
    """
    check(root)
    path = root / FILE
    if _written(path, files.stamp(path)) == FORMAT:
        return
    with files.locked(root / f".{FILE}.lock", timeout=WAIT, holder=str(path)):
        check(root)
        files.remake(path, json.dumps({"format": FORMAT}) + "\n")


@functools.lru_cache(maxsize=100)
def _written(path: Path, stamp: str) -> int | None:
    """What the file says. None where it is not there, or damaged: each record is checked, too."""
    if stamp == files.LOST:
        return None
    try:
        value = msgspec.json.decode(files.read_text(path))
    except (msgspec.DecodeError, RecursionError, DamagedFile):
        value = None
    said = _said(value)
    if said is None:
        log.info("%s is damaged, and is written anew with what is written next", path)
    return said
