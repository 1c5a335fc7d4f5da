"""What is there, and is it well: the files of `outputs/` and `cache/`, one finding a line.

Snapshots that a night may still touch are read whole, of older ones what takes a moment. Nothing
is written, and whatever is broken gives a line.
"""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline import damage
from pipeline.damage import Damage
from pipeline.errors import PaperlineError
from pipeline.outputs import Outputs
from pipeline.records import Record, utc_text
from pipeline.releasing import lost_lines
from pipeline.report import overdue
from pipeline.run import HEAL_DAYS
from pipeline.settings import Settings
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import PUBLISHED, Snapshot
from pipeline.stages.summarize import MOST_NIGHTS
from pipeline.text import amount

LOOKED_AT = timedelta(days=HEAL_DAYS + 1)
"""How much older than a topic's newest snapshot one may be that is read whole.

A day more than gaps are healed.
"""

LEAST_FREE = 200_000_000
"""Bytes; a night of a hundred papers with the site's search takes some ten million."""

LEAST_SHARE = 0.02
"""Of the disk, where that is more than `LEAST_FREE`."""

MOST_NAMED = 3
"""Things of one kind that are named; the others are counted."""


class Finding(NamedTuple):
    """One thing that was looked at; `what` says what to do where it is not well.

    `command` mends it, where one does. A `note` is well enough for every night, but something
    for somebody to do.
    """

    subject: str
    well: bool
    what: str
    command: str = ""
    note: bool = False

    @property
    def state(self) -> Literal["ok", "note", "fail"]:
        """`fail` where a night, or a part of one, does not come about."""
        return "fail" if not self.well else "note" if self.note else "ok"


class Examined(Record, frozen=True, kw_only=True):
    """One entry of the answer of `paperline doctor --json`; see `Finding`."""

    subject: str
    state: Literal["ok", "note", "fail"]
    what: str
    command: str | None


