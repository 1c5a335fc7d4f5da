"""An address that is a secret: as it stands in the settings, or in a variable that they name."""

import os
import re

from pipeline.errors import SettingsError


def named(setting: str, where: str, *, form: str, what: str, such_as: str) -> str:
    """The address that a setting is, or that the variable holds whose `$NAME` it is.

    `form` is the pattern of one, `what` names it in errors, `such_as` is an example. Raises
    `SettingsError`, which never has the address itself, where the variable holds none.
    """
    if not setting.startswith("$"):
        return setting
    found = os.environ.get(setting[1:], "").strip()
    if not found:
        raise SettingsError(
            f"the environment variable {setting[1:]} is not set",
            where=where,
            next_step=f"Set it to an {what} for the runs, or take it out",
        )
    if found.startswith("$") or not re.fullmatch(form, found):
        raise SettingsError(
            f"{setting[1:]} holds no {what}",
            where=where,
            next_step=f"Set it to one, such as {such_as} (docs/notices.md)",
        )
    return found
