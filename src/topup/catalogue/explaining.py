"""What a top-up of a line would do by a carrier's file, and why: nothing is bought, nothing is looked up."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from topup.catalogue.life_cycle import forecast, shown_as, step
from topup.catalogue.life_cycle_rules import Shows
from topup.catalogue.line_facts import Change, Effect, Event, LineFacts, Portion
from topup.catalogue.pricing import Grant, Priced, price
from topup.catalogue.validity import end_beside
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Sketch:
    """A line one asks about: what it has of plain credit (below zero: it owes that), and how it stands.

    `ends_at` is the present end of its credit (None: not said, or never). `state` None is the one lines begin in,
    `state_since` None is now, `clocks` are those whose end is known.
    """

    balance_minor: int = 0
    ends_at: datetime | None = None
    state: str | None = None
    state_since: datetime | None = None
    clocks: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrantTold:
    """A grant, how much of it is credited (a cap or arrears may take some), and the bucket's end before and after it.

    `ended` is None where there was none, or it is not known.
    """

    grant: Grant
    credited: int
    ended: datetime | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class ClockTold:
    """A clock's end before and after the top-up; None: it does not run."""

    name: str
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a line stands: its state, what it is called, what it has and owes, and what is to come if nobody acts."""

    state: str
    shows: Shows
    balance_minor: int
    arrears_minor: int
    to_come: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A price, and what paying it would do at `now`: to buckets, clocks, state; `changes` and `effects` of it."""

    carrier: CarrierVersion
    now: datetime
    priced: Priced
    grants: tuple[GrantTold, ...]
    clocks: tuple[ClockTold, ...]
    before: Standing
    after: Standing
    changes: tuple[Change, ...]
    effects: tuple[Effect, ...]


def explain(
    carrier: CarrierVersion, *, product: str | None, amount: Money | None, line: Sketch, now: datetime
) -> Explanation:
    """What the pack `product`, or `amount` of credit, would do to `line` at `now`.

    Raises what `pricing.price` raises, Invalid state_unknown or clock_unknown (with those there are), and Conflict
    top_up_blocked (with the state) or cap_reached (with the cap).
    """
    _check(carrier, line)
    rules, zone = carrier.line_rules, carrier.zone
    priced = price(carrier, product=product, amount=amount, now=now)
    before = step(rules, _facts(carrier, line, now), now=now, zone=zone).facts
    if "topup" in rules.state(before.state).blocks:
        raise Conflict("top_up_blocked", state=before.state)
    arrears, grants = before.arrears_minor, []
    for grant in priced.grants:
        told, arrears = _credited(carrier, grant, line, arrears, now)
        grants.append(told)
    event = Event(
        "topup",
        amount_minor=priced.face.amount_minor,
        plain=product is None or carrier.packs[product].plain,
        funds=_funds(carrier, before, tuple(grants)),
        arrears_minor=arrears,
    )
    after = step(rules, before, now=now, zone=zone, event=event)
    clocks = (ClockTold(name, before.clocks.get(name), after.facts.clocks.get(name)) for name in rules.clocks)
    return Explanation(
        carrier,
        now,
        priced,
        tuple(grants),
        tuple(clocks),
        _standing(carrier, before, now),
        _standing(carrier, after.facts, now),
        after.changes,
        after.effects,
    )


def _check(carrier: CarrierVersion, line: Sketch) -> None:
    rules = carrier.line_rules
    if line.state is not None and line.state not in rules.states:
        raise Invalid("state_unknown", states=list(rules.states))
    if not set(line.clocks) <= set(rules.clocks):
        raise Invalid("clock_unknown", clocks=list(rules.clocks) or ["-"])


def _facts(carrier: CarrierVersion, line: Sketch, now: datetime) -> LineFacts:
    funds = (Portion(line.balance_minor, line.ends_at),) if line.balance_minor > 0 else ()
    return LineFacts(
        line.state or carrier.line_rules.starts,
        line.state_since or now,
        line.clocks,
        funds,
        arrears_minor=max(-line.balance_minor, 0),
    )


def _credited(
    carrier: CarrierVersion, grant: Grant, line: Sketch, arrears: int, now: datetime
) -> tuple[GrantTold, int]:
    """What of a grant is credited, and the arrears left after it."""
    own = grant.kind == "main" and grant.asset == carrier.currency
    running = line.balance_minor > 0 and (line.ends_at is None or line.ends_at > now)
    present = line.balance_minor if own and running else 0
    paid = min(arrears, grant.amount) if own else 0
    credited = grant.amount - paid
    if grant.cap is not None and present + credited > grant.cap:
        if grant.at_cap == "refuse":
            raise Conflict("cap_reached", cap=_worded(carrier, grant.asset, grant.cap))
        credited = max(grant.cap - present, 0)
    if not present:
        ends = end_beside(grant.validity, now, now=now, balance=credited)
        return GrantTold(grant, credited, None, ends), arrears - paid
    # An end that was not said does not outlast the new one.
    known = line.ends_at or now
    ends = end_beside(grant.validity, known, now=now, balance=present + credited)
    return GrantTold(grant, credited, line.ends_at, ends), arrears - paid


def _worded(carrier: CarrierVersion, asset: str, amount: int) -> str:
    return Money(amount, asset).to_major() + f" {asset}" if asset == carrier.currency else str(amount)


def _funds(carrier: CarrierVersion, before: LineFacts, grants: tuple[GrantTold, ...]) -> tuple[Portion, ...]:
    """The line's money after the top-up: what it had, under the new end where both have one, and what it got."""
    money = [told for told in grants if told.grant.asset == carrier.currency and told.credited]
    joining = [told for told in money if told.grant.kind == "main" and told.grant.validity.policy != "separate"]
    had = before.funds
    if joining:
        had = tuple(replace(portion, ends_at=joining[-1].ends) for portion in had)
    return had + tuple(Portion(told.credited, told.ends, told.grant.kind) for told in money)


def _standing(carrier: CarrierVersion, facts: LineFacts, now: datetime) -> Standing:
    rules, zone = carrier.line_rules, carrier.zone
    return Standing(
        facts.state,
        shown_as(rules, facts, now=now, zone=zone),
        facts.usable_minor(now),
        facts.arrears_minor,
        forecast(rules, facts, now=now, zone=zone),
    )