def of_data(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look at disks, journals, caches, each topic's snapshots, the site and the last runs."""
    yield from _disks(settings)
    yield from _caches(settings)
    try:
        outputs = Outputs(settings.outputs)
        topics = outputs.topics()
        yield from _damaged("journals", damage.in_journals(outputs))
    except PaperlineError as error:
        yield Finding("outputs", False, str(error))
        return
    for topic in topics:
        yield from _of_topic(settings, outputs, topic, now)
    yield from _site(settings, outputs, topics)
    yield from _last_runs(outputs, topics)


def _disks(settings: Settings) -> Iterator[Finding]:
    for name in ("outputs", "cache"):
        path = getattr(settings, name)
        if not path.is_dir():
            continue
        found = shutil.disk_usage(path)
        free = f"{found.free / 1e6:.0f} MB free"
        if found.free < max(LEAST_FREE, LEAST_SHARE * found.total):
            yield Finding("disk", True, f"{path}: only {free}: make room", note=True)
        else:
            yield Finding("disk", True, f"{path}: {free}")


def _damaged(subject: str, found: Iterable[Damage]) -> Iterator[Finding]:
    for each in found:
        yield Finding(subject, False, f"{each.path}: {each.what}", each.command)


def _caches(settings: Settings) -> Iterator[Finding]:
    """The databases that the next run sets aside or makes anew by itself."""
    answers = settings.cache / "answers" / "cache.db"
    if why := _unreadable(answers):
        told = f"{answers}: {why}: the next run sets it aside, and pays again for what was in it"
        yield Finding("cache", True, told, note=True)
    for index in sorted((settings.cache / "ledger").glob("*.sqlite")):
        if why := _unreadable(index):
            yield Finding("cache", True, f"{index}: {why}: the next run makes it anew")


def _unreadable(path: Path) -> str:
    """What SQLite says of a database; empty where it can be opened, or is not there."""
    if not path.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return "" if "locked" in str(error) else str(error)
    return ""


def _of_topic(settings: Settings, outputs: Outputs, topic: str, now: datetime) -> Iterator[Finding]:
    """A topic's files, its newest snapshots and those that are not published, then the older."""
    yield from _damaged(topic, damage.beside(outputs, topic))
    try:
        names = outputs.names(topic)
        newest = outputs.newest(topic)
        if newest is None:
            yield Finding(topic, True, "no snapshot yet", f"paperline run {topic}", note=True)
            return
        ahead = outputs.instant(newest)
        if ahead > now:
            yield Finding(
                topic,
                False,
                f"{newest} is of {utc_text(ahead)}, which is to come: run refuses until then. "
                "Where a clock was wrong, move the snapshot's folder away",
            )
        waiting = {name for name, at in outputs.times(topic).items() if at.may_wait}
        since = min(ahead, now) - LOOKED_AT
        newest_first = outputs.newest_first(topic)
        near = [*takewhile(lambda s: outputs.instant(s) >= since, newest_first)]
        whole = {s.name for s in near} | waiting | {newest.name}
        found = [
            finding
            for name in sorted(whole, reverse=True)
            for finding in _of_snapshot(settings, outputs.snapshot(topic, name), now)
        ]
        found += _at_a_glance(settings, outputs, topic, set(names) - whole)
        if lost := outputs.lost_costs(near):
            found.append(Finding("journals", False, str(lost)))
    except PaperlineError as error:
        yield Finding(topic, False, str(error))
        return
    yield from found
    if all(finding.well for finding in found):
        aside = sum(1 for _ in outputs.topic_folder(topic).glob("**/*.damaged-*"))
        told = f"; {amount(aside, 'damaged file')} set aside" if aside else ""
        yield Finding(topic, True, f"{amount(len(names), 'snapshot')}, newest {newest.name}{told}")


def _of_snapshot(settings: Settings, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Everything of one snapshot."""
    broken = damage.in_snapshot(snapshot)
    yield from _damaged(str(snapshot), broken)
    if broken:
        return
    yield from _gaps(snapshot, now)
    if snapshot.batch() is not None:
        what = "a batch is still at the provider; the next run collects it"
        yield Finding(str(snapshot), True, what, f"paperline run {snapshot.topic}", note=True)
    for reminder in overdue(settings, [snapshot], now):
        left = reminder.waiting_for
        what = f"waits for {amount(left, 'decision')}" if left else "waits to be published"
        command = "paperline review" if left else f"paperline publish {snapshot}"
        what += f" since {utc_text(reminder.since)}"
        yield Finding(str(snapshot), True, what, command, note=True)
    if snapshot.lags():
        what = "was decided on after its digest was made; the next run catches up"
        yield Finding(str(snapshot), True, what, f"paperline publish {snapshot}", note=True)


def _gaps(snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """The gaps for which no run asks any more by itself."""
    run, digest = snapshot.run(), snapshot.digest()
    open_gaps = {entry.paper.id for entry in digest.gaps} if digest else set(run.gaps)
    if now - run.instant <= timedelta(days=HEAL_DAYS):
        refused = [
            paper
            for paper, gap in run.gaps.items()
            if gap.failure.kind == "content" and len(gap.nights) >= MOST_NIGHTS
        ]
        left, why = [p for p in refused if p in open_gaps], f"refused on {MOST_NIGHTS} nights"
    else:
        left = sorted(open_gaps | set(lost_lines(run)))
        why = f"older than {HEAL_DAYS} days"
    if left:
        named = "".join(f" --paper {paper}" for paper in left[:MOST_NAMED])
        command = f"paperline summarize {snapshot}{named}"
        what = f"{amount(len(left), 'gap')} that no run asks for again: {why}"
        yield Finding(str(snapshot), True, what, command, note=True)


def _at_a_glance(
    settings: Settings, outputs: Outputs, topic: str, names: set[str]
) -> Iterator[Finding]:
    """Older snapshots: what a moment's look at each finds, and whether readers see its release."""
    stamps = outputs.stamps(topic, PUBLISHED)
    known = SiteFolder(settings.outputs).catalogue()
    listed = {
        one.snapshot: one.stamp for one in (known.listed if known else ()) if one.topic == topic
    }
    for name in sorted(names, reverse=True):
        snapshot = outputs.snapshot(topic, name)
        unseen = name in listed and listed[name] != stamps.get(name)
        if unseen or damage.anything_in(snapshot):
            yield from _damaged(str(snapshot), damage.in_snapshot(snapshot))


def _site(settings: Settings, outputs: Outputs, topics: list[str]) -> Iterator[Finding]:
    """Whether the site's files are those that were written; the next run makes them again."""
    folder = SiteFolder(settings.outputs)
    try:
        known = folder.catalogue()
        if known is None:
            if outputs.site.is_dir():
                yield Finding(
                    "site", True, "what it shows is not known: the next run makes it anew"
                )
            return
        there = folder.stamps(set(topics)) if folder.root.is_dir() else {}
        touched = [path for path, stamp in known.files.items() if there.get(path) != stamp]
    except PaperlineError as error:
        yield Finding("site", False, str(error))
        return
    changed = [path for path in touched if _size(there.get(path)) != _size(known.files[path])]
    if changed:
        named = ", ".join(changed[:MOST_NAMED]) + (", ..." if len(changed) > MOST_NAMED else "")
        what = f"{amount(len(changed), 'file')} not as written: {named}; the next run mends it"
        yield Finding("site", True, what, "paperline publish", note=True)
    else:
        told = f"{amount(len(known.listed), 'digest')} published"
        if touched:  # by a restore, a copy or a move, as a rule
            told += f"; {amount(len(touched), 'file')} copied or changed since they were written: "
            told += "the next run looks at them again"
        yield Finding("site", True, told)


def _size(stamp: str | None) -> str:
    """What a file's stamp says of its size, which a copy has too; empty where none is there."""
    return (stamp or "").partition(" ")[0]


def _last_runs(outputs: Outputs, topics: list[str]) -> Iterator[Finding]:
    try:
        last = outputs.last_runs(topics)
    except PaperlineError:
        return  # a damaged journal has its own line
    for topic, run in last.items():
        if run.ended is None:
            what = f"the last one began {utc_text(run.begun)} and did not end: it still works, "
            command = f"paperline run {topic}"
            yield Finding("runs", True, f"{topic}: {what}or was killed", command, note=True)
        else:
            trouble = run.error is not None
            yield Finding("runs", True, f"{topic}: {run.sentence()}", note=trouble)
