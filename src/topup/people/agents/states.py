"""How an agent stands."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class AgentStatus(StrEnum):
    """Whether an agent may sell."""

    ACTIVE = "active"
    """May sell from the float."""
    SUSPENDED = "suspended"
    """May not, for the reason that is written down; sees the float and the statements all the same."""


AGENT: Final = Transitions(
    AgentStatus.ACTIVE,
    {
        AgentStatus.ACTIVE: frozenset({AgentStatus.SUSPENDED}),
        AgentStatus.SUSPENDED: frozenset({AgentStatus.ACTIVE}),
    },
)
