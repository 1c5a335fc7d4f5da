"""A night that is killed at any of its system calls: the next run ends as if nothing had been.

In the night are all stages: new papers and a revised one, a gap of the night before that is
healed, a digest that is published, the site with the digests of both nights, and its search
index. What is left is read here as by a stranger to the program.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from pipeline.books import Waiting
from pipeline.outputs import Outputs
from pipeline.stages.fetch import settle_waiting
from tests.feeds import NOW, SmallArxiv, entry
from tests.model_server import ModelServer, completion, good_lines
from tests.nights import DAY, Nights
from tests.terminal import ROOT
from tests.traced import Kind, Traced, traced

KILLS = 200
"""Of a whole proof."""

BLOCK = 20
"""Kills in one test, so that several processors share the work."""

CONCURRENCY = 2

UNKEPT = 3
"""Requests on the wire and answers on their way to the disk, at most: see `asking.READY`."""

KILLED, NEXT = "killed", "next"
"""The keys by which the model's server tells runs apart."""

REFUSED = "Lantern 2"
"""The title of the paper about which the model says nothing on the first night."""

FIRST, SECOND = "20260312_0405", "20260313_0405"

BY_NATURE = {"created", "started", "seconds", "counts", "passes"}
"""Fields of records that are others in each run: times, and what one pass of a stage did."""

OTHERWISE = re.compile(
    r"outputs/(\.site\.json|(spend|runs)\.jsonl|lamps/fetches\.jsonl)|cache/.*|\.local/.*"
)
"""Files whose text is another in each run; that they are there is compared."""

LEDGER = re.compile(r"(?<=lamps-)[0-9a-f]+(?=\.sqlite$)")
"""What the ledger's name has of the folder's."""

SETTINGS = f"""
prompts = "{ROOT / "prompts"}"
[arxiv]
url = "{{arxiv}}"
delay = 0.0
[model]
name = "test-model"
base_url = "{{model}}"
concurrency = {CONCURRENCY}
requests_per_minute = 1000000
tokens_per_minute = 1000000000
price = {{{{ input = 1.0, output = 1.0 }}}}
[review]
policy = "none"
[[topic]]
name = "lamps"
query = "all:lantern"
"""


@dataclass(frozen=True)
class Place:
    """A folder in which the command runs."""

    folder: Path

    def copy(self, name: str) -> "Place":
        """The same beside it."""
        return Place(Path(shutil.copytree(self.folder, self.folder.with_name(name))))

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code of the command, and what it says on standard error."""
        done = subprocess.run(
            self._command(*words),
            check=False,
            timeout=120,
            capture_output=True,
            text=True,
            **self._own(NEXT),
        )
        return done.returncode, done.stderr

    def night(self, day: int) -> tuple[int, str]:
        """The same of the nightly run, so many days after the first."""
        return self.run("run", "--at", (NOW + day * DAY).isoformat())

    def traced_night(self, day: int, kind: Kind = "all", number: int | None = None) -> Traced:
        """The nightly run, killed at the call of this kind and number if it comes to it."""
        command = self._command("run", "--at", (NOW + day * DAY).isoformat())
        return traced(command, kind, number, timeout=120, **self._own(KILLED))

    def left(self) -> dict[str, Any]:
        """All files and folders by their paths, without what is another in each run."""
        found = sorted(self.folder.rglob("*"))
        return {self._name(path): _text(path, self._name(path)) for path in found}

    def paid(self) -> Counter[tuple[str, str]]:
        """How often each paper of each snapshot was paid for."""
        path = self.folder / "outputs" / "spend.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        answers = {each["id"]: each for each in map(json.loads, lines)}.values()
        return Counter((each["snapshot"], each["paper"]) for each in answers)

    def records(self, snapshot: str, file: str) -> list[dict[str, Any]]:
        """The records in a file of a snapshot."""
        path = self.folder / "outputs" / "lamps" / snapshot / file
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def _name(self, path: Path) -> str:
        return LEDGER.sub("", path.relative_to(self.folder).as_posix())

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "pipeline", "--quiet", *words]

    def _own(self, key: str) -> dict[str, Any]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": key,
        }
        return {"cwd": self.folder, "env": env}


def _text(path: Path, name: str) -> Any:
    """What a file says, its records without what is another in each run."""
    if path.is_dir() or OTHERWISE.fullmatch(name):
        return None
    if not name.endswith(("run.json", ".jsonl")):
        return path.read_bytes()
    records = [_lasting(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    in_turn = not name.endswith("2-summaries.jsonl")  # they are in the order of the answers
    return records if in_turn else sorted(records, key=lambda each: each["id"])


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in BY_NATURE}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


@dataclass
class Proof:
    """What a night begins with, and what it leaves undisturbed after how many calls."""

    day: int
    before: Place
    model: ModelServer

    def __post_init__(self) -> None:
        self.whole = self.before.copy("whole")  # after which all modules are compiled
        code, self.said = self.whole.night(self.day)
        assert code == 0, self.said
        self.counted = self.before.copy("counted").traced_night(self.day)
        assert self.counted.code == 0, self.counted.said

    def kill(self, kind: Kind, kill: int, of: int) -> bool:
        """Kill the night at one of so many evenly spaced calls, and run once more; whether it died.

        What the two leave is what the one leaves that was not disturbed, and nobody is warned.
        """
        number = getattr(self.counted, kind) * kill // (of + 1)
        place = self.before.copy(f"{kind}-{kill}")
        self.model.keys.clear()
        ended = place.traced_night(self.day, kind, number)
        told = f"killed at {kind} {number}, {ended}"
        booked = (place.paid() - self.before.paid()).total()
        code, said = place.night(self.day)
        assert code == 0, f"{told}, then {said}"
        assert set(said.splitlines()) <= set(self.said.splitlines()), told
        left, whole = place.left(), self.whole.left()
        assert left.keys() == whole.keys(), told
        assert {name for name in left if left[name] != whole[name]} == set(), told
        assert place.paid() == self.whole.paid(), told
        needed = (self.whole.paid() - self.before.paid()).total()
        assert self.model.keys.count(f"Bearer {NEXT}") <= needed - booked, told
        assert needed <= len(self.model.keys) <= needed + UNKEPT, told
        shutil.rmtree(place.folder)
        return ended.killed

    def kills(self, kind: Kind, kills: range, of: int) -> None:
        """Some of so many; a call that threads make may be missing once, late in the night."""
        died = [self.kill(kind, kill, of) for kill in kills]
        assert sum(died) >= len(kills) - 1


@pytest.fixture(scope="module")
def proof(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proof]:
    """Of the topic's second night, or of the one asked for."""
    folder, day = tmp_path_factory.mktemp("nights"), getattr(request, "param", 1)
    with HTTPServer() as server:
        arxiv, model = SmallArxiv(server), ModelServer(server)
        before = Place(folder / "before")
        before.folder.mkdir()
        settings = SETTINGS.format(arxiv=arxiv.url, model=model.base_url)
        (before.folder / "paperline.toml").write_text(settings)
        arxiv.entries = [entry(number) for number in (1, 2, 3)]
        if day == 1:
            _first_night(before, model)
            again = entry(3, version=2, abstract="Twice.", updated="2026-03-12T12:00:00Z")
            arxiv.entries[2:] = [again, *(entry(number, hours=-number) for number in (4, 5, 6))]
        yield Proof(day, before, model)


