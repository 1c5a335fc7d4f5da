"""What an export says of a paper beside its bibliographic data, in sentences."""

from collections.abc import Iterator

from pipeline.records import LANGUAGES, Digest, Entry, Language
from pipeline.site import words
from pipeline.text import one_line


def notes(digest: Digest, entry: Entry) -> Iterator[str]:
    """The lines with who wrote each, what is missing, who reviewed it, and where it stood.

    Each is on one line. Raises `DamagedFile` where the digest's time zone is unknown.
    """
    for language in LANGUAGES:
        if language in entry.lines:
            text = one_line(entry.lines[language].text)
            yield f"{text} [{credit(entry, language)}]"
    missing = words.gap_note(entry) or (None if entry.lines else words.NO_LINE)
    withdrawal = words.withdrawal_note(digest, entry)
    yield from (one_line(said.en) for said in (missing, withdrawal) if said)
    yield one_line(f"{words.review_note(entry).en}.")
    draft = ", a draft" if digest.status == "draft" else ""
    yield one_line(f"From {digest.topic}/{digest.snapshot}{draft}.")


def credit(entry: Entry, language: Language) -> str:
    """Who or what wrote the line, in the line's own language."""
    line = entry.lines[language]
    model = line.model or ""
    by_model = {
        "en": f"Written by a language model: {model}",
        "zh": f"由语言模型 {model} 撰写",
    }[language]
    return one_line(words.origin_note(entry, language) or by_model)


def published_in(entry: Entry) -> str:
    """The paper's venue in a sentence; empty where none is known."""
    return one_line(f"Published in: {entry.paper.venue}") if entry.paper.venue else ""
