"""Promising offers to orders: held, settled, released, given back. On lists, in a caller's transaction.

Each is idempotent by order and campaign: what was done is not done again. Campaigns are locked in one order, so that
whoever decides about them waits for whoever decided before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from topup.offers import records
from topup.offers.answers import Reason
from topup.offers.counting import CampaignKey, Counter, Tally, Wanted, mark_of
from topup.offers.records import Reservation, ReservationKey
from topup.offers.states import RESERVATION, ReservationState
from topup.platform.database import Connection


class ReservationDiffers(RuntimeError):
    """An order asks for a campaign that it has already, and for another amount: its caller mixed up two orders."""


class NeverReserved(RuntimeError):
    """What was to be settled, released or given back was never held for that order."""


async def reserve(
    connection: Connection, wanted: Sequence[Wanted], now: datetime, *, lanes: int
) -> list[Reason | None]:
    """Hold each for its order; None where it is held (or was, or is used already), else why there is none left.

    Whoever is refused one of several lets go of the others by `release`. Raises ReservationDiffers.
    """
    if not wanted:
        return []
    stopped = await records.locked(connection, [one.campaign for one in wanted], lanes=lanes)
    wanted, shut = await _with_batches(connection, wanted, now, lanes=lanes)
    there = await records.reserved(connection, [key_of(one) for one in wanted], lanes=lanes)
    scopes = [(one.campaign, scope) for one in wanted for scope in one.scopes]
    tallies = await records.tallies(connection, scopes, lanes=lanes)
    answers: list[Reason | None] = []
    changed = []
    for one in wanted:
        known, tally = there.get(key_of(one)), tallies[one.campaign]
        # What was let go of may be asked for again by another price of the order.
        is_there = known is not None and known.state is not ReservationState.RELEASED
        if known is not None and is_there and known.off_minor != one.off_minor:
            raise ReservationDiffers(one.order_id)
        if known is not None and not RESERVATION.permits(known.state, ReservationState.HELD):
            answers.append(None)
            if known.state is ReservationState.HELD and known.expires_at < one.expires_at:
                changed.append(replace(known, expires_at=one.expires_at))
            continue
        refusal = Reason.STOPPED if stopped[one.campaign] else shut.get(key_of(one)) or tally.refusal(one)
        answers.append(refusal)
        if refusal is None:
            tally.take(one)
            held = Reservation(key_of(one), one.off_minor, one.scopes, ReservationState.HELD, one.expires_at)
            there[held.key] = held
            changed.append(held)
    await records.write(connection, changed, tallies, now, lanes=lanes)
    return answers


async def _with_batches(
    connection: Connection, wanted: Sequence[Wanted], now: datetime, *, lanes: int
) -> tuple[list[Wanted], dict[ReservationKey, Reason]]:
    """Each with the batch of its code, and why those cannot be had whose code is blocked, or over. The campaigns are
    locked: who blocks a code waits.
    """
    marks = {key_of(one): (one.campaign, mark) for one in wanted if one.code and (mark := mark_of(one.code))}
    found = await records.codes(connection, set(marks.values()), now, lanes=lanes)
    batched, shut = [], {}
    for one in wanted:
        code = found.get(marks[key_of(one)]) if key_of(one) in marks else None
        batched.append(one if code is None else replace(one, batch=code.batch_id))
        if code is not None and (code.is_blocked or code.is_over):
            shut[key_of(one)] = Reason.CODE_BLOCKED if code.is_blocked else Reason.CODE_OVER
    return batched, shut


async def settle(
    connection: Connection, keys: Sequence[ReservationKey], now: datetime, *, lanes: int
) -> list[ReservationKey]:
    """Use what is held: the orders are paid. What had lapsed meanwhile is used all the same: its price was promised.

    Gives those for which that went beyond a limit, which a person should hear of. What is settled or was given back
    already stays so. Raises NeverReserved.
    """
    beyond: list[ReservationKey] = []

    def use(one: Reservation, counters: Sequence[Counter]) -> None:
        for counter in counters:
            if one.state is ReservationState.HELD:
                counter.hold(one.off_minor, -1)
            counter.use(one.off_minor)
        raised = [counter.admit_what_is_taken() for counter in counters]
        if any(raised):
            beyond.append(one.key)

    await _move(connection, keys, ReservationState.SETTLED, use, now, lanes=lanes)
    return beyond


async def release(connection: Connection, keys: Sequence[ReservationKey], now: datetime, *, lanes: int) -> int:
    """Let go of what is held; how many that were. What is used stays so. Raises NeverReserved."""
    return await _move(connection, keys, ReservationState.RELEASED, _let_go, now, lanes=lanes)


async def give_back(connection: Connection, keys: Sequence[ReservationKey], now: datetime, *, lanes: int) -> int:
    """Take back what was used by orders whose money went back; how many that were. Raises NeverReserved."""

    def unuse(one: Reservation, counters: Sequence[Counter]) -> None:
        for counter in counters:
            counter.use(one.off_minor, -1)

    return await _move(connection, keys, ReservationState.GIVEN_BACK, unuse, now, lanes=lanes)


async def prolong(
    connection: Connection, until: Mapping[ReservationKey, datetime], now: datetime, *, lanes: int
) -> int:
    """Hold longer what is still held; how many that were. What lapsed meanwhile stays so, until it is settled."""
    if not until:
        return 0
    await records.locked(connection, [key.campaign for key in until], lanes=lanes)
    there = await records.reserved(connection, until, lanes=lanes)
    longer = [
        replace(one, expires_at=until[one.key])
        for one in there.values()
        if one.state is ReservationState.HELD and one.expires_at < until[one.key]
    ]
    await records.write(connection, longer, {}, now, lanes=lanes)
    return len(longer)


async def release_lapsed(connection: Connection, limit: int, now: datetime, *, lanes: int) -> int:
    """Let go of some that were held too long: their orders were never made, or never paid. How many that were."""
    keys = await records.lapsed(connection, now, limit, lanes=lanes)
    return await _move(connection, keys, ReservationState.RELEASED, _let_go, now, lanes=lanes, only_lapsed=True)


async def stop(connection: Connection, campaign: CampaignKey, now: datetime, *, lanes: int) -> bool:
    """Promise nothing of this campaign any more, at once; what is promised stays so. Whether it ran until now."""
    stopped = await records.locked(connection, [campaign], lanes=lanes)
    if stopped[campaign]:
        return False
    await _stopped_at(connection, campaign, now, lanes=lanes)
    return True


async def resume(connection: Connection, campaign: CampaignKey, *, lanes: int) -> bool:
    """Let a stopped campaign go on; whether it was stopped."""
    stopped = await records.locked(connection, [campaign], lanes=lanes)
    if stopped[campaign]:
        await _stopped_at(connection, campaign, None, lanes=lanes)
    return stopped[campaign]


async def _stopped_at(connection: Connection, campaign: CampaignKey, at: datetime | None, *, lanes: int) -> None:
    await connection.execute(
        "UPDATE offers.campaigns SET stopped_at = %s WHERE lane = %s AND carrier_id = %s AND campaign_id = %s",
        (at, campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id),
    )


def key_of(wanted: Wanted) -> ReservationKey:
    """What a reservation is found by again."""
    return ReservationKey(wanted.campaign, wanted.order_id)


def _let_go(one: Reservation, counters: Sequence[Counter]) -> None:
    for counter in counters:
        counter.hold(one.off_minor, -1)


async def _move(
    connection: Connection,
    keys: Sequence[ReservationKey],
    target: ReservationState,
    count: Callable[[Reservation, Sequence[Counter]], None],
    now: datetime,
    *,
    lanes: int,
    only_lapsed: bool = False,
) -> int:
    """Bring into `target` what may come there from where it is; how many did."""
    if not keys:
        return 0
    await records.locked(connection, [key.campaign for key in keys], lanes=lanes)
    there = await records.reserved(connection, keys, lanes=lanes)
    missing = next((key for key in keys if key not in there), None)
    if missing is not None:
        raise NeverReserved(missing.order_id)
    moving = [one for one in there.values() if RESERVATION.permits(one.state, target)]
    if only_lapsed:
        moving = [one for one in moving if one.expires_at <= now]
    scopes = [(one.key.campaign, scope) for one in moving for scope in one.scopes]
    tallies: dict[CampaignKey, Tally] = await records.tallies(connection, scopes, lanes=lanes)
    for one in moving:
        count(one, tallies[one.key.campaign].change(one.scopes))
    moved = [replace(one, state=target) for one in moving]
    await records.write(connection, moved, tallies, now, lanes=lanes)
    return len(moved)
