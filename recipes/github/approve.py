"""Approve the undecided papers whose lines the merged pull request shows, and publish.

Papers with a gap are left: what they show is a stand-in that no editor should sign. So are those
that the pull request's text does not list, and those whose lines are others than it shows.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from recipes.github.waiting import WAITING, code, digest, fingerprints, listed, snapshot

PAPERLINE = Path(sys.executable).with_name("paperline")
MISSING = 3
"""paperline's exit code where a part of the site could not be brought up to date."""


def main() -> None:
    """Decide through the command line, as an editor would; the first failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--event", required=True, type=Path, help="GitHub's, of the merging")
    parser.add_argument("--left", required=True, type=Path, help="gets the list of what was not")
    given = parser.parse_args()
    pull = json.loads(given.event.read_text("utf-8"))["pull_request"]
    signed = ("--editor", pull["merged_by"]["login"], "--note", f"pull request {pull['number']}")
    read = listed(pull["body"] or "")
    left = []
    for state in waiting():
        name = snapshot(state)
        present = fingerprints(name, digest(name))
        for paper in state["papers"]:
            if paper["decision"] is not None or paper["gap"] is not None:
                continue
            if present.get(paper["id"]) in read:
                paperline("decide", *signed, "--", name, paper["id"], "approve")
            else:
                left.append(f"- {code(name)} {code(paper['id'])} {code(paper['title'])}\n")
    given.left.write_text("".join(left), "utf-8")
    for state in waiting():  # where [review] publish is "asked", merging asks
        if state["state"] in ("ready", "correcting") and not state["waiting_for"]:
            paperline("publish", snapshot(state))
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
