"""Runs two nights in a temporary folder: one approved and published, one left as a draft."""

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipeline import configuration
from pipeline.desk import Desk
from pipeline.executors.selection import opened
from pipeline.files import bundled_folder
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.releasing import release
from pipeline.run import Night, run_topic
from pipeline.settings import Settings
from pipeline.stages.review import Wish

HERE = Path(__file__).parent
NIGHTS = (
    ("night1.atom", datetime.fromisoformat("2026-01-15T04:05+08:00")),
    ("night2.atom", datetime.fromisoformat("2026-01-16T04:05+08:00")),
)
CONFIG = """\
prompts = "{prompts}"

[site]
title = "AI for Science, a demonstration · AI4Science 论文速递（演示）"

[arxiv]
url = "{feed}"
delay = 0.0

[model]
name = "embedded"

[[topic]]
name = "demo"
query = "all:fine"
"""


class Demonstration(NamedTuple):
    """Where the pages are, and the command that opens the draft's review."""

    folder: Path
    published: Path
    draft: Path
    command: str


def demonstrate() -> Demonstration:
    """Make both digests; the first is approved in the name of `demo` and published."""
    folder = Path(tempfile.mkdtemp(prefix="paperline-demo-"))
    config = folder / "paperline.toml"
    for feed, now in NIGHTS:
        text = CONFIG.format(prompts=bundled_folder(), feed=(HERE / feed).as_uri())
        config.write_text(text, encoding="utf-8")
        loaded = configuration.load(config, {})
        with opened(loaded) as executor:
            run_topic(Night(loaded, now, executor, Plain()), loaded.find_topic("demo"))
        if feed == NIGHTS[0][0]:
            _approve(loaded, now)
    outputs = Outputs(folder / "outputs")
    draft = outputs.find("demo/latest")
    first = outputs.snapshots("demo")[0]
    return Demonstration(
        folder=folder,
        published=outputs.site / "demo" / f"{first.name}.html",
        draft=draft.digest_html,
        command=f"{sys.executable} -m pipeline --config {config} review",
    )


def _approve(loaded: Settings, now: datetime) -> None:
    snapshot = Outputs(loaded.outputs).find("demo/latest")
    wishes = [Wish("approve", paper.id) for paper in snapshot.papers()]
    Desk(loaded, snapshot).decide(wishes, editor="demo", at=now)
    release(loaded, snapshot, now)
