"""Blind choice, over HTTP against the real server."""

import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement

from pipeline import prompts
from pipeline.preferences import Score, Scores, tally
from pipeline.records import LANGUAGES, Language, Lines, Preference, Summary
from pipeline.web.contests import Question, better, by_chance
from pipeline.web.language import WORDS
from tests.desks import NAME, Room, a_desk, lines_of
from tests.digests import a_paper, a_summary
from tests.web_client import Answer, ReviewApp, Reviewer, hidden, review_app, text_of, texts

TOPICS = itertools.count(1)
PAPERS = 3
NAMES = ("paper", "language", "seen")


def others(number: int) -> Lines:
    """What the other prompt writes of a paper."""
    return {
        "en": f"An error of 4 cm is left where Tidal Adapters {number} adapts a coastal model.",
        "zh": f"把海岸模型适配到一个港口后，Tidal Adapters {number} 的误差为 4 cm。",
    }


def a_contest(folder: Path, topic: str = "tides", *, turned: bool = False) -> Room:
    """Lines of three papers by one_line@tide-1 and by flood@tide-2; `turned`: exchanged."""
    ones, twos = (others, lines_of) if turned else (lines_of, others)
    desk = a_desk(folder, papers=PAPERS, topic=topic, lines=ones)
    desk.write(*(flood(desk, number, twos(number)) for number in range(1, PAPERS + 1)))
    return desk


def flood(desk: Room, number: int, lines: Lines) -> Summary:
    changes = {"prompt": "flood", "model": "tide-2", "prompt_fingerprint": "e" * 64}
    return desk.candidate(number, lines, **changes)


class Chooser(Reviewer):
    """An editor who chooses between two contenders, the only ones unless told otherwise."""

    other = "flood@tide-2"

    @property
    def address(self) -> str:
        """The contest's address, below the snapshot's."""
        (row,) = (
            row
            for row in self.get("/choice").document.cssselect(".contests tbody tr")
            if text_of(row.find("th")) == self.other
        )
        found = row.cssselect(".ways a")[0].get("href").removesuffix("/result")
        assert found.startswith(self.base)
        return str(found.removeprefix(self.base))

    def follow(self, answer: Answer) -> Answer:
        """The page that a redirect leads to, or the page itself."""
        while answer.status == 303:
            answer = self.client.get(answer.headers["Location"])
        return answer

    def asked(self) -> Answer:
        """The first open pair, or the result."""
        return self.follow(self.get(self.address))

    def choose(self, page: Answer, chosen: str, **changed: str) -> Answer:
        """Press one of the buttons of a page."""
        form = {name: hidden(page.document, "#choice", name) for name in NAMES}
        return self.client.post(f"{self.base}{self.address}", {**form, "chosen": chosen, **changed})

    def prefer(self, page: Answer, line: str) -> Answer:
        """Press the button of the side with that line."""
        return self.choose(page, ("left", "right")[lines_on(page).index(line)])


def lines_on(page: Answer) -> list[str]:
    assert page.status in (200, 409), page.text
    return texts(page.document, "#lines .line")


def key(alice: Chooser, page: Answer, name: str) -> Answer:
    """Follow the link that has a key."""
    (link,) = page.document.cssselect(f"a[data-key={name}]")
    return alice.follow(alice.client.get(link.get("href")))


def about(page: Answer) -> tuple[str, str]:
    """The paper and the language that a page asks about."""
    form = "#choice"
    return hidden(page.document, form, "paper"), hidden(page.document, form, "language")


def problems(page: Answer) -> list[str]:
    return texts(page.document, ".problem")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewApp]:
    """One server for all; each test has a topic of its own."""
    with review_app(a_desk(tmp_path_factory.mktemp("chosen")).settings) as running:
        yield running


@pytest.fixture
def desk(app: ReviewApp) -> Room:
    return a_contest(app.room.settings.outputs.parent, f"tides{next(TOPICS)}")


@pytest.fixture
def alice(app: ReviewApp, desk: Room) -> Chooser:
    return Chooser(app.signed_in("alice"), desk)


