"""Names of a line that its paper does not have. All papers and lines are invented."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checks.abbreviations import ALWAYS, COUNTRIES, LONG_FORMS
from pipeline.checks.names import MOST_UNKNOWN, check
from pipeline.checks.rules import Rules
from pipeline.checks.vocabulary import fold
from pipeline.glossary import Glossary
from pipeline.records import Lines, Paper

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(glossary=Glossary({}))
ABSTRACT = (
    r"We present KettleNet, a kettle detector based on $\beta$-VAE and \textsc{PotBERT}. "
    "Large language models such as Qwen2.5-VL-7B and GPT-5 sing on TeaBench (R$^2$ = 0.9), "
    "trained by steam-guided policy optimization (SGPO) on Chinese kettles. "
    "A mixture of spouts with 3 billion parameters beats StoveFormer and the Jensen--Shannon loss. "
    "It uses pressure aware steaming and Llama-70B."
)


def paper(abstract=ABSTRACT, **others):
    fields = {
        "id": "2601.00001",
        "version": 1,
        "title": "KettleNet: Hearing the WhistleSet",
        "authors": ("Ada Teapot",),
        "abstract": abstract,
        "first": NOW,
        "latest": NOW,
        "comments": "Accepted at PotConf 2026",
        "venue": "J. Steam",
        "primary_category": "cs.CL",
        "categories": ("cs.CL",),
        "url": "https://example.org/",
        "pdf_url": "https://example.org/",
    }
    return Paper(**fields | others)


def found_in(line, language="zh", abstract=ABSTRACT):
    return list(check(paper(abstract), {language: line}, RULES))


def unknown(line, language="zh", abstract=ABSTRACT):
    return [line[found.span[0] : found.span[1]] for found in found_in(line, language, abstract)]


def chinese(name):
    return f"水壶用 {name} 唱歌。"


def english(name):
    return f"The kettle sings with {name} well."


AS_THE_PAPER_HAS_IT = [
    "KettleNet",
    "kettleNet",
    "KETTLENET",
    "Kettle-Net",
    "KettleNet's",
    "KettleNets",
    "β-VAE",
    "PotBERT",
    "R²",
    "Qwen2.5-VL-7B",
    "Qwen2.5-VL",
    "Qwen2.5",
    "Qwen",
    "GPT-5",
    "GPT5",
    "GPT",
    "7B",
    "70B",
    "3B",
    "Llama",
    "SGPO",
    "MoS",
    "PAS",
    "LLM",
    "LLMs",
    "KettleNet-SGPO",
    "KettleNet/StoveFormer",
    "SGPO+GPT-5",
    "Jensen-Shannon",
    "Jensen–Shannon",
    "WhistleSet",
    "PotConf",
    "Teapot",
    "China",
    "Steam-Guided-Policy-Optimization",
]


@pytest.mark.parametrize("name", AS_THE_PAPER_HAS_IT)
@pytest.mark.parametrize("line", [chinese, english])
def test_what_the_paper_has_or_what_follows_from_it_is_known(name, line):
    assert unknown(line(name)) == []
    assert unknown(line(name), "en") == []


NOT_IN_THE_PAPER = ["PanFormer", "BERT-XL", "ResNet-50", "ImageNet", "CLIP", "Claude", "GRU", "H&E"]


@pytest.mark.parametrize("name", NOT_IN_THE_PAPER)
@pytest.mark.parametrize(("line", "language"), [(chinese, "zh"), (english, "en")])
def test_a_name_that_the_paper_does_not_have_is_found_at_its_place(name, line, language):
    (found,) = found_in(line(name), language)
    assert (found.code, found.language) == ("name-unknown", language)
    assert found.message == f"{name} is not in the paper"
    assert unknown(line(name), language) == [name]
    assert found.source_span is None


MISSPELLED = {
    "KetleNet": "KettleNet",
    "KettleNte": "KettleNet",
    "KettlleNet": "KettleNet",
    "StoveFormr": "StoveFormer",
    "SGOP": "SGPO",
    "GPT-4": "GPT-5",
    "GPT4": "GPT-5",
    "Qwen3.5-VL-7B": "Qwen2.5-VL-7B",
}


@pytest.mark.parametrize(("name", "right"), MISSPELLED.items())
@pytest.mark.parametrize(("line", "language"), [(chinese, "zh"), (english, "en")])
def test_a_name_spelled_differently_is_pointed_at_the_right_one(name, right, line, language):
    abstract = ABSTRACT.replace("Qwen2.5-VL-7B", "Qwen2.5-VL-7B, not alone") + " It is Kettle."
    (found,) = found_in(line(name), language, abstract)
    assert found.code == "name-misspelled"
    assert found.message == f"{name} is not in the paper; the abstract has {right}"
    start, end = found.source_span
    assert abstract[start:end] == right


def test_a_model_of_another_size_is_pointed_at_the_right_size():
    abstract = "Llama-70B and a kettle with 130B parameters sing."
    messages = [
        found.message for found in found_in("Llama-7B 与 13B 的水壶会唱歌。", abstract=abstract)
    ]
    assert messages == [
        "Llama-7B is not in the paper; the abstract has Llama-70B",
        "13B is not in the paper; the abstract has 130B",
    ]


def test_a_right_name_that_only_the_title_has_has_no_place_in_the_abstract():
    (found,) = found_in("水壶用 WhistelSet 唱歌。")
    assert found.message == "WhistelSet is not in the paper; the paper has WhistleSet"
    assert found.source_span is None


@pytest.mark.parametrize(
    "line",
    [
        "水壶的 embedding 会唱歌。",
        "水壶 x 与 T_n 会唱歌。",
        "水壶以 20FPS、8dB、1.7mm 与 11k 唱歌，2024-2026 年。",
        "这种 AI 水壶达到 SOTA，vs 茶壶。",
        "水壶 VFM$^{4}$XYZ 会唱歌。",
    ],
)
def test_what_is_no_name_in_a_chinese_line_is_left_to_other_checks(line):
    assert unknown(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "Singing kettles boil.",
        "Kettles sing: Spouts whistle. Lids rattle! Water boils? Steam rises.",
        "A 24-spout kettle sings well-tempered songs.",
    ],
)
def test_ordinary_words_of_an_english_line_are_no_names(line):
    assert unknown(line, "en") == []


def test_a_capitalised_word_inside_a_sentence_is_a_name():
    assert unknown("The kettle of Zanzibar sings.", "en") == ["Zanzibar"]


SAID_OTHERWISE = [
    ("Voters in Germany and France sing.", ["German", "Germans", "French"]),
    ("Swiss and Danish kettles sing.", ["Switzerland", "Denmark"]),
    ("Households in the USA boil tea.", ["American", "United", "States", "U.S.", "US"]),
    ("British firms sell kettles.", ["UK", "Kingdom", "England"]),
    ("Kettles of the European Union sing.", ["EU", "Europe"]),
    ("Rivers in Poland, Greece and New Zealand sing.", ["Polish", "Greek", "Zealand"]),
    ("We sample posteriors.", ["Bayesian", "Gaussian", "Markov", "Euclidean", "Bayesian-style"]),
    ("Kettles sang yesterday.", ["March", "Monday", "Towards", "However"]),
    ("Eight kettles and 8xH100 cards sing.", ["H100", "H100s"]),
    ("SAEs find steam.", ["SAE", "SAEs"]),
    ("A sparse autoencoder finds steam.", ["SAE", "SAEs"]),
    ("A kettle of 500 million parameters.", ["0.5B"]),
    ("Trained on COCO.", ["MS-COCO"]),
]


@pytest.mark.parametrize(
    ("abstract", "name"), [(abstract, name) for abstract, names in SAID_OTHERWISE for name in names]
)
def test_what_a_paper_says_in_other_words_is_known(abstract, name):
    assert unknown(english(name), "en", abstract) == []


@pytest.mark.parametrize("name", ["Italy", "Dutch", "Ghana", "H200", "A100", "Vicuna"])
def test_another_country_or_another_name_of_the_kind_is_unknown(name):
    abstract = "Voters in Germany sing on 8xH100 cards."
    (found,) = found_in(english(name), "en", abstract)
    assert found.message == f"{name} is not in the paper"


@pytest.mark.parametrize("abstract", ["It allows us to sing.", "Users adjust it."])
def test_us_is_no_country_in_small_letters(abstract):
    assert unknown(english("American"), "en", abstract) == ["American"]


@pytest.mark.parametrize(
    ("name", "right"),
    [("ImageNet-1K", "ImageNet"), ("GPT-4o-mini", "GPT-4o"), ("KettleNet-2", "KettleNet")],
)
def test_a_name_with_more_than_the_papers_is_unknown_rather_than_misspelled(name, right):
    abstract = f"We sing with {right} in kettles."
    (found,) = found_in(english(name), "en", abstract)
    assert found.code == "name-unknown"
    assert found.message.startswith(f"{name} is not in the paper")


@pytest.mark.parametrize("line", ['It asks, "Shall kettles sing?".', "It asks: “Who sings?”"])
def test_the_first_word_of_a_sentence_in_quotation_marks_is_no_name(line):
    assert unknown(line, "en") == []


def test_a_name_in_quotation_marks_is_one():
    assert unknown('The kettle "Zanzibar" sings.', "en") == ["Zanzibar"]


def test_every_country_is_known_by_each_of_its_words():
    for country in COUNTRIES:
        words = country.split(",")
        for word in words[1:]:
            assert unknown(english(words[0].title()), "en", f"A kettle, {word}.") == []


@pytest.mark.parametrize("name", ["gpt4x", "camelCase", "pan-former"])
def test_lower_case_that_looks_like_a_name_counts_in_a_chinese_line(name):
    assert unknown(chinese(name)) == [name]


def test_english_where_chinese_should_be_is_judged_as_english():
    assert unknown("Steaming kettles boil at Zanzibar.", "zh") == ["Zanzibar"]


@pytest.mark.parametrize(
    ("abbreviation", "form"), [(key, form) for key, forms in LONG_FORMS.items() for form in forms]
)
def test_an_abbreviation_of_the_field_is_known_by_each_of_its_long_forms(abbreviation, form):
    line = chinese(abbreviation.upper().replace(" ", "-"))
    assert unknown(line, abstract=f"Kettles and {form} sing.") == []


@pytest.mark.parametrize("abbreviation", ["ASR", "EEG", "GAN", "MRI", "PPO", "UAV"])
def test_an_abbreviation_of_the_field_is_unknown_without_its_long_form(abbreviation):
    assert unknown(chinese(abbreviation), abstract="A kettle sings.") == [abbreviation]


def test_the_table_of_abbreviations_is_folded_and_says_nothing_twice():
    for text in [*ALWAYS, *LONG_FORMS, *(form for forms in LONG_FORMS.values() for form in forms)]:
        assert fold(text).strip() == text
    assert not ALWAYS & LONG_FORMS.keys()


def test_initials_count_only_within_one_thought():
    assert unknown(chinese("SWB"), abstract="It sings with bells.") == ["SWB"]
    assert unknown(chinese("SBW"), abstract="A singing boiling whistle.") == []
    assert unknown(chinese("SBW"), abstract="It is singing. Boiling, whistles.") == ["SBW"]


def test_an_acronym_is_unknown_if_the_paper_has_nearly_the_same_one():
    abstract = "The steam guided boiler (SGBR) sings in a great boiler."
    assert unknown(chinese("SGB"), abstract=abstract) == ["SGB"]


def test_both_languages_are_looked_at():
    lines: Lines = {"en": english("PanFormer"), "zh": chinese("PanFormer")}
    assert [found.language for found in check(paper(), lines, RULES)] == ["en", "zh"]


def test_a_name_is_reported_once_and_a_line_full_of_names_a_few_times():
    assert unknown("水壶 PanFormer 与 PanFormer 唱歌。") == ["PanFormer"]
    many = "".join(f"壶 Pan{letter}Former " for letter in "ABCDEFGHIJKLMNOPQ")
    assert len(unknown(many)) == MOST_UNKNOWN


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (r"$\beta$-VAE", "beta vae"),
        ("β-VAE", "beta vae"),
        ("R$^2$", "r2"),
        ("R²", "r2"),
        (r"\textsc{Name}X", "namex"),
        (r"\mathcal{L}_2", "l 2"),
        (r"\OurModel", "ourmodel"),
        ("Cramér", "cramer"),
        (r"Cram\'er", "cramer"),
        ("Qwen2.5.", "qwen2.5"),
        ("ﬁne—tuned", "fine tuned"),
        (r"3\log n", "3 log n"),
        ("水壶 A", "a"),
        ("", ""),
    ],
)
def test_text_is_folded(text, folded):
    assert " ".join(fold(text).split()) == folded
    assert fold(text)[0] == fold(text)[-1] == " "


TEXT = st.text(st.characters(codec="utf-8")) | st.text(
    st.sampled_from("ABab12.-_'’&/ $\\{}^水壶β²é")
)


@given(TEXT, TEXT, TEXT)
def test_spans_lie_inside_line_and_abstract_whatever_they_say(abstract, zh, en):
    for language, line in (("zh", zh), ("en", en)):
        for found in found_in(line, language, abstract):
            start, end = found.span
            assert 0 <= start < end <= len(line)
            assert line[start:end] in found.message
            if found.source_span:
                start, end = found.source_span
                assert 0 <= start < end <= len(abstract)
                assert found.message.endswith(f"the abstract has {abstract[start:end]}")


@given(st.text(st.sampled_from("ABab12.-_'’&/ 水壶β²é")))
def test_a_paper_has_the_names_of_its_own_abstract(abstract):
    assert unknown(abstract, abstract=abstract) == []
