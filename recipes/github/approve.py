"""Approve every undecided paper of every digest that waits, as it stands here, and publish.

Papers with a gap are left: what they show is a stand-in that no editor should sign.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAPERLINE = Path(sys.executable).with_name("paperline")
WAITING = ("draft", "ready", "correcting")
MISSING = 3
"""paperline's exit code where a part of the site could not be brought up to date."""


def main() -> None:
    """Decide through the command line, as an editor would; the first failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--editor", required=True, help="in whose name")
    parser.add_argument("--note", default="", help="kept with each decision")
    given = parser.parse_args()
    signed = ("--editor", given.editor, "--note", given.note)
    for state in waiting():
        snapshot = f"{state['topic']}/{state['snapshot']}"
        for paper in state["papers"]:
            if paper["decision"] is None and paper["gap"] is None:
                paperline("decide", *signed, "--", snapshot, paper["id"], "approve")
    for state in waiting():  # where [review] publish is "asked", merging asks
        if state["state"] in ("ready", "correcting") and not state["waiting_for"]:
            paperline("publish", f"{state['topic']}/{state['snapshot']}")
    # The site is not in the repository: it is built here, also where all was decided before.
    sys.exit(run("publish").returncode)


def waiting() -> list[dict[str, Any]]:
    """The digests that are not published, as `paperline status --json` tells of them."""
    states: list[dict[str, Any]] = json.loads(paperline("status", "--json"))
    return [state for state in states if state["state"] in WAITING]


def paperline(*arguments: str) -> str:
    """What the command prints. Ends the program with the command's exit code if it fails."""
    done = run(*arguments)
    if done.returncode not in (0, MISSING):
        sys.exit(done.returncode)
    return done.stdout


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, its answer shown unless it is for this program."""
    done = subprocess.run([PAPERLINE, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if "--json" not in arguments:
        print(done.stdout, end="", flush=True)
    return done


if __name__ == "__main__":
    main()
