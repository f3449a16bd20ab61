"""Adjustments: credit that staff give to a line or take from it, for a reason, on the record.

Promise: an adjustment moves its amount once, or is refused and moves nothing; who made it, why and when stays written
down. It is never edited: a mistaken one is put right by another. Credit given lives as plain credit of that amount
would, by the carrier's file of the day; what is taken comes from any credit, in its order of use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import args_row

from topup.catalogue.grant_rules import GrantRule, ValidityRule
from topup.catalogue.pricing import grants_of
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.charging.granting import bucket_of
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import AdjustmentId, InvalidId, LineId, check_id, lane_of
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.kernel.transitions import Transitions
from topup.ledger import Credit, Debit, Item, PostingRefused, post
from topup.ledger.queries import buckets
from topup.lines import lives
from topup.lines.living import Happened, happen
from topup.lines.queries import Line, LineRef, lines_now, number_of
from topup.platform.arrays import selected
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.request_keys import Answering, store_answers
from topup.work.limits import DAY, Alone, alone_with

ACCOUNT: Final = "adjustments"
"""Our account of everything given and taken so: what corrections have cost us."""
LONGEST_NOTE: Final = 500
_MAIN_PRIORITY: Final = 100

_BEFORE_COMMIT = crash_label("adjustments.post.before_commit")
_AFTER_COMMIT = crash_label("adjustments.post.after_commit")


class AdjustmentState(StrEnum):
    """Where an adjustment is in its life."""

    REQUESTED = "requested"
    """Asked for; nothing has moved."""
    POSTED = "posted"
    """The ledger has it."""
    REFUSED = "refused"
    """The ledger would not have it, the line having less than was to be taken: nothing has moved."""


ADJUSTMENT: Final = Transitions(
    AdjustmentState.REQUESTED,
    {
        AdjustmentState.REQUESTED: frozenset({AdjustmentState.POSTED, AdjustmentState.REFUSED}),
        AdjustmentState.POSTED: frozenset(),
        AdjustmentState.REFUSED: frozenset(),
    },
)


class AdjustmentReason(StrEnum):
    """Why staff give or take."""

    GOODWILL = "goodwill"
    """To make up for an annoyance."""
    SERVICE_FAILURE = "service_failure"
    """What was paid for did not work."""
    CORRECTION = "correction"
    """Something was credited or charged wrongly."""
    FRAUD = "fraud"
    """Credit that was come by dishonestly."""
    MIGRATION = "migration"
    """A balance brought over from another system."""
    OTHER = "other"
    """What the note says: it must have one."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An adjustment as its row says. Below zero, `amount_minor` was taken from the line."""

    lane: int
    id: AdjustmentId
    line_id: LineId
    msisdn: str
    carrier_id: str
    catalogue_version: int
    currency: str
    amount_minor: int
    reason: AdjustmentReason
    note: str
    made_by: str
    refusal: str | None
    created_at: datetime
    state_since: datetime
    state: AdjustmentState
    alone: bool
    """Whether nobody else had to approve it."""

    @property
    def amount(self) -> Money:
        """What was given, or taken where it is below zero."""
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class AdjustmentWish:
    """What staff want. `amount` is in the currency of the line; `made_by` says who: `key:<id>`, `cli`."""

    number: Msisdn
    amount: Money
    reason: str
    note: str
    made_by: str


_NAMES: Final = tuple(column.name for column in fields(Adjustment))
_SELECT: Final = f"""
SELECT {selected(Adjustment, "a")} FROM charging.adjustments AS a WHERE a.lane = %s AND a.id = %s
"""
_INSERT: Final = f"""
INSERT INTO charging.adjustments ({", ".join(_NAMES)}) VALUES ({", ".join(f"%({name})s" for name in _NAMES)})
ON CONFLICT (lane, id) DO NOTHING RETURNING id
"""
_SPENT: Final = """
SELECT coalesce(sum(abs(amount_minor)), 0) FROM charging.adjustments
WHERE made_by = %s AND currency = %s AND alone AND state = 'posted' AND created_at > %s
"""
_ADVANCE: Final = """
UPDATE charging.adjustments AS a SET state = %s, refusal = %s, state_since = %s
WHERE a.lane = %s AND a.id = %s AND a.state = ANY (%s) RETURNING id
"""


class AboveAlone(Exception):
    """It is more than who makes it may give or take alone, at once or with what they did so in a day."""


@dataclass(frozen=True, slots=True)
class LineNow:
    """The line of an adjustment as it is now: its number, its carrier, and the credit that is not promised."""

    msisdn: Msisdn
    carrier: CarrierVersion
    credit: Money


