"""Numbers that name instead of counting, and numbers written wrongly. All texts are invented."""

import pytest

from pipeline.checks import numbers
from pipeline.checks.rules import Rules
from pipeline.glossary import Glossary
from tests.digests import a_paper

RULES = Rules(glossary=Glossary({}))
ABSTRACT = (
    "KettleNet 3.1 boils 45,300 pots, cuts spills by 37.5% on GPT-4o stoves and wins Task 4 "
    "over Stable Diffusion 3."
)


def found_in(language, line, abstract=ABSTRACT):
    about = a_paper().but(title="77 Ways to Whistle", abstract=abstract, comments=None, venue=None)
    return list(numbers.check(about, {language: line}, RULES))


@pytest.mark.parametrize(
    ("language", "line", "marked", "message"),
    [
        (
            "zh",
            "水壶用 KettleNet 3.2 唱歌。",
            "3.2",
            'KettleNet 3.2 is not in the paper, which has "KettleNet 3.1"',
        ),
        (
            "en",
            "It beats Stable Diffusion 2 with steam.",
            "2",
            'Diffusion 2 is not in the paper, which has "Diffusion 3"',
        ),
        (
            "en",
            "It wins Task 6 with steam.",
            "6",
            'Task 6 is not in the paper, which has "Task 4"',
        ),
        ("zh", "它在任务 6 中获胜。", "6", '任务 6 is not in the paper, which has "Task 4"'),
        ("zh", "水壶有 45,3000 个锅。", "45,3000", "45,3000 is not in the paper"),
        ("zh", "泄漏为 07.5%。", "07.5", "07.5 is not in the paper"),
        ("en", "It reaches pass@5 with steam.", "@5", "@5 is not in the paper"),
        ("en", "It is a 77XB kettle.", "77XB", "77XB is not in the paper"),
    ],
)
def test_a_number_that_names_has_to_stand_there_in_the_paper(language, line, marked, message):
    finding = found_in(language, line)[0]
    assert finding.code == "number-unknown"
    assert (line[slice(*finding.span)], finding.message) == (marked, message)


@pytest.mark.parametrize("number", ["F1@0.5", "pass@10", "100", "3.05"])
def test_a_number_as_the_paper_has_it_is_never_strange(number):
    assert not found_in("en", f"It reaches {number} with steam.", f"We reach {number} by boiling.")


@pytest.mark.parametrize(
    ("number", "wrong"),
    [("F1@0.5", "F1@0.7"), ("100", "00"), ("0.79", "00.79"), ("33,355", "33,3355")],
)
def test_a_number_written_wrongly_is_an_error_though_it_is_a_part_of_a_right_one(number, wrong):
    found = found_in("en", f"It reaches {wrong} with steam.", f"We reach {number} by boiling.")
    assert [finding.code for finding in found] == ["number-unknown"]
