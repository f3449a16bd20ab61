"""The port of receipt printers: which tills one is set up for, printing, and how it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from topup.kernel.outcome import Outcome
from topup.shops.printing.paper import Paper


class DeviceCapability(StrEnum):
    """What a plugin for devices can do."""

    RECEIPT = "receipt"
    """Print papers."""
    DRAWER = "drawer"
    """Open the cash drawer that hangs on its printer."""


class Trouble(StrEnum):
    """What keeps a printer from printing, or will before long. Each is a message id: `printer.paper_out`."""

    UNREACHABLE = "unreachable"
    """Nobody answers at its address."""
    SILENT = "silent"
    """It takes a connection and says nothing."""
    GARBLED = "garbled"
    """What it says is no answer of such a printer."""
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    CUTTER = "cutter"
    """The cutter is stuck."""
    BROKEN = "broken"
    """An error that it does not get over by itself."""
    BUSY = "busy"
    """It is off line: hot, feeding, or somebody presses its button."""
    UNPRINTABLE = "unprintable"
    """The paper has something that no printer of this kind can show."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a printer stands: what keeps it from printing (None: nothing), and what will before long."""

    trouble: Trouble | None = None
    paper_low: bool = False
    drawer_open: bool | None = None
    """Whether the drawer's switch says so; None where the printer does not tell."""


class Printers(Protocol):
    """Printers of one kind, each by the till it belongs to."""

    name: str

    @property
    def tills(self) -> Collection[str]:
        """The tills that have such a printer."""
        ...

    async def print(self, till: str, paper: Paper) -> Outcome:
        """Print it, once. Done: the printer says it has printed all of it. NotSent: nothing of it left, `detail` is a
        Trouble; safe to try again. Refused: it cannot be printed at all. Unknown: some or all of it may have come out.
        Bounded in time; never raises for what the printer does.
        """
        ...

    async def standing(self, till: str) -> Standing:
        """How the printer stands, without printing. Bounded in time; never raises for what the printer does."""
        ...

    async def aclose(self) -> None:
        """Let go of what is open."""
        ...
