"""`paperline compare` as a prompt author meets it: words, files, exit codes, what is paid for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer

from pipeline import prompts
from pipeline.cli.main import cli
from pipeline.comparison.answer import Comparison
from pipeline.comparison.rows import NEVER_ASKED
from pipeline.errors import Busy, DamagedFile, PaperlineError, PromptError, UsageError
from pipeline.outputs import Outputs
from pipeline.records import Finding, Lines
from tests.desks import Room, a_desk, lines_of
from tests.digests import a_paper
from tests.model_server import ModelServer, completion, error
from tests.nights import PROMPTS

NAME = "tides/20260501_0405"
PAGE = "compare-tides-20260501_0405-one_line@tide-1-results_first@tide-1.html"
OTHER: Lines = {
    "en": "An error of 4 cm is reached by Tidal Adapters, which fit a model to one harbour.",
    "zh": "Tidal Adapters 把海岸模型适配到单个港口，误差为 4 cm。",
}


class Author:
    """Somebody who changes prompts, which are in a folder of their own beside the outputs."""

    def __init__(self, folder: Path, **desk: Any) -> None:
        self.folder = folder / "prompts"
        shutil.copytree(PROMPTS, self.folder)
        self.room: Room = a_desk(folder, **{"released": False, **desk})
        file = folder / "paperline.toml"
        text = file.read_text("utf-8").replace(str(PROMPTS), str(self.folder))
        file.write_text(text, encoding="utf-8")

    def wrote(
        self,
        prompt: str,
        *numbers: int,
        lines: Lines | None = OTHER,
        checked: bool = True,
        **changes: Any,
    ) -> None:
        """Lines by the present text of a prompt, unless `changes` say otherwise.

        The usual ones of each paper where `lines` are None.
        """
        text = prompts.load(self.folder, prompt)
        papers = self.room.papers
        made = [
            self.room.candidate(
                number,
                lines,
                **{
                    "prompt": prompt,
                    "prompt_fingerprint": text.fingerprint_for(papers[number - 1]),
                    **changes,
                },
            )
            for number in numbers
        ]
        self.room.write(*made, checked=checked)

    def changes(self, prompt: str, old: str, new: str) -> None:
        file = self.folder / f"{prompt}.md.j2"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        done = CliRunner().invoke(cli, ["compare", NAME, *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def compares(self, *arguments: str) -> Comparison:
        """What the command answers in JSON."""
        text = self.run(*arguments, "--json").stdout
        return Comparison.from_json(text, where="the answer")

    def files(self) -> dict[str, bytes]:
        """The snapshot's files."""
        found = self.room.snapshot.folder.iterdir()
        return {path.name: path.read_bytes() for path in found if path.name[0] != "."}


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """Three papers with lines by both prompts."""
    made = Author(tmp_path)
    made.wrote("one_line", 1, 2, 3, lines=None)
    made.wrote("results_first", 1, 2, 3)
    return made


def error_of(author: Author, *arguments: str) -> PaperlineError:
    """The error that ends the command, which changes nothing."""
    before = author.files()
    with pytest.raises(PaperlineError) as caught:
        author.run(*arguments)
    assert author.files() == before
    assert not list(Path.cwd().glob("*.html"))
    assert caught.value.next_step
    return caught.value


