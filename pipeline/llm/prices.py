"""What tokens cost: by the table's own `price`, else by the price list of genai-prices.

The list is the one of the installed version; nothing is downloaded.
"""

import functools
import logging

from pipeline.records import Usage
from pipeline.settings import ProviderSettings

log = logging.getLogger(__name__)

MILLION = 1_000_000

BATCH_SHARE = 0.5
"""Share of the usual price that a batch costs, by OpenAI's list and those of its followers."""


def priced(usage: Usage, settings: ProviderSettings, model: str) -> Usage:
    """`usage` of `model` with its price in US dollars, None where that is not known.

    The table's `price` is that of the table's own model.
    """
    if settings.price and model == settings.name:
        return usage.but(usd=_by_table(usage, settings.price))
    from genai_prices import Usage as Tokens  # 0.4 s, and the embedded model needs no prices
    from genai_prices import calc_price

    tokens = Tokens(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
    )
    try:
        return usage.but(usd=float(calc_price(tokens, model).total_price))
    except (LookupError, ValueError):
        _say_unknown(model)
        return usage.but(usd=None)


def _by_table(usage: Usage, price: dict[str, float]) -> float:
    fresh = usage.prompt_tokens - usage.cached_tokens
    cached = price.get("cached", price["input"])
    dear = usage.completion_tokens * price["output"]
    return (fresh * price["input"] + usage.cached_tokens * cached + dear) / MILLION


@functools.cache
def _say_unknown(model: str) -> None:
    log.warning(
        "the price of %s is not known: its cost is reported as unknown, and of [budget] only "
        "tokens_per_run can limit it. Set [model] price to have it known",
        model,
    )
