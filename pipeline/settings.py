"""The one table of settings: each field of the classes has its name, default and help.

`configuration.py` reads `paperline.toml` and the environment into `Settings`;
`docs/settings.md` and `paperline config` are made from here.
"""

import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from pipeline.errors import SettingsError
from pipeline.gate_settings import CheckSettings, ReviewSettings
from pipeline.records import (
    EMBEDDED,
    PROMPT_NAME,
    TOPIC_NAME,
    Language,
    Order,
)
from pipeline.sections import Section, described
from pipeline.settings_faults import (
    CATEGORY,
    CHANNEL,
    CLUSTER,
    CONTACT,
    HEARTBEAT,
    KEYWORD,
    NOT_BLANK,
    ONE_LINE,
    RESOURCE,
)

ARXIV_DELAY = 3.0
"""Seconds between requests that arXiv's terms of use ask for."""

Positive = Meta(gt=0)
AtLeastOne = Meta(ge=1)
NotNegative = Meta(ge=0)
Name = Annotated[str, Meta(pattern=TOPIC_NAME)]
Channel = Annotated[str, Meta(pattern=CHANNEL)]


class SiteSettings(Section, frozen=True, kw_only=True):
    """What readers see of the site as a whole."""

    title: Annotated[str, Meta(pattern=ONE_LINE), described("the site's title")] = (
        "AI4Science 论文速递"
    )
    url: Annotated[str, described("the address at which the site is served")] = (
        "https://example.org/"
    )
    search: Annotated[
        bool, described("make the index by which readers search all digests in their browser")
    ] = True


class ArxivSettings(Section, frozen=True, kw_only=True):
    """How arXiv is asked."""

    url: Annotated[
        str,
        described(
            "arXiv's query API; a file:// address stands for a saved Atom feed or for arXiv's "
            "bulk metadata file",
            env="PAPERLINE_ARXIV_URL",
        ),
    ] = "https://export.arxiv.org/api/query"
    delay: Annotated[
        float,
        NotNegative,
        described("seconds between requests; at least 3, arXiv's rule, on arxiv.org"),
    ] = ARXIV_DELAY
    page_size: Annotated[int, Meta(ge=1, le=2000), described("papers asked for in one request")] = (
        200
    )
    timeout: Annotated[float, Positive, described("seconds to wait for one answer")] = 30.0
    patience: Annotated[
        float,
        NotNegative,
        described("seconds for which a request that fails is made again, at growing intervals"),
    ] = 1800.0
    contact: Annotated[
        str,
        Meta(pattern=CONTACT),
        described(
            "a mail or web address for the User-Agent, so that arXiv can reach you; empty: the "
            "site's url, unless that is an example"
        ),
    ] = ""


class ProviderSettings(Section, frozen=True, kw_only=True):
    """One model at one address."""

    name: Annotated[
        str,
        Meta(pattern=ONE_LINE),
        described('the model; "embedded" needs no network and no key', env="PAPERLINE_MODEL"),
    ] = "gpt-5-mini"
    base_url: Annotated[str, described("an OpenAI-compatible address", env="OPENAI_BASE_URL")] = (
        "https://api.openai.com/v1"
    )
    api_key_env: Annotated[
        str,
        described("the environment variable with this table's own key, sent to this base_url only"),
    ] = "OPENAI_API_KEY"
    executor: Annotated[
        Literal["online", "batch", "cluster", "embedded"],
        described(
            "how lines are made: online (concurrent requests), batch (the provider's Batch API, "
            "cheaper and later), cluster (concurrent requests from several processes of a Ray "
            "cluster; see [cluster]) or embedded (no model is asked)"
        ),
    ] = "online"
    concurrency: Annotated[
        int, Meta(ge=1, le=10_000), described("most requests under way at once")
    ] = 32
    requests_per_minute: Annotated[int, AtLeastOne, described("the provider's limit")] = 500
    tokens_per_minute: Annotated[int, AtLeastOne, described("the provider's limit")] = 200_000
    timeout: Annotated[float, Positive, described("seconds to wait for one answer")] = 60.0
    retry_seconds: Annotated[
        float,
        NotNegative,
        described(
            "seconds for which a passing failure of one request is tried again; where nothing "
            "succeeds meanwhile, the model is down"
        ),
    ] = 90.0
    batch_deadline: Annotated[
        float,
        Positive,
        described("hours after which what a batch has not answered is asked for online"),
    ] = 26.0
    max_output_tokens: Annotated[
        int, Meta(ge=16), described("for the lines; what a model spends on reasoning comes on top")
    ] = 400
    parameters: Annotated[
        dict[str, Any],
        described("passed through with every request: temperature, reasoning_effort, ..."),
    ] = {}
    price: Annotated[
        dict[str, float],
        described(
            "US dollars for a million tokens, where the price list does not know the model or "
            "errs: { input = 0.25, cached = 0.025, output = 2.0 }"
        ),
    ] = {}

    @property
    def host(self) -> str:
        """The host (and port) that this table's key is sent to."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


class ModelSettings(ProviderSettings, frozen=True, kw_only=True):
    """The language model that writes the lines.

    `fallback`, its last key, holds further tables with the same keys.
    """

    fallback: tuple[ProviderSettings, ...] = ()

    @property
    def providers(self) -> tuple[ProviderSettings, ...]:
        """This model and its fallbacks, in the order in which they are tried."""
        return self, *self.fallback

    def renamed(self, name: str) -> "ModelSettings":
        """The same with another model, of which the table's own price says nothing."""
        price = self.price if name == self.name else {}
        return msgspec.structs.replace(self, name=name, price=price)

    def named(self, name: str) -> "ModelSettings":
        """The table by which to ask a model: a fallback's own, with its address, key and price.

        For any other name it is this one, renamed.
        """
        own = next((each for each in self.fallback if each.name == name), None)
        if own is None or name == self.name:
            return self.renamed(name)
        return ModelSettings(**{key: getattr(own, key) for key in own.__struct_fields__})

    @property
    def embedded(self) -> bool:
        """Whether the embedded model was named, so that no request is made."""
        return EMBEDDED in (self.name, self.executor)

    @property
    def effective_name(self) -> str:
        """The name under which candidates are kept."""
        return EMBEDDED if self.embedded else self.name


