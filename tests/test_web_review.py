"""The list of digests and the review page, over HTTP against the real server."""

import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml.html import HtmlElement, fragments_fromstring

from pipeline.checks import form
from pipeline.records import LANGUAGES, Decision
from pipeline.releasing import withdraw
from pipeline.stages.review import LONGEST
from pipeline.web import newsroom
from tests.desks import NAME, Room, a_desk, lines_of
from tests.digests import INSTANT, a_paper
from tests.web_client import (
    Answer,
    ReviewApp,
    Reviewer,
    hidden,
    review_app,
    text_of,
    texts,
)


def decisions(desk: Room) -> list[tuple[str, str | None, str]]:
    """Action, paper's place and editor of every decision on disk."""
    return [(d.action, d.paper and d.paper[-1], d.editor) for d in desk.snapshot.decisions()]


def last(desk: Room) -> Decision:
    return desk.snapshot.decisions()[-1]


def strip(document: Any) -> list[str]:
    """State and flag of each paper in the strip, after its number."""
    return [
        " ".join(texts(item, ".number, .state, .flag, .pin"))
        for item in document.cssselect("#strip > li")
    ]


def focused(document: Any) -> str:
    """The last digit of the paper in focus."""
    found: str = document.get_element_by_id("focus").get("data-paper")[-1]
    return found


def part(answer: Answer) -> dict[str, Any]:
    """The elements of an answer to htmx, by their ids."""
    return {element.get("id"): element for element in fragments_fromstring(answer.text)}


TOPICS = itertools.count(1)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewApp]:
    """One server for all; each test has a topic of its own."""
    with review_app(a_desk(tmp_path_factory.mktemp("reviewed")).settings) as running:
        yield running


def a_desk_of(app: ReviewApp, **how: Any) -> Room:
    """A snapshot of a new topic, which the running server has."""
    folder = app.room.settings.outputs.parent
    return a_desk(folder, topic=f"tides{next(TOPICS)}", **how)


@pytest.fixture
def desk(app: ReviewApp) -> Room:
    """Five papers: an error, a gap, a warning, none, none."""
    return a_desk_of(app, papers=5, flaws={1: "error", 3: "warning"}, gaps=[2])


@pytest.fixture(scope="module")
def visitor(app: ReviewApp) -> Reviewer:
    """An editor at five such papers on whom nothing is ever changed."""
    return app.reviewer(a_desk_of(app, papers=5, flaws={1: "error", 3: "warning"}, gaps=[2]))


@pytest.fixture
def alice(app: ReviewApp, desk: Room) -> Reviewer:
    return app.reviewer(desk)


def copied(folder: Path, name: str) -> Path:
    """A copy of a snapshot's folder, which tells its own name."""
    made = folder.with_name(name)
    shutil.copytree(folder, made)
    told = (made / "run.json").read_text(encoding="utf-8").replace(folder.name, name)
    (made / "run.json").write_text(told, encoding="utf-8")
    return made


