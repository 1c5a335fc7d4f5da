"""`paperline bulk`: one pass over a dump, by whichever executor the settings name."""

import hashlib
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pipeline import files, prompts
from pipeline.bulk.folder import BulkFolder, Manifest, Selection
from pipeline.bulk.months import TOPIC, Maker, Plan
from pipeline.bulk.report import BulkReport
from pipeline.bulk.sorting import Part, check_papers, parts_of
from pipeline.bulk.streaming import spooled, stream
from pipeline.errors import UsageError
from pipeline.estimate import Forecast, Question, of_questions
from pipeline.executors.embedded import Embedded
from pipeline.executors.selection import opened
from pipeline.gate_settings import ReviewSettings
from pipeline.glossary import Glossary
from pipeline.llm.keys import secret_variables
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import Paper, Usage, utc
from pipeline.settings import NotifySettings, Settings

SAMPLE = 500
"""Papers whose questions are looked at for what all will take."""


def bulk(  # noqa: PLR0913  what the command names
    settings: Settings,
    dump: str,
    out: str,
    selection: Selection,
    prompt: str,
    progress: Progress,
) -> BulkReport:
    """Bring OUT up to date with the dump, and say what was done.

    Raises `UsageError` where OUT is of another selection, `Busy`, `OutputError`, `DamagedFile`,
    `PromptError`, `QueryRefused`, `ClusterUnavailable`.
    """
    clock, folder = time.monotonic(), BulkFolder(_whole(out))
    prompts.load(settings.prompts, prompt)
    parts = _parts(dump, folder)  # before OUT is touched
    with folder.working(scratch := _scratch(settings, folder)):
        manifest = _begun(folder, selection)
        plan = _plan(settings, dump, parts, folder, manifest, prompt)
        if settings.model.executor == "cluster":
            from pipeline.bulk.distributed import distribute  # Ray is an extra

            account, usage = distribute(plan, secret_variables(settings))
        else:
            paid = Outputs(settings.outputs).append_spend
            with opened(settings, embedded_at=manifest.started) as executor:
                account, usage = stream(plan, settings.prompts, executor, paid, scratch, progress)
        if account.stopped is None:
            account.balance()
            folder.write_manifest(manifest.but(finished=utc(datetime.now(UTC))))
    return account.report(folder.name, usage, time.monotonic() - clock)


def forecast(
    settings: Settings, dump: str, out: str, selection: Selection, prompt: str
) -> Forecast:
    """What `bulk` would ask; tokens and cost are those of a sample of the papers, as many times.

    The dump is read, in this process, and nothing is asked or written to OUT. Raises as `bulk`.
    """
    folder = BulkFolder(_whole(out))
    manifest = _checked(folder, selection) or _new(selection)
    plan = _plan(settings, dump, _parts(dump, folder), folder, manifest, prompt)
    nobody = Embedded(Glossary({}), manifest.started)  # is asked
    maker = Maker(plan, settings.prompts, nobody, lambda _: None)
    chance = random.Random(0)  # noqa: S311  a sample, the same each time
    count, sample = 0, list[Paper]()
    scratch = _scratch(settings, folder, "forecast")
    lock = files.locked(scratch.with_suffix(".lock"), timeout=0.0, holder="the forecast")
    with lock, spooled(plan, scratch) as (spool, _):
        for month in sorted(spool.papers):
            for paper in maker.to_ask(month, spool.lines(month)):
                count += 1
                if len(sample) < SAMPLE:
                    sample.append(paper)
                elif (place := chance.randrange(count)) < SAMPLE:
                    sample[place] = paper
    questions = [Question(maker.job(paper), maker.prompt.sentences) for paper in sample]
    found = of_questions(settings, TOPIC, questions, set(), judged=False)
    times = count / max(1, len(sample))
    return found.but(
        papers=count, cached=round(found.cached * times), usage=_times(found.usage, times)
    )


def _times(usage: Usage, times: float) -> Usage:
    return Usage(
        prompt_tokens=round(usage.prompt_tokens * times),
        completion_tokens=round(usage.completion_tokens * times),
        usd=None if usage.usd is None else usage.usd * times,
    )


def _plan(  # noqa: PLR0913  what the command names, and what was found there
    settings: Settings,
    dump: str,
    parts: tuple[Part, ...],
    folder: BulkFolder,
    manifest: Manifest,
    prompt: str,
) -> Plan:
    """The same for every process: paths are whole, since others work in other folders.

    Addresses of people, which hold passwords, stay here.
    """
    whole = {name: getattr(settings, name).absolute() for name in ("outputs", "cache", "prompts")}
    apart = {"notify": NotifySettings(), "review": ReviewSettings()}
    return Plan(
        settings=msgspec.structs.replace(settings, **whole, **apart),
        prompts=prompts.texts(settings.prompts),
        prompt=prompt,
        selection=manifest.selection,
        dump=_whole(dump),
        parts=parts,
        out=folder.name,
        started=manifest.started,
    )


def _parts(dump: str, folder: BulkFolder) -> tuple[Part, ...]:
    """The parts of the dump. Raises `UsageError`, also where it would come to hold OUT."""
    whole = _whole(dump)
    if f"{folder.name}/".startswith(f"{whole}/"):
        what = "DUMP and OUT are the same" if folder.name == whole else "OUT is in DUMP"
        raise UsageError(what, where=folder.name, next_step="Give another folder as OUT")
    parts = parts_of(whole)
    check_papers(whole, parts)
    return parts


def _begun(folder: BulkFolder, selection: Selection) -> Manifest:
    """The pass that is gone on with, or a new one. Raises `UsageError`."""
    manifest = _checked(folder, selection)
    if manifest is None or manifest.finished is not None:
        manifest = _new(selection)
        folder.write_manifest(manifest)
    return manifest


def _checked(folder: BulkFolder, selection: Selection) -> Manifest | None:
    manifest = folder.manifest()
    if manifest is not None and manifest.selection != selection:
        was = manifest.selection.to_json()
        raise UsageError(
            f"holds another selection of papers: {was}",
            where=folder.name,
            next_step="Name the same topic or query as before, or another folder",
        )
    return manifest


def _new(selection: Selection) -> Manifest:
    return Manifest(selection=selection, started=utc(datetime.now(UTC)))


def _scratch(settings: Settings, folder: BulkFolder, use: str = "") -> Path:
    """A folder of this machine for one OUT."""
    mark = hashlib.sha256(f"{folder.name}\n{use}".encode()).hexdigest()[:16]
    return settings.cache.absolute() / "bulk" / mark


def _whole(address: str) -> str:
    """An address without a slash at its end, a path from the root on."""
    return address.rstrip("/") if "://" in address else str(Path(address).absolute())
