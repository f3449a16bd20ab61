"""Payers' objections with their banks: what is known of them, and what that means for money that is to go back.

A dispute only ever moves up: open, won, lost. So whatever order its news come in, and however often, it ends alike.
What it is in the ledger comes from the gateway's bill (`reconciliation.posting`): the bank takes when it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from psycopg.rows import args_row

from topup.kernel.ids import PaymentId
from topup.kernel.money import Money
from topup.kernel.outcome import Outcome
from topup.payments.ports import DisputeFact, DisputeStanding
from topup.payments.queries import Capture, Payment, Place, Refund, split
from topup.platform.arrays import selected
from topup.platform.database import Connection

_RANK: Final = {DisputeStanding.OPEN: 0, DisputeStanding.WON: 1, DisputeStanding.LOST: 2}


@dataclass(frozen=True, slots=True)
class Dispute:
    """One objection. `reference` is the capture's, empty where the gateway did not say which."""

    lane: int
    payment_id: PaymentId
    dispute: str
    reference: str
    standing: DisputeStanding
    amount_minor: int
    currency: str
    respond_by: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "standing", DisputeStanding(self.standing))

    @property
    def amount(self) -> Money:
        """What is disputed."""
        return Money(self.amount_minor, self.currency)

    def concerns(self, capture: Capture) -> bool:
        """Whether it is, or may be, about this money."""
        return self.payment_id == capture.payment_id and self.reference in {"", capture.reference}


_DISPUTE: Final = selected(Dispute, "d")
_PLACES: Final = "unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
_WRITE: Final = """
INSERT INTO payments.disputes AS d
    (lane, payment_id, dispute, reference, standing, amount_minor, currency, respond_by, heard_at, ask_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (lane, payment_id, dispute) DO UPDATE SET reference = excluded.reference, standing = excluded.standing,
    amount_minor = excluded.amount_minor, currency = excluded.currency, respond_by = excluded.respond_by,
    ask_at = excluded.ask_at,
    heard_at = CASE WHEN d.standing = excluded.standing THEN d.heard_at ELSE excluded.heard_at END
"""
_TAKE: Final = f"""
UPDATE payments.disputes AS d SET ask_at = %s
FROM (
    SELECT lane, payment_id, dispute FROM payments.disputes WHERE ask_at <= %s ORDER BY ask_at LIMIT %s
    FOR UPDATE SKIP LOCKED
) AS due
WHERE d.lane = due.lane AND d.payment_id = due.payment_id AND d.dispute = due.dispute RETURNING {_DISPUTE}
"""
_OWNER: Final = """
SELECT DISTINCT p.lane, p.id FROM payments.captures AS c
JOIN payments.payments AS p ON p.lane = c.lane AND p.id = c.payment_id AND p.method = %(method)s
WHERE c.lane = ANY (%(lanes)s::smallint[]) AND c.reference = %(reference)s LIMIT 2
"""
_WAKE: Final = """
UPDATE payments.refunds SET act_at = %s WHERE lane = %s AND payment_id = %s AND state = 'disputed'
"""


ASKED_EVERY: Final = timedelta(days=1)
"""How often the gateway of an open dispute is asked how it stands: banks take weeks, and its event comes sooner."""


@runtime_checkable
class TellsDisputes(Protocol):
    """What a gateway has that can be asked how a dispute stands."""

    async def query_dispute(self, dispute: str, payment_id: PaymentId) -> DisputeFact | Outcome:
        """How the dispute of that id (the gateway's) stands, about that payment of ours; or why that is not known."""
        ...


def told(payment: Payment, fact: DisputeFact) -> Dispute:
    """What a fact says by itself of a dispute about this payment."""
    amount = fact.amount
    return Dispute(
        lane=payment.lane,
        payment_id=payment.id,
        dispute=fact.dispute,
        reference=fact.reference,
        standing=fact.standing,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        respond_by=fact.respond_by,
    )


def joined(one: Dispute, other: Dispute) -> Dispute:
    """What is known by two tellings of one dispute, in whichever order they came."""
    higher = max(one, other, key=lambda dispute: (_RANK[dispute.standing], dispute.currency, dispute.amount_minor))
    moments = [moment for moment in (one.respond_by, other.respond_by) if moment is not None]
    return Dispute(
        lane=one.lane,
        payment_id=one.payment_id,
        dispute=one.dispute,
        reference=max(one.reference, other.reference),
        standing=higher.standing,
        amount_minor=higher.amount_minor,
        currency=higher.currency,
        respond_by=max(moments, default=None),
    )