class TestTheWayThere:
    def test_the_review_page_and_the_list_lead_to_it(self, tmp_path) -> None:
        desk = a_contest(tmp_path, "tides")  # a list with no other digest fits on a page
        with review_app(desk.settings) as app:
            alice = Chooser(app.signed_in("alice"), desk)
            address = f"{alice.base}/choice"
            for page in (alice.page(), alice.client.get("/").document):
                assert address in page.xpath("//a/@href")

    def test_the_review_page_of_a_digest_with_one_line_of_each_paper_does_not(self, app) -> None:
        folder = app.room.settings.outputs.parent
        bob = app.reviewer(a_desk(folder, topic=f"tides{next(TOPICS)}"), "bob")
        assert f"{bob.base}/choice" not in bob.page().xpath("//a/@href")
        page = bob.get("/choice")
        assert page.status == 200
        assert "Fewer than two" in text_of(page.document)
        assert f"paperline summarize {bob.desk.snapshot} --prompt NAME" in page.text

    def test_contenders_are_told_with_what_both_wrote_and_what_was_chosen(self, alice) -> None:
        page = alice.get("/choice").document
        assert texts(page, "#with option") == ["one_line@tide-1", "flood@tide-2"]
        assert texts(page, ".contests td.amount") == ["3", "6", "0", "0"]
        assert texts(page, ".ways") == ["Begin"]
        alice.choose(alice.asked(), "tie")
        page = alice.get("/choice").document
        assert texts(page, ".contests td.amount") == ["3", "6", "1", "1"]
        assert texts(page, ".ways") == ["Go on Result"]

    def test_the_lines_before_the_newest_ones_of_a_prompt_are_a_contender_of_their_own(
        self, alice, desk
    ) -> None:
        desk.write(desk.candidate(2, others(7), prompt_fingerprint="d" * 64))
        page = alice.get("/choice", **{"with": "one_line~1@tide-1"}).document
        assert texts(page, "#with [selected]") == ["one_line~1@tide-1"]
        rows = {text_of(row.find("th")): row for row in page.cssselect(".contests tbody tr")}
        assert rows.keys() == {"one_line@tide-1", "flood@tide-2"}
        assert texts(rows["one_line@tide-1"], ".amount") == ["1", "2", "0", "0"]

    def test_stand_ins_and_names_that_no_command_could_use_are_no_contenders(
        self, alice, desk
    ) -> None:
        stand_in = {"origin": "embedded", "model": "embedded", "prompt": None}
        desk.write(
            desk.candidate(1, others(8), **stand_in),
            desk.candidate(1, others(9), prompt="../../check"),
        )
        names = texts(alice.get("/choice").document, "#with option")
        assert names == ["one_line@tide-1", "flood@tide-2"]

    @pytest.mark.parametrize("name", ["ebb", "flood", "../flood@tide-2", "\0", "x" * 5000])
    def test_a_contender_that_is_not_there_is_no_page(self, alice, name) -> None:
        assert alice.get("/choice", **{"with": name}).status == 404

    @pytest.mark.parametrize(
        "mark", ["x", "..", "%2e%2e", "%00", "flood@tide-2", "0" * 16, "x" * 5000, "%ff"]
    )
    def test_a_contest_that_is_not_there_is_no_page_and_takes_no_choice(
        self, alice, desk, mark
    ) -> None:
        form = {"paper": desk.id(1), "language": "en", "seen": "", "chosen": "left"}
        assert alice.get(f"/choice/{mark}").status == 404
        assert alice.get(f"/choice/{mark}/result").status == 404
        assert alice.post(f"/choice/{mark}", **form).status == 404
        assert desk.snapshot.preferences() == []

    def test_a_digest_that_is_not_there_yet_is_told_as_on_other_pages(self, app) -> None:
        folder = app.room.settings.outputs.parent
        unfinished = a_desk(folder, topic=f"tides{next(TOPICS)}", released=False)
        bob = app.reviewer(unfinished, "bob")
        assert bob.get("/choice").status == bob.get().status == 400

    def test_nothing_is_shown_to_whoever_is_not_signed_in(self, app, desk, alice) -> None:
        for what in ("/choice", alice.address, f"{alice.address}/result"):
            answer = app.client().get(f"{alice.base}{what}")
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/login")


