"""Another SIM card for a line, given out at a counter: number and balance stay, the card before never works again.

Promise: whoever has a line's number has its one-time codes, so that a card is given out only to the holder of the
document the line is registered with; a second person must agree where nobody knows whose the line is, or where its card
was replaced a few days ago. Card, stock, trail and what its owners are told are one transaction: a card that was handed
over has left the stock, and one that could not be is still there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from topup.kernel.errors import Conflict
from topup.kernel.sim_cards import Iccid
from topup.lines import registered
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.queries import Card, CardUse, card_scanned, use_under, uses_of_line
from topup.lines.cards.states import REPLACING, CardKind, CardState, Given
from topup.lines.owners import owners_of
from topup.lines.queries import LineRef
from topup.notifications.templates import Words
from topup.people import id_checks
from topup.people.id_checks import Shown
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.news import DOMAIN, tell
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.shops.stock import operations as stock
from topup.shops.stock.movements import given as given_out
from topup.work import trail

PURPOSE: Final = "sim_replacement"
"""Of the look at the document."""
LATELY: Final = timedelta(days=7)

_BEFORE = crash_label("sim_cards.replace.before_commit")
_AFTER = crash_label("sim_cards.replace.after_commit")


class Risk(StrEnum):
    """Why one person is not enough."""

    OWNER_UNKNOWN = "owner_unknown"
    """The line is registered with no document: what is shown can be compared with nothing."""
    REPLACED_LATELY = "replaced_lately"
    """Its card was replaced a few days ago."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A card for a line: `iccid` as it was typed or scanned, `shop` whose stock it is from, `key` of the form.

    `allowed_by` is the id of a second person who agreed, beside `by`; the caller has seen to it that they may.
    """

    line: LineRef
    iccid: str
    reason: Given
    seen: Shown
    shop: str
    by: str
    key: str
    allowed_by: str | None = None


class Replacing:
    """The cards of this installation's lines. `lanes`: of the installation."""

    def __init__(self, *, database: Database, keys: KeyRing, lanes: int) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes

    async def risk(self, line: LineRef) -> Risk | None:
        """Why a second person must agree to another card for this line now; None: they need not."""
        async with self._database.read() as transaction:
            return await _risk(transaction.connection, line, transaction.now)

    async def replace(self, wanted: Replacement) -> CardUse:
        """Hand the card over; the same form again hands over nothing.

        Raises InvalidCard; NotFound `card_unknown`, `stock_item_unknown`; Conflict `document_not_owners`,
        `card_needs_second`, `card_not_in_stock`, `stock_short`, and those of `lines.cards.operations.give`; Throttled
        `documents_too_many`.
        """
        if wanted.reason not in REPLACING:
            raise ValueError(f"nothing is replaced with {wanted.reason}")
        card, before = await self._found(wanted)
        if before is not None:
            return before
        right = await registered.is_owners(
            self._database, line=wanted.line, seen=wanted.seen, by=wanted.by, keys=self._keys
        )
        if right is False:
            raise Conflict("document_not_owners")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            giving = Giving(wanted.line, card.id, wanted.reason, wanted.key, wanted.by, wanted.shop)
            # The line is locked from here on: nobody replaces its card between the question and the answer.
            use = await give(connection, giving, now)
            if use.since == now:
                risk = await _risk(connection, wanted.line, now, but=use.id)
                if risk is not None and wanted.allowed_by is None:
                    raise Conflict("card_needs_second")
                await self._handed_over(connection, wanted, use, now, risk)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return use

    async def _found(self, wanted: Replacement) -> tuple[Card, CardUse | None]:
        """The blank card, and what was handed over with this form before."""
        async with self._database.read() as transaction:
            before = await use_under(transaction.connection, wanted.line, wanted.key)
            card = await card_scanned(transaction.connection, wanted.iccid)
        if before is not None and (before.card.id, before.reason) != (card.id, wanted.reason):
            raise Conflict("card_key_reused")
        if before is None and card.state is CardState.BLANK and card.kind is CardKind.PHYSICAL and card.sku is None:
            raise Conflict("card_not_in_stock")
        return card, before

    async def _handed_over(
        self, connection: Connection, wanted: Replacement, use: CardUse, now: datetime, risk: Risk | None
    ) -> None:
        line, by = wanted.line, wanted.by
        if use.card.sku is not None:
            piece = given_out(f"card:{use.id}", use.card.sku, wanted.shop, 1, by=by, reference=use.id)
            await stock.move(connection, piece, now, lanes=self._lanes)
        last = await id_checks.write(
            connection, wanted.seen, subject=line.id, purpose=PURPOSE, by=by, now=now, keys=self._keys
        )
        owners = await owners_of(connection, line=line)
        for subscriber_id in sorted(owners):
            await self._tell(connection, subscriber_id, now)
        facts = {
            "reason": wanted.reason.value,
            "before": _last_four(await _card_before(connection, line, use)),
            "after": use.card.iccid.last_four,
            "shop": wanted.shop,
            "document": wanted.seen.document,
            "last_four": last,
            "risk": risk.value if risk else None,
            "allowed_by": wanted.allowed_by,
        }
        await trail.write(connection, actor=by, action="line.card_replaced", subject=line.id, facts=facts, now=now)

    async def _tell(self, connection: Connection, subscriber_id: str, now: datetime) -> None:
        """In the app, and to the number and the address of their account: one may be out of the thief's reach."""
        await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.CARD_REPLACED, now=now)
        what = Words(DOMAIN, f"alert_{AlertKind.CARD_REPLACED}")
        await tell(
            connection,
            self._keys,
            subscriber_id=subscriber_id,
            template="account_changed",
            now=now,
            everywhere=True,
            what=what,
        )


async def _risk(connection: Connection, line: LineRef, now: datetime, *, but: str = "") -> Risk | None:
    if not await registered.is_registered(connection, line=line):
        return Risk.OWNER_UNKNOWN
    uses = await uses_of_line(connection, line)
    lately = any(one.id != but and one.reason in REPLACING and now - one.since < LATELY for one in uses)
    return Risk.REPLACED_LATELY if lately else None


async def _card_before(connection: Connection, line: LineRef, use: CardUse) -> Iccid | None:
    uses = await uses_of_line(connection, line)
    return next((one.card.iccid for one in uses if one.id != use.id), None)


def _last_four(iccid: Iccid | None) -> str | None:
    return iccid.last_four if iccid else None
