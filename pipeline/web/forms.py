"""What a form sends: read, bounded and checked before a page sees it."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline.errors import UsageError

LARGEST = 64 * 1024
"""Bytes that the body of a request may have."""

MOST_FIELDS = 50


def fields(request: Request) -> dict[str, str]:
    """The fields of the form that was sent; empty for a GET. The guard has read them."""
    found: dict[str, str] = request.scope["state"]["fields"]
    return found


async def read(request: Request) -> dict[str, str]:
    """Read the form that a request brings, of at most `LARGEST` bytes.

    Raises `HTTPException` (413, 415), and `UsageError` as `parsed` does.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise HTTPException(413)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413)
    return parsed(bytes(body))


def parsed(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form, each at most once; empty ones are kept.

    Raises `UsageError` for anything else than at most 50 fields of UTF-8 without NUL.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except UnicodeDecodeError:
        raise _unusable("it is not UTF-8") from None
    except ValueError:
        raise _unusable(f"it has more than {MOST_FIELDS} fields") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _unusable("a field is there twice")
    if "\0" in "".join(part for pair in pairs for part in pair):
        raise _unusable("it holds a NUL character")
    return found


def _unusable(what: str) -> UsageError:
    return UsageError(
        f"the form cannot be read: {what}", next_step="Reload the page and send it again"
    )
