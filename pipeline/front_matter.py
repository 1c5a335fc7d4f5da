"""What a prompt says of itself, between its two `+++` lines: TOML -> `FrontMatter`."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from pipeline.errors import PromptError
from pipeline.exchange import AnswerKind, parameters_fault
from pipeline.records import LANGUAGES, Language

LATER = ("answers", "sentences", "words", "characters")
"""Keys that came later: where one has its usual value, a fingerprint is what it was before."""


class FrontMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a prompt says of itself.

    `parameters` are passed through with every request; `answers` is what it asks for. A line
    has at most so many `sentences`; `words` are the shortest and the longest English line,
    `characters` the Chinese ones: None leaves that to the settings.
    """

    name: str
    description: str
    languages: tuple[Language, ...]
    parameters: dict[str, Any] = {}
    answers: AnswerKind = "lines"
    sentences: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    words: tuple[int, int] | None = None
    characters: tuple[int, int] | None = None

    def identity(self) -> dict[str, Any]:
        """What a fingerprint covers: all that is said here."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        usual = {field.name: field.default for field in msgspec.structs.fields(self)}
        return {key: told[key] for key in told if key not in LATER or told[key] != usual[key]}


def table(path: Path, text: str, right_name: str) -> dict[str, Any]:
    """The front matter of one file; its values are checked when it is whole."""
    try:
        # An empty line in place of the fence, so that errors name the line of the file.
        found = tomllib.loads("\n" + text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PromptError(
            f"the front matter is not TOML: {error}", where=str(path), next_step="Correct it"
        ) from None
    keys = [field.name for field in msgspec.structs.fields(FrontMatter)]
    if unknown := [key for key in found if key not in keys]:
        raise PromptError(
            f"unknown key {unknown[0]!r} in the front matter; the keys are {', '.join(keys)}",
            where=str(path),
            next_step="Remove or rename it",
        )
    if found.get("name") != right_name:
        raise PromptError(
            f"is named {found.get('name')!r} in its front matter",
            where=str(path),
            next_step=f'Write name = "{right_name}", or rename the file',
        )
    return found


def whole(path: Path, tables: Iterable[dict[str, Any]]) -> FrontMatter:
    """What a prompt says of itself or takes over; `tables` has its own first, then its parents'.

    Raises `PromptError` that says what is right.
    """
    merged: dict[str, Any] = {}
    for each in tables:
        merged = {**each, **merged}
    try:
        front = msgspec.convert(merged, FrontMatter)
    except msgspec.ValidationError as error:
        choice = f"; languages are {', '.join(LANGUAGES)}" if "languages" in str(error) else ""
        raise PromptError(
            f"the front matter is wrong: {error}{choice}", where=str(path), next_step="Correct it"
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
    for name, bounds in (("words", front.words), ("characters", front.characters)):
        if bounds and not 1 <= bounds[0] <= bounds[1]:
            raise PromptError(
                f"{name} = {list(bounds)} is not the shortest and the longest line",
                where=str(path),
                next_step="Write the smaller number first, 1 or more",
            )
    return front
