"""Money, reasons, and the manners towards others."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from benchmarks.nights.evidence import Json
from benchmarks.nights.invariants.case import Case
from benchmarks.nights.machine import KEY, PRICE


def nothing_is_paid_twice(case: Case) -> Iterator[str]:
    """The model answers nothing well twice, but for what was on the wire or lost with the cache."""
    broken = sum(not each.whole for each in case.machine.world.account.answers)
    allowed = case.memory.lost_on_the_wire + case.memory.asked_again + broken
    twice = case.machine.world.paid_twice()
    if twice > allowed:
        yield f"{twice} answers were paid for twice, of which {allowed} can be explained"


def the_books_balance(case: Case) -> Iterator[str]:
    """Fetches account for every paper; the books have every answer, and run.json says the same."""
    for files in case.evidence.topics:
        for number, fetched in enumerate(files.fetches, 1):
            counts = dict(fetched["counts"])
            if counts and counts.pop("fetched") != sum(counts.values()):
                yield f"{files.name}: fetch {number} does not balance: {fetched['counts']}"
    booked: dict[str, int] = {}
    for spend in case.evidence.spent.values():
        name = f"{spend['topic']}/{spend['snapshot']}"
        booked[name] = booked.get(name, 0) + _tokens(spend["usage"])
    for snapshot in case.evidence.snapshots:
        stage = snapshot.run["stages"].get("summarize")
        if stage and _tokens(stage["usage"]) != booked.get(str(snapshot), 0):
            yield f"{snapshot}: run.json and spend.jsonl have different costs"
    answers = case.machine.world.account.answers
    whole = sum(each.whole for each in answers)
    least, most = whole - case.memory.lost_on_the_wire, len(answers)
    if not least <= len(case.evidence.spent) <= most:
        yield f"{len(case.evidence.spent)} answers are booked, and {least} to {most} were paid for"
    paid = Counter((each.prompt, each.completion) for each in answers)
    for spend in case.evidence.spent.values():
        usage = spend["usage"]
        key = usage["prompt_tokens"], usage["completion_tokens"]
        paid[key] -= 1
        cost = (key[0] * PRICE[0] + key[1] * PRICE[1]) / 1e6
        if paid[key] < 0 or not math.isclose(usage["usd"], cost, rel_tol=1e-6):
            yield f"{spend['snapshot']}: {spend['paper']}: no answer had the costs {usage}"


def _tokens(usage: Json) -> int:
    return int(usage["prompt_tokens"]) + int(usage["completion_tokens"])


def every_gap_is_explained(case: Case) -> Iterator[str]:
    """A gap has its reason, a run that is not well said why, and no command broke."""
    for snapshot in case.evidence.snapshots:
        gaps = snapshot.run["gaps"]
        for entry in (snapshot.digest or {"papers": []})["papers"]:
            if entry["gap"] and not (entry["gap"]["reason"] and entry["paper"]["id"] in gaps):
                yield f"{snapshot}: the gap of {entry['paper']['id']} has no reason"
    for what, done in case.memory.runs:
        told = re.search(r"^((error|warning): |LEFT )", done.err + done.out, re.MULTILINE)
        if done.code in (1, 2, 3, 75) and not told:
            yield f"{what} ended with {done.code}, and said nothing"
        if done.code not in (0, 1, 2, 3, 75, -9):
            yield f"{what} ended with {done.code}"
    for said in case.machine.said:
        if "a defect" in said or "Traceback" in said:
            yield f"a command broke: {said.strip().splitlines()[-1][:300]}"


def arxiv_and_the_key_are_respected(case: Case) -> Iterator[str]:
    """One request at a time goes to arXiv; the key is in no file and no message."""
    if case.machine.world.at_once() > 1:
        yield f"arXiv had {case.machine.world.at_once()} requests at once"
    if any(KEY in said for said in case.machine.said):
        yield "a message shows the key"
    for folder in (case.machine.outputs, case.machine.cache):
        for path in folder.rglob("*"):
            if path.is_file() and KEY.encode() in path.read_bytes():
                yield f"{path.relative_to(case.machine.folder)} holds the key"


def every_file_can_be_read(case: Case) -> Iterator[str]:
    """Whatever was damaged is whole again."""
    yield from case.evidence.unreadable()