class TestAPair:
    def test_shows_both_lines_and_the_paper(self, alice, desk) -> None:
        page = alice.asked()
        assert about(page) == (desk.id(1), "en")
        assert set(lines_on(page)) == {lines_of(1)["en"], others(1)["en"]}
        assert a_paper(1).title in text_of(page.document)
        assert "Harbours differ in shape" in text_of(page.document)
        assert texts(page.document, ".tags .number") == ["1 / 6"]

    def test_both_languages_of_a_paper_come_one_after_the_other(self, alice, desk) -> None:
        page, asked = alice.asked(), []
        while page.document.cssselect("#choice"):
            asked.append(about(page))
            page = alice.follow(alice.choose(page, "tie"))
        assert asked == [(desk.id(n), language) for n in (1, 2, 3) for language in ("en", "zh")]

    def test_the_language_of_the_lines_is_told_to_the_browser(self, alice) -> None:
        english = alice.asked()
        chinese = alice.follow(alice.choose(english, "tie"))
        for page, tag in [(english, "en"), (chinese, "zh-Hans")]:
            assert page.document.xpath("//div[@id='lines']//p/@lang") == [tag, tag]

    def test_the_page_is_the_same_to_the_byte_whoever_wrote_which_line(self, app) -> None:
        folder = app.room.settings.outputs.parent
        pages = []
        for turned in (False, True):
            desk = a_contest(folder, f"tides{next(TOPICS)}", turned=turned)
            alice = Chooser(app.signed_in("alice"), desk)
            page, seen = alice.asked(), ""
            for _ in range(2 * PAPERS):
                seen += page.text.replace(desk.snapshot.topic, "t")
                page = alice.follow(alice.choose(page, "left"))
            pages.append(re.sub(r'name="csrf" value="[^"]+"', "", seen))
            verdicts = tally(desk.snapshot.preferences(), desk.snapshot.summaries()).of("flood")
            assert sum(score.choices for score in verdicts.values()) == 2 * PAPERS
        assert pages[0] == pages[1]

    def test_no_trace_of_prompt_model_candidate_or_findings_is_in_it(self, alice, desk) -> None:
        flawed = {**others(1), "zh": lines_of(1, flaw="error")["zh"]}
        desk.write(flood(desk, 1, flawed))
        page = alice.asked()
        for _ in range(2):
            for summary in desk.snapshot.summaries():
                for trace in (summary.id, summary.prompt_fingerprint[:12], summary.model):
                    assert trace not in page.text
                assert (summary.prompt or "") not in page.text
            assert not page.document.cssselect("mark, .finding, .flag")
            page = alice.follow(alice.choose(page, "tie"))

    def test_stays_as_it_is_when_it_is_loaded_again_and_after_a_restart(self, alice, desk) -> None:
        pages = [alice.follow(alice.get(alice.address)) for _ in range(5)]
        assert len({page.text for page in pages}) == 1
        with review_app(desk.settings) as app:
            again = Chooser(app.signed_in("alice"), desk)
            assert lines_on(again.asked()) == lines_on(pages[0])

    @given(number=st.integers(1, 500), language=st.sampled_from(LANGUAGES))
    def test_the_order_is_the_same_whichever_of_the_two_contenders_is_named_first(
        self, number: int, language: Language
    ) -> None:
        paper = a_paper(number)
        one, other = a_summary(paper, lines_of(number)), a_summary(paper, others(number))
        questions = [Question(paper, language, *pair) for pair in [(one, other), (other, one)]]
        assert len({question.lines("Ada") for question in questions}) == 1
        assert len({question.mark("Ada") for question in questions}) == 1

    def test_either_line_is_left_about_as_often_and_editors_see_orders_of_their_own(self) -> None:
        def left(number: int, language: Language, editor: str) -> bool:
            paper = a_paper(number)
            pair = a_summary(paper, lines_of(number)), a_summary(paper, others(number))
            return Question(paper, language, *pair).sides(editor)[0] is pair[0]

        asked = [(number, language) for number in range(1, 501) for language in LANGUAGES]
        ada, bo = ([left(*one, editor) for one in asked] for editor in ("Ada", "Bo Lin"))
        same = [mine == yours for mine, yours in zip(ada, bo, strict=True)]
        alike = [ada[place] == ada[place + 1] for place in range(0, 1000, 2)]
        for chances in (ada, bo, same, alike):
            assert 0.4 < sum(chances) / len(chances) < 0.6

    def test_lines_that_are_the_same_are_not_asked_about(self, alice, desk) -> None:
        desk.write(
            flood(desk, 1, lines_of(1)),
            flood(desk, 2, {**others(2), "en": lines_of(2)["en"]}),
        )
        page = alice.asked()
        assert about(page) == (desk.id(2), "zh")
        assert texts(page.document, ".tags .number") == ["1 / 3"]

    def test_a_language_that_one_of_them_lacks_is_not_asked_about(self, alice, desk) -> None:
        desk.write(flood(desk, 1, {"en": others(1)["en"]}))
        page = alice.follow(alice.choose(alice.asked(), "tie"))
        assert about(page) == (desk.id(2), "en")

    def test_a_line_with_markup_is_the_text_it_is(self, alice, desk) -> None:
        line = "<img src=x onerror=alert(1)>\u202e{{ 7 * 7 }}"
        desk.write(flood(desk, 1, {"en": line, "zh": f"{line}。"}))
        page = alice.asked()
        assert not page.document.cssselect("img")
        assert "<img src=x onerror=alert(1)>{{ 7 * 7 }}" in lines_on(page)

    @pytest.mark.parametrize(
        ("paper", "language"),
        [("2604.99999", "en"), ("..", "en"), ("\0", "en"), ("", "en"), ("1", "fr"), ("1", "")],
    )
    def test_one_that_is_not_there_is_no_page(self, alice, desk, paper, language) -> None:
        paper = desk.id(1) if paper == "1" else paper
        assert alice.get(alice.address, paper=paper, language=language).status == 404
        form = {"paper": paper, "language": language, "seen": "", "chosen": "left"}
        assert alice.post(alice.address, **form).status in (400, 404)
        assert desk.snapshot.preferences() == []


