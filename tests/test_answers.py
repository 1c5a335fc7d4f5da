"""What a model answered becomes lines, or the reason why it holds none.

Most answers are written here as the model wrote them, `content` and all; `raw` puts a
text between the quotes of the JSON as it stands, backslashes not doubled.
"""

import ast
import inspect
import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import typography
from pipeline.errors import AnswerRejected
from pipeline.exchange import Answer, Message, Request
from pipeline.llm import answers
from pipeline.llm.answers import DEFECTS, LONGEST, lines_of
from pipeline.llm.mending import MENDED
from pipeline.records import Language, Lines, Usage
from pipeline.text import CONTROL
from pipeline.wording import ECHO

EN, ZH = "A kettle sings.", "水壶会唱歌。"
GOOD = {"en": EN, "zh": ZH}
PLAIN = '{"en": "A kettle sings.", "zh": "水壶会唱歌。"}'
INSTRUCTIONS = "Say in one English line and one Chinese line what the kettle of this paper does."


def request(*languages: Language) -> Request:
    return Request(
        messages=(
            Message(role="system", content=INSTRUCTIONS),
            Message(role="user", content="Title: A Kettle"),
        ),
        model="test-model",
        parameters={},
        languages=languages or ("en", "zh"),
    )


def answer(content: str | None, finish_reason: str = "stop", refusal: str | None = None) -> Answer:
    return Answer(
        content=content,
        refusal=refusal,
        finish_reason=finish_reason,
        model="test-model",
        usage=Usage(),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def raw(en: str = EN, zh: str = ZH) -> str:
    return f'{{"en": "{en}", "zh": "{zh}"}}'


def both(en: str = EN, zh: str = ZH) -> str:
    return json.dumps({"en": en, "zh": zh})


def lines_in(content: str, *languages: Language) -> tuple[Lines, tuple[str, ...]]:
    return lines_of(answer(content), request(*languages))


def code_of(rejected: Answer, *languages: Language) -> str:
    with pytest.raises(AnswerRejected) as caught:
        lines_of(rejected, request(*languages))
    return caught.value.code


def outcome_of(content: str) -> tuple[Lines, tuple[str, ...]] | str:
    try:
        return lines_in(content)
    except AnswerRejected as rejection:
        return rejection.code


def test_good_lines_are_taken_as_they_are():
    assert lines_in(PLAIN) == (GOOD, ())


def test_an_answer_in_the_one_language_asked_for_is_taken():
    assert lines_in('{"zh": "水壶会唱歌。"}', "zh") == ({"zh": ZH}, ())


REJECTED = {
    "failure-text": [
        answer(both(zh="模型未返回结果。")),
        answer(both(en="HTTP 503: the service is unavailable")),
        answer(both(en="No abstract was provided, so a summary cannot be generated.")),
        answer(both(en="I'm sorry, but I cannot assist with that request.")),
        answer(both(en="Error: upstream request timed out after 60 s")),
        answer(both(zh="抱歉，我无法满足该请求。")),
        answer(both(zh="错误：上游请求超时")),
        answer(both(en="N/A")),
    ],
    "refusal": [answer(None, refusal="I will not"), answer(PLAIN, refusal="I will not")],
    "filter": [answer(None, "content_filter"), answer(PLAIN, "content_filter")],
    "length": [answer('{"en": "A ket', "length"), answer(None, "length")],
    "empty": [
        answer(None),
        answer(" \n "),
        answer(both(en="")),
        answer(both(zh="　")),
        answer(both(en="\n")),
    ],
    "not-json": [
        answer("A kettle sings."),
        answer(PLAIN.removesuffix("}")),
        answer(PLAIN.replace('"', "'")),
        answer(PLAIN.replace(EN, "A kettle\nsings.")),
        answer(PLAIN.replace(EN, r"\ud800 sings")),
        answer(f"Either {PLAIN} or {both()}, as you like."),
        answer(f"{PLAIN}\n{PLAIN}"),
        answer("{" * 5000),
    ],
    "wrong-shape": [
        answer('{"en": "A kettle sings."}'),
        answer('{"EN": "A kettle sings.", "ZH": "水壶会唱歌。"}'),
        answer('{"en": null, "zh": "水壶会唱歌。"}'),
        answer('{"en": 1, "zh": "水壶会唱歌。"}'),
        answer('{"en": ["A kettle sings."], "zh": "水壶会唱歌。"}'),
        answer(f'{{"answer": {PLAIN}}}'),
        answer(f"[{PLAIN}, {PLAIN}]"),
        answer('"A kettle sings."'),
        answer('Here it is: {"en": "A kettle sings."}'),
    ],
    "lines": [
        answer(raw(en=r"A kettle\nsings.")),
        answer(raw(en=r"A kettle\r\nsings.")),
        answer(raw(en=r"A kettle \u0007 sings.")),
        answer(raw(zh=r"水壶\u0085会唱歌。")),
        answer(both(en="A kettle\u2028sings.")),
    ],
    "too-long": [answer(both(en="a" * (LONGEST + 1))), answer(both(zh="水" * (LONGEST + 1)))],
    "wrong-language": [
        answer(both(en=ZH)),
        answer(both(zh=EN)),
        answer(both(en="A 水壶 sings.")),
        answer(both(en="42")),
        answer(both(en="42", zh="42")),
    ],
    "markup": [
        answer(both(en="A <b>kettle</b> sings.")),
        answer(both(en='A <a href="https://example.org/">kettle</a> sings.')),
        answer(both(en="A kettle sings.<br/>")),
        answer(both(en="A **kettle sings.")),
        answer(both(en="```A kettle sings.")),
        answer(both(en="- - A kettle sings.")),
        answer(both(zh="水壶会<script>唱歌。")),
    ],
    "echo": [answer(both(en=INSTRUCTIONS)), answer(both(en=INSTRUCTIONS[:ECHO].strip() + " yes"))],
}


@pytest.mark.parametrize(
    ("code", "rejected"), [(code, each) for code, some in REJECTED.items() for each in some]
)
def test_an_answer_without_usable_lines_is_rejected_with_its_code(code, rejected):
    assert code_of(rejected) == code


def test_every_defect_is_shown_above():
    assert REJECTED.keys() == DEFECTS.keys()


def test_the_table_of_defects_has_every_code_that_is_raised_and_no_other():
    calls = [n for n in ast.walk(ast.parse(inspect.getsource(answers))) if isinstance(n, ast.Call)]
    raised = [
        ast.unparse(call.args[0]) for call in calls if "AnswerRejected" in ast.dump(call.func)
    ]
    assert set(raised) == {repr(code) for code in DEFECTS}


@pytest.mark.parametrize(
    "content",
    [
        both(en="a" * LONGEST),
        both(en="For a < b and c > d, the kettle sings."),
        both(en="A 3*4 grid of kettles, and `kettle` is its name."),
        both(en="Say in one English line"),
        both(zh="A kettle 水"),
    ],
)
def test_what_only_looks_like_a_defect_is_none(content):
    assert lines_in(content) == (json.loads(content), ())


TAKEN_AWAY = {
    "invisible": [both(en="\u202eA kettle\u200b sings.\ufeff")],
    "thinking": [
        f"<think>Which kettle?</think>{PLAIN}",
        f'\n<Thinking>\n{{"en": "no"}}\n</Thinking>\n\n{PLAIN}',
        f"<reasoning></reasoning>{PLAIN}",
    ],
    "fence": [
        f"```json\n{PLAIN}\n```",
        f"```\r\n{PLAIN}\r\n```\n",
        f"Here are the lines:\n```json\n{PLAIN}\n```\nMay they please.",
    ],
    "prose": [
        f"Here are the lines: {PLAIN} May they please.",
        f"The set {{x}} sings: {PLAIN}",
        f"{PLAIN} {{x}}",
        f"[{PLAIN}]",
        f"<think>It never ended {PLAIN}",
    ],
    "extra-keys": ['{"note": "x", "en": "A kettle sings.", "zh": "水壶会唱歌。", "no": 1}'],
    "swapped": [both(en=ZH, zh=EN)],
    "whitespace": [
        raw(en=r" A kettle sings.\n"),
        raw(en=r"\tA kettle sings."),
        both(en="A   kettle sings."),
        both(en="A\u00a0kettle sings."),
        both(zh="\u3000水壶会唱歌。"),
    ],
    "markdown": [
        both(en="- A kettle sings."),
        both(en="• A kettle sings."),
        both(en="1. A kettle sings."),
        both(en="## A kettle sings."),
        both(en="> A kettle sings."),
        both(en="**A kettle sings.**"),
        both(en="A **kettle** **sings.**"),
        both(zh="**水壶**会唱歌。"),
    ],
    "punctuation": [both(zh="水壶会唱歌.")],
    "spacing": [both(zh="水壶会唱歌 。")],
}


@pytest.mark.parametrize(
    ("code", "content"), [(code, each) for code, some in TAKEN_AWAY.items() for each in some]
)
def test_what_can_be_taken_away_with_certainty_is_and_is_recorded(code, content):
    assert lines_in(content) == (GOOD, (code,))


def test_everything_that_is_mended_is_recorded_once():
    wrapped = raw(en=r"- A  $\beta$ kettle", zh=r"- 水壶  $\nu$")
    lines, mended = lines_in(f"<think>Hm</think> Well: {wrapped}")
    assert lines == {"en": r"A $\beta$ kettle", "zh": r"水壶 $\nu$"}
    assert mended == ("thinking", "prose", "latex", "whitespace", "markdown")


def test_the_typography_of_a_chinese_line_is_mended_and_an_english_line_left_alone():
    en, zh = "A kettle,which (sometimes)sings:always.", "水壶(K2)唱3首歌,茶壶唱 2 首"
    lines, mended = lines_in(both(en, zh))
    assert lines == {"en": en, "zh": "水壶（K2）唱 3 首歌，茶壶唱 2 首"}
    assert mended == ("punctuation", "spacing")


def test_every_mending_is_shown_here():
    assert TAKEN_AWAY.keys() | {"latex"} == MENDED.keys()


def test_lines_in_one_foreign_language_are_not_taken_for_swapped_ones():
    assert code_of(answer(both(en="水壶会唱歌，茶壶也会。"))) == "wrong-language"
    assert code_of(answer('{"en": "水壶会唱歌。"}'), "en") == "wrong-language"


@pytest.mark.parametrize("code", ["thinking", "fence", "prose"])
def test_a_language_missing_inside_wrapping_is_told_as_such(code):
    unwrapped = TAKEN_AWAY[code][0].replace('"zh"', '"fr"')
    assert code_of(answer(unwrapped)) == "wrong-shape"


LATEX = [
    r"\frac{a}{b}",
    r"\textbf{x}",
    r"\beta",
    r"\nu",
    r"\rho",
    r"\alpha",
    r"\underline{x}",
    r"\times",
    r"\nabla_x",
    r"\neq",
    r"\rangle",
    r"\right)",
    r"\theta",
    r"\tau",
    r"\to",
    r"\tilde{x}",
    r"\text{max}",
    r"\bar{x}",
    r"\forall",
    r"\upsilon",
    r"\{x\}",
    r"\_",
    r"\%",
    r"\,",
]


@pytest.mark.parametrize("latex", LATEX)
def test_latex_with_single_backslashes_survives_as_latex(latex):
    en, zh = f"The rate ${latex}$ sings.", f"速率 ${latex}$ 会唱歌。"
    assert lines_in(raw(en, zh)) == ({"en": en, "zh": zh}, ("latex",))


@pytest.mark.parametrize("latex", LATEX)
def test_latex_with_doubled_backslashes_stays_as_it_is(latex):
    en = f"The rate ${latex}$ sings."
    assert lines_in(both(en)) == ({"en": en, "zh": ZH}, ())


def test_single_and_doubled_backslashes_in_one_answer_both_survive():
    found = lines_in(raw(r"From $\\frac{a}{b}$ to $\frac{b}{a}$.", r"从 $\\nu$ 到 $\nu$。"))
    assert found == (
        {"en": r"From $\frac{a}{b}$ to $\frac{b}{a}$.", "zh": r"从 $\nu$ 到 $\nu$。"},
        ("latex",),
    )


def test_a_line_break_of_latex_keeps_both_its_backslashes():
    assert lines_in(raw(r"Rows a \\\\ b"))[0]["en"] == r"Rows a \\ b"


def test_escapes_that_json_has_stay_escapes():
    found = lines_in(raw(r"A \"kettle\" \/ \u0041 \ud83e\uded6", r"\u6c34壶"))
    assert found == ({"en": 'A "kettle" / A \U0001fad6', "zh": "水壶"}, ())


def test_latex_inside_prose_is_found_and_survives():
    wrapped = raw(r"The rate $\frac{a}{b}$.")
    found = lines_in(rf"With \alpha and \user: {wrapped}; and \nu.")
    assert found == ({"en": r"The rate $\frac{a}{b}$.", "zh": ZH}, ("prose", "latex"))


@pytest.mark.parametrize(
    "word", ["word", "each", "it", "under", "other", "more", "how", "text", "-", "2"]
)
@pytest.mark.parametrize("line_break", [r"\n", r"\r", r"\n\n"])
def test_a_real_line_break_before_an_ordinary_word_is_rejected(line_break, word):
    assert code_of(answer(raw(f"A kettle{line_break}{word} sings."))) == "lines"


@pytest.mark.parametrize("word", ["of", "and", "kettles", "binom{n}{k}", "r A", "woheadrightarrow"])
def test_a_tab_inside_a_line_may_be_latex_and_is_asked_about_again(word):
    assert code_of(answer(raw(rf"A kettle\t{word} sings."))) == "lines"


@pytest.mark.parametrize("text", ["Its __init__ sings.", "A * b * c.", "It sings 3 > 2 songs."])
def test_what_only_looks_like_markdown_is_never_changed(text):
    assert lines_in(both(text))[0]["en"] == text


def test_what_may_be_bold_type_or_a_power_is_asked_about_again():
    assert code_of(answer(both("2**3**4 is how it sings."))) == "markup"


def test_an_escaped_apostrophe_is_no_latex():
    assert code_of(answer(raw(r"A kettle\'s song."))) == "not-json"


ANYTHING = st.text(st.characters(codec="utf-8"))
NEARLY_JSON = st.text(st.sampled_from('{}[]:,"\\/*#-_`<>$enzhtrbfu0 \n\t水A'))
FRAGMENTS = st.lists(
    st.sampled_from(
        [*LATEX, r"\n", r"\t", r"\u", r"\u0007", "\\", '"', "**", "__", "- ", "<b>", EN, ZH, " "]
    )
).map("".join)
WRAPPED = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "<think>x</think>", "```json\n", "So: ", "{", r"\user "]),
    st.builds(raw, FRAGMENTS, FRAGMENTS),
    st.sampled_from(["", "\n```", " Done.", "}", PLAIN]),
    st.sampled_from(["", "\n", "```"]),
)


