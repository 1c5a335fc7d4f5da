"""LaTeX of titles and abstracts: what becomes HTML or Unicode, and what stays as it was."""

import gc
import re
import sys
import unicodedata
from collections import Counter

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html as lxml_html
from markupsafe import escape

from pipeline.site.latex import mathematics, mathml
from pipeline.site.latex.rendering import to_html, to_text
from pipeline.site.text import clean

TEXT_ELEMENTS = {"a", "strong", "em", "i", "b", "code", "span", "u", "s", "sup", "sub"}
ELEMENTS = TEXT_ELEMENTS | mathml.ELEMENTS
ATTRIBUTES = {"href", "rel", "class", "alttext"} | mathml.ATTRIBUTES.keys()

PIECES = st.sampled_from(
    [
        r"\textbf{", r"\emph{", r"{\em ", r"\url{https://a.example/", r"\href{", "}",
        "{", "$",
        "$$", r"\(", r"\)", r"\[", r"\]", r"\frac{1}{2}", r"\frac", r"\left(", r"\right)", "^", "_",
        r"\'", r"\"", r"\c", r"\k{appa}", "``", "''", "`", "'", "--", "---", "~", r"\%", "%", "&",
        r"\cite{a}", r"\footnote{", r"\char"+'"202E', r"\begin{cases}", r"\end{cases}", "\\",
        "\\\\",
        r"\unicode{x202E}", r"\href{javascript:alert(1)}{", r"\style{color:red}{", r"\text{",
        r"\class{x}{", "<script>alert(1)</script>", "<", ">", '"', "\x00", "\u202e", "\ud800",
        "潮汐，",
        "gull", " tide ", "5", "x", r"\sqrt", r"\over", r"\color{red}", r"\verb|", r"\unknown",
        r"\def\a{\a\a}", r"\a", r"\operatorname{max}", r"\hat", r"\mathbb{R}", "&#x202E;",
    ]
)  # fmt: skip
ANYTHING = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=25).map("".join))


def words_of(page):
    """What a reader reads of it."""
    return lxml_html.fragment_fromstring(f"<p>{page}</p>").text_content()


