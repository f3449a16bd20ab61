"""What gateways have, beside the port of payments, that keep instruments or agree with wallets' owners."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from topup.kernel.money import Money
from topup.kernel.outcome import Outcome
from topup.payments.ports import Instrument, Scene
from topup.platform.database import Connection


@runtime_checkable
class Keeps(Protocol):
    """It keeps what a payment with `keep_instrument` is made with (`PaymentFact.instrument`), and takes its token for a
    payment whose payer is not there (Scene.UNATTENDED).
    """

    async def forget_instrument(self, token: str) -> Outcome:
        """Let go of an instrument: Done when no payment can be made by it any more, or ever could."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the owner of a wallet agrees to: at most `most` each time, once in `every_days` days."""

    most: Money
    every_days: int


@dataclass(frozen=True, slots=True)
class AgreementRequest:
    """An agreement as it is asked for. `agreement_id` is the id of the instrument that comes of it; `begins_at`: from
    the day of that moment, by the gateway's clock, it may be used.
    """

    agreement_id: str
    terms: Terms
    begins_at: datetime
    return_url: str = field(repr=False)
    notify_url: str
    scene: Scene = Scene.PHONE


class AgreementStanding(StrEnum):
    """How an agreement stands with the wallet."""

    SIGNED = "signed"
    PAUSED = "paused"
    """Signed, and stopped in the wallet for a while: it may go on, and until then nothing is charged by it."""
    WAITING = "waiting"
    """Known, and not confirmed."""
    ENDED = "ended"
    """By us, or in the wallet: nothing can be charged by it any more."""
    ABSENT = "absent"
    """The wallet positively knows none: its page was not opened, or nothing was confirmed there."""


@dataclass(frozen=True, slots=True)
class AgreementAnswer:
    """How it stands, with what payments are made by where it is SIGNED or PAUSED; or why that was not answered."""

    standing: AgreementStanding | None
    instrument: Instrument | None = None
    problem: Outcome | None = None


@runtime_checkable
class Agrees(Protocol):
    """It agrees with the owners of wallets, on a page of its own, about payments whose payer is not there
    (Scene.UNATTENDED). It tells of an agreement that began or ended by an event (`payments.ports.AgreementFact`).
    """

    agreement_days: tuple[int, ...]
    """In how many days it may be charged once: what may be chosen, the first is usual. Empty where the merchant has no
    such contract: then the methods below raise Unsupported."""
    agreement_currency: str

    def agreement_page(self, request: AgreementRequest) -> str:
        """The address of the page where it is agreed to, made without a call."""
        ...

    async def query_agreement(self, agreement_id: str, token: str = "") -> AgreementAnswer:
        """How it stands. `token`: what one that was signed is charged by; then it is found whatever the contract says
        by now.
        """
        ...

    async def end_agreement(self, token: str) -> Outcome:
        """End it: Done when nothing can be charged by it any more."""
        ...


@dataclass(frozen=True, slots=True)
class Removed:
    """An instrument that is used no more: its owner removed it, or what was agreed to with the wallet ended there."""

    subscriber_id: str
    instrument_id: str
    at: datetime


Dearest = Callable[[Connection, str, str], Awaitable[Money]]
"""What the dearest thing sold in a currency costs by a way to pay."""
OnRemoved = Callable[[Connection, Removed], Awaitable[None]]
"""What follows from it where something pays with it, in the same transaction."""