class TestAChoice:
    @pytest.mark.parametrize("chosen", ["left", "right", "tie"])
    def test_is_on_disk_before_the_next_pair_is_shown(self, alice, desk, chosen) -> None:
        page = alice.asked()
        lines = lines_on(page)
        answer = alice.choose(page, chosen)
        (kept,) = desk.snapshot.preferences()
        assert answer.status == 303
        assert dict(parse_qsl(urlsplit(answer.headers["Location"]).query)) == {
            "paper": desk.id(1),
            "language": "zh",
            "after": "1",
        }
        by_id = {summary.id: summary.lines["en"] for summary in desk.snapshot.summaries()}
        assert [by_id[id_] for id_ in kept.summaries] == lines
        wanted = {"left": lines[0], "right": lines[1], "tie": None}[chosen]
        assert (by_id[kept.preferred] if kept.preferred else None) == wanted
        assert (kept.paper, kept.version, kept.language) == (desk.id(1), 1, "en")
        assert kept.editor == "alice"

    def test_changes_nothing_in_the_digest(self, app, alice, desk) -> None:
        files = [path for path in desk.snapshot.folder.iterdir() if path.name != ".lock"]
        before = {path: path.read_bytes() for path in files}
        alice.choose(alice.asked(), "left")
        app.room.releases.finish(desk.snapshot)
        assert {path: path.read_bytes() for path in files} == before
        assert desk.snapshot.decisions() == []

    def test_sent_twice_is_one(self, alice, desk) -> None:
        page = alice.asked()
        answers = [alice.choose(page, "left") for _ in range(3)]
        assert {answer.headers["Location"] for answer in answers} == {
            answers[0].headers["Location"]
        }
        assert len(desk.snapshot.preferences()) == 1

    def test_sent_twice_at_once_is_one(self, alice, desk) -> None:
        page, address = alice.asked(), alice.address
        form = {name: hidden(page.document, "#choice", name) for name in NAMES}
        sent = [
            threading.Thread(target=alice.post, args=(address,), kwargs={**form, "chosen": "left"})
            for _ in range(8)
        ]
        for thread in sent:
            thread.start()
        for thread in sent:
            thread.join()
        assert len(desk.snapshot.preferences()) == 1

    def test_of_two_tabs_the_last_one_counts_and_nothing_is_lost(self, alice, desk) -> None:
        one, other = alice.asked(), alice.asked()
        alice.choose(one, "left")
        alice.choose(other, "right")
        left, right = desk.snapshot.preferences()
        assert (left.preferred, right.preferred) == left.summaries
        page = alice.get(alice.address, paper=desk.id(1), language="en")
        assert "You have chosen line 2." in text_of(page.document)

    def test_can_be_looked_at_and_changed_again(self, alice, desk) -> None:
        page = alice.follow(alice.choose(alice.asked(), "right"))
        (back,) = page.document.cssselect("[data-key=k]")
        page = alice.client.get(back.get("href"))
        assert about(page) == (desk.id(1), "en")
        assert "You have chosen line 2." in text_of(page.document)
        following = alice.follow(alice.choose(page, "tie"))
        assert about(following) == (desk.id(1), "zh")
        assert [one.preferred is None for one in desk.snapshot.preferences()] == [False, True]

    def test_the_first_pair_has_none_before_it(self, alice) -> None:
        assert alice.asked().document.cssselect("[data-key=k]") == []

    def test_what_is_skipped_stays_open(self, alice, desk) -> None:
        page = alice.asked()
        (skip,) = page.document.cssselect("[data-key=j]")
        page = alice.client.get(skip.get("href"))
        assert about(page) == (desk.id(1), "zh")
        for _ in range(2 * PAPERS - 1):
            page = alice.follow(alice.choose(page, "tie"))
        assert about(alice.asked()) == (desk.id(1), "en")

    def test_what_is_skipped_is_offered_again_before_any_name_is_shown(self, alice, desk) -> None:
        page = alice.asked()
        for number in range(2 * PAPERS):
            choice = "tie" if number == 3 else None
            page = alice.follow(alice.choose(page, choice) if choice else key(alice, page, "j"))
        assert "Skipped, or not seen yet: 5." in text_of(page.document)
        assert "tide-" not in page.text
        assert page.document.cssselect(f'a[href="{alice.base}{alice.address}/result"]')
        assert about(key(alice, page, "k")) == (desk.id(3), "zh")
        page = key(alice, page, "j")
        assert about(page) == (desk.id(1), "en")
        for left in range(5, 1, -1):
            page = alice.follow(alice.choose(page, "left"))
            assert texts(page.document, ".tags .count") == [f"{7 - left} of 6 chosen"]
        assert alice.choose(page, "left").headers["Location"].endswith("/result")

    def test_the_last_open_pair_that_is_skipped_is_asked_about_again(self, alice, desk) -> None:
        page = alice.asked()
        for _ in range(2 * PAPERS - 1):
            page = alice.follow(alice.choose(page, "tie"))
        end = key(alice, page, "j")
        assert "Skipped, or not seen yet: 1." in text_of(end.document)
        alice.choose(page, "tie")
        reloaded = alice.get(alice.address, at="end")
        assert reloaded.headers["Location"].endswith("/result")

    def test_is_told_on_the_next_page_with_the_way_back(self, alice, desk) -> None:
        page = alice.asked()
        assert texts(page.document, ".just") == []
        page = key(alice, alice.follow(alice.choose(page, "right")), "j")
        assert texts(page.document, ".just") == []
        page = alice.follow(alice.choose(page, "tie"))
        assert texts(page.document, ".just") == ["Just now you chose neither. Choose again"]
        address = f"{alice.base}{alice.address}?paper={desk.id(2)}&language=en"
        assert page.document.xpath("//*[@class='just']/a/@href | //a[@data-key='k']/@href") == [
            address,
            address,
        ]

    def test_in_a_second_round_the_way_back_leads_to_what_was_just_chosen(
        self, alice, desk
    ) -> None:
        page = alice.asked()
        for place in range(2 * PAPERS):
            skipped = place in (0, 4)
            page = key(alice, page, "j") if skipped else alice.follow(alice.choose(page, "tie"))
        page = alice.follow(alice.choose(key(alice, page, "j"), "left"))
        assert about(page) == (desk.id(3), "en")
        assert texts(page.document, ".just") == ["Just now you chose line 1. Choose again"]
        assert about(key(alice, page, "k")) == (desk.id(1), "en")

    @pytest.mark.parametrize("number", ["0", "7", "-1", "x", "²", "9" * 5000, "6"])
    def test_no_other_number_in_the_address_tells_of_one(self, alice, desk, number) -> None:
        alice.choose(alice.asked(), "left")
        page = alice.get(alice.address, paper=desk.id(1), language="zh", after=number)
        assert page.status == 200
        assert texts(page.document, ".just") == []

    def test_between_two_of_whom_one_is_gone_is_not_kept_and_says_so(self, alice, desk) -> None:
        page, address = alice.asked(), alice.address
        form = {name: hidden(page.document, "#choice", name) for name in NAMES}
        file = desk.snapshot.folder / "2-summaries.jsonl"
        kept = [line for line in file.read_text("utf-8").splitlines(True) if "tide-2" not in line]
        file.write_text("".join(kept), "utf-8")
        sent = alice.post(address, **form, chosen="left")
        assert "Nothing was kept of what you sent" in problems(sent)[0]
        shown = [sent, alice.get(address), alice.get(f"{address}/result")]
        for answer in shown:
            assert answer.status == 404
            assert "is not there any more" in problems(answer)[0]
            assert f"{alice.base}/choice" in answer.document.xpath("//main//a/@href")
        assert desk.snapshot.preferences() == []

    def test_of_lines_that_have_changed_meanwhile_is_not_taken(self, alice, desk) -> None:
        page = alice.asked()
        desk.write(flood(desk, 1, others(9)))
        answer = alice.choose(page, "left")
        assert answer.status == 409
        assert "These lines have changed" in problems(answer)[0]
        assert set(lines_on(answer)) == {lines_of(1)["en"], others(9)["en"]}
        assert desk.snapshot.preferences() == []
        assert alice.choose(answer, "left").status == 303

    def test_of_lines_that_are_the_same_by_now_leads_to_the_next_pair(self, alice, desk) -> None:
        page, address = alice.asked(), alice.address
        desk.write(flood(desk, 1, lines_of(1)))
        answer = alice.choose(page, "left")
        assert answer.status == 409
        assert about(answer) == (desk.id(2), "en")
        assert desk.snapshot.preferences() == []
        reloaded = alice.get(address, paper=desk.id(1), language="en")
        assert about(alice.follow(reloaded)) == (desk.id(2), "en")

    def test_stands_where_the_same_lines_are_written_again(self, alice, desk) -> None:
        alice.prefer(alice.asked(), others(1)["en"])
        desk.write(flood(desk, 1, {**others(1), "zh": others(9)["zh"]}))
        assert about(alice.asked()) == (desk.id(1), "zh")

    def test_is_about_what_the_present_text_of_a_prompt_wrote_and_not_about_newer_lines(
        self, alice, desk
    ) -> None:
        present = prompts.load(desk.settings.prompts, "one_line")
        written = present.fingerprint_for(desk.papers[0])
        desk.write(
            desk.candidate(1, others(5), prompt_fingerprint=written),
            desk.candidate(1, others(6), prompt_fingerprint="d" * 64),
        )
        assert set(lines_on(alice.asked())) == {others(5)["en"], others(1)["en"]}

    @pytest.mark.parametrize("chosen", ["", "both", "LEFT", "0"])
    def test_of_something_else_is_refused(self, alice, desk, chosen) -> None:
        assert alice.choose(alice.asked(), chosen).status == 400
        assert desk.snapshot.preferences() == []

    def test_without_the_token_or_from_another_origin_is_not_taken(self, alice, desk) -> None:
        page, address = alice.asked(), alice.address
        assert alice.choose(page, "left", csrf="wrong").status == 403
        form = {"paper": desk.id(1), "language": "en", "chosen": "left"}
        form["seen"] = hidden(page.document, "#choice", "seen")
        foreign = {"Origin": "https://evil.example"}
        assert alice.client.post(f"{alice.base}{address}", form, foreign).status == 403
        assert alice.get(address, **form).status == 200
        assert desk.snapshot.preferences() == []

    def test_of_another_process_is_seen_and_so_is_a_lost_file(self, alice, desk) -> None:
        alice.choose(alice.asked(), "left")
        (mine,) = desk.snapshot.preferences()
        with desk.snapshot.releasing():
            desk.snapshot.append_preferences([mine.but(language="zh")])
        assert about(alice.asked()) == (desk.id(2), "en")
        desk.snapshot.folder.joinpath("4-preferences.jsonl").unlink()
        assert about(alice.asked()) == (desk.id(1), "en")

    def test_that_cannot_be_written_is_told_and_can_be_sent_again(self, alice, desk) -> None:
        page = alice.asked()
        file = desk.snapshot.folder / "4-preferences.jsonl"
        file.symlink_to("no/such/folder")
        answer = alice.choose(page, "left")
        assert answer.status == 500
        assert "4-preferences.jsonl" in problems(answer)[0]
        file.unlink()
        assert about(alice.asked()) == about(page)
        assert alice.choose(page, "left").status == 303
        assert len(desk.snapshot.preferences()) == 1