def _first_night(place: Place, model: ModelServer) -> None:
    """One line is refused, and another one corrected by an editor."""
    model.always = _but_for_one
    assert place.night(0)[0] == 3
    model.always = good_lines
    lines = ["--en", "Dims lanterns.", "--zh", "让灯笼变暗。", "--editor", "Mei Lan"]
    assert place.run("decide", "lamps/latest", entry(1).id, "edit", *lines)[0] == 0


def _but_for_one(body: dict[str, Any]) -> Any:
    refused = REFUSED in body["messages"][1]["content"]
    return completion(None, refusal="No.") if refused else good_lines(body)


def test_the_night_that_is_to_be_killed_has_every_stage_in_it(proof: Proof) -> None:
    place, site = proof.whole, proof.whole.folder / "outputs" / "site"
    shown = [(each["id"], each["version"]) for each in place.records(SECOND, "1-papers.jsonl")]
    assert sorted(shown) == [("2603.90003", 2), *((f"2603.9000{n}", 1) for n in (4, 5, 6))]
    assert [each["reason"] for each in place.records(FIRST, "6-published.jsonl")] == [
        *("first", "correction", "heal")
    ]
    assert [each["reason"] for each in place.records(SECOND, "6-published.jsonl")] == ["first"]
    origins = {
        line["origin"]
        for snapshot in (FIRST, SECOND)
        for paper in place.records(snapshot, "6-published.jsonl")[-1]["digest"]["papers"]
        for line in paper["lines"].values()
    }
    assert origins == {"model", "editor"}
    assert (site / "lamps" / f"{SECOND}.html").is_file()
    assert (site / "search" / "2026" / "pagefind-entry.json").is_file()


def test_a_night_that_is_killed_where_it_changes_files_is_made_up_by_the_next_run(
    proof: Proof,
) -> None:
    proof.kills("changes", range(1, 5), of=4)


def test_papers_that_a_killed_fetch_left_waiting_though_they_are_shown_wait_no_more(
    night: Nights, arxiv: SmallArxiv, outputs: Outputs
) -> None:
    arxiv.entries = [entry(1), entry(2), entry(3, hours=9)]
    snapshot = night(limit=2).snapshot
    assert snapshot is not None
    rest = outputs.waiting("lamps")
    shown = [Waiting(paper=paper, reason="unfinished", since=NOW) for paper in snapshot.papers()]
    outputs.write_waiting("lamps", [*shown, *rest])
    settle_waiting(outputs, snapshot)
    assert outputs.waiting("lamps") == rest != []


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("begin", range(1, KILLS, BLOCK))
@pytest.mark.parametrize("kind", ["all", "changes"])
def test_two_hundred_kills_evenly_spaced_over_the_calls_of_a_night(
    proof: Proof, kind: Kind, begin: int
) -> None:
    """Over all of its system calls; and as many over those that change files."""
    proof.kills(kind, range(begin, begin + BLOCK), of=KILLS)


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("begin", [1, 1 + BLOCK])
@pytest.mark.parametrize("proof", [0], indirect=True)
def test_forty_kills_of_the_first_night_of_a_topic_where_it_changes_files(
    proof: Proof, begin: int
) -> None:
    proof.kills("changes", range(begin, begin + BLOCK), of=2 * BLOCK)
