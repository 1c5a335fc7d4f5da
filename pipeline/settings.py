"""`paperline.toml` and the environment, as one typed value.

The classes below are the one table of settings: each field has its name, its default
and its help. `docs/settings.md` and `paperline config` are made from them. The
environment comes before the file, the file before the default. Paths are relative
to the folder of the file.
"""

import os
import re
import tomllib
import zoneinfo
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from pipeline.errors import SettingsError
from pipeline.files import read_text
from pipeline.records import EMBEDDED, Policy

DEFAULT_FILE = Path("paperline.toml")
ARXIV_DELAY = 3.0
"""Seconds between requests that arXiv's terms of use ask for."""

SECRET = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)

Keys = tuple[str | int, ...]
"""Where a value stands in the file: ("topic", 0, "name")."""

Positive = Meta(gt=0)
AtLeastOne = Meta(ge=1)
NotNegative = Meta(ge=0)
NotEmpty = Meta(min_length=1)
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


def _help(text: str, *, env: str | None = None) -> Meta:
    return Meta(description=text, extra={"env": env} if env else None)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of `paperline.toml`: exact types, no unknown keys, never changed."""


class SiteSettings(Section, kw_only=True):
    """What readers see of the site as a whole."""

    title: Annotated[str, NotEmpty, _help("the site's title")] = "AI4Science 论文速递"
    url: Annotated[str, _help("the address at which the site is served")] = "https://example.org/"


class ArxivSettings(Section, kw_only=True):
    """How arXiv is asked."""

    url: Annotated[
        str,
        _help(
            "arXiv's query API; a file:// address replays a saved Atom feed",
            env="PAPERLINE_ARXIV_URL",
        ),
    ] = "https://export.arxiv.org/api/query"
    delay: Annotated[
        float,
        NotNegative,
        _help("seconds between requests; at least 3, arXiv's rule, on arxiv.org"),
    ] = ARXIV_DELAY
    page_size: Annotated[int, Meta(ge=1, le=2000), _help("papers asked for in one request")] = 200
    timeout: Annotated[float, Positive, _help("seconds to wait for one answer")] = 30.0
    contact: Annotated[
        str, _help("a mail address for the User-Agent, so that arXiv can reach you")
    ] = ""


class ModelSettings(Section, kw_only=True):
    """The language model that writes the lines."""

    name: Annotated[
        str,
        NotEmpty,
        _help('the model; "embedded" needs no network and no key', env="PAPERLINE_MODEL"),
    ] = "gpt-5-mini"
    base_url: Annotated[str, _help("an OpenAI-compatible address", env="OPENAI_BASE_URL")] = (
        "https://api.openai.com/v1"
    )
    api_key_env: Annotated[
        str,
        _help("the environment variable with this table's own key, sent to this base_url only"),
    ] = "OPENAI_API_KEY"
    executor: Annotated[
        Literal["online", "embedded"],
        _help("how lines are made: online (concurrent requests) or embedded (no model is asked)"),
    ] = "online"
    concurrency: Annotated[int, Meta(ge=1, le=10_000), _help("most requests under way at once")] = (
        32
    )
    requests_per_minute: Annotated[int, AtLeastOne, _help("the provider's limit")] = 500
    tokens_per_minute: Annotated[int, AtLeastOne, _help("the provider's limit")] = 200_000
    timeout: Annotated[float, Positive, _help("seconds to wait for one answer")] = 60.0
    max_output_tokens: Annotated[
        int, Meta(ge=16), _help("for the lines; what a model spends on reasoning comes on top")
    ] = 400
    parameters: Annotated[
        dict[str, Any],
        _help("passed through with every request: temperature, reasoning_effort, ..."),
    ] = {}

    @property
    def embedded(self) -> bool:
        """Whether the embedded model was named, so that no request is made."""
        return EMBEDDED in (self.name, self.executor)

    @property
    def effective_name(self) -> str:
        """The name under which candidates are kept."""
        return EMBEDDED if self.embedded else self.name

    @property
    def host(self) -> str:
        """The host (and port) that this table's key is sent to."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


class BudgetSettings(Section, kw_only=True):
    """What may be spent; a run that reaches it stops asking and ends with exit code 3."""

    usd_per_run: Annotated[float, NotNegative, _help("US dollars for one command")] = 1.0
    tokens_per_run: Annotated[
        int, NotNegative, _help("prompt and completion tokens for one command")
    ] = 2_000_000
    usd_per_day: Annotated[
        float, NotNegative, _help("US dollars a day (UTC), over all commands")
    ] = 5.0


class ReviewSettings(Section, kw_only=True):
    """What an editor must have read before a digest is published."""

    policy: Annotated[
        Policy,
        _help(
            "all: every paper must be settled; flagged: every paper with a gap; none: nothing need be"
        ),
    ] = "all"


