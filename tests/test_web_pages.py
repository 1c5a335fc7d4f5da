"""What comes from outside is text on every page; and what else editors and disks can do."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml.html import HtmlElement

from pipeline import configuration
from pipeline.books import Gap
from pipeline.records import Decision, Failure, Finding, Lines
from pipeline.site.text import INVISIBLE
from pipeline.web import desks
from tests.desks import NAME, Room, a_desk, lines_of
from tests.digests import a_decision, a_paper, a_publication
from tests.web_client import PASSWORD, Answer, Client, Reviewer, review_app, text_of, texts


def hostile(field: str) -> str:
    """A text that would be more than text wherever one character of it were not escaped."""
    return (
        f"{field} \"'`=></title></textarea></script></mark><script>x7()</script>"
        "<x7 onfocus=x7() autofocus><img src=x7:y onerror=x7()>&lt;x7&gt; {{7*7}} {%x7%} "
        "javascript:x7() \u202eesrever\u2066 \x1b[31m\x85 end"
    )


def as_text(field: str) -> str:
    """The same as a reader should see it."""
    return " ".join(INVISIBLE.sub("", hostile(field).replace("\x85", " ")).split())


def hostile_lines(field: str) -> Lines:
    return {"en": hostile(f"{field}-en"), "zh": hostile(f"{field}-zh")}


def of_editor(desk: Room, number: int | None, **changes: Any) -> Decision:
    """A decision as somebody could write it into the file by hand."""
    paper = None if number is None else desk.papers[number - 1]
    made = a_decision(paper, editor=hostile("editor"), note=hostile("note"), at=desk.later())
    return made.but(paper=paper and paper.id, version=paper and 1, **changes)


def hostile_desk(folder: Path) -> Room:
    """Three papers: decided on, with findings and candidates, with a gap; and shown before."""
    papers = [
        a_paper(
            number,
            title=hostile("title"),
            authors=(hostile("author"), "B"),
            abstract=hostile("abstract"),
            comments=hostile("comments"),
            venue=hostile("venue"),
            categories=(hostile("category"),),
            url=f"https://arxiv.org/{hostile('url')}",
        )
        for number in (1, 2, 3)
    ]
    earlier = a_desk(folder, papers=papers[:1], name="20260430_0405")
    edited = of_editor(earlier, 1, action="edit", lines=hostile_lines("elsewhere"))
    earlier.snapshot.append_decisions([edited])
    earlier.release()
    desk = a_desk(folder, papers=papers, gaps=[3], lines=lambda _: hostile_lines("line"))
    desk.write(desk.candidate(2, lines_of(2), prompt=hostile("prompt"), model=hostile("model")))
    snapshot, first = desk.snapshot, desk.snapshot.summaries()[0]
    snapshot.append_decisions(
        [
            of_editor(desk, 1, action="edit", summary=first.id, lines=hostile_lines("edit")),
            of_editor(desk, None, action="introduce", lines=hostile_lines("introduction")),
        ]
    )
    shown = next(s for s in snapshot.summaries() if s.paper == desk.id(2))
    found = Finding(
        summary=shown.id,
        paper=desk.id(2),
        language="en",
        code="a-code-of-another-version",
        severity="error",
        message=hostile("message"),
        span=(3, 40),
        source_span=(5, 50),
    )
    run = snapshot.run()
    stage = run.stages["check"]
    outputs = {"findings": snapshot.write_findings([found])}
    gap = Gap(failure=Failure(kind="content", reason=hostile("reason")))
    snapshot.write_run(
        run.but(stages={**run.stages, "check": stage.but(outputs=outputs)}, gaps={desk.id(3): gap})
    )
    withdrawn = a_publication(desk.digest(), "withdrawn", who=(hostile("who"),))
    snapshot.append_publication(a_publication(desk.digest()))
    snapshot.append_publication(withdrawn.but(why=hostile("why")))
    return desk


PAGES: dict[str, list[str]] = {
    "list": ["session"],
    "decided": [
        "session",
        "title",
        "author",
        "abstract",
        "comments",
        "venue",
        "category",
        "edit-en",
        "edit-zh",
        "editor",
        "elsewhere-en",
        "elsewhere-zh",
    ],
    "undecided": ["title", "line-en", "line-zh", "message", "prompt", "model"],
    "candidate": ["prompt", "model"],
    "gap": ["reason"],
    "part": ["title", "line-en", "message", "model"],
    "check": ["typed-en", "typed-zh"],
    "conflict": ["session", "typed-en", "typed-zh", "typed-note", "editor"],
    "refused": ["typed-note", "editor"],
    "preview": ["session", "introduction-en", "introduction-zh"],
    "page": ["why", "who"],
    "audit": [
        "session",
        "title",
        "editor",
        "note",
        "edit-en",
        "line-zh",
        "who",
        "why",
        "introduction-en",
    ],
    "nowhere": ["session"],
}
"""Each page, and what must be read on it."""


def answer_of(alice: Reviewer, page: str) -> Answer:
    desk = alice.desk
    typed = {"en": hostile("typed-en"), "zh": hostile("typed-zh"), "note": hostile("typed-note")}
    other = desk.snapshot.summaries()[-1].id
    gets: dict[str, tuple[str, dict[str, str]]] = {
        "decided": ("", {"paper": desk.id(1)}),
        "undecided": ("", {"paper": desk.id(2)}),
        "candidate": ("", {"paper": desk.id(2), "candidate": other}),
        "gap": ("", {"paper": desk.id(3)}),
        "preview": ("/preview", {}),
        "page": ("/preview/page", {}),
        "audit": ("/audit", {}),
        "nowhere": ("", {"paper": hostile("asked"), "show": hostile("asked")}),
    }
    if page == "list":
        return alice.client.get("/")
    if page == "part":
        return alice.get(partial=True, paper=desk.id(2))
    if page == "check":
        return alice.post("/check", partial=True, paper=desk.id(2), **typed)
    if page == "conflict":
        form = {"paper": desk.id(1), "action": "edit", "seen": hostile("seen"), **typed}
        return alice.post("/decide", partial=False, **form)
    if page == "refused":
        form = {"summary": hostile("asked"), "show": hostile("asked"), **typed}
        return alice.decide("approve", 1, partial=False, **form)
    what, query = gets[page]
    return alice.get(what, partial=False, **query)


def read(document: HtmlElement) -> str:
    """All that is read on a page: its text, and the values of its fields."""
    return " ".join([text_of(document), *document.xpath("//input/@value"), " "]).replace("\n", " ")


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewer]:
    """Whose name is no better than the rest."""
    desk = hostile_desk(tmp_path_factory.mktemp("hostile"))
    name = hostile("session")
    with review_app(desk.settings, editors=[name]) as app:
        client = Client(app.port)
        assert client.post("/login", {"name": name, "password": PASSWORD}).status == 303
        client.csrf = client.get("/no-such-page").csrf
        yield Reviewer(client, desk)


@pytest.mark.parametrize("page", PAGES)
def test_what_comes_from_outside_is_text_and_nothing_comes_of_it(alice, page) -> None:
    answer = answer_of(alice, page)
    assert answer.status == {"conflict": 409, "refused": 400, "nowhere": 404}.get(page, 200)
    document = answer.document
    for element in document.iter():
        assert element.tag not in ("x7", "img"), answer.text
        for attribute, value in element.attrib.items():
            assert not attribute.startswith("on")
            assert attribute != "autofocus" or element.tag == "button"
            assert attribute not in ("href", "src", "action") or "x7:" not in value[:5]
            assert not value.startswith("javascript:") or attribute in ("value", "data-saved")
    assert all(script.get("src").startswith("/static/") for script in document.iter("script"))
    assert not INVISIBLE.search(answer.text)
    assert "49" not in text_of(document).replace("2604.9", "")
    seen = read(document)
    for field in PAGES[page]:
        assert as_text(field) in " ".join(seen.split()), field


def test_a_link_to_arxiv_stays_one(alice) -> None:
    (link,) = alice.page(1).cssselect(".facts a")
    assert link.get("href").startswith("https://arxiv.org/")
    assert " " not in link.get("href")


class TestWhatElseCanBe:
    @pytest.fixture
    def desk(self, tmp_path: Path) -> Room:
        return a_desk(tmp_path)

    def test_a_digest_without_papers_is_a_page_that_says_so(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=[])
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            assert "This digest holds no papers." in text_of(alice.page().body)
            for what in ("/state", "/preview", "/preview/page", "/audit"):
                assert alice.get(what).status == 200
            assert alice.undo().status == 400
            assert alice.post("/publish").status == 409

    def test_a_paper_without_lines_is_written_by_its_editor(self, tmp_path) -> None:
        desk = a_desk(tmp_path, bare=[1])
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            document = alice.page(1)
            assert "There are no lines yet" in texts(document, ".gap")[-1]
            (button,) = document.cssselect('.actions [value="approve"]')
            assert button.get("disabled") is not None
            answer = alice.decide("approve", 1)
            assert answer.status == 400
            assert "there are no lines" in texts(answer.document, "#focus .problem")[0]
            base = {"paper": desk.id(1), "base": ""}
            assert alice.post("/check", partial=True, en="Errs by 5 cm.", **base).status == 200
            assert alice.decide("edit", 1, en="Errs by 4 cm.", zh="误差为 4 cm。").status == 303
            assert texts(alice.page(1), ".head .state") == ["Edited"]

    def test_a_very_long_title_is_shown(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=[a_paper(1, title="潮 tide " * 1500), a_paper(2)])
        with review_app(desk.settings) as app:
            assert app.reviewer(desk).page(1).get_element_by_id("title") is not None

    def test_papers_that_are_damaged_are_told_and_the_others_go_on(self, desk, caplog) -> None:
        other = a_desk(desk.folder, topic="lamps")
        with review_app(desk.settings) as app:
            papers = desk.snapshot.folder / "1-papers.jsonl"
            before = papers.read_bytes()
            papers.write_text("{", encoding="utf-8")
            alice = Reviewer(app.signed_in(), other)
            address = f"/review/tides/{NAME}"
            for answer in (alice.client.get(address), alice.client.get(f"{address}/preview")):
                assert answer.status == 500
                assert "1-papers.jsonl: is not what was fetched" in answer.text
            assert "1-papers.jsonl: is not what was fetched" in caplog.text
            alice.settle()
            papers.write_bytes(before)
            assert alice.client.get(address).status == 200

    @pytest.mark.parametrize("name", ["4-decisions.jsonl", "2-summaries.jsonl", "run.json"])
    def test_a_file_that_is_damaged_while_it_is_open_is_named(self, desk, name) -> None:
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            hold = {"paper": desk.id(1), "action": "hold", "seen": alice.seen(1)}
            (desk.snapshot.folder / name).write_text("{}\n", encoding="utf-8")
            for answer in (
                alice.get(),
                alice.post("/decide", partial=False, **hold),
                alice.get("/audit"),
            ):
                assert answer.status == 500
                assert name in answer.text

    def test_a_digest_that_is_taken_away_while_it_is_open_is_no_page_any_more(self, desk) -> None:
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            hold = {"paper": desk.id(1), "action": "hold", "seen": alice.seen(1)}
            shutil.rmtree(desk.snapshot.folder)
            for answer in (
                alice.get(),
                alice.get("/preview"),
                alice.post("/decide", partial=False, **hold),
                alice.post("/publish"),
            ):
                assert answer.status == 404
            assert not desk.snapshot.folder.exists()
            assert alice.client.get("/").status == 200

    def test_before_its_digest_there_is_nothing_to_review_and_the_page_says_what_to_do(
        self, tmp_path
    ) -> None:
        desk = a_desk(tmp_path, released=False)
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            for answer in (alice.get(), alice.get("/preview"), alice.post("/publish")):
                assert answer.status == 400
                assert "Run paperline run tides" in answer.text

    def test_a_damaged_glossary_is_told_and_keeps_nobody_from_the_list(self, desk) -> None:
        prompts = desk.folder / "prompts"
        shutil.copytree(desk.settings.prompts, prompts)
        file = desk.folder / "paperline.toml"
        text = file.read_text("utf-8").replace(str(desk.settings.prompts), str(prompts))
        file.write_text(text, encoding="utf-8")
        desk = a_desk_again(desk)
        (prompts / "glossary.tsv").write_text("a\tb\tc\td\te\tf\n", encoding="utf-8")
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            assert alice.client.get("/").status == 200
            answer = alice.get()
            assert answer.status == 400
            assert "glossary.tsv" in answer.text

    def test_more_digests_than_are_kept_in_memory_are_reviewed_all_the_same(
        self, desk, monkeypatch
    ) -> None:
        monkeypatch.setattr(desks, "MOST", 1)
        other = a_desk(desk.folder, topic="lamps")
        with review_app(desk.settings) as app:
            alice, elsewhere = app.reviewer(desk), app.reviewer(other)
            for number in (1, 2):
                alice.settle(number)
                elsewhere.settle(number)
            assert alice.undo().status == 303
            assert texts(alice.page(1), ".head .state") == ["Approved"]
            assert texts(alice.page(2), ".head .state") == ["Undecided"]


def a_desk_again(desk: Room) -> Room:
    """The same with the settings that are in its folder now."""
    settings = configuration.load(desk.folder / "paperline.toml", {})
    return Room(desk.folder, settings, desk.snapshot, desk.now)
