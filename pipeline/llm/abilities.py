"""What a provider's model can do, learned from what it refuses and from what it spends.

Remembered in `cache/` for its address and model, so that no night learns it anew.
"""

import functools
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from pipeline.errors import DamagedFile
from pipeline.exchange import Job, Message, Request
from pipeline.records import Count, Record, Utc, fingerprint, utc
from pipeline.settings import ProviderSettings

Form = Literal["json_schema", "json_object", "text"]
LOWER: dict[Form, Form] = {"json_schema": "json_object", "json_object": "text"}

FORM_NAMED = re.compile(r"response_?format|json_schema|json_object", re.IGNORECASE)
"""How a refusal names the form of answer; `text.format` is another API's."""

NOT_KNOWN = re.compile(
    r"unknown|unrecogni[sz]ed|unexpected|extra|unsupported|not permitted|instead"
)
"""How a refusal says that it does not know a parameter."""

TOO_LONG = re.compile(
    r"context (length|window)|max_(completion_)?tokens.*(too large|at most|less than|exceed)"
)
"""How a refusal says that the answer was allowed more tokens than the model has."""

REASONING_ROOM = {"none": 0, "minimal": 500, "low": 1000, "medium": 2500, "high": 8000}
"""Tokens allowed for reasoning on top of the lines, by effort, until it is known what is used.

They cost nothing where they are not used, and an answer that was cut is paid for; but many
providers count them against the tokens a minute.
"""

ENOUGH = 10
"""Answers after which the most that was spent on reasoning tells what to allow for."""

KEPT_FOR = timedelta(days=30)
"""Then it is learned anew: providers change."""