class ClusterSettings(Section, frozen=True, kw_only=True):
    """The Ray cluster on which `executor = "cluster"` works; it needs `paperline[ray]`."""

    address: Annotated[
        str,
        Meta(pattern=CLUSTER),
        described(
            "local: a Ray of its own on this machine for each command; auto, or HOST:PORT: the "
            "cluster that this machine is a node of"
        ),
    ] = "local"
    actors: Annotated[
        int,
        Meta(ge=1, le=1_000),
        described("processes that ask the model, each with an equal share of its limits"),
    ] = 4
    resources: Annotated[
        dict[
            Annotated[str, Meta(pattern=RESOURCE)],
            Annotated[float, Meta(ge=0)],
        ],
        described("what each of them reserves of its node: { CPU = 1, asking = 1 }"),
    ] = {}


class BudgetSettings(Section, frozen=True, kw_only=True):
    """What may be spent; a run that reaches it stops asking and ends with exit code 3."""

    usd_per_run: Annotated[float, NotNegative, described("US dollars for one command")] = 1.0
    tokens_per_run: Annotated[
        int, NotNegative, described("prompt and completion tokens for one command")
    ] = 2_000_000
    usd_per_day: Annotated[
        float, NotNegative, described("US dollars a day (UTC), over all commands")
    ] = 5.0


class NotifySettings(Section, frozen=True, kw_only=True):
    """Where people are told what happened, by event.

    Each is an Apprise address, such as `mailto://...`, `slack://...`, `feishu://...`, or `$NAME`
    for the environment variable that holds one, since addresses have passwords in them.
    """

    published: Annotated[
        tuple[Channel, ...], described("of a digest that was published, with its lines")
    ] = ()
    waiting: Annotated[
        tuple[Channel, ...], described("of a digest that waits for its editors")
    ] = ()
    gaps: Annotated[
        tuple[Channel, ...],
        described("of a run that finished, but has something missing (exit code 3)"),
    ] = ()
    failed: Annotated[tuple[Channel, ...], described("of a run that failed")] = ()
    heartbeat: Annotated[
        str,
        Meta(pattern=HEARTBEAT),
        described(
            "an http(s) address, or $NAME, that is asked after each run of all topics that ends "
            "with exit code 0 or 3, so that a monitor misses it otherwise; empty: none"
        ),
    ] = ""

    @property
    def events(self) -> dict[str, tuple[str, ...]]:
        """By event, the addresses that are told of it."""
        named = ("published", "waiting", "gaps", "failed")
        return {event: getattr(self, event) for event in named}


class TopicSettings(Section, frozen=True, kw_only=True):
    """One digest series: a query, and how its papers are chosen."""

    name: Annotated[Name, described("permanent: it names folders and addresses")]
    query: Annotated[
        str,
        Meta(pattern=NOT_BLANK),
        described("arXiv's query syntax: all: ti: abs: au: cat: AND OR ANDNOT"),
    ]
    title: Annotated[
        str, Meta(pattern=rf"^$|{ONE_LINE}"), described("the digest's title; empty: the site's")
    ] = ""
    description: Annotated[
        str, Meta(pattern=rf"^$|{ONE_LINE}"), described("what the topic is about, for readers")
    ] = ""
    languages: Annotated[
        tuple[Language, ...], Meta(min_length=1), described("the languages that the site shows")
    ] = ("en", "zh")
    select: Annotated[
        Literal["new", "latest"],
        described("new: what the topic has not shown yet; latest: the newest, shown before or not"),
    ] = "new"
    limit: Annotated[
        int, Meta(ge=1, le=10_000), described("most papers in one digest; the rest waits")
    ] = 100
    order: Annotated[
        Order,
        described("newest first: by the last update (updated) or by the first version (submitted)"),
    ] = "updated"
    revised: Annotated[
        Literal["show", "skip"],
        described("a new version of a shown paper, with another title, abstract or comment"),
    ] = "show"
    categories: Annotated[
        tuple[Annotated[str, Meta(pattern=CATEGORY)], ...],
        described(
            'only papers in one of these, cross-lists included: ["cs.LG", "stat.*"]; empty: all'
        ),
    ] = ()
    exclude: Annotated[
        tuple[Annotated[str, Meta(pattern=KEYWORD)], ...],
        described("no papers with one of these words or phrases in title or abstract"),
    ] = ()
    prompt: Annotated[
        str, Meta(pattern=PROMPT_NAME), described("file name in prompts/ without .md.j2")
    ] = "one_line"


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    time_zone: Annotated[str, described("IANA name; it names snapshots and is shown on pages")] = (
        "Asia/Shanghai"
    )
    outputs: Annotated[Path, described("digests, decisions and the site")] = Path("outputs")
    cache: Annotated[Path, described("answers that were paid for")] = Path("cache")
    prompts: Annotated[Path, described("prompts and the glossary")] = Path("prompts")
    site: SiteSettings = SiteSettings()
    arxiv: ArxivSettings = ArxivSettings()
    model: ModelSettings = ModelSettings()
    cluster: ClusterSettings = ClusterSettings()
    budget: BudgetSettings = BudgetSettings()
    check: CheckSettings = CheckSettings()
    review: ReviewSettings = ReviewSettings()
    notify: NotifySettings = NotifySettings()
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