class TestTheResult:
    def chosen(self, alice: Chooser) -> HtmlElement:
        """Alice prefers flood's English lines, and no Chinese ones."""
        page = alice.asked()
        for number in range(1, PAPERS + 1):
            page = alice.follow(alice.prefer(page, others(number)["en"]))
            page = alice.follow(alice.choose(page, "tie"))
        return page.document

    def test_comes_after_the_last_pair_with_names(self, alice) -> None:
        page = self.chosen(alice)
        assert "You have chosen between all lines that differ." in text_of(page)
        assert texts(page, ".scores thead th") == ["one_line@tide-1", "Neither", "flood@tide-2"]
        rows = [texts(row, "th, td") for row in page.cssselect(".scores tbody tr")]
        assert rows == [
            ["You · English line", "0", "0", "3"],
            ["You · Chinese line", "0", "3", "0"],
            ["All editors · English line", "0", "0", "3"],
            ["All editors · Chinese line", "0", "3", "0"],
        ]

    def test_counts_every_editor(self, app, alice, desk) -> None:
        self.chosen(alice)
        bob = Chooser(app.signed_in("bob"), desk)
        assert "6 still open" in text_of(bob.get(f"{bob.address}/result").document)
        bob.prefer(bob.asked(), lines_of(1)["en"])
        page = bob.get(f"{bob.address}/result").document
        rows = [texts(row, "td") for row in page.cssselect(".scores tbody tr")]
        assert rows == [["1", "0", "0"], ["0", "0", "0"], ["1", "0", "3"], ["0", "3", "0"]]

    def test_links_to_each_paper_in_which_they_differ_with_what_was_chosen(
        self, alice, desk
    ) -> None:
        desk.write(flood(desk, 2, lines_of(2)))
        alice.prefer(alice.asked(), others(1)["en"])
        page = alice.get(f"{alice.address}/result").document
        found = page.cssselect(".outcomes > li")
        assert [li.find("a").get("href") for li in found] == [
            f"{alice.base}?paper={desk.id(number)}" for number in (1, 3)
        ]
        assert "English line: flood@tide-2 · Chinese line: Open" in text_of(found[0])
        assert all(alice.client.get(href).status == 200 for href in page.xpath("//ol//a/@href"))

    def test_names_the_commands_that_compare_and_promote_the_better_one(self, alice, desk) -> None:
        promote = f"paperline prompts promote flood --topic {desk.snapshot.topic}"
        other = promote.replace("flood", "one_line")
        compare = f"paperline compare {desk.snapshot} one_line@tide-1 flood@tide-2"
        for page in (alice.get(f"{alice.address}/result").document, self.chosen(alice)):
            assert texts(page, ".commands") == [f"{compare} {other} {promote}"]
            assert "do not tell the two apart yet" in text_of(page)
        for number, language in itertools.product(range(1, PAPERS + 1), LANGUAGES):
            page = alice.get(alice.address, paper=desk.id(number), language=language)
            alice.prefer(page, others(number)[language])
        page = alice.get(f"{alice.address}/result").document
        assert texts(page, ".commands") == [f"{compare} {promote}"]
        assert "flood@tide-2 leads by more than chance would give" in text_of(page)

    def test_promotes_nothing_where_only_the_models_differ_and_quotes_what_a_shell_reads(
        self, alice, desk
    ) -> None:
        model = "tide 3; rm -r ."
        desk.write(desk.candidate(1, others(4), model=model))
        alice.other = f"one_line@{model}"
        page = alice.get(f"{alice.address}/result").document
        (command,) = texts(page, ".commands")
        assert command == (
            f"paperline compare {desk.snapshot} one_line@tide-1 'one_line@tide 3; rm -r .'"
        )

    def test_of_lines_that_are_all_the_same_says_so(self, alice, desk) -> None:
        desk.write(*(flood(desk, number, lines_of(number)) for number in (1, 2, 3)))
        page = alice.asked()
        assert "no line of the one differs" in text_of(page.document)

    def test_tells_of_choices_about_lines_that_are_gone(self, alice, desk) -> None:
        gone = Preference(
            paper=desk.id(1),
            version=1,
            language="en",
            summaries=("0" * 16, "1" * 16),
            preferred=None,
            editor="bob",
            at=desk.now,
        )
        with desk.snapshot.releasing():
            desk.snapshot.append_preferences([gone])
        page = alice.get(f"{alice.address}/result").document
        assert "Choices of this digest that are left out" in text_of(page)
        assert "not there any more: 1." in text_of(page)


