"""What stands in the folder of prompts, of both kinds and the damaged ones too; how one is made."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline import prompts
from pipeline.errors import OutputError, PaperlineError, PromptError, UsageError
from pipeline.exchange import Request
from pipeline.files import read_authored
from pipeline.llm.tokens import count_request
from pipeline.prompts import PARTS, SUFFIX, Prompt
from pipeline.text import one_line


@dataclass(frozen=True)
class Making:
    """Of what a prompt is made.

    `extends`: its parent, that one's parent and so on. `includes`: the files that any of these
    takes in, each with the file that does so. `replaces`: the blocks that are its own, each
    with the nearest parent that has one of that name.
    """

    extends: tuple[str, ...]
    includes: tuple[tuple[str, str], ...]
    replaces: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _File:
    parent: str | None
    others: tuple[str, ...]
    blocks: tuple[str, ...]


def names(folder: Path) -> list[str]:
    """All prompts, in alphabetical order: those that write lines, judge or are damaged."""
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))


def found(folder: Path, name: str) -> Prompt | PaperlineError:
    """The prompt of that name, or what is wrong with it."""
    try:
        return prompts.load(folder, name, answers=None)
    except (PromptError, OutputError) as error:
        return error


def check_names(names: Iterable[str], known: Collection[str], trace: str) -> None:
    """Raises `UsageError` where one of the names is none of those known by file or `trace`."""
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no prompt {name!r}, and no {trace} by one; "
                f"there are: {', '.join(map(one_line, sorted(known))) or 'none'}",
                next_step="Check the name, or the setting prompts",
            )


def fixed_tokens(prompt: Prompt) -> int:
    """Tokens that are sent with every paper: the messages without it, and the answer's schema."""
    return count_request(
        Request(
            messages=prompt.blank,
            model="",
            parameters={},
            languages=prompt.languages,
            answers=prompt.answers,
        )
    )


def making(folder: Path, name: str) -> Making:
    """Of what a prompt is made that can be loaded."""
    files: dict[str, _File] = {}
    to_read = [name]
    for each_name in to_read:  # which grows meanwhile
        if each_name not in files:
            files[each_name] = file = _file(folder, each_name)
            to_read += [*([file.parent] if file.parent else []), *file.others]
    above: list[str] = []
    parent = files[name].parent
    while parent:
        above.append(parent)
        parent = files[parent].parent
    owners = {block: one for one in reversed(above) for block in files[one].blocks}
    return Making(
        extends=tuple(above),
        includes=tuple((other, by) for by, file in files.items() for other in file.others),
        replaces=tuple((block, owners[block]) for block in files[name].blocks if block in owners),
    )


def _file(folder: Path, name: str) -> _File:
    from jinja2 import Environment, meta, nodes

    path = folder / (name + SUFFIX)
    parts = PARTS.fullmatch(read_authored(path, PromptError))
    # Nothing is rendered here, so nothing needs to be escaped.
    tree = Environment().parse(parts["body"] if parts else "")  # noqa: S701
    extends = tree.find(nodes.Extends)
    referred = [str(each).removesuffix(SUFFIX) for each in meta.find_referenced_templates(tree)]
    return _File(
        parent=referred[0] if extends else None,
        others=tuple(dict.fromkeys(referred[1:] if extends else referred)),
        blocks=tuple(block.name for block in tree.find_all(nodes.Block)),
    )
