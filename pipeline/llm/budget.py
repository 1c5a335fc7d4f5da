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
        self._spent = Usage()
        self._reserved = Usage()
        self.outstanding = 0

    def reserve(self, estimate: Usage) -> str | None:
        """Set `estimate` aside for one request; the limit it would pass, in words, or None.

        `outstanding` counts the requests that are set aside and not settled: while there
        are any, a refused one may fit later, since estimates are higher than what is used.
        """
        after = self._spent.plus(self._reserved).plus(_known(estimate))
        limits, usd = self._settings, after.usd or 0.0
        if usd > limits.usd_per_run:
            return f"usd_per_run = {limits.usd_per_run:g} is reached"
        if after.tokens > limits.tokens_per_run:
            return f"tokens_per_run = {limits.tokens_per_run} is reached"
        if self._today + usd > limits.usd_per_day:
            return f"usd_per_day = {limits.usd_per_day:g} is reached"
        self._reserved = self._reserved.plus(_known(estimate))
        self.outstanding += 1
        return None

    def settle(self, estimate: Usage, used: Usage) -> None:
        """Replace what was set aside by what was used: nothing, where no answer came."""
        self._reserved = self._reserved.plus(_negative(_known(estimate)))
        self._spent = self._spent.plus(_known(used))
        self.outstanding -= 1


def _known(usage: Usage) -> Usage:
    """An unknown price counts as nothing: only `tokens_per_run` limits such a model."""
    return usage.but(usd=usage.usd or 0.0)


def _negative(usage: Usage) -> Usage:
    return Usage(
        prompt_tokens=-usage.prompt_tokens,
        completion_tokens=-usage.completion_tokens,
        usd=-(usage.usd or 0.0),
    )