class Adjustments:
    """The adjustments of this installation."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue

    async def line(self, *, number: str) -> tuple[Msisdn, LineRef, str]:
        """The number as people write it, its line, and the currency of that. Raises InvalidNumber, line_unknown."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            line, carrier = await _line_of(transaction.connection, msisdn, snapshot)
        return msisdn, line.ref, carrier.currency

    async def line_now(self, *, line_id: LineId) -> LineNow:
        """The line as it is now, for who decides. Raises NotFound line_unknown, also where it has no number today."""
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            number = await number_of(connection, LineRef(lane_of(line_id), line_id))
            if number is None:
                raise NotFound("line_unknown")
            msisdn = parse_msisdn(number)
            _, carrier = await _line_of(connection, msisdn, await self._catalogue.current(connection))
            held = (await buckets(connection, [line_id])).get(line_id, [])
        currency = carrier.currency
        usable = sum(one.available for one in held if one.asset == currency and one.is_usable(now))
        return LineNow(msisdn, carrier, Money(usable, currency))

    async def make(
        self,
        *,
        adjustment_id: AdjustmentId,
        wish: AdjustmentWish,
        alone: Alone | None = None,
        answer: Answering[Adjustment] | None = None,
    ) -> Adjustment:
        """Give or take, under an id of the line's lane; the same id again finds what became of it. `alone` is how much
        who makes it may give and take in all, without anybody else.

        Raises AboveAlone; NotFound line_unknown; Invalid adjustment_reason_unknown, adjustment_note_missing,
        adjustment_note_too_long, adjustment_of_nothing, currency_wrong; and Conflict, with the ledger's code, where the
        line has less than is to be taken, or would have more than it may: then nothing has moved.
        """
        check_wish(wish)
        async with self._database.transaction() as transaction:
            if alone is not None:
                await _check_alone(transaction, adjustment_id, wish, alone)
            adjustment = await self._made(transaction, adjustment_id, wish, alone=True)
            if answer is not None and adjustment.state is AdjustmentState.POSTED:
                await store_answers(transaction.connection, [(answer.claim, *answer.render(adjustment))])
            crash_point(_BEFORE_COMMIT)
        crash_point(_AFTER_COMMIT)
        if adjustment.state is AdjustmentState.REFUSED:
            raise _refusal(adjustment)
        return adjustment

    async def make_within(
        self, transaction: Transaction, *, adjustment_id: AdjustmentId, wish: AdjustmentWish
    ) -> Adjustment:
        """The same in a transaction of the caller's, which must not commit where this raises."""
        check_wish(wish)
        adjustment = await self._made(transaction, adjustment_id, wish, alone=False)
        if adjustment.state is AdjustmentState.REFUSED:
            raise _refusal(adjustment)
        return adjustment

    async def get(self, *, adjustment_id: str) -> Adjustment:
        """An adjustment as it stands; raises NotFound adjustment_unknown."""
        try:
            lane = lane_of(check_id("adjustment", adjustment_id))
        except InvalidId:
            raise NotFound("adjustment_unknown") from None
        async with self._database.read() as transaction:
            found = await _adjustment_of(transaction.connection, lane, adjustment_id)
        if found is None:
            raise NotFound("adjustment_unknown")
        return found

    async def _made(
        self, transaction: Transaction, adjustment_id: AdjustmentId, wish: AdjustmentWish, *, alone: bool
    ) -> Adjustment:
        connection, now = transaction.connection, transaction.now
        earlier = await _adjustment_of(connection, lane_of(adjustment_id), adjustment_id)
        if earlier is not None:
            return earlier
        snapshot = await self._catalogue.current(connection)
        line, carrier = await _line_of(connection, wish.number, snapshot)
        if line.ref.lane != lane_of(adjustment_id):
            # The number got another line since its id was made: the one that was meant is gone.
            raise NotFound("line_unknown")
        adjustment = replace(_new(adjustment_id, wish, line, carrier, now), alone=alone)
        cursor = await connection.execute(_INSERT, _row(adjustment))
        if await cursor.fetchone() is None:
            raise Conflict("request_running")
        # Locked before the ledger's lane, as whoever looks after lines does it.
        await lives.locked(connection, [(line.ref.lane, line.ref.id)])
        [answer] = await post(connection, [_item(adjustment, carrier)], now)
        refusal = answer.code if isinstance(answer, PostingRefused) else None
        done = await _advance(connection, adjustment, refusal, now)
        if refusal is None:
            await happen(connection, [Happened(line.ref, "funds")], now, snapshot=snapshot)
        return done


def check_wish(wish: AdjustmentWish) -> None:
    """Whether this may be wished at all, whatever the line has; raises the Invalids of `make`, but currency_wrong."""
    if wish.reason not in set(AdjustmentReason):
        raise Invalid("adjustment_reason_unknown", reasons=[reason.value for reason in AdjustmentReason])
    if wish.reason == AdjustmentReason.OTHER and not wish.note.strip():
        raise Invalid("adjustment_note_missing")
    if len(wish.note) > LONGEST_NOTE:
        raise Invalid("adjustment_note_too_long", longest=LONGEST_NOTE)
    if not wish.amount.amount_minor:
        raise Invalid("adjustment_of_nothing")


