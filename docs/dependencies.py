"""docs/dependencies.md: every package that is installed, what for, and under which licence.

Packages are those of requirements*.txt, licences what each one's metadata say. What they do
not say, or not clearly, stands in `READ`, with the words of the licence that came with it.
"""

import functools
import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent

ALLOWED = {
    "0BSD": "",
    "Apache-2.0": "",
    "BSD-2-Clause": "",
    "BSD-3-Clause": "",
    "CC0-1.0": "",
    "CNRI-Python": "of the regular expressions of Python 1.6; asks for its notice to be kept",
    "ISC": "",
    "MIT": "",
    "MIT-0": "",
    "MPL-2.0": "binds changes to its own files, and we change none",
    "PSF-2.0": "",
    "Unlicense": "",
    "Zlib": "",
}
"""Licences, by their SPDX names, under which a dependency may be used; why, where it is no matter
of course. All let us use it under our own licence; none binds what is built with it."""

SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "osi approved :: apache software license": "Apache-2.0",
    "osi approved :: mit license": "MIT",
    "osi approved :: mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "osi approved :: python software foundation license": "PSF-2.0",
}
"""What metadata write for a licence; `BSD License` alone could be any of three."""


class Read(NamedTuple):
    """A licence that we read ourselves: `words` stand in the text that comes with the package."""

    licence: str
    why: str
    words: str


READ = {
    "axe-playwright-python": Read(
        "MIT AND MPL-2.0", "the metadata name none; axe-core in it is under the MPL", "MIT License"
    ),
    "colorama": Read("BSD-3-Clause", "the metadata do not say which BSD", "Neither the name"),
    "httpx2-jsfetch": Read("BSD-3-Clause", "it is installed in a browser only", "Neither the name"),
    "jinja2": Read("BSD-3-Clause", "the metadata do not say which BSD", "Neither the name"),
    "requests-oauthlib": Read("ISC", "the metadata say ISC and BSD", "ISC License"),
    "webencodings": Read("BSD-3-Clause", "the metadata do not say which BSD", "Neither the name"),
}

DIRECT = {
    "aiohttp": "the transport of the OpenAI SDK",
    "apprise": "notices to chats and by mail",
    "argon2-cffi": "editors' passwords",
    "arxiv": "arXiv's API",
    "axe-playwright-python": "accessibility of pages",
    "bibtexparser": "exports read by another program",
    "check-jsonschema": "the schema of GitHub's workflows",
    "click": "the command line",
    "cssselect": "what the documents promise of a page",
    "diskcache": "answers that were paid for",
    "editables": "the command that runs from a checkout",
    "filelock": "one run at a time",
    "genai-prices": "what models cost",
    "hatchling": "the wheel",
    "html5lib": "pages read as browsers read them",
    "hypothesis": "hostile texts and any order of events",
    "jinja2": "pages and prompts",
    "jsonschema": "the schemas in docs/schema",
    "latex2mathml": "formulas",
    "lxml": "arXiv's feeds; HTML in tests",
    "markdown-it-py": "Markdown read by another program",
    "msgspec": "records and settings, read and validated",
    "mypy": "types",
    "openai": "the model",
    "opencc": "traditional and simplified characters",
    "packaging": "requirements and licences of packages",
    "pagefind": "the site's search index",
    "playwright": "pages in a browser",
    "pyarrow": "Parquet",
    "pydantic": "answers of the model, validated",
    "pytest": "tests",
    "pytest-asyncio": "tests of what waits for many at once",
    "pytest-httpserver": "servers on this machine for tests",
    "pytest-randomly": "tests in any order",
    "pytest-timeout": "tests that hang",
    "pytest-xdist": "tests side by side",
    "rapidfuzz": "how alike two texts are",
    "ray": "many machines",
    "requests": "arXiv and heartbeats",
    "rich": "the progress bar",
    "rispy": "exports read by another program",
    "ruff": "style",
    "starlette": "the review app",
    "tenacity": "asking again",
    "tiktoken": "tokens",
    "tomlkit": "paperline.toml changed without losing its comments",
    "types-requests": "types",
    "tzdata": "time zones, where the system has none",
    "uvicorn": "the review app's server",
}
"""What our own code, tests and builds use each package for."""

ENVIRONMENTS = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": platform}
    for version in ("3.11", "3.13")
    for platform in ("linux", "darwin", "win32", "emscripten")
]
"""For which the lock is made: a dependency in any of them is one."""


PARTS = ("runtime", "build", "bulk", "ray", "dev")
"""What paperline runs with, and its extras, as pyproject.toml names them."""


class Package(NamedTuple):
    """A line of the document; `parts` are the parts of paperline that it is installed for."""

    name: str
    licence: str
    parts: tuple[str, ...]
    purpose: str