@given(ANYTHING | NEARLY_JSON | WRAPPED | st.builds(both, ANYTHING, ANYTHING))
@example(PLAIN)
@example(raw(r"\ud800"))
@example('{"a":' * 2000)
@example('{"en":' + "9" * 5000 + "}")
def test_any_answer_becomes_lines_of_one_line_each_or_is_rejected_with_a_known_code(content):
    found = outcome_of(content)
    if isinstance(found, str):
        assert found in DEFECTS
        return
    lines, mended = found
    assert lines.keys() == {"en", "zh"}
    for line in lines.values():
        assert line
        assert line == line.strip()
        assert not CONTROL.search(line)
    assert set(mended) <= MENDED.keys()


WORDS = st.text(st.sampled_from("abnrtuxyzBF019.,;:()[]{}$\\^'\"/=+-%&#~é水😀"), min_size=1)


@given(st.lists(WORDS, max_size=20), st.booleans())
def test_good_lines_written_as_json_come_back_unchanged(words, ascii_only):
    good = {"zh": typography.mended(" ".join(["水壶", *words]))[0]}
    content = json.dumps(good, ensure_ascii=ascii_only)
    assert lines_in(content, "zh") == (good, ())


@given(st.lists(WORDS.filter(lambda word: "水" not in word), max_size=20), st.booleans())
def test_good_english_lines_written_as_json_come_back_unchanged(words, ascii_only):
    good = {"en": " ".join(["Kettles", *words])}
    content = json.dumps(good, ensure_ascii=ascii_only)
    assert lines_in(content, "en") == (good, ())
