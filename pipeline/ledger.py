"""What a topic has shown, and what a paper is in the light of it: new, revised, seen, withdrawn.

The ledger is an index over the snapshots' `1-papers`, in `cache/`. Before each use it is
compared with the snapshots that are there, and takes in, drops or reads again what differs:
lost, it is rebuilt, and a night costs the same however many snapshots there are. As long as
none came, went, or took the place of another, their files are not looked at again.
"""

import contextlib
import functools
import hashlib
import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipeline import files, papers_again
from pipeline.databases import is_damage, unusable
from pipeline.errors import DamagedFile, OutputError
from pipeline.outputs import Outputs
from pipeline.records import Entry, Paper, Status, Withdrawal, fingerprint, utc, utc_text
from pipeline.snapshot import Snapshot

log = logging.getLogger(__name__)

CLAUSE = re.compile(r"[.;:!?()\[\],]\s*")
"""Between the clauses of a comment, each of which may say it."""

WORK = r"(?:paper|article|manuscript|submission|preprint|e-?print|work|version|note|draft)"
WITHDRAWN = re.compile(
    rf"""
    (?: (?: (?:this|the|our|my|present|arxiv|current) \s+ )* {WORK} \s+ )?
    (?: (?:is|are|was|were|has|have|had|been|being|now|to|be|\w+ly) \s+ )*
    (?:withdrawn | removed \s+ by \s+ arxiv) \b
    (?! \s+ (?: from \s+ (?!arxiv) | in \s+ \d ) )
  | .{{0,40}} \b (?:authors?|we|i) (?:\s+\w+){{0,2}}? \s+ (?:withdrawn?|withdrew|withdrawing) \s+
    (?:this|the|our|my) \s+ (?:\w+\s+)? {WORK} \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""How a clause that says so begins; from a journal, or in a year, is something else."""

LAYOUT = 3
"""Version of the tables; an index with another one is made anew."""

TABLES = """
CREATE TABLE listing (only INTEGER PRIMARY KEY, known TEXT NOT NULL);
CREATE TABLE snapshots (name TEXT PRIMARY KEY, stamp TEXT NOT NULL, instant TEXT NOT NULL);
CREATE TABLE shown (
    paper TEXT, snapshot TEXT, instant TEXT NOT NULL, version INTEGER NOT NULL,
    content TEXT NOT NULL, withdrawn_at TEXT, comments TEXT,
    PRIMARY KEY (paper, snapshot)) WITHOUT ROWID;
CREATE INDEX by_snapshot ON shown (snapshot);
CREATE INDEX by_paper ON shown (paper, instant);
CREATE INDEX withdrawals ON shown (instant) WHERE withdrawn_at IS NOT NULL;
"""

MOST_EARLIER = 30
"""Earlier snapshots, of those that show a paper, among which its older version is looked for."""

PATIENCE = 60.0
"""Seconds to wait for another process that uses the index."""


class Shown(NamedTuple):
    """The newest version of a paper that was shown, and the fingerprint of its content."""

    version: int
    content: str


class Earlier(NamedTuple):
    """A version of a paper, and the name of the snapshot that showed it."""

    version: int
    snapshot: str


def content_of(paper: Paper) -> str:
    """The fingerprint of what makes a new version a revision: title, abstract and comments."""
    return fingerprint([paper.title, paper.abstract, paper.comments])


def is_withdrawn(paper: Paper) -> bool:
    """Whether arXiv says so: by a further version whose comments say it, so never in version 1."""
    return paper.version > 1 and any(map(WITHDRAWN.match, CLAUSE.split(paper.comments or "")))


def is_due(paper: Paper, shown: Shown | None) -> bool:
    """Whether the topic has shown neither this version nor another with the same content."""
    if shown is None:
        return True
    return paper.version > shown.version and content_of(paper) != shown.content


def status_of(paper: Paper, shown: Shown | None) -> Status:
    """What readers are told of the paper; a withdrawal comes before all else."""
    if is_withdrawn(paper):
        return "withdrawn"
    if not is_due(paper, shown):
        return "seen"
    return "revised" if shown else "new"


def noticed(entry: Entry, withdrawals: Mapping[str, Withdrawal]) -> Withdrawal | None:
    """What readers of a digest's entry are told of the paper's withdrawal since, if there was one.

    A notice that was given stays.
    """
    since = withdrawals.get(entry.paper.id)
    if entry.withdrawn or since is None or since.version <= entry.paper.version:
        return entry.withdrawn
    return since


class Ledger:
    """The papers that a topic's snapshots show, excluded ones too."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.damaged: dict[str, DamagedFile] = {}
        """By the snapshots' names, why what was known of them before is used."""
        self._connection = connection

    def shown(self, paper: str, before: datetime | None = None) -> Shown | None:
        """The newest version of `paper` that was shown, in snapshots before an instant if given."""
        found = self._connection.execute(
            "SELECT version, content FROM shown WHERE paper = ? AND instant < ? "
            "ORDER BY version DESC LIMIT 1",
            (paper, _end(before)),
        ).fetchone()
        return Shown(*found) if found else None

    def newest_since(self, paper: str, moment: datetime) -> int:
        """The newest version of `paper` in the snapshots from `moment` on; else 0."""
        found = self._connection.execute(
            "SELECT max(version) FROM shown WHERE paper = ? AND instant >= ?",
            (paper, utc_text(moment)),
        ).fetchone()
        return found[0] or 0

    def papers_since(self, moment: datetime) -> list[str]:
        """The ids of all papers in the snapshots from `moment` on, each once, sorted."""
        found = self._connection.execute(
            "SELECT DISTINCT paper FROM shown JOIN snapshots ON snapshots.name = shown.snapshot "
            "WHERE snapshots.instant >= ? ORDER BY paper",
            (utc_text(moment),),
        )
        return [paper for (paper,) in found]

    def versions_of(self, paper: str) -> list[tuple[str, int]]:
        """The snapshots that show `paper`, by name, with the version shown; oldest first."""
        return self._connection.execute(
            "SELECT snapshot, version FROM shown WHERE paper = ? ORDER BY instant, snapshot",
            (paper,),
        ).fetchall()

    def revised_in(self, snapshot: str) -> dict[str, list[Earlier]]:
        """By paper, where it was shown before a snapshot that has a newer version; newest first.

        `MOST_EARLIER` snapshots at most; without the papers of which these show no older version.
        """
        rows = self._connection.execute(
            "SELECT now.paper, now.version, was.version, was.snapshot "
            "FROM shown AS now JOIN shown AS was ON was.paper = now.paper AND was.snapshot IN ("
            "SELECT snapshot FROM shown WHERE paper = now.paper AND instant < now.instant "
            "ORDER BY instant DESC, snapshot DESC LIMIT ?) "
            "WHERE now.snapshot = ? ORDER BY was.instant DESC, was.snapshot DESC",
            (MOST_EARLIER, snapshot),
        )
        before: dict[str, list[Earlier]] = {}
        revised = set()
        for paper, version, older, name in rows:
            before.setdefault(paper, []).append(Earlier(older, name))
            if older < version:
                revised.add(paper)
        return {paper: shown for paper, shown in before.items() if paper in revised}

    def withdrawals_after(self, instant: datetime) -> dict[str, Withdrawal]:
        """By paper, the first withdrawal that a snapshot after `instant` shows."""
        found = self._connection.execute(
            "SELECT paper, version, withdrawn_at, comments, snapshot FROM shown "
            "WHERE withdrawn_at IS NOT NULL AND instant > ? ORDER BY instant DESC, snapshot DESC",
            (utc_text(instant),),
        )
        return {
            paper: Withdrawal(
                version=version,
                at=datetime.fromisoformat(at),
                comments=comments,
                snapshot=snapshot,
            )
            for paper, version, at, comments, snapshot in found
        }

    def bring_up_to_date(
        self, outputs: Outputs, topic: str, *, despite_damage: bool = False, known: bool = False
    ) -> None:
        """Take in the snapshots that are there, drop those that are not; see `opened`."""
        listing = outputs.listing(topic)  # before the rest: what changes meanwhile is new
        if listing and listing == self._listing():
            return
        there = outputs.stamps(topic)
        if there == self._stamps():
            with contextlib.suppress(sqlite3.OperationalError):  # then they are compared again
                self._note(listing)
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            before = self._stamps()
            for name in before.keys() - there.keys():
                self._forget(name)
            for name in sorted(there):
                if before.get(name) == there[name]:
                    continue
                try:
                    self._take_in(outputs.snapshot(topic, name), there[name])
                except DamagedFile as damage:
                    kept = name in before and (known or despite_damage)
                    certain = not kept and self._take_in_certain(outputs, topic, name)
                    if not (kept or certain or despite_damage):
                        raise
                    warn_once(f"{damage}; until then what is known of it is used")
                    self.damaged[name] = damage
                    listing = ""  # it is looked at again
            self._note(listing)

    def _listing(self) -> str:
        """That of the snapshots that were taken in; empty where it is not known."""
        found = self._connection.execute("SELECT known FROM listing").fetchone()
        return found[0] if found else ""

    def _note(self, listing: str) -> None:
        if listing != self._listing():
            self._connection.execute("INSERT OR REPLACE INTO listing VALUES (1, ?)", (listing,))

    def _stamps(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT name, stamp FROM snapshots"))

    def _forget(self, name: str) -> None:
        self._connection.execute("DELETE FROM snapshots WHERE name = ?", (name,))
        self._connection.execute("DELETE FROM shown WHERE snapshot = ?", (name,))

    def _take_in(self, snapshot: Snapshot, stamp: str) -> None:
        """Put what a snapshot shows in place of what was known of it."""
        self._put(snapshot.name, stamp, snapshot.instant(), snapshot.each_paper())

    def _take_in_certain(self, outputs: Outputs, topic: str, name: str) -> bool:
        """The same of a damaged snapshot, from what is certain of it; whether anything is.

        It has no stamp then, so that it is looked at again, and told, until it is mended.
        """
        known = papers_again.certain(outputs, outputs.snapshot(topic, name))
        if known:
            self._put(name, "", known.instant, known.papers)
        return known is not None

    def _put(self, name: str, stamp: str, instant: datetime, papers: Iterable[Paper]) -> None:
        made = utc_text(instant)
        rows = [
            (
                paper.id,
                name,
                made,
                paper.version,
                content_of(paper),
                utc_text(paper.latest) if paper.status == "withdrawn" else None,
                paper.comments or "" if paper.status == "withdrawn" else None,
            )
            for paper in papers
        ]
        self._forget(name)
        self._connection.execute("INSERT INTO snapshots VALUES (?, ?, ?)", (name, stamp, made))
        self._connection.executemany("INSERT INTO shown VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


@contextlib.contextmanager
def opened(
    cache: Path,
    outputs: Outputs,
    topic: str,
    *,
    despite_damage: bool = False,
    known: bool = False,
) -> Iterator[Ledger]:
    """The topic's ledger, up to date, until the block ends.

    A damaged index is made anew with a warning. Raises `DamagedFile` where a snapshot is
    damaged of which the papers are not certain by other files: `despite_damage` warns instead,
    and keeps what was known of it; `known` does so only where something was, so that no paper
    is shown again that it hides. Raises `OutputError` where the index cannot be written or is
    held too long.
    """
    path = _index(cache, outputs, topic)
    current = functools.partial(
        _current, path, outputs, topic, despite_damage=despite_damage, known=known
    )
    try:
        connection, index = current()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise unusable(error, path) from error
        log.info("%s: the index is damaged (%s) and is made anew", path, error)
        _remove(path)
        connection, index = current()
    with contextlib.closing(connection):
        try:
            yield index
        except sqlite3.Error as error:
            raise _failed(error, path) from error


def _index(cache: Path, outputs: Outputs, topic: str) -> Path:
    """Where the index is: one cache may serve several outputs, each with a topic of that name."""
    place = hashlib.sha256(str(outputs.root.resolve()).encode("utf-8")).hexdigest()[:12]
    return cache / "ledger" / f"{topic}-{place}.sqlite"


@functools.lru_cache(maxsize=1_000)
def warn_once(text: str) -> None:
    """Log a warning that this process has not logged yet."""
    log.warning("%s", text)


def _current(
    path: Path, outputs: Outputs, topic: str, *, despite_damage: bool, known: bool
) -> tuple[sqlite3.Connection, Ledger]:
    files.ensure_folder(path.parent)
    with contextlib.ExitStack() as stack:
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        stack.callback(connection.close)
        if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            _lay_out(connection)
        index = Ledger(connection)
        index.bring_up_to_date(outputs, topic, despite_damage=despite_damage, known=known)
        stack.pop_all()  # all is well: the caller closes it
    return connection, index


def _lay_out(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for table in ("listing", "snapshots", "shown"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _failed(error: sqlite3.Error, path: Path) -> OutputError:
    """What to do about an index that fails while it is read."""
    if not is_damage(error):
        return unusable(error, path)
    _remove(path)
    return OutputError(
        f"was damaged and has been removed: {error}",
        where=str(path),
        next_step="Run the same command again, which makes it anew",
    )


def _remove(path: Path) -> None:
    with files.translated(path):
        for name in (path.name, f"{path.name}-journal"):
            path.with_name(name).unlink(missing_ok=True)


def _end(before: datetime | None) -> str:
    """A text that sorts behind the instants that count."""
    return "9999" if before is None else utc_text(utc(before))
