"""Reads the prompts in `prompts/`, with their front matter; `glossary.py` reads its glossary.

A prompt is `NAME.md.j2`: TOML between two `+++` lines, then a Jinja body with the blocks
`system` and `user`. It may extend another prompt and replace one block; it then inherits
the other's front matter too, except for the name.
"""

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipeline.errors import PromptError
from pipeline.exchange import Message, parameters_fault
from pipeline.files import read_authored
from pipeline.records import LANGUAGES, Language, Paper, fingerprint
from pipeline.text import one_line

if TYPE_CHECKING:
    from jinja2 import Environment, Template

SUFFIX = ".md.j2"
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*" + re.escape(SUFFIX))
PARTS = re.compile(r"\+\+\+\n(?P<front>.*?)^\+\+\+(?:\n|\Z)(?P<body>.*)", re.DOTALL | re.MULTILINE)
VARIABLES = ("title", "abstract", "authors", "comments", "venue", "categories")
BLOCKS = ("system", "user")


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
        """Render with as little as a paper may have, and with all of it.

        Raises `PromptError` where that fails, and where no abstract would be sent.
        """
        mark = "the abstract of this trial"
        full = {**dict.fromkeys(VARIABLES, "of this trial"), "abstract": mark}
        for values in ({**full, "comments": "", "venue": ""}, full):
            if mark not in "".join(self._blocks(values)):
                raise PromptError(
                    "does not send the abstract, so a model would have to invent",
                    where=str(self._template.filename),
                    next_step="Put {{ abstract }} into the block user",
                )

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
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise PromptError(
                f"cannot be filled in for {values['title']!r}: {error}",
                where=str(self._template.filename),
                next_step="Correct the expression",
            ) from None
        return system, user


def load(folder: Path, name: str) -> Prompt:
    """The prompt of that name. Raises `PromptError` naming file, fault and what is right."""
    from jinja2 import FunctionLoader, StrictUndefined  # 0.1 s, and status needs no prompts
    from jinja2.sandbox import SandboxedEnvironment

    # What is rendered goes to a model and never into HTML, so nothing is escaped.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    sources: dict[str, _Source] = {}
    _gather(environment, folder, name + SUFFIX, (), sources)
    for file_name in sources:
        _check_blocks(sources, file_name)
    front = _effective_front_matter(sources, name + SUFFIX)
    code = [[file_name, source.body] for file_name, source in sorted(sources.items())]
    environment.loader = FunctionLoader(
        lambda file_name: (sources[file_name].body, str(folder / file_name), None)
    )
    template = environment.get_template(name + SUFFIX)
    prompt = Prompt(front, fingerprint([msgspec.to_builtins(front), code]), template)
    prompt.try_out()
    return prompt


class _Source(NamedTuple):
    """One file: `parent` is the file that it extends, `uses` all that it refers to.

    `blocks` are the names of its blocks with their lines, `outside` the first line of
    text outside them, which a prompt that extends another never shows.
    """

    path: Path
    front: dict[str, Any]
    body: str
    parent: str | None
    uses: list[str | None]
    blocks: dict[str, int]
    outside: int | None


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
    parts = PARTS.fullmatch(read_authored(path, PromptError))
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
    blocks = {block.name: block.lineno + shift for block in tree.find_all(nodes.Block)}
    shown = (
        node.lineno + shift
        for output in tree.body
        if isinstance(output, nodes.Output)
        for node in output.nodes
        if not (isinstance(node, nodes.TemplateData) and not node.data.strip())
    )
    table = _table(path, parts["front"])
    return _Source(path, table, body, parent, uses, blocks, next(shown, None))


def _check_blocks(sources: dict[str, _Source], file_name: str) -> None:
    """A prompt that extends another replaces its blocks, and can do nothing else."""
    source = sources[file_name]
    above: set[str] = set()
    parent = source.parent
    while parent:
        above |= sources[parent].blocks.keys()
        parent = sources[parent].parent
    for name, line in source.blocks.items() if source.parent else ():
        if name not in above:
            raise PromptError(
                f"unknown block {name!r}; {source.parent} has {', '.join(sorted(above))}",
                where=f"{source.path}:{line}",
                next_step="Correct its name",
            )
    if source.parent and source.outside:
        raise PromptError(
            "has text outside its blocks, which would never be sent",
            where=f"{source.path}:{source.outside}",
            next_step="Put it into a block",
        )


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
    if fault := parameters_fault(front.parameters):
        raise PromptError(
            f"parameters {fault}", where=str(path), next_step="Correct the front matter"
        )
    return front