class TestWhatIsCompared:
    def test_totals_are_printed_and_the_page_is_in_this_folder(self, author):
        before = author.files()
        done = author.run("one_line", "results_first")
        assert (done.exit_code, done.stderr) == (0, "")
        assert "one_line@tide-1  results_first@tide-1" in done.stdout
        assert f"All 3 papers: {PAGE}" in done.stdout
        assert Path(PAGE).read_text("utf-8").count("<article id=") == 3
        assert author.files() == before

    def test_the_page_goes_where_it_is_wanted(self, author, tmp_path):
        author.run("one_line", "results_first", "--output", "pages/mine.html")
        assert (tmp_path / "pages" / "mine.html").is_file()
        assert not Path(PAGE).exists()

    def test_the_page_goes_to_standard_output_without_a_table(self, author):
        done = author.run("one_line", "results_first", "--output", "-")
        assert done.stdout.startswith("<!doctype html>")
        assert done.stdout.endswith("</html>\n")
        assert not [*Path.cwd().glob("*.html"), *Path.cwd().glob("-")]

    def test_the_answer_in_json_has_everything(self, author):
        found = author.compares("one_line", "results_first")
        assert (found.topic, found.snapshot, found.page) == ("tides", "20260501_0405", PAGE)
        assert [total.name for total in found.contenders] == [
            "one_line@tide-1",
            "results_first@tide-1",
        ]
        assert [row.cells[1].lines for row in found.rows] == [OTHER] * 3

    def test_more_than_two_are_compared_and_models_too(self, author):
        author.wrote("results_first", 1, 2, model="tide-2", lines=lines_of(9))
        found = author.compares("one_line", "results_first", "results_first@tide-2")
        assert [total.lines for total in found.contenders] == [3, 3, 2]
        assert [row.complete for row in found.rows] == [True, True, False]

    def test_the_line_before_the_newest_one_is_a_contender(self, author):
        earlier = author.room.snapshot.summaries()[0]
        found = author.compares("one_line", "one_line~1")
        row = next(row for row in found.rows if row.paper == earlier.paper)
        assert row.cells[1].summary == earlier.id
        assert [total.name for total in found.contenders] == [
            "one_line@tide-1",
            "one_line~1@tide-1",
        ]

    def test_lines_by_an_earlier_text_of_a_prompt_are_told(self, author):
        author.changes("results_first", "Begin each", "Open each")
        done = author.run("one_line", "results_first")
        assert done.exit_code == 0
        assert "has 3 lines by an earlier text of the prompt" in done.stderr
        assert "results_first --run" in done.stderr
        totals = author.compares("one_line", "results_first").contenders
        assert [total.earlier_text for total in totals] == [0, 3]

    def test_a_line_by_the_present_text_stands_before_a_later_one(self, author):
        author.wrote("results_first", 1, lines=lines_of(9), prompt_fingerprint="0" * 64)
        found = author.compares("one_line", "results_first")
        assert {row.cells[1].lines["en"] for row in found.rows} == {OTHER["en"]}
        assert found.contenders[1].earlier_text == 0

    def test_missing_lines_are_told_with_the_command_that_asks_for_them(self, author):
        done = author.run("one_line", "plain_language")
        assert done.exit_code == 0
        assert f"{NAME}: plain_language@tide-1 lacks 3 lines" in done.stderr
        assert f"paperline compare {NAME} one_line plain_language --run" in done.stderr

    def test_a_prompt_whose_file_is_gone_is_shown_from_its_lines(self, author):
        (author.folder / "results_first.md.j2").unlink()
        done = author.run("one_line", "results_first")
        told = "results_first@tide-1 is shown from its lines alone: "
        assert done.exit_code == 0
        for place in (done.stderr, done.stdout, Path(PAGE).read_text("utf-8")):
            assert told in place
        assert "there is no prompt 'results_first'" in done.stderr

    def test_a_mistake_in_a_prompt_is_told_in_every_mode(self, author):
        author.changes("results_first", "+++", "---")
        for mode in ([], ["--json"], ["--output", "-"]):
            told = author.run("one_line", "results_first", *mode).stderr
            assert "results_first@tide-1 is shown from its lines alone" in told
            assert "does not begin with settings between two +++ lines" in told

    def test_a_contender_without_any_line_of_the_past_is_told(self, author):
        told = author.run("results_first", "results_first~1").stderr
        assert told.startswith(f"warning: {NAME}: results_first~1@tide-1 is empty: ")

    def test_a_language_that_is_missing_is_told(self, author):
        author.wrote("plain_language", 1, 2, 3, lines={"en": OTHER["en"]})
        told = author.run("one_line", "plain_language").stderr
        assert told == f"warning: {NAME}: plain_language@tide-1 has no Chinese line of 3 papers\n"

    def test_nobody_is_sent_to_ask_by_a_prompt_that_is_gone(self, author):
        author.wrote("three_sentences", 1)
        (author.folder / "three_sentences.md.j2").unlink()
        told = author.run("one_line", "three_sentences").stderr
        (_, lacks) = [line for line in told.splitlines() if "three_sentences@tide-1" in line]
        assert lacks == f"{NAME}: three_sentences@tide-1 lacks 2 lines"
        assert "To ask for them" not in told

    def test_blind_choices_are_shown(self, author):
        one, other = (
            next(s for s in author.room.snapshot.summaries()[3:] if s.prompt == prompt)
            for prompt in ("one_line", "results_first")
        )
        choice = {
            "paper": one.paper,
            "version": 1,
            "language": "zh",
            "summaries": [one.id, other.id],
            "preferred": other.id,
            "editor": "Mei Lan",
            "at": "2026-05-01T01:00:00Z",
        }
        file = author.room.snapshot.folder / "4-preferences.jsonl"
        file.write_text(json.dumps(choice) + "\n", encoding="utf-8")
        done = author.run("one_line", "results_first")
        (line,) = [text for text in done.stdout.splitlines() if text.startswith("Blind")]
        assert line.split("  ")[0] == "Blind choices, Chinese: won / lost / tied"
        assert line.endswith("0 / 1 / 0             1 / 0 / 0")