class Abilities(Record, frozen=True, kw_only=True):
    """What one model at one address takes.

    `form`: the strictest form of answer that it knows; `proved`: an answer came in it.
    `limit`: its name for the most tokens of an answer. `refused`: parameters that it does
    not take. `tight`: it has no room for more than the lines. `reasoning`: the most tokens
    that one of `answers` spent on reasoning.
    """

    form: Form = "json_schema"
    proved: bool = False
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    refused: tuple[str, ...] = ()
    tight: bool = False
    reasoning: Count = 0
    answers: Count = 0
    learned: Utc

    @staticmethod
    def unknown() -> "Abilities":
        """Those of a model that was never asked."""
        return Abilities(learned=utc(datetime.now(UTC)))

    def asks_as(self, other: "Abilities") -> bool:
        """Whether a request is put the same way under both."""
        alike = ("form", "limit", "refused", "tight")
        return all(getattr(self, name) == getattr(other, name) for name in alike)

    def outdated(self, now: datetime) -> bool:
        """Whether they were learned too long ago to be believed."""
        return now - self.learned > KEPT_FOR

    def lowered(self, said: str, parameters: Iterable[str]) -> "Abilities | None":
        """What a refusal teaches, or None where it names nothing that can be changed.

        `said` is the refusal in lower case; `parameters` are those that were sent.
        """
        if FORM_NAMED.search(said) and self.form in LOWER:
            return self.but(form=LOWER[self.form], proved=False)
        named = "max_completion_tokens" in said
        if self.limit == "max_completion_tokens" and named and NOT_KNOWN.search(said):
            return self.but(limit="max_tokens")
        if not self.tight and TOO_LONG.search(said):
            return self.but(tight=True)
        for name in parameters:
            if name not in self.refused and re.search(rf"\b{re.escape(name.lower())}\b", said):
                return self.but(refused=(*self.refused, name))
        return None

    def after(self, reasoning_tokens: int) -> "Abilities":
        """With one more answer, in the present form."""
        return self.but(
            proved=True,
            reasoning=max(self.reasoning, reasoning_tokens),
            answers=self.answers + 1,
        )

    def with_taught(self, other: "Abilities") -> "Abilities":
        """With what another who asked the same model found that it does not take."""
        forms: list[Form] = ["json_schema", *LOWER.values()]
        lower = max(self.form, other.form, key=forms.index)
        refused = (name for name in other.refused if name not in self.refused)
        return self.but(
            form=lower,
            proved=(self if lower == self.form else other).proved,
            limit=min(self.limit, other.limit, key=lambda limit: limit == "max_completion_tokens"),
            refused=(*self.refused, *refused),
            tight=self.tight or other.tight,
        )

    def taken(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Those of the parameters that the model takes."""
        return {name: value for name, value in parameters.items() if name not in self.refused}


class Memory(Protocol):
    """Where abilities are remembered: `cache/`."""

    def recall(self, key: str) -> str | None:
        """The text kept under `key`, or None."""
        ...

    def remember(self, key: str, text: str) -> None:
        """Keep `text` under `key`."""
        ...


class Known:
    """The abilities of every model that was asked, shared by all of a command."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[str, Abilities] = {}

    def of(self, settings: ProviderSettings, model: str) -> Abilities:
        """Those of a model at the table's address, as far as they are known."""
        key = _key(settings.base_url, model)
        if key not in self._known:
            self._known[key] = self._recalled(key)
        return self._known[key]

    def learn(self, settings: ProviderSettings, model: str, abilities: Abilities) -> None:
        """Put `abilities` in place of those known; what a form or parameter taught is kept."""
        key = _key(settings.base_url, model)
        before = self.of(settings, model)
        self._known[key] = abilities
        if not before.asks_as(abilities):
            self._memory.remember(key, abilities.to_json())

    def notes(self) -> dict[str, str]:
        """What is known of the models asked so far, as a `Memory` would recall it."""
        return {key: abilities.to_json() for key, abilities in self._known.items()}

    def close(self) -> None:
        """Keep what was learned of reasoning, too."""
        for key, abilities in self._known.items():
            if abilities.answers:
                self._memory.remember(key, abilities.to_json())

    def _recalled(self, key: str) -> Abilities:
        text = self._memory.recall(key)
        if text is None:
            return Abilities.unknown()
        try:
            found = Abilities.from_json(text, where=key)
        except DamagedFile:  # it is learned again at no cost
            return Abilities.unknown()
        return Abilities.unknown() if found.outdated(datetime.now(UTC)) else found


@functools.lru_cache(maxsize=32)
def _key(address: str, model: str) -> str:
    return f"abilities:{fingerprint([address, model])[:32]}"


def request_to(settings: ProviderSettings, job: Job, known: Known, *, first: bool) -> Request:
    """What a provider is asked for a job: the first one for the job's model, others for theirs."""
    model = job.model if first else settings.name
    request = job.request(model, settings.parameters)
    return request.but(parameters=known.of(settings, model).taken(request.parameters))


def body_of(
    request: Request, abilities: Abilities, settings: ProviderSettings, room: int
) -> dict[str, Any]:
    """The body of the chat completion; `room` multiplies the tokens that the answer may have."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": turn.role, "content": turn.content} for turn in _told(request, abilities.form)
        ],
        abilities.limit: _allowed(request, abilities, settings) * room,
        **abilities.taken(request.parameters),
    }
    if abilities.form == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif abilities.form == "json_schema":
        schema = {"name": request.answers, "strict": True, "schema": request.answer_schema()}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _told(request: Request, form: Form) -> tuple[Message, ...]:
    """The messages; where no schema says it, the first one says what form the answer has."""
    if form == "json_schema":
        return request.messages
    first, *rest = request.messages
    form_in_words = request.answer_in_words()
    if form_in_words in first.content:
        return request.messages
    demand = f"Answer with one JSON object and nothing else: {form_in_words}"
    return first.but(content=f"{first.content}\n{demand}"), *rest


def _allowed(request: Request, abilities: Abilities, settings: ProviderSettings) -> int:
    """Most tokens of an answer: the lines, and what the model spends on reasoning."""
    effort = str(request.parameters.get("reasoning_effort", "medium"))
    by_effort = REASONING_ROOM.get(effort, REASONING_ROOM["medium"])
    if abilities.tight:
        return settings.max_output_tokens
    used = 2 * abilities.reasoning
    return settings.max_output_tokens + (
        used if abilities.answers >= ENOUGH else max(by_effort, used)
    )
