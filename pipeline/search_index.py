"""The index by which readers search the site in their browser, one for each year.

Pagefind makes it of the site's own digest pages; `search/YYYY/` is brought up to date
file by file, so that a reader never meets half of an index, and a file that says the
same keeps its time.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline import files
from pipeline.errors import DamagedFile, OutputError, SearchIndexFailed
from pipeline.site import searchable
from pipeline.text import one_line

FOLDER = "search"
ENTRY = "pagefind-entry.json"
"""Names all other files of an index: written last."""

LANGUAGE = "en"
"""By whose stems words are found; Chinese comes in pairs of characters, which have none."""

WANTED = (
    "pagefind.js",
    "pagefind-worker.js",
    f"wasm.{LANGUAGE}.pagefind",
    "pagefind.*.pf_meta",
    "index/*.pf_index",
    "fragment/*.pf_fragment",
    ENTRY,
)
"""What a search asks for, the last one last; Pagefind's own forms and styles are left out."""

LONGEST = 600.0
"""Seconds after which Pagefind is ended."""

AGAIN = "Run the same command again; with search = false in [site] there is no search"


def years(site_folder: Path) -> set[str]:
    """The years that have an index, or a part of one."""
    found = site_folder.glob(f"{FOLDER}/[0-9][0-9][0-9][0-9]/")
    return {path.name for path in found}


def names(site_folder: Path, year: str) -> tuple[str, ...]:
    """The files that a year's index has, in alphabetical order."""
    folder = site_folder / FOLDER / year
    return tuple(sorted(p.relative_to(folder).as_posix() for p in folder.glob("**/*.*")))


def build(site_folder: Path, year: str, pages: Sequence[str]) -> list[str]:
    """Bring the index of a year up to date with its digests' pages, given by their paths.

    Returns the paths that were written or removed, from the site's root; a year without papers
    has no index. Hold the site's lock. Raises `SearchIndexFailed`; until the new index is made,
    the old one stays.
    """
    with _told(), _workshop(site_folder) as workshop:
        source, bundle = workshop / "pages", workshop / "index"
        made: dict[str, Path] = {}
        if _gather(site_folder, pages, source):
            _index(source, bundle)
            made = _wanted(bundle)
        folder = site_folder / FOLDER / year
        changed = _written(made, folder) + _cleared(made, folder)
    return [f"{FOLDER}/{year}/{name}" for name in changed]


def remove(site_folder: Path, year: str) -> list[str]:
    """Remove the index of a year; returns the paths. Raises `SearchIndexFailed`."""
    with _told():
        removed = _cleared({}, site_folder / FOLDER / year)
    return [f"{FOLDER}/{year}/{name}" for name in removed]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn what the operating system says into `SearchIndexFailed`."""
    try:
        yield
    except OSError as error:
        told = files.output_error(error, Path(error.filename or FOLDER))
        raise _failed(f"{told.where} {told.what}", told.next_step) from error
    except (OutputError, DamagedFile) as error:
        raise _failed(f"{error.where} {error.what}", error.next_step) from error


@contextlib.contextmanager
def _workshop(site_folder: Path) -> Iterator[Path]:
    """A folder in the site, from which files can be renamed into their places.

    Beside it may be another file system.
    """
    files.ensure_public(site_folder, site_folder)
    for left_over in site_folder.glob(f".{FOLDER}.*.part"):  # by a run that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    made = Path(tempfile.mkdtemp(dir=site_folder, prefix=f".{FOLDER}.", suffix=".part"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _gather(site_folder: Path, pages: Sequence[str], source: Path) -> int:
    """Write what is to be indexed of each digest; returns how many there are."""
    count = 0
    for page in sorted(pages):
        text = searchable.searchable(files.read_text(site_folder / page), page.partition("/")[0])
        if text:
            path = source / page
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            count += 1
    return count


def _index(source: Path, bundle: Path) -> None:
    told = _answer(
        [
            str(_program()),
            "--site",
            source.name,
            "--output-path",
            bundle.name,
            "--force-language",
            LANGUAGE,
            "--quiet",
        ],
        source.parent,
    )
    if not (bundle / ENTRY).is_file():
        raise _failed(f"it made no {ENTRY}: {one_line(told)[:300]}")


def _program() -> Path:
    from pagefind.service import get_executable  # costs 40 ms, and few commands search

    try:
        found = get_executable()
    except FileNotFoundError:
        found = None
    if found is None:
        raise _failed("Pagefind is not installed", "Install paperline again, with pagefind[bin]")
    return found


def _answer(command: list[str], folder: Path) -> str:
    """What the program says, run in a folder that holds no settings of its own for it."""
    surroundings = {
        name: value for name, value in os.environ.items() if not name.startswith("PAGEFIND_")
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"Pagefind had not finished after {round(LONGEST)} seconds") from None
    except subprocess.CalledProcessError as error:
        told = (error.stderr or error.stdout).decode("utf-8", "replace").splitlines()
        said = one_line(" ".join(dict.fromkeys(told)))  # it says some things twice
        raise _failed(f"Pagefind ended with {error.returncode}: {said[:300]}") from None
    except OSError as error:
        raise _failed(f"Pagefind cannot be run: {error.strerror or error}") from error
    return done.stdout.decode("utf-8", "replace")


def _failed(what: str, next_step: str = AGAIN) -> SearchIndexFailed:
    return SearchIndexFailed(f"the search index could not be made: {what}", next_step=next_step)


def _wanted(bundle: Path) -> dict[str, Path]:
    """By their names in the index the files that a search asks for, the entry last."""
    found = (path for pattern in WANTED for path in sorted(bundle.glob(pattern)))
    return {path.relative_to(bundle).as_posix(): path for path in found}


def _written(made: Mapping[str, Path], folder: Path) -> list[str]:
    """Put the files that are new or say something else into `folder`, each whole."""
    changed = []
    for name, path in made.items():
        target = folder / name
        if target.is_file() and target.read_bytes() == path.read_bytes():
            continue
        files.ensure_public(target.parent, folder.parent.parent)
        with path.open("rb") as file:
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        path.replace(target)
        changed.append(name)
    return changed


def _cleared(made: Mapping[str, Path], folder: Path) -> list[str]:
    """Remove what is no part of the index any more, and folders that this leaves empty."""
    removed = []
    # What the entry names is there as long as the entry is.
    for path in sorted(folder.rglob("*"), key=lambda path: (path.name != ENTRY, path)):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in made:
            path.unlink()
            removed.append(name)
    for path in sorted([folder, *folder.rglob("*")], reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return removed