class TopicSettings(Section, kw_only=True):
    """One digest series: a query, and how its papers are chosen."""

    name: Annotated[Name, _help("permanent: it names folders and addresses")]
    query: Annotated[
        str, NotEmpty, _help("arXiv's query syntax: all: ti: abs: au: cat: AND OR ANDNOT")
    ]
    title: Annotated[str, _help("the digest's title; empty: the site's")] = ""
    select: Annotated[
        Literal["new", "latest"],
        _help("new: what the topic has not shown yet; latest: the newest, shown before or not"),
    ] = "new"
    limit: Annotated[
        int, Meta(ge=1, le=10_000), _help("most papers in one digest; the rest waits")
    ] = 100
    prompt: Annotated[Name, _help("file name in prompts/ without .md.j2")] = "one_line"


class Settings(Section, kw_only=True):
    """Everything that can be set."""

    time_zone: Annotated[str, _help("IANA name; it names snapshots and is shown on pages")] = (
        "Asia/Shanghai"
    )
    outputs: Annotated[Path, _help("digests, decisions and the site")] = Path("outputs")
    cache: Annotated[Path, _help("answers that were paid for")] = Path("cache")
    prompts: Annotated[Path, _help("prompts and the glossary")] = Path("prompts")
    site: SiteSettings = SiteSettings()
    arxiv: ArxivSettings = ArxivSettings()
    model: ModelSettings = ModelSettings()
    budget: BudgetSettings = BudgetSettings()
    review: ReviewSettings = ReviewSettings()
    topic: tuple[TopicSettings, ...] = ()

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The configured time zone."""
        return zoneinfo.ZoneInfo(self.time_zone)

    def find_topic(self, name: str) -> TopicSettings:
        """The topic of that name. Raises `SettingsError` listing those there are."""
        for topic in self.topic:
            if topic.name == name:
                return topic
        known = ", ".join(topic.name for topic in self.topic) or "none"
        raise SettingsError(
            f"there is no topic {name!r}; configured: {known}",
            next_step="Check the name, or add a [[topic]] table to paperline.toml",
        )


class Effective(NamedTuple):
    """One setting in force: dotted name, value as TOML writes it, where it came from."""

    name: str
    value: str
    origin: str


class _Source(NamedTuple):
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
        found: Any = self.table
        for key in keys:
            found = found[key]
        return found


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
        prompts=base / settings.prompts,
    )


def effective(path: Path | None, environ: Mapping[str, str] = os.environ) -> Iterator[Effective]:
    """Every setting in force, in the order of the classes; secrets are not shown."""
    source = _read(path, environ)
    for keys, value in _leaves(_validated(source)):
        line = line_of(source.text, keys)
        variable = source.variables.get(keys)
        origin = f"environment {variable}" if variable else f"{source.file}:{line}"
        yield Effective(
            _dotted(keys), _shown(keys, value), origin if variable or line else "default"
        )


def describe(section: type[Section]) -> Iterator[tuple[str, Any, str, str]]:
    """Name, type, help and environment variable of each field, for the documents."""
    for field in msgspec.structs.fields(section):
        metas = [m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, Meta)]
        text = next((m.description for m in metas if m.description), "")
        env = next((m.extra["env"] for m in metas if m.extra), "")
        yield field.name, field, text, env


def line_of(text: str, keys: Keys) -> int | None:
    """The line on which the statement that sets `keys` begins in a TOML text, or None.

    The shortest beginning of the file that parses and holds the key ends with that
    statement, so TOML's own parser is the only one at work.
    """
    lines = text.split("\n")
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


def _read(path: Path | None, environ: Mapping[str, str]) -> _Source:
    file = path or DEFAULT_FILE
    text = ""
    if file.is_file():
        text = read_text(file)
    elif path is not None:
        raise SettingsError("there is no such file", where=str(file), next_step="Check --config")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
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
    return _Source(file, text, table, variables)


def _validated(source: _Source) -> Settings:
    try:
        settings = msgspec.convert(source.table, Settings, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise _explained(str(error), source) from None
    for keys, value, possible, expected in _conditions(settings):
        if not possible:
            raise _fault(source, keys, _shown(keys, value), expected)
    return settings


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected `path`")


def _conditions(settings: Settings) -> Iterator[tuple[Keys, Any, bool, str]]:
    """What types cannot say: key, value, whether it is possible, what was expected."""
    arxiv, model = settings.arxiv, settings.model
    yield (
        ("time_zone",),
        settings.time_zone,
        _is_zone(settings.time_zone),
        "an IANA time zone such as Asia/Shanghai or UTC",
    )
    web, feed = ("http", "https"), ("http", "https", "file")
    for keys, url, schemes in (
        (("site", "url"), settings.site.url, web),
        (("arxiv", "url"), arxiv.url, feed),
        (("model", "base_url"), model.base_url, web),
    ):
        names = " or ".join(f"{scheme}://" for scheme in schemes)
        yield keys, url, _is_address(url, schemes), f"an address that starts with {names}"
    yield (
        ("model", "api_key_env"),
        model.api_key_env,
        re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", model.api_key_env) is not None,
        "the name of an environment variable, not the key itself",
    )
    host = urlsplit(arxiv.url).hostname or ""
    yield (
        ("arxiv", "delay"),
        arxiv.delay,
        arxiv.delay >= ARXIV_DELAY or not (host == "arxiv.org" or host.endswith(".arxiv.org")),
        f"at least {ARXIV_DELAY:g} seconds, which arXiv's terms of use ask for",
    )
    for keys, value in _leaves(settings):
        finite = not isinstance(value, float) or abs(value) < float("inf")
        yield keys, value, finite, "a finite number"
    names = [topic.name for topic in settings.topic]
    for index, name in enumerate(names):
        yield ("topic", index, "name"), name, name not in names[:index], "each topic once"
        yield ("topic", index, "name"), name, name != "site", "another name: outputs/site is taken"


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
    return parts.scheme in schemes and bool(parts.path if parts.scheme == "file" else parts.netloc)


def _explained(message: str, source: _Source) -> SettingsError:
    """msgspec's message about the table, as ours."""
    text, _, path = message.partition(" - at `$")
    keys: Keys = tuple(
        int(index) if index else key for key, index in re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", path)
    )
    if unknown := re.search(r"unknown field `(.*)`", text):
        keys = (*keys, unknown[1])
        return _fault(source, keys, "an unknown key", _known_keys(keys))
    if missing := re.search(r"required field `(.*)`", text):
        return _fault(source, (*keys, missing[1]), "nothing", "a value")
    if text.startswith("Invalid enum value"):
        *above, name = keys
        kind = next(f.type for f in msgspec.structs.fields(_section(above)) if f.name == name)
        choices = get_args(get_args(kind)[0])
        expected = " or ".join(f'"{choice}"' for choice in choices)
    else:
        expected = _in_words(text)
    return _fault(source, keys, _shown(keys, source.value(keys)), expected)