class TestWhoIsBetter:
    @pytest.mark.parametrize(
        ("won", "lost", "likely"),
        [
            (0, 0, 1),
            (1, 1, 1),
            (5, 0, 2 / 32),
            (6, 0, 2 / 64),
            (9, 1, 22 / 1024),
            (8, 2, 112 / 1024),
        ],
    )
    def test_chance_is_told_by_the_sign_test(self, won, lost, likely) -> None:
        assert by_chance(won, lost) == pytest.approx(likely)
        assert by_chance(lost, won) == by_chance(won, lost)

    def test_a_thousand_papers_and_many_editors_are_within_its_reach(self) -> None:
        assert by_chance(20_000, 0) == 0
        assert by_chance(10_000, 10_000) == 1
        assert 0.04 < by_chance(10_140, 9_860) < 0.06

    @pytest.mark.parametrize(
        ("english", "chinese", "first"),
        [
            ((6, 0), (0, 0), True),
            ((3, 0), (3, 0), True),
            ((9, 1), (2, 2), False),
            ((20, 2), (2, 2), True),
            ((30, 0), (0, 1), False),
            ((5, 0), (0, 0), False),
            ((1, 0), (0, 0), False),
            ((0, 0), (0, 0), False),
        ],
    )
    def test_leads_in_no_language_less_than_the_other_and_by_more_than_chance(
        self, english, chinese, first
    ) -> None:
        for turned in (False, True):
            step = -1 if turned else 1
            scores: Scores = {
                language: Score(**dict(zip(("won", "lost"), counts[::step], strict=True)), tied=50)
                for language, counts in zip(LANGUAGES, (english, chinese), strict=True)
            }
            assert better(scores) == (int(turned) if first else None)


