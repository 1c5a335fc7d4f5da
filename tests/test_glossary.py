import re

import pytest
from opencc import OpenCC

from pipeline.errors import PromptError
from pipeline.files import bundled_folder
from pipeline.glossary import Glossary, load

FEWEST_TERMS = 300

TERMS = {
    "black hole": "黑洞",
    "galaxy": "星系",
    "graph neural network": "图神经网络",
    "loss": "损失",
    "neural network": "神经网络",
    "Nash equilibrium": "纳什均衡",
    "nucleus": "原子核",
    "Parkinson's disease": "帕金森病",
    "self-attention": "自注意力",
    "SN": "超新星",
    "supernova": "超新星",
}


def chinese(text, title=""):
    return [term for _, term in Glossary(TERMS).found_in(text, title=title)]


def test_the_bundled_glossary_is_long_sorted_unique_and_filled():
    lines = (bundled_folder() / "glossary.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "en\tzh\talso"
    english = [line.split("\t")[0] for line in lines[1:]]
    assert len(english) >= FEWEST_TERMS
    assert english == sorted(english, key=str.casefold)
    assert len({term.casefold() for term in english}) == len(english)
    terms = load(bundled_folder()).terms
    assert list(terms) == english
    assert all(re.search(r"[A-Za-z]", term) for term in terms)
    assert all(re.search(r"[\u4e00-\u9fff]", term) for term in terms.values())


def test_bundled_alternatives_are_chinese_and_never_the_right_term_for_something_else():
    glossary = load(bundled_folder())
    others = [other for also in glossary.alternatives.values() for other in also]
    assert len(glossary.alternatives) >= FEWEST_TERMS
    assert len(set(others)) == len(others)
    assert not set(others) & set(glossary.terms.values())
    assert all(re.search(r"[\u4e00-\u9fff]", other) for other in others)
    assert OpenCC("t2s").convert("，".join(others)) == "，".join(others)


def test_every_bundled_alternative_is_found_with_its_term():
    glossary = load(bundled_folder())
    for english, also in glossary.alternatives.items():
        for other in also:
            line = f"研究{other}。"
            assert [(o.found, o.preferred) for o in glossary.others_in(line)] == [
                (other, glossary.terms[english])
            ]
            assert not glossary.uses(line, glossary.terms[english])


def test_no_bundled_term_is_taken_for_an_alternative():
    glossary = load(bundled_folder())
    for chinese in glossary.terms.values():
        assert list(glossary.others_in(f"研究{chinese}。")) == []
        assert glossary.uses(f"研究{chinese}。", chinese)


def test_every_bundled_term_finds_itself_and_nothing_longer_than_itself():
    glossary = load(bundled_folder())
    for english, translated in glossary.terms.items():
        assert [found for _, found in glossary.found_in(f"On {english}.")] == [translated]


def test_of_two_terms_at_one_place_the_longer_counts():
    assert chinese("A graph neural network.") == ["图神经网络"]
    assert set(chinese("A graph neural network beats a neural network.")) == {
        "图神经网络",
        "神经网络",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NEURAL NETWORK", "神经网络"),
        ("neural-network models", "神经网络"),
        ("self attention", "自注意力"),
        ("Self\u2011Attention", "自注意力"),
        ("black holes", "黑洞"),
        ("losses", "损失"),
        ("galaxies", "星系"),
        ("supernovae", "超新星"),
        ("nuclei", "原子核"),
        ("Nash equilibria", "纳什均衡"),
        ("Parkinson’s disease", "帕金森病"),
        ("(supernova),", "超新星"),
    ],
)
def test_case_hyphens_plurals_and_apostrophes_do_not_matter(text, expected):
    assert chinese(text) == [expected]


@pytest.mark.parametrize("text", ["", "glossy", "lossless", "SNR", "neural nets", "black wholes"])
def test_a_term_is_not_found_inside_a_word(text):
    assert chinese(text) == []


def test_terms_of_the_title_come_first_then_the_frequent_then_the_early():
    text = "A galaxy, a nucleus, a loss and a loss near a black hole."
    assert chinese(text, title="Black holes") == ["黑洞", "损失", "星系", "原子核"]


def test_two_english_terms_with_one_chinese_count_together_and_appear_once():
    glossary = Glossary(TERMS)
    found = glossary.found_in("A galaxy with one galaxy, an SN, a supernova, two supernovae.")
    assert found == [("SN", "超新星"), ("galaxy", "星系")]


