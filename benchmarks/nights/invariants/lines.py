"""What is shown as a line of the model is one, in the records and on every page."""

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import html as lxml_html

from benchmarks.nights.evidence import Json
from benchmarks.nights.invariants.case import Case
from benchmarks.nights.world import letters

CHINESE = re.compile("[\u4e00-\u9fff]")
FORMULA = re.compile(r"[$\\]")


def no_failure_is_shown_as_a_summary(case: Case) -> Iterator[str]:
    """What is called a model's line was said by the model, of this paper and in this language."""
    account = case.machine.world.account
    for snapshot in case.evidence.snapshots:
        for digest in snapshot.digests:
            for entry in digest["papers"]:
                paper, title = entry["paper"]["id"], entry["paper"]["title"]
                for language, line in entry["lines"].items():
                    where, text = f"{snapshot}: {paper}", line["text"]
                    if line["origin"] == "model" and not account.came_from_the_model(title, text):
                        yield f"{where}: the model never said {text!r}"
                    if line["origin"] == "model" and bool(CHINESE.search(text)) != (
                        language == "zh"
                    ):
                        yield f"{where}: {text!r} is not the {language} line"
                    settled = entry["decision"] and entry["decision"]["action"] != "hold"
                    if line["origin"] == "embedded" and not entry["gap"] and not settled:
                        yield f"{where}: a stand-in is no gap"


def pages_say_what_the_records_say(case: Case) -> Iterator[str]:
    """Each line of each page, drafts and site, with its text and where it is from."""
    for snapshot in case.evidence.snapshots:
        shown = [(snapshot.folder / "5-digest.html", snapshot.digest)]
        if snapshot.releases:
            page = case.machine.outputs / "site" / f"{snapshot}.html"
            shown.append((page, snapshot.releases[-1]["digest"]))
        for path, digest in shown:
            if digest is not None:
                yield from _differences(path, digest)


def _differences(page: Path, digest: Json) -> Iterator[str]:
    """What a page shows otherwise than its digest; of texts with formulas the origin alone."""
    told = {
        (entry["paper"]["id"], {"en": "en", "zh": "zh-Hans"}[language]): line
        for entry in digest["papers"]
        for language, line in entry["lines"].items()
    }
    root = lxml_html.document_fromstring(page.read_bytes())
    shown = {
        (article.get("id"), line.get("lang")): line
        for article in root.xpath("//article[contains(@class, 'paper')]")
        for line in article.xpath(".//*[contains(@class, 'summary')]//*[@lang and @data-origin]")
    }
    where = f"{page.parent.name}/{page.name}"
    for key in sorted(told.keys() ^ shown.keys()):
        yield f"{where}: the line {key} is on one side only"
    for key in told.keys() & shown.keys():
        text = told[key]["text"]
        if told[key]["origin"] != shown[key].get("data-origin"):
            yield f"{where}: {key} is by {told[key]['origin']}, and the page says another"
        if not FORMULA.search(text) and letters(text) != letters(shown[key].text_content()):
            yield f"{where}: {key} is {text!r}, and the page says another line"
