"""What is wrong in `paperline.toml` or the environment, told so that it can be corrected.

Which line of the file set a value, what msgspec's message means in words, and how a
value is shown without what may be a key or a password. The table of settings itself
is in `settings.py`.
"""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

import msgspec

from pipeline.errors import SettingsError
from pipeline.records import PROMPT_NAME, TOPIC_NAME

SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)

ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
NOT_BLANK = r"[^\s]"
CONTACT = r"^(?:[!-~]+@[!-~]+|https?://[!-~]+)?$(?!\n)"
CATEGORY = r"^[a-z][a-z-]*(\.([A-Za-z-]+|\*))?$(?!\n)"
KEYWORD = r"^[^\x00-\x1f\x7f]*\w[^\x00-\x1f\x7f]*$(?!\n)"
CHANNEL = r"^(\$[A-Za-z_][A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x20\x7f]+)$(?!\n)"
HEARTBEAT = r"^(\$[A-Za-z_][A-Za-z0-9_]*|https?://[!-~]+)?$(?!\n)"
HOST = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$(?!\n)"
CLUSTER = r"^(local|auto|[^\s/:@\[\]]+:[0-9]{1,5}|\[[0-9a-fA-F:.]+\]:[0-9]{1,5})$(?!\n)"
RESOURCE = r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)"
PASSWORD_HASH = (
    r"^\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$(?!\n)"  # noqa: S105  a pattern
)
PATTERNS = {
    TOPIC_NAME: "lower-case letters, digits, - and _, beginning with a letter or digit",
    PROMPT_NAME: "letters, digits, - and _, not beginning with -",
    ONE_LINE: "one line of text that is not empty",
    NOT_BLANK: "a text that is not empty",
    CATEGORY: "a category such as cs.LG or hep-th, or all of an archive: cs.*",
    KEYWORD: "a word or a phrase",
    CHANNEL: "an Apprise address such as slack://..., or $NAME for a variable with one",
    HEARTBEAT: "an address that begins with https://, in ASCII without blanks, or $NAME for a "
    "variable with one",
    HOST: "a host name in lower case, such as review.example.org",
    PASSWORD_HASH: "an argon2id hash; paperline review --hash-password makes one",
    CLUSTER: "local, auto, or the HOST:PORT of a cluster that this machine is a node of",
    RESOURCE: "a resource of Ray such as CPU, GPU, or one that the cluster's nodes declare",
    CONTACT: "a mail address or one that begins with https://, in ASCII without blanks",
}
"""The forms that texts must have, in words."""

LISTS = {tuple[int, int]: "two whole numbers from 1, the smaller one first: [4, 60]"}
"""Lists of a fixed form, in words."""

Keys = tuple[str | int, ...]
"""Where a value stands in the file: ("topic", 0, "name")."""


class Source(NamedTuple):
    """A settings file as it was read, with the environment laid over it."""

    file: Path
    text: str
    table: dict[str, Any]
    variables: dict[Keys, str]

    def place(self, keys: Keys) -> str:
        """Where the value at `keys`, or the table that should hold it, was set."""
        if keys in self.variables:
            return f"environment {self.variables[keys]}"
        for depth in range(len(keys), 0, -1):
            if line := line_of(self.text, keys[:depth]):
                return f"{self.file}:{line}"
        return str(self.file)

    def value(self, keys: Keys) -> Any:
        """What stands at `keys`, which must be there."""
        found: Any = self.table
        for key in keys:
            found = found[key]
        return found


