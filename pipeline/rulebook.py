"""What the lines of each prompt are held to: by the settings, the prompt, the glossary."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pipeline import glossary, prompts
from pipeline.checks.rules import Form, Rules
from pipeline.errors import PromptError
from pipeline.gate_settings import CheckSettings
from pipeline.records import Language, fingerprint
from pipeline.settings import Settings

log = logging.getLogger(__name__)

_Form = tuple[tuple[int, int], tuple[int, int], tuple[str, ...]]


def rules_of(settings: Settings, prompt: str | None) -> Rules:
    """What the lines of a prompt are held to, None for the embedded model's, as in `rules_for`.

    Remembered until a prompt, the glossary or the settings change, so that it can be asked
    for at every key. Raises `PromptError` where the glossary is damaged.
    """
    chosen = settings.check
    form = chosen.words, chosen.characters, chosen.openings
    return _remembered(settings.prompts, prompts.contents(settings.prompts), form, prompt)


@functools.lru_cache(maxsize=32)
def _remembered(folder: Path, contents: str, form: _Form, prompt: str | None) -> Rules:
    """The rules of a prompt; `contents` is the fingerprint of what the folder holds."""
    del contents
    words, characters, openings = form
    chosen = CheckSettings(words=words, characters=characters, openings=openings)
    made, _ = rules_for(folder, chosen, {prompt})
    return made[prompt]


def rules_for(
    folder: Path, chosen: CheckSettings, names: set[str | None]
) -> tuple[dict[str | None, Rules], tuple[str, ...]]:
    """What the lines of each prompt are held to, None for the embedded model's.

    The lines of a prompt that is gone or damaged are held to the settings alone, and that is
    told.
    """
    terms = glossary.load(folder)
    form = Form(length=_length(chosen, None))
    made: dict[str | None, Rules] = {
        None: Rules(glossary=terms, form=form, openings=chosen.openings, extractive=True)
    }
    unknown = []
    for name in sorted(filter(None, names)):
        try:
            prompt = prompts.load(folder, name)
        except PromptError as error:
            log.warning("lines by %s are held to the settings' form: %s", name, error)
            unknown.append(f"prompt {name}: {error}")
            own = form
        else:
            length = _length(chosen, prompt)
            own = Form(prompt.sentences, length, prompt.instructions)
        made[name] = Rules(glossary=terms, form=own, openings=chosen.openings)
    return made, tuple(unknown)


def _length(
    chosen: CheckSettings, prompt: prompts.Prompt | None
) -> dict[Language, tuple[int, int]]:
    """The shortest and longest line of each language: the prompt's own, else the settings'."""
    words = prompt.words if prompt and prompt.words else chosen.words
    characters = prompt.characters if prompt and prompt.characters else chosen.characters
    return {"en": words, "zh": characters}


def mark_of(prompt: str | None) -> str:
    """The name under which `run.json` keeps what the lines of a prompt were held to."""
    return f"rules:{prompt or ''}"


def marks(rules: Mapping[str | None, Rules], chosen: CheckSettings) -> dict[str, str]:
    """By `mark_of` each prompt, the fingerprint of its rules."""
    return {mark_of(prompt): _identity(each, chosen) for prompt, each in rules.items()}


def _identity(rules: Rules, chosen: CheckSettings) -> str:
    """Fingerprint of rules, and of the severities of what breaks them."""
    form, terms = rules.form, rules.glossary
    return fingerprint(
        [
            terms.fingerprint,
            {english: list(others) for english, others in terms.alternatives.items()},
            [form.sentences, dict(form.length), form.instructions],
            [rules.openings, rules.extractive],
            dict(chosen.severity),
        ]
    )


def obeyed(chosen: CheckSettings) -> str:
    """Fingerprint of what the settings say of the checks."""
    return fingerprint(msgspec.to_builtins(chosen))