def page() -> str:
    """The document. Raises `LookupError` where a licence is unclear, or a purpose is missing."""
    rows = "\n".join(f"| {p.name} | {p.licence} | {p.purpose} |" for p in packages("runtime"))
    extra = "\n".join(
        f"| {p.name} | {p.licence} | {', '.join(p.parts)} | {p.purpose} |"
        for p in packages("build", "bulk", "ray", "dev")
    )
    allowed = "\n".join(f"- `{name}`{why and f': {why}'}" for name, why in ALLOWED.items())
    return TEXT.format(rows=rows, extra=extra, allowed=allowed, read=_read_table())


def packages(*parts: str) -> Iterator[Package]:
    """The packages that any of these parts brings, and no earlier one, by name."""
    earlier = set().union(*(brought(part) for part in PARTS[: PARTS.index(parts[0])]))
    by = {name for part in parts for name in brought(part)} - earlier
    for name in sorted(by):
        of = tuple(part for part in parts if name in brought(part))
        parents = sorted(set().union(*(brought(part)[name] for part in of)))
        purpose = DIRECT[name] if name in direct(*parts) else f"for {', '.join(parents)}"
        yield Package(name, licence(name), of, purpose)


@functools.cache
def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def asked_for(part: str) -> list[Requirement]:
    """What pyproject.toml asks for: `runtime`, or the name of an extra."""
    table = project()
    wanted = table["dependencies"] if part == "runtime" else table["optional-dependencies"][part]
    return [Requirement(each) for each in wanted]


def direct(*parts: str) -> set[str]:
    """The packages that pyproject.toml names for these parts."""
    return {canonicalize_name(each.name) for part in parts for each in asked_for(part)}


@functools.cache
def locked(file: str = "requirements-dev.txt") -> dict[str, set[str]]:
    """By name, the versions that a lock pins: several where they go by the Python."""
    found: dict[str, set[str]] = {}
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@functools.cache
def brought(part: str) -> dict[str, set[str]]:
    """The locked packages that a part needs, each with the names of those that need it."""
    found: dict[str, set[str]] = {}
    met: set[tuple[str, str]] = set()
    queue = [(each, "paperline") for each in asked_for(part)]
    while queue:
        wanted, parent = queue.pop()
        name = canonicalize_name(wanted.name)
        if name not in locked():
            continue
        found.setdefault(name, set()).add(parent)
        for extra in {"", *wanted.extras}:
            if (name, extra) not in met:
                met.add((name, extra))
                queue += [(each, name) for each in _needs(name, extra)]
    return found


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    """What an installed package asks for, for an extra of it."""
    try:
        texts = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # of another platform
        return
    for wanted in map(Requirement, texts):
        marker = wanted.marker
        if marker is None or any(marker.evaluate({**e, "extra": extra}) for e in ENVIRONMENTS):
            yield wanted


def licence(name: str) -> str:
    """A package's licence as an SPDX expression. Raises `LookupError` where it is unclear."""
    if name in READ:
        return READ[name].licence
    found = metadata.metadata(name)
    classifiers = [
        each.removeprefix("License :: ")
        for each in found.get_all("Classifier") or []
        if each.startswith("License :: OSI Approved")
    ]
    said = [*(found.get_all("License-Expression") or found.get_all("License") or [])]
    told = [each.partition("\n")[0] for each in said if each] or classifiers
    try:
        (only,) = {canonicalize_license_expression(SPDX.get(t.lower(), t)) for t in told}
    except (InvalidLicenseExpression, ValueError):
        raise LookupError(
            f"{name}: the licence is unclear: {told}; read it, and add it to READ"
        ) from None
    return str(only)


def alternatives(expression: str) -> Iterable[list[str]]:
    """Each way to obey an SPDX expression without brackets: the licences that then hold."""
    sides = [part.split(" OR ") for part in expression.split(" AND ")]
    return ([each.strip() for each in one] for one in itertools.product(*sides))


def _read_table() -> str:
    return "\n".join(f"| {name} | {r.licence} | {r.why} |" for name, r in sorted(READ.items()))


TEXT = """\
# Dependencies and their licences

<!-- Written by docs/generate.py. Do not edit: run `make docs`. -->

paperline is under the MIT licence. What it installs comes from PyPI, pinned with the SHA-256 of
every file in `requirements.txt` and `requirements-dev.txt`; versions stand there. Licences are
SPDX expressions, from the packages' own metadata. `tests/test_licences.py` compares this list
with the locks and with what is installed.

## What paperline runs with

| package | licence | what for |
|---|---|---|
{rows}

## What its extras, tests and builds need besides

`build` makes the command, `bulk` and `ray` are extras, `dev` is what tests need.

| package | licence | part | what for |
|---|---|---|---|
{extra}

## What is shipped that is not Python

| file | licence | what for |
|---|---|---|
| `pipeline/web/static/htmx.min.js` | 0BSD, in `htmx.LICENSE.txt` beside it | the review app |

Style sheets, scripts and templates are otherwise our own. No fonts are shipped or loaded: pages
use the reader's. The site's search is made by Pagefind (MIT), whose script and index stand in
`outputs/site/search/` of whoever publishes it.

## Allowed licences

Each lets paperline be used, changed and passed on under its own licence.

{allowed}

## Licences that we read ourselves

| package | licence | why |
|---|---|---|
{read}
"""
