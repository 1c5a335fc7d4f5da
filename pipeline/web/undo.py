"""Taking back what was decided: by a further decision, since none is ever erased."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.composition import Material
from pipeline.decisions import ON_LINES
from pipeline.desk import View
from pipeline.stages.review import Wish, arrangement_mark, introduction_mark, on_show


@dataclass(frozen=True)
class Undo:
    """What takes back one thing that an editor did: a wish for each decision it took.

    `seen` of a wish is the mark of what was decided; `before` are the marks of what there was
    before, in the same order. `overtaken` counts those left out, since somebody else has
    decided meanwhile.
    """

    wishes: tuple[Wish, ...]
    before: tuple[str, ...]
    overtaken: int = 0

    @property
    def paper(self) -> str | None:
        """The paper to look at afterwards; None for the introduction."""
        return self.wishes[0].paper


def of(before: View, wishes: list[Wish]) -> list[Wish]:
    """What restores the state `before`, for each of the wishes that are about to be granted."""
    return [_inverse(before, wish) for wish in wishes]


def marks(material: Material, wishes: Iterable[Wish]) -> tuple[str, ...]:
    """By what a change of each paper, or of the introduction, is noticed."""
    return tuple(_mark(material, wish) for wish in wishes)


def marked(after: Material, wishes: list[Wish], before: tuple[str, ...]) -> Undo:
    """The same wishes, granted only while what was decided is in force."""
    seen = marks(after, wishes)
    pairs = zip(wishes, seen, strict=True)
    return Undo(tuple(replace(wish, seen=mark) for wish, mark in pairs), before)


def following(earlier: Undo, done: Undo, after: Material) -> Undo:
    """What takes back something `earlier`, now that `done` has restored it.

    What was restored is a decision of its own, so its mark is another one.
    """
    restored = {wish.paper: mark for wish, mark in zip(done.wishes, done.before, strict=True)}
    wishes = [
        replace(wish, seen=_mark(after, wish))
        if wish.seen is not None and wish.seen == restored.get(wish.paper)
        else wish
        for wish in earlier.wishes
    ]
    return replace(earlier, wishes=tuple(wishes))


def standing(done: Undo, now: Material) -> Undo:
    """The same without what somebody else has decided on since; all of it where nothing stands."""
    pairs = zip(done.wishes, done.before, strict=True)
    kept = [(wish, before) for wish, before in pairs if wish.seen == _mark(now, wish)]
    if not kept:
        return done
    wishes, before = zip(*kept, strict=True)
    return Undo(wishes, before, overtaken=len(done.wishes) - len(kept))


def _mark(material: Material, wish: Wish) -> str:
    if wish.paper is None:
        return introduction_mark(material.state.introduction)
    if wish.action not in ON_LINES:
        return arrangement_mark(material, wish.paper)
    return on_show(material, wish.paper).mark


def _inverse(before: View, wish: Wish) -> Wish:
    paper, material = wish.paper, before.material
    if paper is None:
        introduction = material.state.introduction
        text = (introduction.lines if introduction else None) or {}
        return Wish("introduce", text=text, again=introduction)
    if wish.action in ("pin", "unpin"):
        return Wish("pin" if paper in material.state.pinned else "unpin", paper)
    if wish.action == "move":
        # As if nothing were pinned: a pin that is taken away later changes no order.
        order = material.state.moved(material.papers)
        behind = order[order.index(paper) + 1 :]
        return Wish("move", paper, before=behind[0] if behind else None)
    decision, _ = material.decided(paper)
    if decision is None:
        return Wish("reopen", paper)
    return Wish(decision.action, paper, note=decision.note, again=decision)
