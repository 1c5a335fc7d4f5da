"""What tokens cost: by the table's own `price`, else by the price list of genai-prices.

The list is the one of the installed version; nothing is downloaded.
"""

import functools
import logging

from pipeline.records import Usage
from pipeline.settings import ProviderSettings

log = logging.getLogger(__name__)

MILLION = 1_000_000
SOME = 1000
"""Tokens at which prices are looked up."""

BATCH_SHARE = 0.5
"""Share of the usual price that a batch costs, by OpenAI's list and those of its followers."""


def priced(usage: Usage, settings: ProviderSettings, model: str) -> Usage:
    """`usage` of `model` with its price in US dollars, None where that is not known.

    The table's `price` is that of the table's own model.
    """
    price = settings.price if settings.price and model == settings.name else _listed(model)
    if price is None:
        return usage.but(usd=None)
    fresh = usage.prompt_tokens - usage.cached_tokens
    cached = price.get("cached", price["input"])
    dear = usage.completion_tokens * price["output"]
    usd = (fresh * price["input"] + usage.cached_tokens * cached + dear) / MILLION
    return usage.but(usd=usd)


@functools.cache
def _listed(model: str) -> dict[str, float] | None:
    """US dollars for a million tokens by the list; None, said once, where it has no such model.

    Looked up once for each model: the list's higher prices for very long prompts do not
    concern an abstract.
    """
    from genai_prices import Usage as Tokens  # 0.4 s, and the embedded model needs no prices
    from genai_prices import calc_price

    def of_a_million(**tokens: int) -> float:
        return float(calc_price(Tokens(**tokens), model).total_price) * MILLION / SOME

    try:
        return {
            "input": of_a_million(input_tokens=SOME),
            "cached": of_a_million(input_tokens=SOME, cache_read_tokens=SOME),
            "output": of_a_million(output_tokens=SOME),
        }
    except (LookupError, ValueError):
        log.warning(
            "the price of %s is not known: its cost is reported as unknown, and of [budget] only "
            "tokens_per_run can limit it. Set [model] price to have it known",
            model,
        )
        return None
