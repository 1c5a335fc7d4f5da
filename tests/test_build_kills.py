"""A site whose building is killed: readers meet whole pages, and the next build makes it up."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.records import Publication
from tests.press import Press, a_night

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from pathlib import Path; from tests.press import Press; "
BUILD += "Press(Path(sys.argv[1])).build()"


def written(press: Press) -> int:
    """How many files the site has."""
    return sum(1 for path in press.folder.root.rglob("*") if path.is_file())


def killed_after(press: Press, files: int) -> bool:
    """Build the site in a process that is killed once so many files are there; whether it was."""
    command = [sys.executable, "-c", BUILD, str(press.settings.outputs.parent)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            if written(press) >= files:
                process.kill()
                return True
    return False


def unfinished(press: Press) -> list[str]:
    """The pages that end too early."""
    pages = {path: text for path, text in press.files().items() if path.endswith(".html")}
    return [path for path, text in pages.items() if not text.endswith(b"</html>\n")]


def assert_kills_leave_whole_pages(folder: Path, *, nights: int, kills: int) -> None:
    """Kill builds of a growing site; then build it to the end, and once more elsewhere."""
    chance, killed, published = random.Random(3), 0, 0
    press, anew = Press(folder / "killed"), Press(folder / "anew")
    while killed < kills:
        days = range(published + 1, published + nights + 1)
        published += nights
        for each in (press, anew):
            each.publish(*map(night_of, days))
        killed += killed_after(press, written(press) + chance.randrange(1, nights))
        assert unfinished(press) == []
    press.build()
    anew.build()
    assert press.files() == anew.files()
    assert not list(press.folder.root.rglob("*.part"))


def night_of(day: int) -> Publication:
    """The release of the day with this number."""
    return a_night(day % 28 + 1, month=day // 28 % 12 + 1, year=2020 + day // 336)


def test_a_build_that_is_killed_is_made_up_by_the_next(tmp_path: Path) -> None:
    assert_kills_leave_whole_pages(tmp_path, nights=6, kills=3)


@pytest.mark.prove
def test_fifty_kills_of_a_site_that_grows(tmp_path: Path) -> None:
    assert_kills_leave_whole_pages(tmp_path, nights=8, kills=50)
