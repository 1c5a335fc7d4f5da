"""Jobs about invented papers, for tests of the executors."""

from datetime import UTC, datetime

from pipeline.exchange import Job, Message
from pipeline.records import Paper

KEY = "sk-test-secret"


def paper(number: int) -> Paper:
    """An invented paper with the id 2601.NNNNN."""
    identifier = f"2601.{number:05d}"
    return Paper(
        id=identifier,
        version=1,
        title=f"Paper {number}",
        authors=("Ada Example",),
        abstract="An abstract.",
        first=datetime(2026, 1, 1, tzinfo=UTC),
        latest=datetime(2026, 1, 1, tzinfo=UTC),
        primary_category="cs.LG",
        categories=("cs.LG",),
        url=f"https://arxiv.org/abs/{identifier}v1",
        pdf_url=f"https://arxiv.org/pdf/{identifier}v1",
    )


def job(number: int) -> Job:
    """The question about that paper, for the model `test-model`."""
    return Job(
        topic="demo",
        snapshot="20260101_0405",
        paper=paper(number),
        messages=(
            Message(role="system", content="Summarize."),
            Message(role="user", content=f"Title: Paper {number}\nAbstract: An abstract."),
        ),
        languages=("en", "zh"),
        parameters={},
        model="test-model",
    )


def fingerprint_of(asked: Job) -> str:
    """That of the request to a model without parameters."""
    return asked.request("test-model", {}).fingerprint()
