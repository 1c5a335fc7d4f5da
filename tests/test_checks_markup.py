"""What has no place in a plain line: markup, LaTeX, escapes, failures, text of the prompt."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline import excuses
from pipeline.checks import failures, markup, phrases
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Form, Found, Rules
from pipeline.glossary import Glossary
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HTML, MARKDOWN, REMOVABLE, words_of
from tests.digests import a_paper

INSTRUCTIONS = (
    "Say in one English line and in one Chinese line what the authors of this paper did,\n"
    "and what they found. 请用一句通顺的中文说明这篇论文做了什么、发现了什么，不要使用任何标记。"
)
RULES = Rules(glossary=Glossary({}), form=Form(instructions=INSTRUCTIONS))
EN = "A coastal model is adapted to new harbours."
ZH = "把近岸模型适配到新港口。"

FEW = settings(max_examples=25)
"""Texts made from a pattern take long to draw."""


def found(
    line: str, language: Language = "en", paper: Paper | None = None, rules: Rules = RULES
) -> list[Found]:
    lines: Lines = {language: line}
    return [
        one
        for check in (markup.check, failures.check, phrases.check)
        for one in check(paper or a_paper(), lines, rules)
    ]


def codes(line: str, language: Language = "en", paper: Paper | None = None) -> list[str]:
    return [one.code for one in found(line, language, paper)]


@pytest.mark.parametrize(
    ("line", "evidence"),
    [
        ("A **coastal** model is adapted.", "**"),
        ("A *coastal* model is adapted.", "*coastal*"),
        ("A __coastal__ model is adapted.", "__coastal__"),
        ("A _coastal_ model is adapted.", "_coastal_"),
        ("A `coastal` model is adapted.", "`coastal`"),
        ("```A coastal model is adapted.", "```"),
        ("- A coastal model is adapted.", "- "),
        ("• A coastal model is adapted.", "•"),
        ("1. A coastal model is adapted.", "1. "),
        ("# A coastal model", "# "),
        ("> A coastal model", "> "),
        ("A [model](https://example.org) is adapted.", "[model](https://example.org)"),
        ("[A model [ours] of tides](#top) is adapted.", "](#top)"),
        ("| A coastal model | is adapted |", "| "),
        ("A <b>coastal</b> model is adapted.", "<b>"),
        ('A <a href="x">model</a> is adapted.', "<a href="),
        ("A model is adapted.</section>", "</section>"),
        ("A model <script>alert(1)</script>", "<script>"),
        ("A model <!-- is adapted -->", "<!--"),
        ("-把近岸模型适配到新港口。", "-把"),
        ("把*近岸模型*适配到新港口。", "*近岸模型*"),
        ("1、把近岸模型适配到新港口。", "1、把"),
        ("（1）把近岸模型适配到新港口。", "（1）"),
        ("(2) A coastal model is adapted.", "(2) "),
        ("一、把近岸模型适配到新港口。", "一、"),
        ("① 把近岸模型适配到新港口。", "①"),
        ("🌊 A coastal model is adapted.", "🌊"),
        ("A model | new ports | is adapted.", " | new ports |"),
    ],
)
def test_markdown_and_html_are_found_with_their_place(line, evidence):
    (one,) = found(line)
    assert one.code == "markup"
    assert one.span is not None
    assert line[slice(*one.span)] == evidence


@pytest.mark.parametrize(
    "line",
    [
        "For a < b and c > d, a C*-algebra, A* search and 3*4 gauges.",
        "Norms |x| + |y| on L[0, 1](R) with p<0.05 and a snake_case_name.",
        "Tide #1 costs $5 and $10, US$5 or $0.01/query, and R&D; is 5 % of it.",
        "100% of 3.5~5 m at mAP@0.5, 50%60 and C:/tides and AT&T; too.",
        "价格$5到$10之间的 A* 算法与 C++ 代码。",
        "P(a | b) and P(c | d) of {x | x > 0} in (2+1) dimensions.",
        "(2S)-rhinol is made, and 一、二阶 moments.",
        "一、二阶矩与三、四维流形。",
    ],
)
def test_what_only_looks_like_markup_is_none(line):
    assert codes(line) == []


def test_a_paper_on_reasoning_may_name_its_tags():
    line = "Tokens between <think> and </think> are pruned."
    assert codes(line) == ["markup"]
    assert codes(line, paper=a_paper(abstract="We prune <think> traces.")) == []


@pytest.mark.parametrize(
    "line",
    [
        r"The rate \alpha falls.",
        r"A \textbf{coastal} model.",
        "The rate $x$ falls.",
        "The rate $k < 50$ falls.",
        r"The rate $5\%$ falls.",
        r"It is 5\% better.",
        "The rate x^{2} falls.",
        "A ``tide'' rises.",
        "The rate x^2 falls.",
        "速率为 O(n^3)。",
        "速率$x$下降。",
    ],
)
def test_latex_is_found(line):
    assert codes(line) == ["latex"]


def test_a_power_is_written_as_the_paper_writes_it():
    paper = a_paper(abstract="It takes O(n^2) time on $2^{10}$ gauges.")
    assert codes("For 2^10 gauges it takes O(n^2) time.", paper=paper) == []


def test_extracted_lines_keep_their_latex():
    rules = Rules(glossary=Glossary({}), extractive=True)
    assert found("The rate $x$ falls.", rules=rules) == []


@pytest.mark.parametrize(
    "line",
    [
        r"A \u6f6e model.",
        r"A model\n is adapted.",
        r"把模型\t适配。",
        r"A \"model\" is adapted.",
        "A u6f6eu6c50 model.",
        "A &amp; B and more.",
        "A &#39;model&#39; is adapted.",
        "A coastal%20model is adapted.",
        "A %E6%BD%AE model is adapted.",
    ],
)
def test_escapes_are_found(line):
    assert codes(line) == ["escape"]


@pytest.mark.parametrize(
    "character", ["\x0c", "\x00", "\n", "\u200b", "\u202e", "\ufeff", "\ufffd", "\ue000", "\xad"]
)
def test_a_character_that_no_reader_sees_is_found(character):
    (one,) = found(f"A coastal{character} model is adapted.")
    assert (one.code, one.span) == ("control-character", (9, 10))
    assert f"U+{ord(character):04X}" in one.message


@pytest.mark.parametrize(
    "line",
    ["模型锟斤拷适配。", "A cafÃ© is adapted.", "It doesnâ€™t fall.", "å¯¹é½æ¨¡", "閫傞厤銆傞"],
)
def test_text_that_was_decoded_wrongly_is_found(line):
    (one,) = found(line)
    assert one.code == "control-character"
    assert "decoded wrongly" in one.message


def test_accents_quotes_and_units_are_decoded_rightly():
    assert codes("“Mallé” — à Évora, 5 Å², Âge, NÃO and naïve are read.") == []


def test_emoji_accents_and_wide_blanks_are_seen():
    assert codes("A naïve model\u00a0is adapted 🌊 to Å\u3000.") == []


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Summary generation failed"),
        ("en", "I'm sorry, but I cannot assist with that request."),
        ("en", "Unfortunately, I cannot summarize this paper."),
        ("en", "As an AI language model, I do not read papers."),
        ("en", "Error: upstream request timed out after 60 s"),
        ("en", "HTTP 503 Service Unavailable"),
        ("en", "The service said: rate limit exceeded, retry later."),
        ("en", "Traceback (most recent call last): boom"),
        ("en", "ValueError: no tide"),
        ("en", "Failed to generate a summary of the paper."),
        ("en", "Please provide the abstract of the paper."),
        ("en", "“I’m sorry, I can’t help with that.”"),
        ("en", "N/A"),
        ("en", "..."),
        ("en", "Error"),
        ("zh", "摘要生成失败"),
        ("zh", "抱歉，我无法满足该请求。"),
        ("zh", "作为一个AI语言模型，我不能阅读论文。"),
        ("zh", "请求超时，请稍后重试。"),
        ("zh", "未知错误：请稍后重试。"),
        ("zh", "无法生成该论文的摘要。"),
        ("zh", "Summary generation failed"),
        ("zh", "暂无摘要"),
        ("zh", "请提供论文的摘要。"),
        ("zh", "[摘要生成失败]"),
        ("zh", "生成摘要时出错"),
        ("zh", "模型未返回结果。"),
        ("zh", "未检索到原文，无法给出概括。"),
        ("zh", "该请求已被拒绝。"),
        ("zh", "服务器返回空响应，总结未完成。"),
        ("zh", "原文过短，无法概括主要内容：潮汐模型。"),
        ("en", "No result was returned."),
        ("en", "The text is too short to summarize, but a coastal model is adapted."),
        ("en", "We were unable to access the article."),
        ("en", "Rate limit error."),
        ("en", "Translation not available"),
    ],
)
def test_failures_are_found(language, line):
    assert "failure-text" in codes(line, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Models that answer “I'm sorry, I cannot help” are studied."),
        ("en", "Traceback analysis finds what failed to generate summaries in agents."),
        ("en", "As an AI-driven pipeline, TideNet lowers the error and the failure rate."),
        ("en", "Agents retry when an HTTP 429 reply says that the quota is used up."),
        ("zh", "研究模型以“抱歉，我无法提供帮助”拒答的行为。"),
        ("zh", "作为 AI 审稿系统的基准，覆盖工具调用失败与系统错误等情形。"),
        ("zh", "作为AI审稿系统的基准，减少系统错误，且现有模型无法完成潮汐任务。"),
    ],
)
def test_a_paper_about_refusals_and_errors_is_no_failure(language, line):
    paper = a_paper(abstract="Agents meet an HTTP 429 reply and go on.")
    assert codes(line, language, paper) == []


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh", "模型拒绝回答请求。"),
        ("zh", "未提供摘要，如何总结潮汐论文是难题。"),
        ("zh", "模型没有数据，仍能预测潮位。"),
        ("en", "No summary without an abstract, a study of tide papers finds."),
        ("en", "Without access to the data, a model of tides is adapted."),
        ("en", "The model is not a model of the data."),
    ],
)
def test_words_of_failures_are_content_where_the_paper_has_them_or_the_line_goes_on(language, line):
    about = "Models refuse requests; papers without abstracts get no summary. Summaries fail."
    assert codes(line, language, a_paper(abstract=about)) == []


def test_a_failure_is_one_also_where_the_paper_quotes_another():
    paper = a_paper(abstract="Models say \"I'm sorry, I can't help with that request.\" too often.")
    assert codes("I'm sorry, but I cannot read this paper.", paper=paper) == ["failure-text"]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", f"Title: {EN}"),
        ("en", f"Summary: {EN}"),
        ("en", f"Here is the one-line summary: {EN}"),
        ("en", f"Sure! {EN}"),
        ("en", "{{ title }} is adapted."),
        ("en", f'{{"en": "{EN}"'),
        ("en", f"{EN}<|im_end|>"),
        ("en", "[insert summary here]"),
        ("en", "say in one english line and in one chinese line what it is."),
        ("en", "It is told to say what the authors of this paper did, and what they found."),
        ("en", f"English sentence: {EN}"),
        ("en", f"(Translation) {EN}"),
        ("en", f"{EN} I hope this helps!"),
        ("en", "'Hope this helps"),
        ("en", f"{EN[:-1]} (note: the abstract gives no numbers)."),
        ("en", f"AI-generated, for reference only: {EN}"),
        ("en", "Here is the summary."),
        ("en", "Please see the original paper."),
        ("zh", f"中文总结：{ZH}"),
        ("zh", f"总结如下：{ZH}"),
        ("zh", f"【摘要】{ZH}"),
        ("zh", f"{ZH[:-1]}（注：摘要未提供具体数字）。"),
        ("zh", f"由 AI 生成，仅供参考：{ZH}"),
        ("zh", "以上就是对该论文的一句话总结。"),
        ("zh", f"{ZH}（共 12 字）"),
        ("zh", f"{ZH[:-1]}，希望对您有帮助。"),
        ("zh", f"标题：{ZH}"),
        ("zh", f"以下是一句话摘要：{ZH}"),
        ("zh", "用一句通顺的中文说明这篇论文做了什么、发现了什么"),
    ],
)
def test_text_of_the_prompt_is_found(language, line):
    assert codes(line, language) == ["prompt-text"]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Abstracts are summarized: in one English line and one more."),
        ("en", "What the authors of this paper did not know."),
        ("en", "TideNet: a model for {x} and [0, 1]."),
        ("zh", "潮汐网络：这篇论文做了什么与其他工作不同。"),
        ("en", "We hope that TideNet will help ports, whose notes people read."),
        ("en", "LLM-generated tides help readers of the full text."),
        ("zh", "希望帮助港口的系统，由大模型生成的潮位作说明性参考。"),
        ("zh", "这是首个面向潮汐文本翻译的数据集。"),
    ],
)
def test_a_few_words_of_the_instructions_are_no_echo(language, line):
    assert codes(line, language) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"Sure! {EN}", 'talk around the line: "Sure!"'),
        (f"Summary: {EN}", 'a label before the line: "Summary:"'),
        ("{{ title }} is adapted.", 'text of a template: "{{"'),
    ],
)
def test_a_message_says_what_the_words_are(line, message):
    assert found(line)[0].message == message


PLAIN = st.characters(min_codepoint=32, max_codepoint=126)


@pytest.mark.parametrize("phrase", excuses.ENGLISH_PHRASES)
@FEW
@given(data=st.data())
def test_what_is_looked_for_first_is_in_every_english_failure(phrase, data):
    pattern = re.compile(phrase, re.IGNORECASE)
    line = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=PLAIN))
    assert excuses.phrases(line)


@pytest.mark.parametrize("phrase", [excuses.CHINESE_BEGINNINGS, excuses.CHINESE_PHRASES])
@FEW
@given(data=st.data())
def test_what_is_looked_for_first_is_in_every_chinese_failure(phrase, data):
    line = data.draw(st.from_regex(phrase, fullmatch=True))
    assert excuses.CHINESE_WORDS.search(line)


@FEW
@given(line=st.from_regex(phrases.TALK, fullmatch=True, alphabet=PLAIN))
def test_what_is_looked_for_first_is_in_all_talk(line):
    assert not phrases.TALK_WORDS.isdisjoint(words_of(line))


@pytest.mark.parametrize(
    "pattern",
    [MARKDOWN, HTML, markup.LATEX, markup.ESCAPE, markup.POWER],
    ids=["Markdown", "HTML", "LaTeX", "escape", "power"],
)
@FEW
@given(data=st.data())
def test_what_is_looked_for_first_is_in_all_markup(pattern, data):
    line = data.draw(st.from_regex(pattern))
    assume(pattern.search(line))
    assert markup.SUSPECT.search(line) or markup.BEGINNING.match(line)


@pytest.mark.parametrize("character", "\u200b\u200e\u2060\ufeff\u202a\u202e\u2066\u2069")
def test_what_is_taken_away_as_invisible_is_no_character_to_be_seen(character):
    assert REMOVABLE.match(character)
    assert codes(f"A coastal{character} model is adapted.") == ["control-character"]


def test_an_echo_is_shown_from_its_first_to_its_last_character():
    line = "Well, SAY IN ONE ENGLISH LINE AND IN ONE CHINESE LINE what?"
    (one,) = found(line)
    assert one.span is not None
    assert line[slice(*one.span)] == "SAY IN ONE ENGLISH LINE AND IN ONE CHINESE LINE what"


PIECES = [
    "$",
    "\\",
    "*",
    "`",
    "_",
    "<b",
    ">",
    "[a]",
    "(b)",
    "&amp;",
    "%E6",
    "\\u6f6e",
    "{{",
    "|",
    "\x00",
]
WORDS = ["I cannot ", "error: ", "抱歉，", "“", "”", '"', "潮", " a", INSTRUCTIONS[:50], "Title: "]
texts = st.text(max_size=80) | st.lists(st.sampled_from(PIECES + WORDS), max_size=15).map("".join)


@given(en=texts, zh=texts, abstract=texts)
def test_any_text_is_checked_and_every_span_lies_within(en, zh, abstract):
    paper = a_paper(abstract=abstract)
    given_lines: Lines = {"en": en, "zh": zh}
    for language, line in given_lines.items():
        for one in found(line, language, paper):
            assert one.code in CODES
            assert one.span is not None
            assert 0 <= one.span[0] <= one.span[1] <= len(line)


@given(word=st.sampled_from(PIECES + WORDS), language=st.sampled_from(["en", "zh"]))
def test_each_code_is_told_once_for_a_line(word, language):
    told = codes(word * 50, language)
    assert len(told) == len(set(told))
