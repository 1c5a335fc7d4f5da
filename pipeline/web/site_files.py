"""The files of a static site, answered as any web server would that shows no listings."""

import errno
import hashlib
import os
import re
import stat
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from pipeline import files
from pipeline.site.assets import assets

KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""Content types by the end of a name; the tables of a machine differ. Pagefind's are bytes."""

BYTES = "application/octet-stream"

PART = re.compile(r"(?!\.)[^\x00-\x1f\x7f\\]+")
"""A name in a path that is asked for; those with a dot in front are hidden or half-written."""

NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}

_RULES = StaticFiles(check_dir=False)


def answer(root: Path, request: Request, path: str) -> Response:
    """The file at a path below `root`; of a folder its `index.html`.

    The style sheet and the scripts of this version are there in any case, for pages that are
    not part of the site yet. Raises `HTTPException` (404), `OutputError`.
    """
    name = f"{path}index.html" if not path or path.endswith("/") else path
    found = _below(root, name)
    if found is None:
        text = assets().get(name)
        if text is None:
            raise HTTPException(404)
        return _sent(request, name, text.encode(), None)
    if found.is_dir():
        if not (found / "index.html").is_file():
            raise HTTPException(404)
        return moved(request, f"/{path}/")
    with files.translated(found), found.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise HTTPException(404)
        return _sent(request, name, file.read(), status.st_mtime)


def moved(request: Request, path: str) -> RedirectResponse:
    """The way to what is at another path of this server; the query goes along."""
    query = request.url.query
    return RedirectResponse(f"{quote(path)}?{query}" if query else quote(path), 307)


def is_there(root: Path, path: str) -> bool:
    """Whether there is a file or a folder at that path below `root`, or one of the assets."""
    return _below(root, path) is not None or path in assets()


def _below(root: Path, path: str) -> Path | None:
    """What is at that path, where neither it nor a link in it leads out of `root`."""
    if not all(PART.fullmatch(part) for part in path.split("/")):
        return None
    top = root.resolve()
    with files.translated(root / path):
        try:
            found = Path(os.path.realpath(root / path, strict=True))
        except OSError as error:
            if error.errno in NO_FILE:
                return None
            raise
    inside = found.is_relative_to(top) and (found.is_file() or found.is_dir())
    return found if inside else None


def _sent(request: Request, name: str, content: bytes, changed: float | None) -> Response:
    """The content under the name's type, or 304 where the browser has it already."""
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
    if changed is not None:
        headers["Last-Modified"] = formatdate(changed, usegmt=True)
    kind = KINDS.get(Path(name).suffix, BYTES)
    made = Response(content, media_type=kind, headers=headers)
    if _RULES.is_not_modified(made.headers, request.headers):
        return NotModifiedResponse(made.headers)
    return made
