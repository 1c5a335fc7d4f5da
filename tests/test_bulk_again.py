"""A bulk run over what an earlier one made: only what is new or revised is asked about."""

import json
import shutil
from typing import Any

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from pipeline.bulk.folder import Selection
from pipeline.errors import UsageError
from pipeline.gate_settings import CheckSettings
from pipeline.settings import ProviderSettings
from tests.dumps import ROOT, TABLE, Bulk, entries, entry, marker, undated
from tests.model_server import ModelServer, completion, good_lines

FIRST = entries(6, "2024-05", "2024-06")
"""Three papers a month."""


@pytest.fixture
def model(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture
def bulk(tmp_path, model: ModelServer) -> Bulk:
    return Bulk(tmp_path, base_url=model.base_url, **TABLE)


def asked(model: ModelServer) -> list[str]:
    """The titles of the papers asked about since the last time."""
    found = [body["messages"][1]["content"].partition("\n")[0] for body in model.bodies]
    model.bodies.clear()
    return sorted(title.removeprefix("Title: ") for title in found)


def statuses(bulk: Bulk) -> dict[str, str]:
    return {id_: row.paper.status for id_, row in bulk.rows().items()}


def test_with_the_same_dump_it_writes_no_rows_and_asks_nothing(bulk, model) -> None:
    first = bulk.run(*FIRST, b"no paper\n")
    before = bulk.files()
    assert len(asked(model)) == 6
    again = bulk.run()
    assert bulk.files() == before
    assert asked(model) == []
    assert (again.papers, again.unchanged, again.asked, again.new) == (6, 2, 0, 0)
    assert (again.findings, again.usage.tokens) == (first.findings, 0)
    assert len(bulk.spent()) == 6


def test_with_the_same_lines_in_another_file_and_order_it_writes_no_rows(bulk) -> None:
    bulk.run(*FIRST)
    before = bulk.files()
    bulk.dump.unlink()
    text = "\r\n".join(json.dumps(each) for each in reversed(FIRST))
    bulk.write(text.encode(), name="other.json")
    assert bulk.run().unchanged == 2
    assert bulk.files() == before


class TestANewerDump:
    def test_has_only_new_and_revised_papers_asked_about(self, bulk, model) -> None:
        bulk.run(*FIRST)
        rows, files = bulk.rows(), bulk.files()
        asked(model)
        newer = {each["id"]: each for each in FIRST}
        newer["2405.00000"] = entry("2024-05", 0, version=2, title="Brighter lantern")
        newer["2407.00001"] = entry("2024-07", 1)
        report = bulk.run(*newer.values())
        assert asked(model) == ["Brighter lantern", "Lantern 1 of 2024-07"]
        assert (report.new, report.revised, report.asked, report.unchanged) == (1, 1, 2, 1)
        now = bulk.rows()
        assert statuses(bulk) == dict.fromkeys(now, "new") | {"2405.00000": "revised"}
        assert all(now[id_] == row for id_, row in rows.items() if id_ != "2405.00000")
        assert {name for name, told in files.items() if bulk.files()[name] == told} == {
            "month=2024-06/papers.parquet",
            "month=2024-06/_SUCCESS",
        }

    def test_has_withdrawn_papers_shown_without_lines(self, bulk, model) -> None:
        bulk.run(*FIRST)
        asked(model)
        gone = entry("2024-05", 0, version=2, comments="This paper has been withdrawn")
        report = bulk.run(*FIRST, gone)
        row = bulk.rows()["2405.00000"]
        assert (row.paper.status, row.summary, row.findings) == ("withdrawn", None, ())
        assert (report.withdrawn, report.gaps, asked(model)) == (1, 0, [])
        assert marker(bulk.out).withdrawn == 1

    @pytest.mark.parametrize(
        "notice",
        [
            "This paper has been withdrawn by the author.",
            "This paper has been withdrawn by the authors due to an error in Lemma 2. A new proof "
            "is in math/0501234.",
            "Withdrawn",
            "withdrawn: the lamp was out",
            "The author has withdrawn this paper, which A. B. Lumen has superseded.",
        ],
    )
    def test_has_papers_whose_abstract_is_the_notice_as_withdrawn(
        self, bulk, model, notice
    ) -> None:
        report = bulk.run(entry(abstract=f"  {notice}\n"))
        assert (statuses(bulk), report.withdrawn) == ({"2405.00001": "withdrawn"}, 1)
        assert asked(model) == []

    @pytest.mark.parametrize(
        "abstract",
        [
            "Socially withdrawn moths fly to lanterns.",
            "Withdrawn lanterns are dim. We count them.",
            "This paper has been withdrawn from a library in 1901, and we tell why.",
            "We study why papers are withdrawn. This paper is about moths.",
            "This paper is withdrawn. " + "We teach lanterns to dim. " * 2,
            "This work was withdrawn by its author, of whom we tell the life" + " and more" * 50,
        ],
    )
    def test_has_papers_asked_about_that_merely_speak_of_it(self, bulk, model, abstract) -> None:
        bulk.run(entry(abstract=abstract))
        assert len(asked(model)) == 1

    def test_that_brings_a_withdrawn_paper_back_has_it_asked_about(self, bulk, model) -> None:
        gone = "This paper has been withdrawn"
        bulk.run(entry(version=2, comments=gone))
        assert asked(model) == []
        bulk.run(entry(version=2))
        assert statuses(bulk) == {"2405.00001": "revised"}
        assert len(asked(model)) == 1

    def test_with_another_doi_alone_takes_it_over_without_a_request(self, bulk, model) -> None:
        bulk.run(*FIRST)
        before = bulk.rows()["2405.00000"]
        asked(model)
        report = bulk.run(*FIRST, entry("2024-05", 0, doi="10.1/lantern"))
        after = bulk.rows()["2405.00000"]
        assert after.paper == before.paper.but(doi="10.1/lantern")
        assert after.summary == before.summary
        assert (asked(model), report.revised, report.from_cache) == ([], 0, 1)

    def test_never_puts_an_older_version_in_place_of_a_newer(self, bulk, model) -> None:
        bulk.run(entry(version=3), entry(number=2))
        before = bulk.rows()
        asked(model)
        report = bulk.run(entry(version=2, title="Old lantern"), entry(number=2))
        assert bulk.rows() == before
        assert (asked(model), report.revised, report.found) == ([], 0, 2)

    def test_that_lacks_papers_leaves_them_there(self, bulk, model) -> None:
        bulk.run(*FIRST)
        before = bulk.rows()
        asked(model)
        report = bulk.run(FIRST[0])
        assert bulk.rows() == before
        assert (report.papers, report.found, asked(model)) == (3, 1, [])


class TestWithOtherSettings:
    def test_another_model_makes_all_rows_anew(self, bulk, model) -> None:
        bulk.run(*FIRST)
        renamed = msgspec.structs.replace(bulk.settings.model, name="other-model")
        asked(model)
        bulk.having(model=renamed).run()
        assert len(asked(model)) == 6
        assert marker(bulk.out).lines == {"other-model": 3}

    def test_a_changed_prompt_makes_all_rows_anew(self, bulk, model, tmp_path) -> None:
        prompts = tmp_path / "prompts"
        shutil.copytree(ROOT / "prompts", prompts)
        changed = bulk.having(prompts=prompts)
        changed.run(*FIRST)
        assert len(asked(model)) == 6
        path = prompts / "one_line.md.j2"
        path.write_text(path.read_text().replace("Be concrete;", "Be concrete and kind;"))
        changed.run()
        assert len(asked(model)) == 6

    def test_changed_checks_find_anew_without_asking(self, bulk, model) -> None:
        bulk.run(*FIRST)
        before = bulk.rows()
        asked(model)
        strict = bulk.having(check=CheckSettings(words=(30, 60)))
        report = strict.run()
        after = bulk.rows()
        assert (asked(model), report.asked, report.unchanged) == ([], 0, 0)
        for id_, row in after.items():
            assert row.summary == before[id_].summary
            assert "too-short" in {finding.code for finding in row.findings}
        assert strict.run().unchanged == 2

    def test_a_row_that_another_killed_runs_checks_made_is_checked_by_todays(self, bulk) -> None:
        """Killed between rows and marker, the rows are not what the marker says."""
        bulk.run(*FIRST)
        before = undated(bulk.out)
        old = (bulk.out / "month=2024-05" / "_SUCCESS").read_bytes()
        bulk.having(check=CheckSettings(words=(30, 60))).run()
        (bulk.out / "month=2024-05" / "_SUCCESS").write_bytes(old)
        bulk.run()
        assert undated(bulk.out) == before

    @pytest.mark.parametrize("other", [Selection(query="ti:moth"), Selection(exclude=("moth",))])
    def test_another_selection_is_refused(self, bulk, other) -> None:
        bulk.run(*FIRST)
        before = bulk.files()
        with pytest.raises(UsageError, match="another selection") as refused:
            bulk.run(selection=other)
        assert refused.value.exit_code == 2
        assert bulk.files() == before

    def test_a_fallbacks_line_stands_as_well(self, bulk, model) -> None:
        bulk.run(*FIRST)
        asked(model)
        table: Any = bulk.settings.model
        fallback = ProviderSettings(name="test-model", base_url=table.base_url)
        main = msgspec.structs.replace(table, name="main", fallback=(fallback,))
        bulk.having(model=main).run()
        assert asked(model) == []


class TestAGap:
    def test_is_a_labelled_stand_in_and_never_the_failure_as_a_line(self, bulk, model) -> None:
        model.always = lambda body: completion("I would rather not.")
        report = bulk.run(entry())
        (row,) = bulk.rows().values()
        assert row.summary is not None
        assert (row.summary.origin, row.summary.model) == ("embedded", "embedded")
        assert (row.summary.prompt, report.complete) == (None, False)
        assert row.failure is not None
        assert (row.failure.kind, row.failure.reason[:8]) == ("content", "not-json")
        assert "not-json" not in str(row.summary.lines)
        assert (report.gaps, report.papers, marker(bulk.out).gaps) == (1, 1, 1)

    def test_is_asked_about_again_by_the_same_command(self, bulk, model) -> None:
        model.always = lambda body: completion("I would rather not.")
        bulk.run(entry(), entry(number=2), entry("2024-06"))
        model.always = good_lines
        asked(model)
        report = bulk.run()
        assert len(asked(model)) == 3
        assert (report.gaps, report.complete) == (0, True)
        assert all(row.failure is None for row in bulk.rows().values())
        assert bulk.run().unchanged == 2


def test_the_embedded_model_needs_neither_network_nor_key(tmp_path) -> None:
    bulk = Bulk(tmp_path)
    report = bulk.run(*FIRST)
    assert (report.papers, report.gaps, report.usage.tokens) == (6, 0, 0)
    assert {row.summary and row.summary.origin for row in bulk.rows().values()} == {"embedded"}
