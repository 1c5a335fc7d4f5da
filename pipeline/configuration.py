"""`paperline.toml` and the environment -> one typed value, or an error that names the line.

The environment comes before the file, the file before the default. Paths are relative
to the folder of the file.
"""

import os
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from pipeline.checks.codes import CODES
from pipeline.errors import SettingsError
from pipeline.exchange import parameters_fault
from pipeline.files import bundled_folder, read_authored
from pipeline.sections import Section, describe
from pipeline.settings import ARXIV_DELAY, ArxivSettings, ModelSettings, Settings
from pipeline.settings_faults import (
    LISTS,
    Keys,
    Source,
    dotted,
    explained,
    fault,
    line_of,
    shown,
    unknown_key,
)

DEFAULT_FILE = Path("paperline.toml")

TAKEN = ("site", "assets", "drafts", "search")
"""Folders of the site, or the site's own: no topic can be named so."""

_Condition = tuple[Keys, Any, bool, str]
"""Where a value stands, the value, whether it is possible, and what was expected."""


class Effective(NamedTuple):
    """One setting in force: dotted name, value as TOML writes it, where it came from."""

    name: str
    value: str
    origin: str


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force; `path` None means ./paperline.toml where it exists.

    Raises `SettingsError` naming line, key, what was found and what was expected.
    """
    source = _read(path, environ)
    settings = _validated(source)
    base = source.file.parent
    return msgspec.structs.replace(
        settings,
        outputs=base / settings.outputs,
        cache=base / settings.cache,
        prompts=_prompts(base / settings.prompts, source),
    )


def _prompts(folder: Path, source: Source) -> Path:
    """The folder; the prompts that come with paperline where none was made and none is named."""
    return folder if "prompts" in source.table or folder.is_dir() else bundled_folder()


def effective(path: Path | None, environ: Mapping[str, str] = os.environ) -> Iterator[Effective]:
    """Every setting in force, in the order of the classes; secrets are not shown."""
    source = _read(path, environ)
    for keys, value in _leaves(_validated(source)):
        line = line_of(source.text, keys)
        variable = source.variables.get(keys)
        origin = f"environment {variable}" if variable else f"{source.file}:{line}"
        yield Effective(dotted(keys), shown(keys, value), origin if variable or line else "default")


def _read(path: Path | None, environ: Mapping[str, str]) -> Source:
    file = path or DEFAULT_FILE
    text = ""
    if file.is_file():
        text = read_authored(file, SettingsError)
    elif path is not None or file.exists():
        what = "is not a file" if file.exists() else "there is no such file"
        raise SettingsError(what, where=str(file), next_step="Check --config")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and nesting without end
        raise SettingsError(
            f"is not TOML: {error}", where=str(file), next_step="Correct that line"
        ) from None
    variables: dict[Keys, str] = {}
    for name, section in (("arxiv", ArxivSettings), ("model", ModelSettings)):
        for key, _, _, variable in describe(section):
            below = table.get(name, {})
            if variable and environ.get(variable) and isinstance(below, dict):
                table[name] = {**below, key: environ[variable]}
                variables[name, key] = variable
    return Source(file, text, table, variables)


def _validated(source: Source) -> Settings:
    try:
        settings = msgspec.convert(source.table, Settings, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise explained(str(error), source, Settings) from None
    for keys, value, possible, expected in _conditions(settings):
        if not possible:
            raise fault(source, keys, shown(keys, value), expected)
    for code in settings.check.severity:
        if code not in CODES:
            raise unknown_key(source, ("check", "severity", code), [*CODES])
    return settings


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError("Expected `path`")


def _conditions(settings: Settings) -> Iterator[_Condition]:
    """What types cannot say."""
    arxiv = settings.arxiv
    yield (
        ("time_zone",),
        settings.time_zone,
        _is_zone(settings.time_zone),
        "an IANA time zone such as Asia/Shanghai or UTC",
    )
    yield _address(("site", "url"), settings.site.url)
    yield _address(("arxiv", "url"), arxiv.url, "http", "https", "file")
    host = urlsplit(arxiv.url).hostname or ""
    yield (
        ("arxiv", "delay"),
        arxiv.delay,
        arxiv.delay >= ARXIV_DELAY or not (host == "arxiv.org" or host.endswith(".arxiv.org")),
        f"at least {ARXIV_DELAY:g} seconds, which arXiv's terms of use ask for",
    )
    yield from _provider_conditions(settings.model)
    for name in ("words", "characters"):
        shortest, longest = bounds = getattr(settings.check, name)
        yield ("check", name), bounds, 1 <= shortest <= longest, LISTS[tuple[int, int]]
    for keys, value in _leaves(settings):
        finite = not isinstance(value, float) or abs(value) < float("inf")
        yield keys, value, finite, "a finite number"
    topics = [topic.name for topic in settings.topic]
    for index, name in enumerate(topics):
        yield ("topic", index, "name"), name, name not in topics[:index], "each topic once"
        expected = f"another name: {name} is taken by the site"
        yield ("topic", index, "name"), name, name not in TAKEN, expected


def _provider_conditions(model: ModelSettings) -> Iterator[_Condition]:
    owners: dict[str, str] = {}
    for index, provider in enumerate(model.providers):
        table: Keys = ("model", "fallback", index - 1) if index else ("model",)
        yield _address((*table, "base_url"), provider.base_url)
        variable = provider.api_key_env
        named = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable) is not None
        expected = "the name of an environment variable, not the key itself"
        yield (*table, "api_key_env"), variable, named, expected
        owner = owners.setdefault(variable, provider.host)
        expected = f"this table's own variable: {variable} holds the key for {owner}"
        yield (*table, "api_key_env"), variable, owner == provider.host, expected
        wrong = parameters_fault(provider.parameters)
        expected = f"a table that does not {wrong}"
        yield (*table, "parameters"), provider.parameters, wrong is None, expected
        prices = provider.price
        known = not prices or {"input", "output"} <= prices.keys() <= {"input", "cached", "output"}
        expected = "input and output, and cached where it is known, each 0 or more"
        possible = known and all(price >= 0 for price in prices.values())
        yield (*table, "price"), prices, possible, expected


def _address(keys: Keys, url: str, *schemes: str) -> _Condition:
    schemes = schemes or ("http", "https")
    names = " or ".join(f"{scheme}://" for scheme in schemes)
    expected = f"an address that starts with {names}, with a possible port, without ? and #"
    return keys, url, _is_address(url, schemes), expected


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  reading it raises where it is no number
    except ValueError:
        return False
    if parts.query or parts.fragment:
        return False
    return parts.scheme in schemes and bool(parts.path if parts.scheme == "file" else parts.netloc)


def _leaves(section: Section, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, (*above, name))
        elif name in ("topic", "fallback"):
            for index, table in enumerate(value):
                yield from _leaves(table, (*above, name, index))
        else:
            yield (*above, name), value
