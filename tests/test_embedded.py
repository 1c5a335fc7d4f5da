import unicodedata
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchange import Job, Outcome
from pipeline.executors.embedded import Embedded, lines
from pipeline.glossary import Glossary
from pipeline.records import Paper
from pipeline.sentences import sentences
from pipeline.text import one_line
from tests.digests import a_paper

NOW = datetime(2026, 5, 1, 4, 5, tzinfo=UTC)
GLOSSARY = Glossary(
    {
        "domain adaptation": "领域自适应",
        "few-shot learning": "小样本学习",
        "meta-learning": "元学习",
        "robotics": "机器人学",
        "tide": "潮汐",
        "wave": "波浪",
    }
)

BACKGROUND = "Harbour models have gained attention in recent years."
DOUBT = "However, how they transfer remains an open challenge for most coasts."
DONE = "We propose a tidal adapter that reuses one coastal model in many harbours."
CODE = "Our code and data are publicly available at https://example.org/tides for everyone."

texts = st.text() | st.lists(
    st.sampled_from(
        [BACKGROUND, DOUBT, DONE, "e.g. $x", "$5", "U.S. ", "?!", "\x00", "\u2028", ". "]
    )
).map(" ".join)


def english(*parts):
    return lines(a_paper(abstract=" ".join(parts)), GLOSSARY)["en"]


def chinese(**changes):
    return lines(a_paper(**changes), GLOSSARY)["zh"]


@given(title=texts, abstract=texts, categories=st.lists(texts))
def test_any_paper_gives_two_lines_and_english_from_its_own_text(title, abstract, categories):
    plain = msgspec.to_builtins(
        a_paper(title="x" + title, abstract=abstract, categories=tuple(categories))
    )
    paper = msgspec.convert(plain, Paper)
    made = lines(paper, GLOSSARY)
    assert set(made) == {"en", "zh"}
    for line in made.values():
        assert line.strip()
        assert len(line.splitlines()) == 1
        assert not any(unicodedata.category(character) == "Cc" for character in line)
    assert made["en"] in (one_line(paper.abstract) or one_line(paper.title))
    assert len(made["en"]) <= len(paper.abstract) or not one_line(paper.abstract)


@given(text=texts)
def test_sentences_lose_nothing_but_the_white_space_between_them(text):
    line = one_line(text)
    assert "".join("".join(sentences(line)).split()) == "".join(line.split())


def test_the_sentence_on_what_was_done_is_chosen():
    assert english(BACKGROUND, DOUBT, DONE, CODE) == DONE


def test_the_first_sentence_is_never_chosen_when_there_is_another():
    assert english(DONE, DOUBT) == DOUBT
    assert english(DONE) == DONE


@pytest.mark.parametrize(
    "worse",
    [
        CODE,
        DOUBT,
        "Can a model of one harbour show what happens in the next one?",
        "It works.",
    ],
)
def test_background_questions_code_and_scraps_lose_against_a_result(worse):
    result = "Experiments show that the error falls by 12% in nine harbours."
    assert english(BACKGROUND, worse, result) == result
    assert english(BACKGROUND, result, worse) == result


@pytest.mark.parametrize("abstract", ["", "  ", "\x00\n"])
def test_without_an_abstract_the_title_is_taken(abstract):
    assert english(abstract) == a_paper().title


def test_without_any_text_the_identifier_is_taken():
    paper = a_paper(title=" ", abstract="")
    assert lines(paper, GLOSSARY)["en"] == paper.id


@pytest.mark.parametrize(
    "sentence",
    [
        "We use gauges, e.g. Floats, i.e. Simple ones.",
        "Kelp et al. Found this in Fig. 3 and Eq. 4 vs. Table 2, cf. Sec. 5.",
        "The error is 3.5 cm at p < 0.05.",
        "Let $x = 1. Then y!$ be a level.",
        "A study by A. B. Kelp in the U.S. Navy.",
        "Floats (approx. 20) were used.",
    ],
)
def test_a_sentence_is_not_cut_at_what_only_looks_like_its_end(sentence):
    assert sentences(f"{sentence} It ends.") == [sentence, "It ends."]


def test_prices_are_not_taken_for_mathematics():
    parts = ["One gauge costs $5.", "Two cost $10.", "Three cost more."]
    assert sentences(" ".join(parts)) == parts


def test_an_end_may_stand_before_a_bracket_or_quotation_mark():
    parts = ['They call it "a tide."', "(It is one!)", "We agree."]
    assert sentences(" ".join(parts)) == parts


def test_chinese_is_a_line_of_keywords_from_title_and_abstract():
    line = chinese(title="Meta-Learning for coasts", abstract="On domain adaptation.")
    assert line == "关键词：元学习、领域自适应"


def test_there_are_at_most_five_keywords():
    line = chinese(abstract=" and ".join(GLOSSARY.terms))
    assert len(line.split("、")) == 5


def test_without_a_known_term_chinese_names_the_categories():
    assert chinese(title="Kelp", abstract="", categories=("cs.LG", "stat.ML")) == (
        "学科分类：cs.LG、stat.ML"
    )
    assert chinese(title="Kelp", abstract="", categories=(), primary_category="cs.LG") == (
        "学科分类：cs.LG"
    )


def test_each_job_is_delivered_once_in_order_with_the_given_time():
    papers = [a_paper(number) for number in range(1, 4)]
    delivered: list[Outcome] = []
    jobs = (
        Job(
            topic="demo",
            snapshot="20260501_0405",
            paper=paper,
            messages=(),
            languages=("en", "zh"),
            parameters={},
            model="embedded",
        )
        for paper in papers
    )
    Embedded(GLOSSARY, NOW).run(jobs, delivered.append, paid=lambda _: None)
    assert [outcome.paper for outcome in delivered] == [paper.id for paper in papers]
    assert [outcome.lines for outcome in delivered] == [lines(p, GLOSSARY) for p in papers]
    assert {outcome.created for outcome in delivered} == {NOW}
    assert {outcome.usage.tokens for outcome in delivered} == {0}
    assert all(outcome.failure is None for outcome in delivered)
