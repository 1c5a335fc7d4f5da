"""Taking back what was decided: by a further decision, since none is ever erased."""

from dataclasses import dataclass, replace

from pipeline.composition import Material
from pipeline.desk import View
from pipeline.records import Decision
from pipeline.stages.review import Wish, introduction_mark, on_show


@dataclass(frozen=True)
class Undo:
    """What takes back one thing that an editor did: a wish for each decision it took."""

    wishes: tuple[Wish, ...]

    @property
    def paper(self) -> str | None:
        """The paper to look at afterwards; None for the introduction."""
        return self.wishes[0].paper


def of(before: View, wishes: list[Wish]) -> list[Wish]:
    """What restores the state `before`, for each of the wishes that are about to be granted."""
    return [_inverse(before, wish) for wish in wishes]


def marked(after: Material, wishes: list[Wish]) -> Undo:
    """The same, granted only while what was decided is in force.

    Arranging can be taken back whatever else was decided since.
    """
    return Undo(
        tuple(
            replace(wish, seen=_mark(after, wish))
            if wish.action not in ("pin", "unpin", "move")
            else wish
            for wish in wishes
        )
    )


def _mark(material: Material, wish: Wish) -> str:
    if wish.paper is None:
        return introduction_mark(material)
    return on_show(material, wish.paper).mark


def _inverse(before: View, wish: Wish) -> Wish:
    paper, material = wish.paper, before.material
    if paper is None:
        introduction = material.state.introduction
        return Wish("introduce", text=(introduction.lines if introduction else None) or {})
    if wish.action in ("pin", "unpin"):
        return Wish("unpin" if wish.action == "pin" else "pin", paper)
    if wish.action == "move":
        order = [one.id for one in before.order]
        following = order[order.index(paper) + 1 :]
        return Wish("move", paper, before=following[0] if following else None)
    decision, _ = material.decided(paper)
    return Wish("reopen", paper) if decision is None else _again(material, paper, decision)


def _again(material: Material, paper: str, decision: Decision) -> Wish:
    """The wish that takes a decision once more, on the same text."""
    candidate = material.by_id.get(decision.summary or "")
    chosen = candidate.id if candidate else None
    if decision.action in ("hold", "exclude"):
        return Wish(decision.action, paper, summary=chosen, note=decision.note)
    if candidate is None or candidate.lines != decision.lines:
        text = decision.lines or {}
        return Wish("edit", paper, summary=chosen, text=text, note=decision.note)
    return Wish("approve", paper, summary=chosen, note=decision.note)
