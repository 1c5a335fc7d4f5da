import re

import pytest

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
    assert lines[0] == "en\tzh"
    english = [line.split("\t")[0] for line in lines[1:]]
    assert len(english) >= FEWEST_TERMS
    assert english == sorted(english, key=str.casefold)
    assert len({term.casefold() for term in english}) == len(english)
    terms = load(bundled_folder()).terms
    assert list(terms) == english
    assert all(re.search(r"[A-Za-z]", term) for term in terms)
    assert all(re.search(r"[\u4e00-\u9fff]", term) for term in terms.values())


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


def test_an_empty_glossary_finds_nothing():
    assert Glossary({}).found_in("A neural network.") == []


def test_a_long_text_is_searched_without_delay():
    glossary = load(bundled_folder())
    text = "graph neural networ " * 20_000
    assert glossary.found_in(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("loss\t损失\n", 1),
        ("en\tzh\nloss\t损失\nno tab\n", 3),
        ("en\tzh\nloss\t\n", 2),
        ("en\tzh\n\t损失\n", 2),
        ("en\tzh\nloss\t损失\t损耗\n", 2),
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
