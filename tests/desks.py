"""A snapshot with papers, candidates, findings and a digest; no model and no network."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipeline import configuration
from pipeline.books import Gap, Run, Stage
from pipeline.desk import Desk
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import (
    Action,
    Decision,
    Digest,
    Failure,
    Lines,
    Paper,
    Publication,
    Summary,
    utc,
)
from pipeline.releasing import release
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.assemble import assemble
from pipeline.stages.check import check
from pipeline.stages.review import Wish
from tests.digests import a_paper, a_summary
from tests.nights import PROMPTS

NAME = "20260501_0405"
ZONE = "Asia/Shanghai"
STAND_IN: dict[str, Any] = {"origin": "embedded", "model": "embedded", "prompt": None}
GAP = Failure(kind="content", reason="the model answered with nothing")


def lines_of(number: int, *, flaw: str = "") -> Lines:
    """Lines of `a_paper(number)` in which the checks find nothing, or the `flaw` alone.

    `flaw` is "error" (a traditional character), "warning" (a name that the paper has not) or
    "note" (no space between Chinese and Latin letters).
    """
    who = "HarborNet" if flaw == "warning" else "a coastal model"
    space = "" if flaw == "note" else " "
    first = "針" if flaw == "error" else "针"
    return {
        "en": f"Tidal Adapters {number} fits {who} to one harbour with an error of 4 cm.",
        "zh": f"Tidal Adapters {number} {first}对单个港口适配海岸模型，误差为{space}4 cm。",
    }


def wishes(papers: int, *others: Summary) -> st.SearchStrategy[Wish]:
    """Anything that editors may want done to that many invented papers.

    `others` are candidates beside those on show.
    """
    paper = st.sampled_from([a_paper(number).id for number in range(1, papers + 1)])
    texts: list[Lines] = [
        {"en": "By an editor."},
        {"zh": "编辑写的。"},
        {"en": "One.", "zh": "一。"},
    ]
    text = st.sampled_from(texts)
    chosen = [Wish("approve", other.paper, summary=other.id) for other in others]
    return st.one_of(
        *([st.sampled_from(chosen)] if chosen else []),
        st.builds(Wish, st.sampled_from(["approve", "exclude", "hold", "reopen"]), paper),
        st.builds(Wish, st.just("edit"), paper, text=text),
        st.builds(Wish, st.sampled_from(["pin", "unpin"]), paper),
        st.builds(Wish, st.just("move"), paper, before=st.none() | paper),
        st.builds(Wish, st.just("introduce"), text=text | st.just({})),
    )


@dataclass
class Room:
    """One snapshot, and what is done to it; papers are named by their place, from 1.

    `now` goes on by a minute with everything that is done here. `paperline.toml` with these
    `settings` is in `folder`, so that commands can run there.
    """

    folder: Path
    settings: Settings
    snapshot: Snapshot
    now: datetime
    _desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self._desk = self.desk()

    @property
    def papers(self) -> list[Paper]:
        """As they were fetched."""
        return self.snapshot.papers()

    @property
    def site(self) -> Path:
        return self.settings.outputs / "site"

    @property
    def page(self) -> str:
        """The digest's page on the site."""
        return (self.site / self.snapshot.topic / f"{self.snapshot.name}.html").read_text("utf-8")

    def desk(self) -> Desk:
        """A desk of its own, as another process has one."""
        return Desk(self.settings, self.snapshot)

    def id(self, number: int) -> str:
        """The id of the paper in that place."""
        return self.papers[number - 1].id

    def later(self) -> datetime:
        """The time a minute after what was done last."""
        self.now += timedelta(minutes=1)
        return self.now

    def candidate(self, number: int, lines: Lines | None = None, **changes: Any) -> Summary:
        """A candidate of a paper, by the active prompt and model unless `changes` say otherwise."""
        given = lines_of(number) if lines is None else lines
        return a_summary(self.papers[number - 1], given, **changes)

    def write(self, *made: Summary, checked: bool = True) -> None:
        """Add candidates as the summarize stage does, and check them."""
        with self.snapshot.adding_summaries() as add:
            for one in made:
                add(one)
        run = self.snapshot.run()
        done = Stage(complete=True, started=self.now, seconds=0.0)
        self.snapshot.write_run(
            run.but(
                prompt=run.prompt or "one_line",
                prompt_fingerprint=run.prompt_fingerprint or "f" * 64,
                model=run.model or "tide-1",
                stages={**run.stages, "summarize": done},
            )
        )
        if checked:
            check(self.settings, self.snapshot, executor=None, progress=Plain())

    def decide(
        self, action: Action, number: int | None = None, *, editor: str = "Mei Lan", **wish: Any
    ) -> Decision:
        """Decide on the paper in that place, or on the digest; nothing is released."""
        paper = None if number is None else self.id(number)
        made = Wish(action, paper, **wish)
        (taken,) = self._desk.decide([made], editor=editor, at=self.later())
        return taken

    def settle(self, *numbers: int, editor: str = "Mei Lan") -> None:
        """Approve the papers in these places, or all of them."""
        for number in numbers or range(1, len(self.papers) + 1):
            self.decide("approve", number, editor=editor)

    def release(self, **asked: Any) -> Digest:
        """Release as far as the gate allows; `asked` as for `releasing.release`."""
        return release(self.settings, self.snapshot, self.later(), **asked)

    def forget(self) -> None:
        """Have nothing decided and nothing released; the digest's files are made anew."""
        for name in ("4-decisions.jsonl", "5-digest.json", "6-published.jsonl"):
            (self.snapshot.folder / name).unlink(missing_ok=True)
        with self.snapshot.releasing():
            assemble(self.settings, self.snapshot)

    def digest(self) -> Digest:
        """As it is on disk."""
        found = self.snapshot.digest()
        assert found is not None
        return found

    def publications(self) -> list[Publication]:
        return self.snapshot.publications()

    def on_the_site(self, text: str) -> bool:
        """Whether any file of the site has these characters."""
        files = [path for path in self.site.rglob("*") if path.is_file()]
        return any(text.encode() in path.read_bytes() for path in files)


