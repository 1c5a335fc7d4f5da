"""What an export says of a paper beside its bibliographic data, in sentences."""

from collections.abc import Iterator, Sequence

from pipeline.records import LANGUAGES, Digest, Entry, Language, Publication
from pipeline.site import words
from pipeline.site.words import Said
from pipeline.text import one_line


def taken_back(digest: Digest, releases: Sequence[Publication]) -> Said | None:
    """When, by whom and why the digest was withdrawn as a whole; None where it was not.

    `releases` are all of its publications, oldest first. Raises `DamagedFile` where the digest's
    time zone is unknown.
    """
    if not releases or releases[-1].why is None:
        return None
    return words.release_notes(digest, releases)[-1]


def notes(digest: Digest, entry: Entry, withdrawn: Said | None = None) -> Iterator[str]:
    """The lines with who wrote each, what is missing, who reviewed it, and where it stood.

    Each is on one line; `withdrawn` is what `taken_back` says of the digest. Raises
    `DamagedFile` where the digest's time zone is unknown.
    """
    for language in LANGUAGES:
        if language in entry.lines:
            text = one_line(entry.lines[language].text)
            yield f"{text} [{credit(entry, language)}]"
    missing = words.gap_note(entry) or (None if entry.lines else words.NO_LINE)
    of_paper = words.withdrawal_note(digest, entry)
    yield from (one_line(said.en) for said in (missing, of_paper) if said)
    yield one_line(f"{words.review_note(entry).en}.")
    where = f"From {digest.topic}/{digest.snapshot}"
    if withdrawn:
        yield one_line(f"{where}, a digest that was taken back. {withdrawn.en}")
    else:
        yield one_line(f"{where}, a draft." if digest.status == "draft" else f"{where}.")


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