async def of_payments(connection: Connection, payments: Sequence[Place]) -> list[Dispute]:
    """The disputes about these payments."""
    async with connection.cursor(row_factory=args_row(Dispute)) as cursor:
        await cursor.execute(
            f"SELECT {_DISPUTE} FROM {_PLACES} JOIN payments.disputes d"
            " ON d.lane = place.lane AND d.payment_id = place.id ORDER BY d.payment_id, d.dispute",
            split(payments),
        )
        return await cursor.fetchall()


async def owner(connection: Connection, *, method: str, reference: str, lanes: int) -> Place | None:
    """The payment whose money a gateway knows by this id; None where none is known, or more than one."""
    parameters = {"method": method, "reference": reference, "lanes": list(range(lanes))}
    found = await (await connection.execute(_OWNER, parameters)).fetchall()
    return (found[0][0], found[0][1]) if len(found) == 1 else None


async def write(connection: Connection, dispute: Dispute, now: datetime) -> None:
    """Write down what is known of a dispute now; under its order's lock."""
    said = (dispute.reference, dispute.standing.value, dispute.amount_minor, dispute.currency, dispute.respond_by, now)
    ask_at = now + ASKED_EVERY if dispute.standing is DisputeStanding.OPEN else None
    await connection.execute(_WRITE, (dispute.lane, dispute.payment_id, dispute.dispute, *said, ask_at))


async def take_to_ask(connection: Connection, limit: int, now: datetime) -> list[Dispute]:
    """Up to `limit` that are open and about which their gateways are to be asked; each is due again a day later."""
    async with connection.cursor(row_factory=args_row(Dispute)) as cursor:
        await cursor.execute(_TAKE, (now + ASKED_EVERY, now, limit))
        return await cursor.fetchall()


async def wake_refunds(connection: Connection, payment: Payment, now: datetime) -> None:
    """Have the refunds looked at that wait for a bank's decision about this payment."""
    await connection.execute(_WAKE, (now, payment.lane, payment.id))


class Room(StrEnum):
    """What disputes leave of money for a refund of it."""

    FREE = "free"
    """There is as much as goes back: it may be sent."""
    WAITS = "waits"
    """The bank may give it back itself: it waits for the bank's decision."""
    TAKEN_BACK = "taken_back"
    """The bank gave back all that was promised: nothing is left to send."""
    FOR_PERSON = "for_person"
    """The bank gave back a part of what was promised, or in another currency."""


def taken_minor(capture: Capture, disputes: Sequence[Dispute]) -> int:
    """What banks took of this money, or may still take: all of it where the currency is another."""
    of_it = [dispute for dispute in disputes if dispute.concerns(capture) and dispute.standing != DisputeStanding.WON]
    if any(dispute.currency != capture.currency for dispute in of_it):
        return capture.amount_minor
    return min(capture.amount_minor, sum(dispute.amount_minor for dispute in of_it))


def lost_minor(capture: Capture, disputes: Sequence[Dispute]) -> int:
    """What banks took of this money in disputes that we lost. What they took in another currency is not in it: a person
    works out what that was.
    """
    of_it = [one for one in disputes if one.concerns(capture) and one.standing is DisputeStanding.LOST]
    return sum(one.amount_minor for one in of_it if one.currency == capture.currency)


def gone_minor(capture: Capture, disputes: Sequence[Dispute]) -> int:
    """What of this money is not ours any more: promised back by us, or taken by banks in disputes that we lost."""
    return min(capture.refunded_minor + lost_minor(capture, disputes), capture.amount_minor)


def taken_of(refund: Refund, capture: Capture, disputes: Sequence[Dispute], *, before_minor: int) -> int:
    """Of a refund of this money what counts as given back by the payer's bank, where we lost: as little as can be with
    no more going back than came (G16). Of other refunds of it `before_minor` counted so already; all the rest that is
    promised of them counts as sent.
    """
    # What is promised back counts this refund in.
    beyond = capture.refunded_minor - before_minor + lost_minor(capture, disputes) - capture.amount_minor
    return min(max(beyond, 0), refund.amount_minor)


def room_in(capture: Capture, disputes: Sequence[Dispute]) -> Room:
    """Whether a refund that is promised and not sent can be sent: never is more given back than came (G16)."""
    # What is promised back counts this refund in.
    if capture.refunded_minor + taken_minor(capture, disputes) <= capture.amount_minor:
        return Room.FREE
    of_it = [dispute for dispute in disputes if dispute.concerns(capture)]
    if any(dispute.standing is DisputeStanding.OPEN for dispute in of_it):
        return Room.WAITS
    lost = [dispute for dispute in of_it if dispute.standing is DisputeStanding.LOST]
    whole = sum(dispute.amount_minor for dispute in lost) >= capture.refunded_minor
    same = all(dispute.currency == capture.currency for dispute in lost)
    return Room.TAKEN_BACK if whole and same else Room.FOR_PERSON
