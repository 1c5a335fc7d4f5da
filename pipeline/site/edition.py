"""A digest as readers see it: as it was released last, and all that was done to it since."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.records import Digest, Publication


class Edition(NamedTuple):
    """A published digest and its releases, oldest first, at least one; the last one counts."""

    digest: Digest
    releases: Sequence[Publication]

    @property
    def withdrawn(self) -> bool:
        """Whether the digest as a whole was taken back."""
        return self.releases[-1].why is not None


def edition(releases: Sequence[Publication]) -> Edition:
    """What all publications of a snapshot, oldest first, come to."""
    # On the site the way back leads over the neighbours and the archive.
    return Edition(releases[-1].digest.but(status="published", earlier=()), releases)
