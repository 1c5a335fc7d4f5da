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
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from pipeline.errors import SettingsError
from pipeline.files import read_authored
from pipeline.records import EMBEDDED, TOPIC_NAME, Policy, parameters_fault
from pipeline.settings_faults import (
    NOT_BLANK,
    ONE_LINE,
    Source,
    dotted,
    explained,
    fault,
    shown,
)
from pipeline.settings_faults import SECRET as SECRET
from pipeline.settings_faults import Keys as Keys
from pipeline.settings_faults import line_of as line_of

DEFAULT_FILE = Path("paperline.toml")
ARXIV_DELAY = 3.0
"""Seconds between requests that arXiv's terms of use ask for."""

Positive = Meta(gt=0)
AtLeastOne = Meta(ge=1)
NotNegative = Meta(ge=0)
Name = Annotated[str, Meta(pattern=TOPIC_NAME)]


def _help(text: str, *, env: str | None = None) -> Meta:
    return Meta(description=text, extra={"env": env} if env else None)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of `paperline.toml`: exact types, no unknown keys, never changed."""


class SiteSettings(Section, frozen=True, kw_only=True):
    """What readers see of the site as a whole."""

    title: Annotated[str, Meta(pattern=ONE_LINE), _help("the site's title")] = "AI4Science 论文速递"
    url: Annotated[str, _help("the address at which the site is served")] = "https://example.org/"


class ArxivSettings(Section, frozen=True, kw_only=True):
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


class ModelSettings(Section, frozen=True, kw_only=True):
    """The language model that writes the lines."""

    name: Annotated[
        str,
        Meta(pattern=ONE_LINE),
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


class BudgetSettings(Section, frozen=True, kw_only=True):
    """What may be spent; a run that reaches it stops asking and ends with exit code 3."""

    usd_per_run: Annotated[float, NotNegative, _help("US dollars for one command")] = 1.0
    tokens_per_run: Annotated[
        int, NotNegative, _help("prompt and completion tokens for one command")
    ] = 2_000_000
    usd_per_day: Annotated[
        float, NotNegative, _help("US dollars a day (UTC), over all commands")
    ] = 5.0


class ReviewSettings(Section, frozen=True, kw_only=True):
    """What an editor must have read before a digest is published."""

    policy: Annotated[
        Policy,
        _help("all: every paper must be settled; flagged: those with a gap; none: nothing need be"),
    ] = "all"


class TopicSettings(Section, frozen=True, kw_only=True):
    """One digest series: a query, and how its papers are chosen."""

    name: Annotated[Name, _help("permanent: it names folders and addresses")]
    query: Annotated[
        str,
        Meta(pattern=NOT_BLANK),
        _help("arXiv's query syntax: all: ti: abs: au: cat: AND OR ANDNOT"),
    ]
    title: Annotated[
        str, Meta(pattern=rf"^$|{ONE_LINE}"), _help("the digest's title; empty: the site's")
    ] = ""
    select: Annotated[
        Literal["new", "latest"],
        _help("new: what the topic has not shown yet; latest: the newest, shown before or not"),
    ] = "new"
    limit: Annotated[
        int, Meta(ge=1, le=10_000), _help("most papers in one digest; the rest waits")
    ] = 100
    prompt: Annotated[Name, _help("file name in prompts/ without .md.j2")] = "one_line"


class Settings(Section, frozen=True, kw_only=True):
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
        yield Effective(dotted(keys), shown(keys, value), origin if variable or line else "default")


def describe(section: type[Section]) -> Iterator[tuple[str, Any, str, str]]:
    """Name, type, help and environment variable of each field, for the documents."""
    for field in msgspec.structs.fields(section):
        metas = [m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, Meta)]
        text = next((m.description for m in metas if m.description), "")
        env = next((m.extra["env"] for m in metas if m.extra), "")
        yield field.name, field, text, env


def _read(path: Path | None, environ: Mapping[str, str]) -> Source:
    file = path or DEFAULT_FILE
    text = ""
    if file.is_file():
        text = read_authored(file, SettingsError)
    elif path is not None:
        raise SettingsError("there is no such file", where=str(file), next_step="Check --config")
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
    return settings


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
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
    keys: Keys
    value: Any
    web, feed = ("http", "https"), ("http", "https", "file")
    for keys, url, schemes in (
        (("site", "url"), settings.site.url, web),
        (("arxiv", "url"), arxiv.url, feed),
        (("model", "base_url"), model.base_url, web),
    ):
        names = " or ".join(f"{scheme}://" for scheme in schemes)
        expected = f"an address that starts with {names}, with a possible port, without ? and #"
        yield keys, url, _is_address(url, schemes), expected
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
    wrong = parameters_fault(model.parameters)
    yield ("model", "parameters"), model.parameters, wrong is None, f"a table that does not {wrong}"
    for keys, value in _leaves(settings):
        finite = not isinstance(value, float) or abs(value) < float("inf")
        yield keys, value, finite, "a finite number"
    topics = [topic.name for topic in settings.topic]
    for index, name in enumerate(topics):
        yield ("topic", index, "name"), name, name not in topics[:index], "each topic once"
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
    if parts.query or parts.fragment:
        return False
    return parts.scheme in schemes and bool(parts.path if parts.scheme == "file" else parts.netloc)


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
