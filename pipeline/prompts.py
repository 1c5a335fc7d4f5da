"""Sole reader of `prompts/`: prompts with their front matter, and the glossary.

A prompt is `NAME.md.j2`: TOML between two `+++` lines, then a Jinja body with the blocks
`system` and `user`. It may extend another prompt and replace one block; it then inherits
the other's front matter too, except for the name.
"""

import functools
import itertools
import math
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipeline.errors import PromptError
from pipeline.files import read_text
from pipeline.records import LANGUAGES, Language, Message, Paper, fingerprint

if TYPE_CHECKING:
    from jinja2 import Environment, Template

SUFFIX = ".md.j2"
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*" + re.escape(SUFFIX))
PARTS = re.compile(r"\+\+\+\n(?P<front>.*?)^\+\+\+(?:\n|\Z)(?P<body>.*)", re.DOTALL | re.MULTILINE)
VARIABLES = ("title", "abstract", "authors", "comments", "venue", "categories")
BLOCKS = ("system", "user")
GLOSSARY = "glossary.tsv"
GLOSSARY_HEADER = "en\tzh"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
HYPHENS = re.compile(r"[-\u2010\u2011\u2013\s]+")

IRREGULAR_PLURALS = {
    "nova": "novae",
    "nucleus": "nuclei",
    "equilibrium": "equilibria",
    "medium": "media",
    "matrix": "matrices",
    "sis": "ses",
}
"""Endings of English terms that do not take -s, -es or -ies, and what they become."""


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
        cannot forge a line of the prompt. Raises `PromptError` where the template fails.
        """
        values = {
            "title": paper.title,
            "abstract": paper.abstract,
            "authors": ", ".join(paper.authors),
            "comments": paper.comments or "",
            "venue": paper.venue or "",
            "categories": ", ".join(paper.categories),
        }
        system, user = self._blocks({name: one_line(text) for name, text in values.items()})
        return Message(role="system", content=system), Message(role="user", content=user)

    def try_out(self) -> None:
        """Render with as little as a paper may have. Raises `PromptError` where that fails."""
        self._blocks({**{name: name for name in VARIABLES}, "comments": "", "venue": ""})

    def _blocks(self, values: dict[str, str]) -> tuple[str, str]:
        from jinja2 import TemplateError

        context = self._template.new_context(values)
        try:
            # Running the template's root is what fills in the blocks that a parent defines.
            for _ in self._template.root_render_func(context):
                pass
            if missing := [name for name in BLOCKS if name not in context.blocks]:
                raise PromptError(
                    f"has no block {' and no block '.join(missing)}",
                    where=str(self._template.filename),
                    next_step="Add it, or extend a prompt that has it",
                )
            system, user = ("".join(context.blocks[name][0](context)).strip() for name in BLOCKS)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise PromptError(
                f"cannot be filled in for {values['title']!r}: {error}",
                where=str(self._template.filename),
                next_step="Correct the expression",
            ) from None
        return system, user


class Glossary:
    """English terms with their established Chinese ones."""

    def __init__(self, terms: dict[str, str]) -> None:
        self.terms = terms
        self.fingerprint = fingerprint(terms)

    def found_in(self, text: str, *, title: str = "") -> list[tuple[str, str]]:
        """The terms that occur in title or text, (English, Chinese), each Chinese one once.

        Those of the title first, then the more frequent, then the earlier. Case, hyphens
        and plurals do not matter; of two terms at one place the longer counts.
        """
        in_title = self._matches(title)
        everywhere = in_title + self._matches(text)
        named = {chinese for _, chinese in in_title}
        often = Counter(chinese for _, chinese in everywhere)
        english: dict[str, str] = {}
        for term, chinese in everywhere:
            english.setdefault(chinese, term)
        ranked = sorted(english, key=lambda chinese: (chinese not in named, -often[chinese]))
        return [(english[chinese], chinese) for chinese in ranked]

    def _matches(self, text: str) -> list[tuple[str, str]]:
        expression, spelled = self._compiled
        found = (spelled[form] for form in expression.findall(_plain(text)))
        return [(term, self.terms[term]) for term in found]

    @functools.cached_property
    def _compiled(self) -> tuple[re.Pattern[str], dict[str, str]]:
        spelled: dict[str, str] = {}
        for term in self.terms:
            spelled.setdefault(_plain(term), term)
        for term in self.terms:
            spelled.setdefault(_plural(_plain(term)), term)
        choices = _alternatives(list(spelled)) if spelled else "(?!)"
        return re.compile(rf"(?<!\w)(?:{choices})(?!\w)"), spelled


def bundled_folder() -> Path:
    """The prompts that come with paperline: beside the package in a checkout, inside a wheel."""
    package = Path(__file__).parent
    inside = package / "bundled_prompts"
    return inside if inside.is_dir() else package.parent / "prompts"


def load(folder: Path, name: str) -> Prompt:
    """The prompt of that name. Raises `PromptError` naming file, fault and what is right."""
    from jinja2 import FunctionLoader, StrictUndefined  # 0.1 s, and status needs no prompts
    from jinja2.sandbox import SandboxedEnvironment

    # What is rendered goes to a model and never into HTML, so nothing is escaped.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    sources: dict[str, _Source] = {}
    _gather(environment, folder, name + SUFFIX, (), sources)
    front = _effective_front_matter(sources, name + SUFFIX)
    code = [[file_name, source.body] for file_name, source in sorted(sources.items())]
    environment.loader = FunctionLoader(
        lambda file_name: (sources[file_name].body, str(folder / file_name), None)
    )
    template = environment.get_template(name + SUFFIX)
    prompt = Prompt(front, fingerprint([msgspec.to_builtins(front), code]), template)
    prompt.try_out()
    return prompt


def load_glossary(folder: Path) -> Glossary:
    """The glossary of that folder. Raises `PromptError` naming the line that is wrong."""
    path = folder / GLOSSARY
    if not path.is_file():
        raise PromptError(
            "there is no such file",
            where=str(path),
            next_step="Restore it, or check the setting prompts",
        )
    header, *lines = _unix(read_text(path)).removesuffix("\n").split("\n")
    if header != GLOSSARY_HEADER:
        raise _bad_line(path, 1, header, "the header en, a tab, zh")
    terms: dict[str, str] = {}
    for number, line in enumerate(lines, 2):
        english, _, chinese = (part.strip() for part in line.partition("\t"))
        if not english or not chinese or "\t" in chinese:
            raise _bad_line(path, number, line, "an English term, a tab and a Chinese term")
        if english in terms:
            raise _bad_line(path, number, line, "a term that is not there already")
        terms[english] = chinese
    return Glossary(terms)


def one_line(text: str) -> str:
    """`text` without control characters and line breaks, each white space one blank."""
    return " ".join(CONTROL.sub(" ", text).split())


def _bad_line(path: Path, number: int, found: str, expected: str) -> PromptError:
    return PromptError(
        f"found {found!r}, expected {expected}",
        where=f"{path}:{number}",
        next_step="Correct that line",
    )


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _plain(text: str) -> str:
    return HYPHENS.sub(" ", text.replace("’", "'")).casefold()


def _plural(term: str) -> str:
    for ending, plural in IRREGULAR_PLURALS.items():
        if term.endswith(ending):
            return term.removesuffix(ending) + plural
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return term.removesuffix("y") + "ies"
    return term + ("es" if term.endswith(("s", "x", "ch", "sh")) else "s")


def _alternatives(forms: list[str]) -> str:
    """An expression for all forms, the longest first.

    A tree of common beginnings, since the expression engine tries a plain list one by one.
    """
    pairs = zip(min(forms), max(forms), strict=False)
    common = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    rest = sorted({form.removeprefix(common) for form in forms})
    longer = itertools.groupby(filter(None, rest), key=lambda form: form[0])
    branches = [_alternatives(list(group)) for _, group in longer]
    if not branches:
        return re.escape(common)
    optional = "?" if "" in rest else ""
    return f"{re.escape(common)}(?:{'|'.join(branches)}){optional}"


class _Source(NamedTuple):
    """One file: `parent` is the file that it extends, `uses` all that it refers to."""

    path: Path
    front: dict[str, Any]
    body: str
    parent: str | None
    uses: list[str | None]


def _gather(
    environment: "Environment",
    folder: Path,
    file_name: str,
    above: tuple[str, ...],
    sources: dict[str, _Source],
) -> None:
    """Put a file and all that it extends, includes or imports into `sources`."""
    used_by = str(folder / above[-1]) if above else str(folder)
    if file_name in above:
        raise PromptError(
            f"uses itself: {' -> '.join([*above, file_name])}",
            where=used_by,
            next_step="Break the circle",
        )
    if file_name in sources:
        return
    sources[file_name] = source = _source(environment, folder, file_name, used_by)
    for reference in source.uses:
        if reference is None:
            raise PromptError(
                "extends or includes a prompt whose name is computed",
                where=str(source.path),
                next_step="Write the file name as text in quotes",
            )
        _gather(environment, folder, reference, (*above, file_name), sources)


def _source(environment: "Environment", folder: Path, file_name: str, used_by: str) -> _Source:
    from jinja2 import TemplateSyntaxError, meta, nodes

    path = folder / file_name
    if not FILE_NAME.fullmatch(file_name) or not path.is_file():
        names = ", ".join(sorted(p.name.removesuffix(SUFFIX) for p in folder.glob(f"*{SUFFIX}")))
        raise PromptError(
            f"there is no prompt {file_name.removesuffix(SUFFIX)!r}; there are: {names or 'none'}",
            where=used_by,
            next_step="Check the name, or the setting prompts",
        )
    parts = PARTS.fullmatch(_unix(read_text(path)))
    if parts is None:
        raise PromptError(
            "does not begin with settings between two +++ lines",
            where=str(path),
            next_step="Begin it with +++, name, description, languages, +++",
        )
    body, shift = parts["body"], parts["front"].count("\n") + 2
    try:
        tree = environment.parse(body)
        # This compiles, so it also finds filters that do not exist and blocks given twice.
        undeclared = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        raise PromptError(
            str(error.message), where=f"{path}:{error.lineno + shift}", next_step="Correct it"
        ) from None
    for found in tree.find_all(nodes.Name):
        if found.ctx == "load" and found.name in undeclared - {*VARIABLES}:
            raise PromptError(
                f"unknown variable {found.name!r}; the variables are {', '.join(VARIABLES)}",
                where=f"{path}:{found.lineno + shift}",
                next_step="Correct its name",
            )
    extends = tree.find(nodes.Extends)
    name = extends.template if extends else None
    parent = str(name.value) if isinstance(name, nodes.Const) else None
    uses = list(meta.find_referenced_templates(tree))
    return _Source(path, _table(path, parts["front"]), body, parent, uses)


def _table(path: Path, front: str) -> dict[str, Any]:
    """The front matter of one file; its values are checked when it is whole."""
    try:
        # An empty line in place of the fence, so that errors name the line of the file.
        table = tomllib.loads("\n" + front)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PromptError(
            f"the front matter is not TOML: {error}", where=str(path), next_step="Correct it"
        ) from None
    keys = [field.name for field in msgspec.structs.fields(FrontMatter)]
    if unknown := [key for key in table if key not in keys]:
        raise PromptError(
            f"unknown key {unknown[0]!r} in the front matter; the keys are {', '.join(keys)}",
            where=str(path),
            next_step="Remove or rename it",
        )
    right = path.name.removesuffix(SUFFIX)
    if table.get("name") != right:
        raise PromptError(
            f"is named {table.get('name')!r} in its front matter",
            where=str(path),
            next_step=f'Write name = "{right}", or rename the file',
        )
    return table


def _effective_front_matter(sources: dict[str, _Source], file_name: str) -> FrontMatter:
    """What the prompt says of itself or takes over from the prompts that it extends."""
    path = sources[file_name].path
    merged: dict[str, Any] = {}
    parent: str | None = file_name
    while parent:
        merged = {**sources[parent].front, **merged}
        parent = sources[parent].parent
    try:
        front = msgspec.convert(merged, FrontMatter)
    except msgspec.ValidationError as error:
        raise PromptError(
            f"the front matter is wrong: {error}; languages are {', '.join(LANGUAGES)}",
            where=str(path),
            next_step="Correct it",
        ) from None
    if not front.languages or len(set(front.languages)) < len(front.languages):
        raise PromptError(
            f"languages = {list(front.languages)} names none, or one twice",
            where=str(path),
            next_step=f"Choose from {', '.join(LANGUAGES)}",
        )
    if not _is_json(front.parameters):
        raise PromptError(
            "parameters hold a date, a time or a number that is not finite",
            where=str(path),
            next_step="Use texts, numbers, true, false, lists and tables",
        )
    return front


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
