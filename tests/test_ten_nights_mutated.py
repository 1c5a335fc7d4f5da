"""The long run can fail: a program with one promise broken on purpose does not get through it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_httpserver import HTTPServer

from benchmarks.nights.machine import REPOSITORY
from tests.invented_nights import ten_nights

DECIDED = (
    "        files.append_lines(self._decisions, [decision.to_json() for decision in decisions])\n"
)


class Mutation(NamedTuple):
    """One place of the program, what is broken there, and who has to notice."""

    file: str
    was: str
    is_now: str
    noticed_by: str


MUTATIONS = {
    "what is over the limit is dropped": Mutation(
        "stages/fetch.py",
        "        outputs.write_waiting(topic.name, choice.rest)\n    outputs.append_fetch(",
        "        outputs.write_waiting(topic.name, [])\n    outputs.append_fetch(",
        "nothing is lost",
    ),
    "whatever was shown is due again": Mutation(
        "ledger.py",
        "    return paper.version > shown.version and content_of(paper) != shown.content\n",
        "    return True\n",
        "nothing is shown twice",
    ),
    "the gate stands open": Mutation(
        "decisions.py",
        '    if policy == "none":\n        return ()\n    flagged',
        "    if policy:\n        return ()\n    flagged",
        "nothing is published unread",
    ),
    "a decision is acknowledged and not kept": Mutation(
        "snapshot.py",
        DECIDED,
        "        files.append_lines(self._decisions, [d.to_json() for d in decisions][1:])\n",
        "no decision is lost",
    ),
    "decisions are replaced by the last ones": Mutation(
        "snapshot.py",
        DECIDED,
        "        files.replace(self._decisions, as_lines(decisions))\n",
        "no decision is lost",
    ),
    "a stand-in passes for a model's line": Mutation(
        "stages/summarize.py",
        "            stand_in = Wanted(None, glossary, EMBEDDED)\n",
        "            stand_in = self._wanted\n"
        "            made = outcome.but(model=stand_in.model, created=self._started)\n",
        "no failure is shown as a summary",
    ),
    "a page calls every line a model's": Mutation(
        "site/templates/paper.html.j2",
        'data-origin="{{ line.origin }}"',
        'data-origin="model"',
        "pages say what the records say",
    ),
    "no answer is found in the cache": Mutation(
        "cache.py",
        '            key = f"{fingerprint}:{attempt}"\n            try:',
        '            key = f"{fingerprint}:none{attempt}"\n            try:',
        "nothing is paid twice",
    ),
    "costs are not booked": Mutation(
        "outputs.py",
        "        self._spend.append(spent)\n",
        "        self._spend.append([*spent][1:])\n",
        "the books balance",
    ),
    "pages are written once and never again": Mutation(
        "site_folder.py",
        "                same = path.is_file() and path.read_bytes() == text.encode()\n",
        "                same = path.is_file()\n",
        "the site is what was published",
    ),
    "gaps are forgotten": Mutation(
        "stages/summarize.py",
        "        gaps[paper] = Gap(failure=failure, nights=nights)\n",
        "        gaps.pop(paper, None)\n",
        "every gap is explained",
    ),
    "a release lacks a paper": Mutation(
        "stages/publish.py",
        "        digest=digest,\n",
        "        digest=digest.but(papers=digest.papers[:-1]),\n",
        "what was decided is shown",
    ),
    "the first decision stands": Mutation(
        "decisions.py",
        "                self.in_force[paper] = decision\n",
        "                self.in_force.setdefault(paper, decision)\n",
        "what was decided is shown",
    ),
    "papers have the lines of others": Mutation(
        "wanted.py",
        "            lines=lines,\n",
        "            lines=self.__dict__.setdefault('first', lines),\n",
        "no failure is shown as a summary",
    ),
    "pages show another text": Mutation(
        "site/templates/paper.html.j2",
        "{{ line.text | latex(links=false) }}</p>",
        "Something else.</p>",
        "pages say what the records say",
    ),
    "answers cost less than the provider said": Mutation(
        "llm/completion.py",
        "        completion_tokens=completion,\n",
        "        completion_tokens=min(completion, 1),\n",
        "the books balance",
    ),
}


@pytest.mark.prove
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_promise_does_not_get_through_the_nights(
    name: str, tmp_path: Path, httpserver: HTTPServer
) -> None:
    mutation = MUTATIONS[name]
    code = tmp_path / "code"
    for folder in ("pipeline", "prompts"):
        shutil.copytree(
            REPOSITORY / folder, code / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    broken = code / "pipeline" / mutation.file
    text = broken.read_text(encoding="utf-8")
    assert text.count(mutation.was) == 1, "the program has changed: mutate it elsewhere"
    broken.write_text(text.replace(mutation.was, mutation.is_now), encoding="utf-8")
    found = ten_nights(httpserver, code).diary.found
    assert [each for each in found if mutation.noticed_by in each], found
