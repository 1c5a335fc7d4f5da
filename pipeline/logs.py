"""What goes to standard error: one line each, for people or for machines, and what it is about.

    error     the command failed, or a topic of it
    warning   somebody should do something, and the text says what
    info      what happened, also what was wrong and is mended
    debug     details

Whoever knows what is being worked on says so with `about` or `stage`; what is logged inside
carries it.
"""

import contextlib
import contextvars
import functools
import io
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, Protocol, TextIO, TypeVar

import msgspec

from pipeline.text import one_line

PREFIXES = {
    logging.WARNING: "warning: ",
    logging.ERROR: "error: ",
    logging.CRITICAL: "error: ",
}

DEBUG, INFO, WARNING = logging.DEBUG, logging.INFO, logging.WARNING
"""Levels from which on `configure` lets through."""

FOREIGN = ("httpx", "httpx2", "openai", "arxiv", "urllib3", "filelock")
"""Packages that warn of what is tried again here, and so is nothing to do for anybody."""

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
First = TypeVar("First")


class Subject(Protocol):
    """A snapshot, which has a `topic` too, or a topic."""

    @property
    def name(self) -> str:
        """Its name, without that of its topic."""
        ...


AnySubject = TypeVar("AnySubject", bound=Subject)
Work = Callable[Concatenate[First, AnySubject, Given], Answer]

_ABOUT: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("about")


@contextlib.contextmanager
def about(
    *,
    run: str | None = None,
    topic: str | None = None,
    snapshot: str | None = None,
    stage: str | None = None,
    paper: str | None = None,
) -> Iterator[None]:
    """What is logged inside is about these, and about what was said outside; "" takes one away.

    Tasks that begin inside inherit it. A thread does where its work is `carried` there.
    """
    named = {"run": run, "topic": topic, "snapshot": snapshot, "stage": stage, "paper": paper}
    said = {key: value for key, value in named.items() if value is not None}
    token = _ABOUT.set({**subjects(), **said})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def subjects() -> Mapping[str, str]:
    """What is being worked on here: run, topic, snapshot, stage, paper, as far as known."""
    return {key: value for key, value in _ABOUT.get({}).items() if value}


def stage(
    name: str | None = None,
) -> Callable[
    [Work[First, AnySubject, Given, Answer]],
    Work[First, AnySubject, Given, Answer],
]:
    """Decorate a stage: what it logs is about it, and about its second argument."""

    def decorated(
        work: Work[First, AnySubject, Given, Answer],
    ) -> Work[First, AnySubject, Given, Answer]:
        @functools.wraps(work)
        def told(
            first: First, subject: AnySubject, /, *args: Given.args, **options: Given.kwargs
        ) -> Answer:
            topic = getattr(subject, "topic", None)
            snapshot = None if topic is None else subject.name
            with about(topic=topic or subject.name, snapshot=snapshot, stage=name):
                return work(first, subject, *args, **options)

        return told

    return decorated


def carried(work: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """`work` for another thread, once: what it logs there is about the same as here."""
    context = contextvars.copy_context()

    def there(*args: Given.args, **options: Given.kwargs) -> Answer:
        return context.run(work, *args, **options)

    return there


class TextLines(logging.Formatter):
    """One line for people, which says first where it is a warning or an error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback follows it, set in, so that none of its lines looks like one."""
        told = PREFIXES.get(record.levelno, "") + one_line(record.getMessage())
        return "\n".join([told, *_traceback(record)])


class JsonLines(logging.Formatter):
    """One JSON object a line.

    `time` (UTC, milliseconds), `level`, `message`, `logger`, `subjects` where they are known,
    and `exception`, a traceback, where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The object; nothing in it is a line break or a control character."""
        told = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}"
            f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "message": one_line(record.getMessage()),
            "logger": record.name,
            **{key: one_line(value) for key, value in subjects().items()},
        }
        if lines := _traceback(record):
            told["exception"] = "\n".join(lines)
        return msgspec.json.encode(told).decode()


def _traceback(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[0] is None:
        return []
    lines = logging.Formatter().formatException(record.exc_info).splitlines()
    return [f"  {' ' * (len(line) - len(line.lstrip()))}{one_line(line)}" for line in lines]


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure(*, level: int, as_json: bool = False) -> None:
    """Have what is logged from now on, from `level` up, go to standard error."""
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, _StandardError)]:
        root.removeHandler(before)
    handler = _StandardError()
    handler.setFormatter(JsonLines() if as_json else TextLines())
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(as_json)
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.ERROR)
    if as_json and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8")  # JSON is, whatever the terminal


def structured() -> bool:
    """Whether standard error is for machines."""
    found = [h for h in logging.getLogger().handlers if isinstance(h, _StandardError)]
    return any(isinstance(handler.formatter, JsonLines) for handler in found)
