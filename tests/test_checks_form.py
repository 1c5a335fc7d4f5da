"""The form of a line: sentences, length, quotes, openings, its end, copies and typography."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks import copying, ending, form, typesetting
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Form, Found, Rules
from pipeline.glossary import Glossary
from pipeline.records import Language, Lines, Paper
from tests.digests import a_paper

EN = "A coastal model is adapted to new harbours with fewer than 50 gauges, at an error of 4 cm."
ZH = "用不到 50 个潮位站把近岸模型适配到新港口，误差为 4 cm，优于基线。"
ABSTRACT = (
    'Harbours differ in shape, so a state-of-the-art model of "one" says little about the next. '
    "We adapt a coastal model with TideNet-4.1 and 50 gauges (see Kelp et al. 2025). "
    "It runs on Node.js at an error of 4.25 cm, e.g. in 12 harbours."
)
RULES = Rules(glossary=Glossary({}), openings=("This paper", "We propose", "本文提出", "本文"))
CHECKS = (form.check, ending.check, copying.check, typesetting.check)


def found(lines: Lines, rules: Rules = RULES, paper: Paper | None = None) -> list[Found]:
    paper = paper or a_paper(abstract=ABSTRACT)
    return [one for check in CHECKS for one in check(paper, lines, rules)]


def codes(line: str, language: Language = "en", rules: Rules = RULES) -> list[str]:
    return [one.code for one in found({language: line}, rules)]


def evidence(line: str, language: Language = "en") -> str:
    (one,) = found({language: line})
    assert one.span is not None
    return line[slice(*one.span)]


def test_good_lines_raise_nothing():
    assert found({"en": EN, "zh": ZH}) == []


@pytest.mark.parametrize(
    ("language", "line", "second"),
    [
        ("en", EN + " It is fast.", "It is fast."),
        ("en", "It maps tides by Kelp et al. in 3.5 h! Is it good?", "Is it good?"),
        ("zh", ZH + "速度也很快。", "速度也很快。"),
        ("zh", "近岸模型适配到了新的港口！误差也减小了", "误差也减小了"),
        ("zh", "近岸模型适配到了“新港口。”误差也减小了。", "误差也减小了。"),
        ("en", "A model is adapted to the GPU.It beats gauges.", "It beats gauges."),
        ("en", "A model is adapted by 4.25%.Errors fall.", "Errors fall."),
        ("zh", "近岸模型用于 GPU.误差也减小了。", "误差也减小了。"),
    ],
)
def test_a_second_sentence_is_found(language, line, second):
    first = found({language: line})[0]
    assert first.code == "sentences"
    assert first.span is not None
    assert line[slice(*first.span)] == second


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "zh",
            "提出“为什么涨潮？”基准（含问题。）与 3.5 倍加速；误差减小，优于 Kelp et al. 所得。",
        ),
        ("zh", "用 Fig. 3 与 vs. 的缩写适配近岸模型到新港口。"),
        ("en", "Kelp et al. adapt models, e.g. TideNet-4.1, to U.S. harbours; errors fall."),
        ("en", "Models are adapted at St.Johns in ports and by E.Coli of reefs."),
        ("zh", "按 i.i.d.假设与 et al.的工作，在 U.S.市场适配近岸模型。"),
    ],
)
def test_brackets_quotes_abbreviations_and_semicolons_end_no_sentence(language, line):
    assert codes(line, language) == []


def test_a_prompt_that_asks_for_three_sentences_gets_them():
    three = Rules(glossary=Glossary({}), form=Form(sentences=3))
    line = "Models are adapted. Errors fall by half. Harbours differ a lot."
    assert codes(line, rules=three) == []
    assert codes(line + " It is good.", rules=three) == ["sentences"]


def test_length_counts_words_of_english_and_characters_of_chinese():
    assert form.length("en", "A state-of-the-art model, in 3.5 h.") == 6
    assert form.length("zh", "用 GPT-4o 提升 35%–43%，优于基线。") == 11
    assert codes("Tides rise.") == ["too-short"]
    assert codes("涨潮了。", "zh") == ["too-short"]
    assert codes("tide " * 60 + "tide.") == ["too-long"]
    assert codes("潮" * 120 + "。", "zh") == ["too-long"]
    assert codes("潮" * 119 + "。", "zh") == []
    assert found({"en": "Tides."})[0].message == "1 word, at least 4 are asked for"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", f'"{EN}"'),
        ("en", f'"{EN[:-1]}".'),
        ("en", f"‘{EN}’"),
        ("zh", f"“{ZH}”"),
        ("zh", f"「{ZH}」"),
    ],
)
def test_quotation_marks_around_the_whole_line_are_found(language, line):
    assert codes(line, language) == ["quoted"]


def test_quotation_marks_around_two_parts_are_not_around_the_line():
    assert codes('"Tide" models are adapted to what is called a "harbour".') == []


@pytest.mark.parametrize(
    ("language", "line", "opening"),
    [
        ("en", "THIS PAPER adapts a model to new harbours.", "THIS PAPER"),
        ("zh", "本文提出把近岸模型适配到新港口的方法。", "本文提出"),
        ("zh", "本文把近岸模型适配到新的港口。", "本文"),
    ],
)
def test_an_opening_that_says_nothing_is_noted_in_the_lines_own_script(language, line, opening):
    assert codes(line, language) == ["boilerplate"]
    assert evidence(line, language) == opening


def test_an_opening_is_whole_words_at_the_beginning():
    assert codes("This paperless office adapts models to harbours.") == []
    assert codes("What we propose adapts a model to new harbours.") == []


BROKEN = [
    ("en", "A coastal model is adapted to harbours,"),
    ("en", "A coastal model is adapted to harbours and"),
    ("en", "A coastal model is adapted to the"),
    ("en", "A coastal model (with gauges"),
    ("en", "A coastal model called “TideNet"),
    ("en", 'A coastal model called "TideNet is adapted'),
    ("en", "A coastal model is adapted at low-"),
    ("en", "A coastal model is adapted to harbours..."),
    ("en", "A coastal model is adapted to harbours…"),
    ("en", "A coastal model is adapted at an error of 4."),
    ("en", "A coastal model is adapted and runs on Node."),
    ("en", "A coastal model is adapted to harbours, e.g."),
    ("zh", "把近岸模型适配到新港口，"),
    ("zh", "把近岸模型适配到新港口、"),
    ("zh", "近岸模型在新港口和"),
    ("zh", "适配近岸模型到新港口的"),
    ("zh", "适配近岸模型到新港口，并"),
    ("zh", "适配近岸模型到新港口，通过"),
    ("zh", "适配近岸模型（共 50 个"),
    ("zh", "把近岸模型适配到误差 4."),
    ("zh", "适配近岸模型到新港口……"),
    ("en", "A coastal model raises the rate from 4.25 cm to."),
    ("en", "A coastal model is adapted to improve the."),
    ("en", "A coastal model cuts all errors by."),
    ("zh", "近岸模型使速率由 4.25 升至。"),
    ("zh", "近岸模型的误差低于。"),
    ("zh", "近岸模型适配到港口，以及。"),
]


@pytest.mark.parametrize(("language", "line"), BROKEN)
def test_a_line_that_certainly_breaks_off_is_truncated(language, line):
    assert "truncated" in codes(line, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "A coastal model is adapted to harbours"),
        ("en", "A coastal model is adapted to the harbours of Kelp et al."),
        ("en", "A coastal model is adapted and asks “why?”"),
        ("en", "A coastal model (with gauges is adapted."),
        ("en", "A coastal model is adapted with."),
        ("en", "A coastal model is adapted to an error of 4 cm in 5."),
        ("zh", "适配近岸模型以达到训练目的"),
        ("zh", "适配近岸模型以识别攻击行为"),
        ("zh", "低预算下近岸模型的性能饱和"),
        ("zh", "适配近岸模型到新港口，优于 BERT."),
        ("zh", "适配近岸模型，提出“为什么？”"),
        ("zh", "近岸模型称新港口为“目标。”"),
    ],
)
def test_a_line_that_may_break_off_lacks_its_full_stop(language, line):
    assert [c for c in codes(line, language) if c != "punctuation"] == ["no-full-stop"]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "A coastal model is adapted to 12."),
        ("en", "A coastal model is adapted with TideNet-4.1."),
        ("en", "A coastal model is adapted to the interval [0, 1)."),
        ("en", "Is a coastal model of use in harbours?"),
        ("en", "A coastal model is adapted (to 12 harbours.)"),
        ("zh", "近岸模型在新港口真的有用吗？"),
        ("en", "A coastal model is adapted to maps of 7 × 7."),
        ("zh", "适配近岸模型以求饱和。"),
        ("zh", "近岸模型可由此得到。"),
    ],
)
def test_a_line_that_ends_as_a_sentence_does_is_whole(language, line):
    assert codes(line, language) == []


LONG = {
    "en": "With TideNet-4.1 (cf. Kelp et al. 2025), Node.js errs by 4.25, e.g. at U.S. ports.",
    "zh": "用 TideNet-4.1（见 Kelp et al.）在 Node.js “误差。”为 4.25，“为何？”。",
}


@pytest.mark.parametrize("language", LONG)
def test_a_line_cut_at_any_character_is_found_out(language):
    line = LONG[language]
    paper = a_paper(abstract=ABSTRACT)
    assert list(ending.check(paper, {language: line}, RULES)) == []
    for length in range(len(line)):
        cut = [one.code for one in ending.check(paper, {language: line[:length]}, RULES)]
        assert cut in (["truncated"], ["no-full-stop"]), line[:length]


def test_the_other_line_shows_that_a_number_goes_on():
    lines: Lines = {"en": "The error falls to 7.", "zh": "误差降到 7.5 cm，优于基线。"}
    (one,) = ending.check(a_paper(abstract=ABSTRACT), lines, RULES)
    assert (one.code, one.language, one.span) == ("truncated", "en", (19, 21))


@pytest.mark.parametrize(
    "line", ["Pigments of tides are chlorophyll a.", "It is what harbours rely on."]
)
def test_a_sentence_may_end_in_such_a_word_where_the_paper_has_it_so(line):
    paper = a_paper(abstract="Chlorophyll a is a pigment that ports rely on, as ever.")
    assert list(ending.check(paper, {"en": line}, RULES)) == []


FIRST = 'Harbours differ in shape, so a state-of-the-art model of "one" says little about the next.'


@pytest.mark.parametrize(
    "line",
    [
        FIRST,
        FIRST.upper(),
        FIRST.rstrip("."),
        FIRST.replace('"', "”").replace("-", "–"),
        FIRST.replace(" ", "  "),
        FIRST.replace("Harbours", "Many harbours"),
        FIRST.replace("little ", ""),
        FIRST.replace('of "one"', "of one").replace("shape,", "shape"),
    ],
)
def test_a_copy_of_the_first_sentence_is_found_with_its_place(line):
    (one,) = copying.check(a_paper(abstract=ABSTRACT), {"en": line}, RULES)
    assert (one.code, one.span, one.source_span) == (
        "copied-first",
        (0, len(line)),
        (0, len(FIRST)),
    )


def test_a_copy_of_another_sentence_or_of_the_title_is_noted():
    paper = a_paper(abstract=ABSTRACT)
    line = "We adapt a coastal model with TideNet-4.1 and 50 gauges (see Kelp et al. 2025)."
    (one,) = copying.check(paper, {"en": line}, RULES)
    assert one.code == "copied"
    assert one.source_span is not None
    assert paper.abstract[slice(*one.source_span)] == line
    (title,) = copying.check(paper, {"en": paper.title + "."}, RULES)
    assert (title.code, title.source_span) == ("copied", None)


def test_the_only_sentence_of_an_abstract_is_its_first():
    assert [f.code for f in copying.check(a_paper(abstract=EN), {"en": EN}, RULES)] == [
        "copied-first"
    ]


def test_a_first_sentence_that_is_the_title_too_is_a_copy_of_the_first_sentence():
    paper = a_paper(title=FIRST.rstrip("."), abstract=ABSTRACT)
    (one,) = copying.check(paper, {"en": FIRST}, RULES)
    assert one.code == "copied-first"


@pytest.mark.parametrize(
    "line",
    [
        EN,
        "A state-of-the-art model of one harbour says little about others, so we adapt it.",
    ],
)
def test_a_line_that_shares_phrases_with_the_abstract_is_no_copy(line):
    assert list(copying.check(a_paper(abstract=ABSTRACT), {"en": line}, RULES)) == []


def test_extracted_lines_are_no_copies_and_need_no_full_stop():
    extracted = Rules(glossary=Glossary({}), extractive=True, openings=("Harbours",))
    assert found({"en": FIRST, "zh": "关键词：潮汐、港口"}, extracted) == []


def test_typography_is_noted_once_with_the_first_place():
    line = "用TideNet适配近岸模型,误差为4 cm。"
    punctuation, spacing = typesetting.check(a_paper(), {"zh": line}, RULES)
    assert (punctuation.code, punctuation.span) == ("punctuation", (14, 15))
    assert (spacing.code, spacing.span) == ("spacing", (0, 2))
    assert spacing.message == (
        'blanks beside Latin text at 3 places, first in "用TideNe", which should be "用 TideNe"'
    )
    assert list(typesetting.check(a_paper(), {"en": "tide,model"}, RULES)) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("在港口用 3个X光图像", '"在港口用 3个X光图像", which should be "在港口用 3 个 X光图像"'),
        ("见 Kelp: 一种模型", '"见 Kelp: 一种模型", which should be "见 Kelp：一种模型"'),
    ],
)
def test_a_message_shows_the_place_with_all_that_is_mended(line, shown):
    assert next(typesetting.check(a_paper(), {"zh": line}, RULES)).message.endswith(shown)


PIECES = [
    *'潮a1 .。？!,“”"()（-…$',
    "的",
    "and",
    "4.25",
    "e.g.",
    "Node.",
    FIRST,
    ABSTRACT[:40],
    "本文提出",
]
texts = st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=15).map("".join)


@given(en=texts, zh=texts, abstract=texts, extractive=st.booleans())
def test_any_text_is_checked_and_every_span_lies_within(en, zh, abstract, extractive):
    lines: Lines = {"en": en, "zh": zh}
    rules = Rules(glossary=Glossary({}), openings=RULES.openings, extractive=extractive)
    for one in found(lines, rules, a_paper(abstract=abstract)):
        assert one.code in CODES
        assert one.message
        assert "\n" not in one.message or "\n" in en + zh
        assert one.language is not None
        if one.span:
            assert 0 <= one.span[0] <= one.span[1] <= len(lines[one.language])
        if one.source_span:
            assert 0 <= one.source_span[0] < one.source_span[1] <= len(abstract)
