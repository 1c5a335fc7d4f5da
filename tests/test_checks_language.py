"""A line is in its language, all of it; the Chinese one is in simplified characters."""

import functools
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from pipeline.checks.language import check, english_runs
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from pipeline.records import Paper

RULES = Rules(glossary=Glossary({}))
converter = functools.cache(OpenCC)
PAPER = Paper(
    id="2601.00001",
    version=1,
    title="Singing Kettles",
    authors=(),
    abstract="Kettles sing. We measure the pitch of twelve kettles with `kettlelity`, a library.",
    first=datetime(2026, 1, 1, tzinfo=UTC),
    latest=datetime(2026, 1, 1, tzinfo=UTC),
    primary_category="physics.pop-ph",
    categories=("physics.pop-ph", "cs.SD", "hep-th", "eess.AS"),
    url="https://example.org/",
    pdf_url="https://example.org/",
)
EN = "Twelve kettles were measured, and the pitch of their song falls as the water boils away."
ZH = "测量十二只水壶发现，随着水量减少，其鸣声的音高逐渐下降，关系近似线性。"
SIMPLIFIED = [
    ZH,
    "提出 KettleNet 框架，在 Steam-12 数据集上把识别误差降低 12.5%。",
    "证明后验分布收敛，并给出里程碑式的复杂度下界。",
    "干燥的面条松散地卷在台面上。",
]


def codes(language, line, paper=PAPER):
    return [found.code for found in check(paper, {language: line}, RULES)]


def only(language, line, paper=PAPER):
    (found,) = check(paper, {language: line}, RULES)
    return found


def shown(language, line):
    found = only(language, line)
    start, end = found.span
    return found.code, line[start:end]


@pytest.mark.parametrize("line", ["", " "])
def test_an_empty_line_is_the_form_checks_business(line):
    assert list(check(PAPER, {"en": line, "zh": line}, RULES)) == []


def test_lines_in_their_languages_raise_nothing():
    assert list(check(PAPER, {"en": EN, "zh": ZH}, RULES)) == []
    assert [code for line in SIMPLIFIED for code in codes("zh", line)] == []


def test_languages_swapped_are_found_in_both_lines():
    found = list(check(PAPER, {"en": ZH, "zh": EN}, RULES))
    assert [(f.code, f.language, f.span) for f in found] == [
        ("language-wrong", "en", (0, len(ZH))),
        ("language-wrong", "zh", (0, len(EN))),
    ]


@pytest.mark.parametrize("line", SIMPLIFIED)
def test_a_chinese_line_is_no_english_one_however_many_names_it_has(line):
    assert codes("en", line) == ["language-wrong"]


@pytest.mark.parametrize(
    "line",
    [
        "Wir messen die Tonhöhe von zwölf Kesseln und zeigen, dass sie mit dem Wasser sinkt.",
        "Nous mesurons la hauteur du chant de douze bouilloires et montrons que le son baisse.",
        "Medimos el tono de doce teteras y mostramos que el sonido baja con la cantidad del agua.",
    ],
)
def test_another_language_in_latin_script_is_no_english(line):
    assert codes("en", line) == ["language-wrong"]


def test_foreign_names_leave_an_english_line_english():
    line = "De Sitter and van der Waals kettles of los Alamos sing in the key of la, as we find."
    assert codes("en", line) == []


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("やかんの歌う高さを測る方法を提案する。", "Japanese kana"),
        ("주전자 열두 개의 음높이를 측정하였다.", "Hangul"),
        ("Измерена высота пения двенадцати чайников.", "Cyrillic"),
        ("قسنا نغمة اثني عشر إبريقا.", "Arabic"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_line_in_another_script_names_the_script(language, line, script):
    found = only(language, line)
    assert (found.code, found.span) == ("language-wrong", (0, len(line)))
    assert script in found.message


@pytest.mark.parametrize("line", ["42.", "— — —"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_line_without_words_is_in_no_language(language, line):
    assert codes(language, line) == ["language-wrong"]


def test_chinese_inside_an_english_line_is_mixed():
    line = EN.replace("pitch", "音高")
    assert shown("en", line) == ("language-mixed", "音高")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (f"{ZH}やかん", "やかん"),
        (f"{ZH}주전자", "주전자"),
        (f"{ZH}чайник", "чайник"),
        (ZH.replace("水壶", "Кettle", 1), "К"),
    ],
)
def test_another_script_inside_a_chinese_line_is_mixed(line, part):
    assert shown("zh", line) == ("language-mixed", part)


@pytest.mark.parametrize("line", [f"{ZH[:-1]}，与 Ш 群有关。", f"{ZH[:-1]}，记作 α 与 Ω。"])
def test_a_single_letter_is_a_symbol(line):
    assert codes("zh", line) == []


@pytest.mark.parametrize("word", ["やかん", "茶壺", "чайник"])
def test_what_the_paper_itself_holds_may_be_quoted(word):
    quoting = msgspec.structs.replace(PAPER, abstract=f"The kettle is called {word}.")
    assert codes("zh", f"{ZH}{word}", quoting) == []
    assert codes("zh", f"{ZH}{word}") != []
    assert codes("en", f"{EN} {word}", quoting) == []
    assert codes("en", f"{EN} {word}") != []


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("针对健康 misinformation 的检测方法把误差降低一半。", "misinformation"),
        ("在水下 segmentation 任务上取得最好的精度。", "segmentation"),
        ("由 clinician 编写的问题集用于评估。", "clinician"),
        ("针对不同 noisy 读取次数给出下界。", "noisy"),
        ("研究 pinching antenna 系统中的功率分配。", "pinching antenna"),
        ("本文方法 we propose a new kettle 优于基线。", "we propose a new kettle"),
        ("在 authorship attribution (AA) 任务上效果最好。", "authorship attribution"),
    ],
)
def test_english_left_in_a_chinese_line_is_mixed(line, part):
    assert shown("zh", line) == ("language-mixed", part)


