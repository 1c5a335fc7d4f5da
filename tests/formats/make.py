"""Makes the set of files that is kept of the present format: see README.md beside this.

    .venv/bin/python tests/formats/make.py

Two nights of one topic as the command line leaves them, from an invented arXiv and a model's
server on this machine. The folder named after the format is replaced.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec
from pytest_httpserver import HTTPServer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from pipeline import books, records  # noqa: E402  found in the checkout, installed or not
from pipeline.formats import FORMAT  # noqa: E402
from pipeline.outputs import Outputs  # noqa: E402
from pipeline.records import Preference  # noqa: E402
from tests.feeds import Entry, atom  # noqa: E402
from tests.model_server import ModelServer, completion, good_lines  # noqa: E402

SUMS = "SHA256SUMS"
FIELDS = "fields.json"
LEFT_OUT = ("site", "*.lock", "*.html")
"""Made again at any time, and larger than all the rest."""

FIRST, SECOND = "20260430_0405", "20260501_0405"
BUOYS = Entry(
    "2604.90001",
    title="Forecasting Waves at New Buoys",
    abstract="We tune a wave model on 40 buoys. At a new buoy its error is 9 cm.",
    updated="2026-04-29T12:00:00Z",
    published="2026-04-29T12:00:00Z",
    comment="4 pages",
)
GULLS = Entry(
    "2604.90002",
    title="Counting Gulls with Few Pictures",
    abstract="A detector trained on one pier counts gulls on another. It needs 12 pictures.",
    updated="2026-04-29T11:00:00Z",
    published="2026-04-29T11:00:00Z",
)
WITHDRAWN = Entry(
    "2604.90001",
    version=2,
    title=BUOYS.title,
    abstract=BUOYS.abstract,
    updated="2026-04-30T13:00:00Z",
    published=BUOYS.published,
    comment="This paper has been withdrawn: a gauge was broken",
)
KELP = Entry(
    "2604.90003",
    title="Mapping Kelp Forests from Space",
    abstract="A segmentation model maps kelp forests. It needs 30 labelled scenes.",
    updated="2026-04-30T12:00:00Z",
    published="2026-04-30T12:00:00Z",
)
HORNS = Entry(
    "2604.90004",
    title="Silent Fog Horns",
    abstract="Fog horns are heard less often. We ask why.",
    updated="2026-04-30T11:00:00Z",
    published="2026-04-30T11:00:00Z",
)
ROPES = Entry(
    "2604.90005",
    title="Ropes That Report Wear",
    abstract="Ropes wear out. Ours say so.",
    updated="2026-04-30T10:00:00Z",
    published="2026-04-30T10:00:00Z",
)
CONFIG = """\
prompts = "{prompts}"
[site]
title = "Tide Papers 潮汐论文"
search = false
[arxiv]
url = "{feed}"
delay = 0.0
[model]
name = "test-model"
base_url = "{base_url}"
[notify]
published = ["{told}"]
[[topic]]
name = "tides"
query = "all:tide"
limit = 3
"""


class Desk:
    """Two nights and a morning, in a folder of their own."""

    def __init__(self, folder: Path, server: HTTPServer) -> None:
        self.folder = folder
        self.model = ModelServer(server)
        server.expect_request("/told").respond_with_data("")
        self.feed = folder / "feed.atom"
        text = CONFIG.format(
            prompts=ROOT / "prompts",
            feed=self.feed.as_uri(),
            base_url=self.model.base_url,
            told=server.url_for("/told").replace("http:", "json:"),
        )
        (folder / "paperline.toml").write_text(text, encoding="utf-8")

    def paperline(self, *arguments: str, ends: int = 0) -> None:
        """One command. Raises `RuntimeError` where it does not end as it should."""
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        command = [sys.executable, "-m", "pipeline", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        if done.returncode != ends:
            raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")

    def first_night(self) -> None:
        """Published with an edit, an introduction and a correction; another prompt tried."""
        night = f"tides/{FIRST}"
        self.feed.write_text(atom([BUOYS, GULLS]), encoding="utf-8")
        self.paperline("run", "--at", "2026-04-30T04:05+08:00")
        self.paperline("introduce", night, "--en", "Two coasts.", "--editor", "Mei Lan")
        self.paperline("decide", night, BUOYS.id, "approve", "--editor", "Mei Lan")
        shorter = (
            "--zh",
            "只需 12 张图片，就能在另一座栈桥上清点海鸥。",
            "--note",
            "clearer",
        )
        self.paperline("decide", night, GULLS.id, "edit", *shorter, "--editor", "Mei Lan")
        better = ("--en", "A model tuned on 40 buoys forecasts waves at a new one within 9 cm.")
        self.paperline("decide", night, BUOYS.id, "edit", *better, "--editor", "Jonas Riff")
        self.paperline("summarize", night, "--prompt", "three_sentences")
        self.paperline("check", night)
        self._prefer()

    def second_night(self) -> None:
        """A draft with a gap and an exclusion; what the first night showed is withdrawn."""
        night = f"tides/{SECOND}"
        found = [WITHDRAWN, KELP, HORNS, ROPES]
        self.feed.write_text(atom(found), encoding="utf-8")
        self.model.always = lambda body: (
            completion("No.") if HORNS.title in json.dumps(body) else good_lines(body)
        )
        self.paperline("run", "--at", "2026-05-01T04:05+08:00", ends=3)
        self.paperline("decide", night, KELP.id, "exclude", "--editor", "Jonas Riff")

    def _prefer(self) -> None:
        """The choice that an editor makes in the review app between two lines without names."""
        snapshot = Outputs(self.folder / "outputs").snapshot("tides", FIRST)
        one, other = [each for each in snapshot.summaries() if each.paper == GULLS.id][:2]
        taken = snapshot.decisions()[-1]
        preferred = Preference(
            paper=GULLS.id,
            version=1,
            language="en",
            summaries=(one.id, other.id),
            preferred=other.id,
            editor=taken.editor,
            at=taken.at,
        )
        with snapshot.releasing():
            snapshot.append_preferences([preferred])


def fields() -> str:
    """The fields of every record that is kept, and their types, as they are now; JSON."""
    kinds = {
        kind
        for module in (records, books)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, records.Record)
    }
    _, schemas = msgspec.json.schema_components(sorted(kinds, key=lambda kind: kind.__name__))
    kept = ("properties", "required")
    found = {name: {part: schema.get(part) for part in kept} for name, schema in schemas.items()}
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def sums(folder: Path) -> str:
    """The SHA-256 of every file below a folder, as `sha256sum` prints them."""
    found = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != SUMS)
    lines = (
        f"{sha256(each.read_bytes()).hexdigest()}  {each.relative_to(folder).as_posix()}\n"
        for each in found
    )
    return "".join(lines)


def main() -> None:
    """Make the set anew."""
    kept = HERE / str(FORMAT)
    with tempfile.TemporaryDirectory() as name, HTTPServer() as server:
        desk = Desk(Path(name), server)
        desk.first_night()
        desk.second_night()
        shutil.rmtree(kept, ignore_errors=True)
        left_out = shutil.ignore_patterns(*LEFT_OUT)
        shutil.copytree(desk.folder / "outputs", kept / "outputs", ignore=left_out)
    (kept / FIELDS).write_text(fields(), encoding="utf-8")
    (kept / SUMS).write_text(sums(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
