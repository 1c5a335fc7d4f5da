"""The executor that the settings name, with its collaborators; closed at the end of a command."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.exchange import Executor
from pipeline.outputs import Outputs
from pipeline.records import utc
from pipeline.settings import Settings


@contextlib.contextmanager
def opened(settings: Settings, *, embedded_at: datetime | None = None) -> Iterator[Executor]:
    """The executor for all that one command asks, so that limits and budget hold for it all.

    The embedded model's lines are as of `embedded_at`, or now. Costs that a killed run left
    unbooked are booked first. Raises `SettingsError` where a
    key is missing, `PromptError` where the glossary cannot be used.
    """
    if settings.model.embedded:
        from pipeline import glossary
        from pipeline.executors.embedded import Embedded

        yield Embedded(glossary.load(settings.prompts), utc(embedded_at or datetime.now(UTC)))
        return
    from pipeline.cache import AnswerCache
    from pipeline.executors.batch import Batch
    from pipeline.executors.online import Online
    from pipeline.llm.asking import ASKS
    from pipeline.llm.budget import Budget
    from pipeline.llm.keys import api_key, secret_variables

    keyed = [(provider, api_key(provider)) for provider in settings.model.providers]
    outputs = Outputs(settings.outputs)
    with contextlib.closing(AnswerCache(settings.cache)) as cache:
        cache.rebook(outputs.append_spend)
        budget = Budget(settings.budget, lambda: outputs.spent_on(datetime.now(UTC)))
        submit = settings.model.executor == "batch"
        if settings.model.executor == "cluster":
            from pipeline.executors.cluster import Cluster

            hidden = secret_variables(settings)
            asking: Executor = Cluster(settings.cluster, keyed, cache, budget, hidden)
        else:
            asking = Online(keyed, cache, budget, asks=ASKS - 1 if submit else ASKS)
        first, key = keyed[0]
        # Also where batch is not named: a batch that an earlier command submitted is paid for.
        executor = Batch(
            first,
            key,
            cache=cache,
            outputs=outputs,
            budget=budget,
            online=asking,
            submit=submit,
        )
        with contextlib.closing(executor):
            yield executor
