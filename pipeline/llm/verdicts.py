"""A provider's answer -> a second opinion on each line, or why it cannot be used."""

import functools
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from pipeline.errors import AnswerRejected
from pipeline.exchange import VERDICT_IN_WORDS, Answer, Request, Verdict
from pipeline.llm.answers import content_of, validated
from pipeline.records import Language
from pipeline.text import one_line, shortened

LONGEST_WHY = 300
"""Characters of a reason; the rest is cut off, and the cut is marked."""

STRICT = ConfigDict(strict=True)


class _Verdict(BaseModel):
    model_config = STRICT

    supported: bool
    why: str


def verdicts_of(answer: Answer, request: Request) -> dict[Language, Verdict]:
    """The verdict on the line of each language that the request names.

    Raises `AnswerRejected`, whose text a model can be told when it is asked again.
    """
    found, _ = validated(content_of(answer), _model(request.languages), VERDICT_IN_WORDS)
    return {
        language: _verdict(language, getattr(found, language)) for language in request.languages
    }


@functools.cache
def _model(languages: tuple[Language, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = dict.fromkeys(languages, (_Verdict, ...))
    return create_model("Verdicts", __config__=STRICT, **fields)


def _verdict(language: Language, found: _Verdict) -> Verdict:
    why = one_line(found.why)
    if not found.supported and not why:
        raise AnswerRejected("empty", f"why was empty, and {language} was not supported")
    return Verdict(supported=found.supported, why=shortened(why, LONGEST_WHY))
