"""What a notice says; pure. Readers get a digest in their languages, operators plain English."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from pipeline.errors import PaperlineError
from pipeline.notices.plain import plain
from pipeline.records import Digest, Entry, Language
from pipeline.report import Report
from pipeline.settings import Settings
from pipeline.site import words
from pipeline.site.place import absolute
from pipeline.site.text import abstract_link, local_time
from pipeline.site.words import Said
from pipeline.text import amount

LONGEST: Final[dict[Language, int]] = {"en": 500, "zh": 250}
"""Characters of a line: with both, and its address, a paper fits into the smallest message."""

LONGEST_NAME = 80
LONGEST_TITLE = 200
LONGEST_REASON = 400
MOST_REASONS = 20


class Message(NamedTuple):
    """A title of one line, and blocks of text that are kept whole where a message is divided.

    `rest` stands for blocks that are left out of a message that is too long.
    """

    title: str
    blocks: Sequence[str]
    rest: str = "…"


def published(settings: Settings, digest: Digest) -> Message:
    """A digest that was published: its lines in the topic's languages, and its address.

    Raises `DamagedFile` where the digest's time zone is unknown.
    """
    languages = _languages(settings, digest.topic)
    when = local_time(digest)(digest.instant)
    address = absolute(settings.site, f"{digest.topic}/{digest.snapshot}.html")
    about = [_counts(digest), words.written(digest), words.reviewed(digest)]
    told = [_said(said, languages) for said in about]
    blocks = ["\n".join([f"{when} {plain(digest.time_zone, LONGEST_NAME)}", *told, address])]
    introduced = words.introduced(digest)
    if introduced and digest.introduction:
        lines = digest.introduction.lines or {}
        shown = [plain(lines[name], LONGEST[name]) for name in languages if name in lines]
        blocks.append("\n".join([*shown, _said(introduced, languages)]))
    blocks += [
        _paper(digest, number, entry, languages) for number, entry in enumerate(digest.papers, 1)
    ]
    title = f"{plain(digest.title, LONGEST_NAME)} {when[:10]}"
    return Message(title, blocks, rest=f"… {address}")


def waiting(settings: Settings, report: Report) -> Message:
    """A run's digest that waits for its editors; where they find it."""
    found = [
        (report.gaps, "gap"),
        (report.errors, "error"),
        (report.warnings, "warning"),
    ]
    counts = [amount(number, what) for number, what in found if number]
    papers = f"{amount(report.papers, 'paper')}, {report.new} new, {report.revised} revised"
    where = f"{report.topic}/{report.snapshot}"
    for_what = amount(report.waiting_for, "decision")
    waits = f"waits for {for_what if report.waiting_for else 'somebody to publish it'}"
    hosts = settings.review.hosts
    way = f"https://{hosts[0]}/review/{where}" if hosts else "Run paperline review"
    return Message(f"{where} {waits}", [f"{', '.join([papers, *counts])}\n{way}"])


def gaps(report: Report) -> Message:
    """A run that finished, and what it could not do."""
    reasons = Counter((each.snapshot, each.reason) for each in report.missing)
    listed = [
        f"{snapshot or report.topic}: {count} × {plain(reason, LONGEST_REASON)}"
        for (snapshot, reason), count in reasons.most_common(MOST_REASONS)
    ]
    if left_out := len(reasons) - len(listed):
        listed.append(f"… and {amount(left_out, 'further reason')}")
    snapshot = f" {report.topic}/{report.snapshot}" if report.snapshot else ""
    listed.append(f"The next run tries again; see paperline status{snapshot}")
    return Message(f"{report.topic}: something is missing", listed)


def failed(what: str, error: Exception, when: str) -> Message:
    """A run that failed: what happened, where, what to do next.

    `what` is its topic, or the run as a whole. Of a defect only the kind is told: its words
    may hold anything.
    """
    if isinstance(error, PaperlineError):
        told = [error.what, f"Where: {error.where}" if error.where else "", error.next_step]
    else:
        told = [f"a defect of paperline: {type(error).__name__}", "The run's log has the rest"]
    lines = [plain(line, LONGEST_REASON) for line in told if line]
    return Message(f"{what}: the run of {when} failed", ["\n".join(lines)])


def _languages(settings: Settings, topic: str) -> Sequence[Language]:
    """The topic's; both where it is configured no more."""
    configured = {each.name: each.languages for each in settings.topic}
    return configured.get(topic, ("en", "zh"))


def _said(said: Said, languages: Sequence[Language]) -> str:
    lines: dict[Language, str] = {"en": said.en, "zh": said.zh}
    return "\n".join(plain(lines[name], LONGEST[name]) for name in languages)


def _counts(digest: Digest) -> Said:
    statuses = Counter(entry.paper.status for entry in digest.papers)
    named = [(words.STATUS[name], statuses[name]) for name in words.STATUS if statuses[name]]
    papers = len(digest.papers)
    english = ", ".join(f"{count} {said.en.lower()}" for said, count in named)
    chinese = "，".join(f"{said.zh} {count} 篇" for said, count in named)
    return Said(
        amount(papers, "paper") + (f": {english}" if english else ""),
        f"共 {papers} 篇" + (f"：{chinese}" if chinese else ""),
    )


def _paper(digest: Digest, number: int, entry: Entry, languages: Sequence[Language]) -> str:
    """One paper: its lines, each labelled where no model wrote it, and its address."""
    lines = [_line(entry, name) for name in languages if name in entry.lines]
    if not lines:
        missing = words.gap_note(entry) or words.NO_LINE
        lines = [plain(entry.paper.title, LONGEST_TITLE), _said(missing, languages)]
    if entry.paper.status != "new":
        said = words.STATUS[entry.paper.status]
        label = " · ".join({"en": said.en, "zh": said.zh}[name] for name in languages)
        lines[0] = f"[{label}] {lines[0]}"
    if gone := words.withdrawal_note(digest, entry):
        lines.append(_said(gone, languages))
    return "\n".join([f"{number}. {lines[0]}", *lines[1:], abstract_link(entry.paper)])


def _line(entry: Entry, language: Language) -> str:
    line = plain(entry.lines[language].text, LONGEST[language])
    note = words.origin_note(entry, language)
    if not note:
        return line
    label = plain(note, LONGEST_NAME)
    return f"{line} ({label})" if language == "en" else f"{line}（{label}）"