class TestTheList:
    def rows(self, desk: Room, address: str = "/") -> tuple[list[list[str]], Any]:
        with review_app(desk.settings) as app:
            answer = app.signed_in().get(address)
        assert answer.status == 200
        rows = [
            texts(row, "th a, .state, .problem") for row in answer.document.cssselect("tbody tr")
        ]
        return rows, answer.document

    def test_says_where_every_digest_stands_the_newest_first(self, tmp_path) -> None:
        def snapshot(day: int, **how: Any) -> Room:
            return a_desk(tmp_path, papers=1, name=f"202605{day:02d}_0405", **how)

        snapshot(1)
        for day in (2, 3, 4):
            published = snapshot(day)
            published.settle()
            published.release()
            if day == 3:
                published.decide("hold", 1)
                published.release()
        why = "It was another harbour"
        withdraw(published.settings, published.snapshot, why, editor="bob", now=published.later())
        ready = snapshot(5, publish="asked")
        ready.settle()
        ready.release()
        newest = snapshot(6, released=False)
        rows, document = self.rows(newest)
        assert rows == [
            ["Unfinished"],
            ["tides/20260505_0405", "Ready to publish"],
            ["tides/20260504_0405", "Withdrawn"],
            ["tides/20260503_0405", "Published, correction under way"],
            ["tides/20260502_0405", "Published"],
            ["tides/20260501_0405", "Waiting for decisions"],
        ]
        assert texts(document, ".lead") == ["3 digests wait for you."]
        assert len(document.cssselect("tr.waits")) == 3

    def test_counts_what_there_is_to_do(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=5, flaws={1: "error", 3: "warning"}, gaps=[2])
        _, document = self.rows(desk)
        amounts = texts(document, "tbody .amount")
        assert amounts == ["5", "5", "1", "1", "1"]
        assert texts(document, ".lead") == ["One digest waits for you."]

    def test_shows_fifty_at_a_time_and_counts_those_that_it_does_not_show(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=1, name="20260501_0400")
        folder = desk.snapshot.folder
        for minute in range(1, 51):
            copied(folder, f"20260501_04{minute:02d}")
        rows, document = self.rows(desk)
        assert len(rows) == 50
        assert rows[0][0] == "tides/20260501_0450"
        assert texts(document, ".lead") == ["51 digests wait for you."]
        assert document.cssselect('.pager a[rel="next"]')[0].get("href") == "/?page=2"
        rows, document = self.rows(desk, "/?page=2")
        assert [row[0] for row in rows] == ["tides/20260501_0400"]
        for page, length in [("3", 1), ("0", 50), ("-1", 50), ("x", 50), ("%C2%B2", 50)]:
            assert len(self.rows(desk, f"/?page={page}")[0]) == length, page

    def test_mixes_the_topics_by_time(self, tmp_path) -> None:
        a_desk(tmp_path, papers=1, name="20260501_0405", topic="tides")
        a_desk(tmp_path, papers=1, name="20260502_0405", topic="lamps")
        desk = a_desk(tmp_path, papers=1, name="20260503_0405", topic="tides")
        rows, _ = self.rows(desk)
        assert [row[0] for row in rows] == [
            "tides/20260503_0405",
            "lamps/20260502_0405",
            "tides/20260501_0405",
        ]

    @pytest.mark.parametrize("name", ["5-digest.json", "6-published.jsonl", "run.json"])
    def test_a_digest_with_a_damaged_file_is_one_row_and_the_others_are_there(
        self, tmp_path, name
    ) -> None:
        a_desk(tmp_path, papers=1, name="20260501_0405")
        desk = a_desk(tmp_path, papers=1, name="20260503_0405")
        # A copy, since this process has read the other folders' instants already.
        broken = copied(desk.snapshot.folder, "20260502_0405")
        (broken / name).write_text("{\n", encoding="utf-8")
        rows, document = self.rows(desk)
        assert [row[-1] for row in rows][::2] == ["Waiting for decisions"] * 2
        (problem,) = texts(document, ".problem")
        assert f"20260502_0405/{name}" in problem

    def test_is_empty_before_the_first_night(self, tmp_path) -> None:
        desk = a_desk(tmp_path)
        desk.settings.outputs.rename(tmp_path / "away")
        rows, document = self.rows(desk)
        assert rows == []
        assert "There is no digest yet." in text_of(document.body)


