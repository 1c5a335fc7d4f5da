"""What is different for readers between two states of a digest; pure."""

from pipeline.records import Digest


def same(one: Digest, other: Digest) -> bool:
    """Whether readers are shown the same papers, lines and introduction in the same order."""
    whole = (one.papers, one.excluded, one.introduction)
    return whole == (other.papers, other.excluded, other.introduction)


def differing(before: Digest, after: Digest) -> list[str]:
    """The ids of the papers that were added, left out or changed, in the order of `after`."""
    then = {entry.paper.id: entry for entry in before.papers}
    now = {entry.paper.id: entry for entry in after.papers}
    return [id_ for id_ in now | then if now.get(id_) != then.get(id_)]


def in_another_order(before: Digest, after: Digest) -> bool:
    """Whether the papers that both show stand in another order."""
    then, now = ([entry.paper.id for entry in digest.papers] for digest in (before, after))
    both = {*then} & {*now}
    return [id_ for id_ in then if id_ in both] != [id_ for id_ in now if id_ in both]
