"""What stands in the folder of prompts, of both kinds and the damaged ones too; how one is made."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline import prompts
from pipeline.errors import OutputError, PaperlineError, PromptError, UsageError
from pipeline.exchange import Request
from pipeline.llm.tokens import count_request
from pipeline.prompt_sources import SUFFIX, gathered
from pipeline.prompts import Prompt
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
    files = {_bare(file): source for file, source in gathered(folder, name).items()}
    above: list[str] = []
    parent = files[name].parent
    while parent:
        above.append(_bare(parent))
        parent = files[above[-1]].parent
    owners = {block: one for one in reversed(above) for block in files[one].blocks}
    return Making(
        extends=tuple(above),
        includes=tuple(
            (_bare(other), by)
            for by, source in files.items()
            for other in dict.fromkeys(source.uses)
            if other is not None and other != source.parent
        ),
        replaces=tuple((block, owners[block]) for block in files[name].blocks if block in owners),
    )


def _bare(file_name: str) -> str:
    return file_name.removesuffix(SUFFIX)
