"""What the test bed's servers say of their clients; only for tests that have it."""

import json
import urllib.request
from typing import Any

from benchmarks.nights.world import serving as serving


def statistics(base_url: str) -> Any:
    """What a server says of its clients."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/__stats") as answer:
        return json.load(answer)
