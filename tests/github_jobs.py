"""Runs a GitHub workflow file on this machine, and a repository with pull requests beside it.

Every `run:` step is executed as GitHub does it; what the actions of `uses:` do is done here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.expressions import allowed, filled
from tests.fake_gh import TOKEN

ROOT = Path(__file__).parent.parent
FILES = (
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.txt",
    "requirements-dev.txt",
)
FOLDERS = ("pipeline", "prompts", "recipes")
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
COMMAND = re.compile(r"::([\w-]+)(?: [^:]*)?::(.*)")


def workflow(name: str) -> dict[str, Any]:
    """The recipe of that name, read as YAML 1.2, in which `on` is no truth value."""
    text = (ROOT / "recipes" / "github" / name).read_text("utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


class Repository:
    """The operator's repository at GitHub: `origin`, its pull requests, its cache and its pages."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder = folder
        self.origin = folder / "origin"
        self.cached: dict[str, Path] = {}
        self.pages: list[Path] = []
        self.surroundings: dict[str, str] = {}
        self.jobs = 0
        (folder / "home").mkdir(parents=True)
        self._programs()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", self.origin, at=folder)
        hook = self.origin / "hooks" / "pre-receive"
        program(hook, f'[ "$GH_TOKEN" = {TOKEN} ] || {{ echo "no right to push" >&2; exit 1; }}')
        first = self.clone("first")
        for name in FILES:
            shutil.copy(ROOT / name, first)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, first / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("outputs", "cache"):
            (first / name).mkdir()
            (first / name / ".gitkeep").touch()
        (first / "paperline.toml").write_text(settings, "utf-8")
        self.git("add", "--all", "--force", at=first)
        self.commit(first, "Begin", "main")

    @property
    def environment(self) -> dict[str, str]:
        """What programs of a job are given, whatever the tests' own surroundings are."""
        paths = (str(self.folder / "bin"), os.environ["PATH"])
        who = {
            f"GIT_{who}_{what}": "kelp@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        return {
            "PATH": ":".join(paths),
            "HOME": str(self.folder / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
            **who,
            **self.surroundings,
        }

    @property
    def pulls(self) -> list[dict[str, Any]]:
        """All pull requests, the first one first."""
        file = self.folder / "pulls.json"
        found: list[dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else []
        return found

    @property
    def calls(self) -> list[list[str]]:
        """What `gh` was asked for."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    def git(self, *arguments: str | Path, at: Path) -> str:
        """What git prints, with the right to push."""
        done = subprocess.run(
            ["git", *arguments], cwd=at, env={**self.environment, "GH_TOKEN": TOKEN},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def clone(self, name: str, branch: str | None = None) -> Path:
        """A clone of its own."""
        asked = ("--branch", branch) if branch else ()
        self.git("clone", "--quiet", *asked, self.origin, name, at=self.folder)
        return self.folder / name

    def commit(self, clone: Path, message: str, branch: str) -> None:
        """All that changed in a clone, pushed to that branch."""
        self.git("commit", "--quiet", "--all", "--message", message, at=clone)
        self.git("push", "--quiet", "origin", f"HEAD:{branch}", at=clone)

    def files(self, branch: str) -> list[str]:
        """The paths below `outputs/` on that branch."""
        listed = self.git("ls-tree", "-r", "--name-only", branch, "outputs/", at=self.origin)
        return listed.splitlines()

    def records(self, branch: str, suffix: str) -> list[Any]:
        """The lines of all files whose names end so, on that branch."""
        named = [path for path in self.files(branch) if path.endswith(suffix)]
        texts = [self.git("show", f"{branch}:{path}", at=self.origin) for path in named]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def change_pull(self, number: int, **to: Any) -> None:
        """What people do to a pull request on its page."""
        changed = [{**p, **to} if p["number"] == number else p for p in self.pulls]
        (self.folder / "pulls.json").write_text(json.dumps(changed), "utf-8")

    def merge(self, login: str, *how: str) -> dict[str, Any]:
        """Merge the open pull request as that person; the event that GitHub then sends."""
        (pull,) = [each for each in self.pulls if each["state"] == "open"]
        assert not pull["draft"], "GitHub merges no draft"
        work = self.clone(f"merging-{pull['number']}")
        tip = self.git("rev-parse", "origin/nights", at=work)
        self.git("merge", "--quiet", *(how or ("--no-ff", "--no-edit")), "origin/nights", at=work)
        if "--squash" in how:
            self.git("commit", "--quiet", "--message", "Squashed", at=work)
        self.git("push", "--quiet", "origin", "main", at=work)
        self.change_pull(pull["number"], state="merged", headRefOid=tip)
        return {"pull_request": {
            "merged": True, "number": pull["number"], "merged_by": {"login": login},
            "body": pull["body"],
            "merge_commit_sha": self.git("rev-parse", "HEAD", at=work),
            "head": {"ref": "nights", "repo": {"full_name": "kelp/digests"}},
        }}  # fmt: skip

    def _programs(self) -> None:
        (self.folder / "bin").mkdir()
        fake = ROOT / "tests" / "fake_gh.py"
        program(self.folder / "bin" / "gh", f'exec {sys.executable} -S {fake} {self.folder} "$@"')


@dataclass
class Job:
    """One job on a runner of its own. `outcomes` are its steps', by id or name."""

    repository: Repository
    definition: dict[str, Any]
    contexts: dict[str, Any]
    now: str | None
    failed: bool = False
    outcomes: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    annotations: list[str] = field(default_factory=list)
    deployed: bool = False
    real_install: bool = False
    instead: str | None = None
    shell: str | None = None

    def __post_init__(self) -> None:
        self.repository.jobs += 1
        self.folder = self.repository.folder / f"job-{self.repository.jobs}"
        self.work = self.folder / "work"
        (self.folder / "temp").mkdir(parents=True)
        for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY"):
            (self.folder / name).touch()

    @property
    def summary(self) -> str:
        """What stands on the run's page."""
        return (self.folder / "STEP_SUMMARY").read_text("utf-8")

    def run(self) -> None:
        """All steps, in order."""
        steps: dict[str, Any] = {}
        self.contexts = {**self.contexts, "steps": steps}
        for step in self.definition["steps"]:
            if identifier := step.get("id"):
                steps[identifier] = {"outcome": "skipped", "outputs": {}}
        for step in self.definition["steps"]:
            name = step.get("id") or step.get("name") or step["uses"]
            if not allowed(step.get("if"), self.contexts, failed=self.failed):
                self.outcomes[name] = "skipped"
                continue
            good = self._uses(step) if "uses" in step else self._runs(step)
            self.failed |= not good
            self.outcomes[name] = "success" if good else "failure"
            if identifier := step.get("id"):
                steps[identifier] = {"outcome": self.outcomes[name], "outputs": self._given()}
        for name, text in self.definition.get("outputs", {}).items():
            self.outputs[name] = filled(text, self.contexts)

    def _runs(self, step: Mapping[str, Any]) -> bool:
        assert self.shell == "bash", "pipefail is set only where the shell is named"
        own = {name: filled(text, self.contexts) for name, text in step.get("env", {}).items()}
        files = {f"GITHUB_{name}": str(self.folder / name)
                 for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")}  # fmt: skip
        github = self.contexts["github"]
        (self.folder / "OUTPUT").write_text("")
        (self.folder / "event.json").write_text(json.dumps(github["event"]), "utf-8")
        done = subprocess.run(
            [*BASH, "-c", step["run"]], cwd=self.work, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env={**self.repository.environment, **files, **own,
                 "RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_ACTIONS": "true",
                 "GITHUB_REPOSITORY": github["repository"], "GITHUB_RUN_ID": github["run_id"],
                 "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
                 "GITHUB_SERVER_URL": "https://github.com"},
        )  # fmt: skip
        self.log += f"== {step['name']}\n{done.stdout}"
        self.annotations += _annotations(done.stdout)
        assert not (self.folder / "ENV").read_text() + (self.folder / "PATH").read_text()
        return done.returncode == 0

    def _given(self) -> dict[str, str]:
        lines = (self.folder / "OUTPUT").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _uses(self, step: Mapping[str, Any]) -> bool:
        given = {name: filled(text, self.contexts) for name, text in step.get("with", {}).items()}
        match step["uses"].partition("@")[0]:
            case "actions/checkout":
                assert given["persist-credentials"] == "false"
                assert given["fetch-depth"] == "0"
                self.repository.clone(str(self.work.relative_to(self.repository.folder)))
                self.repository.git("checkout", "--quiet", given["ref"], at=self.work)
            case "actions/setup-python":
                assert given == {"python-version": "3.11"}
                if not self.real_install:
                    installed(self.work, self.now, instead=self.instead)
            case "actions/cache/restore":
                self._restore(given)
            case "actions/cache/save":
                kept = self.folder / "kept"
                shutil.copytree(self.work / given["path"], kept)
                assert given["key"] not in self.repository.cached, "an entry never changes"
                self.repository.cached[given["key"]] = kept
            case "actions/upload-pages-artifact":
                self.repository.pages.append(_artifact(self.work / given["path"], self.folder))
            case "actions/deploy-pages":
                self.deployed = True
            case other:
                raise ValueError(f"what {other} does is not known here")
        return True

    def _restore(self, given: Mapping[str, str]) -> None:
        keys = list(self.repository.cached)
        found = [key for key in keys if key == given["key"]] or [
            key for key in keys if key.startswith(given["restore-keys"])
        ]
        if found:
            kept = self.repository.cached[found[-1]]
            shutil.copytree(kept, self.work / given["path"], dirs_exist_ok=True)


def run_workflow(
    repository: Repository,
    name: str,
    *,
    event: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    now: str | None = None,
    real_install: bool = False,
    instead: str | None = None,
) -> dict[str, Job]:
    """The jobs that ran, by name.

    `now` is the night's moment, where it is not today's; `instead` a command of the shell that
    takes the place of `paperline run`.
    """
    github = {"repository": "kelp/digests", "token": TOKEN, "event": event or {},
              "run_id": str(1000 + repository.jobs), "run_attempt": "1"}  # fmt: skip
    done: dict[str, Job] = {}
    found = workflow(name)
    for job_name, definition in found["jobs"].items():
        needs = definition.get("needs")
        if needs and needs not in done:
            continue
        failed = bool(needs and done[needs].failed)
        known = {needs: {"outputs": done[needs].outputs}} if needs else {}
        contexts = {"github": github, "secrets": secrets or {}, "needs": known}
        if allowed(definition.get("if"), contexts, failed=failed):
            job = Job(repository, definition, contexts, now, real_install=real_install)
            job.instead, job.shell = instead, found["defaults"]["run"]["shell"]
            job.run()
            done[job_name] = job
    return done


def installed(
    folder: Path,
    now: str | None = None,
    source: Path | None = None,
    instead: str | None = None,
) -> None:
    """What `make install` leaves, made of the packages that run the tests, without network.

    `source` is where the program stands, if that is not the folder. With `now` every
    `paperline run` is as of that moment, and `instead` a command that takes its place.
    """
    place = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    lent = f"{sysconfig.get_path('purelib')}\n{source or folder}\n"
    (packages / "lent.pth").write_text(lent)
    at = f'[ "$1" = run ] && shift && set -- run --at {now} "$@"\n' if now else ""
    at += f'[ "$1" = run ] && {{ {instead}; exit; }}\n' if instead else ""
    python = 'exec "$(dirname "$0")/python" -c "from pipeline.cli.main import main; main()" "$@"'
    program(place / "bin" / "paperline", at + python)
    for stamp in (".made", ".runtime", ".dev", ".command"):
        (place / stamp).touch()


def index_of_packages() -> dict[str, str]:
    """The environment in which pip reaches an index; skips the test where there is none."""
    told = {n: v for n, v in os.environ.items() if n.startswith(("PIP_", "SSL_"))}
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", ".", "click==8.1.8"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("pip reaches no index of packages from here")
    return told


def program(file: Path, text: str) -> None:
    """Write a shell script that can be called."""
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def _artifact(folder: Path, job: Path) -> Path:
    """What Pages would serve: it takes neither links nor files that others cannot read."""
    assert (folder / "index.html").is_file()
    for path in folder.rglob("*"):
        assert not path.is_symlink(), path
        assert path.stat().st_mode & 0o004, f"{path} cannot be read by others"
    return Path(shutil.copytree(folder, job / "pages"))


def _annotations(log: str) -> list[str]:
    """GitHub's commands in what a step printed; none between `stop-commands` and its end."""
    found, stopped = [], None
    for line in log.splitlines():
        if stopped:
            stopped = None if line == f"::{stopped}::" else stopped
        elif command := COMMAND.fullmatch(line):
            if command[1] == "stop-commands":
                stopped = command[2]
            else:
                found.append(line)
    assert stopped is None
    return found
