"""Write the documents that are made from the code, or with --check say which are stale.

docs/settings.md from `pipeline.settings`, docs/schema/*.json from `pipeline.records`,
docs/failures.md from `pipeline.llm`, docs/checks.md from `pipeline.checks`, docs/commands.md
from the commands' own help, docs/dependencies.md from the locks and what is installed.
"""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from docs import dependencies  # noqa: E402  works from a plain checkout
from pipeline import backfill, books, cache, estimate, records, report, sections, settings, status  # noqa: E402  works from a plain checkout
from pipeline.bulk import folder as bulk_folder  # noqa: E402
from pipeline.bulk.report import BulkReport  # noqa: E402
from pipeline.bulk.rows import Row  # noqa: E402
from pipeline.checks import codes  # noqa: E402
from pipeline.comparison.answer import Comparison  # noqa: E402
from pipeline.diagnosis import Examined  # noqa: E402
from pipeline.llm import answers, failures, mending  # noqa: E402
from pipeline.prompting.edits import EditList  # noqa: E402
from pipeline.prompting.figures import PromptList  # noqa: E402
from pipeline.prompting.rendering import Rendering  # noqa: E402
from pipeline.settings_faults import PATTERNS  # noqa: E402

SCHEMAS: dict[str, Any] = {
    "paper": records.Paper,
    "summary": records.Summary,
    "finding": records.Finding,
    "decision": records.Decision,
    "preference": records.Preference,
    "digest": records.Digest,
    "run": books.Run,
    "publication": records.Publication,
    "waiting": books.Waiting,
    "fetch": books.Fetch,
    "spend": books.Spend,
    "notice": books.Notice,
    "invocation": books.Invocation,
    "run-answer": list[report.Report],
    "backfill-answer": backfill.Filled,
    "bulk-answer": BulkReport,
    "bulk-row": Row,
    "bulk-partition": bulk_folder.Partition,
    "bulk-manifest": bulk_folder.Manifest,
    "dry-run-answer": list[estimate.Forecast],
    "cache-answer": cache.Stats,
    "status-answer": list[status.SnapshotStatus],
    "compare-answer": Comparison,
    "prompts-answer": PromptList,
    "doctor-answer": list[Examined],
    "prompts-edits-answer": EditList,
    "prompts-render-answer": Rendering,
}
TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dict: "table",
    tuple[int, int]: "two whole numbers",
    tuple: "list of texts",
    Path: "path",
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
NOTICE = "<!-- Written by docs/generate.py. Do not edit: run `make docs`. -->"


def documents() -> dict[str, str]:
    """Path below docs/ and text of every generated document."""
    made = {
        "settings.md": settings_page(),
        "failures.md": failures_page(),
        "checks.md": checks_page(),
        "dependencies.md": dependencies.page(),
    }
    for name, kind in SCHEMAS.items():
        schema = {"$schema": DIALECT, "$id": f"{name}.json", **msgspec.json.schema(kind)}
        made[f"schema/{name}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if importlib.util.find_spec("pipeline.cli.main"):
        made["commands.md"] = commands_page()
    return made


def settings_page() -> str:
    """Every section of paperline.toml as a table."""
    parts = [
        "# Settings",
        NOTICE,
        "Settings stand in `paperline.toml`. An environment variable comes before the file, the "
        "file before the default. Paths are relative to the folder of the file. "
        "`paperline config` shows what is in force and where it came from.",
        _section("Top level", settings.Settings),
    ]
    for field in msgspec.structs.fields(settings.Settings):
        many = get_origin(field.type) is tuple
        kind = get_args(field.type)[0] if many else field.type
        if isinstance(kind, type) and issubclass(kind, sections.Section):
            parts.append(_section(f"[[{field.name}]]" if many else f"[{field.name}]", kind))
    parts.append(
        "## [[model.fallback]]\n\nAny number of tables with the keys of `[model]`, tried in order "
        "when the one before is down. One at another address names its own `api_key_env`."
    )
    return "\n\n".join(parts) + "\n"


def _section(heading: str, section: type[sections.Section]) -> str:
    rows = [
        "| name | type | default | environment | meaning |",
        "|---|---|---|---|---|",
        *_rows(section),
    ]
    summary = (section.__doc__ or "").partition("\n")[0]
    return f"## {heading}\n\n{summary}\n\n" + "\n".join(rows)


def _rows(section: type[sections.Section]) -> Iterator[str]:
    for name, field, text, variable in sections.describe(section):
        if not text:
            continue
        default = _default(field)
        cells = (f"`{name}`", _in_words(field.type), default, variable and f"`{variable}`", text)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: Any) -> str:
    if field.required:
        return "(required)"
    made = field.default is msgspec.NODEFAULT
    value = field.default_factory() if made else field.default
    if isinstance(value, dict):
        return f"`{value}`"
    return f"`{json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)}`"


