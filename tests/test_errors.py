import pickle

import pytest

from pipeline import errors
from pipeline.errors import AnswerRejected, ModelUnavailable, PaperlineError, RequestRejected


def tree(kind: type[PaperlineError] = PaperlineError) -> list[type[PaperlineError]]:
    return [kind, *(one for below in kind.__subclasses__() for one in tree(below))]


def ours() -> list[type[PaperlineError]]:
    return [kind for kind in tree() if kind.__module__ == errors.__name__]


def example(kind: type[PaperlineError]) -> PaperlineError:
    if issubclass(kind, AnswerRejected):
        return kind("not-json", "the answer is not JSON")
    if issubclass(kind, ModelUnavailable):
        return kind("gave no answer", where="a:1", next_step="Wait", retry_after=2.5, overload=True)
    if issubclass(kind, RequestRejected):
        return kind("was refused", status=400, said="response_format", where="a:1")
    return kind("is torn", where="papers.jsonl:3", next_step="Restore it")


@pytest.mark.parametrize("kind", ours())
def test_an_error_survives_pickling_with_everything_it_says(kind):
    error = example(kind)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert copy.args == error.args


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PaperlineError("is torn"), "is torn"),
        (PaperlineError("is torn", where="a.jsonl:3"), "a.jsonl:3: is torn"),
        (PaperlineError("is torn", next_step="Restore it"), "is torn. Restore it"),
        (
            PaperlineError("is torn", where="a.jsonl:3", next_step="Restore it"),
            "a.jsonl:3: is torn. Restore it",
        ),
    ],
)
def test_an_error_reads_where_what_and_next_step(error, line):
    assert str(error) == line


def test_the_tree_at_the_top_of_the_module_is_the_real_one():
    drawn = errors.__doc__ or ""
    rows = [row for row in drawn.splitlines() if row.startswith("    ")]
    names = [row.lstrip(" │├└─").split()[0] for row in rows]
    assert sorted(names) == sorted(kind.__name__ for kind in ours())


def test_the_exit_codes_drawn_are_those_that_commands_end_with():
    drawn = errors.__doc__ or ""
    for row in drawn.splitlines():
        if row.startswith("    ") and " exit " in row:
            name, code = row.lstrip(" │├└─").split()[0], int(row.split(" exit ")[1])
            assert getattr(errors, name).exit_code == code


def test_every_error_either_passes_or_stays():
    for kind in ours():
        if kind not in (PaperlineError, errors.Transient, errors.Terminal):
            assert issubclass(kind, errors.Transient) != issubclass(kind, errors.Terminal)
