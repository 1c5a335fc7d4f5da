"""Sole reader of `prompts/`: prompts with their front matter, and the glossary.

A prompt is `NAME.md.j2`: TOML between two `+++` lines, then a Jinja body with the blocks
`system` and `user`. It may extend another prompt and replace one block; it then inherits
the other's front matter too, except for the name.
"""

import functools
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import PaperlineError, PromptError
from pipeline.files import read_text
from pipeline.records import LANGUAGES, Language, Message, Paper, fingerprint

if TYPE_CHECKING:
    from jinja2 import Environment, Template

SUFFIX = ".md.j2"
FENCE = "+++\n"
VARIABLES = ("title", "abstract", "authors", "comments", "venue", "categories")
BLOCKS = ("system", "user")
GLOSSARY = "glossary.tsv"
MOST_PARENTS = 10

IRREGULAR_PLURALS = {
    "supernova": "supernovae",
    "nucleus": "nuclei",
    "equilibrium": "equilibria",
}


class FrontMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a prompt says of itself. `parameters` are passed through with every request."""

    name: str
    description: str
    languages: tuple[Language, ...]
    parameters: dict[str, Any] = {}


class Prompt:
    """A prompt that was found whole; `fingerprint` covers all it extends and includes."""

    def __init__(self, front: FrontMatter, fingerprint: str, template: "Template") -> None:
        self.name = front.name
        self.description = front.description
        self.languages = front.languages
        self.parameters = front.parameters
        self.fingerprint = fingerprint
        self._template = template

    def messages(self, paper: Paper) -> tuple[Message, ...]:
        """What is sent about a paper: the system turn, then the user turn.

        Every value is one line without control characters, so that text from outside
        cannot forge a line of the prompt.
        """
        values = {
            "title": _one_line(paper.title),
            "abstract": _one_line(paper.abstract),
            "authors": _one_line(", ".join(paper.authors)),
            "comments": _one_line(paper.comments or ""),
            "venue": _one_line(paper.venue or ""),
            "categories": _one_line(", ".join(paper.categories)),
        }
        context = self._template.new_context(values)
        # Running the template's root is what fills in the blocks that a parent defines.
        list(self._template.root_render_func(context))
        system, user = ("".join(context.blocks[name][0](context)).strip() for name in BLOCKS)
        return Message(role="system", content=system), Message(role="user", content=user)


class Glossary:
    """English terms with their established Chinese ones."""

    def __init__(self, terms: dict[str, str]) -> None:
        self.terms = terms
        self.fingerprint = fingerprint(terms)

    def found_in(self, title: str, text: str) -> list[tuple[str, str]]:
        """The terms that occur, (English, Chinese): those of the title first, then by frequency.

        Case, hyphens and plurals do not matter; of two terms at one place the longer counts.
        """
        in_title = Counter(self._matches(title))
        everywhere = in_title + Counter(self._matches(text))
        ranked = sorted(everywhere, key=lambda term: (term not in in_title, -everywhere[term]))
        unique: dict[str, str] = {}
        for term in ranked:
            unique.setdefault(self.terms[term], term)
        return [(english, chinese) for chinese, english in unique.items()]

    def _matches(self, text: str) -> list[str]:
        expression, spelled = self._compiled
        return [spelled[found] for found in expression.findall(_plain(text))]

    @functools.cached_property
    def _compiled(self) -> tuple[re.Pattern[str], dict[str, str]]:
        spelled: dict[str, str] = {}
        for term in self.terms:
            for form in _forms(_plain(term)):
                spelled.setdefault(form, term)
        longest_first = sorted(spelled, key=len, reverse=True)
        choices = "|".join(re.escape(form) for form in longest_first) or "(?!)"
        return re.compile(rf"(?<![\w])(?:{choices})(?![\w])"), spelled


def bundled_folder() -> Path:
    """The prompts that come with paperline: beside the package in a checkout, inside a wheel."""
    package = Path(__file__).parent
    inside = package / "bundled_prompts"
    return inside if inside.is_dir() else package.parent / "prompts"


def load(folder: Path, name: str) -> Prompt:
    """The prompt of that name. Raises `PromptError` naming file, fault and what is right."""
    chain = _chain(folder, name)
    merged: dict[str, Any] = {}
    for file, front, _ in reversed(chain):
        inherited = {key: value for key, value in merged.items() if key != "name"}
        merged = {**inherited, **_table(file, front)}
    file = chain[0][0]
    front_matter = _front_matter(file, merged, name)
    sources = [[path.name, body] for path, _, body in chain]
    environment = _environment(folder)
    for path, _, body in chain:
        _check_variables(environment, path, body)
    template = environment.get_template(name + SUFFIX)
    context = template.new_context(dict.fromkeys(VARIABLES, ""))
    list(template.root_render_func(context))
    if missing := [block for block in BLOCKS if block not in context.blocks]:
        raise PromptError(
            f"has no block {' and no block '.join(missing)}",
            where=str(file),
            next_step="Add it, or extend a prompt that has it",
        )
    return Prompt(front_matter, fingerprint([msgspec.to_builtins(front_matter), sources]), template)


def load_glossary(folder: Path) -> Glossary:
    """The glossary of that folder. Raises `PromptError` naming the line that is wrong."""
    path = folder / GLOSSARY
    if not path.is_file():
        raise PromptError(
            "there is no such file", where=str(path), next_step="Restore it, or check prompts"
        )
    terms: dict[str, str] = {}
    _, *lines = read_text(path).splitlines()
    for number, line in enumerate(lines, 2):
        english, tab, chinese = line.partition("\t")
        if not tab or not english.strip() or not chinese.strip() or "\t" in chinese:
            raise PromptError(
                f"found {line!r}, expected an English term, a tab and a Chinese term",
                where=f"{path}:{number}",
                next_step="Correct that line",
            )
        terms[english.strip()] = chinese.strip()
    return Glossary(terms)


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def _plain(text: str) -> str:
    return re.sub(r"[-‐‑\s]+", " ", text.replace("’", "'")).casefold()


def _forms(term: str) -> list[str]:
    """A term and its plural."""
    head, space, last = term.rpartition(" ")
    if last in IRREGULAR_PLURALS:
        plural = IRREGULAR_PLURALS[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        plural = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh")):
        plural = last + "es"
    else:
        plural = last + "s"
    return [term, head + space + plural]


def _chain(folder: Path, name: str) -> list[tuple[Path, str, str]]:
    """File, front matter and body of a prompt and of all it extends or includes."""
    from jinja2 import TemplateSyntaxError, meta  # 0.1 s, and status needs no prompts

    environment = _environment(folder)
    wanted = [name + SUFFIX]
    chain: list[tuple[Path, str, str]] = []
    while wanted:
        file_name = wanted.pop(0)
        path = folder / file_name
        if any(path == known for known, _, _ in chain):
            continue
        if len(chain) > MOST_PARENTS:
            raise PromptError("extends too many others", where=str(folder / (name + SUFFIX)))
        front, body = _parts(folder, file_name)
        chain.append((path, front, body))
        try:
            referenced = meta.find_referenced_templates(environment.parse(body))
        except TemplateSyntaxError as error:
            line = error.lineno + front.count("\n") + 2
            raise PromptError(
                f"{error.message}", where=f"{path}:{line}", next_step="Correct that line"
            ) from None
        wanted += [reference for reference in referenced if reference]
    return chain


def _parts(folder: Path, file_name: str) -> tuple[str, str]:
    """Front matter and body of one file."""
    path = folder / file_name
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*" + re.escape(SUFFIX), file_name)
    if not plain or not path.is_file():
        names = ", ".join(sorted(p.name.removesuffix(SUFFIX) for p in folder.glob(f"*{SUFFIX}")))
        raise PromptError(
            f"there is no prompt {file_name.removesuffix(SUFFIX)!r}; there are: {names or 'none'}",
            where=str(folder),
            next_step="Check the name, or the setting prompts",
        )
    text = read_text(path)
    opening, front, body = [*text.split(FENCE, 2), "", ""][:3]
    if opening or not text.startswith(FENCE) or text.count(FENCE) < len(BLOCKS):
        raise PromptError(
            "does not begin with settings between two +++ lines",
            where=str(path),
            next_step="Begin it with +++, name, description, languages, +++",
        )
    return front, body


def _table(path: Path, front: str) -> dict[str, Any]:
    try:
        return tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(
            f"the front matter is not TOML: {error}", where=str(path), next_step="Correct it"
        ) from None


def _front_matter(path: Path, table: dict[str, Any], name: str) -> FrontMatter:
    keys = [field.name for field in msgspec.structs.fields(FrontMatter)]
    if unknown := [key for key in table if key not in keys]:
        raise PromptError(
            f"unknown key {unknown[0]!r} in the front matter; the keys are {', '.join(keys)}",
            where=str(path),
            next_step="Remove or rename it",
        )
    try:
        front = msgspec.convert(table, FrontMatter)
    except msgspec.ValidationError as error:
        raise PromptError(
            f"the front matter is wrong: {error}", where=str(path), next_step="Correct it"
        ) from None
    if front.name != name:
        raise PromptError(
            f"is named {front.name!r} in its front matter",
            where=str(path),
            next_step=f'Write name = "{name}", or rename the file',
        )
    if not front.languages:
        raise PromptError(
            "names no language", where=str(path), next_step=f"Choose from {', '.join(LANGUAGES)}"
        )
    return front


def _check_variables(environment: "Environment", path: Path, body: str) -> None:
    from jinja2 import meta

    undeclared = meta.find_undeclared_variables(environment.parse(body)) - set(VARIABLES)
    if undeclared:
        wrong = min(undeclared)
        lines = read_text(path).splitlines()
        found = re.compile(rf"\b{re.escape(wrong)}\b")
        number = next((n for n, line in enumerate(lines, 1) if found.search(line)), 1)
        raise PromptError(
            f"unknown variable {wrong!r}; the variables are {', '.join(VARIABLES)}",
            where=f"{path}:{number}",
            next_step="Correct its name",
        )


def _environment(folder: Path) -> "Environment":
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    def body_of(file_name: str) -> str:
        try:
            return _parts(folder, file_name)[1]
        except PaperlineError as error:
            raise PromptError(str(error)) from None

    return SandboxedEnvironment(
        loader=FunctionLoader(body_of),
        undefined=StrictUndefined,
        autoescape=False,  # the text goes to a model, not into HTML
    )
