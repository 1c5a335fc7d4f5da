"""Starts the test bed's servers as real processes; only for tests that have it."""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def serving(script: Path, *arguments: str) -> Iterator[str]:
    """The base URL of a server that runs until the block ends."""
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        yield next(word for word in words if word.startswith("http")).rstrip("/")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def statistics(base_url: str) -> Any:
    """What a server says of its clients."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/__stats") as answer:
        return json.load(answer)
