"""The licences of all that is installed, against those that may be used."""

import re
from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from docs import dependencies
from docs.dependencies import ALLOWED, DIRECT, PARTS, READ

LISTED = {name for part in PARTS for name in dependencies.brought(part)}


def is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_dependency_has_a_licence_that_is_allowed(name):
    ways = [*dependencies.alternatives(dependencies.licence(name))]
    assert any(set(way) <= ALLOWED.keys() for way in ways), ways


def test_a_licence_that_binds_what_is_built_with_it_is_refused():
    for refused in ("GPL-3.0-only", "MIT AND AGPL-3.0-or-later", "LGPL-2.1-only OR SSPL-1.0"):
        ways = dependencies.alternatives(refused)
        assert not any(set(way) <= ALLOWED.keys() for way in ways)
    assert any(set(w) <= ALLOWED.keys() for w in dependencies.alternatives("GPL-2.0-only OR MIT"))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"License": "see the file"},
        {"Classifier": "License :: OSI Approved :: BSD License"},
        {"License-Expression": "LicenseRef-Ours AND"},
    ],
)
def test_a_licence_that_the_metadata_do_not_say_clearly_has_to_be_read(monkeypatch, said):
    from email.message import Message

    told = Message()
    for name, value in said.items():
        told[name] = value
    monkeypatch.setattr(metadata, "metadata", lambda name: told)
    with pytest.raises(LookupError, match="invented: the licence is unclear"):
        dependencies.licence("invented")


@pytest.mark.parametrize("name", sorted(READ))
def test_a_licence_that_we_read_is_in_the_text_that_comes_with_the_package(name):
    assert name in LISTED, f"{name} is no dependency any more: take it out of READ"
    if not is_installed(name):
        assert READ[name].why  # of another platform
        return
    texts = [
        " ".join(file.read_text("utf-8").split())
        for file in metadata.files(name) or []
        if re.search(r"dist-info/(licenses/)?(LICEN[CS]E|COPYING)", str(file))
    ]
    assert any(READ[name].words in text for text in texts)


def test_the_list_has_exactly_the_locked_packages(repository):
    assert set(dependencies.locked()) == LISTED
    installed = set(dependencies.brought("runtime")) | set(dependencies.brought("build"))
    assert set(dependencies.locked("requirements.txt")) == installed
    text = (repository / "docs" / "dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \|", text, re.MULTILINE)
    assert {*rows} - {"package", "file"} == LISTED


def test_every_direct_dependency_says_what_it_is_for():
    assert DIRECT.keys() == dependencies.direct(*PARTS)
    assert ("runtime", *dependencies.project()["optional-dependencies"]) == PARTS


def test_what_is_shipped_from_others_has_its_licence_beside_it(repository):
    static = repository / "pipeline" / "web" / "static"
    assert "Zero-Clause BSD" in (static / "htmx.LICENSE.txt").read_text("utf-8")
    minified = {
        path.relative_to(repository).as_posix()
        for path in (repository / "pipeline").rglob("*.min.*")
    }
    text = (repository / "docs" / "dependencies.md").read_text("utf-8")
    assert minified == set(re.findall(r"`(pipeline/[^`]+\.min\.js)`", text))


def test_pages_load_no_fonts(repository):
    sheets = [*(repository / "pipeline").rglob("*.css")]
    assert len(sheets) > 3
    assert not [path for path in sheets if "@font-face" in path.read_text("utf-8")]
    assert not [*(repository / "pipeline").rglob("*.woff*")]


def test_names_are_compared_as_package_indexes_compare_them():
    assert {canonicalize_name(name) for name in {*DIRECT, *READ}} == {*DIRECT, *READ}
