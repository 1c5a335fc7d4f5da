"""docs/operating.md: its commands do what it says of them."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from pipeline.cli.main import cli
from tests.conftest import REPOSITORY
from tests.github_jobs import ROOT, installed, program
from tests.test_recipes import Machine
from tests.test_recipes_github import lanterns

PAGE = (REPOSITORY / "docs" / "operating.md").read_text("utf-8")
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TESTED = re.compile(r"<!-- tested: (.*?) -->\n```sh\n(.*?)```", re.DOTALL)
FILE = re.compile(r"\b(?:recipes|github)/[\w.-]+\.[a-z]+|\bpaperline[\w-]*\.(?:service|timer|cron)")
PLACE = re.compile("/srv/paperline|/var/backups|/tmp")
BLOCKS = dict(TESTED.findall(PAGE))


@pytest.fixture
def machine(tmp_path: Path, httpserver: HTTPServer) -> Machine:
    """One with two published nights."""
    made = Machine(tmp_path / "old", httpserver)
    carry_out("paperline run", made.folder)
    made.arxiv.entries += lanterns(3)
    carry_out("paperline run", made.folder)
    return made


def carry_out(commands: str, folder: Path) -> str:
    """What the commands print, with this folder for `/srv/paperline`."""
    kept = folder.parent / "kept"
    kept.mkdir(exist_ok=True)
    placed = PLACE.sub(lambda at: str(folder if at[0] == "/srv/paperline" else kept), commands)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", placed], cwd=folder, text=True, capture_output=True,
        env={"PATH": f"{as_root(folder)}:{folder / '.venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin",
             "HOME": str(folder.parent), "LAMP_KEY": "sk-lamp"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_root(folder: Path) -> Path:
    """Programs by which the commands are root's, and that note who is given what."""
    programs = folder.parent / "root"
    programs.mkdir(exist_ok=True)
    program(programs / "id", "echo 0")
    program(programs / "chown", f'echo "$@" >>{programs / "given"}')
    return programs


def site(folder: Path) -> dict[str, bytes]:
    """The site's files."""
    root = folder / "outputs" / "site"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def lose(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def assert_goes_on(machine: Machine, folder: Path) -> None:
    """The next night publishes what is new and asks for nothing that was asked before."""
    machine.arxiv.entries += lanterns(4)
    carry_out("paperline run", folder)
    asked = [body["messages"][1]["content"].partition("\n")[0] for body in machine.model.bodies]
    assert sorted(asked) == [f"Title: Lantern {number}" for number in (1, 2, 3, 4)]
    assert len(list(folder.glob("outputs/lamps/*/6-published.jsonl"))) == 3


def test_a_restored_backup_has_the_same_site_and_pays_for_nothing_twice(machine):
    before = site(machine.folder)
    carry_out(BLOCKS["back up"], machine.folder)
    lose(machine.folder, "outputs", "cache", "paperline.toml", "prompts")
    told = carry_out(BLOCKS["restore"], machine.folder)
    assert "published" in told
    given = (machine.folder.parent / "root" / "given").read_text("utf-8")
    assert given == "-R paperline: outputs cache\n"
    assert site(machine.folder) == before
    assert_goes_on(machine, machine.folder)


def test_a_restored_backup_is_laid_over_nothing_and_newer_decisions_can_be_brought_back(machine):
    carry_out(BLOCKS["back up"], machine.folder)
    correct = "paperline decide lamps/latest 2603.90003 edit --en 'By Ada.' --zh 更正 --editor Ada"
    carry_out(correct, machine.folder)
    corrected = site(machine.folder)
    (decisions,) = machine.folder.glob("outputs/lamps/*/4-decisions.jsonl")
    carry_out(BLOCKS["restore"], machine.folder)
    assert not decisions.exists(), "the backup had none, and nothing of later is mixed in"
    assert site(machine.folder) != corrected
    (kept,) = machine.folder.glob("replaced-*/outputs/lamps/*/4-decisions.jsonl")
    assert "By Ada." in kept.read_text("utf-8")
    carry_out(BLOCKS["newer decisions"], machine.folder)
    assert decisions.read_bytes() == kept.read_bytes()
    (page,) = machine.folder.glob(f"outputs/site/lamps/{decisions.parent.name}.html")
    assert "By Ada." in page.read_text("utf-8")


@pytest.mark.parametrize("block", ["restore", "newer decisions", "move, on the new machine"])
def test_what_root_unpacks_and_makes_is_the_service_s_user_s_in_the_end(block):
    last = BLOCKS[block].splitlines()[-1]
    assert 'if [ "$(id -u)" = 0 ]; then chown -R paperline: outputs cache; fi' in last


def test_the_site_can_be_left_out_of_a_backup(machine):
    before = site(machine.folder)
    carry_out(BLOCKS["back up"], machine.folder)
    lose(machine.folder, "outputs")
    restored = BLOCKS["restore"].replace(
        "paperline publish", "rm -r outputs/site outputs/.site.json\npaperline publish"
    )
    assert "rm -r" in restored
    carry_out(restored, machine.folder)
    assert site(machine.folder) == before


def test_a_moved_site_is_the_same_and_its_next_night_pays_for_nothing_twice(machine, tmp_path):
    carry_out(BLOCKS["move, on the old machine"], machine.folder)
    new = tmp_path / "new"
    new.mkdir()
    installed(new, source=ROOT)
    outlook = carry_out(BLOCKS["move, on the new machine"], new)
    assert "lamps" in outlook
    assert site(new) == site(machine.folder)
    assert_goes_on(machine, new)


def test_every_command_of_the_page_exists():
    lines = [line.strip() for block in BLOCK.findall(PAGE) for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("paperline ")]
    assert len(commands) >= 5
    for words in commands:
        named = cli.commands[words[1]]
        known = {option for parameter in named.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_systemd_section_s_commands_stand_in_the_order_in_which_they_work():
    (block,) = [block for block in BLOCK.findall(PAGE) if "systemctl daemon-reload" in block]
    steps = [
        "useradd",
        "git clone",
        "make install",
        "chown -R paperline: outputs cache",
        "install -m 600 key-file",
        "cp recipes/paperline.service",
        "systemctl start",
    ]
    assert sorted(steps, key=block.index) == steps


def test_every_file_of_the_page_is_a_recipe_and_every_recipe_is_on_the_page():
    there = {path.name for path in (REPOSITORY / "recipes").rglob("*.*")} - {"__pycache__"}
    there = {name for name in there if not name.endswith((".py", ".pyc"))}
    named = {Path(name).name for name in FILE.findall(PAGE)}
    assert named - {"waiting.py", "approve.py", "paperline.toml"} == there
