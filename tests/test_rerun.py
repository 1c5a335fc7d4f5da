"""Another prompt on a snapshot that is there: what is asked for, what stays, what is stale."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline import configuration
from pipeline.desk import Desk
from pipeline.outputs import Outputs
from pipeline.records import Usage
from pipeline.releasing import assembled
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.review import Wish
from pipeline.staleness import Stale, stale
from tests.feeds import atom, entry
from tests.model_server import ModelServer, error, good_lines
from tests.terminal import ROOT, Terminal
from tests.testbed_servers import serving, statistics

NIGHT = "2026-01-15T04:05+08:00"
FEED = (ROOT / "pipeline" / "demo" / "night1.atom").as_uri()
FAMILY = ("one_line", "plain_language", "results_first", "three_sentences")


class Author(Terminal):
    """A prompt author with a folder of prompts of their own, and the commands."""

    def __init__(
        self, folder: Path, *, arxiv: str, model: str, query: str, limit: int = 100
    ) -> None:
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        settings = (
            f'[arxiv]\nurl = "{arxiv}"\ndelay = 0.0\npatience = 0.0\n'
            f'[model]\nbase_url = "{model}"\nrequests_per_minute = 1000000\n'
            "tokens_per_minute = 1000000000\n"
            f"[[topic]]\nname = \"t\"\nquery = '{query}'\nlimit = {limit}\n"
        )
        super().__init__(folder, settings, folder / "prompts")

    def paperline(self, *arguments: str) -> str:
        """What a command says that does its work."""
        assert self(*arguments) == 0, self.said + self.errors
        return self.said

    @property
    def snapshot(self) -> Snapshot:
        return Outputs(self.folder / "outputs").find("t/latest")

    @property
    def settings(self) -> Settings:
        return configuration.load(self.folder / "paperline.toml")

    def digest(self) -> dict[str, Any]:
        """As the command assemble writes it now, its entries by paper."""
        with self.snapshot.releasing():
            assembled(self.settings, self.snapshot)
        written = json.loads(self.snapshot.digest_json.read_text("utf-8"))
        return {entry["paper"]["id"]: entry for entry in written["papers"]}

    def decide(self, papers: list[str]) -> None:
        """Approve every other one of these papers, and rewrite the lines of the rest."""
        wishes = [
            Wish("edit", paper, text={"en": f"Ada's words on {paper}.", "zh": f"{paper} 的改写。"})
            if number % 2
            else Wish("approve", paper)
            for number, paper in enumerate(papers)
        ]
        Desk(self.settings, self.snapshot).decide(wishes, editor="Ada", at=datetime.now(UTC))

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a word of a file in `prompts/`."""
        path = self.folder / "prompts" / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def stale(self) -> tuple[Stale, ...]:
        return stale(self.settings, self.snapshot)

    def renewing(self) -> dict[str | None, str]:
        """By prompt, the command that renews its lines."""
        return {one.prompt: one.command for one in self.stale() if one.stage == "summarize"}


def line_of(entries: dict[str, Any], paper: str) -> bytes:
    """What a reader is shown of a paper, to the byte."""
    return json.dumps(entries[paper]["lines"], ensure_ascii=False).encode()


def walk(author: Author, requests: Any, *, night: str, papers: int, decided: int) -> list[int]:
    """Prompt A, then B, then A again; then one word of the parent is changed.

    How many `requests` there were after each of the three. What is decided must stay.
    """
    author.paperline("run", "--at", night)
    asked = [requests()]
    before = author.digest()
    assert len(before) == papers
    chosen = list(before)[:decided]
    author.decide(chosen)
    kept = author.digest()
    for name in ("results_first", "one_line"):
        author.paperline("summarize", "t/latest", "--prompt", name, "--activate")
        asked.append(requests())
        now = author.digest()
        assert {id_: line_of(now, id_) for id_ in chosen} == {
            id_: line_of(kept, id_) for id_ in chosen
        }
        others = [entry for id_, entry in now.items() if id_ not in chosen]
        assert {line["prompt"] for e in others for line in e["lines"].values()} == {name}
    for name in FAMILY[1:]:
        author.paperline("summarize", "t/latest", "--prompt", name, "--paper", chosen[0])
    author.paperline("check", "t/latest")
    author.paperline("assemble", "t/latest")
    assert author.stale() == ()
    author.change("one_line.md.j2", "concrete", "precise")
    assert author.renewing() == {
        name: f"paperline summarize t/{author.snapshot.name} --prompt {name}"
        + (" --activate" if name == "one_line" else "")
        for name in FAMILY
    }
    now = author.digest()
    assert {id_: line_of(now, id_) for id_ in chosen} == {id_: line_of(kept, id_) for id_ in chosen}
    return asked


