"""What tokens cost, from the price list of the genai-prices package.

The list is the one of the installed version; nothing is downloaded.
"""

import functools
import logging

from pipeline.records import Usage

log = logging.getLogger(__name__)


def priced(usage: Usage, model: str) -> Usage:
    """`usage` with its price in US dollars, None where the model's price is not known."""
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


@functools.cache
def _say_unknown(model: str) -> None:
    log.warning(
        "the price of %s is not known: its cost is reported as unknown, and of [budget] only "
        "tokens_per_run can limit it",
        model,
    )