class TestTheReviewPage:
    def test_begins_with_the_first_paper_that_nobody_has_decided_on(self, alice, desk) -> None:
        assert focused(alice.page()) == "1"
        desk.settle(1, 2)
        assert focused(alice.page()) == "3"
        desk.decide("hold", 3)
        assert focused(alice.page()) == "4"
        desk.settle(4, 5)
        assert focused(alice.page()) == "3"
        desk.settle(3)
        assert focused(alice.page()) == "1"

    def test_the_strip_has_every_paper_with_its_number_state_and_flag(self, alice, desk) -> None:
        desk.settle(4)
        desk.decide("hold", 5)
        desk.decide("exclude", 2)
        desk.decide("pin", 3)
        assert strip(alice.page()) == [
            "1 Pinned Look at this",
            "2 Error",
            "3 Approved",
            "4 On hold",
            "5 Left out",
        ]

    @pytest.mark.parametrize(
        ("show", "papers"),
        [
            ("all", "12345"),
            ("undecided", "1235"),
            ("flagged", "123"),
            ("gap", "2"),
            ("<script>", "12345"),
        ],
    )
    def test_a_filter_lists_some_of_them_and_is_kept(self, alice, desk, show, papers) -> None:
        desk.settle(4)
        document = alice.page(show=show)
        links = document.cssselect("#strip a[data-paper]")
        assert "".join(link.get("data-paper")[-1] for link in links) == papers
        kept = show if show.isalpha() else "all"
        assert hidden(document, "#decision", "show") == kept
        assert texts(document, "#filters .amount") == ["5", "4", "3", "1"]
        assert len(document.cssselect('#filters [aria-current="true"]')) == 1

    def test_quantities_of_a_line_have_the_number_of_their_place_in_the_abstract(
        self, visitor
    ) -> None:
        document = visitor.page(4)
        marks = {
            place: {
                mark.text_content(): mark.get("data-marks")
                for mark in document.cssselect(f"{place} mark.quantity")
            }
            for place in ('.shown .line[lang="en"]', '.shown [lang="zh-Hans"]', ".abstract")
        }
        english, chinese, abstract = (marks[place]["4 cm"].split() for place in marks)
        assert english != chinese
        assert {*english, *chinese} <= {*abstract}

    def test_findings_are_in_words_at_their_place(self, visitor) -> None:
        document = visitor.page(1)
        (finding,) = document.cssselect(".shown + .findings, .shown .findings li")
        assert "Error · Chinese line" in text_of(finding)
        assert "traditional Chinese characters" in text_of(finding)
        (mark,) = document.cssselect('.shown [lang="zh-Hans"] mark.f-error')
        assert mark.text_content() == "針"
        assert finding.get("data-marks") in mark.get("data-marks").split()

    def test_a_gap_and_its_stand_in_are_told(self, visitor) -> None:
        document = visitor.page(2)
        assert texts(document, ".head .flag") == ["No model's line"]
        assert texts(document, ".gap") == [
            "No model has written lines for this paper: the model answered with nothing"
        ]
        assert {line.get("data-origin") for line in document.cssselect(".shown .line")} == {
            "embedded"
        }
        assert texts(document, ".origin") == ["Picked from title and abstract by a program"] * 2

    def test_another_candidate_is_looked_at_and_approved_beside_the_one_on_show(
        self, alice, desk
    ) -> None:
        other = desk.candidate(
            4, lines_of(4) | {"en": "Tidal Adapters 4 errs by 4 cm."}, prompt="brief"
        )
        desk.write(other)
        document = alice.page(4, candidate=other.id)
        assert texts(document, '.shown .line[lang="en"]') == ["Tidal Adapters 4 errs by 4 cm."]
        assert texts(document, '.candidates [aria-current="true"]') == ["2 brief · tide-1"]
        seen = hidden(document, "#decision", "seen")
        assert hidden(document, "#decision", "summary") == other.id
        assert alice.decide("approve", 4, seen=seen, summary=other.id).status == 303
        assert (last(desk).action, last(desk).lines) == ("approve", other.lines)
        assert texts(alice.page(4), ".candidates a") == [
            "1 one_line · tide-1",
            "2 brief · tide-1 on show",
        ]

    def test_what_is_no_candidate_of_the_paper_shows_the_lines_of_the_digest(self, visitor) -> None:
        desk = visitor.desk
        for name in (desk.snapshot.summaries()[0].id, "../x", "\0", "<b>"):
            document = visitor.page(4, candidate=name)
            assert texts(document, '.shown .line[lang="en"]') == [lines_of(4)["en"]]

    def test_a_candidate_that_came_after_the_decision_says_so(self, alice, desk) -> None:
        desk.settle(4)
        desk.write(
            desk.candidate(4, lines_of(5), prompt="brief", created=desk.now + timedelta(hours=1))
        )
        assert texts(alice.page(4), ".candidates a") == [
            "1 one_line · tide-1 on show",
            "2 brief · tide-1 newer than the decision",
        ]
        assert texts(alice.page(4), '.shown .line[lang="en"]') == [lines_of(4)["en"]]

    def test_of_many_candidates_the_newest_have_keys_and_the_one_on_show(self, alice, desk) -> None:
        desk.write(
            *(
                desk.candidate(4, prompt=f"p{number}", prompt_fingerprint=f"{number:064}")
                for number in range(1, 13)
            )
        )
        assert texts(alice.page(4), ".candidates a") == [
            "1 one_line · tide-1 on show",
            *(f"{key} p{key + 3} · tide-1" for key in range(2, 10)),
        ]

    def test_a_paper_that_another_digest_shows_offers_its_lines_and_its_decision(self, app) -> None:
        paper = a_paper(1)
        first = a_desk_of(app, papers=[paper, a_paper(2)])
        first.decide("edit", 1, text=lines_of(1) | {"en": "Bob's words of 4 cm."}, editor="bob")
        first.decide("exclude", 2, editor="bob")
        first.release()
        newer = paper.but(version=2, status="revised")
        second = a_desk(
            first.folder,
            topic=first.snapshot.topic,
            papers=[newer, a_paper(2)],
            name="20260502_0405",
        )
        before = app.reviewer(second).page(1)
        assert texts(before, ".elsewhere h3") == ["Shown before, as v1, in 20260501_0405"]
        assert texts(before, ".elsewhere .by") == ["Edited · bob"]
        assert "Bob's words of 4 cm." in texts(before, ".elsewhere [data-offer]")
        left_out = app.reviewer(second).page(2)
        assert texts(left_out, ".elsewhere .by") == ["Left out · bob"]
        after = app.reviewer(first).page(1)
        assert texts(after, ".elsewhere h3") == ["A newer version, v2, is in 20260502_0405"]

    def test_another_digest_that_is_damaged_keeps_nobody_from_deciding(self, app, caplog) -> None:
        first = a_desk_of(app)
        second = a_desk(
            first.folder,
            topic=first.snapshot.topic,
            papers=[first.papers[0].but(version=2, status="revised")],
            name="20260502_0405",
        )
        (second.snapshot.folder / "5-digest.json").write_text("{", encoding="utf-8")
        alice = app.reviewer(first)
        assert alice.page(1).cssselect(".elsewhere") == []
        assert "20260502_0405/5-digest.json" in caplog.text
        assert alice.decide("approve", 1).status == 303

    def test_htmx_gets_the_paper_alone(self, visitor) -> None:
        desk = visitor.desk
        answer = visitor.get(partial=True, paper=desk.id(3))
        assert answer.status == 200
        assert list(part(answer)) == ["focus"]

    @pytest.mark.parametrize("what", ["", "/state", "/preview", "/preview/page", "/audit"])
    def test_a_digest_that_is_not_there_is_no_page(self, visitor, what) -> None:
        desk = visitor.desk
        for path in (
            f"/review/{desk.snapshot.topic}/20260502_0405{what}",
            f"/review/lamps/{NAME}{what}",
            f"/review/site/{NAME}{what}",
            f"/review/{desk.snapshot.topic}/latest{what}",
            f"/review/{desk.snapshot.topic}/{NAME}x{what}",
        ):
            assert visitor.client.get(path).status == 404, path

    @pytest.mark.parametrize(
        "name",
        [
            "..",
            ".",
            "%2e%2e",
            "..%2f..%2f..",
            "%2e%2e%2f%2e%2e",
            "tides%2f..",
            "%00",
            f"{NAME}%00",
            f"{NAME}%0a",
            "x" * 5000,
            "%ff%fe",
            quote("٢٠٢٦٠٥٠١_٠٤٠٥"),
            ".part-abc",
            ".lock",
        ],
    )
    def test_a_hostile_name_is_no_page_and_touches_no_file(self, visitor, name) -> None:
        desk = visitor.desk
        before = sorted(desk.folder.rglob("*"))
        for path in (
            f"/review/{desk.snapshot.topic}/{name}",
            f"/review/{name}/{NAME}",
            f"/review/{name}/{name}/audit",
        ):
            assert visitor.client.get(path).status == 404, path
            assert visitor.client.post(f"{path}/decide", {"paper": desk.id(1)}).status == 404
        assert sorted(desk.folder.rglob("*")) == before

    @pytest.mark.parametrize("paper", ["2604.99999", "..", "../../etc/passwd", "\0", "x" * 5000])
    def test_a_paper_that_is_not_there_is_no_page(self, visitor, paper) -> None:
        desk = visitor.desk
        assert visitor.get(paper=paper).status == 404
        assert visitor.get(partial=True, paper=paper).status == 404
        form = {"seen": "", "en": "x", "prompt": "one_line", "model": "tide-1"}
        for what, action in [("decide", "approve"), ("arrange", "pin"), ("check", ""), ("ask", "")]:
            answer = visitor.post(f"/{what}", paper=paper, action=action, **form)
            assert answer.status in (400, 404), what
        assert decisions(desk) == []

    def test_a_paper_of_the_old_scheme_with_a_slash_in_its_id_is_one_like_the_others(
        self, app
    ) -> None:
        paper = a_paper(1).but(id="math/0601001")
        desk = a_desk_of(app, papers=[paper, a_paper(2)])
        alice = app.reviewer(desk)
        (link, _) = alice.page().cssselect("#strip a[data-paper]")
        assert alice.client.get(link.get("href")).status == 200
        assert alice.decide("hold", 1).status == 303
        answer = alice.undo()
        assert "paper=math/0601001" in answer.headers["Location"]
        assert alice.client.get(answer.headers["Location"]).status == 200
        assert [d.paper for d in desk.snapshot.decisions()] == ["math/0601001"] * 2