class TestFindings:
    def test_those_of_checked_lines_are_the_ones_that_were_written_down(self, author):
        snapshot = author.room.snapshot
        about = snapshot.summaries()[-1].id
        found = author.compares("one_line", "results_first")
        cell = next(c for row in found.rows for c in row.cells if c.summary == about)
        written = snapshot.findings(snapshot.run())
        assert written is not None
        assert cell.findings == tuple(one for one in written if one.summary == about)

    def test_lines_that_were_not_checked_yet_are_checked_and_nothing_is_written(self, author):
        broken: Lines = {"en": "As an AI, I cannot help with that.", "zh": "針對港口。"}
        author.wrote("plain_language", 1, lines=broken, checked=False)
        before = author.files()
        total = author.compares("one_line", "plain_language").contenders[1]
        assert total.findings["failure-text"] == 1
        assert total.findings["traditional"] == 1
        assert author.files() == before

    def test_all_are_found_by_the_same_rules_where_those_written_down_are_by_earlier_ones(
        self, author
    ):
        author.wrote("one_line", 1, 2, 3, lines=OTHER)
        settings = author.folder.parent / "paperline.toml"
        text = settings.read_text("utf-8") + "[check]\nwords = [1, 3]\n"
        settings.write_text(text, encoding="utf-8")
        author.wrote("results_first", 1, lines=lines_of(9), checked=False)
        found = author.compares("one_line", "results_first")
        assert [total.findings.get("too-long") for total in found.contenders] == [3, 3]

    def test_second_opinions_stay_beside_what_is_found_anew(self, author):
        snapshot = author.room.snapshot
        about = snapshot.summaries()[-1]
        opinion = Finding(
            summary=about.id,
            paper=about.paper,
            language="en",
            code="judge-unsupported",
            severity="warning",
            message="no support",
        )
        run = snapshot.run()
        gone = opinion.but(code="latex", severity="note", message="of an earlier version")
        written = snapshot.write_findings([*(snapshot.findings(run) or ()), gone, opinion])
        stage = run.stages["check"]
        for versions, kept in ((stage.versions, 1), ({"paperline": "0.0"}, None)):
            changed = stage.but(outputs={"findings": written}, versions=versions)
            snapshot.write_run(run.but(stages={**run.stages, "check": changed}))
            total = author.compares("one_line", "results_first").contenders[1]
            assert total.findings["judge-unsupported"] == 1
            assert total.findings.get("latex") == kept
            assert "warning" not in total.severities