def _in_words(text: str) -> str:
    kinds = {
        "str": "a text",
        "int": "a whole number",
        "float": "a number",
        "object": "a table",
        "array": "a list of tables, each headed [[topic]]",
        "path": "a path",
    }
    expected = text.removeprefix("Expected ").partition(", got")[0]
    expected = re.sub(r"`(\w+)`", lambda m: kinds.get(m[1], m[1]), expected)
    if "matching regex" in expected:
        return "lower-case letters, digits, - and _, beginning with a letter or digit"
    return expected.replace(" of length >= 1", " that is not empty")


def _known_keys(keys: Keys) -> str:
    import difflib  # needed only when something is misspelled

    known = [field.name for field in msgspec.structs.fields(_section(keys[:-1]))]
    near = difflib.get_close_matches(str(keys[-1]), known, n=1)
    return f"{near[0]}" if near else f"one of {', '.join(known)}"


def _section(keys: Keys | list[str | int]) -> type[Section]:
    section: type[Section] = Settings
    for key in keys:
        if isinstance(key, str):
            section = TopicSettings if key == "topic" else type(getattr(Settings(), key))
    return section


def _fault(source: _Source, keys: Keys, found: str, expected: str) -> SettingsError:
    return SettingsError(
        f"{_dotted(keys)}: found {found}, expected {expected}", where=source.place(keys)
    )


def _leaves(section: Section, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, (*above, name))
        elif name == "topic":
            for index, topic in enumerate(value):
                yield from _leaves(topic, (*above, name, index))
        else:
            yield (*above, name), value


def _dotted(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _shown(keys: Keys, value: Any) -> str:
    """The value as TOML would write it, without what may be a key or a password."""
    own_key = keys == ("model", "api_key_env") and not str(value).isupper()
    if own_key or any(SECRET.search(str(key)) for key in keys[2:]):
        return "(not shown)"
    if isinstance(value, dict):
        inside = (f"{key} = {_shown((*keys, key), item)}" for key, item in value.items())
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(keys, item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, Path)):
        return f'"{_without_password(str(value))}"'
    return str(value)


def _without_password(text: str) -> str:
    parts = urlsplit(text) if "://" in text else None
    if parts is None or "@" not in parts.netloc:
        return text
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"(not shown)@{host}"))
