"""GitHub's expressions, as far as the recipes use them; what they do not use is an error."""

import re
from collections.abc import Mapping
from typing import Any

TOKEN = re.compile(r"\s*(\(|\)|&&|\|\||==|!=|!|'(?:[^']|'')*'|[A-Za-z_][\w-]*(?:\.[\w-]+)*)")
PLACE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(always|success|failure|cancelled)\(")


def filled(text: Any, contexts: Mapping[str, Any]) -> str:
    """`text` with every `${{ }}` replaced by its value, as GitHub writes it."""
    return PLACE.sub(lambda place: written(evaluate(place[1], contexts)), written(text))


def allowed(condition: str | None, contexts: Mapping[str, Any], *, failed: bool) -> bool:
    """Whether a step or job with this `if:` runs, after others that failed or did not."""
    text = PLACE.sub(r"\1", condition or "success()")
    if not STATUS.search(text):
        text = f"success() && ({text})"
    functions = {"always": True, "success": not failed, "failure": failed, "cancelled": False}
    return bool(evaluate(text, contexts, functions))


def evaluate(
    text: str, contexts: Mapping[str, Any], functions: Mapping[str, bool] | None = None
) -> Any:
    """The value of one expression. Raises `ValueError` for what is not known here."""
    return _Expression(text, contexts, functions or {}).value()


def written(value: Any) -> str:
    """A value as GitHub puts it into a text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Expression:
    """One expression, read from left to right."""

    def __init__(
        self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, bool]
    ) -> None:
        self.text, self.contexts, self.functions = text, contexts, functions
        self.tokens = self._tokens()

    def value(self) -> Any:
        found = self._either()
        if self.tokens:
            raise ValueError(f"what follows {self.tokens[0]!r} in {self.text!r} is not known")
        return found

    def _tokens(self) -> list[str]:
        tokens, at, text = [], 0, self.text.rstrip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"{text[at:]!r} in {text!r} is not known")
            tokens.append(match[1])
            at = match.end()
        return tokens

    def _take(self, *wanted: str) -> bool:
        if self.tokens and self.tokens[0] in wanted:
            self.tokens.pop(0)
            return True
        return False

    def _either(self) -> Any:
        found = self._both()
        while self._take("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._compared()
        while self._take("&&"):
            other = self._compared()
            found = found and other
        return found

    def _compared(self) -> Any:
        found = self._single()
        if self._take("=="):
            return written(found) == written(self._single())
        if self._take("!="):
            return written(found) != written(self._single())
        return found

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            found = self._either()
            self._close()
            return found
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._take("("):
            self._close()
            return self.functions[token]
        return self._looked_up(token)

    def _close(self) -> None:
        if not self._take(")"):
            raise ValueError(f"a bracket is open in {self.text!r}")

    def _looked_up(self, name: str) -> Any:
        root, *parts = name.split(".")
        found = self.contexts[root]
        for part in parts:
            if part not in found and root in ("secrets", "steps"):
                return None  # not set, or a step that gave no such output
            found = found[part]
        return found
