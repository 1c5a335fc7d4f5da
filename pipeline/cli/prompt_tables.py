"""What `paperline prompts` prints, line by line."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipeline.text import amount, one_line

if TYPE_CHECKING:
    from pipeline.exchange import Message
    from pipeline.prompting.edits import EditedLine
    from pipeline.prompting.figures import PromptFigures
    from pipeline.prompting.rendering import Rendered, Totals
    from pipeline.prompts import Prompt
    from pipeline.settings import Settings


HEADINGS = (
    "NAME",
    "LANGUAGES",
    "FINGERPRINT",
    "TOKENS",
    "LINES",
    "APPROVED",
    "EDITED",
    "LEFT OUT",
    "BLIND EN",
    "BLIND ZH",
)
LEFT = 3
"""So many of the columns begin at the left; the others are numbers."""


def table(prompts: "Iterable[PromptFigures]") -> Iterator[str]:
    """The figures of each prompt, with its description and where it is used below them."""
    told = list(prompts)
    rows = [HEADINGS, *map(_cells, told)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for place, row in enumerate(rows):
        cells = [
            f"{cell:{'<' if at < LEFT else '>'}{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        yield from (f"    {line}" for line in _remarks(told[place - 1]) if place)


def _cells(prompt: "PromptFigures") -> tuple[str, ...]:
    decided = prompt.approved + prompt.edited + prompt.left_out
    fates = (prompt.approved, prompt.edited, prompt.left_out)
    return (
        prompt.name,
        " ".join(prompt.languages or ()) or "-",
        (prompt.fingerprint or "-")[:12],
        "-" if prompt.fixed_tokens is None else str(prompt.fixed_tokens),
        str(prompt.lines),
        *(f"{count} ({count / decided:.0%})" if decided else "-" for count in fates),
        *(
            f"{score.won}/{score.lost}/{score.tied}" if score.choices else "-"
            for score in prompt.choices.values()
        ),
    )


def _remarks(prompt: "PromptFigures") -> Iterator[str]:
    if prompt.state == "damaged":
        yield "damaged"
    if prompt.state == "gone":
        yield "there is no file of it"
    if prompt.description:
        yield one_line(prompt.description)
    used = [
        "judges lines" if prompt.answers == "verdicts" else "",
        f"the prompt of {', '.join(prompt.topics)}" if prompt.topics else "",
        f"active in {', '.join(prompt.active)}" if prompt.active else "",
    ]
    if any(used):
        yield "; ".join(filter(None, used))


def edits(lines: "Iterable[EditedLine]", names: tuple[str, ...]) -> Iterator[str]:
    """Each changed line with who changed it, where and when, as git marks changed words."""
    from pipeline.records import utc_text
    from pipeline.word_differences import marked

    line = None
    for line in lines:
        state = "" if line.in_force else "  (not in force)"
        head = (utc_text(line.at), line.snapshot, line.paper, line.language, line.editor)
        yield f"{'  '.join(map(one_line, head))}  {line.prompt}@{one_line(line.model)}{state}"
        yield f"    {one_line(line.title)}"
        yield f"    {one_line(marked(line.before, line.after))}"
    if line is None:
        by = f" by {', '.join(names)}" if names else ""
        yield f"no editor has changed a line{by} yet"


def shown(settings: "Settings", prompt: "Prompt") -> Iterator[str]:
    """One prompt: its front matter, parents' included, what it is made of, its fixed part."""
    import msgspec

    from pipeline.front_matter import FrontMatter
    from pipeline.prompting import folder
    from pipeline.settings_faults import shown as value_of

    made = folder.making(settings.prompts, prompt.name)
    yield "+++"
    for field in msgspec.structs.fields(FrontMatter):
        value = getattr(prompt, field.name)
        if value is not None:
            yield f"{field.name} = {value_of((field.name,), value)}"
    yield "+++"
    yield f"extends:      {', which extends '.join(made.extends) or 'nothing'}"
    included = (f"{other} (by {by})" for other, by in made.includes)
    yield f"includes:     {', '.join(included) or 'nothing'}"
    replaced = (f"{block} (of {owner})" for block, owner in made.replaces)
    yield f"replaces:     {', '.join(replaced) or 'nothing'}"
    yield f"fingerprint:  {prompt.fingerprint}"
    yield f"fixed part:   {amount(folder.fixed_tokens(prompt), 'token')}, with the answer's schema"
    yield from _messages(prompt.blank)


def rendered(each: "Rendered") -> Iterator[str]:
    """What would be sent about one paper, and what that would take."""
    from pipeline.progress import cost

    yield f"=== {each.paper}  {one_line(each.title)}"
    if each.remark:
        yield f"{each.paper} {each.remark}"
    else:
        yield from _messages(each.messages)
        yield f"--- {amount(each.usage.prompt_tokens, 'token')}, {_terms(each)}"
        with_answer = f"with an answer of {each.usage.completion_tokens}: {cost(each.usage)}"
        yield "--- answered already, nothing to pay" if each.cached else f"--- {with_answer}"
    yield ""


def _terms(each: "Rendered") -> str:
    if not each.terms:
        return "without a term of the glossary"
    told = one_line("; ".join(f"{en} = {zh}" for en, zh in each.terms.items()))
    return f"of which {each.term_tokens} for {amount(len(each.terms), 'term')}: {told}"


def _messages(messages: "Iterable[Message]") -> Iterator[str]:
    for message in messages:
        yield f"--- {message.role}"
        yield message.content


def total(totals: "Totals") -> str:
    """What all of it would take."""
    from pipeline.progress import cost

    asked = totals.papers - totals.cached
    return (
        f"{amount(totals.papers, 'paper')}, {totals.cached} of them answered already; "
        f"{amount(totals.prompt_tokens, 'prompt token')}, {totals.term_tokens} of them for terms; "
        f"asking for {asked} would take about {cost(totals.usage)}"
    )
