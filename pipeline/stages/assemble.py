"""1-papers to 4-decisions -> 5-digest: the digest as it stands.

`composition.py` says what it shows.
"""

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import get_args

from pipeline import candidates, composition, ledger, proofs
from pipeline.books import Run, Stage
from pipeline.composition import Material
from pipeline.decisions import State
from pipeline.errors import DamagedFile, OutputError, UsageError
from pipeline.ledger import Earlier
from pipeline.outputs import Outputs
from pipeline.records import Digest, Paper, Policy, Publication, Revision, utc
from pipeline.settings import Settings
from pipeline.site.markdown import digest_markdown
from pipeline.site.page import digest_page
from pipeline.snapshot import Snapshot
from pipeline.version import VERSION

MOST_EARLIER = 30
"""Earlier snapshots a page names; each of those names its own, so all can be reached."""


def assemble(
    settings: Settings,
    snapshot: Snapshot,
    released: Callable[[Digest], Digest] = lambda digest: digest,
) -> Digest:
    """Choose the lines and write the digest's three files. Hold `snapshot.releasing()`.

    The policy of the first assembly stays with the digest, so changing the setting
    later releases nothing by itself. `released` is called with the digest before it is
    written, and gives the one to write: the place to publish it. Raises `UsageError` where
    nothing was checked yet, `DamagedFile`, `OutputError`.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic()
    run = snapshot.run()
    if "summarize" in run.stages and not snapshot.has_findings(run):
        raise UsageError(
            "the lines were not checked yet, or what was found is lost",
            where=str(snapshot),
            next_step=f"Run paperline check {snapshot}",
        )
    material = gathered(settings, snapshot)
    digest = released(composition.digest(material))
    _write(snapshot, digest)
    stage = Stage(
        complete=True,
        inputs=composition.inputs(material),
        outputs=proofs.of(snapshot),
        settings=digest.policy,
        counts={
            "papers": len(digest.papers),
            "excluded": len(digest.excluded),
            "gaps": len(digest.gaps),
            "undecided": len(digest.undecided),
        },
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        versions={"paperline": VERSION},
    )
    snapshot.write_run(run.but(stages={**run.stages, "assemble": stage}))
    return digest


def _write(snapshot: Snapshot, digest: Digest) -> None:
    """Write a digest's three forms."""
    snapshot.write_digest(
        digest,
        markdown=digest_markdown(digest),
        html=digest_page(digest, releases=snapshot.publications()),
    )


def is_stale(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether the digest is not there, or not what it would be if it were assembled now."""
    run = snapshot.run()
    if "assemble" not in run.stages or not proofs.has_forms(snapshot, run):
        return True
    if snapshot.digest() is None:
        return True
    if "summarize" in run.stages and not snapshot.has_findings(run):
        return True
    return run.stages["assemble"].inputs != composition.inputs(gathered(settings, snapshot))


def gathered(settings: Settings, snapshot: Snapshot) -> Material:
    """All that the digest is made of, as it is on disk. Raises `DamagedFile`."""
    run = snapshot.run()
    checked = candidates.checked(run, snapshot.summaries())
    earlier = [*itertools.islice(earlier_than(settings, snapshot), MOST_EARLIER)]
    releases = snapshot.publications()
    before = _before(earlier)
    shown = candidates.active(run, checked)
    title = next((t.title for t in settings.topic if t.name == run.topic), "")
    papers = {paper.id: paper for paper in snapshot.each_paper()}
    outputs = Outputs(settings.outputs)
    # Another snapshot's damage keeps no digest from its readers.
    with ledger.opened(settings.cache, outputs, run.topic, despite_damage=True) as index:
        withdrawn = index.withdrawals_after(run.instant)
        revised = index.revised_in(snapshot.name)
    return Material(
        run=run,
        papers=papers,
        checked=checked,
        findings=snapshot.findings(run) or (),
        state=State(snapshot.decisions()),
        carried=composition.carried_over(before, shown) if before else {},
        withdrawals={id_: withdrawn[id_] for id_ in papers if id_ in withdrawn},
        revisions=_revisions(outputs, run.topic, papers.values(), revised),
        released=releases[-1] if releases else None,
        title=title or settings.site.title,
        policy=_policy(settings, run, snapshot.digest(), releases),
        earlier=tuple(s.name for s in earlier),
    )


def earlier_than(settings: Settings, snapshot: Snapshot) -> Iterator[Snapshot]:
    """The topic's snapshots before this one, newest first, opened as asked for."""
    return Outputs(settings.outputs).before(snapshot)


def _before(earlier: Sequence[Snapshot]) -> Digest | None:
    """The digest from which decisions carry over; None where there is none that can be read."""
    try:
        return earlier[0].digest() if earlier else None
    except (DamagedFile, OutputError) as error:
        ledger.warn_once(f"{error}; until then no decision carries over from it")
        return None


def _policy(
    settings: Settings, run: Run, before: Digest | None, releases: list[Publication]
) -> Policy:
    """That of the first assembly, also where the digest's file was lost or damaged since."""
    told = run.stages["assemble"].settings if "assemble" in run.stages else ""
    noted: Policy | None = next((p for p in get_args(Policy) if p == told), None)
    known = before or (releases[-1].digest if releases else None)
    return noted or (known.policy if known else settings.review.policy)


def _revisions(
    outputs: Outputs,
    topic: str,
    papers: Iterable[Paper],
    shown: Mapping[str, Sequence[Earlier]],
) -> dict[str, Revision]:
    """By paper, the older version that readers saw last, and its text as it was published.

    What was fetched as new is none, though a backfill may have put an older version before it.
    Where what was published is damaged nothing is said: what readers saw cannot be told.
    """
    in_digest = functools.cache(lambda name: _standing(outputs.snapshot(topic, name)))
    found = {}
    for paper in papers:
        if paper.status == "new":
            continue
        for earlier in shown.get(paper.id, ()):
            seen = in_digest(earlier.snapshot)
            if seen is None:
                break
            if then := seen.get(paper.id):
                if then.version < paper.version:
                    found[paper.id] = composition.revision(then, paper, earlier.snapshot)
                break
    return found


def _standing(snapshot: Snapshot) -> dict[str, Paper] | None:
    """The papers that readers find in a snapshot's digest, by id; None where that is damaged.

    There are none in a draft, nor in a digest that was taken back.
    """
    try:
        releases = snapshot.publications()
    except (DamagedFile, OutputError) as error:
        ledger.warn_once(f"{error}; until then no digest says what changed since")
        return None
    if not releases or releases[-1].why is not None:
        return {}
    return {entry.paper.id: entry.paper for entry in releases[-1].digest.papers}
