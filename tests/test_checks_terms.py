"""A Chinese line has the glossary's translations of the paper's terms."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks.rules import Rules
from pipeline.checks.terms import check
from pipeline.glossary import Glossary
from pipeline.records import Paper

TERMS = {
    "domain adaptation": "领域自适应",
    "fine-tuning": "微调",
    "KL divergence": "KL散度",
    "language model": "语言模型",
    "large language model": "大语言模型",
    "LLM": "大语言模型",
    "MRI": "磁共振成像",
    "nucleus": "原子核",
    "robot agent": "机器人智能体",
    "surrogate model": "代理模型",
}
ALSO = {
    "domain adaptation": ("域自适应", "域适应"),
    "fine-tuning": ("精调", "细调"),
    "KL divergence": ("KL距离",),
    "large language model": ("大型语言模型", "大规模语言模型"),
    "MRI": ("核磁共振成像",),
    "nucleus": ("核心",),
    "robot agent": ("代理",),
}
RULES = Rules(glossary=Glossary(TERMS, ALSO))
PAPER = Paper(
    id="2601.00001",
    version=1,
    title="A Large Language Model of Kettles",
    authors=(),
    abstract="We fine-tune kettles. Fine-Tuning helps, and MRI shows the nuclei of two kettles.",
    first=datetime(2026, 1, 1, tzinfo=UTC),
    latest=datetime(2026, 1, 1, tzinfo=UTC),
    primary_category="physics.pop-ph",
    categories=("physics.pop-ph",),
    url="https://example.org/",
    pdf_url="https://example.org/",
)


def found_in(line, abstract=PAPER.abstract, rules=RULES):
    paper = msgspec.structs.replace(PAPER, abstract=abstract)
    return list(check(paper, {"en": "A kettle sings.", "zh": line}, rules))


def test_another_translation_is_noted_with_the_glossarys_and_shown_in_line_and_abstract():
    line = "水壶经精调后鸣声更高。"
    (found,) = found_in(line)
    assert found.code == "term"
    assert found.language == "zh"
    assert found.message == '精调 stands for "Fine-Tuning", which is 微调 in the glossary'
    assert line[slice(*found.span)] == "精调"
    assert PAPER.abstract[slice(*found.source_span)] == "Fine-Tuning"


def test_a_term_of_the_title_has_no_place_in_the_abstract():
    (found,) = found_in("水壶的大型语言模型。")
    assert found.source_span is None
    assert '"Large Language Model"' in found.message


@pytest.mark.parametrize("english", ["LLMs", "large-language\u2011models", "Large  language model"])
def test_one_spelling_of_the_term_in_the_paper_is_enough(english):
    (found,) = found_in("水壶的大规模语言模型。", f"It has {english}, two of them.")
    assert f'"{english}"' in found.message


def test_irregular_plurals_are_known():
    (found,) = found_in("两只水壶的核心。", "The nuclei of kettles.")
    assert '"nuclei"' in found.message


@pytest.mark.parametrize(
    ("line", "abstract"),
    [
        ("水壶经精调后鸣声更高。", "Kettles are finely tuned."),
        ("水壶经精调后鸣声更高。", "The refine-tuning of kettles."),
        ("水壶经微调（精调）后鸣声更高。", PAPER.abstract),
        ("水壶的大语言模型。", PAPER.abstract),
        ("水壶的代理模型。", "A robot agent has a surrogate model."),
        ("水壶的领域自适应。", "Domain adaptation of kettles."),
    ],
)
def test_without_the_english_or_with_the_glossarys_translation_nothing_is_noted(line, abstract):
    assert found_in(line, abstract) == []


def test_an_alternative_counts_beside_a_longer_term_that_holds_it():
    line = "机器人代理使用代理模型。"
    (found,) = found_in(line, "A robot agent has a surrogate model.")
    assert found.span == (3, 5)


def test_of_two_alternatives_at_one_place_the_longer_is_named():
    (found,) = found_in("水壶的域自适应。", "Domain adaptation of kettles.")
    assert found.message.startswith("域自适应 ")


def test_an_alternative_that_holds_the_right_translation_is_another_one():
    (found,) = found_in("水壶的核磁共振成像。")
    assert found.message.startswith("核磁共振成像 ")


@pytest.mark.parametrize("spelled", ["KL距离", "KL 距离"])
@pytest.mark.parametrize("right", ["KL散度", "KL 散度"])
def test_a_space_between_latin_and_chinese_does_not_matter(spelled, right):
    abstract = "The KL divergence of kettles."
    assert len(found_in(f"水壶的 {spelled}。", abstract)) == 1
    assert found_in(f"水壶的 {spelled} 即 {right}。", abstract) == []


def test_a_term_is_noted_once_a_line():
    assert len(found_in("精调、细调与精调。")) == 1


@pytest.mark.parametrize(
    ("line", "english", "preferred"),
    [
        ("水壶的 fine-tuning 有效。", "fine-tuning", "微调"),
        ("小型 language models 有效。", "language models", "语言模型"),
    ],
)
def test_a_term_left_in_english_is_noted(line, english, preferred):
    (found,) = found_in(line)
    assert found.message == f"{english} is left in English, and is {preferred} in the glossary"
    assert line[slice(*found.span)] == english


@pytest.mark.parametrize(
    "line",
    [
        "水壶的微调（fine-tuning）有效。",
        "以 LLM 和 MRI 研究水壶。",
        "用 Fine-Tuning 框架研究水壶。",
        "用 fine-tuning-kit 研究水壶。",
    ],
)
def test_acronyms_names_and_explanations_may_be_english(line):
    assert found_in(line) == []


def test_a_glossary_of_two_columns_asks_for_no_other_translation():
    assert found_in("精调。", rules=Rules(glossary=Glossary(TERMS))) == []


def test_without_a_chinese_line_there_is_nothing_to_note():
    assert list(check(PAPER, {"en": "Fine-tuning helps."}, RULES)) == []


PIECES = st.lists(
    st.sampled_from([form for forms in ALSO.values() for form in forms] + list(TERMS.values()))
    | st.sampled_from([f" {term} " for term in TERMS])
    | st.text(max_size=4)
).map("".join)


@given(line=PIECES, abstract=PIECES)
def test_any_text_is_judged_and_spans_lie_inside(line, abstract):
    for found in found_in(line, abstract):
        start, end = found.span
        assert 0 <= start < end <= len(line)
        if found.source_span:
            start, end = found.source_span
            assert f'"{abstract[start:end]}"' in found.message
