import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import jsonschema
import msgspec
import pytest
from lxml.html import document_fromstring

from pipeline import gate_settings, sections, settings
from pipeline.books import Run, Waiting
from pipeline.records import Usage
from pipeline.site.page import digest_page
from tests.digests import a_digest, a_paper, an_entry


def generate(repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "docs" / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_generated_documents_are_current(repository):
    checked = generate(repository, "--check")
    assert checked.returncode == 0, checked.stderr


def test_a_stale_or_missing_document_is_named_and_then_written(repository, tmp_path):
    assert generate(repository, "--to", str(tmp_path)).returncode == 0
    (tmp_path / "settings.md").write_text("old", encoding="utf-8")
    (tmp_path / "schema" / "paper.json").unlink()
    (tmp_path / "schema" / "gone.json").write_text("{}", encoding="utf-8")
    stale = generate(repository, "--check", "--to", str(tmp_path))
    assert stale.returncode == 1
    for name in ("settings.md", "schema/paper.json", "schema/gone.json"):
        assert f"docs/{name} is stale" in stale.stderr
    assert generate(repository, "--to", str(tmp_path)).returncode == 0
    assert generate(repository, "--check", "--to", str(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    "section",
    [
        settings.Settings,
        settings.SiteSettings,
        settings.ArxivSettings,
        settings.ModelSettings,
        settings.BudgetSettings,
        settings.ClusterSettings,
        gate_settings.ReviewSettings,
        settings.NotifySettings,
        settings.TopicSettings,
    ],
)
def test_every_setting_has_a_row_with_its_help(repository, section):
    page = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field, text, variable in sections.describe(section):
        is_table = isinstance(field.type, type) and issubclass(field.type, sections.Section)
        assert is_table or name in ("topic", "fallback") or text, f"{name} has no help"
        if text:
            assert f"| `{name}` |" in page
            assert text in page
        assert variable in page


def test_every_selector_that_the_documents_promise_is_on_the_page(repository):
    listed = re.findall(
        r"^\| `([^`]+)` \|", (repository / "docs/page.md").read_text(), re.MULTILINE
    )
    page = document_fromstring(digest_page(a_digest(an_entry(paper=a_paper(venue="Tides 4")))))
    assert len(listed) == 10
    for selector in listed:
        assert page.cssselect(selector), selector


def test_the_help_of_the_program_is_what_the_documents_print(repository):
    page = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    printed = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"],
        cwd=repository,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() in page


def test_the_schemas_accept_what_the_program_writes_and_refuse_the_rest(repository):
    schema: Any = json.loads((repository / "docs/schema/run.json").read_text(encoding="utf-8"))
    run = Run(topic="t", snapshot="20260501_0405", instant=datetime.now(UTC), time_zone="UTC")
    jsonschema.validate(json.loads(run.to_json()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(run.to_json()), "snapshot": "../x"}, schema)


def test_every_schema_is_one_of_the_draft_that_it_names_and_has_its_files_name(repository):
    paths = list(repository.glob("docs/schema/*.json"))
    assert len(paths) > 20
    for path in paths:
        schema = json.loads(path.read_text(encoding="utf-8"))
        assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
        assert schema["$id"] == path.name
        jsonschema.Draft202012Validator.check_schema(schema)


def test_there_is_a_schema_for_every_record_that_is_kept(repository):
    names = {path.stem for path in (repository / "docs" / "schema").glob("*.json")}
    assert names >= {
        "paper",
        "summary",
        "decision",
        "digest",
        "run",
        "publication",
        "waiting",
        "spend",
    }
    assert msgspec.json.schema(Waiting)["$defs"].keys() >= {"Paper"}
    assert "usd" in msgspec.json.schema(Usage)["$defs"]["Usage"]["properties"]


def test_every_test_that_the_documents_name_is_there(repository):
    named = set()
    for path in repository.glob("docs/*.md"):
        named |= set(re.findall(r"`(test_\w+)`", path.read_text("utf-8")))
    there = "".join(path.read_text("utf-8") for path in repository.glob("tests/*.py"))
    assert len(named) > 20
    assert [name for name in sorted(named) if f"def {name}(" not in there] == []
