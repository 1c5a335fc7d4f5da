"""Preview, publishing, withdrawing and the record of it, over HTTP against the real server."""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import run
from pipeline.progress import Plain
from pipeline.records import Decision, utc_text
from pipeline.web import auditing
from tests.desks import Room, a_desk, lines_of
from tests.web_client import ReviewApp, Reviewer, hidden, review_app, text_of, texts

PROBLEM = ".problem:not([hidden])"
TOPICS = itertools.count(1)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewApp]:
    """One server for all that publishes what is settled; each test has a topic of its own."""
    with review_app(a_desk(tmp_path_factory.mktemp("published")).settings) as running:
        yield running


@pytest.fixture
def desk(app: ReviewApp) -> Room:
    folder = app.room.settings.outputs.parent
    return a_desk(folder, papers=2, topic=f"tides{next(TOPICS)}")


@pytest.fixture
def alice(app: ReviewApp, desk: Room) -> Reviewer:
    return app.reviewer(desk)


def released(app: ReviewApp, desk: Room) -> list[tuple[str, tuple[str, ...], str | None]]:
    """Reason, editors and the reason to withdraw of each release, after what is due was done."""
    app.room.releases.finish(desk.snapshot)
    return [(each.reason, each.who, each.why) for each in desk.publications()]


def state(reviewer: Reviewer) -> str:
    return texts(reviewer.get("/preview").document, ".gate .state")[0]


class TestPublishing:
    def test_settling_the_last_paper_publishes(self, app, alice, desk) -> None:
        alice.settle(1)
        assert released(app, desk) == []
        assert "1 to decide before it can be published" in texts(alice.page(), ".release")
        alice.settle(2)
        assert released(app, desk) == [("first", ("alice",), None)]
        assert lines_of(1)["en"] in desk.page
        assert texts(alice.page(), ".release") == ["Published"]
        assert state(alice) == "Published"

    def test_the_page_asks_for_the_state_until_it_is_published(self, app, alice, desk) -> None:
        desk.settle(1)
        desk.decide("hold", 2)
        alice.settle(2)
        app.room.releases.finish(desk.snapshot)
        answer = alice.get("/state", partial=True)
        assert answer.status == 200
        assert "Published" in texts(answer.document, ".release")
        assert "hx-get" not in answer.text

    def test_by_the_button_as_well(self, app, alice, desk) -> None:
        desk.settle()
        assert state(alice) == "Ready to publish"
        answer = alice.publish()
        assert (answer.status, answer.headers["Location"]) == (303, f"{alice.base}/preview")
        assert state(alice) == "Published"
        (release,) = desk.publications()
        assert (release.who, release.by) == (("Mei Lan",), "alice")

    def test_is_of_the_digest_that_was_looked_at(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=1, publish="asked")
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            alice.settle(1)
            seen = hidden(alice.get("/preview").document, 'form[action$="/publish"]', "seen")
            bob = app.reviewer(desk, "bob")
            bob.post("/arrange", paper=desk.id(1), action="pin")
            assert alice.post("/publish", seen=seen).status == 409
            bob.decide("edit", 1, en="Bob's own line.", zh=lines_of(1)["zh"])
            answer = alice.post("/publish", seen=seen)
            assert answer.status == 409
            assert "has changed since you looked at it" in texts(answer.document, PROBLEM)[0]
            assert desk.publications() == []
            assert alice.publish().status == 303
            (release,) = desk.publications()
            assert (release.who, release.by) == (("bob",), "alice")

    def test_once_more_changes_nothing(self, app, alice, desk) -> None:
        desk.settle()
        seen = hidden(alice.get("/preview").document, 'form[action$="/publish"]', "seen")
        for _ in range(2):
            assert alice.post("/publish", seen=seen).status == 303
        assert released(app, desk) == [("first", ("Mei Lan",), None)]

    def test_is_refused_while_something_waits_and_says_what(self, app, alice, desk) -> None:
        alice.settle(1)
        answer = alice.post("/publish")
        assert answer.status == 409
        (problem,) = texts(answer.document, PROBLEM)
        assert problem == f"Not decided on yet: 1, the first is {desk.id(2)}."
        assert alice.post("/unpublish", why="x").status == 409
        assert released(app, desk) == []
        assert not desk.site.joinpath(desk.snapshot.topic).exists()

    def test_where_it_must_be_asked_for_settling_does_not(self, tmp_path) -> None:
        desk = a_desk(tmp_path, papers=1, publish="asked")
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            alice.settle(1)
            assert released(app, desk) == []
            assert texts(alice.page(), ".release") == ["Everything is decided."]
            assert state(alice) == "Ready to publish"
            assert alice.publish().status == 303
            assert released(app, desk) == [("first", ("alice",), None)]

    def test_corrections_that_follow_on_each_other_are_one_release(self, app, alice, desk) -> None:
        alice.settle()
        app.room.releases.finish(desk.snapshot)
        text = {"en": "Adapts a coastal model to one harbour, 4 cm.", "zh": lines_of(1)["zh"]}
        alice.decide("edit", 1, **text)
        alice.post("/arrange", paper=desk.id(2), action="up")
        alice.post("/arrange", paper=desk.id(2), action="pin")
        assert released(app, desk)[1:] == [("correction", ("alice",), None)]
        assert text["en"] in desk.page

    def test_a_paper_put_on_hold_afterwards_keeps_what_readers_see(self, app, alice, desk) -> None:
        alice.settle()
        app.room.releases.finish(desk.snapshot)
        before = desk.page
        alice.decide("hold", 1)
        assert len(released(app, desk)) == 1
        assert desk.page == before
        assert state(alice) == "Published, correction under way"
        alice.settle(1)
        app.room.releases.finish(desk.snapshot)
        assert state(alice) == "Published"

    def test_a_digest_is_withdrawn_with_a_reason_and_comes_back_when_asked(
        self, app, alice, desk
    ) -> None:
        alice.settle()
        app.room.releases.finish(desk.snapshot)
        assert alice.post("/unpublish", why="  ").status == 409
        answer = alice.post("/unpublish", why="Another harbour <b>was</b> meant")
        assert answer.status == 303
        assert state(alice) == "Withdrawn"
        assert "Another harbour &lt;b&gt;was&lt;/b&gt; meant" in desk.page
        assert lines_of(1)["en"] not in desk.page
        alice.decide("hold", 1)
        alice.decide("approve", 1)
        assert released(app, desk)[-1][0] == "withdrawn", "decisions alone bring nothing back"
        assert alice.publish().status == 303
        assert [reason for reason, *_ in released(app, desk)] == [
            "first",
            "withdrawn",
            "correction",
        ]
        assert lines_of(1)["en"] in desk.page


