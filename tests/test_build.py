"""The site on disk: every address, what one more day rewrites, and what a kill leaves."""

import json
import logging
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from lxml.html import HtmlElement

from pipeline import files, sources_of_pages
from pipeline.errors import OutputError, SiteIncomplete
from pipeline.records import Withdrawal
from pipeline.settings import SiteSettings, TopicSettings
from pipeline.site.markdown import digest_markdown
from pipeline.sources_of_pages import SOURCES
from tests.digests import INSTANT, a_digest, a_paper, a_publication, an_entry, approved
from tests.press import Press, a_night, withdrawn


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path)


def flat(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def notes_of(page: HtmlElement) -> str:
    return " ".join(map(flat, page.cssselect(".notes")))


def of_topic(name: str, press: Press) -> set[str]:
    return {path.removeprefix(f"{name}/") for path in press.files() if path.startswith(f"{name}/")}


class TestAddresses:
    def test_of_the_site_and_of_a_topic(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        assert {path for path in press.files() if "/" not in path} == {
            "index.html",
            "robots.txt",
            "sitemap.xml",
        }
        assert of_topic("tides", press) == {
            "index.html",
            "archive.html",
            "2026-05.html",
            "20260501_1000.html",
            "20260502_1000.html",
            "feed-en.xml",
            "feed-zh.xml",
            "feed-en.json",
            "feed-zh.json",
            "sitemap.xml",
        }

    def test_a_topics_own_is_that_of_its_newest_digest(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        assert press.text("tides/index.html") == press.text("tides/20260502_1000.html")

    def test_every_link_inside_the_site_leads_to_a_file(self, press: Press) -> None:
        press.publish(*map(a_night, (1, 2, 3)), withdrawn(a_night(3)), a_night(30, month=4))
        press.publish(a_night(1), topic="reefs").build()
        made = press.files()
        for path in made:
            if not path.endswith(".html"):
                continue
            page, folder = press.page(path), path.rpartition("/")[0]
            for href in page.xpath("//@href | //@src"):
                if not href.startswith(("https:", "#", "data:")):
                    target = f"{folder}/{href}".removeprefix("/").partition("?")[0]
                    target = re.sub(r"[^/]+/\.\./", "", target).partition("#")[0]
                    assert target in made, (path, href)

    def test_canonical_ones_stand_below_the_sites(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        for path in ("tides/index.html", "tides/20260501_1000.html"):
            (link,) = press.page(path).xpath("//link[@rel='canonical']/@href")
            assert link == "https://digests.example/tides/20260501_1000.html"
        (front,) = press.page("index.html").xpath("//link[@rel='canonical']/@href")
        assert front == "https://digests.example/"


class TestPages:
    def test_lead_to_the_snapshots_published_before_and_after(self, press: Press) -> None:
        draft_between = a_night(2, earlier=("20260501_2200", "20260501_1000"))
        press.publish(a_night(1), draft_between, a_night(3)).build()
        page = press.page("tides/20260502_1000.html")
        assert set(page.xpath("//a[@rel='prev']/@href")) == {"20260501_1000.html"}
        assert set(page.xpath("//a[@rel='next']/@href")) == {"20260503_1000.html"}
        assert page.xpath("//a[@href='archive.html']")
        assert not page.xpath("//a[@href='20260501_2200.html']")

    def test_show_the_last_release(self, press: Press) -> None:
        press.publish(a_night(1, 1), a_night(1, 2, reason="correction")).build()
        page = press.page("tides/20260501_1000.html")
        assert page.xpath("//article/@id") == [a_paper(1).id, a_paper(2).id]
        assert "Corrected on 2026-05-01 11:00" in notes_of(page)

    def test_of_a_withdrawn_digest_keep_its_note_and_none_of_its_papers(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2), withdrawn(a_night(2))).build()
        stone = press.page("tides/20260502_1000.html")
        assert stone.xpath("//article") == []
        assert "The wrong query was used." in flat(stone)
        assert "Withdrawn on 2026-05-02 12:00 by Mei Lan" in flat(stone)
        assert "Snapshot: 20260502_1000" in flat(stone)
        assert press.text("tides/index.html") == press.text("tides/20260501_1000.html")

    def test_mark_a_paper_that_was_withdrawn_since_and_keep_its_line(self, press: Press) -> None:
        when = datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
        told = "This paper has been withdrawn <b>by</b> the authors"
        gone = Withdrawal(version=2, at=when, comments=told, snapshot="20260504_1000")
        marked = a_digest(approved(an_entry(1, withdrawn=gone)), approved(an_entry(2)))
        notice = a_publication(marked, "withdrawn", at=when, who=())
        press.publish(a_publication(), notice).build()
        page = press.page("tides/20260501_0405.html")
        (note,) = page.cssselect(".withdrawal")
        assert note.xpath("ancestor::article/@id") == [a_paper(1).id]
        assert "by its version 2 of 2026-05-04 08:30" in flat(note)
        assert "第 2 版，2026-05-04 08:30" in flat(note)
        assert flat(note).count(told) == 2
        assert len(page.cssselect(".summary")) == 2
        assert "On 2026-05-04 08:30 papers were marked" in notes_of(page)
        assert "withdrawn since, by its version 2" in digest_markdown(marked)

    def test_show_as_published_what_was_recorded_as_a_draft(self, press: Press) -> None:
        press.publish(a_night(1, status="draft")).build()
        assert not press.page("tides/20260501_1000.html").cssselect(".draft")


class TestTheArchive:
    def test_has_the_years_newest_first_with_all_their_months(self, press: Press) -> None:
        press.publish(a_night(30, 3, month=4), a_night(1, 2), a_night(2, 1), a_night(9, year=2025))
        press.build()
        page = press.page("tides/archive.html")
        assert [flat(h)[:4] for h in page.xpath("//h2")] == ["2026", "2025"]
        first = page.cssselect(".months")[0]
        assert len(first.xpath("li")) == 12
        assert first.xpath(".//a/@href") == ["2026-04.html", "2026-05.html"]
        assert [flat(a).split()[0] for a in first.cssselect(".amount")] == ["3", "3"]

    def test_shows_how_many_papers_each_day_had(self, press: Press) -> None:
        press.publish(a_night(1, 2), a_night(31, 3)).build()
        page = press.page("tides/2026-05.html")
        rows = page.xpath("//table//tbody/tr")
        assert len(rows) == 5  # May 2026 begins on a Friday and ends on a Sunday
        assert flat(rows[0].xpath("td")[4]) == "1 2"
        assert flat(rows[4].xpath("td")[6]) == "31 3"
        links = page.xpath("//table//a/@href")
        assert links == ["20260501_1000.html", "20260531_1000.html"]

    def test_has_all_digests_of_a_day(self, press: Press) -> None:
        late = a_night(1, 4, snapshot="20260501_1800", instant=datetime(2026, 5, 1, 10, tzinfo=UTC))
        press.publish(a_night(1, 2), late).build()
        (day,) = press.page("tides/2026-05.html").xpath("//td[@class='some']")
        assert flat(day) == "1 2 4"

    def test_goes_by_the_local_date(self, press: Press) -> None:
        press.publish(a_publication(a_digest(instant=INSTANT))).build()  # 20:05 on 30 April, UTC
        assert "2026-05.html" in of_topic("tides", press)

    def test_leads_from_month_to_month_over_those_that_have_none(self, press: Press) -> None:
        press.publish(a_night(1, month=2), a_night(1, month=5)).build()
        assert press.page("tides/2026-05.html").xpath("//a[@rel='prev']/@href") == ["2026-02.html"]
        assert press.page("tides/2026-02.html").xpath("//a[@rel='next']/@href") == ["2026-05.html"]

    def test_does_not_count_what_was_withdrawn(self, press: Press) -> None:
        press.publish(a_night(1, 2), a_night(2, 5), withdrawn(a_night(2, 5))).build()
        (amount,) = press.page("tides/archive.html").cssselect(".months .amount")
        assert flat(amount).split()[0] == "2"
        assert "已撤回" in flat(press.page("tides/2026-05.html"))


class TestTheFrontPage:
    def test_of_nothing_says_so(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        (press.outputs.snapshot("tides", "20260501_1000").folder / "6-published.jsonl").unlink()
        press.build()
        assert "Nothing has been published yet." in flat(press.page("index.html"))
        assert not any(path.startswith("tides/") for path in press.files())

    def test_is_not_made_before_anything_is_published(self, press: Press) -> None:
        assert press.build().changed == []
        assert not press.folder.root.exists()

    def test_has_the_topics_in_the_order_of_the_settings_with_what_they_are_about(
        self, tmp_path: Path
    ) -> None:
        topics = (
            TopicSettings(name="tides", query="all:tide", title="Tides", description="Of harbours"),
            TopicSettings(name="reefs", query="all:reef", title="Reefs"),
        )
        press = Press(tmp_path, topic=topics)
        for name in ("gone", "reefs", "tides"):
            press.publish(a_night(1), topic=name)
        press.build()
        page = press.page("index.html")
        assert page.xpath("//h2/a/@href") == [
            "tides/index.html",
            "reefs/index.html",
            "gone/index.html",
        ]
        assert [flat(h) for h in page.xpath("//h2")] == ["Tides", "Reefs", "Tide Papers 潮汐论文"]
        assert "Of harbours" in flat(page)

    def test_leads_to_a_withdrawn_digest_only_where_there_is_no_other(self, press: Press) -> None:
        press.publish(a_night(1), withdrawn(a_night(1))).build()
        assert "已撤回" in flat(press.page("index.html"))


class TestForMachines:
    def test_the_sitemap_names_every_page_that_can_be_read(self, press: Press) -> None:
        press.publish(a_night(30, month=4), a_night(1), a_night(2), a_night(3))
        press.publish(withdrawn(a_night(3))).build()
        root = ET.fromstring(press.text("tides/sitemap.xml"))
        addresses = [each.text for each in root.iter() if each.tag.endswith("}loc")]
        assert addresses == [
            f"https://digests.example/tides/{page}"
            for page in (
                "archive.html",
                "2026-04.html",
                "2026-05.html",
                "20260430_1000.html",
                "20260501_1000.html",
                "20260502_1000.html",
            )
        ]
        (index,) = [
            each.text
            for each in ET.fromstring(press.text("sitemap.xml")).iter()
            if each.tag.endswith("}loc")
        ]
        assert index == "https://digests.example/tides/sitemap.xml"
        assert "Sitemap: https://digests.example/sitemap.xml\n" in press.text("robots.txt")

    def test_addresses_are_escaped_in_sitemaps(self, tmp_path: Path) -> None:
        press = Press(tmp_path, site=SiteSettings(url="https://x.example/a&b", search=False))
        press.publish(a_night(1)).build()
        for path in ("tides/sitemap.xml", "sitemap.xml"):
            first = ET.fromstring(press.text(path)).findtext(".//{*}loc") or ""
            assert first.startswith("https://x.example/a&b/tides/")

    def test_a_clock_that_was_set_back_takes_no_change_back(self, press: Press) -> None:
        early = a_night(1, 2, reason="correction")
        press.publish(a_night(1), early.but(at=early.at - timedelta(hours=30))).build()
        for path in ("tides/sitemap.xml", "sitemap.xml"):
            root = ET.fromstring(press.text(path))
            times = [each.text for each in root.iter() if each.tag.endswith("}lastmod")]
            assert times == ["2026-05-01T03:00:00Z"]

    def test_every_topic_has_feeds_in_its_languages_only(self, tmp_path: Path) -> None:
        topic = TopicSettings(name="tides", query="all:tide", languages=("zh",))
        press = Press(tmp_path, topic=(topic,)).publish(a_night(1))
        press.build()
        assert {path for path in of_topic("tides", press) if "feed" in path} == {
            "feed-zh.xml",
            "feed-zh.json",
        }


class TestOneMoreDay:
    def changed_by(self, press: Press, *nights: int) -> set[str]:
        press.publish(*map(a_night, (1, 2, 4, 5)), a_night(3, month=3)).build()
        press.publish(a_night(1), topic="reefs").build()
        before = press.times()
        changed = press.publish(*map(a_night, nights)).build().changed
        after = press.times()
        assert {path for path in after if before.get(path) != after[path]} == set(changed)
        return set(changed)

    LISTS = frozenset(
        f"tides/{name}"
        for name in (
            "archive.html",
            "2026-05.html",
            "sitemap.xml",
            "feed-en.xml",
            "feed-zh.xml",
            "feed-en.json",
            "feed-zh.json",
        )
    )

    def test_rewrites_that_day_its_neighbours_its_month_and_the_lists(self, press: Press) -> None:
        assert self.changed_by(press, 6) == self.LISTS | {
            "tides/20260506_1000.html",
            "tides/20260505_1000.html",
            "tides/index.html",
            "index.html",
            "sitemap.xml",
        }

    def test_of_the_past_rewrites_those_beside_it(self, press: Press) -> None:
        assert self.changed_by(press, 3) == self.LISTS | {
            "tides/20260502_1000.html",
            "tides/20260503_1000.html",
            "tides/20260504_1000.html",
        }

    def test_reads_none_of_the_earlier_ones_but_those_in_the_feeds(self, press: Press) -> None:
        press.publish(*map(a_night, range(1, 29))).build()
        for day in range(1, 6):
            file = press.outputs.snapshot("tides", f"202605{day:02d}_1000").folder
            stat = (file / "6-published.jsonl").stat()
            (file / "6-published.jsonl").write_bytes(b"x" * stat.st_size)
            os.utime(file / "6-published.jsonl", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert press.publish(a_night(29)).build().changed

    def test_of_another_topic_leaves_this_one_alone(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        changed = press.publish(a_night(2), topic="reefs").build().changed
        assert not [path for path in changed if path.startswith("tides/")]

    def test_a_correction_rewrites_its_page_alone_and_the_lists(self, press: Press) -> None:
        press.publish(*map(a_night, (1, 2, 3))).build()
        changed = press.publish(a_night(2, 2, reason="correction")).build().changed
        assert [path for path in changed if re.search(r"/2026\d{4}_", path)] == [
            "tides/20260502_1000.html"
        ]

    def test_nothing_new_changes_nothing(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        before = press.times()
        assert press.build().changed == []
        assert press.times() == before


class TestARebuild:
    def test_from_scratch_gives_the_same_bytes(self, tmp_path: Path) -> None:
        grown, anew = Press(tmp_path / "grown"), Press(tmp_path / "anew")
        nights = [
            a_night(1),
            a_night(4),
            a_night(2, 3),
            a_night(1, 2, reason="correction"),
            a_night(30, month=4),
            a_night(2),
            withdrawn(a_night(4)),
        ]
        for night in nights:
            grown.publish(night).build()
        anew.publish(*nights).build()
        assert grown.files() == anew.files()

    def test_restores_what_was_removed(self, press: Press) -> None:
        press.publish(*map(a_night, (1, 2, 3))).build()
        made = press.files()
        for path in made:
            (press.folder.root / path).unlink()
            assert path in press.build().changed
        assert press.files() == made

    def test_is_made_where_title_or_address_changed(self, tmp_path: Path) -> None:
        Press(tmp_path).publish(a_night(1), a_night(2)).build()
        moved = Press(tmp_path, site=SiteSettings(url="https://tides.example/", search=False))
        assert "tides/20260501_1000.html" in moved.build().changed
        text = moved.text("tides/20260501_1000.html")
        assert "https://tides.example/tides/20260501_1000.html" in text
        assert "digests.example" not in text

    def test_is_made_where_the_catalogue_cannot_be_read(
        self, press: Press, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        press.publish(a_night(1)).build()
        before = press.times()
        (press.settings.outputs / ".site.json").write_text('{"mark": 1}')
        caplog.set_level("INFO")
        assert press.build().changed == []
        assert "the whole site is made anew" in caplog.text
        assert press.times() == before

    def test_a_build_that_broke_off_is_made_up(
        self, press: Press, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        press.publish(*map(a_night, (1, 2))).build()
        press.publish(a_night(3), a_night(1, month=6))
        whole, replace = Press(press.settings.outputs.parent / "whole"), files.replace
        whole.publish(*map(a_night, (1, 2, 3)), a_night(1, month=6)).build()
        left = 0
        while True:
            written: list[Path] = []

            def stop(path: Path, text: str, most: int = left) -> None:
                if len(written) == most:  # noqa: B023  called in this turn only
                    raise OutputError("the power failed")
                written.append(path)  # noqa: B023
                replace(path, text)

            monkeypatch.setattr(files, "replace", stop)
            try:
                press.build()
                break
            except OutputError:
                left += 1
        assert press.files() == whole.files()

    def test_removes_the_pages_of_snapshots_that_are_gone(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2), a_night(1, month=6)).build()
        (press.outputs.snapshot("tides", "20260601_1000").folder / "6-published.jsonl").unlink()
        press.build()
        assert "20260601_1000.html" not in of_topic("tides", press)
        assert "2026-06.html" not in of_topic("tides", press)

    def test_leaves_alone_what_is_not_its_own(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        others = [
            "CNAME",
            ".nojekyll",
            "about/index.html",
            "blog/archive.html",
            "stats/2026-05.html",
            "tides/logo.svg",
        ]
        for name in others:
            path = press.folder.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("mine", encoding="utf-8")
        (press.folder.root / "tides" / "history.html").write_text("old", encoding="utf-8")
        (press.folder.root / "tides" / ".2026-04.html.x.part").write_text("ha", encoding="utf-8")
        (press.folder.root / "assets" / "site-00000000.css").write_text("old", encoding="utf-8")
        press.publish(a_night(2)).build()
        assert all(name in press.files() for name in others)
        for name in (
            "assets/site-00000000.css",
            "tides/history.html",
            "tides/.2026-04.html.x.part",
        ):
            assert name not in press.files()

    def test_mends_files_that_were_changed_by_another_hand(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        made = press.files()
        for name, text in (
            ("20260501_1000.html", ""),
            ("index.html", "\xff"),
            ("feed-en.xml", "<"),
        ):
            (press.folder.root / "tides" / name).write_bytes(text.encode("latin-1"))
        press.build()
        assert press.files() == made

    def test_gives_all_the_right_to_read(self, press: Press) -> None:
        before = os.umask(0o077)
        try:
            press.publish(a_night(1)).build()
        finally:
            os.umask(before)
        for path in (press.folder.root, *press.folder.root.rglob("*")):
            assert path.stat().st_mode & 0o004, path


class TestTheSearchIndex:
    ENTRY = "search/2026/pagefind-entry.json"

    @pytest.fixture
    def press(self, tmp_path: Path) -> Press:
        return Press(tmp_path, site=SiteSettings(url="https://digests.example/"))

    def test_is_made_anew_of_the_years_that_changed(self, press: Press) -> None:
        press.publish(a_night(1), a_night(1, year=2025)).build()
        assert {self.ENTRY, "search.html"} <= press.files().keys()
        changed = press.publish(a_night(2)).build().changed
        assert self.ENTRY in changed
        assert not any(path.startswith("search/2025/") for path in changed)
        assert press.build().changed == []

    def test_that_was_lost_in_part_is_made_again(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        for name in ("pagefind.js", "pagefind-entry.json", "."):
            lost = press.folder.root / "search" / "2026" / name
            shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
            assert self.ENTRY in press.files() or self.ENTRY in press.build().changed
            press.build()
            assert {"search/2026/pagefind.js", self.ENTRY} <= press.files().keys()

    def test_that_cannot_be_made_leaves_the_site_whole_and_is_tried_again(
        self, press: Press, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PAGEFIND_BINARY_PATH", "/bin/false")
        built = press.publish(a_night(1)).build()
        assert "Pagefind ended with 1" in str(built.troubles)
        assert "tides/20260501_1000.html" in press.files()
        monkeypatch.delenv("PAGEFIND_BINARY_PATH")
        built = press.build()
        assert (self.ENTRY in built.changed, built.troubles) == (True, [])

    def test_is_taken_away_where_it_cannot_be_freed_of_what_was_withdrawn(
        self, press: Press, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        press.publish(a_night(1), a_night(2)).build()
        monkeypatch.setenv("PAGEFIND_BINARY_PATH", "/bin/false")
        assert press.publish(a_night(3)).build().troubles
        assert self.ENTRY in press.files()
        assert press.publish(withdrawn(a_night(2))).build().troubles
        assert self.ENTRY not in press.files()

    def test_goes_with_its_page_where_it_is_turned_off(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        press = Press(press.settings.outputs.parent)
        press.build()
        assert not any(path.startswith("search") for path in press.files())


class TestWhatCannotBeRead:
    def damage(self, press: Press, day: int, text: str = "{}\n") -> None:
        folder = press.outputs.snapshot("tides", f"202605{day:02d}_1000").folder
        (folder / "6-published.jsonl").write_text(text, encoding="utf-8")

    def test_is_named_and_everything_else_is_shown(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2))
        press.publish(a_night(1), topic="reefs")
        self.damage(press, 1)
        built = press.build()
        (trouble,) = built.troubles
        assert "does not hold a Publication" in str(trouble)
        assert {"tides/20260502_1000.html", "reefs/20260501_1000.html"} <= press.files().keys()
        with pytest.raises(SiteIncomplete, match="Publication"):
            built.complete()

    def test_stays_as_it_was_shown(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        page = press.text("tides/20260501_1000.html")
        self.damage(press, 1)
        built = press.publish(a_night(3)).build()
        assert len(built.troubles) == 1
        assert "tides/20260503_1000.html" in built.changed
        assert press.text("tides/20260501_1000.html") == page
        assert "20260501_1000.html" in press.text("tides/2026-05.html")

    def test_stays_also_where_the_catalogue_is_lost(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        self.damage(press, 1)
        (press.settings.outputs / ".site.json").unlink()
        assert len(press.build().troubles) == 1
        assert "tides/20260501_1000.html" in press.files()

    def test_stays_also_where_it_is_all_that_a_topic_has(self, press: Press) -> None:
        press.publish(a_night(1)).build()
        before = press.files()
        self.damage(press, 1)
        assert len(press.build().troubles) == 1
        (press.settings.outputs / ".site.json").unlink()
        for _ in range(2):
            assert len(press.build().troubles) == 1
        assert press.files().keys() <= before.keys()

    def test_keeps_nothing_else_from_being_found(self, tmp_path: Path) -> None:
        press = Press(tmp_path, site=SiteSettings(url="https://x.example/", search=True))
        press.publish(a_night(1), a_night(2)).build()
        self.damage(press, 1)
        assert len(press.publish(a_night(3)).build().troubles) == 1
        page = press.folder.root / "tides" / "20260501_1000.html"
        page.unlink()
        (trouble,) = press.publish(a_night(4)).build().troubles
        assert "does not hold a Publication" in str(trouble)
        assert not page.exists()
        assert "search/2026/pagefind-entry.json" in press.files()
        assert press.build().changed == []

    def test_keeps_no_new_site_from_being_made(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        self.damage(press, 1)
        press.build()
        (press.settings.outputs / ".site.json").unlink()
        shutil.rmtree(press.folder.root)
        assert press.build().troubles
        assert "tides/20260502_1000.html" in press.files()
        assert "20260501_1000.html" not in press.text("tides/2026-05.html")

    def test_a_snapshot_under_another_name_is_not_mixed_with_the_others(self, press: Press) -> None:
        press.publish(a_night(1), a_night(2)).build()
        shutil.copytree(press.outputs.root / "tides", press.outputs.root / "tides_old")
        folder = press.outputs.snapshot("tides", "20260501_1000").folder
        folder.rename(folder.with_name("20260501_1001"))
        built = press.publish(a_night(3)).build()
        told = " ".join(map(str, built.troubles))
        assert "holds the releases of tides/20260501_1000" in told
        assert "holds the releases of tides/20260502_1000" in told
        assert "Give the folder its name again" in told
        feed = json.loads(press.text("tides/feed-en.json"))
        shown = [re.findall(r"\d{8}_\d{4}", item["url"]) for item in feed["items"]]
        assert shown == [["20260503_1000"], ["20260502_1000"]]


def test_all_that_pages_are_made_of_is_in_the_mark() -> None:
    package = Path(sources_of_pages.__file__).parent
    seen: set[str] = set()
    waiting = [f"site/{path.name}" for path in (package / "site").glob("*.py")]
    waiting += ["topic_pages.py", "search_index.py"]
    while waiting:
        name = waiting.pop()
        if name in seen or not (package / name).is_file():
            continue
        seen.add(name)
        for line in (package / name).read_text("utf-8").splitlines():
            if found := re.match(r"\s*from (pipeline[\w.]*) import (.*)", line):
                parts = found[1].split(".")[1:]
                names = [n.strip() for n in found[2].strip("()").split(",")]
                waiting.append("/".join(parts) + ".py")
                waiting += ["/".join([*parts, each]) + ".py" for each in names]
    not_shown = {"errors.py", "files.py", "journals.py", "outputs.py", "settings.py", "snapshot.py"}
    unknown = {
        name
        for name in seen
        if not any(name == each or name.startswith(f"{each}/") for each in SOURCES)
    }
    assert unknown - not_shown <= READING


READING = {
    "books.py",
    "chronology.py",
    "databases.py",
    "exchange.py",
    "gate_settings.py",
    "openings.py",
    "sections.py",
    "settings_faults.py",
    "spending.py",
    "wording.py",
}
"""What is used for reading files, and says nothing on a page."""


def test_the_sites_address_may_have_a_path_of_its_own(tmp_path: Path) -> None:
    press = Press(tmp_path, site=SiteSettings(url="https://x.example/digests", search=False))
    press.publish(a_night(1)).build()
    feed = json.loads(press.text("tides/feed-en.json"))
    assert feed["feed_url"] == "https://x.example/digests/tides/feed-en.json"
