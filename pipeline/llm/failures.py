"""Every way in which asking a model fails, and what is done about it; `docs/failures.md`.

This is the one place where a provider's errors become ours. The SDK's own retries are
off; `provider.py` asks again, and `answers.py` judges what was answered.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import openai

from pipeline.errors import ModelRefused, ModelUnavailable, PaperlineError, RequestRejected
from pipeline.llm.abilities import FORM_NAMED
from pipeline.llm.limits import LONGEST_WAIT, retry_after
from pipeline.settings import ProviderSettings
from pipeline.text import one_line


class Kind(NamedTuple):
    """One kind of failure: the error it becomes, how it shows, what follows."""

    name: str
    error: str
    signs: str
    then: str


KINDS = (
    Kind(
        "passing",
        "ModelUnavailable",
        "429, 408, 409, 425, 5xx; a timeout; a connection refused, lost or reset; a body that is "
        "cut, endless or no chat completion",
        "Asked again with exponential backoff and jitter, or after the provider's own "
        "`retry-after`, at most 8 times and for `[model] retry_seconds`. Where one request gives "
        "up and no other has succeeded since its first try, the model is down: nothing more is "
        "sent to it, the next `[[model.fallback]]` is asked, and without one the rest are gaps.",
    ),
    Kind(
        "final for the run",
        "ModelRefused",
        "401, 403, 404, `insufficient_quota`, a redirect, a `retry-after` of more than a minute, "
        "and any other status that is none of these",
        "Nothing more is sent to this provider in this run; the next fallback is asked, and "
        "without one the rest are gaps. What was answered is kept.",
    ),
    Kind(
        "of the request",
        "RequestRejected",
        "400, 413, 422; a 5xx that names `response_format`",
        "Where it names the form of answer, the form is lowered: JSON schema, JSON object, plain "
        "text. Where it names a parameter, the parameter is left out. Both are remembered for the "
        "address and model. One that names neither is asked again once, then in the next lower "
        "form, as long as no answer has come in the present form; where that fails too, the paper "
        "is a gap.",
    ),
    Kind(
        "of the content",
        "AnswerRejected",
        "the answer is kept and paid, and holds no lines that can be used",
        "Mended where mending is certain, else asked again with what was wrong, at most twice, "
        "and with more room where it was cut; else the paper is a gap with the reason.",
    ),
    Kind(
        "of the budget",
        "BudgetReached",
        "the next request's estimate would pass a limit of `[budget]`",
        "Nothing more is asked; the rest are gaps. What was paid is kept.",
    ),
)

PASSING = {408, 409, 425, 429}
OVERLOAD = {429, 503, 529}
ONE_REQUEST = {400, 413, 422}

KEY_LIKE = re.compile(
    r"\b(g?sk|key|pk|hf|xai|nvapi)[-_][\w*.-]{6,}|\bbearer \S+|\b(?=\w*\d)[\w-]{32,}",
    re.IGNORECASE,
)
"""Some providers repeat a part of the key in their errors."""


def failure_of(error: openai.OpenAIError, settings: ProviderSettings, key: str) -> PaperlineError:
    """Our error for one of the SDK's; its text holds nothing of `key`."""
    where = f"{settings.host} ({settings.name})"
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, where, settings, key)
    # Over aiohttp the SDK calls a refused or lost connection a connect timeout.
    lost = isinstance(error.__cause__, httpx2.ConnectTimeout)
    if isinstance(error, openai.APITimeoutError) and not lost:
        return timed_out(settings)
    return ModelUnavailable(
        "the connection failed or broke off", where=where, next_step="Check [model] base_url"
    )


def timed_out(settings: ProviderSettings) -> ModelUnavailable:
    """The error where no whole answer came in time."""
    where = f"{settings.host} ({settings.name})"
    what = f"no answer within {settings.timeout:g} seconds"
    return ModelUnavailable(what, where=where, overload=True)


def _of_status(
    error: openai.APIStatusError, where: str, settings: ProviderSettings, key: str
) -> PaperlineError:
    status, said = error.status_code, _said(error, key)
    if "insufficient_quota" in (error.code, error.type):
        return ModelRefused(
            "the account's quota is used up", where=where, next_step="Top it up, then run again"
        )
    if status in ONE_REQUEST or (status >= 500 and FORM_NAMED.search(said)):
        return RequestRejected(
            f"the request was refused ({status}): {said or 'no reason given'}",
            status=status,
            said=f"{error.param or ''} {said}".lower(),
            where=where,
            next_step="Check [model]",
        )
    wait = retry_after(error.response.headers)
    if (status in PASSING or status >= 500) and (wait is None or wait <= LONGEST_WAIT):
        return ModelUnavailable(
            f"the server answered {status}",
            where=where,
            retry_after=wait,
            overload=status in OVERLOAD,
        )
    if status in PASSING or status >= 500:
        what = f"the server answered {status} and asks to wait {wait:.0f} seconds"
        return ModelRefused(what, where=where, next_step="Run the same command again after that")
    if 300 <= status < 400:
        target = urlsplit(error.response.headers.get("location", "")).hostname or "another address"
        return ModelRefused(
            f"a redirect to {target} was refused",
            where=where,
            next_step="Set base_url to the address that answers, if you trust it",
        )
    reasons = {
        401: ("the key was not accepted (401)", f"Check the variable {settings.api_key_env}"),
        403: ("the key may not do this (403)", "Ask the provider what the key may use"),
        404: (f"there is no model {settings.name!r} (404)", "Check [model] name and base_url"),
    }
    what, remedy = reasons.get(
        status,
        (f"the request was refused ({status}): {said or 'no reason given'}", "Check [model]"),
    )
    return ModelRefused(what, where=where, next_step=remedy)


def _said(error: openai.APIStatusError, key: str) -> str:
    """What the provider said, short, and without what looks like a key."""
    body = error.body
    message = body.get("message") or body.get("detail") if isinstance(body, dict) else None
    return shown(str(message or error.code or ""), key)


def shown(text: str, key: str) -> str:
    """What a provider said, on one line, short, without the key and what looks like one."""
    return KEY_LIKE.sub("(not shown)", one_line(text).replace(key, "(not shown)"))[:200]
