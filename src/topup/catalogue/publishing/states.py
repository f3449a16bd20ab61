"""What can become of a publication that two people agreed to."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class PublicationState(StrEnum):
    """Where a publication is."""

    PLANNED = "planned"
    """Agreed to; it begins at its time."""
    PUBLISHED = "published"
    """The draft is a version of its carrier."""
    CANCELLED = "cancelled"
    """Somebody called it off before its time."""
    UNFIT = "unfit"
    """At its time it did not fit any more what was in force; a person was told."""


PUBLICATION: Final = Transitions(
    PublicationState.PLANNED,
    {
        PublicationState.PLANNED: frozenset(
            {PublicationState.PUBLISHED, PublicationState.CANCELLED, PublicationState.UNFIT}
        ),
        PublicationState.PUBLISHED: frozenset(),
        PublicationState.CANCELLED: frozenset(),
        PublicationState.UNFIT: frozenset(),
    },
)