def a_desk(
    folder: Path,
    *,
    papers: int | Sequence[Paper] = 3,
    lines: Callable[[int], Lines] = lines_of,
    flaws: dict[int, str] | None = None,
    gaps: Collection[int] = (),
    bare: Collection[int] = (),
    policy: str = "all",
    publish: str = "settled",
    remind_after: float = 24.0,
    model: Sequence[str] = (),
    more: str = "",
    topic: str = "tides",
    name: str = NAME,
    released: bool = True,
) -> Room:
    """A snapshot in `folder`, summarized, checked and, unless told otherwise, released.

    `papers`: so many invented ones, or these. `lines` gives the candidate of each place, which
    `flaws` overrides (see `lines_of`). In the places `gaps` stands a line of the embedded model
    instead, in those of `bare` none at all. `model` are lines of the [model] table, `more` is
    further TOML. Called again for the same folder with another `name`
    or `topic` it adds a snapshot; the settings are those of the last call.
    """
    outputs = Outputs(folder / "outputs")
    topics = sorted({topic, *outputs.topics()})
    tables = [
        f'prompts = "{PROMPTS}"\ncache = "cache"',
        "" if "[site]" in more else "site.search = false",  # no test here searches
        "\n".join(["[model]", 'name = "tide-1"', *model]),
        f'[review]\npolicy = "{policy}"\npublish = "{publish}"\nremind_after = {remind_after}',
        more,
        *(f'[[topic]]\nname = "{each}"\nquery = "all:tide"\n' for each in topics),
    ]
    file = folder / "paperline.toml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(tables), encoding="utf-8")
    instant = utc(datetime.strptime(name, "%Y%m%d_%H%M").replace(tzinfo=ZoneInfo(ZONE)))
    run = Run(topic=topic, snapshot=name, instant=instant, time_zone=ZONE)
    fetched = Stage(complete=True, started=instant, seconds=0.0)
    listed = [a_paper(n + 1) for n in range(papers)] if isinstance(papers, int) else papers
    made = outputs.create_snapshot(run.but(stages={"fetch": fetched}), listed)
    room = Room(folder, configuration.load(file, {}), made, instant + timedelta(hours=4))
    failed = {room.id(number): Gap(failure=GAP) for number in (*gaps, *bare)}
    made.write_run(made.run().but(gaps=failed))
    flawed = {number: lines_of(number, flaw=flaw) for number, flaw in (flaws or {}).items()}
    room.write(
        *(
            room.candidate(place, flawed.get(place) or lines(place), **kind)
            for place in range(1, len(listed) + 1)
            if place not in bare
            for kind in [STAND_IN if place in gaps else {}]
        )
    )
    if released:
        room.release()
    return room
