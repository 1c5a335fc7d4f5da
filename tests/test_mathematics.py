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


ALLOWED = ATTRIBUTES | {"class": re.compile("wide")}
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
        (r"X \overset{d}{=} Y", "<mi>X</mi><mover><mo>=</mo><mi>d</mi></mover><mi>Y</mi>"),
        (r"\stackrel{\text{def}}{=}", "<mover><mo>=</mo><mtext>def</mtext></mover>"),
        (r"\underset{x}{\arg\min}", "<munder><mi>arg\u2009min</mi><mi>x</mi></munder>"),
        (r"\operatorname*{arg\,max}_x", "<msub><mi>arg\u2009max</mi><mi>x</mi></msub>"),
        (r"\mathop{\mathrm{argmin}}_x", "<msub><mi>argmin</mi><mi>x</mi></msub>"),
        (r"\mathop{\rm argmin}_x", "<msub><mi>argmin</mi><mi>x</mi></msub>"),
        (r"\arg z", f"<mi>arg</mi>{THIN}<mi>z</mi>"),
        (r"R\&D", "<mi>R</mi><mi>&amp;</mi><mi>D</mi>"),
        (r"\text{R&D}", "<mtext>R&amp;D</mtext>"),
    ],
)  # fmt: skip
def test_a_formula_becomes_no_more_markup_than_it_needs(source, markup):
    assert inside(source) == markup


def test_the_source_goes_with_the_formula_where_it_says_more_than_the_formula():
    assert str(mathml("x_1<y")).startswith('<math alttext="x_1&lt;y">')
    for source in ("n", "k < 50", "73,500"):
        assert str(mathml(source)).startswith("<math><")


def test_a_display_has_its_own_line():
    assert str(mathml("x", display=True)).startswith('<math display="block">')
    assert str(mathml("x_1", display=True)).startswith('<math display="block" alttext="x_1">')


@pytest.mark.parametrize(
    ("source", "is_wide"),
    [
        ("k < 50", False),
        (r"O(n\log n)", False),
        (r"\frac{a+b+c+d}{e+f+g+h}", False),
        ("a+b+c+d+e+f+g+h+i+j", True),
        ("W" * 12, True),
        (r"\text{这是一个比较长的公式说明}", True),
        (r"a\hspace{20em}b", True),
    ],
)
def test_a_formula_that_may_be_wider_than_a_narrow_page_is_marked(source, is_wide):
    assert str(mathml(source)).startswith('<math class="wide"') is is_wide
    assert "wide" not in str(mathml(source, display=True))


# Several lines


def row(*cells):
    sides = ("right", "left") * len(cells)
    held = "".join(
        f'<mtd columnalign="{side}">{cell}</mtd>' for side, cell in zip(sides, cells, strict=False)
    )
    return f"<mtr>{held}</mtr>"


LINES = row("<mi>a</mi>", "<mi></mi><mo>=</mo><mi>b</mi>") + row(
    "<mi>c</mi>", "<mi></mi><mo>=</mo><mi>d</mi>"
)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("{aligned}", "{aligned}"),
        ("{aligned}[t]", "{aligned}"),
        ("{alignedat}{2}", "{alignedat}"),
        ("{align}", "{align}"),
        ("{align*}", "{align*}"),
        ("{split}", "{split}"),
    ],
)
def test_aligned_lines_are_a_table_without_numbers(begin, end):
    source = rf"\begin{begin} a &= b \\[2pt] c &= d \end{end}"
    assert inside(source) == f'<mtable displaystyle="true">{LINES}</mtable>'


@pytest.mark.parametrize("name", ["gathered", "gather", "gather*", "multline"])
def test_gathered_lines_are_a_table_of_one_column(name):
    source = rf"\begin{{{name}}} a \\ b \end{{{name}}}"
    assert inside(source) == (
        "<mtable><mtr><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mi>b</mi></mtd></mtr></mtable>"
    )


def test_lines_about_a_sign_have_a_column_for_it():
    source = r"\begin{eqnarray} a &=& b \end{eqnarray}"
    assert inside(source) == (
        '<mtable><mtr><mtd columnalign="right"><mi>a</mi></mtd><mtd><mo>=</mo></mtd>'
        '<mtd columnalign="left"><mi>b</mi></mtd></mtr></mtable>'
    )


@pytest.mark.parametrize("source", ["a & b", r"a \\ b", r"\begin{unknown} a & b \end{unknown}"])
def test_columns_and_lines_outside_of_a_table_are_not_converted(source):
    assert mathml(source) is None
    assert plain(source) is None


def test_a_style_declared_in_a_cell_holds_to_its_end():
    fraction = "<mfrac><mi>a</mi><mi>b</mi></mfrac>"
    styled = f'<mstyle displaystyle="true" scriptlevel="0">{fraction}</mstyle>'
    made = inside(r"\begin{cases} \displaystyle \frac{a}{b} & c \\ d \displaystyle & e \end{cases}")
    assert f'<mtd columnalign="left">{styled}</mtd>' in made
    assert made.count("mstyle") == 2


@pytest.mark.parametrize(
    "name",
    [r"\max", r"\min", r"\sup", r"\inf", r"\lim", r"\argmax", r"\arg\min", r"\limsup", r"\bigcup"],
)
def test_limits_stand_below_in_a_display_and_beside_in_a_line(name):
    source = rf"a = {name}_x f(\frac{{{name}_y}}{{2}})"
    assert inside(source).count("<msub>") == 2
    displayed = str(mathml(source, display=True))
    assert (displayed.count("<munder>"), displayed.count("<msub>")) == (1, 1)  # not in a fraction
    assert "<munder>" in str(
        mathml(rf"\begin{{aligned}} a &= {name}_x f \end{{aligned}}", display=True)
    )


def test_other_scripts_stay_beside_in_a_display():
    displayed = str(mathml(r"x_1 + \log_2 n + \int_0^1 \sin^2", display=True))
    assert "<munder" not in displayed


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
        (r"f''", "f″"),
        (r"30^\circ", "30°"),
        (r"R\&D", "R&D"),
        (r"\arg\min_x f", "arg\u2009minₓ f"),
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
            assert name == "alttext" or ALLOWED[name].fullmatch(value)
    assert "\\" not in re.sub(r'alttext="[^"]*"', "", made)
