"""What a line has sent to others and was sent by them, page by page."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from topup.charging.sharing.desk import ShareView
from topup.charging.sharing.queries import share_of, shares_of_line, steps_of_all
from topup.kernel.errors import NotFound
from topup.kernel.ids import InvalidId, ShareId, check_id, lane_of
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.queries import LineRef, lines_now
from topup.lines.standing import standings
from topup.platform.database import Connection, Database

PAGE: Final = 50
"""Shares of one page."""

_AFTER_ALL: Final = (datetime.max.replace(tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class SharesView:
    """A page of a line's shares, newest first; `before` asks for the next one, None: there is none."""

    msisdn: Msisdn
    line: LineRef
    shares: tuple[ShareView, ...]
    before: ShareId | None


async def shares_of(database: Database, *, number: str, before: str | None = None) -> SharesView:
    """The shares of the line that has this number, those before the one with this id, or the newest.

    Raises InvalidNumber, NotFound line_unknown, share_unknown (no id of a share of this line).
    """
    msisdn = parse_msisdn(number)
    async with database.read() as transaction:
        connection = transaction.connection
        line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
        if line is None or line.status == "closed":
            raise NotFound("line_unknown")
        start = await _place(connection, line.ref, before) if before else _AFTER_ALL
        found = await shares_of_line(connection, line.ref, before=start, limit=PAGE + 1)
        page = found[:PAGE]
        steps = await steps_of_all(connection, page)
        zones = await standings(connection, [share.receiver for share in page])
    views = tuple(ShareView(share, steps[share.id], zones[share.receiver_id].zone.key) for share in page)
    return SharesView(msisdn, line.ref, views, page[-1].id if len(found) > PAGE else None)


async def _place(connection: Connection, line: LineRef, share_id: str) -> tuple[datetime, str]:
    try:
        lane = lane_of(check_id("share", share_id))
    except InvalidId:
        raise NotFound("share_unknown") from None
    share = await share_of(connection, lane=lane, share_id=share_id)
    if share is None or line.id not in {share.sender_id, share.receiver_id}:
        raise NotFound("share_unknown")
    return share.created_at, share.id