class TestErrors:
    @pytest.mark.parametrize(
        ("contenders", "told"),
        [
            (["one_line"], "found one_line@tide-1, where two or more"),
            (["one_line", "one_line@tide-1"], "where two or more different ones are needed"),
            (["one_line", "plain", "one_line"], "where two or more different ones are needed"),
            (["one_line", "nope"], "there is no prompt 'nope'"),
            (["one_line", "../check"], "expected PROMPT, PROMPT@MODEL"),
            (["one_line", "results_first@embedded"], "the embedded model follows no prompt"),
        ],
    )
    def test_what_cannot_be_compared_is_an_error_of_usage(self, author, contenders, told):
        caught = error_of(author, *contenders)
        assert isinstance(caught, UsageError)
        assert caught.exit_code == 2
        assert told in str(caught)

    def test_an_unknown_prompt_is_told_with_what_there_is(self, author):
        told = str(error_of(author, "one_line", "nope"))
        assert "prompts: one_line, plain_language, results_first, three_sentences" in told
        assert "lines: one_line@tide-1, results_first@tide-1" in told

    def test_a_prompt_that_writes_no_lines_or_is_damaged_is_told(self, author):
        assert "is a judging prompt" in str(error_of(author, "one_line", "check"))
        author.changes("plain_language", "+++", "---")
        caught = error_of(author, "one_line", "plain_language")
        assert isinstance(caught, PromptError)

    @pytest.mark.parametrize("more", [[], ["--run"]])
    def test_the_page_is_not_written_among_paperlines_own_files(self, author, more, monkeypatch):
        for place in ("outputs/tides/page.html", "cache/page.html", "outputs/../cache/page.html"):
            caught = error_of(author, "one_line", "plain_language", "--output", place, *more)
            assert isinstance(caught, UsageError)
            assert "which is paperline's own" in str(caught)

    def test_the_page_and_the_json_do_not_share_standard_output(self, author):
        caught = error_of(author, "one_line", "results_first", "--output", "-", "--json")
        assert caught.exit_code == 2

    def test_a_line_of_no_paper_of_the_snapshot_is_damage(self, author):
        stray = author.room.candidate(1).to_json().replace("2604.90001", "2604.90009")
        with (author.room.snapshot.folder / "2-summaries.jsonl").open(
            "a", encoding="utf-8"
        ) as file:
            file.write(stray + "\n")
        assert isinstance(error_of(author, "one_line", "results_first"), DamagedFile)


class Paid(Author):
    """The same beside a model's server."""

    def __init__(self, folder: Path, server: ModelServer, *model: str, **desk: Any) -> None:
        self.server = server
        address = f'base_url = "{server.base_url}"'
        super().__init__(folder, model=[address, *model, PRICE], **desk)


PRICE = "price = { input = 1.0, output = 1.0 }"


