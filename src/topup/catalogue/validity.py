"""Until when something granted may be used, and why that date.

Days are days of the carrier's calendar, in its own time zone: the day of the top-up does not count, so that nobody gets
less than the days they were promised, and the clocks' changes neither add nor take a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.grant_rules import Policy, ValidityRule
from topup.catalogue.life_cycle_rules import TermTier
from topup.catalogue.terms import Ends, Term, end_in_state, end_of, last_day, local_of

_UNIT: Final = {True: "d", False: "m"}

Tier = tuple[int, datetime]
"""From this amount on, usable until then."""


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a grant may be used: before the instant `usable_until` (UTC), or without end where that is None.

    `usable_until` holds for a grant that stands alone. By `policy` the ledger decides with what the line already has:
    for `extend` from `days` or `months` in `zone`, for `tiers` from `tiers` (ascending, from 0), each with the end it
    would have now. `rule` is the whole rule, from which the dates can be worked out anew when the credit is given;
    validities stored by older releases have none.
    """

    policy: Policy
    usable_until: datetime | None
    days: int | None
    ends: Ends
    zone: str
    months: int | None = None
    tiers: tuple[Tier, ...] = ()
    rule: ValidityRule | None = None

    def as_rule(self) -> ValidityRule:
        """The rule it came from."""
        return self.rule or ValidityRule("days" if self.days else "never", self.days, self.ends, self.policy)


def validity_of(
    rule: ValidityRule, zone: ZoneInfo, now: datetime, *, balance: int = 0, asset: str = ""
) -> tuple[Validity, dict[str, Any]]:
    """The validity of something granted at `now` (aware), and the rule with the inputs that gave the date.

    `balance` is how much there is of `asset` afterwards; both matter to validity by balance only. The second is plain
    JSON: `id` is the message id of the explanation, `inputs` its parameters.
    """
    if rule.tiers:
        return _by_balance(rule, zone, now, balance, asset)
    if rule.days is None and rule.months is None:
        return Validity(rule.policy, None, None, rule.ends, zone.key, rule=rule), {"id": "why_never_ends", "inputs": {}}
    term = Term(rule.days, rule.months, rule.ends)
    until = end_of(term, zone, now)
    validity = Validity(rule.policy, until, rule.days, rule.ends, zone.key, rule.months, rule=rule)
    return validity, {"id": _reason(term), "inputs": {**_span(term, zone, now), "policy": rule.policy}}


def reached(tiers: Sequence[TermTier], balance: int) -> TermTier:
    """The tier that holds for a balance: the last that begins at or below it; below the first, the first."""
    return next((tier for tier in reversed(tiers) if tier.from_minor <= balance), tiers[0])


def end_beside(validity: Validity, present: datetime | None, *, now: datetime, balance: int) -> datetime | None:
    """The end of a grant given at `now` in a bucket that ends at `present` and then has `balance`; None: never.

    What the ledger decides under its lock, as a function: for explaining, and for telling before it is bought.
    """
    fresh = validity.usable_until
    if validity.policy == "tiers":
        return next(end for start, end in reversed(validity.tiers) if start <= balance)
    if validity.policy in {"separate", "renew"} or (present is not None and present <= now):
        return fresh
    if fresh is None or present is None:
        return None
    if validity.policy == "longest":
        return max(fresh, present)
    return end_in_state(Term(validity.days, validity.months, validity.ends), ZoneInfo(validity.zone), present)


def _by_balance(
    rule: ValidityRule, zone: ZoneInfo, now: datetime, balance: int, currency: str
) -> tuple[Validity, dict[str, Any]]:
    ends = [(tier.from_minor, end_of(tier.term, zone, now)) for tier in rule.tiers]
    term = reached(rule.tiers, balance).term
    validity = Validity(
        rule.policy,
        end_of(term, zone, now),
        term.days,
        rule.ends,
        zone.key,
        term.months,
        ((0, ends[0][1]), *ends[1:]),
        rule,
    )
    inputs = {"tiers": _written(rule.tiers), "currency": currency, "from": _spelled(now, zone), "zone": zone.key}
    return validity, {"id": "why_balance", "inputs": inputs | {"policy": rule.policy}}


def _reason(term: Term) -> str:
    if term.ends == "month_end":
        return "why_month_end"
    return f"why_{term.ends}" if term.months is None else f"why_months_{term.ends}"


def _span(term: Term, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    local = local_of(now, zone)
    span = {"days": term.days} if term.months is None else {"months": term.months}
    last = last_day(term, local.date()).isoformat()
    return {**span, "from": _spelled(now, zone), "last_day": last, "zone": zone.key}


def _spelled(now: datetime, zone: ZoneInfo) -> str:
    return local_of(now, zone).isoformat(timespec="seconds")


def _written(tiers: Sequence[TermTier]) -> str:
    """Tiers as one plain value, which a stored reason can hold: `500:90d 1000:4m`, amounts in minor units."""
    spans = [(tier.from_minor, tier.term.days or tier.term.months, _UNIT[tier.term.months is None]) for tier in tiers]
    return " ".join(f"{amount}:{span}{unit}" for amount, span, unit in spans)
