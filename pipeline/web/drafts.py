"""Digests that are not published, each as it would look on the site."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.decisions import waited_for
from pipeline.errors import PaperlineError
from pipeline.outputs import Outputs
from pipeline.settings import Settings
from pipeline.site import catalogue
from pipeline.site.catalogue import Neighbours
from pipeline.site.page import digest_page
from pipeline.site.place import Place
from pipeline.site.words import Said
from pipeline.snapshot import Snapshot
from pipeline.status import SnapshotStatus, state_of
from pipeline.text import amount
from pipeline.web.desks import Desks
from pipeline.web.listing import Row
from pipeline.web.statuses import Statuses


@dataclass(frozen=True)
class Drafts:
    """The drafts of one server. `desks` and `statuses` remember what has not changed."""

    settings: Settings
    outputs: Outputs
    desks: Desks
    statuses: Statuses

    def rows(self) -> list[Row]:
        """What is not published, or is and has changed since; the newest first.

        Raises `OutputError`.
        """
        found = [row for row in self._rows() if not row.status or row.status.state != "published"]
        return sorted(found, key=lambda row: (row.snapshot.name, row.snapshot.topic), reverse=True)

    def page(self, topic: str, name: str) -> str | None:
        """A digest's page from the files as they are now; None where it is no draft.

        Also where there is no such snapshot. Raises `DamagedFile`.
        """
        if topic not in self.outputs.topics() or name not in self.outputs.names(topic):
            return None
        desk = self.desks.of(topic, name)
        if not desk.snapshot.digest_json.exists():
            return None
        digest = desk.view().digest
        if digest.status == "published":
            return None
        place = Place(
            self.settings.site,
            f"{topic}/{name}.html",
            catalogue.topic(self.settings, digest.topic, digest.title),
            self._beside(desk.snapshot),
        )
        releases = desk.snapshot.publications()
        return digest_page(digest.but(earlier=()), releases=releases, place=place)

    def _rows(self) -> Iterator[Row]:
        for topic in self.outputs.topics():
            for snapshot in self.outputs.that_may_wait(topic, self.outputs.times(topic)):
                try:
                    next(snapshot.each_paper(), None)  # which looks at the whole file
                    yield Row(snapshot, self._status(snapshot))
                except PaperlineError as error:
                    yield Row(snapshot, None, error)

    def _status(self, snapshot: Snapshot) -> SnapshotStatus:
        """Where it stands, also where its digest was not assembled since the last decision."""
        status = self.statuses.of(snapshot)
        if not snapshot.lags():
            return status
        digest = self.desks.of(snapshot.topic, snapshot.name).view().digest
        return status.but(
            state=state_of(digest, snapshot.publications()),
            waiting_for=len(waited_for(digest, digest.policy)),
        )

    def _beside(self, snapshot: Snapshot) -> Neighbours:
        """The nearest snapshots that the site has: between these it would stand."""
        folder = self.outputs.site / snapshot.topic

        def is_there(one: Snapshot) -> bool:
            return (folder / f"{one.name}.html").is_file()

        before = next(filter(is_there, self.outputs.before(snapshot)), None)
        after = self.outputs.after(snapshot)
        while after and not is_there(after):
            after = self.outputs.after(after)
        return Neighbours(before.name if before else None, after.name if after else None)


def drafts(settings: Settings) -> Drafts:
    """The drafts of these settings' outputs."""
    return Drafts(settings, Outputs(settings.outputs), Desks(settings), Statuses())


def waits_for(status: SnapshotStatus) -> Said:
    """What has to happen before readers see it."""
    if status.state == "withdrawn":
        return Said("Withdrawn, and changed since", "已撤回，之后有改动")
    first, first_zh = "", ""
    if status.state == "correcting":
        first, first_zh = "Published, with a correction under way: ", "已发布，正在更正："
    if status.waiting_for:
        papers = amount(status.waiting_for, "paper")
        return Said(
            f"{first}waits for an editor on {papers}",
            f"{first_zh}等待编辑审阅 {status.waiting_for} 篇",
        )
    return Said(f"{first}can be published", f"{first_zh}可以发布")
