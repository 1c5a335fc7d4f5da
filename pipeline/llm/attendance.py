"""How many of those that ask are still to come, and when nobody is waited for any more."""

import math
from collections.abc import Callable

PLACED = 300.0
"""Seconds to wait while nobody is there: a cluster that grows takes minutes to have a node more."""

MOST_LOST = 3
"""Times that all may be lost with nothing told in between, or may fail to begin; then none more
begins. Whoever asks about one paper may be lost as often; then it is taken to be the paper."""


class Attendance:
    """Counts those that begin, join and are lost; who they are is the pool's business."""

    def __init__(self, wanted: int, clock: Callable[[], float]) -> None:
        """`wanted`: how many begin together; `clock` gives seconds."""
        self.wanted = wanted
        self.joining = 0
        self.trouble = "none has begun"
        self._clock = clock
        self._together = True
        self._lost = self._failed = 0
        self._deadline = clock() + PLACED

    def reserved(self) -> int:
        """Shares of the limits that nobody else may use: of those that begin together.

        The first of them would otherwise begin with all, and give back what others are to have.
        """
        return self.wanted if self._together else 0

    def given_up(self) -> bool:
        """Whether nobody comes any more; to be asked where nobody is there."""
        return not self.joining or self._clock() >= self._deadline

    @property
    def patience(self) -> float:
        """Seconds for which one may still come, where nobody is there."""
        return max(0.0, self._deadline - self._clock())

    def begins(self) -> None:
        """One more is to join."""
        self.joining += 1

    def joined(self, present: int) -> None:
        """One is there; with it so many are."""
        self.joining -= 1
        self._deadline = math.inf
        if present >= self.wanted:
            self._together = False

    def failed(self, trouble: str, *, broken: bool) -> bool:
        """One did not begin; whether another is to: not where each would be as `broken`."""
        self.joining -= 1
        self.trouble = trouble
        self._failed += 1
        return not broken and self._failed <= MOST_LOST * self.wanted

    def lost(self, trouble: str, *, present: int) -> bool:
        """One is gone, and so many are left; whether another is to begin."""
        self.trouble = trouble
        self._lost += 1
        if not present:
            self._deadline = self._clock() + PLACED
        return self._lost <= MOST_LOST * self.wanted

    def told(self) -> None:
        """Somebody has told something: whoever was lost was not lost in vain."""
        self._lost = 0

    def wait_no_more(self) -> bool:
        """Nothing is reserved from now on for those that begin; whether anything was."""
        was, self._together = self._together, False
        return was
