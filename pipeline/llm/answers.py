"""A provider's answer, as lines or as the reason why it holds none."""

import functools
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from pipeline.errors import AnswerRejected
from pipeline.records import Answer, Language, Lines, Request
from pipeline.text import CONTROL

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")
LANGUAGE_NAMES: dict[Language, str] = {"en": "English", "zh": "Simplified Chinese"}


def lines_of(answer: Answer, request: Request) -> tuple[Lines, tuple[str, ...]]:
    """The lines of an answer, and the codes of what was mended in them.

    Raises `AnswerRejected`, whose text a model can be told when it is asked again.
    """
    if answer.refusal:
        raise AnswerRejected("refusal", "the answer was a refusal")
    if answer.finish_reason == "content_filter":
        raise AnswerRejected("filter", "the answer was stopped by a content filter")
    if answer.finish_reason == "length":
        raise AnswerRejected("length", "the answer was cut because it was too long")
    if not (answer.content or "").strip():
        raise AnswerRejected("empty", "the answer was empty")
    parsed = _parsed(answer.content or "", request)
    mended: list[str] = []
    lines: Lines = {}
    for language in request.languages:
        text = parsed[language]
        if text != text.strip():
            mended.append(f"{language}-whitespace")
        lines[language] = _checked(language, text.strip())
    return lines, tuple(mended)


def _parsed(content: str, request: Request) -> dict[Language, str]:
    names = " and ".join(request.languages)
    try:
        model = _model(request.languages).model_validate_json(content)
    except ValidationError as error:
        kind = error.errors()[0]["type"]
        if kind == "json_invalid":
            raise AnswerRejected(
                "not-json", f"the answer was not a JSON object with the keys {names}"
            ) from None
        raise AnswerRejected(
            "wrong-shape", f"the JSON did not have exactly the keys {names}, each with a text"
        ) from None
    return {language: getattr(model, language) for language in request.languages}


@functools.cache
def _model(languages: tuple[Language, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = dict.fromkeys(languages, (str, ...))
    return create_model("Answer", __config__=ConfigDict(extra="forbid", strict=True), **fields)


def _checked(language: Language, text: str) -> str:
    name = LANGUAGE_NAMES[language]
    if not text:
        raise AnswerRejected("empty", f"the {name} line was empty")
    if CONTROL.search(text):
        raise AnswerRejected(
            "control-character", f"the {name} line had a line break or control character"
        )
    han, latin = len(HAN.findall(text)), len(LATIN.findall(text))
    right = han == 0 and latin > 0 if language == "en" else han > 0
    if not right:
        raise AnswerRejected("wrong-language", f"the {name} line was not in {name}")
    return text