def line_of(text: str, keys: Keys) -> int | None:
    """The line on which the statement that sets `keys` begins in a TOML text, or None.

    The shortest beginning of the file that parses and holds the key ends with that
    statement, so TOML's own parser is the only one at work.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    start = 1
    for count in range(1, len(lines) + 1):
        try:
            found: Any = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        try:
            for key in keys:
                found = found[key]
        except (KeyError, IndexError, TypeError):
            start = count + 1
            continue
        return start
    return None


def explained(message: str, source: Source, table: type[msgspec.Struct]) -> SettingsError:
    """What msgspec says of the file as a `SettingsError`; `table` is the type it should hold."""
    place = re.search(r" - at (`key` in )?`\$([^`]*`)$", message)
    text, path = (message[: place.start()], place[2]) if place else (message, "")
    keys: Keys = tuple(
        int(index) if index else key for key, index in re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", path)
    )
    if unknown := re.search(r"unknown field `(.*)`", text):
        known = [field.name for field in msgspec.structs.fields(_kind(table, keys))]
        return unknown_key(source, (*keys, unknown[1]), known)
    if missing := re.search(r"required field `(.*)`", text):
        return fault(source, (*keys, missing[1]), "nothing", "a value")
    if place and place[1]:
        return fault(source, keys, "a name that cannot be one", _in_words(text))
    if path.endswith("[...]`"):
        keys = (*keys, _misfit(source.value(keys), _kind(table, keys)))
    kind = _kind(table, keys)
    if get_origin(kind) is Literal:
        expected = " or ".join(f'"{choice}"' for choice in get_args(kind))
    elif text.startswith("Expected `array`") and kind in LISTS:
        expected = LISTS[kind]
    elif text.startswith("Expected `array`") and not _holds_tables(kind):
        expected = 'a list of texts: ["...", "..."]'
    else:
        expected = _in_words(text).replace("[[]]", f"[[{dotted(keys)}]]")
    return fault(source, keys, shown(keys, source.value(keys)), expected)


def _in_words(text: str) -> str:
    kinds = {
        "str": "a text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "object": "a table",
        "array": "a list of tables, each headed [[]]",
        "path": "a path",
    }
    expected = text.removeprefix("Expected ").partition(", got")[0]
    expected = re.sub(r"`(\w+)`", lambda m: kinds.get(m[1], m[1]), expected)
    return next((words for form, words in PATTERNS.items() if repr(form)[1:-1] in text), expected)


def unknown_key(source: Source, keys: Keys, known: Sequence[str]) -> SettingsError:
    """That the last of `keys` is none of those that are known there."""
    import difflib  # needed only when something is misspelled

    near = difflib.get_close_matches(str(keys[-1]), known, n=1)
    expected = near[0] if near else f"one of {', '.join(known)}"
    return fault(source, keys, "an unknown key", expected)


def _kind(table: Any, keys: Sequence[str | int]) -> Any:
    """The type of the value at `keys` below the type `table`."""
    kind = table
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        else:
            kind = next(f.type for f in msgspec.structs.fields(kind) if f.name == key)
        while hasattr(kind, "__metadata__"):
            kind = kind.__origin__
    return kind


def _holds_tables(kind: Any) -> bool:
    """Whether a type is that of a list of tables, and not one of texts."""
    items = get_args(kind)
    return bool(items) and isinstance(items[0], type) and issubclass(items[0], msgspec.Struct)


def _misfit(values: dict[str, Any], kind: Any) -> str:
    """The first key whose value a table of this type cannot hold; msgspec does not name it."""
    return next(key for key, value in values.items() if not _fits({key: value}, kind))


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def fault(source: Source, keys: Keys, found: str, expected: str) -> SettingsError:
    """What was found at `keys`, what was expected, and the line or variable that set it."""
    return SettingsError(
        f"{dotted(keys)}: found {found}, expected {expected}", where=source.place(keys)
    )


def dotted(keys: Keys) -> str:
    """`topic[0].name`, as messages and `paperline config` name a setting."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def shown(keys: Keys, value: Any) -> str:
    """The value as TOML would write it, without what may be a key or a password."""
    own_key = keys[-1:] == ("api_key_env",) and not str(value).isupper()
    passed_on = keys[keys.index("parameters") + 1 :] if "parameters" in keys else ()
    password = keys[:2] == ("review", "editors") and not isinstance(value, dict)
    address = keys[:1] == ("notify",) and isinstance(value, str) and value
    channel = address and not address.startswith("$")
    if own_key or password or channel or any(SECRET.search(str(key)) for key in passed_on):
        return "(not shown)"
    if isinstance(value, dict):
        inside = (f"{key} = {shown((*keys, key), item)}" for key, item in value.items())
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(keys, item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, Path)):
        return json.dumps(_without_password(str(value)), ensure_ascii=False)
    return str(value)


def _without_password(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "(not shown)" if "@" in text else text
    if not parts.scheme or not parts.netloc:
        return text
    user, _, host = parts.netloc.rpartition("@")
    query = "(not shown)" if parts.query else ""
    return urlunsplit(parts._replace(netloc=f"(not shown)@{host}" if user else host, query=query))
