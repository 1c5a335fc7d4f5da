"""The page to equal: thirty recorded papers, field for field. Needs the test bed."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import html

from pipeline.desk import Desk
from pipeline.outputs import Outputs
from pipeline.settings import Settings
from pipeline.stages.review import Wish
from tests.test_site import read
from tests.testbed_servers import serving, statistics

ROOT = Path(__file__).parent.parent
QUERY = (
    'all:"transfer learning" OR all:"meta learning" OR all:"instruction tuning" '
    'OR all:"fine tuning"'
)
LARGEST = 124_000
"""Bytes of the page of thirty papers on the site, without compression."""

CONFIG = """\
prompts = "{prompts}"
[arxiv]
url = "{arxiv}"
delay = 0.0
[model]
base_url = "{model}"
[[topic]]
name = "ai4science"
query = '{query}'
select = "latest"
limit = 30
"""


def seed_papers(text: str) -> list[dict[str, str]]:
    """The papers of the seed page's text, each with the fields that it prints."""
    body = text[text.index("Snapshot:") :].split("\n", 1)[1].split("\nHistory\n", maxsplit=1)[0]
    papers = []
    lines = body.split("\n")
    for number, line in enumerate(lines):
        if not line.startswith("Authors: "):
            continue
        paper = {"title": lines[number - 1], "authors": line.removeprefix("Authors: ")}
        for below, following in enumerate(lines[number + 1 :], number + 1):
            if following == "Abstract":
                paper["abstract"] = lines[below + 1]
                break
            if dates := re.match(r"First: (\S+) · Latest: (\S+)", following):
                paper["first"], paper["latest"] = dates.groups()
            label, _, value = following.partition(": ")
            if label in ("Comments", "Venue"):
                paper[label.lower()] = value
        papers.append(paper)
    return papers


def as_read(papers: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same papers with their texts as our pages show them, without LaTeX."""
    raw = ("first", "latest")
    return [
        {name: value if name in raw else read(value) for name, value in paper.items()}
        for paper in papers
    ]


def raw_papers(digest: dict[str, Any]) -> list[dict[str, str]]:
    """The same fields of a digest as JSON."""
    papers = []
    for entry in digest["papers"]:
        paper = entry["paper"]
        known = {name: paper.get(name) for name in ("title", "abstract", "comments", "venue")}
        known["authors"] = ", ".join(paper["authors"])
        known |= {name: paper[name].replace("Z", "+00:00") for name in ("first", "latest")}
        papers.append({name: value for name, value in known.items() if value is not None})
    return papers


def has(name: str) -> str:
    """An XPath condition: the element has this class."""
    return f"contains(concat(' ', @class, ' '), ' {name} ')"


def page_papers(page: str) -> list[dict[str, str]]:
    """The same fields of our page."""
    papers = []
    for article in html.fromstring(page).xpath(f"//article[{has('paper')}]"):
        paper = {
            "title": article.xpath("string(.//h2/a)"),
            "authors": article.xpath(f"string(.//*[{has('authors')}])"),
            "first": article.xpath(f"string(.//time[{has('first')}]/@datetime)"),
            "latest": article.xpath(f"string(.//time[{has('latest')}]/@datetime)"),
            "abstract": article.xpath(f"string(.//*[{has('abstract')}])"),
        }
        for name in ("comments", "venue"):
            if article.xpath(f".//*[{has(name)}]"):
                paper[name] = article.xpath(f"string(.//*[{has(name)}])")
        papers.append(
            {
                name: value.replace("Z", "+00:00") if name in ("first", "latest") else value
                for name, value in paper.items()
            }
        )
    return papers


def paperline(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def approve(outputs: Path, papers: list[str]) -> None:
    """Take the decisions that the command takes one by one; what it does then is the last's."""
    (snapshot,) = Outputs(outputs).snapshots("ai4science")
    settings = Settings(outputs=outputs, cache=outputs.parent / "cache")
    wishes = [Wish("approve", paper) for paper in papers]
    Desk(settings, snapshot).decide(wishes, editor="Ada", at=datetime.now(UTC))


def test_the_recorded_night_equals_the_seed_page_is_paid_once_and_published_when_decided(
    testbed: Path, tmp_path: Path
) -> None:
    (seed,) = (testbed.parent / "seed").glob("*.txt")
    expected = seed_papers(seed.read_text("utf-8"))
    assert len(expected) == 30
    arxiv = serving(
        testbed / "arxiv_server.py",
        "--corpus",
        str(testbed / "corpus" / "seed_papers.jsonl.gz"),
        "--now",
        "2026-04-30T20:05:00Z",
    )
    with arxiv as arxiv_url, serving(testbed / "llm_server.py") as model_url:
        (tmp_path / "paperline.toml").write_text(
            CONFIG.format(
                prompts=ROOT / "prompts",
                arxiv=f"{arxiv_url}/api/query",
                model=model_url,
                query=QUERY,
            ),
            encoding="utf-8",
        )
        night = ("run", "--at", "2026-05-01T04:05+08:00")
        paperline(tmp_path, *night)
        first = statistics(model_url)
        said = paperline(tmp_path, *night)
        second = statistics(model_url)
    snapshot = tmp_path / "outputs" / "ai4science" / "20260501_0405"
    page = (snapshot / "5-digest.html").read_text("utf-8")
    assert page_papers(page) == as_read(expected)
    assert "Snapshot: 20260501_0405" in page
    digest: dict[str, Any] = json.loads((snapshot / "5-digest.json").read_text("utf-8"))
    assert raw_papers(digest) == expected
    for entry in digest["papers"]:
        assert {line["origin"] for line in entry["lines"].values()} == {"model"}
        assert set(entry["lines"]) == {"en", "zh"}
    assert "nothing new" in said
    assert first["requests"] == second["requests"]
    assert second["duplicates"] == 0
    site = tmp_path / "outputs" / "site"
    assert not site.exists()
    *most, last = (entry["paper"]["id"] for entry in digest["papers"])
    approve(tmp_path / "outputs", most)
    assert not site.exists()
    paperline(tmp_path, "decide", "ai4science/latest", last, "approve")
    released_page = (site / "ai4science" / "20260501_0405.html").read_text("utf-8")
    assert page_papers(released_page) == as_read(expected)
    assert len(released_page.encode()) < LARGEST
    (released,) = (snapshot / "6-published.jsonl").read_text("utf-8").splitlines()
    assert [entry["lines"] for entry in json.loads(released)["digest"]["papers"]] == [
        entry["lines"] for entry in digest["papers"]
    ]
