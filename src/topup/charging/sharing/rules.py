"""Whether one line may send credit to another now: both lines, the carrier's file, and what its limits leave."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.documents import SharingLimit
from topup.catalogue.queries import Snapshot
from topup.catalogue.sharing import Shared, SoFar, period_begin, share
from topup.catalogue.terms import MIDNIGHT, latest_instant
from topup.catalogue.versions import CarrierVersion
from topup.charging.sharing.queries import received_since, sent_since
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.lines.queries import Line, LineRef, blocks_of, lines_now
from topup.lines.standing import standings
from topup.platform.database import Connection

CONDITIONS: Final = ("sender_roaming", "receiver_roaming")
"""What the network may say of the two lines, and limits may depend on."""

_A_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Wish:
    """Credit to be sent. `conditions` are those of CONDITIONS that hold of the two lines."""

    sender: Msisdn
    receiver: Msisdn
    amount: Money
    conditions: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """The two lines of a wish, both of `carrier`, with the zones their days are counted in."""

    carrier: CarrierVersion
    sender: LineRef
    receiver: LineRef
    zones: Mapping[str, ZoneInfo]
    """By `sender` and `receiver`."""


async def pair_of(connection: Connection, wish: Wish, snapshot: Snapshot) -> Pair:
    """The two lines, if credit may go from one to the other at all.

    Raises NotFound line_unknown (the sender), Invalid sharing_receiver_unknown, sharing_same_line,
    sharing_other_carrier, sharing_not_offered; Conflict line_barred, sharing_receiver_barred.
    """
    found = await lines_now(connection, [wish.sender.e164, wish.receiver.e164])
    sender, receiver = found.get(wish.sender.e164), found.get(wish.receiver.e164)
    if sender is None or sender.status == "closed":
        raise NotFound("line_unknown")
    if receiver is None or receiver.status == "closed":
        raise Invalid("sharing_receiver_unknown")
    if sender.ref == receiver.ref:
        raise Invalid("sharing_same_line")
    carrier = snapshot.carrier(sender.carrier_id)
    if carrier is None or carrier.document.sharing is None:
        raise Invalid("sharing_not_offered")
    if receiver.carrier_id != sender.carrier_id:
        raise Invalid("sharing_other_carrier")
    if sender.status != "active":
        raise Conflict("line_barred")
    if not takes_credit(receiver, snapshot):
        raise Conflict("sharing_receiver_barred")
    stand = await standings(connection, [sender.ref, receiver.ref])
    zones = {"sender": stand[sender.ref.id].zone, "receiver": stand[receiver.ref.id].zone}
    return Pair(carrier, sender.ref, receiver.ref, zones)


def takes_credit(line: Line, snapshot: Snapshot) -> bool:
    """Whether a line may be given credit: it is neither barred nor closed, nor in a state that blocks top-ups."""
    return line.status == "active" and "topup" not in blocks_of(line, snapshot)


async def agreed(connection: Connection, wish: Wish, pair: Pair, now: datetime) -> Shared:
    """What sending it comes to. Limits hold for what the two lines sent and received up to now, by each line's own day.

    Raises those of `catalogue.sharing.share`; of a limit that is reached, `frees_at` says when it begins anew.
    """
    sharing = pair.carrier.document.sharing
    if sharing is None:
        raise Invalid("sharing_not_offered")
    counted = {limit: await _so_far(connection, limit, pair, now) for limit in sharing.limits}
    try:
        return share(
            pair.carrier,
            amount=wish.amount,
            now=now,
            so_far=counted.__getitem__,
            conditions=wish.conditions,
        )
    except Conflict as problem:
        raise _with_end(problem, pair, now) from None


async def _so_far(connection: Connection, limit: SharingLimit, pair: Pair, now: datetime) -> SoFar:
    since = period_begin(limit, pair.zones[limit.who], now)
    if limit.who == "sender":
        return await sent_since(connection, pair.sender, since)
    return await received_since(connection, pair.receiver, since)


def _with_end(problem: Conflict, pair: Pair, now: datetime) -> Conflict:
    """The refusal, with the day on which the limit begins anew, in the zone of the line whose limit it is."""
    who, per = problem.parameters.get("limited"), problem.parameters.get("per")
    if not isinstance(who, str) or who not in pair.zones:
        return problem
    zone = pair.zones[who]
    begins = latest_instant(_next_period(now.astimezone(zone).date(), per == "day"), MIDNIGHT, zone)
    frees_at = begins.astimezone(zone).isoformat(" ", "minutes")
    problem.parameters = {**problem.parameters, "frees_at": frees_at}
    return problem


def _next_period(day: date, daily: bool) -> date:  # noqa: FBT001 - of a private leaf
    return day + timedelta(days=1) if daily else (day.replace(day=1) + _A_MONTH).replace(day=1)
