"""What editors' decisions add up to, and whether they open the gate; pure.

The state is a fold over `4-decisions.jsonl`: the last decision on a paper counts,
and `reopen` takes it back.
"""

from collections.abc import Iterable

from pipeline.records import Decision, Digest, Entry, Policy


def present(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decision in force for each paper that has one."""
    state: dict[str, Decision] = {}
    for decision in decisions:
        state.pop(decision.paper, None)
        if decision.action != "reopen":
            state[decision.paper] = decision
    return state


def waited_for(digest: Digest, policy: Policy) -> tuple[Entry, ...]:
    """The papers that keep the gate shut under `policy`; empty when the digest may be released."""
    if policy == "none":
        return ()
    flagged = digest.flagged
    return tuple(e for e in digest.undecided if policy == "all" or e.gap or e.paper.id in flagged)
