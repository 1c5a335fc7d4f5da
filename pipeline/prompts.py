"""Reads the prompts in `prompts/`; `glossary.py` reads their glossary.

A prompt is `NAME.md.j2`: TOML between two `+++` lines, then a Jinja body with the blocks
`system` and `user`. It may extend another prompt and replace one block; it then inherits
the other's front matter too, except for the name. A judging prompt, which says
`answers = "verdicts"`, is also given the lines that are judged. `terms` are those of the
glossary that occur in the paper: `transfer learning = 迁移学习; ...`, or nothing. A file whose
name begins with `_` is a part that others include; it needs no front matter.
"""

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import glossary as glossaries
from pipeline import prompt_sources
from pipeline.errors import PromptError
from pipeline.exchange import AnswerKind, Message
from pipeline.files import translated
from pipeline.front_matter import FrontMatter
from pipeline.glossary import FILE as GLOSSARY
from pipeline.glossary import Glossary
from pipeline.prompt_sources import FILE_NAME, SUFFIX, written_in
from pipeline.records import (
    LANGUAGES,
    Lines,
    Paper,
    fingerprint,
    prompt_fingerprint,
)
from pipeline.text import one_line

if TYPE_CHECKING:
    from jinja2 import Template

VARIABLES = ("title", "abstract", "authors", "comments", "venue", "categories", "terms")
BLOCKS = ("system", "user")
KINDS: dict[AnswerKind, str] = {
    "lines": "a prompt that writes lines",
    "verdicts": "a judging prompt",
}


class Prompt:
    """A prompt that was found whole.

    `template_fingerprint` covers its own text, its front matter and all that it extends and
    includes; `fingerprint` also the `glossary`, where it pulls terms in.
    """

    def __init__(
        self,
        front: FrontMatter,
        template_fingerprint: str,
        template: "Template",
        glossary: Glossary | None = None,
    ) -> None:
        self.name = front.name
        self.description = front.description
        self.languages = front.languages
        self.parameters = front.parameters
        self.answers = front.answers
        self.sentences = front.sentences
        self.words = front.words
        self.characters = front.characters
        self.template_fingerprint = self.fingerprint = template_fingerprint
        self._template = template
        self._variables = _variables(front.answers)
        self._glossary = glossary
        if glossary is not None:
            self.fingerprint = fingerprint([template_fingerprint, glossary.fingerprint])

    @property
    def instructions(self) -> str:
        """The system turn as it is where a paper has nothing to say."""
        (system,) = self._blocks(dict.fromkeys(self._variables, ""), "system")
        return system

    @property
    def blank(self) -> tuple[Message, ...]:
        """The messages as they are where a paper has nothing to say: what is sent every time."""
        return self._sent(dict.fromkeys(self._variables, ""))

    def terms(self, paper: Paper) -> dict[str, str]:
        """The glossary's terms that the prompt tells of a paper, English to Chinese."""
        if self._glossary is None:
            return {}
        return dict(_terms(self._glossary, paper.title, paper.abstract))

    def fingerprint_for(self, paper: Paper) -> str:
        """Of all that the prompt says of this paper; its `prompt_fingerprint` in a candidate."""
        return prompt_fingerprint(self.template_fingerprint, self.terms(paper))

    def messages(
        self, paper: Paper, lines: Lines | None = None, *, with_terms: bool = True
    ) -> tuple[Message, ...]:
        """What is sent about a paper: the system turn, then the user turn.

        `lines` are those that a judging prompt asks about. Every value is one line without
        control characters, so that text from outside cannot forge a line of the prompt.
        Raises `PromptError` where the template fails.
        """
        judged: Lines = lines or {}
        terms = self.terms(paper) if with_terms else {}
        values: dict[str, str] = {
            "title": paper.title,
            "abstract": paper.abstract,
            "authors": ", ".join(paper.authors),
            "comments": paper.comments or "",
            "venue": paper.venue or "",
            "categories": ", ".join(paper.categories),
            "terms": "; ".join(f"{en} = {zh}" for en, zh in terms.items()),
            **{language: judged.get(language, "") for language in LANGUAGES},
        }
        return self._sent({name: one_line(values[name]) for name in self._variables})

    def _sent(self, values: dict[str, str]) -> tuple[Message, ...]:
        system, user = self._blocks(values, *BLOCKS)
        return Message(role="system", content=system), Message(role="user", content=user)

    def tells_terms(self) -> bool:
        """Whether it says anything of the glossary's terms.

        One that extends another may leave out the block in which that one does.
        """
        blank = dict.fromkeys(self._variables, "")
        return self._blocks(blank | {"terms": "of this trial"}, *BLOCKS) != self._blocks(
            blank, *BLOCKS
        )

    def try_out(self) -> None:
        """Render with as little as a paper may have, and with all of it.

        Raises `PromptError` where that fails, and where no abstract or line would be sent.
        """
        self.instructions  # noqa: B018  reading it renders the system turn of an empty paper
        judged = self.languages if self.answers == "verdicts" else ()
        full = {name: f"the {name} of this trial" for name in self._variables}
        for absent in ((), ("comments", "venue"), *((language,) for language in judged)):
            values = full | dict.fromkeys(absent, "")
            sent = "".join(self._blocks(values, *BLOCKS))
            for name in ("abstract", *judged):
                if values[name] not in sent:
                    what = f"{name} line" if name in judged else name
                    raise PromptError(
                        f"does not send the {what}, so a model would have to invent",
                        where=str(self._template.filename),
                        next_step=f"Put {{{{ {name} }}}} into the block user",
                    )

    def _blocks(self, values: dict[str, str], *names: str) -> list[str]:
        from jinja2 import TemplateError

        context = self._template.new_context(values)
        try:
            # Running the template's root is what fills in the blocks that a parent defines.
            for _ in self._template.root_render_func(context):
                pass
            if missing := [name for name in BLOCKS if name not in context.blocks]:
                raise PromptError(
                    f"has no block {' and no block '.join(missing)}",
                    where=str(self._template.filename),
                    next_step="Add it, or extend a prompt that has it",
                )
            return ["".join(context.blocks[name][0](context)).strip() for name in names]
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise PromptError(
                f"cannot be filled in for {values['title']!r}: {error}",
                where=str(self._template.filename),
                next_step="Correct the expression",
            ) from None


