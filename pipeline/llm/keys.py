"""Which key goes to which address."""

import itertools
import os
from collections.abc import Mapping

from pipeline.errors import SettingsError
from pipeline.settings import ProviderSettings, Settings

OPENAI_HOST = "api.openai.com"
PLACEHOLDER_KEY = "no-key-needed"


class Secret:
    """A key on its way to another process: no log and no traceback shows it."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "Secret(not shown)"


def api_key(settings: ProviderSettings, environ: Mapping[str, str] = os.environ) -> str:
    """The key for `settings.base_url`, from the variable that its own table names.

    Local servers want none, so a placeholder is sent to them. Raises `SettingsError`
    naming the variable where OpenAI's own address has no key.
    """
    key = environ.get(settings.api_key_env, "").strip()
    if not key and settings.host == OPENAI_HOST:
        raise SettingsError(
            f"the environment variable {settings.api_key_env} is not set",
            where=f"api_key_env of {settings.name}",
            next_step=f"Set it to a key of {OPENAI_HOST}, or set [model] base_url or name "
            '("embedded" needs no key)',
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            f"the environment variable {settings.api_key_env} holds no key: a blank, a line "
            "break or a character that is not ASCII is in it",
            where=f"api_key_env of {settings.name}",
            next_step="Set it again, to the key alone",
        )
    return key or PLACEHOLDER_KEY


def secret_variables(settings: Settings) -> set[str]:
    """The environment variables that hold keys, or addresses with passwords in them."""
    told = settings.notify
    channels = (*itertools.chain.from_iterable(told.events.values()), told.heartbeat)
    keys = {provider.api_key_env for provider in settings.model.providers}
    return keys | {channel[1:] for channel in channels if channel.startswith("$")}
