"""Makes a prompt a topic's in `paperline.toml`: one value changes, and nothing else in the file.

The file is taken apart at its headers, and only the section that has the topic is edited: a
section by itself is a small document, which tomlkit keeps to the letter, while of a whole
file it moves tables of one list together that stand apart.
"""

import contextlib
import errno
import fcntl
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from pipeline import configuration, files
from pipeline.errors import OutputError, SettingsError

MARK = "\ufeff"
"""The byte order mark, with which some editors begin a file."""

HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
"""How a header begins, and at times a line inside a list or a text of several lines."""


class Promotion(NamedTuple):
    """What the topic's prompt was by the `file`, and is; `before` may be the default."""

    file: Path
    before: str
    now: str


def promote(file: Path, topic: str, prompt: str) -> Promotion:
    """Have the file name `prompt` as that of `topic`; where it does already nothing is written.

    The file keeps its mode, and its owner where this user may give files away; of a symbolic
    link the target is replaced. Raises `SettingsError` where the file has no such topic, or the
    change would make anything else of it, and `OutputError`, also where somebody changed the
    file meanwhile.
    """
    with _alone(file):
        return _promoted(file, topic, prompt)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Wait until no other command edits the file, without leaving a lock file beside it."""
    while True:
        with files.translated(file), file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if _is_there(file, held):
                yield
                return


def _is_there(file: Path, held: IO[bytes]) -> bool:
    """Whether the open file was not replaced while it was waited for."""
    return os.path.samestat(os.fstat(held.fileno()), file.stat())


def _promoted(file: Path, topic: str, prompt: str) -> Promotion:
    """As `promote`, while no other command does."""
    text = files.read_text(file)
    before = configuration.load(file, {}).find_topic(topic).prompt
    file = file.resolve()
    _look_again(file, text)  # so that it is this text that can be loaded
    if before != prompt:
        body = text.removeprefix(MARK)
        start, end = _section(body, topic)
        changed = body[:start] + _edited(file, body[start:end], topic, prompt) + body[end:]
        _prove(file, body, changed, topic, prompt)
        _put(file, text, text.removesuffix(body) + changed)
    return Promotion(file, before, prompt)


def _section(body: str, topic: str) -> tuple[int, int]:
    """The characters [start, end) of the section that has the topic."""
    for start, end in _sections(body):
        found = tomllib.loads(body[start:end]).get("topic", [])
        if isinstance(found, list) and any(table.get("name") == topic for table in found):
            return start, end
    raise AssertionError("a topic that a file has stands in one of its sections")


def _sections(body: str) -> Iterator[tuple[int, int]]:
    """The characters [start, end) before the first header, then of each header and what it has.

    What may be a header is one where the text before it is TOML: inside a list or a text of
    several lines it would be cut off.
    """
    start = 0
    for found in HEADER.finditer(body):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            tomllib.loads(body[start : found.start()])
            yield start, found.start()
            start = found.start()
    yield start, len(body)


def _edited(file: Path, section: str, topic: str, prompt: str) -> str:
    """The section with the topic's prompt changed, or added behind its other keys."""
    import tomlkit  # 50 ms, which only this command pays
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import InlineTable

    try:
        document = tomlkit.parse(section)
        kept = tomlkit.dumps(document) == section
    except TOMLKitError:
        kept = False
    if not kept:
        raise _unable(file, "is laid out in a way that the change would not keep")
    topics: Any = document["topic"]
    table = next(each for each in topics if each["name"] == topic)
    if "prompt" in table:
        literal = table.item("prompt").as_string().startswith("'")
        table["prompt"] = tomlkit.string(prompt, literal=literal)
    elif isinstance(table, InlineTable):
        _add_inline(table, prompt)
    else:
        return _with_line(section, table, prompt)
    return tomlkit.dumps(document)


def _add_inline(table: Any, prompt: str) -> None:
    """Add the key; the blanks before the brace stay where they are."""
    from tomlkit.items import Whitespace

    parts = table.value.body
    blanks = parts.pop() if isinstance(parts[-1][1], Whitespace) else None
    table["prompt"] = prompt
    if blanks:
        parts.append(blanks)


def _with_line(section: str, table: Any, prompt: str) -> str:
    """The section with the key in a line behind the last one of the table.

    What follows that, comments and empty lines, mostly belongs to the next table.
    """
    behind, indent = 0, ""
    for key, item in reversed(table.value.body):
        if key is not None:
            indent = item.trivia.indent
            break
        behind += len(item.as_string())
    head, tail = section[: len(section) - behind], section[len(section) - behind :]
    newline = "\r\n" if "\r\n" in section else "\n"
    line = f'{indent}prompt = "{prompt}"'
    # Only at the end of the file a line may lack its end, and then the new one does.
    return head + (line + newline if head.endswith("\n") else newline + line) + tail


def _prove(file: Path, old: str, new: str, topic: str, prompt: str) -> None:
    """Raises `SettingsError` unless that topic's prompt is all that the new text changes."""
    expected = tomllib.loads(old)
    for table in expected["topic"]:
        if table["name"] == topic:
            table["prompt"] = prompt
    try:
        found = tomllib.loads(new)
    except tomllib.TOMLDecodeError as error:
        raise _unable(file, f"would not be TOML any more: {error}") from None
    if found != expected:
        raise _unable(file, "would not differ in that value alone")
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / file.name
        files.replace(trial, new)
        try:
            configuration.load(trial, {})
        except SettingsError as error:
            raise _unable(file, f"could not be read any more: {error.what}") from None


def _put(file: Path, old: str, new: str) -> None:
    """Replace the file, unless it is not what it was when it was read."""
    with files.translated(file):
        before = file.stat()
        if not os.access(file, os.W_OK):
            raise PermissionError(errno.EACCES, "it is write-protected")
    with files.replacing(file) as written:
        os.fchmod(written.fileno(), stat.S_IMODE(before.st_mode))
        with contextlib.suppress(PermissionError):  # only root may give files to others
            os.fchown(written.fileno(), before.st_uid, before.st_gid)
        written.write(new)
        written.flush()
        os.fsync(written.fileno())  # the slow part, so that little time is behind the last look
        _look_again(file, old)


def _look_again(file: Path, text: str) -> None:
    """Raises `OutputError` where the file is not what it was when it was read."""
    if files.read_text(file) != text:
        raise OutputError(
            "was changed meanwhile, and is left as it is",
            where=str(file),
            next_step="Run the same command again",
        )


def _unable(file: Path, what: str) -> SettingsError:
    return SettingsError(
        what,
        where=str(file),
        next_step="Nothing was written: change the topic's prompt by hand",
    )
