"""The files that a prompt is made of: it, and all that it extends, includes or imports.

Each is parsed and checked by itself; nothing is rendered here.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import front_matter
from pipeline.errors import PromptError
from pipeline.files import read_authored
from pipeline.front_matter import FrontMatter
from pipeline.records import PROMPT_NAME

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".md.j2"
FILE_NAME = re.compile(PROMPT_NAME.partition("$")[0] + re.escape(SUFFIX))
PARTS = re.compile(r"\+\+\+\n(?P<front>.*?)^\+\+\+(?:\n|\Z)(?P<body>.*)", re.DOTALL | re.MULTILINE)


def gathered(folder: Path, name: str) -> dict[str, "Source"]:
    """The files of the prompt of that name, by file name, its own first.

    Raises `PromptError` naming file, fault and what is right.
    """
    from jinja2.sandbox import SandboxedEnvironment  # 0.1 s, and status needs no prompts

    sources: dict[str, Source] = {}
    environment = SandboxedEnvironment(autoescape=False)  # nothing is rendered here
    _gather(environment, folder, name + SUFFIX, (), sources)
    return sources


def check(sources: dict[str, "Source"], variables: tuple[str, ...]) -> None:
    """Raises `PromptError` where a file has other variables, or blocks that nothing shows."""
    for file_name, source in sources.items():
        _check_variables(source, variables)
        _check_blocks(sources, file_name)


def written_in(folder: Path) -> list[str]:
    """The names of all prompts in the folder, of either kind, damaged ones too, in order.

    Parts, whose names begin with `_`, are none; nor is what an editor leaves behind.
    """
    paths = folder.glob(f"*{SUFFIX}")
    names = (path.name.removesuffix(SUFFIX) for path in paths if path.is_file())
    return sorted(name for name in names if not name.startswith((".", "_", "#")))


class Source(NamedTuple):
    """One file: `parent` is the file that it extends, `uses` all that it refers to.

    `variables` are those that it must be given, with their lines. `blocks` are the names of
    its blocks with their lines, `outside` the first line of text outside them, which a
    prompt that extends another never shows.
    """

    path: Path
    front: dict[str, Any]
    body: str
    parent: str | None
    uses: list[str | None]
    variables: dict[str, int]
    blocks: dict[str, int]
    outside: int | None


def _gather(
    environment: "Environment",
    folder: Path,
    file_name: str,
    above: tuple[str, ...],
    sources: dict[str, Source],
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


def _source(environment: "Environment", folder: Path, file_name: str, used_by: str) -> Source:
    from jinja2 import TemplateSyntaxError, meta, nodes

    path = folder / file_name
    name = file_name.removesuffix(SUFFIX)
    if not FILE_NAME.fullmatch(file_name) or not path.is_file():
        known = written_in(folder)
        if name in known:
            raise PromptError(
                "has a name with other characters than letters, digits, - and _",
                where=str(path),
                next_step="Rename it, in its front matter too",
            )
        raise PromptError(
            f"there is no prompt {name!r}; there are: {', '.join(known) or 'none'}",
            where=used_by,
            next_step="Check the name, or the setting prompts",
        )
    front, body = _parts(path, read_authored(path, PromptError))
    shift = front.count("\n") + 2 if front else 0
    try:
        tree = environment.parse(body)
        # This compiles, so it also finds filters that do not exist and blocks given twice.
        undeclared = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        raise PromptError(
            str(error.message), where=f"{path}:{error.lineno + shift}", next_step="Correct it"
        ) from None
    variables: dict[str, int] = {}
    for found in tree.find_all(nodes.Name):
        if found.ctx == "load" and found.name in undeclared:
            variables.setdefault(found.name, found.lineno + shift)
    extends = tree.find(nodes.Extends)
    above = extends.template if extends else None
    parent = str(above.value) if isinstance(above, nodes.Const) else None
    uses = list(meta.find_referenced_templates(tree))
    blocks = {block.name: block.lineno + shift for block in tree.find_all(nodes.Block)}
    shown = (
        node.lineno + shift
        for output in tree.body
        if isinstance(output, nodes.Output)
        for node in output.nodes
        if not (isinstance(node, nodes.TemplateData) and not node.data.strip())
    )
    table = front_matter.table(path, front, name) if front else {}
    return Source(path, table, body, parent, uses, variables, blocks, next(shown, None))


def _parts(path: Path, text: str) -> tuple[str, str]:
    """The front matter and the body; a part that others include may have a body alone."""
    parts = PARTS.fullmatch(text)
    if parts is not None:
        return parts["front"], parts["body"]
    if path.name.startswith("_"):
        return "", text
    raise PromptError(
        "does not begin with settings between two +++ lines",
        where=str(path),
        next_step="Begin it with +++, name, description, languages, +++",
    )


def front_matter_of(sources: dict[str, Source], file_name: str) -> FrontMatter:
    """What a file says of itself and takes over from its parents. Raises `PromptError`."""
    tables = []
    parent: str | None = file_name
    while parent:
        tables.append(sources[parent].front)
        parent = sources[parent].parent
    return front_matter.whole(sources[file_name].path, tables)


def _check_variables(source: Source, known: tuple[str, ...]) -> None:
    for name, line in source.variables.items():
        if name not in known:
            raise PromptError(
                f"unknown variable {name!r}; the variables are {', '.join(known)}",
                where=f"{source.path}:{line}",
                next_step="Correct its name",
            )


def _check_blocks(sources: dict[str, Source], file_name: str) -> None:
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
