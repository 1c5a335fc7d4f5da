"""What is known of each prompt: its figures, the lines that editors changed, what it would send."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import configuration, prompts, word_differences
from pipeline.cache import AnswerCache
from pipeline.errors import PromptError, UsageError
from pipeline.exchange import Answer, Request, kept
from pipeline.llm.abilities import Abilities, Known
from pipeline.llm.prices import priced
from pipeline.llm.tokens import count_messages, count_request
from pipeline.prompting import folder
from pipeline.prompting.edits import EditedLine, edits
from pipeline.prompting.figures import PromptFigures, figures
from pipeline.prompting.rendering import Rendered, Totals, rendered
from pipeline.records import Preference, Usage
from pipeline.settings import Settings
from tests.desks import Room, a_desk, lines_of
from tests.digests import INSTANT, a_paper
from tests.nights import PROMPTS

OTHER: dict[str, Any] = {"prompt": "results_first", "prompt_fingerprint": "e" * 64}
EN, ZH = "Fits one harbour to 4 cm.", "对单个港口的误差为 4 cm。"
PRICED = ["price = { input = 2.0, output = 10.0 }"]


@pytest.fixture
def room(tmp_path) -> Room:
    return a_desk(tmp_path / "room", papers=4, model=PRICED, released=False)


def of(room: Room, name: str = "one_line") -> PromptFigures:
    """The figures of one prompt, of which there are some."""
    found = figures(room.settings, [name])
    assert found.left_out == ()
    (told,) = found.prompts
    assert told.name == name
    return told


def fates(told: PromptFigures) -> tuple[int, int, int]:
    return told.approved, told.edited, told.left_out


def with_prompts(room: Room, **texts: str) -> Settings:
    """The settings with a folder of these prompts beside those that there are."""
    own = room.folder / "prompts"
    shutil.copytree(PROMPTS, own)
    for name, text in texts.items():
        (own / f"{name}.md.j2").write_text(text, encoding="utf-8")
    return msgspec.structs.replace(room.settings, prompts=own)


class TestFigures:
    def test_every_prompt_of_the_folder_is_told_by_name_the_judging_one_too(self, room):
        found = figures(room.settings).prompts
        files = sorted(path.name.removesuffix(".md.j2") for path in PROMPTS.glob("*.md.j2"))
        assert [each.name for each in found] == files
        assert {each.name: each.answers for each in found} == {
            name: "verdicts" if name == "check" else "lines" for name in files
        }

    def test_what_a_prompts_file_says_is_told(self, room):
        prompt, told = prompts.load(PROMPTS, "one_line"), of(room)
        assert told.state == "usable"
        assert told.description == prompt.description
        assert told.languages == ("en", "zh")
        assert told.fingerprint == prompt.fingerprint

    @pytest.mark.parametrize("name", ["one_line", "check"])
    def test_the_fixed_part_is_what_a_paper_that_says_nothing_would_take(self, room, name):
        prompt = prompts.load(PROMPTS, name, answers=None)
        asked = Request(
            messages=prompt.blank,
            model="m",
            parameters={},
            languages=prompt.languages,
            answers=prompt.answers,
        )
        assert of(room, name).fixed_tokens == count_request(asked)
        assert count_request(asked) > count_messages(prompt.blank)

    def test_a_damaged_prompt_is_told_with_its_fault_and_its_lines(self, room):
        settings = with_prompts(room, one_line="no front matter")
        found = {each.name: each for each in figures(settings).prompts}
        assert (found["one_line"].state, found["one_line"].lines) == ("damaged", 4)
        assert "one_line.md.j2: does not begin" in (found["one_line"].fault or "")
        assert found["results_first"].state == "damaged"  # which extends it
        assert found["check"].state == "usable"

    def test_a_prompt_without_a_file_that_wrote_lines_is_told(self, room):
        room.write(room.candidate(1, {"en": EN, "zh": ZH}, prompt="old_one"))
        told = of(room, "old_one")
        assert (told.state, told.lines, told.fingerprint) == ("gone", 1, None)

    def test_a_topics_prompt_without_a_file_is_told(self, room):
        file = room.folder / "paperline.toml"
        file.write_text(file.read_text() + 'prompt = "mislaid"\n')
        (told,) = figures(configuration.load(file, {}), ["mislaid"]).prompts
        assert (told.state, told.topics, told.lines) == ("gone", ("tides",), 0)

    def test_a_name_that_never_was_is_an_error_that_says_which_there_are(self, room):
        with pytest.raises(UsageError, match=r"no prompt 'mislaid'.*there are: check, one_line,"):
            figures(room.settings, ["one_line", "mislaid"])

    def test_where_a_prompt_is_used_is_told(self, room):
        a_desk(room.folder, topic="lamps", name="20260502_0405")
        last = a_desk(room.folder, name="20260503_0405", released=False)
        run = last.snapshot.run()
        last.snapshot.write_run(run.but(prompt="results_first"))
        assert of(last).topics == ("lamps", "tides")
        assert of(last).active == ("lamps/20260502_0405",)
        assert of(last, "results_first").topics == ()
        assert of(last, "results_first").active == ("tides/20260503_0405",)

    def test_lines_by_a_model_are_counted_over_all_snapshots(self, room):
        room.write(room.candidate(1, {"en": EN, "zh": ZH}, **OTHER))
        a_desk(room.folder, papers=3, gaps=[2], bare=[3], name="20260502_0405")
        assert of(room).lines == 4 + 1  # the embedded model's line is no prompt's
        assert of(room, "results_first").lines == 1

    def test_decisions_in_force_are_counted_with_their_shares(self, room):
        assert (fates(of(room)), of(room).approval_rate) == ((0, 0, 0), None)
        room.release()
        room.decide("approve", 1)
        room.decide("edit", 2, text={"en": EN})
        room.decide("exclude", 3)
        room.decide("approve", 4)
        told = of(room)
        assert fates(told) == (2, 1, 1)
        assert (told.approval_rate, told.edit_rate) == (0.5, 0.25)
        room.decide("reopen", 4)
        room.decide("hold", 1)
        room.decide("approve", 3)
        assert fates(of(room)) == (1, 1, 0)

    def test_what_counts_is_the_text_that_was_decided_on(self, room):
        room.release()
        room.decide("edit", 1, text={"en": EN})
        room.decide("approve", 1, editor="Lin")  # the text of Mei Lan
        assert fates(of(room)) == (0, 1, 0)
        room.decide("edit", 1, text={"en": lines_of(1)["en"]})
        assert fates(of(room)) == (1, 0, 0)

    def test_a_decision_counts_for_the_prompt_whose_line_it_is_about(self, room):
        made = room.candidate(1, {"en": EN, "zh": ZH}, **OTHER)
        room.write(made)
        room.release()
        room.decide("approve", 1, summary=made.id)
        assert fates(of(room)) == (0, 0, 0)
        assert fates(of(room, "results_first")) == (1, 0, 0)

    def test_a_decision_that_is_carried_over_counts_once(self, tmp_path):
        room = a_desk(tmp_path, papers=2)
        room.settle()
        room.release()
        again = a_desk(tmp_path, papers=2, name="20260502_0405")
        assert [entry.carried_from for entry in again.digest().papers] == [room.snapshot.name] * 2
        assert fates(of(again)) == (2, 0, 0)

    def test_blind_choices_are_won_lost_and_tied_by_language(self, room):
        mine = room.snapshot.summaries()
        others = [room.candidate(n, {"en": f"{EN} {n}", "zh": f"{ZH}{n}"}, **OTHER) for n in (1, 2)]
        room.write(*others)
        made = [
            ("en", 0, mine[0].id),
            ("zh", 0, others[0].id),
            ("en", 1, None),
        ]
        for language, place, preferred in made:
            choice = Preference(
                paper=mine[place].paper,
                version=1,
                language=language,  # type: ignore[arg-type]
                summaries=(mine[place].id, others[place].id),
                preferred=preferred,
                editor="Mei Lan",
                at=room.later(),
            )
            with room.snapshot.releasing():
                room.snapshot.append_preferences([choice])
        told = {language: (s.won, s.lost, s.tied) for language, s in of(room).choices.items()}
        assert told == {"en": (1, 0, 1), "zh": (0, 1, 0)}
        other = of(room, "results_first").choices
        assert (other["en"].lost, other["en"].tied, other["zh"].won) == (1, 1, 1)

    @pytest.mark.parametrize("name", ["run.json", "2-summaries.jsonl", "4-decisions.jsonl"])
    def test_a_damaged_snapshot_is_told_and_left_out(self, room, name):
        room.release()
        room.decide("approve", 1)
        later = a_desk(room.folder, papers=2, name="20260502_0405", released=False)
        (room.snapshot.folder / name).write_text("{not JSON\n")
        found = figures(later.settings, ["one_line"])
        assert [(each.lines, fates(each)) for each in found.prompts] == [(2, (0, 0, 0))]
        (told,) = found.left_out
        assert told.startswith(f"{room.snapshot} is left out: ")
        assert name in told


class TestEdits:
    def test_an_edit_is_told_beside_what_the_candidate_said(self, room):
        room.release()
        taken = room.decide("edit", 2, text={"en": EN}, editor="Lin")
        (line,) = edits(room.settings).edits
        assert (line.before, line.after) == (lines_of(2)["en"], EN)
        assert (line.language, line.editor, line.at) == ("en", "Lin", taken.at)
        assert (line.snapshot, line.paper) == ("tides/20260501_0405", room.id(2))
        assert (line.title, line.in_force) == (room.papers[1].title, True)
        assert (line.prompt, line.model) == ("one_line", "tide-1")
        assert [(p.old, p.new) for p in line.parts] == word_differences.parts(line.before, EN)

    def test_the_newest_come_first_over_all_snapshots(self, room):
        room.release()
        room.decide("edit", 1, text={"en": "First."})
        later = a_desk(room.folder, name="20260502_0405")
        later.decide("edit", 1, text={"en": "Third."})
        room.decide("edit", 2, text={"zh": "第二。"})
        told = [line.after for line in edits(room.settings).edits]
        assert told == ["Third.", "第二。", "First."]
        assert [line.after for line in edits(room.settings, limit=2).edits] == told[:2]

    def test_each_edit_that_was_taken_is_told_and_whether_it_is_in_force(self, room):
        room.release()
        room.decide("edit", 1, text={"en": "Once."})
        room.decide("edit", 1, text={"en": "Twice."})
        assert _told(room) == [("Twice.", True), ("Once.", False)]
        room.decide("reopen", 1)
        assert _told(room) == [("Twice.", False), ("Once.", False)]

    def test_one_that_another_editor_approves_is_still_in_force(self, room):
        room.release()
        room.decide("edit", 1, text={"en": "Once."})
        room.decide("approve", 1, editor="Lin")
        assert _told(room) == [("Once.", True)]
        room.decide("exclude", 1)
        assert _told(room) == [("Once.", False)]

    def test_a_line_that_a_second_edit_leaves_is_the_first_ones_alone(self, room):
        room.release()
        room.decide("edit", 1, text={"en": "Once."}, editor="Lin")
        room.decide("edit", 1, text={"zh": "两次。"})
        assert [(e.editor, e.after, e.in_force) for e in edits(room.settings).edits] == [
            ("Mei Lan", "两次。", True),
            ("Lin", "Once.", True),
        ]

    def test_one_that_brings_the_candidates_own_text_back_is_none(self, room):
        room.release()
        room.decide("edit", 1, text={"en": lines_of(1)["en"]})
        assert _told(room) == []

    def test_stand_ins_and_lines_of_an_editor_alone_are_no_prompts(self, tmp_path):
        room = a_desk(tmp_path, gaps=[1], bare=[2])
        for number in (1, 2):
            room.decide("edit", number, text={"en": EN, "zh": ZH})
        assert _told(room) == []

    def test_those_of_one_prompt_may_be_asked_for(self, room):
        made = room.candidate(1, {"en": EN, "zh": ZH}, **OTHER)
        room.write(made)
        room.release()
        room.decide("edit", 1, summary=made.id, text={"en": "Of the other."})
        room.decide("edit", 2, text={"en": "Of the one."})
        (line,) = edits(room.settings, ["results_first"]).edits
        assert (line.before, line.after, line.prompt) == (EN, "Of the other.", "results_first")
        assert edits(room.settings, ["check"]).edits == ()
        with pytest.raises(UsageError, match="no prompt 'mislaid', and no edited line by one"):
            edits(room.settings, ["mislaid"])

    def test_what_cannot_be_found_is_told(self, room):
        room.release()
        room.decide("edit", 1, text={"en": EN})
        (room.snapshot.folder / "2-summaries.jsonl").write_text("")
        found = edits(room.settings)
        assert found.edits == ()
        assert found.left_out == ("tides/20260501_0405: 1 edited candidate cannot be found",)


def _told(room: Room) -> list[tuple[str, bool]]:
    """The texts of the edits, and whether they are in force."""
    found = edits(room.settings)
    assert found.left_out == ()
    return [(line.after, line.in_force) for line in found.edits]


class TestMaking:
    def test_what_a_prompt_extends_includes_and_replaces_is_told(self, room):
        front = '+++\nname = "{}"\ndescription = "d"\n+++\n'
        settings = with_prompts(
            room,
            note=front.format("note") + "{% block system %}n{% endblock %}",
            middle=front.format("middle")
            + '{% extends "one_line.md.j2" %}{% block user %}{% include "note.md.j2" %}'
            "{{ title }} {{ abstract }}{% endblock %}",
            last=front.format("last")
            + '{% extends "middle.md.j2" %}{% block user %}{{ abstract }}{% endblock %}'
            "{% block system %}Be short.{% endblock %}",
        )
        made = folder.making(settings.prompts, "last")
        assert made.extends == ("middle", "one_line")
        assert made.includes == (("note", "middle"),)
        assert made.replaces == (("user", "middle"), ("system", "one_line"))
        assert folder.making(settings.prompts, "one_line").extends == ()
        assert folder.making(settings.prompts, "one_line").replaces == ()

    def test_a_prompt_of_either_kind_is_found(self):
        assert prompts.load(PROMPTS, "check", answers=None).answers == "verdicts"
        assert prompts.load(PROMPTS, "one_line", answers=None).answers == "lines"

    def test_what_is_wrong_with_a_judging_prompt_is_its_own_fault(self, room):
        text = (PROMPTS / "check.md.j2").read_text().replace("{{ title }}", "{{ titel }}")
        settings = with_prompts(room, check=text)
        with pytest.raises(PromptError, match="unknown variable 'titel'"):
            prompts.load(settings.prompts, "check", answers=None)


def rendering(room: Room, name: str = "one_line", paper: str | None = None) -> list[Rendered]:
    prompt = prompts.load(room.settings.prompts, name, answers=None)
    return list(rendered(room.settings, room.snapshot, prompt, paper))


def answered(room: Room, request: Request, content: str) -> None:
    """Have an answer to the request in the cache."""
    cache = AnswerCache(room.settings.cache)
    answer = Answer(
        content=content, finish_reason="stop", model="m", usage=Usage(), created=INSTANT
    )
    cache.keep(
        [kept("tides", "20260501_0405", "2604.90001", request.fingerprint(), "tide-1", answer)],
        lambda _: None,
    )
    cache.close()


class TestRendering:
    def test_the_messages_of_each_paper_are_those_that_would_be_sent(self, room):
        prompt = prompts.load(PROMPTS, "results_first")
        found = rendering(room, "results_first")
        assert [each.paper for each in found] == [paper.id for paper in room.papers]
        assert [each.messages for each in found] == [prompt.messages(p) for p in room.papers]

    def test_one_paper_may_be_asked_for(self, room):
        (one,) = rendering(room, paper=room.id(2))
        assert (one.paper, one.title) == (room.id(2), room.papers[1].title)
        with pytest.raises(UsageError, match=r"no paper '2604\.1' in tides/20260501_0405"):
            rendering(room, paper="2604.1")

    def test_tokens_are_counted_with_and_without_the_terms(self, tmp_path):
        known = a_paper(1, title="Transfer learning for tides")
        plain = a_paper(2, title="Tides", abstract="On water.")
        room = a_desk(tmp_path, papers=[known, plain], model=PRICED)
        first, second = rendering(room)
        assert first.terms == {"transfer learning": "迁移学习"}
        prompt = prompts.load(PROMPTS, "one_line")
        without = count_messages(prompt.messages(known, with_terms=False))
        assert first.term_tokens == count_messages(prompt.messages(known)) - without > 0
        assert (second.terms, second.term_tokens) == ({}, 0)

    def test_the_cost_is_that_of_the_tokens_and_one_answer(self, room):
        (one,) = rendering(room, paper=room.id(1))
        request = Request(
            messages=one.messages, model="tide-1", parameters={}, languages=("en", "zh")
        )
        assert one.usage.prompt_tokens == count_request(request)
        assert one.usage == priced(one.usage, room.settings.model, "tide-1")
        assert one.usage.usd == pytest.approx(
            (2.0 * one.usage.prompt_tokens + 10.0 * one.usage.completion_tokens) / 1e6
        )

    def test_a_price_that_is_not_known_is_told_so(self, tmp_path):
        room = a_desk(tmp_path)
        assert {each.usage.usd for each in rendering(room)} == {None}

    def test_a_batch_costs_half(self, tmp_path):
        online = a_desk(tmp_path / "online", papers=1, model=PRICED)
        batch = a_desk(tmp_path / "batch", papers=1, model=[*PRICED, 'executor = "batch"'])
        (dear,), (cheap,) = rendering(online), rendering(batch)
        assert (cheap.usage.usd or 0) * 2 == pytest.approx(dear.usage.usd)
        (judged,), (also,) = rendering(online, "check"), rendering(batch, "check")
        assert judged.usage.usd == also.usage.usd  # second opinions are never asked in a batch

    def test_what_is_answered_already_costs_nothing(self, room):
        before = rendering(room)
        request = Request(
            messages=before[0].messages, model="tide-1", parameters={}, languages=("en", "zh")
        )
        answered(room, request, msgspec.json.encode(lines_of(1)).decode())
        answered(room, request.but(messages=before[1].messages), '{"en": ""}')  # of no use
        found = rendering(room)
        assert [each.cached for each in found] == [True, False, False, False]
        totals = Totals()
        for each in found:
            totals = totals.plus(each)
        assert (totals.papers, totals.cached) == (4, 1)
        assert totals.prompt_tokens == sum(each.usage.prompt_tokens for each in found)
        assert totals.usage.usd == pytest.approx(sum(each.usage.usd or 0 for each in found[1:]))

    def test_a_model_that_takes_no_schema_is_told_the_form_as_it_would_be(self, room):
        cache = AnswerCache(room.settings.cache)
        able = Abilities.unknown().but(form="json_object")
        Known(cache).learn(room.settings.model, "tide-1", able)
        cache.close()
        settings = with_prompts(
            room,
            terse='+++\nname = "terse"\ndescription = "d"\nlanguages = ["en"]\n+++\n'
            "{% block system %}Sum up.{% endblock %}{% block user %}{{ abstract }}{% endblock %}",
        )
        prompt = prompts.load(settings.prompts, "terse")
        one = next(rendered(settings, room.snapshot, prompt))
        demand = 'Answer with one JSON object and nothing else: {"en": "..."}'
        assert one.messages[0].content == f"Sum up.\n{demand}"

    def test_a_withdrawn_paper_is_not_asked_about(self, tmp_path):
        room = a_desk(tmp_path, papers=[a_paper(1, status="withdrawn"), a_paper(2)])
        first, second = rendering(room)
        assert (first.messages, second.remark) == ((), None)
        assert first.remark == "is withdrawn, so no model is asked about it"
        assert Totals().plus(first) == Totals()

    def test_a_judging_prompt_is_asked_about_the_active_lines(self, tmp_path):
        room = a_desk(tmp_path, gaps=[2], bare=[3], model=PRICED)
        room.write(room.candidate(1, {"en": EN, "zh": ZH}, **OTHER))
        first, *others = rendering(room, "check")
        prompt = prompts.load(PROMPTS, "check", answers="verdicts")
        assert first.messages == prompt.messages(room.papers[0], lines_of(1))
        assert first.usage.prompt_tokens > count_messages(first.messages)
        assert [each.remark for each in others] == [
            "has no line by the active model that could be judged"
        ] * 2

    def test_the_embedded_model_is_sent_nothing(self, tmp_path):
        room = a_desk(tmp_path, model=['executor = "embedded"'])
        with pytest.raises(UsageError, match="the embedded model is sent nothing"):
            rendering(room)

    def test_nothing_is_written(self, room):
        before = _files(room.folder)
        rendering(room)
        rendering(room, "check")
        figures(room.settings)
        edits(room.settings)
        assert _files(room.folder) == before


def _files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_lines_are_told_in_the_order_of_their_times_whatever_the_snapshots_are(room):
    room.release()
    room.now += timedelta(days=30)
    room.decide("edit", 1, text={"en": "Late, on an old digest."})
    later = a_desk(room.folder, name="20260502_0405")
    later.decide("edit", 1, text={"en": "Early, on a newer one."})
    found: list[EditedLine] = [*edits(room.settings).edits]
    assert [line.snapshot for line in found] == [str(room.snapshot), str(later.snapshot)]
