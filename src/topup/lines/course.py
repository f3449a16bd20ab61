"""One line on its way: what time and what happens to it make of its life, worked out in memory while it is locked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle import clock_set, opened, reminders, restarted, shown_as, step
from topup.catalogue.life_cycle_rules import IMPLICIT_STATE, State
from topup.catalogue.line_facts import Change, Effect, Event, Like, LineFacts, Portion, Reminder, Step
from topup.catalogue.monthly_fees import next_fee, take_fee
from topup.catalogue.terms import end_in_state
from topup.ledger import Debit, Item
from topup.ledger.queries import Bucket
from topup.lines.effects import LOOK_AGAIN, concerned, is_frozen, items_of
from topup.lines.lives import Life, Lived
from topup.lines.queries import LineRef
from topup.lines.rules import NO_RULES, Ruling

FEES: Final = "fees"
"""The account that monthly fees go to."""
_MOST_STEPS: Final = 32
"""In one look; a line with more behind it is looked at again at once."""

zone_of = lru_cache(maxsize=1024)(ZoneInfo)


@dataclass(frozen=True, slots=True)
class Birth:
    """How a line's life begins: the columns of a new line."""

    rules: int
    state: str
    shows: str
    clocks: dict[str, str]
    next_at: datetime | None
    fee_at: datetime | None


UNRULED: Final = Birth(NO_RULES, IMPLICIT_STATE, "active", {}, None, None)
"""Of a line to which nothing happens by itself."""


def born(ruling: Ruling, *, now: datetime, zone: str) -> Birth:
    """The beginning of a line without credit, opened `now`. The same for all lines of a carrier that open together."""
    line = ZoneInfo(zone)
    begun = opened(ruling.rules, now=now, zone=line)
    fee_at = next_fee(ruling.rules.fee, line, now)
    facts = begun.facts
    shows = shown_as(ruling.rules, facts, now=now, zone=line)
    next_at = _earliest(begun.look_at, fee_at if ruling.rules.state(facts.state).charges_fee else None)
    return Birth(ruling.mark, facts.state, shows, _spelled(facts), next_at, fee_at)


