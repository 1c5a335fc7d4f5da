"""What is installed is exactly what was locked, and the threat model says what is so."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from docs import dependencies

LOCKS = ("requirements.txt", "requirements-dev.txt")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


class Locked(NamedTuple):
    """One entry of a lock: the requirement, and what follows it."""

    requirement: Requirement
    options: list[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (only,) = self.requirement.specifier
        assert only.operator == "==", self.requirement
        assert "*" not in only.version
        return only.version


def entries(text: str) -> list[Locked]:
    """The entries of a lock. Anything else in it (an option, an address) is refused."""
    joined = text.replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        assert re.match(r"[a-z0-9-]+(\[\w+\])?==", line), line
        requirement, *options = re.split(r"\s+(?=--)", line)
        found.append(Locked(Requirement(requirement), options))
    return found


@pytest.fixture(scope="module", params=LOCKS)
def lock(repository: Path, request: pytest.FixtureRequest) -> list[Locked]:
    return entries((repository / request.param).read_text("utf-8"))


def test_everything_is_pinned_with_the_hashes_of_its_files(lock):
    assert len(lock) > 50
    for each in lock:
        Version(each.version)  # which raises where it is none
        assert each.options, f"{each.name} has no hash"
        assert all(map(HASH.fullmatch, each.options)), each
        assert each.requirement.url is None


@pytest.mark.parametrize(
    "line", ["--index-url https://example.org/simple", "-e .", "git+https://example.org/x@main"]
)
def test_a_lock_with_another_index_or_a_moving_address_is_noticed(line):
    with pytest.raises(AssertionError):
        entries(f"tides==1.0 \\\n    --hash=sha256:{'0' * 64}\n{line}\n")


@pytest.mark.parametrize("part", dependencies.PARTS)
def test_every_dependency_of_the_project_is_locked_within_its_bounds(repository, part):
    file = "requirements.txt" if part in ("runtime", "build") else "requirements-dev.txt"
    pinned = dependencies.locked(file)
    for wanted in dependencies.asked_for(part):
        versions = pinned[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in versions), wanted


def test_tests_run_with_the_very_versions_that_paperline_runs_with(repository):
    runtime, dev = (
        {(each.name, str(each.requirement.marker)): each for each in entries(text)}
        for text in ((repository / name).read_text("utf-8") for name in LOCKS)
    )
    assert all(dev[key] == each for key, each in runtime.items())


def test_installing_refuses_what_has_no_hash(repository):
    makefile = (repository / "Makefile").read_text("utf-8")
    assert re.search(r"^PIP := .* --require-hashes$", makefile, re.MULTILINE)
    joined = makefile.replace("\\\n", " ")
    installs = re.findall(r"^\t.*(?:\$\(PIP\)|pip install).*", joined, re.MULTILINE)
    assert len(installs) == 3
    assert all("$(PIP)" in each or "--no-deps" in each for each in installs)


@pytest.fixture(scope="module")
def model(repository: Path) -> str:
    """SECURITY.md."""
    return (repository / "SECURITY.md").read_text("utf-8")


def named_in(path: Path) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return {each.name for each in functions if each.name.startswith("test_")}


def test_every_test_that_the_threat_model_names_is_there(repository, model):
    named = re.findall(r"`(tests/test_\w+\.py)`((?:[:,]? `test_\w+`)*)", model)
    assert len(named) > 20
    for file, listed in named:
        assert (repository / file).is_file(), file
        assert set(re.findall(r"`(test_\w+)`", listed)) <= named_in(repository / file), file
    loose = set(re.findall(r"`(test_\w+)`", model))
    assert loose == {name for _, listed in named for name in re.findall(r"`(test_\w+)`", listed)}


def test_every_claim_of_the_threat_model_names_a_test(model):
    _, _, table = model.partition("## What is done about each")
    rows = re.findall(r"^\| (?!what|---)(.+) \|$", table.partition("\n## ")[0], re.MULTILINE)
    assert len(rows) > 15
    for row in rows:
        assert "`tests/test_" in row, row


def test_each_of_the_nine_invariants_is_named(model):
    _, _, section = model.partition("## The invariants")
    rows = re.findall(r"^\| ([1-9]) \|.*`tests/test_\w+\.py`", section, re.MULTILINE)
    assert rows == [str(number) for number in range(1, 10)]


def test_every_module_that_the_threat_model_names_is_there(repository, model):
    named = set(re.findall(r"`(pipeline/[\w/.]+)`", model))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (repository / name).exists()] == []


def test_the_threat_model_speaks_of_everything_that_is_run_for_an_operator(repository, model):
    there = {str(p.relative_to(repository)) for p in (repository / "recipes").rglob("*.*")}
    programs = {name for name in there if re.search(r"\.(py|sh|yml)$", name)}
    assert len(programs) >= 5
    named = set(re.findall(r"`(recipes/[\w/.-]+\w)`", model))
    assert programs <= named
    assert [name for name in sorted(named) if not (repository / name).exists()] == []


def test_what_is_named_by_a_tag_is_said_not_to_be_defended(repository, model):
    texts = [path.read_text("utf-8") for path in (repository / "recipes").rglob("*.yml")]
    texts.append((repository / "recipes" / "Containerfile").read_text("utf-8"))
    used = re.findall(r"(?:uses: \S+@|FROM \S+:)(\S+)", "\n".join(texts))
    assert len(used) > 5
    _, _, undefended = model.partition("## What is not defended against")
    by_tag = [each for each in used if not re.search(r"[0-9a-f]{40}", each)]
    assert bool(by_tag) == ("**A tag that is moved.**" in undefended)