class TestTheIntroduction:
    def save(self, editor: Reviewer, seen: str, english: str) -> Any:
        return editor.post("/introduction", seen=seen, en=english, zh="")

    def seen(self, editor: Reviewer) -> str:
        document = editor.get("/preview").document
        return hidden(document, 'form[action$="/introduction"]', "seen")

    def test_is_written_previewed_taken_back_and_published(self, app, alice, desk) -> None:
        typed = "Tides\r\nof <May> & more"
        answer = self.save(alice, self.seen(alice), typed)
        assert (answer.status, answer.headers["Location"]) == (303, f"{alice.base}/preview")
        assert "Tides of &lt;May&gt; &amp; more" in alice.get("/preview/page").text
        alice.undo()
        assert "Tides of" not in alice.get("/preview/page").text
        self.save(alice, self.seen(alice), typed)
        alice.settle()
        app.room.releases.finish(desk.snapshot)
        assert "Tides of &lt;May&gt; &amp; more" in desk.page

    def test_of_two_editors_the_second_is_told_and_keeps_what_was_typed(
        self, app, alice, desk
    ) -> None:
        bob = app.reviewer(desk, "bob")
        seen = self.seen(bob)
        self.save(alice, seen, "Alice's words")
        answer = self.save(bob, seen, "Bob's words")
        assert answer.status == 409
        document = answer.document
        assert "alice has changed the introduction since" in texts(document, PROBLEM)[0]
        assert texts(document, ".others") == ["Alice's words"]
        assert document.get_element_by_id("intro-en").value == "Bob's words"
        again = hidden(document, 'form[action$="/introduction"]', "seen")
        assert self.save(bob, again, "Bob's words").status == 303
        taken = desk.snapshot.decisions()
        assert [(d.editor, d.lines) for d in taken] == [
            ("alice", {"en": "Alice's words"}),
            ("bob", {"en": "Bob's words"}),
        ]

    def test_that_is_too_long_is_refused_and_kept(self, alice, desk) -> None:
        answer = self.save(alice, self.seen(alice), "x" * 2001)
        assert answer.status == 400
        assert answer.document.get_element_by_id("intro-en").value == "x" * 2001
        assert desk.snapshot.decisions() == []


