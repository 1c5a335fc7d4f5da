"""Everything that can go wrong, said so that a reader knows what to do.

    PaperlineError                    what happened, where, what to do next
    ├── Transient                     the same call may succeed later
    │   ├── Busy                      another run holds the lock                  exit 75
    │   ├── BatchRunning              the provider still works on a batch         exit 75
    │   ├── ArxivUnavailable          no complete answer from arXiv               exit 1
    │   ├── ClusterUnavailable        Ray does not start, or has lost its workers exit 1
    │   └── ModelUnavailable          timeouts, 408, 409, 429, 5xx, lost connections
    └── Terminal                      it fails again until something is changed
        ├── UsageError                the command line                            exit 2
        │   ├── SettingsError         paperline.toml or the environment           exit 2
        │   └── PromptError           prompts/                                    exit 2
        ├── Overtaken                 what an editor decides on has changed        exit 1
        ├── QueryRefused              a query is not what arXiv understands       exit 1
        ├── ModelRefused              401, 403, unknown model, exhausted quota
        ├── RequestRejected           the provider does not take this one request
        ├── AnswerRejected            the model answered, but not with usable lines
        ├── BudgetReached             [budget] leaves no room for a further request
        ├── UnbalancedBooks           a fetch cannot account for every paper      exit 1
        ├── OutputError               a file cannot be read or written            exit 1
        ├── DamagedFile               a file on disk is not what was written      exit 1
        │   └── NewerFormat           a later version of paperline wrote it       exit 1
        ├── SearchIndexFailed         the site's search index could not be made
        └── SiteIncomplete            something of what was published is not shown exit 3

ModelUnavailable, ModelRefused, RequestRejected, AnswerRejected and BudgetReached do not
end a command: the papers they concern become gaps with the error as their reason, and
the command ends with 3.
All of them survive pickling.
"""


class PaperlineError(Exception):
    """What happened, where, and the next thing to do, in one line.

    `what` starts in lower case and carries no full stop; `where` is a file, an
    address or a record's name; `next_step` is a full sentence without its stop.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f". {self.next_step}" if self.next_step else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(kind: type[PaperlineError], state: dict[str, object]) -> PaperlineError:
    error = kind.__new__(kind, state["what"])
    error.__dict__.update(state)
    return error


class Transient(PaperlineError):
    """The same call may succeed later."""


class Terminal(PaperlineError):
    """The same call fails again until something is changed."""


class Busy(Transient):
    """Another process holds a lock that this one needs."""

    exit_code = 75


class BatchRunning(Transient):
    """The provider has not finished a batch; the same command collects it later."""

    exit_code = 75


class ArxivUnavailable(Transient):
    """arXiv gave no complete answer within the tries that its etiquette allows."""


class ClusterUnavailable(Transient):
    """Ray cannot be started or joined, or no process of it is left that could ask."""


class ModelUnavailable(Transient):
    """The model's server failed in a way that passes.

    `retry_after`: seconds the server asked to wait, or None. `overload`: whether fewer
    requests at once would have helped.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        next_step: str = "",
        retry_after: float | None = None,
        overload: bool = False,
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.retry_after = retry_after
        self.overload = overload


class UsageError(Terminal):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = 2


class SettingsError(UsageError):
    """paperline.toml or the environment holds something that cannot be used."""


class PromptError(UsageError):
    """A prompt or the glossary cannot be used."""


class Overtaken(Terminal):
    """What an editor saw and decided on has changed since, by another's decision or a run's."""


class QueryRefused(Terminal):
    """A query that is none: arXiv said so, or our own reading of it did."""


class ModelRefused(Terminal):
    """The provider refuses this key, this model or any further request: final for the run."""


class RequestRejected(Terminal):
    """The provider refuses this one request: a form of answer, a parameter, its content.

    `status` is the HTTP status; `said` what the provider named, in lower case.
    """

    def __init__(
        self, what: str, *, status: int, said: str, where: str = "", next_step: str = ""
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.status = status
        self.said = said


class AnswerRejected(Terminal):
    """The model answered, but not with lines that can be used.

    `code` names the defect (`not-json`, `refusal`, `wrong-language` ...), `what`
    says it in words that the model can be told when it is asked again.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class BudgetReached(Terminal):
    """A limit of [budget] leaves no room for a further request; `what` says which."""


class UnbalancedBooks(Terminal):
    """What a fetch found is not the sum of what it showed, left out and kept: a defect."""


class OutputError(Terminal):
    """A file or folder cannot be read or written: full disk, no permission, not a folder."""


class SearchIndexFailed(Terminal):
    """The program that makes the site's search index failed; the site itself is whole."""


class SiteIncomplete(Terminal):
    """What was asked for is done, but something else of what was published is not on the site."""

    exit_code = 3


class DamagedFile(Terminal):
    """A file on disk does not hold what was written to it."""


class NewerFormat(DamagedFile):
    """A file is whole, but of a format that a later version of paperline wrote."""