class Course:
    """The life of one line from its last look up to `now`, and on through what happens to it then.

    `held` are the line's buckets in their order of use. Make it, call `pass_time`, perhaps `meet`; then `items` are to
    be posted, and `lived` is to be written down.
    """

    def __init__(self, life: Life, ruling: Ruling, held: Sequence[Bucket], now: datetime) -> None:
        self._life = life
        self._ruling = ruling
        self._buckets = held
        self._now = now
        self._zone = zone_of(life.zone)
        self._changes: list[Change] = []
        self._entering = [
            Effect(said["do"], tuple(said["kinds"]), _instant(said["at"])) for said in life.unfinished or ()
        ]
        self._at_once: list[Effect] = []
        self._debits: list[Debit] = []
        self._fee_at = life.fee_at
        self._look_at: datetime | None = None
        self._active_at = life.active_at
        self._again = False
        self._promised = _promised(held, ruling)
        self.facts = self._adopted(_facts(life, (*_available(held, ruling), *self._promised), now))

    @property
    def line(self) -> LineRef:
        """Which line it is."""
        return LineRef(self._life.lane, self._life.id)

    @property
    def state(self) -> State:
        """The state the line is in now. Raises StateUnknown."""
        return self._ruling.rules.state(self.facts.state)

    @property
    def may_have_plan(self) -> bool:
        """Whether its carrier has plans."""
        return self._ruling.has_plans

    @property
    def takes_topups(self) -> bool:
        """Whether a top-up would be the line's."""
        return self._life.status == "active" and not self.state.closes and "topup" not in self.state.blocks

    def pass_time(self, *, charging: bool = True) -> None:
        """What time has brought up to now, monthly fees as they came due among it. Raises StateUnknown.

        Not `charging`: fees and what is owed are left for the next look, which is at once.
        """
        for _ in range(_MOST_STEPS):
            fee_at = self._fee_at if self._ruling.rules.fee and charging else None
            until = min(self._now, fee_at) if fee_at else self._now
            self._take_over(step(self._ruling.rules, self.facts, now=until, zone=self._zone))
            if self._look_at is not None and self._look_at <= until:
                continue
            if fee_at is None or fee_at > self._now:
                break
            self._charge(fee_at)
        else:
            self._again = True
        if charging:
            self._pay_arrears()

    def meet(self, event: Event) -> None:
        """Something happens now, after time has passed. Its `funds` are what it brings beside what is there."""
        if event.on == "activity":
            self._active_at = self._now
        funds = event.funds
        if funds is not None and event.on == "topup":
            funds = (*self.facts.funds, *funds)
            # What the ledger will make of the ends is not known yet.
            self._again = self._ruling.on_credit or self.facts.arrears_minor > 0
        found = step(self._ruling.rules, self.facts, now=self._now, zone=self._zone, event=replace(event, funds=funds))
        if event.on != "topup":
            self._take_over(found)
            return
        # What entering a state left to be done is done before the top-up: what it brings is not forfeited. What is
        # restored need not be frozen first.
        restores = any(effect.do == "restore" for effect in found.effects)
        left = [effect for effect in self._entering if effect.do == "forfeit" or not restores]
        self._at_once += [*left, *found.effects]
        self._entering = []
        self._take_over(replace(found, effects=()))

    def items(self) -> list[Item]:
        """What is to be posted, before anything that comes with what happened."""
        return [*self._debits, *items_of([*self._entering, *self._at_once], self._buckets, self._now)]

    def lived(self) -> Lived:
        """What is to be written down."""
        life, facts, state = self._life, self.facts, self.state
        closed_at = next((change.at for change in self._changes if change.closes), life.closed_at)
        free_at, gives_back = self._number(closed_at)
        unfinished = [effect for effect in self._entering if concerned(effect, self._buckets)]
        ends = [portion.ends_at for portion in facts.funds]
        lived = replace(
            life,
            status="closed" if state.closes else life.status,
            closed_at=closed_at,
            rules=self._ruling.mark,
            state=facts.state,
            state_since=facts.state_since,
            shows=shown_as(self._ruling.rules, facts, now=self._now, zone=self._zone),
            clocks=_spelled(facts),
            next_at=self._next_at(state, unfinished, free_at),
            looked_at=self._now,
            active_at=self._active_at,
            has_funds=bool(ends),
            funds_until=None if None in ends else max((end for end in ends if end), default=None),
            funds_since=facts.funds_since,
            gone=facts.gone,
            arrears_minor=facts.arrears_minor,
            fee_at=self._fee_at,
            unfinished=[{"do": e.do, "kinds": e.kinds, "at": e.at.isoformat()} for e in unfinished],
            number_free_at=free_at,
        )
        return Lived(lived, self._changes, self._reminder(), gives_back)

    def _number(self, closed_at: datetime | None) -> tuple[datetime | None, bool]:
        """When the number is free for its next line, and whether it is so now."""
        free_at = self._life.number_free_at
        released = next((change.at for change in self._changes if change.releases_number), None)
        if released is not None:
            term = self._ruling.quarantine
            free_at = end_in_state(term, self._zone, closed_at or released) if term else released
        return (None, True) if free_at is not None and free_at <= self._now else (free_at, False)

    def _next_at(self, state: State, unfinished: Sequence[Effect], free_at: datetime | None) -> datetime | None:
        if self._again:
            return self._now
        fee_at = self._fee_at if state.charges_fee and not state.closes else None
        return _earliest(self._look_at, fee_at, free_at, self._now + LOOK_AGAIN if unfinished else None)

    def _reminder(self) -> Reminder | None:
        """The last one that came due since the last look: what was due before it is no news any more."""
        if self.state.closes:
            return None
        found = reminders(self._ruling.rules, self.facts, zone=self._zone, after=self._life.looked_at, until=self._now)
        return found[-1] if found else None

    def _take_over(self, found: Step) -> None:
        self.facts = found.facts
        self._changes += found.changes
        self._entering += found.effects
        self._look_at = found.look_at

    def _adopted(self, facts: LineFacts) -> LineFacts:
        """Facts of a line that the present rules never saw: a life that begins now, or clocks that were added."""
        rules = self._ruling.rules
        if self._life.rules == self._ruling.mark:
            return facts
        if self._life.rules == NO_RULES:
            facts = replace(facts, state=rules.starts, state_since=self._now, funds_since=self._now, clocks={})
            self._fee_at = None
        activation, clocks = Event("activation"), dict(facts.clocks)
        for clock in rules.clocks.values():
            term = restarted(clock, activation, facts.usable_minor(self._now))
            if clock.name not in clocks and term is not None:
                clocks[clock.name] = clock_set(clock, None, term, now=self._now, zone=self._zone)
        if self._fee_at is None or rules.fee is None:
            self._fee_at = next_fee(rules.fee, self._zone, self._now)
        return replace(facts, clocks=clocks)

    def _charge(self, fee_at: datetime) -> None:
        """The monthly fee of `fee_at`, and what is owed with it; not in a state in which none is charged."""
        fee = self._ruling.rules.fee
        self._fee_at = next_fee(fee, self._zone, fee_at)
        if fee is None or not self.state.charges_fee or self.state.closes:
            return
        owed = self.facts.arrears_minor
        taken = take_fee(replace(fee, amount_minor=fee.amount_minor + owed), self._free(), self._now)
        self._debit(taken.taken_minor, "monthly_fee", fee_at)
        left = (*taken.funds, *self._promised)
        event = Event("fee", funds=left, arrears_minor=taken.owed_minor, fee_missed=taken.missed)
        at = max(fee_at, self.facts.state_since)
        self._take_over(step(self._ruling.rules, self.facts, now=at, zone=self._zone, event=event))

    def _pay_arrears(self) -> None:
        """What is owed is taken as soon as there is money."""
        fee, owed = self._ruling.rules.fee, self.facts.arrears_minor
        if fee is None or owed == 0 or self.state.closes:
            return
        taken = take_fee(replace(fee, amount_minor=owed, arrears=True), self._free(), self._now)
        if taken.taken_minor == 0:
            return
        self._debit(taken.taken_minor, "arrears", self._now)
        event = Event("funds", funds=(*taken.funds, *self._promised), arrears_minor=taken.owed_minor)
        self._take_over(step(self._ruling.rules, self.facts, now=self._now, zone=self._zone, event=event))

    def _free(self) -> tuple[Portion, ...]:
        """The money that is promised to nobody."""
        return tuple(portion for portion in self.facts.funds if not any(portion is held for held in self._promised))

    def _debit(self, amount_minor: int, purpose: str, at: datetime) -> None:
        if amount_minor > 0:
            self._debits.append(
                Debit(
                    lane=self._life.lane,
                    key=f"{self._life.id}:{purpose}:{at.isoformat()}",
                    purpose=purpose,
                    reference=self._life.id,
                    line_id=self._life.id,
                    to_code=FEES,
                    asset=self._ruling.currency,
                    amount=amount_minor,
                )
            )