class TestDecisions:
    @pytest.mark.parametrize(
        ("action", "state"),
        [("approve", "Approved"), ("exclude", "Left out"), ("hold", "On hold")],
    )
    def test_a_form_decides_and_leads_to_the_next_paper(self, alice, desk, action, state) -> None:
        answer = alice.decide(action, 1, note=" a note ", show="flagged")
        assert answer.status == 303
        assert answer.headers["Location"] == f"{alice.base}?paper={desk.id(2)}&show=flagged"
        assert decisions(desk) == [(action, "1", "alice")]
        assert (last(desk).lines, last(desk).note) == (lines_of(1, flaw="error"), "a note")
        assert texts(alice.page(1), ".head .state") == [state]

    def test_what_was_decided_is_reopened(self, alice, desk) -> None:
        alice.settle(4)
        assert alice.decide("reopen", 4).status == 303
        assert texts(alice.page(4), ".head .state") == ["Undecided"]

    @pytest.mark.parametrize("action", ["approve", "hold", "edit"])
    def test_htmx_gets_the_next_paper_and_what_changed_around_it(self, alice, desk, action) -> None:
        lines = {"en": "Adapts a coastal model to a harbour, 4 cm.", "zh": "针对港口，误差 4 cm。"}
        text = lines if action == "edit" else {}
        answer = alice.decide(action, 4, partial=True, **text)
        assert answer.status == 200
        changed = part(answer)
        assert list(changed) == ["focus", "paper-3", "filters", "progress"]
        assert changed["focus"].get("data-paper") == desk.id(5)
        for name in ("paper-3", "filters", "progress"):
            assert changed[name].get("hx-swap-oob") == "true"
        assert "1 of 5 decided" in answer.text or action == "hold"
        assert decisions(desk) == [(action, "4", "alice")]

    def test_where_others_get_another_number_the_whole_strip_comes(self, alice) -> None:
        changed = part(alice.decide("exclude", 1, partial=True))
        assert list(changed) == ["focus", "strip", "filters", "progress"]
        assert strip(changed["strip"]) == [
            "1 No model's line",
            "2 Look at this",
            "3",
            "4",
            "5 Left out",
        ]

    def test_an_edit_is_decided_on_as_it_was_typed_on_one_line(self, alice, desk) -> None:
        chinese = lines_of(4)["zh"]
        typed = "  A coastal model\r\n for\tone harbour:\u202e 4 cm. "
        assert alice.decide("edit", 4, en=typed, zh=chinese).status == 303
        assert last(desk).lines == {"en": "A coastal model for one harbour: 4 cm.", "zh": chinese}
        document = alice.page(4)
        assert texts(document, ".head .state") == ["Edited"]
        assert texts(document, ".origin") == ["Written by an editor"]

    def test_an_edit_that_changes_nothing_is_an_approval(self, alice, desk) -> None:
        assert alice.decide("edit", 4, **lines_of(4)).status == 303
        assert (last(desk).action, last(desk).lines) == ("approve", lines_of(4))

    @pytest.mark.parametrize("partial", [False, True])
    @pytest.mark.parametrize("english", ["", "  \r\n", "x" * (LONGEST + 1)])
    def test_a_line_that_cannot_be_is_refused_and_what_was_typed_stays_on_the_page(
        self, visitor, partial, english
    ) -> None:
        desk = visitor.desk
        typed = "<新的> 一行 & more"
        answer = visitor.decide("edit", 4, partial=partial, en=english, zh=typed, note="why")
        assert answer.status == 400
        document = answer.document
        assert document.get_element_by_id("edit-zh").value == typed
        assert document.get_element_by_id("edit-en").value == english.strip()
        assert document.get_element_by_id("note").value == "why"
        (problem,) = texts(document, '#focus .problem[role="alert"]')
        assert ("English line is empty" in problem) or ("the en line has 2001" in problem)
        assert document.get_element_by_id("editor").get("open") is not None
        assert decisions(desk) == []

    @pytest.mark.parametrize("action", ["", "publish", "pin", "introduce", "<b>"])
    def test_what_is_no_decision_on_lines_is_refused(self, visitor, action) -> None:
        desk = visitor.desk
        assert visitor.decide(action, 4).status == 400
        assert decisions(desk) == []

    def test_without_the_mark_of_what_was_seen_nothing_is_decided(self, visitor) -> None:
        desk = visitor.desk
        assert visitor.decide("approve", 4, seen="").status == 409
        assert visitor.post("/decide", paper=desk.id(4), action="approve").status == 409
        assert decisions(desk) == []

    @pytest.mark.parametrize("partial", [False, True])
    def test_of_two_editors_the_second_sees_the_first_s_decision_and_keeps_what_was_typed(
        self, app, alice, desk, partial
    ) -> None:
        bob = app.reviewer(desk, "bob")
        seen = bob.seen(4)
        alice.decide("exclude", 4)
        typed = {"en": "Bob's line, 4 cm.", "zh": "鲍勃的句子，4 cm。"}
        answer = bob.decide("edit", 4, partial=partial, seen=seen, note="mine", **typed)
        assert answer.status == 409
        assert decisions(desk) == [("exclude", "4", "alice")]
        document = answer.document
        assert "Somebody else was faster: alice, Left out," in texts(document, ".conflict")[0]
        assert document.get_element_by_id("edit-en").value == typed["en"]
        assert document.get_element_by_id("edit-zh").value == typed["zh"]
        assert document.get_element_by_id("note").value == "mine"
        again = hidden(document, "#decision", "seen")
        assert bob.decide("edit", 4, seen=again, **typed).status == 303
        assert decisions(desk)[1:] == [("edit", "4", "bob")]
        assert last(desk).lines == typed

    def test_the_second_may_do_all_the_same_what_it_was_about_to_do(self, app, alice, desk) -> None:
        bob = app.reviewer(desk, "bob")
        seen = bob.seen(4)
        alice.decide("hold", 4)
        document = bob.decide("exclude", 4, seen=seen).document
        assert "Do it all the same" in texts(document, '.actions [value="exclude"]')
        assert bob.decide("exclude", 4, seen=hidden(document, "#decision", "seen")).status == 303
        assert decisions(desk) == [("hold", "4", "alice"), ("exclude", "4", "bob")]

    def test_of_many_who_decide_at_once_on_what_they_saw_one_does(self, app, alice, desk) -> None:
        seen = alice.seen(4)
        start = threading.Barrier(6, timeout=60)

        def decide(_: int) -> int:
            reviewer = Reviewer(app.signed_in(), desk)
            start.wait()
            return reviewer.decide("approve", 4, seen=seen).status

        with ThreadPoolExecutor(6) as many:
            assert sorted(many.map(decide, range(6))) == [303, *[409] * 5]
        assert decisions(desk) == [("approve", "4", "alice")]

    def test_lines_that_a_run_changed_meanwhile_are_not_approved_unseen(self, alice, desk) -> None:
        seen = alice.seen(4)
        new = lines_of(4) | {"en": "Tidal Adapters 4 errs by 4 cm in one harbour."}
        desk.write(desk.candidate(4, new))
        answer = alice.decide("approve", 4, seen=seen)
        assert answer.status == 409
        assert "have changed since you saw them" in texts(answer.document, ".conflict")[0]
        assert texts(answer.document, '.shown .line[lang="en"]') == [new["en"]]
        assert decisions(desk) == []
        assert alice.decide("approve", 4).status == 303
        assert last(desk).lines == new

    def test_a_second_tab_is_told_what_the_first_one_decided(self, alice, desk) -> None:
        second_tab = alice.seen(4)
        alice.settle(4)
        answer = alice.decide("hold", 4, seen=second_tab)
        assert answer.status == 409
        assert "already: Approved," in texts(answer.document, ".conflict")[0]

    def test_what_somebody_else_decided_comes_with_the_next_decision(
        self, app, alice, desk
    ) -> None:
        known = hidden(alice.page(4), "#decision", "known")
        app.reviewer(desk, "bob").decide("hold", 1)
        changed = part(alice.decide("approve", 4, partial=True, known=known))
        assert "strip" in changed
        assert "On hold" in text_of(changed["strip"])

    def test_a_paper_that_was_left_out_while_in_focus_can_be_taken_back(self, alice, desk) -> None:
        desk.decide("exclude", 4, editor="bob")
        document = alice.page(4)
        assert texts(document, ".head .state") == ["Left out"]
        assert texts(document, '.shown .line[lang="en"]') == [lines_of(4)["en"]]
        assert alice.decide("approve", 4).status == 303
        assert texts(alice.page(4), ".head .state") == ["Approved"]


