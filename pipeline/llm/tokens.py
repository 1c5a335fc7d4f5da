"""How many tokens a text takes: exactly where the tables are on disk, else estimated.

tiktoken downloads its tables on first use, without a timeout, and again when a
table's checksum is wrong. Here it is asked only when the right table is already on
disk, so counting never waits for a network and never fails.
"""

import functools
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.exchange import Message, Request

log = logging.getLogger(__name__)

ENCODING = "o200k_base"
TABLE = "fb374d419588a4632f3f557e76b4b70aebbca790"
"""File name under which tiktoken keeps o200k_base: the SHA-1 of its address."""

CHECKSUM = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""SHA-256 of that table, as tiktoken expects it."""

PER_MESSAGE = 4
"""Tokens that a chat format adds to each turn, as OpenAI documents it (3 to 4)."""

FRAME = 3
"""Tokens with which a chat format begins the answer."""

TOKEN_LIKE = re.compile(r"[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d]")
LETTERS_PER_TOKEN = 6


def table_path() -> Path | None:
    """Where the right table of o200k_base is, or None."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    path = Path(folder or Path(tempfile.gettempdir()) / "data-gym-cache") / TABLE
    try:
        right = hashlib.sha256(path.read_bytes()).hexdigest() == CHECKSUM
    except OSError:
        return None
    return path if right else None


def estimate(text: str) -> int:
    """Tokens of `text`, some 10 % too high for English and Chinese rather than too low."""
    pieces = TOKEN_LIKE.findall(text)
    return sum(1 + (len(piece) - 1) // LETTERS_PER_TOKEN for piece in pieces)


@functools.cache
def counter() -> Callable[[str], int]:
    """The function that counts tokens in this process; says once when it only estimates."""
    if table_path() is None:
        log.info(
            "token counts are estimates: the table of %s is not on this machine. To have exact "
            'counts, run this once with a network: python -c "import tiktoken; '
            "tiktoken.get_encoding('%s')\", or set TIKTOKEN_CACHE_DIR",
            ENCODING,
            ENCODING,
        )
        return estimate
    import tiktoken  # reads the table into memory, 0.3 s

    encoding = tiktoken.get_encoding(ENCODING)
    return lambda text: len(encoding.encode_ordinary(text))


@functools.lru_cache(maxsize=32)
def _count_fixed(text: str) -> int:
    """Tokens of a text that is sent again and again, such as a prompt's system turn."""
    return counter()(text)


def count_messages(messages: Iterable[Message]) -> int:
    """Tokens of a conversation, with what the chat format adds."""
    count = counter()
    return FRAME + sum(
        PER_MESSAGE + (_count_fixed if turn.role == "system" else count)(turn.content)
        for turn in messages
    )


def count_request(request: Request) -> int:
    """Prompt tokens of a request: its messages, and the answer schema that is billed with them."""
    return count_messages(request.messages) + _count_fixed(json.dumps(request.answer_schema()))