@pytest.fixture
def server(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture
def paid(tmp_path: Path, server: ModelServer) -> Paid:
    """Three papers with lines by one_line."""
    made = Paid(tmp_path, server)
    made.wrote("one_line", 1, 2, 3, lines=None)
    return made


class TestRun:
    def test_what_is_missing_is_asked_for_checked_and_paid_for_once(self, paid):
        active = paid.room.snapshot.run()
        done = paid.run("one_line", "results_first", "--run")
        assert done.exit_code == 0
        assert len(paid.server.bodies) == 3
        assert f"All 3 papers: {PAGE}" in done.stdout
        snapshot = paid.room.snapshot
        run = snapshot.run()
        assert (run.prompt, run.model) == (active.prompt, active.model)
        assert run.prompt_fingerprint == active.prompt_fingerprint
        assert run.stages["check"].counts["candidates"] == len(snapshot.summaries()) == 9
        again = paid.run("one_line", "results_first", "--run")
        assert (again.exit_code, len(paid.server.bodies)) == (0, 3)
        assert "no line is missing that can be asked for" in again.stderr

    def test_the_cost_is_said_before_anything_is_asked(self, paid):
        paid.server.always = lambda _: error(401)
        told = paid.run("one_line", "results_first", "--run").stderr
        estimate = told.index(
            f"{NAME}: results_first@tide-1: 3 papers to summarize, 0 of them answered already; "
            "asking for 3 will take about "
        )
        assert estimate < told.index("something is missing")

    def test_answers_in_the_cache_are_told_and_not_paid_for(self, paid):
        paid.run("one_line", "results_first", "--run")
        file = paid.room.snapshot.folder / "2-summaries.jsonl"
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(lines[:-1]), encoding="utf-8")
        done = paid.run("one_line", "results_first", "--run")
        assert "1 paper to summarize, 1 of them answered already; asking for 0" in done.stderr
        assert len(paid.server.bodies) == 3

    def test_only_the_papers_that_lack_a_line_are_asked_about(self, paid):
        paid.wrote("results_first", 1, 3)
        paid.run("one_line", "results_first", "--run")
        (body,) = paid.server.bodies
        assert paid.room.papers[1].title in body["messages"][1]["content"]

    def test_lines_by_an_earlier_text_are_made_anew_beside_the_old_ones(self, paid):
        paid.wrote("results_first", 1, 2, 3, prompt_fingerprint="0" * 64)
        done = paid.run("results_first", "results_first~1", "--run", "--json")
        found = Comparison.from_json(done.stdout, where="the answer")
        assert "lines of the past" not in done.stderr
        assert len(paid.server.bodies) == 3
        assert [total.earlier_text for total in found.contenders] == [0, 3]
        assert {row.cells[1].lines["en"] for row in found.rows} == {OTHER["en"]}

    def test_each_contender_is_asked_by_its_own_model(self, paid):
        done = paid.run("one_line", "one_line@tide-2", "plain_language@tide-3", "--run")
        assert done.exit_code == 0
        models = [body["model"] for body in paid.server.bodies]
        assert sorted(models) == ["tide-2"] * 3 + ["tide-3"] * 3
        assert "cost unknown" in done.stderr

    def test_nobody_answers_in_place_of_a_contender(self, tmp_path, server):
        fallback = f'[[model.fallback]]\nname = "reef-1"\nbase_url = "{server.base_url}"'
        author = Paid(tmp_path, server, more=fallback)
        author.wrote("one_line", 1, 2, 3, lines=None)
        server.always = lambda _: error(401)
        done = author.run("one_line", "results_first", "--run")
        assert done.exit_code == 3
        assert {body["model"] for body in server.bodies} == {"tide-1"}

    def test_a_fallback_is_asked_by_its_own_table_within_the_same_budget(
        self, tmp_path, server, monkeypatch
    ):
        monkeypatch.setenv("REEF_KEY", "reef-key")
        more = f"""[budget]
tokens_per_run = 250_000
[[model.fallback]]
name = "reef-1"
base_url = "{server.base_url}"
api_key_env = "REEF_KEY"
price = {{ input = 2.0, output = 2.0 }}
"""
        author = Paid(tmp_path, server, more=more)
        author.wrote("one_line", 1, 2, 3, lines=None)
        done = author.run("one_line", "one_line@reef-1", "--run")
        assert (done.exit_code, "cost unknown" in done.stderr) == (0, False)
        assert server.keys == ["Bearer reef-key"] * 3
        used = {"completion_tokens": 100_000}
        server.always = lambda _: completion(json.dumps(OTHER), **used)
        names = ("results_first", "results_first@reef-1")
        found = author.run("one_line", *names, "--run", "--json")
        totals = Comparison.from_json(found.stdout, where="the answer").contenders
        assert found.exit_code == 3
        assert [total.lines for total in totals] == [3, 3, 0]

    def test_a_key_that_is_none_is_told_before_anything_is_paid_for(
        self, tmp_path, server, monkeypatch
    ):
        monkeypatch.setenv("REEF_KEY", "no key")
        address = f'base_url = "{server.base_url}"\napi_key_env = "REEF_KEY"'
        author = Paid(tmp_path, server, more=f'[[model.fallback]]\nname = "reef-1"\n{address}')
        author.wrote("one_line", 1, 2, 3, lines=None)
        caught = error_of(author, "results_first", "one_line@reef-1", "--run")
        assert "REEF_KEY" in str(caught)
        assert server.bodies == []

    def test_a_line_that_another_model_wrote_in_its_place_is_told(self, paid):
        paid.wrote("results_first", 1, 2, 3, model="reef-1")
        snapshot = paid.room.snapshot
        snapshot.write_run(snapshot.run().but(fallbacks=("reef-1",)))
        done = paid.run("one_line", "results_first@tide-1", "--run")
        assert done.exit_code == 3
        assert "3 × another model wrote a line in place of tide-1" in done.stderr

    def test_papers_that_still_lack_a_line_end_it_with_3_and_the_reasons(self, paid):
        refused = completion(None, refusal="No.")
        title = paid.room.papers[1].title
        good = paid.server.always
        paid.server.always = lambda body: (
            refused if title in body["messages"][1]["content"] else good(body)
        )
        done = paid.run("one_line", "results_first", "--run")
        assert done.exit_code == 3
        assert "something is missing: 1 × " in done.stderr
        assert "All 3 papers" in done.stdout

    def test_why_lines_are_missing_is_told_where_it_was_learned_just_now(self, paid):
        paid.server.always = lambda _: completion(None, refusal="No.")
        done = paid.run("one_line", "results_first", "--run", "--json")
        found = Comparison.from_json(done.stdout, where="the answer")
        reasons = {row.cells[1].missing for row in found.rows}
        assert len(reasons) == 1
        assert NEVER_ASKED not in reasons
        assert f"3 × {reasons.pop()}" in done.stderr
        assert "Missing: no line yet" not in Path(PAGE).read_text("utf-8")

    def test_answers_that_were_paid_for_and_unusable_are_part_of_what_was_paid(self, paid):
        title, good = paid.room.papers[1].title, paid.server.always
        paid.server.always = lambda body: (
            completion("no JSON") if title in body["messages"][1]["content"] else good(body)
        )
        done = paid.run("one_line", "results_first", "--run", "--json")
        one, other = Comparison.from_json(done.stdout, where="the answer").contenders
        assert one.paid is None
        assert other.lines == 2
        assert other.paid is not None
        assert (other.paid.usd or 0) > (other.usage.usd or 0) > 0
        again = paid.compares("results_first", "results_first~1").contenders
        assert [total.paid for total in again] == [other.paid, None]

    def test_the_budget_ends_it_with_3(self, tmp_path, server):
        author = Paid(tmp_path, server, more="[budget]\ntokens_per_run = 0")
        author.wrote("one_line", 1, 2, 3, lines=None)
        done = author.run("one_line", "results_first", "--run")
        assert (done.exit_code, server.bodies) == (3, [])
        assert "3 × " in done.stderr
        told = "that is more than the budget leaves, so asking will end early: "
        assert f"{told}[budget] tokens_per_run = 0 is reached" in done.stderr

    def test_what_the_budget_leaves_is_told_of_all_contenders_together_and_today(self, paid):
        told = paid.run("one_line", "results_first", "--run").stderr
        assert "more than the budget leaves" not in told
        spent = paid.room.settings.outputs / "spend.jsonl"
        first = json.loads(spent.read_text("utf-8").splitlines()[0])
        first |= {"id": "another", "usage": {**first["usage"], "usd": 4.9999}}
        with spent.open("a", encoding="utf-8") as file:
            file.write(json.dumps(first) + "\n")
        told = paid.run("one_line", "plain_language", "--run").stderr
        assert "so asking will end early: [budget] usd_per_day = 5.0 is reached" in told

    def test_a_withdrawn_paper_is_never_asked_about_and_is_no_gap(self, tmp_path, server):
        papers = [a_paper(1), a_paper(2, status="withdrawn")]
        author = Paid(tmp_path, server, papers=papers, bare=[2])
        author.wrote("one_line", 1, lines=None)
        done = author.run("one_line", "results_first", "--run")
        assert done.exit_code == 0
        assert len(server.bodies) == 1
        assert "the paper is withdrawn" in Path(PAGE).read_text("utf-8")

    def test_lines_of_the_past_cannot_be_asked_for(self, paid):
        done = paid.run("one_line", "results_first~1", "--run")
        assert (done.exit_code, paid.server.bodies) == (0, [])
        assert "results_first~1@tide-1 are lines of the past" in done.stderr

    def test_a_prompt_whose_file_is_gone_cannot_be_asked_for(self, paid):
        paid.wrote("results_first", 1)
        (paid.folder / "results_first.md.j2").unlink()
        caught = error_of(paid, "one_line", "results_first", "--run")
        assert isinstance(caught, UsageError)
        assert "results_first@tide-1 cannot be filled in" in str(caught)

    @pytest.mark.parametrize("numbers", [(1,), (1, 2, 3)])
    def test_by_a_damaged_prompt_nothing_is_asked_whether_lines_are_missing_or_not(
        self, paid, numbers
    ):
        paid.wrote("results_first", *numbers)
        paid.changes("results_first", "+++", "---")
        caught = error_of(paid, "one_line", "results_first", "--run")
        assert isinstance(caught, PromptError)
        assert caught.exit_code == 2

    def test_the_first_lines_of_a_snapshot_are_not_made_for_a_comparison(self, paid):
        snapshot = paid.room.snapshot
        snapshot.write_run(snapshot.run().but(prompt=None, model=None))
        caught = error_of(paid, "one_line", "results_first", "--run")
        assert f"paperline summarize {NAME}" in str(caught)

    def test_it_waits_for_nobody_who_works_on_the_topic(self, paid):
        with Outputs(paid.room.settings.outputs).working_on("tides"):
            caught = error_of(paid, "one_line", "results_first", "--run")
        assert isinstance(caught, Busy)
