"""Is everything well that a night needs: each finding in one line, with what to do."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pipeline import glossary, prompts
from pipeline.diagnosis import Finding as Finding
from pipeline.diagnosis import of_data
from pipeline.errors import PaperlineError
from pipeline.notices import channels, heartbeat
from pipeline.outputs import Outputs
from pipeline.records import utc_text
from pipeline.settings import Settings
from pipeline.stages.judge import judging_prompt
from pipeline.text import amount


def examine(settings: Settings, *, offline: bool = False) -> Iterator[Finding]:
    """Look at folders, prompts, clock, token tables, notices, data, arXiv, key, model, cluster.

    In this order; nobody is told anything, and nothing is mended. `offline` leaves out whatever
    asks another machine, and the key.
    """
    for name in ("outputs", "cache"):
        yield _folder(name, getattr(settings, name))
    yield _prompts(settings)
    now = datetime.now(UTC)
    local = now.astimezone(settings.zone)
    yield Finding("clock", True, f"{now:%Y-%m-%d %H:%M} UTC is {local:%H:%M} {settings.time_zone}")
    yield _token_tables()
    yield from _notices(settings)
    yield from of_data(settings, now)
    if not offline:
        yield from _elsewhere(settings)


def _elsewhere(settings: Settings) -> Iterator[Finding]:
    """What another machine has to answer."""
    yield _arxiv(settings)
    if settings.model.embedded:
        yield Finding("model", True, "embedded: no key and no network are needed")
    else:
        yield _key(settings)
        yield _model(settings)
        if settings.model.executor == "cluster":
            yield _cluster(settings)


def _folder(name: str, path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Finding(name, False, f"{path}: {error.strerror}; make it a folder you may write to")
    return Finding(name, True, f"{path} can be written")


def _prompts(settings: Settings) -> Finding:
    try:
        names = sorted({topic.prompt for topic in settings.topic})
        for name in names:
            prompts.load(settings.prompts, name)
        judging_prompt(settings)
        terms = len(glossary.load(settings.prompts).terms)
    except PaperlineError as error:
        return Finding("prompts", False, str(error))
    return Finding("prompts", True, f"{', '.join(names) or 'none in use'}; {terms} glossary terms")


def _token_tables() -> Finding:
    from pipeline.llm.tokens import ENCODING, table_path

    path = table_path()
    if path:
        return Finding("token tables", True, str(path))
    return Finding(
        "token tables",
        True,
        "absent, so counts are estimates; for exact ones run with a network: "
        f"python -c \"import tiktoken; tiktoken.get_encoding('{ENCODING}')\"",
    )


def _notices(settings: Settings) -> Iterator[Finding]:
    """Each channel once, with the events that it is told of."""
    told_of: dict[str, list[str]] = {}
    for event, settings_of_event in settings.notify.events.items():
        for setting in settings_of_event:
            told_of.setdefault(setting, []).append(event)
    for setting, events in told_of.items():
        yield _channel(settings, setting, f"[notify] {', '.join(events)}")
    if not told_of:
        yield Finding("notices", True, "nobody is told when a run fails; see docs/notices.md")
    try:
        yield Finding("heartbeat", True, heartbeat.described(settings))
    except PaperlineError as error:
        yield Finding("heartbeat", False, str(error))


def _channel(settings: Settings, setting: str, where: str) -> Finding:
    try:
        channel = channels.channel(setting, where)
        channels.opened(channel, where)
        notices = Outputs(settings.outputs).notices()
        last = next((n for n in notices if n.channel == channel.id and n.result != "begun"), None)
    except PaperlineError as error:
        return Finding("notices", False, str(error))
    if last is None:
        return Finding("notices", True, f"{where}: {channel.service}; nothing was sent to it yet")
    when = utc_text(last.at)
    if last.result == "failed":
        what = f"{where}: {channel.service} did not take the last notice, {when}"
        return Finding("notices", False, f"{what}; {channels.HOW_TO_TRY}")
    return Finding("notices", True, f"{where}: {channel.service} took the last notice, {when}")


def _arxiv(settings: Settings) -> Finding:
    from pipeline.sources.source import open_source

    query = settings.topic[0].query if settings.topic else "all:electron"
    # One small page, and no patience: somebody sits and waits.
    once = msgspec.structs.replace(settings.arxiv, patience=0.0, page_size=1)
    asked = msgspec.structs.replace(settings, arxiv=once)
    try:
        newest = next(iter(open_source(asked).papers(query)), None)
    except PaperlineError as error:
        return Finding("arXiv", False, str(error))
    found = f"newest paper of the first topic: {newest.id}" if newest else "the query finds nothing"
    contact = "" if settings.arxiv.contact else "; set [arxiv] contact, so that arXiv can reach you"
    return Finding("arXiv", True, f"{settings.arxiv.url} answers; {found}{contact}")


def _key(settings: Settings) -> Finding:
    from pipeline.llm.keys import api_key

    try:
        api_key(settings.model)
    except PaperlineError as error:
        return Finding("key", False, str(error))
    variable, host = settings.model.api_key_env, settings.model.host
    if os.environ.get(variable):
        return Finding("key", True, f"the key in {variable} goes to {host} and nowhere else")
    return Finding("key", True, f"{variable} is not set; a placeholder goes to {host}")


def _model(settings: Settings) -> Finding:
    import asyncio  # with the SDK a second of import, which only this check needs

    from pipeline.llm.client import ModelClient
    from pipeline.llm.keys import api_key

    async def names() -> list[str]:
        client = ModelClient(settings.model, api_key(settings.model))
        try:
            return await client.models()
        finally:
            await client.close()

    try:
        offered = asyncio.run(names())
    except PaperlineError as error:
        return Finding("model", False, str(error))
    if offered and settings.model.name not in offered:
        return Finding(
            "model",
            False,
            f"{settings.model.host} does not list {settings.model.name}; it lists "
            f"{', '.join(sorted(offered)[:5])}. Check [model] name",
        )
    return Finding("model", True, f"{settings.model.host} offers {settings.model.name}")


def _cluster(settings: Settings) -> Finding:
    from pipeline.llm.keys import secret_variables
    from pipeline.ray_session import capacity, joined  # with Ray a second, and its processes

    cluster = settings.cluster
    try:
        with joined(cluster, hidden=secret_variables(settings)):
            found = capacity()
    except PaperlineError as error:
        return Finding("cluster", False, str(error))
    cores = found.resources.get("CPU", 0.0)
    what = f"Ray {found.version} at {cluster.address}: {amount(found.nodes, 'node')}, {cores:g} CPU"
    places = found.places(cluster)
    if places < cluster.actors:
        return Finding(
            "cluster",
            False,
            f"{what}; room for {places} of {cluster.actors} processes that ask. Lower [cluster] "
            "actors or resources, or give the nodes more (ray start --resources)",
        )
    return Finding("cluster", True, f"{what}; room for all {cluster.actors} processes that ask")