def parsed(page):
    """The elements of `page`, which must be valid HTML of a paragraph."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return list(parser.parseFragment(page, container="p").iter())[1:]


def local(name):
    return name.rpartition("}")[2]


# Text that is no LaTeX


@pytest.mark.parametrize(
    "text",
    [
        "Gulls & terns: a <5% loss, 3 > 2, #1 of 4_096 and x^2",
        'An "open" harbour\'s log, 40% of it',
        "海鸥（Larus）的叫声占 5%，“潮汐”为 3–4 米。",
        "  two  spaces stay ",
    ],
)
def test_text_without_latex_comes_out_exactly_as_it_was(text):
    assert to_html(text) == escape(text)
    assert to_text(text) == text


def test_what_is_obeyed_and_not_seen_is_left_out():
    text = 'a\x00b\u202ec \\char"202E d $x\u202e$ $\\text{&#x202e;z}$'
    for shown in (words_of(to_html(text)), to_text(text)):
        assert clean(shown) == shown
        assert shown.startswith("abc d")


# Commands of text


@pytest.mark.parametrize(
    ("latex", "page"),
    [
        (r"\textbf{tide}", "<strong>tide</strong>"),
        (r"\emph{a \textbf{b} c}", "<em>a <strong>b</strong> c</em>"),
        (r"\textit{tide} \texttt{f\_x}", "<i>tide</i> <code>f_x</code>"),
        (r"\textsc{Gull}", '<span class="small-caps">Gull</span>'),
        (r"\textrm{gull} \textsf{tern}", "gull tern"),
        (r"1\textsuperscript{st} H\textsubscript{2}O", "1<sup>st</sup> H<sub>2</sub>O"),
        (r"\underline{Li}ght", "<u>Li</u>ght"),
        (r"{\em gull} {\bf tern} {\it auk}", "<em>gull</em> <strong>tern</strong> <i>auk</i>"),
        (r"\textcolor{red}{gull}", "gull"),
        ("p < 10^{-20}", "p &lt; 10<sup>-20</sup>"),
        (r"$\textbf{a whole sentence}$", "<strong>a whole sentence</strong>"),
    ],
)
def test_a_command_with_an_argument_becomes_an_element(latex, page):
    assert to_html(latex) == page


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\'e \`a \^o \"u \~n \=a \.z", "é à ô ü ñ ā ż"),
        (r"\'{e}l\`{e}ve na\"{\i}ve \'\i", "élève naïve í"),
        (r"\c{c} \v{s} \H{o} \u{a} \r{a} \k{e} \d{t} \c c", "ç š ő ă å ę ṭ ç"),
        (r"Stra\ss e, \o re, \AE gir, \L{}\'od\'z", "Straße, øre, Ægir, Łódź"),
        (r"weighted \k{appa}, \r{ho} = 1, \c{opyright}", "weighted κ, ρ = 1, ©"),
        (r"the model\'s \"tide\" tables don\'t", "the model's \"tide\" tables don't"),
    ],
)
def test_accents_are_composed_with_their_letters(latex, text):
    assert to_text(latex) == text
    assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"5\% of R\&D, \#1, f\_x, \$3, \{a\}", "5% of R&D, #1, f_x, $3, {a}"),
        ("``tide'' and `ebb'", "“tide” and ‘ebb’"),
        ('``tide" and ``ebb"', "“tide” and “ebb”"),
        ("the gulls' nests and `code`", "the gulls' nests and `code`"),
        ("gull--tern, 3--5 --- all", "gull–tern, 3–5 — all"),
        ("the --force option, <!-- x -->, ----", "the --force option, <!-- x -->, ----"),
        (r"vs.\ the sea\\ ebb \newline flow", "vs. the sea ebb flow"),
        (r"5\,dB", "5\u202fdB"),
        (r"\ldots \LaTeX{} \textregistered, 60\textdegree{} N", "… LaTeX ®, 60° N"),
        (r"\textasciitilde30 gulls", "~30 gulls"),
    ],
)
def test_signs_quotation_marks_and_dashes_become_characters(latex, text):
    assert to_text(latex) == text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        ("Table~2, Well~C, (2)~a tide", "Table\xa02, Well\xa0C, (2)\xa0a tide"),
        ("$5$~metres", "5\xa0metres"),
        ("about ~5% (~3 m), <~7", "about ~5% (~3 m), <~7"),
        ("10~20 米", "10~20 米"),
        ("X~N(0,1)", "X~N(0,1)"),
    ],
)
def test_a_tilde_is_a_tie_between_words_and_else_says_about(latex, text):
    assert to_text(latex) == text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        ("{GPT} and {B}ERT, 0{.}99", "GPT and BERT, 0.99"),
        (r"the set {a, b} and {k: v}", "the set {a, b} and {k: v}"),
        (r"\gullnet{} sees", r"\gullnet sees"),
    ],
)
def test_braces_that_group_vanish_and_those_of_a_set_stay(latex, text):
    assert to_text(latex + r"\%") == text + "%"


def test_citations_stand_in_brackets_and_footnotes_in_parentheses():
    assert to_text(r"Gull~\cite{g2024}, \citep[see][]{a,b}") == "Gull\xa0[g2024], [a,b]"
    assert to_text(r"nests\footnote{Counted \emph{twice}.} here") == "nests (Counted twice.) here"
    assert to_text(r"Fig.~\ref{fig:a}\label{x}") == "Fig.\xa0[fig:a]"


@pytest.mark.parametrize(
    "text", [r"\gullnet", r"\gull{two words}{x}", r"\textbf{open", r"costs \200"]
)
def test_what_is_unknown_or_unfinished_stays_as_it_was_written(text):
    assert to_text(text) == text
    assert to_html(text) == escape(text)


def test_an_address_keeps_its_tildes_and_dashes():
    address = "https://harbour.example/~gull/a--b_c"
    assert to_text(rf"\textbf{{At}} {address} and {address.replace('_', chr(92) + '_')}") == (
        f"At {address} and {address}"
    )


# Links


def test_addresses_of_the_web_become_links():
    (shown,) = parsed(to_html(r"\url{https://harbour.example/a\_b?c=1\&d=2}"))
    assert shown.attrib == {
        "href": "https://harbour.example/a_b?c=1&d=2",
        "rel": "nofollow noopener",
    }
    (shown,) = parsed(to_html(r"\href{http://harbour.example}{the log}"))
    assert (shown.get("href"), shown.text) == ("http://harbour.example", "the log")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "data:text/html,x", "//harbour.example", "/local", "https://",
        "https://arxiv.org@harbour.example", "https://[", "https://a b.example", "ftp://a.example",
        "https://localhost", 'https://a.example" onclick="x',
    ],
)  # fmt: skip
def test_any_other_address_stays_text(address):
    page = to_html(rf"\href{{{address}}}{{the log}}")
    assert page == "the log" or 'rel="nofollow noopener">the log</a>' in page
    assert page == "the log" or parsed(page)[0].attrib.keys() == {"href", "rel"}
    assert "<a" not in to_html(rf"\url{{{address}}}") or '"' in address


def test_a_link_holds_no_link_and_a_title_in_a_link_none_at_all():
    text = r"\href{https://a.example}{see \url{https://b.example}} \url{https://c.example}"
    assert [element.get("href") for element in parsed(to_html(text))] == [
        "https://a.example",
        "https://c.example",
    ]
    assert to_html(text, links=False) == "see https://b.example https://c.example"


# Money, and mathematics


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $6",
        "it costs $3",
        "from $5/GB to $6/GB",
        "$3 million (or $2.5 million)",
        "$5-$6 a day",
        "US$20 and AU$30",
        "费用为$5和$6。",
        "A$ and B$ of $HOME and $PATH",
        "$ $",
        "$$$$",
        "$",
    ],
)
def test_dollars_that_are_money_stay_text(text):
    assert to_html(text) == escape(text)
    assert to_text(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"$\sim$0.5 and $\pm$3", "∼0.5 and ±3"),
        ("R$^2$$>$0.9", "R²>0.9"),
        (r"$ x_1 $ and $5$", "x₁ and 5"),
        ("about $20M ($x$ of it)", "about $20M (x of it)"),
        (r"费用为$5，准确率$k<50$。", "费用为$5，准确率k<50。"),
        (r"$3\times$4", "3×4"),
        (r"$ 0 \le x $", "0≤x"),
        (r"\(x\), \[y\] and $$z$$", "x, y and z"),
        (r"\$5 and $x$", "$5 and x"),
        (r"\alpha outside", "α outside"),
        (r"30$^\circ$C", "30°C"),
    ],
)
def test_mathematics_is_told_from_money(text, plain):
    assert to_text(text) == plain


def test_a_formula_that_cannot_be_converted_stays_with_its_dollars():
    assert to_html(r"a $\gullnet<1$ b") == r"a $\gullnet&lt;1$ b"
    assert to_text(r"a $\gullnet<1$ b") == r"a \gullnet<1 b"


# Whatever it is


@given(ANYTHING)
@example("&#x202e;$&#x202e;$")
@example(r"\'{" + "a" * 30 + "}")
def test_any_text_gives_valid_html_of_allowed_elements(text):
    page = to_html(text)
    for element in parsed(page):
        assert local(element.tag) in ELEMENTS
        assert {local(name) for name in element.attrib} <= ATTRIBUTES
        assert re.match("https?://", element.get("href", "https://"))
    assert clean(page) == page
    assert "<a" not in to_html(text, links=False)
    assert clean(to_text(text)) == to_text(text)


@given(st.text(alphabet="abcxyzABC ${}^_~-'`\"%&<>,.()5", max_size=60))
def test_no_letter_of_the_text_is_lost(text):
    letters = Counter(filter(str.isalpha, text))
    assert Counter(filter(str.isalpha, words_of(to_html(text)))) == letters


STYLES = st.sampled_from([r"\textbf{%s}", r"\emph{%s}", r"{\em %s}", "{%s}", r"\rev{%s}", "%s"])


@given(st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=8), STYLES), min_size=1))
def test_words_stay_in_their_order_whatever_holds_them(words):
    text = "\\% " + " ".join(style.replace("%s", word) for word, style in words)
    expected = "% " + " ".join(word for word, _ in words)
    assert to_text(text) == expected
    assert words_of(to_html(text)) == expected


# Length


def steps(text):
    """How many functions are called to render `text`."""
    count = 0
    to_html(r"$x$ \unknown")  # the library is imported

    def counting(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    mathematics.mathml.cache_clear()
    mathematics.plain.cache_clear()
    before = sys.getprofile()
    gc.disable()  # its callbacks would count
    sys.setprofile(counting)
    try:
        to_html(text)
        to_text(text)
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize(
    "unit",
    ["$", "{", "}", "\\", "${", r"\(", r"\x{", r"\textbf{", "`", "~", "^{", r"\'{", r"$x^{", "{}"],
)
@pytest.mark.parametrize("closed", [False, True])
def test_work_grows_with_the_length_and_no_faster(unit, closed):
    def text(times):
        return unit * times + ("}" * times if closed else "")

    assert steps(text(1_000)) < 2.5 * steps(text(500))


@pytest.mark.parametrize("unit", ["$", "{", r"\1", r"\textbf{", r"\frac{1}{", "$x"])
def test_a_hundred_thousand_characters_are_rendered_whole(unit):
    text = unit * (100_000 // len(unit))
    assert words_of(to_html(text)).count(unit[-1]) >= 40_000 // len(unit)