class TestThePreview:
    def test_is_what_readers_will_get(self, app, alice, desk) -> None:
        alice.decide("edit", 1, en="Errs by 4 cm.", zh="误差为 4 cm。")
        alice.decide("approve", 2)
        preview = alice.get("/preview/page").text
        app.room.releases.finish(desk.snapshot)

        def papers(page: str) -> str:
            found = re.search(r"<article.*</article>", page, re.DOTALL)
            assert found
            return found[0]

        assert papers(preview) == papers(desk.page)

    def test_has_a_policy_of_its_own_and_is_framed_by_our_page_alone(self, alice) -> None:
        headers = alice.get("/preview/page").headers
        (policy,) = headers.get_all("Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "sandbox allow-popups" in policy
        assert "script-src" not in policy
        assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
        assert "default-src 'none'" in alice.get("/preview").headers["Content-Security-Policy"]
        (frame,) = alice.get("/preview").document.cssselect("iframe")
        assert frame.get("src") == f"{alice.base}/preview/page"

    def test_of_a_withdrawn_digest_is_what_stands_in_its_place(self, app, alice, desk) -> None:
        alice.settle()
        app.room.releases.finish(desk.snapshot)
        alice.post("/unpublish", why="Another harbour was meant")
        assert "Another harbour was meant" in alice.get("/preview/page").text


class TestWhatFails:
    """A file stands where the site's folder should be, as a full or read-only disk would."""

    @pytest.fixture
    def desk(self, tmp_path: Path) -> Room:
        return a_desk(tmp_path, papers=2)

    def test_a_release_that_fails_is_told_and_the_next_attempt_mends_it(self, desk, caplog) -> None:
        desk.site.write_text("in the way", encoding="utf-8")
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            alice.settle()
            app.room.releases.finish(desk.snapshot)
            reason = "A file stands where a folder is needed"
            for answer in (alice.get(), alice.get("/state"), alice.get("/preview")):
                assert reason in texts(answer.document, PROBLEM)[0]
            assert f"{desk.snapshot} is not released" in caplog.text
            assert reason in caplog.text
            assert alice.publish().status == 500
            assert texts(alice.page(1), ".head .state") == ["Approved"]
            desk.site.unlink()
            button = texts(alice.get("/preview").document, 'form[action$="/publish"] button')
            assert button == ["Publish again"]
            assert alice.publish().status == 303
            assert lines_of(1)["en"] in desk.page
            for answer in (alice.get(), alice.get("/state"), alice.get("/preview")):
                assert texts(answer.document, PROBLEM) == []
        assert [each.reason for each in desk.publications()] == ["first"]

    def test_a_further_decision_is_an_attempt_too(self, desk) -> None:
        desk.site.write_text("in the way", encoding="utf-8")
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            alice.settle()
            app.room.releases.finish(desk.snapshot)
            desk.site.unlink()
            alice.decide("exclude", 2)
            app.room.releases.finish(desk.snapshot)
            assert texts(alice.get("/state").document, PROBLEM) == []
            assert lines_of(1)["en"] in desk.page

    def test_a_decision_that_cannot_be_written_is_not_taken(self, desk) -> None:
        (desk.snapshot.folder / "4-decisions.jsonl").mkdir()
        with review_app(desk.settings) as app:
            alice = app.reviewer(desk)
            answer = alice.post("/decide", paper=desk.id(1), action="hold", seen="")
            assert answer.status == 500
            assert "4-decisions.jsonl: is no file, though one belongs there" in answer.text

    def test_another_digest_is_released_meanwhile(self, desk) -> None:
        """Who goes on deciding on one digest does not keep another one waiting."""
        other = a_desk(desk.folder, papers=1, topic="lamps")
        with review_app(desk.settings) as app:
            app.reviewer(desk).decide("hold", 1)
            assert app.room.releases.is_due(desk.snapshot)
            app.reviewer(other).settle()
            app.room.releases.finish(other.snapshot)
            assert app.room.releases.is_due(desk.snapshot)
            assert len(other.publications()) == 1

    def test_what_an_earlier_server_left_undone_is_made_up_for_at_the_start(self, desk) -> None:
        desk.settle()  # and the process ends here
        with review_app(desk.settings):
            pass  # its end waits for what it has begun
        assert [each.reason for each in desk.publications()] == ["first"]
        assert lines_of(1)["en"] in desk.page

    def test_a_page_that_was_never_written_is_made_up_for_at_the_start(self, desk) -> None:
        desk.settle()
        desk.release(site=False)  # and the process ends here
        with review_app(desk.settings):
            pass
        assert lines_of(1)["en"] in desk.page

    def test_the_end_of_the_server_finishes_what_is_due(self, desk) -> None:
        with review_app(desk.settings) as app:
            app.reviewer(desk).decide("exclude", 1)
            assert desk.digest().excluded == ()
        assert [d.paper for d in desk.digest().excluded] == [desk.id(1)]

    def test_what_a_killed_server_left_the_next_run_releases(self, desk) -> None:
        desk.settle()  # on disk, and nothing followed
        night = run.Night(desk.settings, desk.later(), None, Plain())  # type: ignore[arg-type]
        (topic,) = desk.settings.topic
        assert run.heal(night, topic, desk.snapshot, run.Work())
        assert [each.reason for each in desk.publications()] == ["first"]


class TestTheRecord:
    def events(self, reviewer: Reviewer, page: int = 1) -> list[str]:
        answer = reviewer.get("/audit", page=str(page))
        assert answer.status == 200
        return texts(answer.document, ".events > li")

    def test_says_who_did_what_when_with_the_text_before_and_after(self, app, alice, desk) -> None:
        before = lines_of(1)["en"]
        alice.decide("edit", 1, en="Errs by 4 cm.", zh=lines_of(1)["zh"], note="shorter")
        app.reviewer(desk, "bob").decide("edit", 1, en="Errs by 4 cm!", zh=lines_of(1)["zh"])
        document = alice.get("/audit").document
        assert texts(document, "del") == ["Errs by 4 cm.", before]
        assert texts(document, "ins") == ["Errs by 4 cm!", "Errs by 4 cm."]
        assert texts(document, ".events .editor") == ["bob", "alice"]
        assert texts(document, ".remark") == ["shorter"]
        assert texts(document, ".about a") == [desk.id(1)] * 2
        times = [time.get("datetime") for time in document.cssselect(".events time")]
        assert times == [utc_text(d.at) for d in reversed(desk.snapshot.decisions())]

    def test_names_every_kind_of_decision_and_release(self, app, alice, desk) -> None:
        for action in ("hold", "exclude", "reopen", "approve"):
            alice.decide(action, 1)
        for action in ("pin", "unpin"):
            alice.post("/arrange", paper=desk.id(1), action=action)
        alice.post("/arrange", paper=desk.id(2), action="up")
        seen = hidden(alice.get("/preview").document, ".words form", "seen")
        alice.post("/introduction", seen=seen, en="Tides of May", zh="五月的潮汐")
        alice.settle(2)
        app.room.releases.finish(desk.snapshot)
        alice.post("/unpublish", why="Another harbour was meant")
        said = " | ".join(self.events(alice))
        for what in (
            "alice put on hold",
            "alice left out",
            "alice reopened",
            "alice approved",
            "alice pinned",
            "alice unpinned",
            f"alice moved before {desk.id(1)}",
            "alice wrote the introduction Tides of May 五月的潮汐",
            "alice published",
            "alice withdrawn Another harbour was meant",
        ):
            assert what in said

    def test_tells_a_withdrawn_paper_from_a_withdrawn_digest(self, desk, alice) -> None:
        desk.settle()
        desk.release()
        (first,) = desk.publications()
        desk.snapshot.append_publication(first.but(reason="withdrawn", who=()))
        assert "marked papers that were withdrawn" in self.events(alice)[0]

    def test_shows_two_hundred_at_a_time(self, desk, alice) -> None:
        assert "Nothing has been decided yet." in text_of(alice.get("/audit").document.body)
        taken = [
            Decision(
                paper=desk.id(1),
                version=1,
                action="hold",
                summary=None,
                lines=None,
                editor="bob",
                at=desk.now + timedelta(seconds=number),
                note=f"number {number}.",
            )
            for number in range(auditing.ON_A_PAGE + 1)
        ]
        desk.snapshot.append_decisions(taken)
        first, second = self.events(alice), self.events(alice, 2)
        assert (len(first), len(second)) == (200, 1)
        assert "number 200." in first[0]
        assert "number 0." in second[0]
        assert self.events(alice, 9) == second


def test_what_an_editor_does_costs_nothing(app, alice, desk) -> None:
    alice.settle()
    app.room.releases.finish(desk.snapshot)
    assert not (desk.settings.outputs / "spend.jsonl").exists()
