"""What a table of `paperline.toml` is, and how its fields are told about."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of `paperline.toml`: exact types, no unknown keys, never changed."""


def described(text: str, *, env: str | None = None) -> Meta:
    """The help of a field, and the environment variable that goes before the file."""
    return Meta(description=text, extra={"env": env} if env else None)


def describe(section: type[Section]) -> Iterator[tuple[str, Any, str, str]]:
    """Name, type, help and environment variable of each field, for the documents."""
    for field in msgspec.structs.fields(section):
        metas = [m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, Meta)]
        text = next((m.description for m in metas if m.description), "")
        env = next((m.extra["env"] for m in metas if m.extra), "")
        yield field.name, field, text, env
