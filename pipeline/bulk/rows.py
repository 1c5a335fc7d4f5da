"""What a partition's file holds: one row a paper, with its records as nested columns."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pyarrow as pa

from pipeline.records import Failure, Finding, Paper, Record, Summary

BASIC: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


class Row(Record, frozen=True, kw_only=True):
    """A paper, its candidate with the findings in it, and why that is a stand-in, if it is.

    A withdrawn paper has no `summary`: nobody asks for a line about it.
    """

    paper: Paper
    summary: Summary | None = None
    findings: tuple[Finding, ...] = ()
    failure: Failure | None = None


def arrow_type(kind: Any) -> pa.DataType:  # noqa: PLR0911  one for each kind of type
    """The Arrow type of a record's field: structs for records, lists, and maps for free keys."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return arrow_type(inside[0])
    if origin is Literal:
        return pa.string()
    if origin in (Union, UnionType):
        (some,) = (each for each in inside if each is not type(None))
        return arrow_type(some)
    if origin is tuple:
        return pa.list_(arrow_type(inside[0]))
    if origin is dict and get_origin(inside[0]) is Literal:
        keys = get_args(inside[0])
        return pa.struct([pa.field(key, arrow_type(inside[1])) for key in keys])
    if origin is dict:
        return pa.map_(arrow_type(inside[0]), arrow_type(inside[1]))
    if isinstance(kind, type) and issubclass(kind, Record):
        return pa.struct(_fields(kind))
    return BASIC[kind]


def _fields(record: type[Record]) -> list[pa.Field]:
    return [pa.field(each.name, arrow_type(each.type)) for each in msgspec.structs.fields(record)]


SCHEMA = pa.schema(_fields(Row))


def table(rows: Iterable[Row]) -> pa.Table:
    """The rows as a table of `SCHEMA`, in their order."""
    plain = msgspec.to_builtins(list(rows), builtin_types=(datetime,))
    return pa.Table.from_pylist(plain, SCHEMA)


def rows(batch: pa.RecordBatch) -> Iterator[Row]:
    """The rows of a batch of `SCHEMA`. Raises `msgspec.ValidationError`, `ValueError`."""
    for plain in batch.to_pylist(maps_as_pydicts="strict"):
        summary = plain["summary"]
        if summary is not None:  # a language without a line is null here, and absent there
            summary["lines"] = {
                key: line for key, line in summary["lines"].items() if line is not None
            }
        yield msgspec.convert(plain, Row)
