"""The default executor: asks OpenAI-compatible providers from this process, over asyncio."""

from collections.abc import Sequence

from pipeline.cache import AnswerCache
from pipeline.llm.abilities import Known
from pipeline.llm.asking import ASKS, Asked, Asking
from pipeline.llm.budget import Budget
from pipeline.settings import ProviderSettings


class Online(Asking):
    """Asks all providers over connections of its own. Close it when done."""

    def __init__(
        self,
        keyed: Sequence[tuple[ProviderSettings, str]],
        cache: AnswerCache,
        budget: Budget,
        *,
        asks: int = ASKS,
    ) -> None:
        """`keyed`: the model's table and its fallbacks, each with its own key; see `Asking`."""
        known = Known(cache)

        def connect() -> list[Asked]:
            from pipeline.llm.provider import Provider  # with the SDK a second of import

            return [Provider(settings, key, known, budget) for settings, key in keyed]

        super().__init__([settings for settings, _ in keyed], cache, known, connect, asks=asks)