def load(folder: Path, name: str, answers: AnswerKind | None = "lines") -> Prompt:
    """The prompt of that name, which must ask for such `answers`; with None for any.

    Raises `PromptError` naming file, fault and what is right.
    """
    from jinja2 import FunctionLoader, StrictUndefined  # 0.1 s, and status needs no prompts
    from jinja2.sandbox import SandboxedEnvironment

    # What is rendered goes to a model and never into HTML, so nothing is escaped.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    sources = prompt_sources.gathered(folder, name)
    front = prompt_sources.front_matter_of(sources, name + SUFFIX)
    if answers not in (None, front.answers):
        raise PromptError(
            f"is {KINDS[front.answers]}, where {KINDS[answers]} is needed",
            where=str(folder / (name + SUFFIX)),
            next_step=f'Use another one, or write answers = "{answers}" into its front matter',
        )
    prompt_sources.check(sources, _variables(front.answers))
    code = [[file_name, source.body] for file_name, source in sorted(sources.items())]
    environment.loader = FunctionLoader(
        lambda file_name: (sources[file_name].body, str(folder / file_name), None)
    )
    template = environment.get_template(name + SUFFIX)
    prompt = Prompt(front, fingerprint([front.identity(), code]), template)
    prompt.try_out()
    if "zh" in front.languages and prompt.tells_terms():
        return Prompt(front, prompt.fingerprint, template, glossaries.load(folder))
    return prompt


@functools.lru_cache(maxsize=4096)
def _terms(glossary: Glossary, title: str, abstract: str) -> tuple[tuple[str, str], ...]:
    """Those that occur; kept, since they are asked for more than once for each paper."""
    return tuple(glossary.found_in(abstract, title=title))


def _variables(answers: AnswerKind) -> tuple[str, ...]:
    """What a template is given; a judging one also the lines, empty where there is none."""
    return VARIABLES if answers == "lines" else (*VARIABLES, *LANGUAGES)


def names(folder: Path) -> list[str]:
    """The prompts that write lines, in alphabetical order; damaged ones are left out.

    Remembered until a file in the folder changes.
    """
    return _usable(folder, contents(folder))


@functools.lru_cache(maxsize=8)
def _usable(folder: Path, _: str) -> list[str]:
    found = []
    for name in written_in(folder):
        with contextlib.suppress(PromptError):  # `paperline prompts list` says what is wrong
            found.append(load(folder, name).name)
    return found


def contents(folder: Path) -> str:
    """Fingerprint of all prompts and of the glossary, by which a change of any is known."""
    return fingerprint([[name, text] for name, text in texts(folder).items()])


def texts(folder: Path) -> dict[str, str]:
    """All prompts and the glossary, as they stand in the folder, by the names of their files."""
    named = (p for p in folder.glob("*") if FILE_NAME.fullmatch(p.name) or p.name == GLOSSARY)
    paths = sorted(path for path in named if path.is_file())
    with translated(folder):
        return {path.name: path.read_text("utf-8", "replace") for path in paths}
