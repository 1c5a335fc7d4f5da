"""Results that come in any order, handed on in the order of what they are about."""

from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class InOrder(Generic[Result]):
    """Hands on what comes in any order, in the order of its positions from 0."""

    def __init__(self, add: Callable[[Result], None]) -> None:
        self._add = add
        self._next = 0
        self._early: dict[int, Result] = {}

    def put(self, position: int, result: Result) -> None:
        """Take what belongs at `position`; each position comes once."""
        self._early[position] = result
        while self._next in self._early:
            self._add(self._early.pop(self._next))
            self._next += 1
