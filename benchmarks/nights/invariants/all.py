"""What has to hold after every night; each function tells what does not, in sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.nights.evidence import Damaged
from benchmarks.nights.invariants.books import (
    arxiv_and_the_key_are_respected,
    every_file_can_be_read,
    every_gap_is_explained,
    nothing_is_paid_twice,
    the_books_balance,
)
from benchmarks.nights.invariants.case import Case, tree
from benchmarks.nights.invariants.decisions import (
    no_decision_is_lost,
    nothing_is_published_unread,
    what_readers_saw_stays,
    what_was_decided_is_shown,
)
from benchmarks.nights.invariants.lines import (
    no_failure_is_shown_as_a_summary,
    pages_say_what_the_records_say,
)
from benchmarks.nights.invariants.papers import (
    nothing_is_lost,
    nothing_is_shown_twice,
    withdrawals_are_told,
)


def the_site_is_what_was_published(case: Case, scratch: Path) -> Iterator[str]:
    """It equals one made from scratch, and has a page for each release and no other."""
    done = case.machine.rebuilt(scratch)
    if done.code != 0:
        yield f"a site from scratch ends with {done.code}: {done.err.strip()[-500:]}"
    there, made = tree(case.machine.outputs / "site"), tree(scratch / "outputs" / "site")
    for name in sorted(there.keys() | made.keys()):
        if there.get(name) != made.get(name):
            yield f"site/{name} is not what a rebuild makes"
    published = {f"{each}.html" for each in case.evidence.snapshots if each.releases}
    pages = {name for name in there if re.fullmatch(r"[^/]+/[0-9]{8}_[0-9]{4}\.html", name)}
    for name in sorted(published ^ pages):
        yield f"site/{name} is {'missing' if name in published else 'of nothing published'}"


INVARIANTS = (
    every_file_can_be_read,
    nothing_is_lost,
    nothing_is_shown_twice,
    nothing_is_published_unread,
    what_readers_saw_stays,
    no_decision_is_lost,
    what_was_decided_is_shown,
    no_failure_is_shown_as_a_summary,
    pages_say_what_the_records_say,
    withdrawals_are_told,
    nothing_is_paid_twice,
    the_books_balance,
    every_gap_is_explained,
    arxiv_and_the_key_are_respected,
)


def violations(case: Case, scratch: Path) -> list[str]:
    """All that does not hold, each with the invariant's name."""
    found: list[str] = []
    judges = {each.__name__: each(case) for each in INVARIANTS}
    judges["the_site_is_what_was_published"] = the_site_is_what_was_published(case, scratch)
    for name, told in judges.items():
        try:
            found += [f"{name.replace('_', ' ')}: {what}" for what in told]
        except Damaged as damage:
            found.append(f"{name.replace('_', ' ')}: that cannot be told, {damage}")
    return found
