"""What waits for editors, as the Markdown of a pull request; nothing where nothing waits.

Reads the answer of `paperline status --json` from standard input. Titles and reasons are
untrusted text: each stands in a code span, where GitHub knows no markup, mention or link.
"""

import json
import os
import re
import sys
from typing import Any

WAITING = ("draft", "ready", "correcting")
MOST = 60_000
"""Characters; GitHub takes 65,536."""

HEAD = """\
Merging this says: **I have read every line, and they may be published.** The lines of all papers
that nobody has decided on are then approved in your name, as they stand here, and what passes its
gate is published.

To correct a line or leave a paper out, decide on this branch before, in the review app or with
`paperline decide`. A paper marked as a gap is not approved by merging: its lines are a stand-in,
and the next nights ask for real ones.
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
        print(body(states, blob))


def body(states: list[dict[str, Any]], blob: str) -> str:
    """The pull request's text; `blob` is the address of `outputs/` on the branch."""
    lines = [HEAD]
    for state in states:
        name = f"{state['topic']}/{state['snapshot']}"
        lines.append(
            f"### {code(name)}\n\n"
            f"Waits for {state['waiting_for']} of {len(state['papers'])} papers: "
            f"[read the lines]({blob}/{name}/5-digest.md)\n"
        )
        lines += [row(paper) for paper in state["papers"] if paper["decision"] is None]
        lines.append("")
    return fitting(lines)


def row(paper: dict[str, Any]) -> str:
    """One undecided paper, with what an editor should know before reading."""
    counts = ((paper["errors"], "error"), (paper["warnings"], "warning"))
    remarks = [f"{n} {what}{'s' * (n > 1)}" for n, what in counts if n]
    if paper["gap"]:
        remarks.append(f"**gap**: {code(paper['gap'])}")
    told = f" ({'; '.join(remarks)})" if remarks else ""
    return f"- {code(paper['id'])} {code(paper['title'])}{told}"


def code(text: str) -> str:
    """The text on one line in a code span, its fence longer than any inside."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if line else ""


def fitting(lines: list[str]) -> str:
    """As many of the lines as GitHub takes, and how many are left out."""
    kept: list[str] = []
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MOST:
            return "\n".join([*kept, "", f"... and {len(lines) - number} lines more."])
        kept.append(line)
    return "\n".join(kept)


if __name__ == "__main__":
    main()
