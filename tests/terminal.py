"""The command as an operator meets it: a folder, words, exit codes, files."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Terminal:
    """A folder with these settings, in which the real command runs; `said` and `errors` are its."""

    def __init__(self, folder: Path, settings: str, prompts: Path = ROOT / "prompts") -> None:
        self.folder = folder
        self.outputs = folder / "outputs"
        # An index that no test searches would take longer to make than all else.
        search = "" if "[site]" in settings else "site.search = false\n"
        text = f'prompts = "{prompts}"\n{search}{settings}'
        (folder / "paperline.toml").write_text(text, encoding="utf-8")

    def __call__(self, *arguments: str) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "--quiet", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.said, self.errors = done.stdout, done.stderr
        assert "Traceback" not in self.errors
        return done.returncode

    def files(self) -> dict[str, bytes]:
        """Everything below outputs/ but the locks, the format, and the journal of the runs."""
        found = (path for path in self.outputs.rglob("*") if path.is_file())
        return {
            path.relative_to(self.outputs).as_posix(): path.read_bytes()
            for path in found
            if not path.name.startswith(".") and path.name not in ("format.json", "runs.jsonl")
        }