@pytest.mark.parametrize(
    "line",
    [
        "以 token 级的 logit 训练 transformer，并裁剪 prompt 与 rollout。",
        "该方法在三项任务上平均比 proxy tuning 高 41.4%。",
        "网络 preference-weight-net 按提示生成权重。",
        "用 scikit-learn 与 nltk.tokenize 实现的基线方法。",
        "谄媚行为（sycophancy behaviour）在金融任务中普遍存在。",
        "有人称之为“alignment faking”的对齐伪装更为普遍。",
        "把 empowerment（赋能）推广到群体，发现 empowerment 引发合作。",
        "错误信息（misinformation）检测：对 misinformation 的评估。",
        "库 kettlelity 用来测量音高。",
        r"我们给出了这一损失函数 $\mathrm{information}$ 与 f_{probability}(x) 的一个上界。",
        "数据集与全部代码公开在 https://example.org/information/probability 网站。",
        "提出Stateful Evidence-Driven RAG with Iterative Reasoning框架解决检索问题。",
    ],
)
def test_names_symbols_and_explained_words_may_be_english(line):
    assert codes("zh", line) == []


def test_english_words_of_one_line_are_one_finding():
    found = only("zh", "以 elicitation 得到的 probability 无法预测口头的 fidelity 水平。")
    assert found.message.startswith("elicitation, probability, fidelity is English")


def test_a_line_with_nearly_as_many_names_as_chinese_characters_is_mixed():
    assert codes("zh", "用 GPT Llama Qwen Gemma 比较") == ["language-mixed"]
    assert codes("zh", "用 GPT Llama Qwen Gemma Phi Claude Mistral Falcon 比") == ["language-wrong"]


def test_categories_are_no_words():
    assert codes("zh", f"学科分类：{'、'.join(PAPER.categories)}") == []


@pytest.mark.parametrize("variety", ["s2t", "s2tw", "s2hk"])
@pytest.mark.parametrize("line", SIMPLIFIED)
def test_a_line_in_traditional_characters_is_found(variety, line):
    traditional = converter(variety).convert(line)
    assert traditional != line
    assert "traditional" in codes("zh", traditional)


def test_traditional_characters_are_named_with_the_simplified_ones():
    line = "水壶的數據与学習的結果。"
    found = only("zh", line)
    assert found.code == "traditional"
    assert line[slice(*found.span)] == "數據"
    assert found.message.endswith(": 數據 (数据), 習 (习), 結 (结)")


@pytest.mark.parametrize(
    "line",
    [
        "著名的乾坤图与瞭望台，慰藉与狼藉，宫商角徵羽。",
        "蒜薹与芸薹的基因组，拚尽全力地测序。",
        "昇腾芯片与毕昇编译器在昇思框架上加速三倍。",
        "二噁英与噁唑的毒性由模型预测，含苧烯。",
        "幺麽小丑与袷袢，甚夥。",
    ],
)
def test_what_is_right_in_simplified_chinese_too_is_not_traditional(line):
    assert codes("zh", line) == []


@pytest.mark.parametrize(
    "line", ["伙伴：夥伴。", "什麽样的模型。", "昇降机的模型。", "噁心的模型。"]
)
def test_a_character_that_is_right_elsewhere_is_traditional_here(line):
    assert codes("zh", line) == ["traditional"]


def test_only_the_lines_that_are_there_are_judged():
    assert list(check(PAPER, {}, RULES)) == []
    assert [f.language for f in check(PAPER, {"zh": EN}, RULES)] == ["zh"]


def test_runs_of_english_are_given_with_their_places():
    line = "用 fine-tuning 与（已说明 reward）的 reward model 训练 X-net。"
    runs = list(english_runs(line))
    assert [run for run, _ in runs] == ["fine-tuning", "reward model"]
    assert all(line[start:end] == run for run, (start, end) in runs)


PIECES = st.lists(
    st.sampled_from([*'水壶國a b，（）“”"`-.\ud800あк😀\0', "misinformation ", "數據", "的 noisy "])
    | st.characters(codec=None)
).map("".join)


@given(line=st.text() | PIECES, abstract=st.text() | PIECES)
def test_any_text_is_judged_and_spans_lie_inside_the_line(line, abstract):
    paper = msgspec.structs.replace(PAPER, abstract=abstract)
    for found in check(paper, {"en": line, "zh": line}, RULES):
        assert found.span is not None
        start, end = found.span
        assert 0 <= start < end <= len(line)
        assert found.source_span is None


@given(st.text(alphabet="水壶测量声音后里发面干台范系统计算学习国图书", min_size=1))
def test_whatever_conversion_changes_is_found(line):
    traditional = converter("s2t").convert(line)
    changed = converter("t2s").convert(traditional) != traditional
    assert ("traditional" in codes("zh", traditional)) == changed
