"""A price in view of the line it is for, for who has that line in their account: what still fits, and what it makes."""

from dataclasses import replace
from datetime import datetime

from topup.kernel.ids import LineId, lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import buckets
from topup.lines.owners import owns
from topup.lines.queries import LineRef, lines_now
from topup.orders.granting import foresee
from topup.orders.holding import own_unpaid
from topup.orders.quotes import StoredQuote
from topup.orders.views import QuoteView
from topup.platform.database import Connection


async def has_line(connection: Connection, *, subscriber_id: str, msisdn: Msisdn) -> bool:
    """Whether the line that has this number today is in somebody's account."""
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    return line is not None and await owns(connection, subscriber_id=subscriber_id, line=line.ref)


async def seen_by(connection: Connection, quote: StoredQuote, *, subscriber_id: str | None, now: datetime) -> QuoteView:
    """A price as a subscriber may see it (None: a guest): with their own unpaid orders that hold what it lacks, and of
    a line in their account what it would have at once, and the ends as they would be. Raises Conflict line_full,
    line_nearly_full, for them alone.
    """
    own: set[str] = set()
    if subscriber_id is not None:
        own = await own_unpaid(connection, quote.holders, subscriber_id=subscriber_id)
    plain = quote.view(now=now, own=own)
    if subscriber_id is None or quote.line_id is None or not quote.is_own_network:
        return plain
    line = LineRef(lane_of(quote.line_id), LineId(quote.line_id))
    if not await owns(connection, subscriber_id=subscriber_id, line=line):
        return plain
    held = (await buckets(connection, [line.id])).get(line.id, [])
    given = foresee(quote.grants, held, now)
    had = sum(one.available for one in held if one.asset == quote.currency and one.is_usable(now))
    gets = sum(got.amount for grant, got in zip(quote.grants, given, strict=True) if grant.asset == quote.currency)
    return replace(
        quote.view(now=now, given=given, own=own),
        credit_before=Money(had, quote.currency),
        credit_after=Money(had + gets, quote.currency),
    )
