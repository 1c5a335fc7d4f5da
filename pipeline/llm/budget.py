"""What may still be spent."""

from pipeline.records import Usage
from pipeline.settings import BudgetSettings


class Budget:
    """The limits of one command, with what it and the day have spent so far.

    `spent_today` in US dollars, over all commands, at the start of this one.
    """

    def __init__(self, settings: BudgetSettings, spent_today: float) -> None:
        self._settings = settings
        self._today = spent_today
        self.spent = Usage()

    def add(self, usage: Usage) -> None:
        """Count an answer that was paid for."""
        self.spent = self.spent.plus(usage.but(usd=usage.usd or 0.0))

    def reached(self) -> str | None:
        """Which limit is reached, in words, or None."""
        limits, usd = self._settings, self.spent.usd or 0.0
        if usd >= limits.usd_per_run:
            return f"usd_per_run = {limits.usd_per_run:g} is reached"
        if self.spent.tokens >= limits.tokens_per_run:
            return f"tokens_per_run = {limits.tokens_per_run} is reached"
        if self._today + usd >= limits.usd_per_day:
            return f"usd_per_day = {limits.usd_per_day:g} is reached"
        return None
