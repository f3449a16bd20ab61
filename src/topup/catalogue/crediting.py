"""A line as it is after a top-up of plain credit, by its carrier's file: the price's grants, joined as the ledger joins
them, the life cycle's step, and what was owed paid first.

Pure: nothing is bought. Prices come from `pricing`, ends from `validity`, everything else from `life_cycle`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle import step
from topup.catalogue.line_facts import Event, Like, LineFacts, Portion, without
from topup.catalogue.monthly_fees import take_fee
from topup.catalogue.pricing import Grant, price
from topup.catalogue.validity import end_beside
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict
from topup.kernel.money import Money

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_USUAL_PRIORITY: Final = 100
"""Of money of which nothing more is known."""


def topped_up(
    carrier: CarrierVersion, facts: LineFacts, amount_minor: int, *, now: datetime, zone: ZoneInfo
) -> LineFacts:
    """What `facts`, those of a line at `now`, become by `amount_minor` of plain credit; `zone` is the line's.

    Raises what `pricing.price` raises, Conflict `top_up_blocked` where the line takes none, and Conflict `cap_reached`.
    """
    rules = carrier.line_rules
    state = rules.state(facts.state)
    if state.closes or "topup" in state.blocks:
        raise Conflict("top_up_blocked", state=facts.state)
    priced = price(carrier, product=None, amount=Money(amount_minor, carrier.currency), now=now)
    funds = without((one for one in facts.funds if one.usable_at(now)), state.topup_forfeits)
    for grant in priced.grants:
        if grant.asset == carrier.currency:
            funds = _credited(funds, grant, now)
    event = Event("topup", amount_minor=amount_minor, plain=True, funds=_in_order(funds))
    after = step(rules, facts, now=now, zone=zone, event=event).facts
    if rules.fee is None or after.arrears_minor == 0:
        return after
    taken = take_fee(replace(rules.fee, amount_minor=after.arrears_minor, arrears=True), after.funds, now)
    paid = Event("funds", funds=taken.funds, arrears_minor=taken.owed_minor)
    return step(rules, after, now=now, zone=zone, event=paid).facts


def _credited(funds: tuple[Portion, ...], grant: Grant, now: datetime) -> tuple[Portion, ...]:
    rule = grant.validity.as_rule()
    like = Like(grant.scope or "any", grant.priority, rule.policy, rule.at_end)
    amount = _within_cap(funds, grant)
    if amount == 0:
        return funds
    same = [place for place, one in enumerate(funds) if (one.kind, one.like) == (grant.kind, like)]
    if rule.policy == "separate" or not same:
        ends = end_beside(grant.validity, now, now=now, balance=amount)
        return (*funds, Portion(amount, ends, grant.kind, like))
    joined = funds[same[-1]]
    together = joined.amount_minor + amount
    ends = end_beside(grant.validity, joined.ends_at, now=now, balance=together)
    found = list(funds)
    found[same[-1]] = replace(joined, amount_minor=together, ends_at=ends)
    return tuple(found)


def _within_cap(funds: tuple[Portion, ...], grant: Grant) -> int:
    if grant.cap is None:
        return grant.amount
    room = grant.cap - sum(one.amount_minor for one in funds if one.kind == grant.kind)
    if grant.amount > room and grant.at_cap == "refuse":
        raise Conflict("cap_reached")
    return max(min(grant.amount, room), 0)


def _in_order(funds: Sequence[Portion]) -> tuple[Portion, ...]:
    """In the order the ledger uses them: priority, soonest end, oldest."""
    return tuple(
        sorted(funds, key=lambda one: (one.like.priority if one.like else _USUAL_PRIORITY, one.ends_at or _NEVER))
    )