def test_every_page_is_in_either_language(alice) -> None:
    address = alice.address
    alice.choose(alice.asked(), "left")
    first = f"{address}?paper={alice.desk.id(1)}&language=en"
    english = {english for english, chinese in WORDS.items() if english != chinese}
    pages = (
        "/choice",
        first,
        f"{address}/result",
        f"{address}?at=end&after=1",
        "/choice/" + "0" * 16,
    )
    for page in pages:
        read = {}
        for tag in ("en", "zh-CN"):
            answer = alice.client.get(f"{alice.base}{page}", {"Accept-Language": tag})
            read[tag] = {text.strip() for text in answer.document.itertext()}
        assert read["en"] & set(WORDS)
        assert read["zh-CN"] & set(WORDS.values())
        assert not read["zh-CN"] & english


def test_a_name_with_markup_is_the_text_it_is_on_the_pages_that_name(alice, desk) -> None:
    model = "<img src=x onerror=alert(1)>"
    desk.write(desk.candidate(1, others(6), model=model))
    alice.other = f"one_line@{model}"
    for page in (alice.get("/choice"), alice.get(f"{alice.address}/result")):
        assert f"one_line@{model}" in text_of(page.document)
        assert not page.document.cssselect("img")


def test_a_hostile_digest_name_is_no_page(alice) -> None:
    for name in ("..", "%2e%2e%2f", "%00", f"{NAME}%0a"):
        assert alice.client.get(f"/review/tides/{name}/choice").status == 404
