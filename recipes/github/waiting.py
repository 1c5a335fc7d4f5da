"""What waits for editors, as the Markdown of a pull request; nothing where nothing waits.

Reads the answer of `paperline status --json` from standard input, and the digests' files below
`outputs/`. Titles, lines and messages are untrusted text: each stands in a code span on one
line, where GitHub knows no markup, mention or link, and can be no line of its own.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WAITING = ("draft", "ready", "correcting")
MOST = 60_000
"""Characters; GitHub takes 65,536."""

LISTED = re.compile(r"^<!-- lines ([0-9a-f]{64}) -->\r?$", re.MULTILINE)

HEAD = """\
Merging this says: **I have read every line below, and they may be published.** Exactly these lines
are then approved in your name, and what passes its gate is published. What is not listed here, or
reads otherwise in what was merged, stays undecided and comes with a later pull request.

To correct a line or leave a paper out, decide on this branch before, in the review app or with
`paperline decide`. A paper marked as a gap is not approved by merging: its lines are a stand-in,
and the next nights ask for real ones. While a night works this is a draft, which cannot be merged.
"""


def main() -> None:
    """Read the states, print the text."""
    states = [state for state in json.load(sys.stdin) if state["state"] in WAITING]
    if states:
        blob = "/".join(
            (
                os.environ.get("GITHUB_SERVER_URL", "https://github.com"),
                os.environ.get("GITHUB_REPOSITORY", ""),
                "blob/nights/outputs",
            )
        )
        print(body(states, {snapshot(state): digest(snapshot(state)) for state in states}, blob))


def snapshot(state: Mapping[str, Any]) -> str:
    """Its name, as commands take it: topic and snapshot."""
    return f"{state['topic']}/{state['snapshot']}"


def digest(name: str) -> dict[str, Any]:
    """The digest of that snapshot, as its file has it now."""
    text = Path("outputs", name, "5-digest.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def fingerprints(name: str, shown: Mapping[str, Any]) -> dict[str, str]:
    """Of each paper of a digest, by its id: the SHA-256 of all that an editor reads of it.

    That is the snapshot's name, the paper's id and title, and its lines.
    """
    found = {}
    for entry in shown["papers"]:
        lines = {language: line["text"] for language, line in entry["lines"].items()}
        read = [name, entry["paper"]["id"], entry["paper"]["title"], lines]
        text = json.dumps(read, sort_keys=True)
        found[entry["paper"]["id"]] = hashlib.sha256(text.encode()).hexdigest()
    return found


def listed(text: str) -> set[str]:
    """The fingerprints of the lines that a pull request's text shows."""
    return set(LISTED.findall(text))


def body(states: list[dict[str, Any]], digests: Mapping[str, Mapping[str, Any]], blob: str) -> str:
    """The pull request's text, of `digests` by name; `blob` is `outputs/` on the branch."""
    blocks = [HEAD]
    for state in states:
        name = snapshot(state)
        blocks.append(
            f"### {code(name)}\n\n"
            f"Waits for {state['waiting_for']} of {len(state['papers'])} papers: "
            f"[the whole digest]({blob}/{name}/5-digest.md)\n"
        )
        undecided = [paper for paper in state["papers"] if paper["decision"] is None]
        blocks += [block(paper, name, digests[name]) for paper in undecided]
    return fitting(blocks)


def block(paper: Mapping[str, Any], name: str, shown: Mapping[str, Any]) -> str:
    """One undecided paper: its lines, what the checks say of them, and the lines' fingerprint."""
    gap = f" (**gap**: {code(paper['gap'])})" if paper["gap"] else ""
    rows = [f"- {code(paper['id'])} {code(paper['title'])}{gap}"]
    for entry in shown["papers"]:
        if entry["paper"]["id"] == paper["id"]:
            rows += [f"  - {lang}: {code(line['text'])}" for lang, line in entry["lines"].items()]
    for finding in shown["findings"]:
        if finding["paper"] == paper["id"] and finding["severity"] != "note":
            where = f" ({finding['language']})" if finding["language"] else ""
            rows.append(f"  - **{finding['severity']}**{where}: {code(finding['message'])}")
    fingerprint = fingerprints(name, shown).get(paper["id"])
    if fingerprint and not paper["gap"]:
        rows += ["", f"<!-- lines {fingerprint} -->"]
    return "\n".join([*rows, ""])


def code(text: str) -> str:
    """The text on one line in a code span, its fence longer than any inside."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if line else ""


def fitting(blocks: list[str]) -> str:
    """As many of the blocks as GitHub takes, and how many are left out."""
    size = 0
    for number, each in enumerate(blocks):
        size += len(each) + 1
        if size > MOST:
            left = sum(each.startswith("- ") for each in blocks[number:])
            told = f"**{left} papers more have no room here.** Merging does not approve them."
            return "\n".join([*blocks[:number], told])
    return "\n".join(blocks)


if __name__ == "__main__":
    main()
