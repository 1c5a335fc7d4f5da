"""The check stage: every candidate is checked, and the gate knows what was found."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pipeline import candidates, rulebook
from pipeline import desk as desks
from pipeline.books import Run, Stage
from pipeline.checks.codes import CODES
from pipeline.decisions import waited_for
from pipeline.errors import DamagedFile, PromptError, UsageError
from pipeline.exchange import Deliver, Job, Outcome, Paid, Verdict, failed
from pipeline.gate_settings import CheckSettings, ReviewSettings
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import Digest, Failure, Finding, Lines, Paper, Severity, Summary
from pipeline.releasing import assembled, release
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import assemble as assembling
from pipeline.stages import check as stage
from pipeline.stages.assemble import assemble
from pipeline.stages.review import Wish
from tests.conftest import REPOSITORY
from tests.digests import a_paper, a_summary

NOW = datetime(2026, 4, 30, 20, 5, tzinfo=UTC)
RIGHT: Lines = {
    "en": "A coastal model adapted to one harbour predicts its tide with an error of 4 cm.",
    "zh": "针对单个港口适配的海岸模型，潮汐预测误差为 4 cm。",
}
WRONG: Lines = {**RIGHT, "zh": "針对单个港口适配的海岸模型，潮汐预测误差为 4 cm。"}
UNSPACED: Lines = {**RIGHT, "zh": "针对单个港口适配的海岸模型，潮汐预测误差为4 cm。"}


def summary(paper: Paper, lines: Lines, **changes: Any) -> Summary:
    return a_summary(paper, lines, **{"model": "gpt-5-mini", **changes})


class Opinion:
    """An executor that has an answer ready for each paper: verdicts, or the failure to get them."""

    def __init__(self, said: dict[str, dict[Any, Verdict] | Failure]) -> None:
        self.said = said
        self.asked: list[str] = []

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        del paid, redo
        for job in jobs:
            self.asked.append(job.paper.id)
            answer = self.said[job.paper.id]
            if isinstance(answer, Failure):
                deliver(failed(job, answer))
            else:
                deliver(
                    Outcome(
                        paper=job.paper.id,
                        model=job.model,
                        summary=job.summary,
                        verdicts=answer,
                        created=NOW,
                    )
                )

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Desk:
    """One snapshot of invented papers, and what is done to it."""

    settings: Settings
    snapshot: Snapshot

    @property
    def papers(self) -> list[Paper]:
        return self.snapshot.papers()

    def write(self, *made: Summary) -> None:
        """Candidates, as the summarize stage leaves them."""
        with self.snapshot.adding_summaries() as add:
            for one in made:
                add(one)
        run = self.snapshot.run()
        if run.prompt is None:
            run = run.but(prompt="one_line", prompt_fingerprint="f" * 64, model="gpt-5-mini")
        done = Stage(complete=True, started=NOW, seconds=0.0)
        self.snapshot.write_run(run.but(stages={**run.stages, "summarize": done}))

    def findings(self) -> list[Finding]:
        found = self.snapshot.findings(self.snapshot.run())
        assert found is not None
        return found

    def check(self, executor: Opinion | None = None, **chosen: Any) -> list[Finding]:
        """What is found; `chosen` are settings of [check], which stay."""
        if chosen:
            self.settings = msgspec.structs.replace(self.settings, check=CheckSettings(**chosen))
        done = stage.check(self.settings, self.snapshot, executor=executor, progress=Plain())
        assert done.findings == self.findings()
        return done.findings

    def digest(self) -> Digest:
        with self.snapshot.releasing():
            return assembled(self.settings, self.snapshot)

    def gate(self) -> list[str]:
        """The papers that keep the gate shut under `flagged`."""
        return [entry.paper.id for entry in waited_for(self.digest(), "flagged")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    settings = Settings(
        outputs=tmp_path / "outputs",
        cache=tmp_path / "cache",
        prompts=REPOSITORY / "prompts",
        review=ReviewSettings(policy="flagged"),
    )
    run = Run(topic="tides", snapshot="20260501_0405", instant=NOW, time_zone="Asia/Shanghai")
    papers = [a_paper(1), a_paper(2), a_paper(3)]
    return Desk(settings, Outputs(settings.outputs).create_snapshot(run, papers))


def codes(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.paper[-1], finding.code) for finding in findings]


def numbered(number: int, lines: Lines = RIGHT) -> Lines:
    """The lines with a name of their own, so that no two papers share one."""
    return {
        "en": f"Tidal Adapters {number}: {lines['en']}",
        "zh": f"Tidal Adapters {number}：{lines['zh']}",
    }


def harm(snapshot: Snapshot, damage: str) -> None:
    """Lose the findings, cut them off, or make them lighter."""
    path = snapshot.folder / "3-findings.jsonl"
    text = path.read_text()
    if damage == "lost":
        path.unlink()
    else:
        path.write_text(f"{text[:40]}\n" if damage == "cut" else text.replace('"error"', '"note"'))


class TestTheFile:
    def test_holds_what_is_wrong_with_its_place_and_weight(self, desk, repository) -> None:
        (paper, *_) = desk.papers
        made = summary(paper, WRONG)
        desk.write(made)
        (finding,) = desk.check()
        assert (finding.summary, finding.paper, finding.language) == (made.id, paper.id, "zh")
        assert (finding.code, finding.severity) == ("traditional", "error")
        assert finding.span is not None
        assert WRONG["zh"][slice(*finding.span)] == "針"
        assert "针" in finding.message
        schema = json.loads((repository / "docs" / "schema" / "finding.json").read_text())
        path = desk.snapshot.folder / "3-findings.jsonl"
        jsonschema.validate(json.loads(path.read_text()), schema)

    def test_is_empty_where_nothing_is_wrong(self, desk) -> None:
        desk.write(summary(desk.papers[0], RIGHT))
        assert desk.check() == []
        assert desk.snapshot.run().stages["check"].counts["candidates"] == 1

    def test_has_every_candidate_of_every_prompt_and_model(self, desk) -> None:
        paper = desk.papers[0]
        desk.write(
            summary(paper, RIGHT),
            summary(paper, WRONG, model="other"),
            summary(paper, WRONG, prompt="gone"),
        )
        assert codes(desk.check()) == [("1", "traditional"), ("1", "traditional")]

    def test_is_the_same_when_it_is_made_again(self, desk) -> None:
        desk.write(summary(desk.papers[0], WRONG), summary(desk.papers[1], UNSPACED))
        assert desk.check() == desk.check()

    @pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
    def test_is_made_again_before_a_release_where_it_is(self, desk, damage) -> None:
        desk.write(summary(desk.papers[0], numbered(1, WRONG)))
        whole = desk.check()
        desk.digest()
        harm(desk.snapshot, damage)
        assert assembling.is_stale(desk.settings, desk.snapshot)
        with desk.snapshot.releasing(), pytest.raises(UsageError, match="what was found is lost"):
            assemble(desk.settings, desk.snapshot)
        assert desk.gate()[0] == desk.papers[0].id
        assert desk.findings() == whole


def test_a_candidate_for_a_paper_of_another_snapshot_is_a_damaged_file(desk) -> None:
    desk.write(summary(a_paper(7), RIGHT))
    with pytest.raises(DamagedFile, match=r"2-summaries\.jsonl: has a candidate for 2604\.90007"):
        desk.check()


class TestForm:
    def test_is_that_of_each_candidates_own_prompt(self, desk, tmp_path) -> None:
        prompts = tmp_path / "prompts"
        shutil.copytree(desk.settings.prompts, prompts)
        (prompts / "three.md.j2").write_text(
            '+++\nname = "three"\ndescription = "Three sentences."\nsentences = 3\n'
            'words = [4, 90]\n+++\n{% extends "one_line.md.j2" %}\n'
        )
        desk.settings = msgspec.structs.replace(desk.settings, prompts=prompts)
        long = "Harbours differ in shape. We adapt a coastal model to one. It errs by 4 cm."
        paper = desk.papers[0]
        both: Lines = {"en": long}
        desk.write(summary(paper, both), summary(paper, both, prompt="three"))
        (finding,) = (f for f in desk.check() if f.code == "sentences")
        assert finding.summary == desk.snapshot.summaries()[0].id

    def test_is_that_of_the_settings_where_the_prompt_is_gone_and_that_is_told(self, desk) -> None:
        desk.write(summary(desk.papers[0], RIGHT, prompt="gone"))
        done = stage.check(desk.settings, desk.snapshot, executor=None, progress=Plain())
        assert done.findings == []
        assert "prompt gone: " in done.left_out[0]
        assert desk.snapshot.run().stages["check"].left_out == done.left_out


class TestSeverity:
    @pytest.mark.parametrize("severity", ["error", "warning", "note"])
    def test_is_what_the_settings_say(self, desk, severity: Severity) -> None:
        desk.write(summary(desk.papers[0], UNSPACED))
        (finding,) = desk.check(severity={"spacing": severity})
        assert (finding.code, finding.severity) == ("spacing", severity)

    def test_off_finds_nothing(self, desk) -> None:
        desk.write(summary(desk.papers[0], UNSPACED))
        assert desk.check(severity={"spacing": "off"}) == []

    def test_of_error_or_warning_holds_a_paper_back_and_a_note_does_not(self, desk) -> None:
        one, two, three = desk.papers
        desk.write(
            summary(one, numbered(1, WRONG)),
            summary(two, numbered(2, UNSPACED)),
            summary(three, numbered(3)),
        )
        desk.check()
        assert desk.gate() == [one.id]
        desk.check(severity={"spacing": "warning", "traditional": "note"})
        assert desk.gate() == [two.id]

    def test_changed_in_the_settings_makes_no_digest_stale_by_itself(self, desk) -> None:
        desk.write(*(summary(p, numbered(n, WRONG)) for n, p in enumerate(desk.papers, 1)))
        desk.check()
        assert release(desk.settings, desk.snapshot, NOW).status == "draft"
        loose = msgspec.structs.replace(
            desk.settings, check=CheckSettings(severity={"traditional": "off"})
        )
        assert not assembling.is_stale(loose, desk.snapshot)

    @pytest.mark.parametrize(("then", "now"), [("off", "error"), ("error", "off")])
    def test_that_holds_at_a_release_is_that_of_the_settings_then(self, desk, then, now) -> None:
        desk.write(*(summary(p, numbered(n, WRONG)) for n, p in enumerate(desk.papers, 1)))
        desk.check(severity={"traditional": then})
        desk.settings = msgspec.structs.replace(
            desk.settings, check=CheckSettings(severity={"traditional": now})
        )
        released = release(desk.settings, desk.snapshot, NOW)
        assert released.status == ("published" if now == "off" else "draft")


class TestTheDigest:
    def test_carries_what_was_found_in_the_lines_that_it_shows(self, desk) -> None:
        paper = desk.papers[0]
        desk.write(summary(paper, RIGHT), summary(paper, WRONG, model="other"))
        desk.check()
        assert desk.digest().findings == ()
        assert desk.digest().flagged == frozenset()

    def test_has_none_about_a_line_that_an_editor_rewrote(self, desk) -> None:
        paper = desk.papers[0]
        desk.write(summary(paper, WRONG))
        desk.check()
        assert codes(desk.digest().findings) == [("1", "traditional")]
        edit = Wish("edit", paper.id, text={"zh": RIGHT["zh"]})
        desks.Desk(desk.settings, desk.snapshot).decide([edit], editor="Ada", at=NOW)
        assert desk.digest().findings == ()

    def test_says_it_beside_the_line_while_it_is_a_draft(self, desk) -> None:
        desk.write(*(summary(p, numbered(n, WRONG)) for n, p in enumerate(desk.papers, 1)))
        desk.check()
        release(desk.settings, desk.snapshot, NOW)
        assert "針 (针)" in desk.snapshot.digest_html.read_text()
        release(desk.settings, desk.snapshot, NOW, asked_under="none")
        assert "針 (针)" not in desk.snapshot.digest_html.read_text()

    def test_shows_no_candidate_that_was_not_checked(self, desk) -> None:
        paper = desk.papers[0]
        desk.write(summary(paper, RIGHT))
        desk.check()
        desk.write(summary(paper, WRONG))
        with desk.snapshot.releasing():
            unchecked = assemble(desk.settings, desk.snapshot)
        assert unchecked.papers[0].lines["zh"].text == RIGHT["zh"]
        later = desk.digest()
        assert later.papers[0].lines["zh"].text == WRONG["zh"]
        assert codes(later.findings) == [("1", "traditional")]

    def test_cannot_be_assembled_from_lines_that_were_never_checked(self, desk) -> None:
        desk.write(summary(desk.papers[0], RIGHT))
        with desk.snapshot.releasing(), pytest.raises(UsageError, match="not checked yet"):
            assemble(desk.settings, desk.snapshot)

    def test_is_looked_at_as_a_whole_again_where_other_candidates_become_active(self, desk) -> None:
        one, two, three = desk.papers
        desk.write(*(summary(p, numbered(n)) for n, p in enumerate(desk.papers, 1)))
        desk.write(*(summary(paper, RIGHT, model="other") for paper in (one, two)))
        desk.write(summary(three, numbered(3), model="other"))
        desk.check()
        assert desk.gate() == []
        desk.snapshot.write_run(desk.snapshot.run().but(model="other"))
        assert desk.gate() == [one.id, two.id]

    def test_with_one_line_for_two_papers_holds_both_back(self, desk) -> None:
        one, two, three = desk.papers
        desk.write(summary(one, RIGHT), summary(two, RIGHT), summary(three, numbered(3)))
        found = [f for f in desk.check() if f.code == "repeated-line"]
        assert {(f.paper, f.summary) for f in found} == {(one.id, None), (two.id, None)}
        assert desk.gate() == [one.id, two.id]

    def test_that_was_published_is_not_published_anew_by_another_check(self, desk) -> None:
        desk.write(*(summary(p, numbered(n)) for n, p in enumerate(desk.papers, 1)))
        desk.check()
        assert release(desk.settings, desk.snapshot, NOW).status == "published"
        desk.check(severity={"spacing": "error"})
        later = release(desk.settings, desk.snapshot, NOW + timedelta(days=1))
        assert later.status == "published"
        assert len(desk.snapshot.publications()) == 1


class TestASecondOpinion:
    YES: dict[Any, Verdict] = {
        "en": Verdict(supported=True, why=""),
        "zh": Verdict(supported=True, why=""),
    }
    NO: dict[Any, Verdict] = {**YES, "zh": Verdict(supported=False, why="the abstract says cm")}

    @pytest.fixture
    def asked(self, desk: Desk) -> Opinion:
        """Three right candidates; a model objects to the second one, and fails on the third."""
        desk.write(*(summary(p, numbered(n)) for n, p in enumerate(desk.papers, 1)))
        one, two, three = (paper.id for paper in desk.papers)
        down = Failure(kind="unavailable", reason="no answer")
        return Opinion({one: self.YES, two: self.NO, three: down})

    def test_is_a_finding_and_no_decision(self, desk, asked) -> None:
        findings = desk.check(asked, judge=True)
        assert codes(findings) == [("2", "judge-unsupported"), ("3", "judge-missing")]
        assert findings[0].message == "a second opinion (gpt-5-mini): the abstract says cm"
        assert desk.snapshot.decisions() == []
        assert desk.digest().papers[1].lines["zh"].text == numbered(2)["zh"]

    def test_that_could_not_be_had_is_told_and_holds_the_paper_back(self, desk, asked) -> None:
        settings = msgspec.structs.replace(desk.settings, check=CheckSettings(judge=True))
        done = stage.check(settings, desk.snapshot, executor=asked, progress=Plain())
        assert done.left_out == ("no second opinion on 1 candidate: no answer",)
        desk.settings = settings
        assert desk.gate() == [desk.papers[1].id, desk.papers[2].id]

    def test_is_kept_where_no_model_can_be_asked(self, desk, asked) -> None:
        findings = desk.check(asked, judge=True)
        assert desk.check() == findings

    @pytest.mark.parametrize("damage", ["lost", "cut"])
    def test_that_is_lost_is_missing_on_every_line_until_it_is_asked_for(
        self, desk, asked, damage
    ) -> None:
        desk.check(asked, judge=True)
        harm(desk.snapshot, damage)
        assert desk.gate() == [paper.id for paper in desk.papers]
        desk.check(asked)
        assert desk.gate() == [desk.papers[1].id, desk.papers[2].id]

    def test_is_missing_of_checked_candidates_that_become_active_later(self, desk, asked) -> None:
        desk.write(*(summary(p, numbered(n), model="other") for n, p in enumerate(desk.papers, 1)))
        desk.check(asked, judge=True)
        desk.snapshot.write_run(desk.snapshot.run().but(model="other"))
        assert desk.gate() == [paper.id for paper in desk.papers]

    def test_is_missing_of_what_became_active_while_the_model_was_asked(self, desk, asked) -> None:
        later = [summary(p, numbered(n), model="other") for n, p in enumerate(desk.papers, 1)]

        class Slow(Opinion):
            def run(self, *arguments: Any, **named: Any) -> None:
                desk.write(*later)
                run = desk.snapshot.run()
                desk.snapshot.write_run(run.but(model="other"))
                super().run(*arguments, **named)

        findings = desk.check(Slow(asked.said), judge=True)
        unasked = {finding.summary for finding in findings if finding.code == "judge-missing"}
        assert {made.id for made in later} <= unasked
        assert desk.gate() == [paper.id for paper in desk.papers]

    def test_is_missing_of_a_candidate_that_came_later(self, desk, asked) -> None:
        desk.check(asked, judge=True)
        paper = desk.papers[0]
        desk.write(summary(paper, {**numbered(1), "en": f"In short: {numbered(1)['en']}"}))
        assert ("1", "judge-missing") in codes(desk.check())

    def test_is_asked_for_only_where_the_settings_say_so(self, desk, asked) -> None:
        assert desk.check(asked) == []
        assert asked.asked == []

    def test_is_asked_for_only_on_what_the_digest_shows(self, desk, asked) -> None:
        desk.write(summary(desk.papers[0], WRONG, model="other"))
        desk.check(asked, judge=True)
        assert asked.asked == [paper.id for paper in desk.papers]


def test_the_candidates_that_were_checked_are_the_first_ones_as_they_were(desk) -> None:
    one, two, _ = desk.papers
    desk.write(summary(one, RIGHT))
    desk.check()
    run, first = desk.snapshot.run(), desk.snapshot.summaries()
    later = [*first, summary(two, RIGHT)]
    assert candidates.checked(run, later) == first
    assert list(candidates.checked(run, later[::-1])) == []


class TestLinesThatAnEditorTypes:
    TYPED: Lines = {**RIGHT, "zh": "針对单个港口适配的海岸模型，潮汐预测误差为4 cm。"}

    def typed(self, desk: Desk, lines: Lines = TYPED, **changes: Any) -> list[tuple[str, str]]:
        paper = desk.papers[0]
        return codes(stage.findings_in(desk.settings, paper, summary(paper, lines, **changes)))

    def test_are_held_to_what_a_candidate_is(self, desk) -> None:
        paper = desk.papers[0]
        made = summary(paper, self.TYPED)
        desk.write(made)
        assert stage.findings_in(desk.settings, paper, made) == desk.check()
        assert self.typed(desk) == [("1", "traditional"), ("1", "spacing")]

    def test_have_the_severities_of_the_settings(self, desk) -> None:
        severity: dict[str, Any] = {"traditional": "off", "spacing": "error"}
        chosen = CheckSettings(severity=severity)
        desk.settings = msgspec.structs.replace(desk.settings, check=chosen)
        (finding,) = stage.findings_in(
            desk.settings, desk.papers[0], summary(desk.papers[0], self.TYPED)
        )
        assert (finding.code, finding.severity) == ("spacing", "error")

    def test_leave_no_trace_on_disk(self, desk) -> None:
        desk.write(summary(desk.papers[0], RIGHT))
        before = {path: path.stat().st_mtime_ns for path in desk.settings.outputs.rglob("*")}
        self.typed(desk)
        after = {path: path.stat().st_mtime_ns for path in desk.settings.outputs.rglob("*")}
        assert after == before

    def test_are_not_taken_for_a_models_failure_unless_that_is_asked_for(self, desk) -> None:
        paper = desk.papers[0]
        failed = summary(paper, {**RIGHT, "en": "I'm sorry, but I cannot summarize this abstract."})
        assert "failure-text" not in self.codes_of(desk, failed)
        assert "failure-text" in self.codes_of(desk, failed, apart_from=())
        assert set(stage.MODELS_ALONE) <= set(CODES)

    def codes_of(self, desk: Desk, made: Summary, **asked: Any) -> set[str]:
        paper = desk.papers[0]
        return {f.code for f in stage.findings_in(desk.settings, paper, made, **asked)}

    def test_may_be_those_of_a_prompt_that_is_gone(self, desk) -> None:
        assert self.typed(desk, prompt="gone") == self.typed(desk)


class TestTheRulesOfAPrompt:
    @pytest.fixture
    def prompts(self, desk: Desk, tmp_path: Path) -> Path:
        """A folder of prompts that may be changed."""
        folder = tmp_path / "prompts"
        shutil.copytree(desk.settings.prompts, folder)
        desk.settings = msgspec.structs.replace(desk.settings, prompts=folder)
        return folder

    def test_are_remembered_while_nothing_changes(self, desk) -> None:
        rules = rulebook.rules_of(desk.settings, "one_line")
        assert rulebook.rules_of(desk.settings, "one_line") is rules
        assert rulebook.rules_of(desk.settings, None).extractive

    def test_are_read_anew_where_the_prompt_changes(self, desk, prompts) -> None:
        assert rulebook.rules_of(desk.settings, "one_line").form.sentences == 1
        path = prompts / "one_line.md.j2"
        name = 'name = "one_line"\n'
        path.write_text(path.read_text().replace(name, f"{name}sentences = 3\n"))
        assert rulebook.rules_of(desk.settings, "one_line").form.sentences == 3

    def test_are_read_anew_where_the_glossary_changes(self, desk, prompts) -> None:
        assert "tide gauge" not in rulebook.rules_of(desk.settings, "one_line").glossary.terms
        with (prompts / "glossary.tsv").open("a") as file:
            file.write("tide gauge\t验潮仪\n")
        assert rulebook.rules_of(desk.settings, "one_line").glossary.terms["tide gauge"] == "验潮仪"

    def test_follow_the_settings(self, desk) -> None:
        default = rulebook.rules_of(desk.settings, None)
        chosen = CheckSettings(words=(2, 5), openings=("Behold",))
        changed = msgspec.structs.replace(desk.settings, check=chosen)
        rules = rulebook.rules_of(changed, None)
        assert (rules.form.length["en"], rules.openings) == ((2, 5), ("Behold",))
        assert rulebook.rules_of(desk.settings, None) == default

    def test_cannot_be_had_without_a_glossary(self, desk, prompts) -> None:
        (prompts / "glossary.tsv").unlink()
        with pytest.raises(PromptError, match="no such file"):
            rulebook.rules_of(desk.settings, "one_line")
