"""The recipes for cron, systemd and containers, carried out in a plain folder."""

import configparser
import getpass
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.feeds import SmallArxiv
from tests.github_jobs import ROOT, index_of_packages, installed, program
from tests.model_server import ModelServer
from tests.test_recipes_github import SETTINGS, lanterns

RECIPES = ROOT / "recipes"
UNITS = (
    "paperline.service",
    "paperline.timer",
    "paperline-failed.service",
    "paperline-review.service",
)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Of a crontab's fields: minute, hour, day of the month, month, day of the week."""

MOST_EXPOSED = 30
"""Tenths, of systemd's exposure; a service without any confinement has 96."""


class Machine:
    """A folder as an operator has it, with the command installed, and the servers it asks."""

    def __init__(self, folder: Path, server: HTTPServer) -> None:
        self.folder = folder
        self.arxiv = SmallArxiv(server, entries=lanterns(1, 2))
        self.model = ModelServer(server)
        self.keys = folder.parent / "keys"
        (folder / "cache").mkdir(parents=True)
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        shutil.copytree(RECIPES, folder / "recipes")
        self.settings = folder / "paperline.toml"
        self.settings.write_text(
            SETTINGS.format(
                arxiv=self.arxiv.url, model=self.model.base_url, policy="none", query="all:lantern"
            ).replace("[model]\n", '[model]\napi_key_env = "LAMP_KEY"\n'),
            "utf-8",
        )
        self.keys.write_text("# of the lamps\nLAMP_KEY=sk-lamp$HOME;`id`&\n", "utf-8")
        self.keys.chmod(0o600)
        installed(folder, source=ROOT)

    def assert_published(self) -> None:
        """One night was run, with the key as it stands in its file."""
        assert self.model.keys
        assert set(self.model.keys) == {"Bearer sk-lamp$HOME;`id`&"}
        assert list(self.folder.glob("outputs/lamps/*/6-published.jsonl"))

    def ends_with(self, code: int) -> None:
        """Put a program that only ends so in the command's place."""
        program(self.folder / ".venv" / "bin" / "paperline", f"echo said something; exit {code}")


@pytest.fixture
def machine(tmp_path: Path, httpserver: HTTPServer) -> Machine:
    return Machine(tmp_path / "srv", httpserver)