def facts_of(life: Life, ruling: Ruling, held: Sequence[Bucket], now: datetime) -> LineFacts:
    """What is true of a line, for foretelling."""
    return _facts(life, (*_available(held, ruling), *_promised(held, ruling)), now)


def _facts(life: Life, funds: tuple[Portion, ...], now: datetime) -> LineFacts:
    """What was written down of a line, and the money the ledger has for it now.

    Where money came or went since, it was at the end that was known of, or else it is found out now.
    """
    since, gone = life.funds_since, life.gone
    if funds and not life.has_funds:
        since = now
    elif life.has_funds and not funds:
        ended = life.funds_until is not None and life.funds_until <= now
        since, gone = (life.funds_until, "expired") if ended else (now, "used_up")
    clocks = {name: _instant(due) for name, due in (life.clocks or {}).items()}
    return LineFacts(life.state, life.state_since, clocks, funds, since, gone, life.arrears_minor)


def _available(held: Sequence[Bucket], ruling: Ruling) -> Iterator[Portion]:
    for bucket in held:
        if bucket.available > 0 and bucket.asset == ruling.currency and not is_frozen(bucket):
            like = Like(bucket.scope, bucket.priority, str(bucket.policy), str(bucket.at_end))
            yield Portion(bucket.available, bucket.usable_until, bucket.kind, like)


def _promised(held: Sequence[Bucket], ruling: Ruling) -> tuple[Portion, ...]:
    """What a hold keeps: the line has it still, while nobody knows whether it will be used."""
    return tuple(
        Portion(bucket.held, bucket.usable_until, bucket.kind)
        for bucket in held
        if bucket.held > 0 and bucket.asset == ruling.currency and not is_frozen(bucket)
    )


def _spelled(facts: LineFacts) -> dict[str, str]:
    return {name: due.isoformat() for name, due in facts.clocks.items()}


def _instant(text: Any) -> datetime:
    return datetime.fromisoformat(text)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)
