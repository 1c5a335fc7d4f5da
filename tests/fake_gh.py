"""Takes the place of GitHub's program `gh`: `fake_gh.py FOLDER ARGUMENTS...`.

FOLDER holds `origin`, a bare repository, `pulls.json` and `calls.jsonl`. It knows exactly the
calls that the recipes make, and refuses all others as well as those without the token.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

TOKEN = "ghs-of-this-job"
OWN = "map(select(.isCrossRepository | not)) | .[0].number // empty"
"""The query for the number of this repository's own pull request; a fork's has `fork`."""

DRAFTS = "PLAN_WITHOUT_DRAFTS" not in os.environ
"""Private repositories of the free plan have none."""


class Pulls:
    """The pull requests, and what `gh` says of them."""

    def __init__(self, folder: Path) -> None:
        self.origin = folder / "origin"
        self.file = folder / "pulls.json"
        self.all: list[dict[str, Any]] = (
            json.loads(self.file.read_text("utf-8")) if self.file.exists() else []
        )
        for pull in self.all:
            if pull["state"] == "open" and not pull.get("fork"):
                tip = self._git(
                    "for-each-ref", "--format=%(objectname)", f"refs/heads/{pull['head']}"
                )
                pull["headRefOid"] = tip or pull["headRefOid"]
                if not tip:  # GitHub sees this and what follows by itself
                    pull["state"] = "closed"
                elif self._in_main(tip):
                    pull["state"] = "merged"
        self.save()

    def save(self) -> None:
        """Write them back."""
        self.file.write_text(json.dumps(self.all), "utf-8")

    def listed(self, head: str, base: str, state: str, query: str) -> str:
        """The answer of `gh pr list` with one of the recipes' queries."""
        found = [p for p in self.all if (p["head"], p["base"], p["state"]) == (head, base, state)]
        found.sort(key=lambda pull: -pull["number"])
        if query == ".[].headRefOid":
            return "\n".join(str(pull["headRefOid"]) for pull in found)
        if query != OWN:
            refuse(f"the query {query}")
        return next((str(pull["number"]) for pull in found if not pull.get("fork")), "")

    def create(self, head: str, base: str, title: str, body: str) -> None:
        """As GitHub, one open pull request for a branch, and none without commits."""
        tip = self._git("rev-parse", head)
        if self.listed(head, base, "open", OWN) or self._in_main(tip):
            refuse("a pull request that exists, or is empty")
        number = len(self.all) + 1
        pull = {"number": number, "state": "open", "head": head, "base": base}
        pull |= {"draft": False, "auto": False}
        self.all.append({**pull, "headRefOid": tip, "title": title, "body": body})

    def ready(self, number: str, *, draft: bool) -> None:
        """As GitHub, only where it is open, and into a draft only where the plan has them."""
        pull = self.all[int(number) - 1]
        if pull["state"] != "open" or (draft and not DRAFTS):
            refuse(f"making {number} ready, or a draft,")
        pull["draft"] = draft

    def no_auto(self, number: str) -> None:
        """Merge it no more by itself; an error where nobody asked for that."""
        if not self.all[int(number) - 1]["auto"]:
            refuse("a merge that waits")
        self.all[int(number) - 1]["auto"] = False

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.origin), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()

    def _in_main(self, commit: str) -> bool:
        command = ["git", "-C", str(self.origin), "merge-base", "--is-ancestor", commit, "main"]
        return subprocess.run(command, check=False).returncode == 0


def refuse(what: str) -> NoReturn:
    """End as `gh` does."""
    sys.exit(f"gh: {what} is not known")


def main() -> None:
    """Record the call and answer it."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(arguments) + "\n")
    if os.environ.get("GH_TOKEN") != TOKEN:
        sys.exit("gh: set the GH_TOKEN environment variable")
    pulls = Pulls(folder)
    match arguments:
        case ["auth", "setup-git"]:
            pass
        case ["pr", "list", "--head", head, "--base", base, "--state", state, "--json", _, *query]:
            sys.stdout.write(pulls.listed(head, base, state, query[1]) + "\n")
        case ["pr", "create", "--head", h, "--base", b, "--title", title, "--body-file", body]:
            pulls.create(h, b, title, Path(body).read_text("utf-8"))
        case ["pr", "ready", "--undo", number]:
            pulls.ready(number, draft=True)
        case ["pr", "ready", number]:
            pulls.ready(number, draft=False)
        case ["pr", "merge", "--disable-auto", number]:
            pulls.no_auto(number)
        case ["api", "--silent", "--method", "PATCH", address, "--field", field]:
            asked = re.fullmatch(r"repos/kelp/digests/pulls/([0-9]+)", address)
            if asked is None or not field.startswith("body=@"):
                refuse(" ".join(arguments))
            body = Path(field.removeprefix("body=@")).read_text("utf-8")
            pulls.all[int(asked[1]) - 1]["body"] = body
        case _:
            refuse(" ".join(arguments))
    pulls.save()


if __name__ == "__main__":
    main()