class TestUndo:
    @pytest.fixture(autouse=True)
    def minutes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Decisions are a minute apart, so that no two of them are the same."""
        passed = itertools.count(1)

        class Passing(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return INSTANT.astimezone(tz) + timedelta(days=1, minutes=next(passed))

        monkeypatch.setattr(newsroom, "datetime", Passing)

    def states(self, reviewer: Reviewer) -> list[str]:
        return strip(reviewer.page())

    def test_goes_back_step_by_step_also_on_one_paper(self, alice, desk) -> None:
        steps = [
            ("approve", 4, {}),
            ("hold", 4, {}),
            ("edit", 4, {"en": "Errs by 4 cm.", "zh": "误差为 4 cm。"}),
            ("exclude", 4, {}),
            ("exclude", 1, {}),
            ("reopen", 4, {}),
        ]
        before = []
        for action, number, fields in steps:
            before.append((self.states(alice), texts(alice.page(4), ".shown .line")))
            assert alice.decide(action, number, **fields).status == 303
        for expected in reversed(before[2:]):
            assert alice.undo().status == 303
            assert (self.states(alice), texts(alice.page(4), ".shown .line")) == expected
        for expected in reversed(before[:2]):
            assert alice.undo().status == 303
            assert self.states(alice) == expected[0]
        assert len(decisions(desk)) == 12

    def test_what_was_taken_back_and_done_anew_can_be_taken_back_again(self, alice, desk) -> None:
        alice.settle(4)
        alice.decide("hold", 4)
        alice.undo()
        alice.decide("exclude", 4)
        assert [alice.undo().status for _ in range(2)] == [303, 303]
        assert [action for action, *_ in decisions(desk)] == [
            "approve",
            "hold",
            "approve",
            "exclude",
            "approve",
            "reopen",
        ]

    def test_leads_to_the_paper_and_htmx_gets_it_with_its_item(self, alice, desk) -> None:
        alice.settle(4)
        alice.decide("hold", 1)
        answer = alice.post("/undo", partial=True, paper=desk.id(3))
        changed = part(answer)
        assert list(changed) == ["focus", "paper-0", "filters", "progress"]
        assert changed["focus"].get("data-paper") == desk.id(1)
        assert alice.undo().headers["Location"] == f"{alice.base}?paper={desk.id(4)}&show=all"

    def test_another_editor_s_decision_stays(self, app, alice, desk) -> None:
        bob = app.reviewer(desk, "bob")
        bob.settle(5)
        alice.settle(4)
        bob.decide("hold", 4)
        answer = alice.undo()
        assert answer.status == 409
        assert "Somebody else has decided on it since" in text_of(answer.document)
        assert alice.undo().status == 400
        assert decisions(desk)[-1] == ("hold", "4", "bob")

    def test_what_is_restored_stays_in_the_name_of_whoever_decided_it(
        self, app, alice, desk
    ) -> None:
        alice.settle(4)
        bob = app.reviewer(desk, "bob")
        bob.decide("exclude", 4)
        bob.undo()
        (restored,) = desk.snapshot.decisions()[2:]
        assert (restored.editor, restored.restores) == ("bob", "alice")
        assert "bob approved (as alice had decided)" in text_of(alice.get("/audit").document)

    def test_of_a_pin_or_a_move_leaves_another_editor_s_alone(self, app, alice, desk) -> None:
        bob = app.reviewer(desk, "bob")
        for mine, other in (("pin", "unpin"), ("down", "down")):
            alice.post("/arrange", paper=desk.id(1), action=mine)
            bob.post("/arrange", paper=desk.id(1), action=other)
            taken = len(decisions(desk))
            assert alice.undo().status == 409
            assert len(decisions(desk)) == taken

    def test_another_session_of_the_same_editor_takes_back_nothing_of_this_one(
        self, app, alice, desk
    ) -> None:
        alice.settle(4)
        answer = app.reviewer(desk, "alice").undo()
        assert answer.status == 400
        assert "nothing to take back since you signed in" in text_of(answer.document)
        assert len(decisions(desk)) == 1

    def test_the_key_held_down_takes_back_no_more_than_there_is(self, app, alice, desk) -> None:
        alice.settle(3, 4, 5)
        with ThreadPoolExecutor(4) as many:
            answers = list(many.map(lambda _: alice.undo().status, range(4)))
        assert sorted(answers) == [303, 303, 303, 400]
        assert self.states(alice) == [
            "1 Error",
            "2 No model's line",
            "3 Look at this",
            "4",
            "5",
        ]

    def test_the_button_is_there_to_press_only_while_there_is_something(self, alice) -> None:
        def disabled() -> bool:
            (button,) = alice.page().cssselect('[data-key="u"]')
            return button.get("disabled") is not None

        assert disabled()
        alice.settle(4)
        assert not disabled()
        alice.undo()
        assert disabled()

    def test_the_approval_of_a_withdrawn_paper_without_lines_comes_back(self, app) -> None:
        withdrawn = a_paper(1).but(status="withdrawn")
        desk = a_desk_of(app, papers=[withdrawn, a_paper(2)], bare=[1])
        alice = app.reviewer(desk)
        alice.settle(1)
        alice.decide("hold", 1)
        assert [alice.undo().status, alice.undo().status] == [303, 303]
        assert [d.action for d in desk.snapshot.decisions()] == [
            "approve",
            "hold",
            "approve",
            "reopen",
        ]


class TestApprovingManyAtOnce:
    def listed(self, alice: Reviewer) -> tuple[HtmlElement, str]:
        document = alice.get("/approve").document
        return document, hidden(document, 'main form[action$="/approve"]', "seen")

    def test_approves_exactly_those_that_were_listed_and_one_undo_takes_them_back(
        self, alice, desk
    ) -> None:
        assert "Approve all 2 without errors and warnings …" in texts(alice.page(), "#progress a")
        document, seen = self.listed(alice)
        shown = [lines_of(number)[name] for number in (4, 5) for name in LANGUAGES]
        assert texts(document, ".bulk p") == shown
        assert alice.post("/approve", seen=seen).status == 303
        assert decisions(desk) == [("approve", "4", "alice"), ("approve", "5", "alice")]
        assert [d.lines for d in desk.snapshot.decisions()] == [lines_of(4), lines_of(5)]
        assert alice.undo().status == 303
        assert decisions(desk)[2:] == [("reopen", "4", "alice"), ("reopen", "5", "alice")]
        assert alice.undo().status == 400

    def test_is_refused_where_they_are_others_since(self, alice, desk) -> None:
        _, seen = self.listed(alice)
        desk.write(desk.candidate(4, lines_of(4, flaw="error")))
        for mark in (seen, ""):
            answer = alice.post("/approve", seen=mark)
            assert answer.status == 409
            assert "have changed since you saw them" in texts(answer.document, ".problem")[0]
        assert decisions(desk) == []

    def test_is_taken_back_but_for_what_somebody_else_has_decided_on(
        self, app, alice, desk
    ) -> None:
        alice.post("/approve", seen=self.listed(alice)[1])
        app.reviewer(desk, "bob").decide("hold", 4)
        answer = alice.post("/undo", partial=True)
        assert decisions(desk)[-1] == ("reopen", "5", "alice")
        assert len(decisions(desk)) == 4
        assert "on 1 of the papers somebody else has decided" in answer.text
        assert alice.undo().status == 400

    def test_leads_back_to_the_papers(self, app) -> None:
        desk = a_desk_of(app)
        alice = app.reviewer(desk)
        answer = alice.post("/approve", seen=self.listed(alice)[1])
        assert answer.headers["Location"] == alice.base
        assert alice.page().cssselect('#progress a[href$="/approve"]') == []
        assert alice.get("/approve").document.cssselect("main form") == []

    def test_what_has_no_lines_is_none_of_them(self, app) -> None:
        withdrawn = a_paper(1).but(status="withdrawn")
        desk = a_desk_of(app, papers=[withdrawn], bare=[1])
        assert app.reviewer(desk).get("/approve").document.cssselect("main form") == []


class TestTheOrder:
    def order(self, alice: Reviewer) -> str:
        links = alice.page().cssselect("#strip a[data-paper]")
        return "".join(link.get("data-paper")[-1] for link in links)

    def test_a_paper_is_pinned_and_moved_and_each_step_is_taken_back(self, alice, desk) -> None:
        steps = [
            (3, "up", "13245"),
            (1, "down", "31245"),
            (5, "pin", "53124"),
            (2, "pin", "25314"),
            (5, "up", "52314"),
            (2, "unpin", "53124"),
        ]
        for number, action, order in steps:
            answer = alice.post("/arrange", paper=desk.id(number), action=action)
            assert answer.status == 303
            assert self.order(alice) == order, (number, action)
        for number, action in [(4, "down"), (5, "up"), (5, "down")]:
            alice.post("/arrange", paper=desk.id(number), action=action)
            assert self.order(alice) == "53124", "at the end already"
        for order in ["52314", "25314", "53124", "31245", "13245", "12345"]:
            assert alice.undo().status == 303
            assert self.order(alice) == order

    def test_htmx_gets_the_whole_strip(self, alice, desk) -> None:
        changed = part(alice.post("/arrange", paper=desk.id(5), action="pin", partial=True))
        assert list(changed) == ["focus", "strip", "filters", "progress"]
        assert changed["focus"].get("data-paper") == desk.id(5)

    def test_taking_a_move_back_brings_the_whole_strip_too(self, alice, desk) -> None:
        alice.post("/arrange", paper=desk.id(5), action="pin")
        changed = part(alice.post("/undo", paper=desk.id(5), partial=True))
        assert list(changed) == ["focus", "strip", "filters", "progress"]

    def test_what_is_no_way_to_arrange_is_refused(self, visitor) -> None:
        desk = visitor.desk
        assert visitor.post("/arrange", paper=desk.id(5), action="sideways").status == 400
        assert visitor.post("/arrange", paper="2604.99999", action="pin").status == 404
        assert decisions(desk) == []


class TestLiveChecks:
    def check(self, alice: Reviewer, desk: Room, **fields: str) -> Answer:
        base = hidden(alice.page(4), "#decision", "base")
        return alice.post("/check", partial=True, paper=desk.id(4), base=base, **fields)

    def test_say_what_is_found_where_and_how_long_the_lines_are(self, visitor) -> None:
        desk = visitor.desk
        lines = lines_of(4, flaw="error")
        answer = self.check(visitor, desk, **lines)
        assert answer.status == 200
        document = answer.document
        assert texts(document, ".findings strong") == ["Error · Chinese line"]
        assert texts(document, '[lang="zh-Hans"] mark.f-error') == ["針"]
        words, characters = (form.length(name, line) for name, line in lines.items())
        assert [text.partition(",")[0] for text in texts(document, ".length")] == [
            f"English line {words} words",
            f"Chinese line {characters} characters",
        ]
        assert "The checks find nothing." in self.check(visitor, desk, **lines_of(4)).text

    def test_nothing_is_written(self, visitor) -> None:
        desk = visitor.desk

        def files() -> dict[Path, tuple[int, int]]:
            found = (path for path in desk.snapshot.folder.rglob("*"))
            return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in found}

        before = files()
        self.check(visitor, desk, **lines_of(4, flaw="error"))
        assert files() == before

    def test_no_more_than_a_line_may_have_is_looked_at(self, visitor) -> None:
        desk = visitor.desk
        answer = self.check(visitor, desk, en="word " * 2000, zh="")
        assert answer.status == 200
        assert texts(answer.document, ".length")[0].startswith("English line 400 words")

    def test_emptied_lines_and_foreign_bases_are_no_error(self, visitor) -> None:
        desk = visitor.desk
        assert self.check(visitor, desk, en="", zh="  ").status == 200
        for base in ("", "../x", desk.snapshot.summaries()[0].id):
            fields = {"paper": desk.id(4), "base": base, "en": "A line."}
            assert visitor.post("/check", partial=True, **fields).status == 200


def test_a_decision_is_on_disk_before_it_is_answered_and_in_the_file_as_one_line(
    alice, desk
) -> None:
    for number in range(1, 6):
        alice.decide("hold", number)
        lines = (desk.snapshot.folder / "4-decisions.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["paper"] for line in lines] == [
            desk.id(each) for each in range(1, number + 1)
        ]