def _in_words(kind: Any) -> str:
    bounds = [m for m in getattr(kind, "__metadata__", ()) if isinstance(m, msgspec.Meta)]
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    if get_origin(kind) is Literal:
        return " or ".join(f'`"{choice}"`' for choice in get_args(kind))
    words = TYPES[kind if kind in TYPES else get_origin(kind)]
    for bound in bounds:
        if bound.ge is not None and bound.le is not None:
            words += f", {bound.ge} to {bound.le}"
        elif bound.ge is not None:
            words += f", {bound.ge} or more"
        elif bound.gt is not None:
            words += f", more than {bound.gt}"
        if bound.pattern in PATTERNS:
            words = PATTERNS[bound.pattern]
    return words


def failures_page() -> str:
    """What a provider may do, and what is done about it."""
    parts = [
        "# When a model fails",
        NOTICE,
        "No failure is ever called a summary: a paper without a model's lines is a gap, with its "
        "reason in `run.json`, words on the page, and exit code 3. Every answer that was paid for "
        "is in `cache/` before it is looked at, so no later run pays for it again.",
        _table(
            ("kind", "how it shows", "what is done"),
            ((kind.name, kind.signs, kind.then) for kind in failures.KINDS),
        ),
        "## What is mended in an answer",
        "Mending is done where it is certain; its code stands in `mended` of the summary.",
        _table(("code", "what was taken away or put right"), mending.MENDED.items()),
        "## Why an answer is asked for again",
        "The model is told what was wrong, at most twice; then the code stands in the reason of "
        "the gap.",
        _table(("code", "what was wrong"), answers.DEFECTS.items()),
    ]
    return "\n\n".join(parts) + "\n"


KINDS = {
    "numbers": "Numbers",
    "names": "Names",
    "language": "Language",
    "form": "Form",
    "injection": "Injection",
    "digest": "The digest as a whole",
    "judge": "A second opinion",
}
"""The kinds of checks, in the order and by the names of the page."""


def checks_page() -> str:
    """What is found by machine, and how much it weighs."""
    parts = [
        "# What the checks find",
        NOTICE,
        "Every candidate is held against its abstract, title, comments and venue. What is found "
        "stands in `3-findings.jsonl` of the snapshot and in the digest's JSON, with its place in "
        "the line. Where other settings hold since, a draft is checked again before its release. "
        "An *error* is nearly always a fault, a *warning* is to be looked at, a *note* is "
        "a matter of style. Under the policy `flagged` a paper with an error or a warning waits "
        "for an editor. `[check] severity` gives a code another severity, or turns it off: "
        '`severity = { spacing = "off", copied = "warning" }`.',
        "The form of a line is that of its prompt's front matter: `sentences` (1), `words` and "
        "`characters` (shortest and longest line; else those of `[check]`). "
        "`benchmarks/check_quality.py` measures what is found and what is not.",
    ]
    for kind, title in KINDS.items():
        rows = (
            (f"`{name}`", code.severity, code.meaning)
            for name, code in codes.CODES.items()
            if code.kind == kind
        )
        parts += [f"## {title}", _table(("code", "severity", "meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def commands_page() -> str:
    """The help of every command, as the command line prints it."""
    import click

    from pipeline.cli.main import cli

    os.environ.pop("COLUMNS", None)
    parts = ["# Commands", NOTICE]

    def walk(command: click.Command, context: click.Context) -> None:
        parts.append(f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                if below and not below.hidden:
                    walk(below, click.Context(below, context, name, **below.context_settings))

    wide: dict[str, Any] = {**cli.context_settings, "max_content_width": 80}
    walk(cli, click.Context(cli, info_name="paperline", terminal_width=80, **wide))
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """0 when all is written, or current under --check; 1 when something is stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    parser.add_argument(
        "--to", type=Path, default=REPOSITORY / "docs", help="another folder than docs/"
    )
    asked = parser.parse_args()
    made = documents()
    present = {p.relative_to(asked.to).as_posix() for p in (asked.to / "schema").glob("*.json")}
    left_over = sorted(present - made.keys())
    stale = [name for name, text in made.items() if _text(asked.to / name) != text]
    if asked.check:
        for name in (*stale, *left_over):
            print(f"docs/{name} is stale: run `make docs`", file=sys.stderr)
        return 1 if stale or left_over else 0
    for name in stale:
        path = asked.to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[name], encoding="utf-8")
        print(f"wrote docs/{name}")
    for name in left_over:
        (asked.to / name).unlink()
        print(f"removed docs/{name}")
    return 0


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