def test_the_fingerprint_is_that_of_the_terms():
    assert Glossary(TERMS).fingerprint == Glossary(dict(TERMS)).fingerprint
    assert Glossary(TERMS).fingerprint != Glossary({**TERMS, "loss": "损耗"}).fingerprint


def test_other_translations_leave_the_fingerprint_as_it_is():
    assert Glossary(TERMS, {"loss": ("损耗",)}).fingerprint == Glossary(TERMS).fingerprint


OTHERS = Glossary(
    TERMS, {"graph neural network": ("图网络",), "neural network": ("神经网", "神网")}
)


def test_other_translations_are_found_in_order_with_the_established_one():
    found = list(OTHERS.others_in("神网与图网络"))
    assert found == [(0, 2, "神网", "神经网络"), (3, 6, "图网络", "图神经网络")]


def test_a_part_of_an_established_term_is_no_other_translation():
    assert list(OTHERS.others_in("神经网络与图神经网络")) == []
    assert [other.start for other in OTHERS.others_in("神经网络即神经网")] == [5]


def test_a_term_is_used_only_outside_other_translations():
    glossary = Glossary({"loss": "损失"}, {"loss": ("损失量",)})
    assert glossary.uses("损失", "损失")
    assert not glossary.uses("损失量", "损失")
    assert glossary.uses("损失量即损失", "损失")


@pytest.mark.parametrize(
    ("chinese", "text", "expected"),
    [
        ("图神经网络", "Two Graph-Neural  Networks.", "Graph-Neural  Networks"),
        ("超新星", "An SN.", "SN"),
        ("超新星", "Old supernovae.", "supernovae"),
        ("帕金森病", "In Parkinson’s disease", "Parkinson’s disease"),
        ("神经网络", "A graph neural network.", "neural network"),
        ("损失", "Lossless, glossy.", None),
        ("损失", "", None),
    ],
)
def test_the_english_of_a_term_is_found_as_it_is_spelled(chinese, text, expected):
    span = OTHERS.english_of(chinese, text)
    assert (span and text[slice(*span)]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("en\tzh\nloss\t损失\n", {}),
        ("en\tzh\nloss\t损失\t\n", {}),
        ("en\tzh\talso\nloss\t损失\n", {}),
        ("en\tzh\talso\nloss\t损失\t\n", {}),
        ("en\tzh\talso\nloss\t损失\t损耗\n", {"loss": ("损耗",)}),
        ("en\tzh\talso\nloss\t损失\t损耗 | 亏损\n", {"loss": ("损耗", "亏损")}),
    ],
)
def test_the_column_of_other_translations_may_be_missing_or_empty(tmp_path, text, expected):
    (tmp_path / "glossary.tsv").write_text(text, encoding="utf-8")
    glossary = load(tmp_path)
    assert glossary.terms == {"loss": "损失"}
    assert glossary.alternatives == expected


def test_an_empty_glossary_finds_nothing():
    assert Glossary({}).found_in("A neural network.") == []


def test_a_long_text_is_searched_without_delay():
    glossary = load(bundled_folder())
    text = "graph neural networ " * 20_000
    assert glossary.found_in(text) == []
    assert glossary.english_of("图神经网络", text) is None
    assert list(glossary.others_in("图神经网" * 20_000)) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("loss\t损失\n", 1),
        ("en\tzh\nloss\t损失\nno tab\n", 3),
        ("en\tzh\nloss\t\n", 2),
        ("en\tzh\n\t损失\n", 2),
        ("en\tzh\nloss\t损失\t损耗\n", 2),
        ("en\tzh\tmore\nloss\t损失\n", 1),
        ("en\tzh\talso\nloss\t损失\t损耗\t亏损\n", 2),
        ("en\tzh\talso\nloss\t\t损耗\n", 2),
        ("en\tzh\talso\nloss\t损失\t损耗|\n", 2),
        ("en\tzh\talso\nloss\t损失\t损耗|损耗\n", 2),
        ("en\tzh\talso\nloss\t损失\t损失|损耗\n", 2),
        ("en\tzh\nloss\t损失\n\nsupernova\t超新星\n", 3),
        ("en\tzh\nloss\t损失\nloss\t损耗\n", 3),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(tmp_path, text, number):
    path = tmp_path / "glossary.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=rf"glossary\.tsv:{number}: found"):
        load(tmp_path)


def test_a_missing_glossary_is_refused(tmp_path):
    with pytest.raises(PromptError, match="there is no such file"):
        load(tmp_path)
