"""How every record is written and read: one line of strict JSON, times in UTC, fingerprints."""

import contextlib
import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import msgspec

from pipeline import formats
from pipeline.errors import DamagedFile

RESTORE = "Restore it from a backup; nothing else can make it again"


def utc(moment: datetime) -> datetime:
    """`moment` in UTC, to the second: how every record keeps its times."""
    return moment.astimezone(UTC).replace(microsecond=0)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC to the second, with a Z."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all records: frozen, and strict about unknown fields when decoded."""

    def to_json(self) -> str:
        """The record as one line of JSON, non-ASCII characters kept."""
        return msgspec.json.encode(self).decode("utf-8")

    @classmethod
    def from_json(cls, text: str, *, where: str, remedy: str = RESTORE) -> Self:
        """The record that `text` holds, if of an older format as it would be now.

        Raises `DamagedFile` naming `where` (file and line), `NewerFormat`.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            for older in formats.as_current(cls.__name__, text, where=where):
                with contextlib.suppress(msgspec.ValidationError):
                    return msgspec.convert(older, type=cls)
            raise DamagedFile(
                f"does not hold a {cls.__name__}: {error}",
                where=where,
                next_step=remedy,
            ) from None

    def but(self, **changes: Any) -> Self:
        """A copy with `changes` made."""
        return msgspec.structs.replace(self, **changes)


Kind = TypeVar("Kind", bound=Record)


def each_record(
    lines: Iterable[str], kind: type[Kind], *, where: str, remedy: str = RESTORE
) -> Iterator[Kind]:
    """The records of a JSON Lines file, one by one. Raises `DamagedFile` naming the line."""
    for number, line in enumerate(lines, 1):
        yield kind.from_json(line, where=f"{where}:{number}", remedy=remedy)


def is_json(value: object) -> bool:
    """Whether JSON can hold `value`: no dates, as TOML has them, and no infinite numbers."""
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    if isinstance(value, list):
        return all(map(is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def fingerprint(value: Any) -> str:
    """SHA-256 in hexadecimal of `value` as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
