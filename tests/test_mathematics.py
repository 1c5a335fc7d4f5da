"""Formulas: MathML of allowed elements, Unicode text, or nothing."""

import re

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.site.latex.mathematics import COMMANDS, DEEPEST, mathml, plain
from pipeline.site.latex.mathml import ATTRIBUTES, ELEMENTS
from pipeline.site.latex.tokens import LONGEST

FORMULAS = st.lists(
    st.sampled_from(
        [
            r"\frac", r"\sqrt", r"\left", r"\right", r"\begin{matrix}", r"\end{matrix}", r"\hat",
            "{",
            "}", "^", "_", "x", "2", "&", r"\\", r"\over", r"\text{tide}", r"\not", r"\sum", "'",
            "(",
            r"\mathbb{R}", r"\operatorname", r"\limits", r"\big", "[", "]", r"\root", r"\of", "|",
            " ",
            r"\substack", r"\color", r"\genfrac", r"\sideset", r"\skew", r"\rule", r"\raise", "%",
            "#",
            r"\xrightarrow", r"\tag", r"\pmod", r"\unicode", r"\mathchoice", r"\smash", r"\middle",
            ".",
        ]
    ),
    max_size=20,
).map("".join)  # fmt: skip


THIN = '<mspace width=".167em"/>'


def inside(source):
    made = mathml(source)
    assert made is not None
    return re.sub(r"^<math[^>]*>|</math>$", "", made)


@pytest.mark.parametrize(
    ("source", "markup"),
    [
        (r"\alpha", "<mi>α</mi>"),
        ("10^{-3}", "<msup><mn>10</mn><mrow><mo>−</mo><mn>3</mn></mrow></msup>"),
        ("k<50", "<mi>k</mi><mo>&lt;</mo><mn>50</mn>"),
        (r"\sim", "<mi>∼</mi>"),
        ("73,500", "<mn>73,500</mn>"),
        (r"10{,}000", "<mn>10,000</mn>"),
        ("50%", "<mn>50</mn><mi>%</mi>"),
        (r"\mathrm{tide}", "<mi>tide</mi>"),
        (r"\mathrm{d}x", '<mi mathvariant="normal">d</mi><mi>x</mi>'),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\mathbbm{1}", "<mn>𝟙</mn>"),
        (r"\bm{x}", "<mi>𝒙</mi>"),
        (r"\mathtt{gull}", "<mtext><code>gull</code></mtext>"),
        (r"x_{\textbf{max}}", "<msub><mi>x</mi><mtext><b>max</b></mtext></msub>"),
        (r"2\log x", f"<mn>2</mn>{THIN}<mi>log</mi>{THIN}<mi>x</mi>"),
        (r"\hat{T}", '<mover accent="true"><mi>T</mi><mo>^</mo></mover>'),
        (r"\not= 1", '<mo lspace="0">≠</mo><mn>1</mn>'),
        ("x=-1", '<mi>x</mi><mo>=</mo><mo form="prefix">−</mo><mn>1</mn>'),
        (r"\Bigl\lfloor", "<mi>⌊</mi>"),
        (r"\color{red}x", "<mi>x</mi>"),
        (r"\R", "<mi>ℝ</mi>"),
    ],
)  # fmt: skip
def test_a_formula_becomes_no_more_markup_than_it_needs(source, markup):
    assert inside(source) == markup


def test_the_source_goes_with_the_formula_and_a_display_has_its_own_line():
    assert mathml('x<"1"') == mathml('x<"1"')
    assert str(mathml("x<y")).startswith('<math alttext="x&lt;y">')
    assert str(mathml("x", display=True)).startswith('<math display="block" alttext="x">')


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"\alpha", "α"),
        ("10^{-3}", "10⁻³"),
        ("k<50", "k<50"),
        ("x_{i}^{2}", "xᵢ²"),
        (r"\mathbb{R}^{n\times d}", "ℝ^(n×d)"),
        (r"x_{\mathrm{max}}", "xₘₐₓ"),
        (r"\frac{a+b}{2}", "(a+b)/2"),
        (r"\sqrt{x} \sqrt{2x}", "√x√(2x)"),
        (r"\hat{T}", "T̂"),
        (r"O(n\log n)", "O(n log n)"),
        (r"f'(x)", "f′(x)"),
    ],
)
def test_a_simple_formula_has_a_form_in_plain_text(source, text):
    assert plain(source) == text


@pytest.mark.parametrize(
    "source", [r"\binom{n}{k}", r"\begin{matrix}a&b\end{matrix}", r"\overbrace{x}", r"\sqrt[3]{x}"]
)
def test_a_formula_that_plain_text_cannot_say_is_none(source):
    assert plain(source) is None
    assert mathml(source) is not None


@pytest.mark.parametrize(
    "source",
    [
        r"\gullnet", r"x + \gullnet{y}", r"\text{a \gullnet}", r"\frac", r"x^", r"\left(", "x_1_2",
        r"\begin{cases} a", r"\href{https://a.example}{x}", r"\style{color:red}{x}",
        r"\class{a}{x}",
        r"\unicode{x202E}", r"\def\a{x}\a", r"\newcommand{\a}{x}\a", r"\verb|x|",
        r"\fcolorbox{a}{b}{c}",
        "{x", "x}", "", " ",
    ],
)  # fmt: skip
def test_what_is_unknown_unfinished_or_no_mathematics_is_none(source):
    made = mathml(source)
    assert made is None or source in {"{x", "x}"}


@pytest.mark.parametrize(
    "source",
    [
        "x" * (LONGEST + 1),
        "{" * (DEEPEST + 1) + "x" + "}" * (DEEPEST + 1),
        r"\sqrt" * (DEEPEST + 1) + "x",
        "x^{" * 40 + "x" + "}" * 40,
        r"x\over " * (COMMANDS + 1) + "x",
        r"\left(" * 40 + "x" + r"\right)" * 40,
    ],
)
def test_a_formula_too_long_or_too_deep_is_none(source):
    assert mathml(source) is None


def test_the_deepest_formulas_need_no_more_stack_than_there_is():
    half = DEEPEST // 2
    for source in (
        "x^{" * half + "x" + "}" * half,
        r"x\over " * (COMMANDS - 1) + "x",
        r"\displaystyle x" * (COMMANDS - 1),
        r"\sqrt" * (DEEPEST - 1) + "x",
    ):
        assert mathml(source) is None or plain(source) != ""


@given(FORMULAS)
@example(r"\rule\rule")
@example(r"\text{<script>alert(1)</script>}")
@example(r"\text{&lt;script&gt;}")
@example(r'x" onclick="alert(1)')
def test_any_formula_gives_allowed_elements_with_allowed_values_or_none(source):
    made = mathml(source)
    plain(source)
    if made is None:
        return
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    for element in list(parser.parseFragment(made, container="p").iter())[1:]:
        assert element.tag.rpartition("}")[2] in ELEMENTS | {"b", "i", "code"}
        for name, value in element.attrib.items():
            assert name == "alttext" or ATTRIBUTES[name].fullmatch(value)
    assert "\\" not in re.sub(r'alttext="[^"]*"', "", made)