class Crontab:
    """`paperline.cron` with the paths of a machine, read and carried out as cron does."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.variables: dict[str, str] = {}
        self.jobs: list[tuple[list[str], str]] = []
        for line in (RECIPES / "paperline.cron").read_text("utf-8").splitlines():
            if assigned := re.fullmatch(r"([A-Z]+)=(\S+)", line):
                self.variables[assigned[1]] = assigned[2]
            elif line and not line.startswith("#"):
                *fields, command = line.split(maxsplit=5)
                self.jobs.append((fields, command))
        self.variables |= {"FOLDER": str(machine.folder), "KEYS": str(machine.keys)}

    def run(self, number: int) -> "subprocess.CompletedProcess[str]":
        """That job, in cron's own surroundings: the home folder and no variable of a shell."""
        home = str(self.machine.folder.parent)
        return subprocess.run(
            [self.variables["SHELL"], "-c", self.jobs[number][1]], cwd=home,
            env={"HOME": home, "LOGNAME": getpass.getuser(), **self.variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def crontab(machine: Machine) -> Crontab:
    return Crontab(machine)


def test_the_crontab_says_that_it_replaces_the_user_s_own():
    head = (RECIPES / "paperline.cron").read_text("utf-8").partition("SHELL=")[0]
    assert "REPLACES" in head
    assert "crontab -e" in head


def test_the_crontab_is_one_that_cron_reads(crontab):
    assert len(crontab.jobs) == 2
    for fields, command in crontab.jobs:
        for field, (least, most) in zip(fields, RANGES, strict=True):
            numbers = [int(number) for number in re.findall(r"[0-9]+", field)]
            assert re.fullmatch(r"\*|[0-9]+(-[0-9]+)?", field)
            assert all(least <= number <= most for number in numbers)
        assert "%" not in command, "cron makes a line break of it"
    assert "KEY=" not in (RECIPES / "paperline.cron").read_text("utf-8").replace("API_KEY=...", "")


def test_cron_s_night_runs_with_the_keys_as_they_stand_and_says_nothing(crontab):
    done = crontab.run(0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    crontab.machine.assert_published()
    assert "lamps" in (crontab.machine.folder / "night.log").read_text("utf-8")


def test_a_night_that_is_not_finished_goes_on_an_hour_later_until_it_is(crontab):
    log = crontab.machine.folder / "night.log"
    assert crontab.run(1).returncode == 0
    assert not log.exists(), "nothing was unfinished"
    crontab.machine.ends_with(75)
    assert crontab.run(0).returncode == crontab.run(1).returncode == 0
    assert log.read_text().count("said something") == 2
    crontab.machine.ends_with(0)
    for _ in range(2):
        crontab.run(1)
    assert log.read_text().count("said something") == 3


@pytest.mark.parametrize(("code", "told"), [(0, False), (3, False), (1, True), (2, True)])
def test_cron_mails_a_failed_night_with_the_end_of_its_log(crontab, code, told):
    crontab.machine.ends_with(code)
    done = crontab.run(0)
    assert done.returncode == (code if told else 0)
    assert ("said something" in done.stderr) == told


def test_keys_that_others_can_read_are_refused(crontab):
    crontab.machine.keys.chmod(0o640)
    done = crontab.run(0)
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert crontab.machine.model.bodies == []


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    "line",
    ["export LAMP_KEY=sk-secret", "LAMP_KEY = sk-secret", "sk-secret", "=sk-secret", "1=sk-secret"],
)
def test_a_line_of_the_key_file_that_cannot_be_used_is_told_by_its_number_alone(
    machine, shell, line
):
    machine.keys.write_text(f"# of the lamps\n \n{line}\n", "utf-8")
    done = night_by(shell, machine)
    assert done.returncode == 2
    assert "line 3 is not NAME=value" in done.stderr
    assert "sk-secret" not in done.stdout + done.stderr
    assert not (machine.folder / "night.log").exists()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_key_file_written_on_windows_is_read_without_its_carriage_returns(machine, shell):
    text = machine.keys.read_text("utf-8")
    machine.keys.write_bytes(text.replace("\n", "\r\n").encode())
    done = night_by(shell, machine)
    assert (done.returncode, done.stderr) == (0, "")
    machine.assert_published()


def night_by(shell: str, machine: Machine) -> "subprocess.CompletedProcess[str]":
    """The night with that program as `/bin/sh`; bash is it on Fedora, dash on Debian."""
    command = shutil.which(shell)
    if command is None:
        pytest.skip(f"{shell} is not on this machine")
    as_sh = machine.folder.parent / "shells" / "sh"  # by which name bash obeys POSIX
    as_sh.parent.mkdir()
    as_sh.symlink_to(command)
    return subprocess.run(
        [as_sh, "recipes/night.sh", machine.keys], cwd=machine.folder, check=False, text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(machine.folder.parent)},
        capture_output=True,
    )  # fmt: skip


def unit(name: str, machine: Machine) -> configparser.ConfigParser:
    """A unit's sections, with the machine's paths."""
    found = configparser.ConfigParser(interpolation=None, strict=True)
    found.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    found.read_string(placed(name, machine))
    return found


def placed(name: str, machine: Machine) -> str:
    text = (RECIPES / name).read_text("utf-8")
    text = text.replace("/srv/paperline", str(machine.folder))
    text = text.replace("/etc/paperline/env", str(machine.keys))
    return text.replace("User=paperline", f"User={getpass.getuser()}")


def surroundings(service: Mapping[str, str], state: Path) -> dict[str, str]:
    """The environment that systemd makes of a service's lines."""
    lines = Path(service["EnvironmentFile"]).read_text("utf-8").splitlines()
    given = [line.split("=", 1) for line in lines if not line.startswith("#")]
    (own,) = [service["Environment"].split("=", 1)]
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", own[0]: str(state), **dict(given)}


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine, so the units are not verified")
    return found


@pytest.fixture
def units(machine: Machine, tmp_path: Path) -> list[Path]:
    folder = tmp_path / "units"
    folder.mkdir()
    for name in UNITS:
        (folder / name).write_text(placed(name, machine), "utf-8")
    return [folder / name for name in UNITS]


def test_systemd_finds_nothing_wrong_with_the_units(analyze, units):
    done = subprocess.run(
        [analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    about = [line for line in done.stderr.splitlines() if "paperline" in line]
    assert (done.returncode, about) == (0, [])


@pytest.mark.parametrize("name", ["paperline.service", "paperline-review.service"])
def test_a_service_is_confined(analyze, units, name):
    (file,) = [path for path in units if path.name == name]
    command = [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_service_s_command_makes_a_night_and_writes_where_it_may(machine, tmp_path):
    service = unit("paperline.service", machine)["Service"]
    before = set(machine.folder.iterdir())
    subprocess.run(
        shlex.split(service["ExecStart"]), cwd=service["WorkingDirectory"], check=True,
        env=surroundings(service, tmp_path / "state"), capture_output=True,
    )  # fmt: skip
    machine.assert_published()
    written = {*machine.folder.iterdir()} - before | {machine.folder / "cache"}
    assert {str(path) for path in written} == set(service["ReadWritePaths"].split())
    assert list((tmp_path / "state").rglob("*.turn"))


def test_exit_codes_mean_the_same_to_systemd(machine):
    service = unit("paperline.service", machine)["Service"]
    assert service["SuccessExitStatus"] == "3"
    assert service["RestartForceExitStatus"] == "75"
    assert service["RestartSec"] == "1h"
    assert unit("paperline.timer", machine)["Timer"]["Persistent"] == "yes"


def test_the_review_service_starts_and_ends_as_systemd_asks(machine, tmp_path):
    service = unit("paperline-review.service", machine)["Service"]
    command = shlex.split(service["ExecStart"])
    command[command.index("8420")] = "0"
    process = subprocess.Popen(
        command, cwd=service["WorkingDirectory"], stdout=subprocess.PIPE, text=True,
        env=surroundings(service, tmp_path / "state"), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        (port,) = re.findall(r"http://127\.0\.0\.1:([0-9]+)", process.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        connection.request("GET", "/")
        assert connection.getresponse().status < 500
        connection.close()
        process.send_signal(getattr(signal, service["KillSignal"]))
        assert process.wait(timeout=60) == 0


class Image:
    """`Containerfile`, its steps carried out below a folder, without root's rights."""

    def __init__(self, folder: Path, *, offline: bool) -> None:
        self.root = folder / "root"
        self.offline = offline
        self.work = self.root
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self.entry: list[str] = []
        self.user = ""
        self.volumes: list[str] = []
        (folder / "bin").mkdir(parents=True)
        self.root.mkdir()
        program(folder / "bin" / "python3", f'exec {sys.executable} "$@"')
        program(folder / "bin" / "useradd", "exit 0")
        program(folder / "bin" / "install", 'shift 2; mkdir -p "$@"')
        self.bin = folder / "bin"

    def build(self) -> None:
        """All instructions, in order; one that is not known is an error."""
        text = (RECIPES / "Containerfile").read_text("utf-8").replace("\\\n", "")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                self._do(*line.split(maxsplit=1))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The entry point, from the last WORKDIR."""
        command = [*self.entry[:1], *(arguments or self.entry[1:])]
        return subprocess.run(
            ["sh", "-c", 'exec "$@"', "sh", *command], cwd=self.work, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def _do(self, instruction: str, rest: str) -> None:
        match instruction:
            case "FROM":
                assert rest == "docker.io/library/python:3.11-slim"
            case "ENV":
                name, value = self._placed(rest).split("=", 1)
                self.environment[name] = f"{self.bin}:{value}" if name == "PATH" else value
            case "WORKDIR":
                self.work = Path(self._placed(rest))
                self.work.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(*rest.split())
            case "RUN":
                self._shell(rest)
            case "USER":
                self.user = rest
            case "VOLUME":
                self.volumes = json.loads(rest)
            case "ENTRYPOINT" | "CMD":
                self.entry += json.loads(rest)
            case _:
                raise ValueError(f"{instruction} is not known here")

    def _placed(self, text: str) -> str:
        for folder in ("/opt/paperline", "/srv/paperline"):
            text = text.replace(folder, f"{self.root}{folder}")
        return text

    def _copy(self, source: str, target: str) -> None:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, self.work / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, self.work / target)

    def _shell(self, command: str) -> None:
        if self.offline and " pip install " in command:
            assert "--require-hashes" in command
            (packages,) = (self.work / ".venv").glob("lib/python*/site-packages")
            (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
            return
        done = subprocess.run(
            ["/bin/sh", "-c", self._placed(command)], cwd=self.work, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def assert_the_image_makes_a_night(image: Image, machine: Machine) -> None:
    """Build it, mount the machine's settings, run it, and look at what it wrote."""
    image.build()
    shutil.copy(machine.settings, image.work / "paperline.toml")
    image.environment["LAMP_KEY"] = "sk-lamp$HOME;`id`&"
    program_files = files_below(image.root / "opt")
    done = image.run()
    assert done.returncode == 0, done.stderr
    assert set(machine.model.keys) == {"Bearer sk-lamp$HOME;`id`&"}
    assert list(image.work.glob("outputs/lamps/*/6-published.jsonl"))
    assert files_below(image.root / "opt") == program_files, "its user may not write there"
    written = {path.name for path in image.work.iterdir()} - {"prompts", "paperline.toml"}
    assert {f"/srv/paperline/{name}" for name in written} == set(image.volumes)
    assert "lamps" in image.run("status").stdout


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_the_container_s_steps_make_an_image_that_makes_a_night(machine, tmp_path):
    image = Image(tmp_path / "image", offline=True)
    assert_the_image_makes_a_night(image, machine)
    assert image.user not in ("", "0", "root")
    assert list((image.root / "opt").rglob("pipeline/**/run.*.pyc"))


def test_a_build_is_sent_what_it_copies_and_nothing_else():
    ignored = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    text = (RECIPES / "Containerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (\S+) ", text, re.MULTILINE)
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied)


@pytest.mark.prove
def test_the_container_s_steps_with_the_locked_packages(machine, tmp_path):
    image = Image(tmp_path / "image", offline=False)
    image.environment |= index_of_packages()
    assert_the_image_makes_a_night(image, machine)
