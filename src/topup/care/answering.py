"""Staff answer tickets and announce outages, each deed with who did it in the trail."""

from collections.abc import Mapping
from datetime import datetime

from topup.care import outages, tickets
from topup.care.tickets import Ticket
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Forbidden, NotFound
from topup.people.permissions import Permission
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work import trail
from topup.work.approvals import Actor

_BEFORE_ANSWER = crash_label("answering.answer.before_commit")
_AFTER_ANSWER = crash_label("answering.answer.after_commit")
_BEFORE_SOLVED = crash_label("answering.solve.before_commit")
_AFTER_SOLVED = crash_label("answering.solve.after_commit")
_BEFORE_OUTAGE = crash_label("answering.outage.before_commit")
_AFTER_OUTAGE = crash_label("answering.outage.after_commit")
_BEFORE_OVER = crash_label("answering.over.before_commit")
_AFTER_OVER = crash_label("answering.over.after_commit")


class Answering:
    """For staff who help. `public_url` is how the outside reaches us."""

    def __init__(self, *, database: Database, keys: KeyRing, catalogue: CatalogueCache, public_url: str) -> None:
        self._database = database
        self._keys = keys
        self._catalogue = catalogue
        self._public_url = public_url

    async def answer(self, actor: Actor, ticket_id: str, text: str, *, seen: int, solved: bool) -> Ticket:
        """Write back to whoever asked, who is told where they left an address. `seen` is how many messages there were
        when it was written: a form sent twice, or over somebody else's answer, changes nothing and gives the ticket.

        Raises Forbidden `not_permitted`, NotFound `ticket_unknown`, Conflict `ticket_full`, Invalid `message_missing`,
        `message_too_long`.
        """
        _check(actor, Permission.ANSWER_TICKETS)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            ticket = await tickets.get(connection, ticket_id, lock=True)
            if ticket.messages != seen:
                return ticket
            after = await tickets.answer(
                connection,
                ticket_id,
                text,
                now,
                by=actor.id,
                keys=self._keys,
                public_url=self._public_url,
                solved=solved,
            )
            facts = {"solved": solved, **trail.change({"state": ticket.state}, {"state": after.state})}
            await trail.write(
                connection, actor=actor.id, action="ticket.answered", subject=ticket_id, facts=facts, now=now
            )
            crash_point(_BEFORE_ANSWER)
        crash_point(_AFTER_ANSWER)
        return after

    async def solve(self, actor: Actor, ticket_id: str) -> None:
        """Close it. Raises Forbidden `not_permitted`, NotFound `ticket_unknown`."""
        _check(actor, Permission.ANSWER_TICKETS)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = await tickets.get(connection, ticket_id, lock=True)
            after = await tickets.solve(connection, ticket_id, now)
            facts = trail.change({"state": before.state}, {"state": after.state})
            await trail.write(
                connection, actor=actor.id, action="ticket.solved", subject=ticket_id, facts=facts, now=now
            )
            crash_point(_BEFORE_SOLVED)
        crash_point(_AFTER_SOLVED)

    async def announce(
        self, actor: Actor, *, carrier_id: str, texts: Mapping[str, str], ends_at: datetime | None
    ) -> None:
        """Say from now on that a carrier's network does not work: help reads it. Raises Forbidden `not_permitted`,
        NotFound `carrier_unknown`, Invalid `outage_text_wrong`, `outage_ends_first`.
        """
        _check(actor, Permission.ANNOUNCE_OUTAGES)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if (await self._catalogue.current(connection)).carrier(carrier_id) is None:
                raise NotFound("carrier_unknown")
            given = {language: text for language, text in texts.items() if text}
            outage = await outages.announce(
                connection, carrier_id=carrier_id, texts=given, starts_at=now, ends_at=ends_at, now=now
            )
            facts = {
                "carrier": carrier_id,
                "ends_at": ends_at.isoformat() if ends_at else None,
                **trail.change(None, {"state": "announced"}),
            }
            await trail.write(
                connection, actor=actor.id, action="outage.announced", subject=outage, facts=facts, now=now
            )
            crash_point(_BEFORE_OUTAGE)
        crash_point(_AFTER_OUTAGE)

    async def over(self, actor: Actor, outage_id: str) -> None:
        """An outage is over. Raises Forbidden `not_permitted`, NotFound `outage_unknown`."""
        _check(actor, Permission.ANNOUNCE_OUTAGES)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await outages.end(connection, outage_id, now)
            facts = trail.change({"state": "announced"}, {"state": "over"})
            await trail.write(
                connection, actor=actor.id, action="outage.ended", subject=outage_id, facts=facts, now=now
            )
            crash_point(_BEFORE_OVER)
        crash_point(_AFTER_OVER)


def _check(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden("not_permitted", permission=permission.value)
