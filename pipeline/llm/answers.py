"""A provider's answer -> lines, or the reason why it holds none that can be used."""

import functools
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from pipeline import excuses
from pipeline.errors import AnswerRejected
from pipeline.exchange import Answer, Request
from pipeline.llm.mending import doubled, line_mended, unwrapped
from pipeline.records import Language, Lines
from pipeline.text import CONTROL
from pipeline.wording import ECHO, HAN, LABEL, LATIN, MARKUP

Parsed = TypeVar("Parsed", bound=BaseModel)

LANGUAGE_NAMES: dict[Language, str] = {"en": "English", "zh": "Simplified Chinese"}

LONGEST = 1000
"""Characters of a line; the longest that a prompt here asks for has a third of it."""

LONGEST_ANSWER = 20_000
"""Characters of an answer's content; what is longer is not looked at."""

DEFECTS = {
    "refusal": "the model refused to answer",
    "filter": "a content filter stopped the answer",
    "length": "the answer was cut because it reached the tokens allowed",
    "empty": "the answer, one of its lines or a reason was empty, or the answer null",
    "not-json": "the answer was no JSON object",
    "wrong-shape": "a language was missing, or was no text or no verdict",
    "lines": "a line had a line break or a control character",
    "too-long": f"a line had more than {LONGEST} characters, or the answer {LONGEST_ANSWER}",
    "wrong-language": "a line was not in its language",
    "failure-text": "a line was an apology or an error message",
    "markup": "a line had Markdown or HTML that cannot be taken away with certainty",
    "echo": "a line repeated the prompt",
}
"""Why an answer is asked for again: code in a gap's reason -> what it means."""


def lines_of(answer: Answer, request: Request) -> tuple[Lines, tuple[str, ...]]:
    """The lines of an answer, and the codes of what was mended in them.

    Raises `AnswerRejected`, whose text a model can be told when it is asked again.
    """
    parsed, mended = _parsed(content_of(answer), request)
    if _swapped(parsed):
        parsed, mended = {"en": parsed["zh"], "zh": parsed["en"]}, [*mended, "swapped"]
    lines: Lines = {}
    for language in request.languages:
        lines[language], taken = line_mended(parsed[language], language)
        mended += [code for code in taken if code not in mended]
        _check(language, lines[language], request)
    return lines, tuple(mended)


def content_of(answer: Answer) -> str:
    """What a whole answer says. Raises `AnswerRejected` where it is none."""
    if answer.refusal:
        raise AnswerRejected("refusal", "the answer was a refusal")
    if answer.finish_reason == "content_filter":
        raise AnswerRejected("filter", "the answer was stopped by a content filter")
    if answer.finish_reason == "length":
        raise AnswerRejected("length", "the answer was cut because it was too long")
    content = answer.content or ""
    if not content.strip():
        raise AnswerRejected("empty", "the answer was empty")
    if len(content) > LONGEST_ANSWER:
        raise AnswerRejected("too-long", "the answer was much longer than two lines")
    return content


def _parsed(content: str, request: Request) -> tuple[Lines, list[str]]:
    """The texts by language, and what was mended."""
    found, mended = validated(content, _model(request.languages), "a text")
    if found.model_extra:
        mended.append("extra-keys")
    return {language: getattr(found, language) for language in request.languages}, mended


def validated(content: str, model: type[Parsed], each: str) -> tuple[Parsed, list[str]]:
    """The first form of the content that is JSON of the model, and what was mended in it.

    `each` says what its keys hold. Raises `AnswerRejected`.
    """
    names = " and ".join(model.model_fields)
    fault = AnswerRejected("not-json", f"the answer was not a JSON object with the keys {names}")
    for text, taken in unwrapped(content):
        mended_text, latex = doubled(text)
        mended = [*taken, "latex"] if latex else [*taken]
        try:
            return model.model_validate_json(mended_text), mended
        except ValidationError as error:
            if all(e["type"] != "json_invalid" for e in error.errors(include_input=False)):
                what = f"the JSON did not have the keys {names}, each with {each}"
                fault = AnswerRejected("wrong-shape", what)
    raise fault


@functools.cache
def _model(languages: tuple[Language, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = dict.fromkeys(languages, (str, ...))
    return create_model("Answer", __config__=ConfigDict(extra="allow", strict=True), **fields)


def _swapped(parsed: Lines) -> bool:
    """Certain only where one line is all without Han characters and the other has them."""
    if parsed.keys() != {"en", "zh"}:
        return False
    en, zh = parsed["en"], parsed["zh"]
    return _mostly_chinese(en) and not HAN.search(zh) and LATIN.search(zh) is not None


def _mostly_chinese(text: str) -> bool:
    return len(HAN.findall(text)) > len(text) / 5


def _check(language: Language, line: str, request: Request) -> None:
    """Raise `AnswerRejected` where a mended line is not one line in its language."""
    name = LANGUAGE_NAMES[language]
    if not line:
        raise AnswerRejected("empty", f"the {name} line was empty")
    if CONTROL.search(line):
        raise AnswerRejected("lines", f"the {name} line had a line break or control character")
    if len(line) > LONGEST:
        raise AnswerRejected("too-long", f"the {name} line was longer than one line can be")
    if MARKUP.search(line):
        raise AnswerRejected("markup", f"the {name} line had Markdown or HTML in it")
    right = not HAN.search(line) and LATIN.search(line) if language == "en" else HAN.search(line)
    if not right:
        raise AnswerRejected("wrong-language", f"the {name} line was not in {name}")
    if excuses.opens(line):
        raise AnswerRejected("failure-text", f"the {name} line was no summary of the paper")
    if LABEL.match(line):
        raise AnswerRejected("echo", f"the {name} line repeated the question")
    instructions = " ".join(m.content for m in request.messages if m.role == "system")
    if line[:ECHO] in instructions and len(line) >= ECHO:
        raise AnswerRejected("echo", f"the {name} line repeated the instructions")