async def _check_alone(
    transaction: Transaction, adjustment_id: AdjustmentId, wish: AdjustmentWish, alone: Alone
) -> None:
    connection, amount_minor = transaction.connection, abs(wish.amount.amount_minor)
    await alone_with(connection, wish.made_by)
    if await _adjustment_of(connection, lane_of(adjustment_id), adjustment_id) is not None:
        return
    cursor = await connection.execute(_SPENT, (wish.made_by, wish.amount.currency, transaction.now - DAY))
    row = await cursor.fetchone()
    if amount_minor > alone.each_minor or int(row[0] if row else 0) + amount_minor > alone.daily_minor:
        raise AboveAlone


async def _line_of(connection: Connection, number: Msisdn, snapshot: Snapshot) -> tuple[Line, CarrierVersion]:
    line = (await lines_now(connection, [number.e164])).get(number.e164)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    if line is None or carrier is None or line.status == "closed":
        raise NotFound("line_unknown")
    return line, carrier


def _new(
    adjustment_id: AdjustmentId, wish: AdjustmentWish, line: Line, carrier: CarrierVersion, now: datetime
) -> Adjustment:
    if wish.amount.currency != carrier.currency:
        raise Invalid("currency_wrong", currency=carrier.currency)
    return Adjustment(
        lane=line.ref.lane,
        id=adjustment_id,
        line_id=line.ref.id,
        msisdn=wish.number.e164,
        carrier_id=carrier.carrier_id,
        catalogue_version=carrier.version,
        currency=wish.amount.currency,
        amount_minor=wish.amount.amount_minor,
        reason=AdjustmentReason(wish.reason),
        note=wish.note.strip(),
        made_by=wish.made_by,
        refusal=None,
        created_at=now,
        state_since=now,
        state=ADJUSTMENT.initial,
        alone=True,
    )


def _item(adjustment: Adjustment, carrier: CarrierVersion) -> Item:
    """The one ledger item of an adjustment, from or to ACCOUNT."""
    key = f"adjustment:{adjustment.id}"
    amount = abs(adjustment.amount_minor)
    if adjustment.amount_minor < 0:
        return Debit(
            lane=adjustment.lane,
            key=key,
            purpose="adjustment",
            reference=adjustment.id,
            line_id=adjustment.line_id,
            to_code=ACCOUNT,
            asset=adjustment.currency,
            amount=amount,
        )
    credit = carrier.document.credit
    validity = ValidityRule() if credit is None else credit.tier(amount).validity or credit.validity
    priority = _MAIN_PRIORITY if credit is None else credit.priority
    rule = GrantRule(adjustment.currency, amount, "main", priority, (), (), validity)
    [grant] = grants_of(carrier, (rule,), adjustment.created_at)
    return Credit(
        lane=adjustment.lane,
        key=key,
        purpose="adjustment",
        reference=adjustment.id,
        from_code=ACCOUNT,
        line_id=adjustment.line_id,
        bucket=bucket_of(grant, source="adjustment"),
        asset=adjustment.currency,
        amount=amount,
    )


async def _advance(connection: Connection, adjustment: Adjustment, refusal: str | None, now: datetime) -> Adjustment:
    state = AdjustmentState.REFUSED if refusal else AdjustmentState.POSTED
    sources = [source.value for source in ADJUSTMENT.sources(state)]
    cursor = await connection.execute(_ADVANCE, (state.value, refusal, now, adjustment.lane, adjustment.id, sources))
    if await cursor.fetchone() is None:
        raise RuntimeError(f"{adjustment.id} is not {adjustment.state} any more")
    return replace(adjustment, state=state, refusal=refusal, state_since=now)


async def _adjustment_of(connection: Connection, lane: int, adjustment_id: str) -> Adjustment | None:
    cursor = connection.cursor(row_factory=args_row(_read))
    await cursor.execute(_SELECT, (lane, adjustment_id))
    return await cursor.fetchone()


def _read(*values: Any) -> Adjustment:
    row = dict(zip(_NAMES, values, strict=True))
    return Adjustment(**row | {"state": AdjustmentState(row["state"]), "reason": AdjustmentReason(row["reason"])})


def _row(adjustment: Adjustment) -> Mapping[str, Any]:
    row = {name: getattr(adjustment, name) for name in _NAMES}
    return row | {"state": adjustment.state.value, "reason": adjustment.reason.value}


def _refusal(adjustment: Adjustment) -> Conflict:
    needed = Money(abs(adjustment.amount_minor), adjustment.currency).to_major()
    return Conflict(str(adjustment.refusal), needed=needed, currency=adjustment.currency, adjustment=adjustment.id)


def parse_signed(text: str, currency: str) -> Money:
    """Read `+5.00` or `-5.00` as staff type it: major units with a sign, which must be there. Raises InvalidMoney."""
    sign, digits = text[:1], text[1:]
    if sign not in {"+", "-"}:
        raise InvalidMoney("an adjustment has a sign")
    amount = Money.from_major(digits, currency)
    return amount if sign == "+" else Money(-amount.amount_minor, currency)