@pytest.fixture
def model(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the first night has been; each test gets a copy."""
    folder = tmp_path_factory.mktemp("night")
    with HTTPServer() as server:
        made = Author(folder, arxiv=FEED, model=ModelServer(server).base_url, query="all:fine")
        made.paperline("run", "--at", NIGHT)
    return folder


@pytest.fixture
def author(first_night: Path, tmp_path: Path, model: ModelServer) -> Author:
    """After the first night, for whose nine papers `model` was not asked yet."""
    made = Author(tmp_path, arxiv=FEED, model=model.base_url, query="all:fine")
    for name in ("outputs", "cache"):
        shutil.copytree(first_night / name, tmp_path / name)
    return made


def passes(author: Author) -> Iterator[dict[str, Any]]:
    run = json.loads((author.snapshot.folder / "run.json").read_text("utf-8"))
    yield from run["passes"]


def test_a_prompt_and_back_is_paid_once_each_and_what_was_decided_stays(
    tmp_path: Path, model: ModelServer
) -> None:
    author = Author(tmp_path, arxiv=FEED, model=model.base_url, query="all:fine")
    asked = walk(author, lambda: len(model.bodies), night=NIGHT, papers=9, decided=4)
    assert asked == [9, 18, 18]


@pytest.mark.prove
def test_the_same_with_300_recorded_papers_of_which_ten_are_decided(
    testbed: Path, tmp_path: Path
) -> None:
    arxiv = serving(testbed / "arxiv_server.py", "--now", "2026-05-01T00:00:00Z")
    with arxiv as arxiv_url, serving(testbed / "llm_server.py") as model_url:
        author = Author(
            tmp_path,
            arxiv=f"{arxiv_url}/api/query",
            model=model_url,
            query="all:learning",
            limit=300,
        )
        with (author.folder / "paperline.toml").open("a", encoding="utf-8") as file:
            file.write('select = "latest"\n')
        asked = walk(
            author,
            lambda: statistics(model_url)["requests"],
            night="2026-05-01T08:05+08:00",
            papers=300,
            decided=10,
        )
        assert asked == [300, 600, 600]
        assert statistics(model_url)["duplicates"] == 0


def test_every_pass_stands_in_run_json_and_in_the_status_with_hits_cost_and_time(
    author: Author, model: ModelServer
) -> None:
    shutil.copytree(author.folder / "outputs", author.folder / "before")
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    shutil.rmtree(author.folder / "outputs")
    (author.folder / "before").rename(author.folder / "outputs")
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    first, cached, kept = passes(author)
    assert len(model.bodies) == 9
    assert [p["prompt"] for p in (first, cached, kept)] == [
        "one_line",
        "plain_language",
        "plain_language",
    ]
    assert (first["requests"], first["from_cache"], first["hit_rate"]) == (9, 0, 0.0)
    assert (cached["requests"], cached["from_cache"], cached["hit_rate"]) == (0, 9, 1.0)
    assert (kept["requests"], kept["kept"], kept["hit_rate"]) == (0, 9, 1.0)
    assert first["usage"]["prompt_tokens"] == 900
    assert cached["usage"]["prompt_tokens"] == 0
    assert first["term_tokens"] > 0
    assert len(first["lines"]["gpt-5-mini"]) == 9
    (status,) = json.loads(author.paperline("status", "t/latest", "--json"))
    assert status["passes"] == [first, cached, kept]
    said = author.paperline("status", "t/latest")
    assert "lines by plain_language and gpt-5-mini: 9 of 9 papers written" in said
    assert "9 from the cache, 100% without paying, 0 requests, 0 tokens, $0.0000" in said


def test_an_answer_in_the_cache_saves_every_request_of_a_prompt_that_was_changed_back(
    author: Author, model: ModelServer
) -> None:
    author.change("one_line.md.j2", "concrete", "precise")
    author.paperline("summarize", "t/latest")
    assert len(model.bodies) == 9
    author.change("one_line.md.j2", "precise", "concrete")
    author.paperline("summarize", "t/latest")
    assert len(model.bodies) == 9


def test_lines_by_another_text_of_the_active_prompt_are_shown_only_when_it_is_activated(
    author: Author,
) -> None:
    before = author.digest()
    author.change("one_line.md.j2", "concrete", "precise")
    said = author.paperline("summarize", "t/latest")
    assert "active: one_line and gpt-5-mini as the prompt and its terms were before" in said
    assert {p: e["summary"] for p, e in author.digest().items()} == {
        p: e["summary"] for p, e in before.items()
    }
    # The lines by the present text are there; those that the digest shows are stale all the same.
    command = f"paperline summarize t/{author.snapshot.name} --prompt one_line --activate"
    assert author.renewing() == {"one_line": command}
    author.paperline("summarize", "t/latest", "--activate")
    after = author.digest()
    assert all(after[paper]["summary"] != before[paper]["summary"] for paper in before)
    assert author.stale() == ()


def test_a_new_term_of_the_glossary_makes_only_the_papers_stale_that_have_it(
    author: Author, model: ModelServer
) -> None:
    before = author.digest()
    titles = {paper: entry["paper"]["title"] for paper, entry in before.items()}
    (chosen, *_) = titles
    word = max(titles[chosen].split(), key=len).strip(":,.").lower()
    having = {
        paper
        for paper, entry in before.items()
        if word in f"{entry['paper']['title']} {entry['paper']['abstract']}".lower()
    }
    with (author.folder / "prompts" / "glossary.tsv").open("a", encoding="utf-8") as file:
        file.write(f"{word}\t一个新词\n")
    (lines,) = [one for one in author.stale() if one.stage == "summarize"]
    assert 0 < lines.count <= len(having) < len(before)
    count = len(model.bodies)
    author.paperline("summarize", "t/latest")
    assert len(model.bodies) - count == lines.count
    assert f"{word} = 一个新词" in model.bodies[-1]["messages"][1]["content"]
    # Beside the others, until somebody says so: the digest's prompt had other terms.
    same = {paper: entry["summary"] for paper, entry in author.digest().items()}
    assert same == {paper: entry["summary"] for paper, entry in before.items()}
    author.paperline("summarize", "t/latest", "--activate")
    after = author.digest()
    changed = {p for p, e in after.items() if e["summary"] != before[p]["summary"]}
    assert len(changed) == lines.count
    assert author.stale() == ()


def test_a_prompt_that_is_tried_on_one_paper_asks_for_no_other(
    author: Author, model: ModelServer
) -> None:
    paper = author.snapshot.papers()[3].id
    author.paperline("summarize", "t/latest", "--prompt", "plain_language", "--paper", paper)
    assert len(model.bodies) == 1
    made = [s for s in author.snapshot.summaries() if s.prompt == "plain_language"]
    assert [s.paper for s in made] == [paper]


def test_two_models_stand_side_by_side_and_only_the_active_one_is_shown(
    author: Author, model: ModelServer
) -> None:
    author.paperline("summarize", "t/latest", "--model", "other-model")
    assert len(model.bodies) == 9
    assert {s.model for s in author.snapshot.summaries()} == {"gpt-5-mini", "other-model"}
    shown = {line["model"] for e in author.digest().values() for line in e["lines"].values()}
    assert shown == {"gpt-5-mini"}


def test_only_candidates_that_are_new_are_checked_again(author: Author) -> None:
    def looked_at() -> int:
        run = author.snapshot.run()
        return run.stages["check"].counts["looked_at"]

    assert looked_at() == 9
    author.paperline("check", "t/latest")
    assert looked_at() == 0
    findings = author.snapshot.findings(author.snapshot.run())
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    (lines,) = author.stale()
    assert (lines.stage, lines.count) == ("check", 9)
    told = f"stale: 9 lines not checked yet; renew: paperline check t/{author.snapshot.name}"
    assert told in author.paperline("status")
    author.paperline("check", "t/latest")
    assert looked_at() == 9
    now = author.snapshot.findings(author.snapshot.run())
    assert findings is not None
    assert now is not None
    known = [finding for finding in now if finding in findings]
    assert known == findings


def test_lines_of_a_prompt_whose_form_is_another_are_checked_again_and_no_others(
    author: Author,
) -> None:
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    author.paperline("check", "t/latest")
    author.change("plain_language.md.j2", "\n+++\n", "\nwords = [30, 60]\n+++\n")
    author.paperline("check", "t/latest")
    assert author.snapshot.run().stages["check"].counts["looked_at"] == 9
    found = author.snapshot.findings(author.snapshot.run()) or []
    by_id = {summary.id: summary for summary in author.snapshot.summaries()}
    short = [f for f in found if f.code == "too-short" and f.language == "en" and f.summary]
    assert {by_id[f.summary or ""].prompt for f in short} == {"plain_language"}


def test_a_run_with_another_prompt_goes_on_with_the_one_that_was_begun(
    author: Author, model: ModelServer
) -> None:
    author.snapshot.digest_json.unlink()
    run = author.snapshot.run()
    begun = {name: stage for name, stage in run.stages.items() if name != "assemble"}
    author.snapshot.write_run(run.but(stages=begun))
    author.change("one_line.md.j2", "concrete", "precise")
    done = author.paperline("run", "--at", NIGHT, "--prompt", "plain_language")
    assert "9 lines by a model" in done
    assert model.bodies == []
    assert author.snapshot.run().prompt == "one_line"


def test_a_new_snapshot_is_by_the_prompt_that_the_run_names_else_by_the_topics(
    tmp_path: Path, model: ModelServer
) -> None:
    author = Author(tmp_path, arxiv=FEED, model=model.base_url, query="all:fine", limit=2)
    with (tmp_path / "paperline.toml").open("a") as file:
        file.write('prompt = "results_first"\n')
    author.paperline("run", "--at", NIGHT)
    assert author.snapshot.run().prompt == "results_first"
    author.paperline("run", "--at", "2026-01-16T04:05+08:00", "--prompt", "three_sentences")
    assert author.snapshot.run().prompt == "three_sentences"


def test_a_revised_paper_is_paid_for_again_only_where_its_abstract_changed(
    tmp_path: Path, model: ModelServer
) -> None:
    feed = tmp_path / "feed.atom"
    first = [entry(1), entry(2, abstract="Moths are late."), entry(3)]
    feed.write_text(atom(first), encoding="utf-8")
    author = Author(tmp_path, arxiv=feed.as_uri(), model=model.base_url, query="all:lan", limit=9)
    author.paperline("run", "--at", "2026-03-12T04:05+08:00")
    assert len(model.bodies) == 3
    later: dict[str, Any] = {
        "version": 2,
        "updated": "2026-03-12T12:00:00Z",
        "comment": "Accepted at LampConf.",
    }
    revised = [
        replace(first[0], **later),
        replace(first[1], **later, abstract="Moths are early."),
        first[2],
    ]
    feed.write_text(atom(revised), encoding="utf-8")
    author.paperline("run", "--at", "2026-03-13T04:05+08:00")
    assert [paper.status for paper in author.snapshot.papers()] == ["revised", "revised"]
    assert len(model.bodies) == 4
    assert "Moths are early." in model.bodies[-1]["messages"][1]["content"]
    assert [(s.version, s.origin) for s in author.snapshot.summaries()] == [(2, "model")] * 2
    (last,) = passes(author)
    assert (last["wanted"], last["requests"], last["from_cache"]) == (2, 1, 1)


def test_a_pass_that_was_killed_is_taken_up_with_what_it_paid_and_wrote(
    author: Author, model: ModelServer
) -> None:
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    # Killed right before run.json: the candidates are there, and the pass is as it began.
    run = author.snapshot.run()
    done = run.passes[-1]
    begun = done.but(
        complete=False, wanted=0, requests=0, hit_rate=None, term_tokens=0, lines={}, usage=Usage()
    )
    author.snapshot.write_run(run.but(passes=(*run.passes[:-1], begun)))
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    taken_up = author.snapshot.run().passes[-1]
    assert len(author.snapshot.run().passes) == 2
    assert taken_up.but(seconds=0.0) == done.but(seconds=0.0)
    assert len(model.bodies) == 9


def test_asking_anew_that_was_killed_goes_on_where_it_was(
    author: Author, model: ModelServer
) -> None:
    papers = author.snapshot.papers()
    for paper in papers[:4]:
        author.paperline("summarize", "t/latest", "--redo", "--paper", paper.id)
    run, summaries = author.snapshot.run(), author.snapshot.folder / "2-summaries.jsonl"
    first = run.passes[0]
    begun = run.passes[1].but(
        complete=False, wanted=0, requests=0, hit_rate=None, lines={}, usage=Usage()
    )
    author.snapshot.write_run(run.but(passes=(first, begun)))
    assert len(model.bodies) == 4
    author.paperline("summarize", "t/latest", "--redo")
    assert len(model.bodies) == 9
    (_, taken_up) = author.snapshot.run().passes
    assert (taken_up.requests, taken_up.wanted, taken_up.from_cache) == (9, 9, 0)
    assert len(summaries.read_text("utf-8").splitlines()) == 9
    author.paperline("summarize", "t/latest", "--redo")
    assert len(model.bodies) == 18


def test_a_prompt_is_not_made_that_of_papers_for_which_it_has_no_line(
    author: Author, model: ModelServer
) -> None:
    paper = author.snapshot.papers()[0].id
    trial = ("summarize", "t/latest", "--prompt", "plain_language", "--activate", "--paper", paper)
    assert author(*trial) == 2
    assert "8 papers of" in author.errors
    assert "would be left without a line" in author.errors
    assert model.bodies == []
    author.paperline("summarize", "t/latest", "--prompt", "plain_language")
    author.paperline(*trial)
    assert author.snapshot.run().prompt == "plain_language"


class TestFallbacks:
    """A model that is down, and one that stands in for it."""

    @pytest.fixture
    def author(self, tmp_path: Path, model: ModelServer) -> Author:
        made = Author(tmp_path, arxiv=FEED, model=model.base_url, query="all:fine", limit=3)
        file = tmp_path / "paperline.toml"
        fallback = f'[[model.fallback]]\nname = "spare"\nbase_url = "{model.base_url}"\n'
        text = file.read_text("utf-8").replace(
            "[[topic]]", f"retry_seconds = 0.1\n{fallback}[[topic]]"
        )
        file.write_text(text, encoding="utf-8")
        return made

    def down(self, model: ModelServer, *names: str) -> None:
        def answer(body: dict[str, Any]) -> Response:
            return error(503) if body["model"] in names else good_lines(body)

        model.always = answer

    def test_trying_the_fallback_itself_leaves_its_lines_in_the_digest(
        self, author: Author, model: ModelServer
    ) -> None:
        self.down(model, "gpt-5-mini")
        author.paperline("run", "--at", NIGHT)
        before = author.digest()
        paper = next(iter(before))
        author.paperline("summarize", "t/latest", "--model", "spare", "--prompt", "results_first")
        author.paperline("summarize", "t/latest", "--model", "spare", "--paper", paper)
        assert {id_: line_of(author.digest(), id_) for id_ in before} == {
            id_: line_of(before, id_) for id_ in before
        }
        assert author.snapshot.run().fallbacks == ("spare",)

    def test_lines_by_a_fallback_of_what_is_tried_out_enter_no_digest(
        self, author: Author, model: ModelServer
    ) -> None:
        author.paperline("run", "--at", NIGHT)
        self.down(model, "gpt-5-mini")
        said = author.paperline("summarize", "t/latest", "--prompt", "results_first")
        assert "3 of 3 papers written (3 by spare)" in said
        assert author.snapshot.run().fallbacks == ()
        author.paperline("summarize", "t/latest", "--prompt", "results_first", "--activate")
        assert author.snapshot.run().fallbacks == ("spare",)
        shown = {e["lines"]["en"]["model"] for e in author.digest().values()}
        assert shown == {"spare"}


def test_lines_that_stay_whatever_comes_are_never_called_stale(author: Author) -> None:
    author.decide([paper.id for paper in author.snapshot.papers()])
    author.digest()
    author.change("one_line.md.j2", "concrete", "precise")
    assert author.renewing() == {}


def test_another_prompt_in_the_folder_makes_no_findings_stale(author: Author) -> None:
    text = '+++\nname = "mine"\ndescription = "d"\n+++\n{% extends "one_line.md.j2" %}\n'
    (author.folder / "prompts" / "mine.md.j2").write_text(text, encoding="utf-8")
    assert author.stale() == ()


def test_check_lists_what_is_found_in_the_lines_that_the_digest_shows(author: Author) -> None:
    papers = [paper.id for paper in author.snapshot.papers()]
    author.decide(papers)
    author.digest()
    author.paperline("summarize", "t/latest", "--prompt", "plain_language", "--activate")
    author.paperline("check", "t/latest")
    author.digest()
    (status,) = json.loads(author.paperline("status", "t/latest", "--json"))
    errors, warnings = (sum(p[kind] for p in status["papers"]) for kind in ("errors", "warnings"))
    last = author.paperline("check", "t/latest").splitlines()[-1]
    assert f"{errors} error" in last
    assert f"{warnings} warning" in last


@pytest.mark.parametrize("name", ["", "evil\x1b[31m", "a\nb"])
def test_the_name_of_a_model_is_one_that_can_be_printed(author: Author, name: str) -> None:
    assert author("summarize", "t/latest", "--model", name) == 2
    assert "--model" in author.errors
    assert "\x1b" not in author.errors
