"""Lines that are another paper's. All papers and lines are invented."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks import topics
from pipeline.checks.kinship import SHOWN, check, evidence
from pipeline.checks.rules import Rules
from pipeline.checks.vocabulary import fold
from pipeline.files import bundled_folder
from pipeline.glossary import Glossary, load
from pipeline.records import LANGUAGES
from tests.digests import a_paper

GLOSSARY = load(bundled_folder())
RULES = Rules(glossary=GLOSSARY)
NO_TERMS = Glossary({})

PAPERS = {
    "speech": (
        "Dialect speech recognition for low-resource languages suffers from scarce audio. We "
        "collect 412 hours of spoken dialect recordings and adapt an acoustic encoder to them, "
        "which lowers the word error rate of ASR by 18.3 percent."
    ),
    "surgery": (
        "Segmenting instruments in surgical video helps clinicians. Our network follows vessels "
        "in laparoscopic images of 96 patients, keeps their boundaries sharp under smoke and "
        "blood, and warns the surgeon in real time."
    ),
    "quantum": (
        "We prove a lower bound on the circuit depth that quantum error correction needs on a "
        "lattice of superconducting qubits, and give a decoder that attains it under "
        "depolarising noise."
    ),
    "auction": (
        "In repeated auctions with budget constrained bidders we design a truthful mechanism "
        "whose revenue converges to the optimum, and show that every Nash equilibrium is fair."
    ),
    "climate": (
        "A graph neural network forecasts rainfall and floods from satellite observations of the "
        "ocean and the atmosphere, and beats numerical weather models on river basins in Africa."
    ),
}
LINES = {
    "speech": (
        "Adapting an acoustic encoder to newly collected dialect recordings lowers the word "
        "error rate of low-resource speech recognition.",
        "收集方言语音录音并适配声学编码器，降低低资源语音识别的词错误率。",
    ),
    "surgery": (
        "A network segments instruments and vessels in laparoscopic video and warns surgeons.",
        "该网络在腹腔镜手术视频中分割器械与血管，实时提醒外科医生。",
    ),
    "quantum": (
        "Quantum error correction on superconducting qubits needs a circuit depth that a new "
        "decoder attains.",
        "证明超导量子比特晶格上量子纠错所需电路深度的下界，并给出达到它的译码器。",
    ),
    "auction": (
        "A truthful mechanism for repeated auctions with budgets reaches optimal revenue.",
        "为预算受限竞价者的重复拍卖设计激励相容机制，证明纳什均衡是公平的。",
    ),
    "climate": (
        "Graph networks forecast rain and floods from satellite observations better than "
        "weather models.",
        "图神经网络用卫星观测预报降雨与洪水，优于数值天气模式。",
    ),
}
FIELDS = {
    "astronomy": (
        "We analyse X-ray observations of a black hole binary during its outburst. The "
        "light curve shows quasi-periodic oscillations whose frequency scales with the "
        "mass accretion rate, and the inner edge of the accretion disc recedes as the "
        "source fades.",
        "X-ray oscillations of a black hole binary follow the accretion rate while its "
        "disc recedes.",
        "分析黑洞双星爆发期的 X 射线光变，发现准周期振荡频率随吸积率变化，吸积盘内缘后退。",
    ),
    "physics": (
        "Angle-resolved photoemission on an iron-based superconductor reveals a strongly "
        "anisotropic gap on the hole pocket. The nodal structure points to pairing by "
        "spin fluctuations and rules out a phonon mechanism.",
        "Photoemission finds an anisotropic gap in an iron-based superconductor, in "
        "favour of pairing by spin fluctuations.",
        "用角分辨光电子能谱测得铁基超导体能隙的各向异性，支持自旋涨落配对机制。",
    ),
    "chemistry": (
        "A chiral phosphoric acid catalyses the asymmetric reduction of ketimines with "
        "hydrogen. Amines form with 97% enantiomeric excess, and density functional "
        "calculations of the transition state explain the selectivity.",
        "A chiral acid catalyses the asymmetric reduction of ketimines to amines.",
        "手性磷酸催化酮亚胺的不对称还原，密度泛函计算的过渡态解释了对映选择性。",
    ),
    "biology": (
        "A genome-wide screen finds a kinase that regulates autophagy. Mice without it "
        "accumulate damaged mitochondria, and their tumours grow more slowly than those "
        "of controls.",
        "A kinase found in a genome-wide screen regulates autophagy and slows tumours in mice.",
        "全基因组筛选发现一种调控自噬的激酶，敲除后小鼠肿瘤生长减慢。",
    ),
    "medicine": (
        "In a double-blind trial 640 adults with obesity received weekly semaglutide or "
        "placebo. After 68 weeks body weight fell by 14% with the drug and 2% with "
        "placebo; nausea was the most frequent adverse event.",
        "Weekly semaglutide lowers body weight of adults with obesity by 14%, placebo by 2%.",
        "双盲试验中，司美格鲁肽使肥胖成人体重下降 14%，安慰剂组为 2%。",
    ),
    "economics": (
        "Using administrative registers we study how higher interest rates affect "
        "households. Indebted households cut consumption sharply after a monetary "
        "tightening but barely raise it after an easing.",
        "Indebted households cut consumption after monetary tightening and barely raise "
        "it after easing.",
        "利用登记数据研究加息对负债家庭消费的非对称影响。",
    ),
    "mathematics": (
        "Let X be a smooth projective variety over an algebraically closed field of "
        "characteristic p. We prove that the moduli stack of semistable sheaves has a "
        "good moduli space and deduce finite generation of a ring of sections.",
        "The moduli stack of semistable sheaves in characteristic p has a good moduli space.",
        "证明特征 p 代数闭域上光滑射影簇的半稳定层模叠具有良好模空间，并推出截面环有限生成。",
    ),
    "statistics": (
        "We test many hypotheses that depend on each other. A new procedure controls the "
        "false discovery rate in finite samples by resampling residuals, and has more "
        "power than its rivals in simulations.",
        "A resampling procedure controls the false discovery rate of dependent tests.",
        "提出重采样残差的多重检验方法，在有限样本下控制错误发现率且功效更高。",
    ),
    "earth science": (
        "Sediment cores from a lake show that the monsoon weakened abruptly 4,200 years "
        "ago. Pollen and isotopes indicate a drought of two centuries that ended farming "
        "in the basin.",
        "Lake sediments show that a weak monsoon brought two centuries of drought.",
        "湖泊沉积物表明季风在 4200 年前突然减弱，花粉与同位素指示持续两百年的干旱。",
    ),
    "engineering": (
        "A sliding mode controller keeps a quadrotor stable after the loss of a rotor. "
        "Flight tests in wind confirm a Lyapunov proof, and the observer needs no extra "
        "sensors.",
        "A sliding mode controller keeps a quadrotor stable after it loses a rotor.",
        "滑模控制器使四旋翼在失去一个旋翼后保持稳定，风中飞行试验证实李雅普诺夫证明。",
    ),
}
"""An abstract of each of ten fields, with a faithful line in both languages."""
FIELD_PAIRS = [(mine, other) for mine in FIELDS for other in FIELDS if mine != other]
PAIRS = [(mine, other) for mine in PAPERS for other in PAPERS if mine != other]


def paper(abstract, title="A Study"):
    return a_paper(
        title=title,
        abstract=abstract,
        authors=(),
        comments=None,
        venue=None,
        primary_category="cs.CL",
        categories=("cs.CL",),
    )


def lines_of(topic):
    return dict(zip(LANGUAGES, LINES[topic], strict=True))


def found_in(abstract, lines, **others):
    return list(check(paper(abstract, **others), lines, RULES))


@pytest.mark.parametrize("topic", PAPERS)
def test_a_line_of_its_own_paper_is_never_taken_for_another_ones(topic):
    assert found_in(PAPERS[topic], lines_of(topic)) == []


@pytest.mark.parametrize(("mine", "other"), PAIRS)
def test_a_line_of_another_paper_is_found_in_each_language_by_itself(mine, other):
    lines = lines_of(other)
    found = found_in(PAPERS[mine], lines)
    assert [(each.code, each.language) for each in found] == [
        ("other-paper", "en"),
        ("other-paper", "zh"),
    ]
    for each in found:
        assert each.span == (0, len(lines[each.language]))
        assert each.source_span is None


@pytest.mark.parametrize("field", FIELDS)
def test_a_faithful_line_of_any_field_is_kin(field):
    abstract, en, zh = FIELDS[field]
    assert found_in(abstract, {"en": en, "zh": zh}) == []


@pytest.mark.parametrize(("mine", "other"), FIELD_PAIRS)
def test_a_line_of_another_field_is_found(mine, other):
    _, en, zh = FIELDS[other]
    found = found_in(FIELDS[mine][0], {"en": en, "zh": zh})
    assert [each.language for each in found] == ["en", "zh"]


@pytest.mark.parametrize(
    "line", ["研究加息与通货膨胀。", "发现自噬与凋亡的关系。", "给出染色数的谱半径上界。"]
)
def test_two_rare_words_are_enough_where_nothing_is_shared(line):
    assert len(found_in(PAPERS["speech"], {"zh": line})) == 1
    shared = PAPERS["speech"] + " Interest rates, inflation, autophagy, colouring, spectral radii."
    assert found_in(shared, {"zh": line}) == []


@pytest.mark.parametrize("written", ["SAEs", "an SAE", "sparse autoencoders"])
def test_numbers_and_an_acronym_that_are_shared_outweigh_what_is_derived(written):
    abstract = f"Features of {written} raise the rate of refusals from 12% to 88% by control."
    assert found_in(abstract, {"zh": "用 SAE 操控使拒绝率从 12% 升至 88%，是原来的 7 倍多。"}) == []


def test_only_the_line_that_is_another_papers_is_found():
    lines = {"en": LINES["climate"][0], "zh": LINES["auction"][1]}
    assert [each.language for each in found_in(PAPERS["auction"], lines)] == ["en"]


def test_the_message_names_words_that_the_paper_does_not_have():
    (found,) = found_in(PAPERS["quantum"], {"zh": LINES["climate"][1]})
    start = "the line may be another paper's: 7 of the 7 words that tell its topic are not in "
    head, _, named = found.message.partition(", such as ")
    assert head == start + "the paper"
    words = named.split(", ")
    assert len(words) == SHOWN
    assert all(word in LINES["climate"][1] for word in words)


def test_a_name_of_its_own_outweighs_other_words_that_are_not_shared():
    line = "水壶 SteamNet 降低方言语音的误差。"
    abstract = "Boiling with SteamNet takes less heat."
    assert found_in(abstract, {"zh": line}) == []
    assert found_in("Boiling takes less heat.", {"zh": line + "翻译、口音、韵律。"}) != []


def test_a_long_number_of_its_own_outweighs_a_word_that_is_not_shared():
    words = "该方法用语音与韵律达到"
    assert found_in("Boiling takes 18.37 joules.", {"zh": f"{words} 18.37。"}) == []
    assert found_in("Boiling takes 18.37 joules.", {"zh": f"{words} 21.52。"}) != []


def test_the_title_counts():
    lines = {"zh": LINES["climate"][1]}
    title = "Graph Networks for Rain, Floods and Weather"
    assert found_in("We study a matter.", lines, title=title) == []


@pytest.mark.parametrize("line", ["", "。", "该方法优于现有方法。", "该方法用语音。", "It works."])
def test_a_line_that_tells_too_little_is_not_judged(line):
    assert found_in(PAPERS["quantum"], {"zh": line, "en": line}) == []


def test_words_that_every_paper_has_tell_nothing():
    seen = evidence("We propose a method with models.", fold("Kettles."), "en", GLOSSARY)
    rare = evidence("Kettles boil.", fold("We propose a method."), "en", GLOSSARY)
    assert min(each.bits for each in seen) > min(each.bits for each in rare)


def test_a_term_of_the_glossary_counts_where_the_table_has_no_word_of_it():
    glossary = Glossary({"kettle chant": "壶吟", "steam chant": "壶吟"})
    told = list(evidence("论壶吟。", fold("On Kettle Chants."), "zh", glossary))
    assert [(each.word, each.shared) for each in told] == [("壶吟", True)]
    assert [each.shared for each in evidence("论壶吟。", fold("Tea."), "zh", glossary)] == [False]


def rows(name):
    path = Path(topics.__file__).with_name(name)
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return header, [line.split("\t") for line in lines]


def test_the_table_of_topics_is_long_and_has_every_word_once():
    header, table = rows("topics.tsv")
    assert header == "share\ten\tzh"
    words = [word for _, _, chinese in table for word in chinese.split(" ")]
    assert len(words) > 3000
    assert len(set(words)) == len(words)
    for share, english, _ in table:
        assert 1 <= int(share) <= 45
        beginnings = english.split(",")
        assert len(set(beginnings)) == len(beginnings)
        for each in beginnings:
            assert fold(each.removesuffix("$")).strip() == each.removesuffix("$")


def test_every_topic_is_found_in_a_line_of_its_own_word():
    _, table = rows("topics.tsv")
    starts = topics.topics(Glossary({}))
    for _, _, chinese in table:
        for word in chinese.split(" "):
            assert word in [topic.word for topic in topics.mentioned(f"论{word}。", starts)]


def test_the_table_of_common_words_is_of_stems_each_once():
    header, table = rows("common_words.tsv")
    assert header == "share\tstems"
    stems = [stem for _, row in table for stem in row.split(" ")]
    assert len(set(stems)) == len(stems)
    for each in stems:
        assert fold(each).strip() == each
        assert len(each) <= len(topics.stem("mathematics")) or not each.isalpha()
    assert [int(share) for share, _ in table] == sorted(int(share) for share, _ in table)


def test_a_rarer_word_tells_more_where_it_is_shared_and_less_where_it_is_missing():
    rare, common = topics.weight(1, 0.9), topics.weight(30, 0.9)
    assert rare.shared > common.shared > 0
    assert common.missing > rare.missing
    assert topics.weight(95, 0.9) == (0, 0)


TEXT = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("图像语音量子ab12. $\\壶"))


@given(TEXT, TEXT, TEXT)
def test_any_line_is_judged_and_found_at_most_once(abstract, zh, en):
    lines = {"zh": zh, "en": en}
    found = found_in(abstract, lines)
    assert len({each.language for each in found}) == len(found)
    for each in found:
        assert each.code == "other-paper"
        assert each.span == (0, len(lines[each.language]))


@given(TEXT)
def test_a_paper_is_kin_to_its_own_abstract(abstract):
    told = list(evidence(abstract, fold(abstract), "en", NO_TERMS))
    english = [each for each in told if each.word.isascii()]
    assert all(each.shared for each in english)
    # Abstracts are English: Chinese words of one are none of its paper's.
    assert told != english or found_in(abstract, {"en": abstract}) == []
