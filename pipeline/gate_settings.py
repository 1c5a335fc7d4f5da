"""What must hold before a digest is published: what lines are held to, and what editors read."""

from typing import Annotated, Literal

from msgspec import Meta

from pipeline.openings import OPENINGS
from pipeline.records import Policy, Severity
from pipeline.sections import Section, described
from pipeline.settings_faults import HOST, ONE_LINE, PASSWORD_HASH


class CheckSettings(Section, frozen=True, kw_only=True):
    """What lines are held to."""

    judge: Annotated[
        bool,
        described(
            "ask the model whether the abstract supports each line; costs about as much again"
        ),
    ] = False
    words: Annotated[
        tuple[int, int],
        described("words of the shortest and the longest English line, unless the prompt says it"),
    ] = (4, 60)
    characters: Annotated[
        tuple[int, int],
        described(
            "characters of the shortest and the longest Chinese line, unless the prompt says it"
        ),
    ] = (8, 120)
    openings: Annotated[
        tuple[Annotated[str, Meta(pattern=ONE_LINE)], ...],
        described("beginnings of a line, in either language, that say nothing"),
    ] = OPENINGS
    severity: Annotated[
        dict[str, Literal[Severity, "off"]],
        described(
            "another severity for what is found, by its code: error, warning, note or off: "
            '{ spacing = "off", copied = "warning" }'
        ),
    ] = {}


class ReviewSettings(Section, frozen=True, kw_only=True):
    """What an editor must have read before a digest is published."""

    policy: Annotated[
        Policy,
        described(
            "all: every paper must be settled; flagged: those with a gap, an error or a warning; "
            "none: nothing need be"
        ),
    ] = "all"
    publish: Annotated[
        Literal["settled", "asked"],
        described(
            "settled: a digest that passes its gate is published at once; asked: when somebody "
            "says so, in the review app or by paperline publish"
        ),
    ] = "settled"
    remind_after: Annotated[
        float,
        Meta(gt=0),
        described("hours after which every run names a digest that still waits for its editors"),
    ] = 24.0
    editors: Annotated[
        dict[Annotated[str, Meta(pattern=ONE_LINE)], Annotated[str, Meta(pattern=PASSWORD_HASH)]],
        described(
            "who may sign in to the review app, by name, with the hash that "
            "paperline review --hash-password prints; empty: whoever has the link it prints"
        ),
    ] = {}
    hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=HOST)], ...],
        described(
            "the names, with a port unless it is the scheme's own, under which a proxy serves "
            'the review app: ["review.example.org"]; needed off 127.0.0.1'
        ),
    ] = ()
