"""Where the turn at arXiv is kept: once for all that one user runs on a machine.

arXiv counts requests by address, so installations beside each other must share it.
"""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit


def turn_file(url: str) -> Path:
    """The file of the turn at the server of `url`; all of arXiv's servers have one."""
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    if host == "arxiv.org" or host.endswith(".arxiv.org"):
        host = "arxiv.org"
    return _folder() / f"{re.sub('[^a-z0-9.-]', '-', host)}.turn"


def _folder() -> Path:
    """The user's folder for what programs remember; a temporary one where there is none."""
    try:
        named = os.environ.get("XDG_STATE_HOME")
        folder = (Path(named) if named else Path.home() / ".local" / "state") / "paperline"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a service without a home
        return Path(tempfile.gettempdir()) / f"paperline-{os.getuid()}"
    return folder
