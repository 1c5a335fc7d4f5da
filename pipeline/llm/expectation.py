"""What a request will probably use, learned from the answers so far."""

from pipeline.exchange import Request
from pipeline.llm.prices import priced
from pipeline.llm.tokens import count_request
from pipeline.records import Usage
from pipeline.settings import ProviderSettings

FIRST_GUESS = 0.5
"""Share of `max_output_tokens` that an answer is taken to need before any has come."""

REMEMBERED = 50
"""Answers over which the usual length of one is averaged."""

MOST_WEIGHT = 20
"""Times its estimate that one answer counts, whatever the provider says: one absurd count must
not stop the run for minutes."""


class Expectation:
    """The usual answer of one provider."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._completion = settings.max_output_tokens * FIRST_GUESS
        self._answers = 0

    def of(self, request: Request) -> Usage:
        """What a request will probably use, with its price."""
        usage = Usage(
            prompt_tokens=count_request(request), completion_tokens=round(self._completion)
        )
        return priced(usage, self._settings, request.model)

    def learn(self, estimate: Usage, used: Usage) -> None:
        """An answer that was expected to use `estimate` has `used` this."""
        self._answers += 1
        completion = min(used.completion_tokens, MOST_WEIGHT * estimate.tokens)
        self._completion += (completion - self._completion) / min(self._answers, REMEMBERED)
