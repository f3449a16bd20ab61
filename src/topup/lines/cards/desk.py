"""Staff block SIM cards, unblock them, and look at a whole ICCID, each with a reason in the trail."""

from typing import Final

from topup.kernel.errors import Forbidden, NotFound
from topup.kernel.ids import is_id
from topup.lines.cards import operations
from topup.lines.cards.queries import Card, one_card
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.work import trail
from topup.work.approvals import Actor, checked_reason

_BEFORE = crash_label("sim_cards.block.before_commit")
_AFTER = crash_label("sim_cards.block.after_commit")
BLOCKED: Final = "line.card_blocked"
UNBLOCKED: Final = "line.card_unblocked"
UNMASKED: Final = "line.card_unmasked"


class CardDesk:
    """For staff who may bar lines; looking takes only that one may find them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def block(self, actor: Actor, card_id: str, *, reason: str) -> None:
        """It works in no phone until it is unblocked. Raises Forbidden `not_permitted`, NotFound `card_unknown`,
        Conflict `card_blocked_already`, `card_replaced`, Invalid `approval_reason_missing`, `approval_reason_too_long`.
        """
        await self._set(actor, card_id, reason=reason, blocked=True)

    async def unblock(self, actor: Actor, card_id: str, *, reason: str) -> None:
        """It works again. Raises the same, with Conflict `card_not_blocked`."""
        await self._set(actor, card_id, reason=reason, blocked=False)

    async def unmask(self, actor: Actor, card_id: str, *, reason: str) -> Card:
        """The card, for its whole ICCID and IMSI to be shown this once. Raises Forbidden `not_permitted`, NotFound
        `card_unknown`, and those of `checked_reason`.
        """
        _check(actor, Permission.SEARCH_RECORDS)
        why = checked_reason(reason)
        async with self._database.transaction() as transaction:
            card = await one_card(transaction.connection, _checked(card_id))
            await trail.write(
                transaction.connection,
                actor=actor.id,
                action=UNMASKED,
                subject=_subject(card),
                facts={"reason": why, "card": card.id},
                now=transaction.now,
            )
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return card

    async def _set(self, actor: Actor, card_id: str, *, reason: str, blocked: bool) -> None:
        _check(actor, Permission.BAR_LINES)
        why = checked_reason(reason)
        act = operations.block if blocked else operations.unblock
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            card = await act(connection, _checked(card_id), now)
            after = (await one_card(connection, card.id)).state
            facts = {"reason": why, "card": card.id, "iccid": card.iccid.last_four}
            facts |= {"before": card.state.value, "after": after.value}
            action = BLOCKED if blocked else UNBLOCKED
            await trail.write(connection, actor=actor.id, action=action, subject=_subject(card), facts=facts, now=now)
            crash_point(_BEFORE)
        crash_point(_AFTER)


def _check(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden("not_permitted", permission=permission.value)


def _checked(card_id: str) -> str:
    if not is_id("card", card_id):
        raise NotFound("card_unknown")
    return card_id


def _subject(card: Card) -> str:
    """The line it serves, whose history it belongs to; a blank card's own id."""
    return card.line.id if card.line else card.id
