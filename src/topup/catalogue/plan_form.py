"""The form of plans in a carrier's file."""

from typing import Any, Final, get_args

from topup.catalogue.grant_rules import GrantRule, ValidityRule
from topup.catalogue.life_cycle_rules import Blockable
from topup.catalogue.offer_form import IDENTIFIER, NAMES, UNITS
from topup.catalogue.plan_rules import Plan, WithoutCredit
from topup.catalogue.positions import Path
from topup.catalogue.reading import WRONG, Reading, Wrong, quantity, shown
from topup.catalogue.shapes import Amount, Choice, Field, Flag, ListOf, Quantity, Table, Text, Whole
from topup.catalogue.validity_form import DAYS, ROLL, in_units

Fields = dict[str, Any]

INCLUDED_PRIORITY: Final = 40
"""What a plan includes goes before packs, which last on."""


def _grant(fields: Fields, path: Path, reading: Reading) -> GrantRule | Wrong:
    asset, roll = fields["asset"], fields.pop("roll")
    units = UNITS[asset]
    amount = quantity(fields["amount"], units)
    if amount is None:
        words = f" or a quantity with one of the units {', '.join(units)}" if units else ""
        said = f"must be a whole number above 0{words}, not {shown(fields['amount'])}"
        return reading.mistake((*path, "amount"), said)
    rule: ValidityRule | Wrong = ValidityRule()
    if roll is not None:
        rule = in_units(ValidityRule(at_end="roll_over", roll=roll), asset, units, path, reading)
    if isinstance(rule, Wrong):
        return WRONG
    return GrantRule(**fields | {"amount": amount, "kind": "plan", "validity": rule})


_INCLUDED: Final = Table(
    _grant,
    {
        "asset": Field(Choice(tuple(UNITS)), "what is included", required=True),
        "amount": Field(Quantity(), 'how much: bytes or "1 GiB", seconds or "60 min", messages', required=True),
        "priority": Field(Whole(0, 1000), "the lower is used first", default=INCLUDED_PRIORITY),
        "services": Field(
            ListOf(Choice(("data", "voice", "sms"))), "what it may be used for; empty: everything", default=()
        ),
        "zones": Field(ListOf(Text("a zone's name", IDENTIFIER)), "where; empty: everywhere", default=()),
        "roll": Field(ROLL, "how long and how much of what is left lives on; lost with the cycle when left out"),
    },
)


def _without_credit(fields: Fields, path: Path, reading: Reading) -> WithoutCredit | Wrong:
    if fields["lapse_days"] < fields["grace_days"]:
        return reading.mistake((*path, "lapse_days"), "is over before grace_days are")
    return WithoutCredit(**fields)


_WITHOUT_CREDIT: Final = Table(
    _without_credit,
    {
        "grace_days": Field(Whole(0, 366), "so many days nothing is blocked", default=0),
        "blocks": Field(
            ListOf(Choice(get_args(Blockable)), 0, 5), "what is blocked then, until it is paid", default=()
        ),
        "lapse_days": Field(Whole(0, 3660), "so many days after the renewal was due the plan is over", default=30),
    },
)


def _plan(fields: Fields, path: Path, reading: Reading) -> Plan | Wrong:
    wrong = None
    by_days = fields["cycle"] in {"days", "once"}
    if (fields["days"] is None) == by_days:
        reason = "is missing: how long a cycle is" if by_days else 'goes with cycle = "days" or "once" only'
        wrong = reading.mistake((*path, "days"), reason)
    if fields["renews"] == "calendar" and by_days:
        wrong = reading.mistake((*path, "renews"), "by the calendar goes with months, quarters and years only")
    if fields["day"] is not None and fields["renews"] != "calendar":
        wrong = reading.mistake((*path, "day"), 'goes with renews = "calendar" only')
    if "topup" in fields["without_credit"].blocks:
        wrong = reading.mistake((*path, "without_credit", "blocks"), "names topup, without which it is never paid")
    return wrong or _one_of_each(fields["grants"], path, reading) or Plan(**fields | {"day": fields["day"] or 1})


def _one_of_each(grants: tuple[GrantRule, ...], path: Path, reading: Reading) -> Wrong | None:
    """Noted where two grants would be one bucket: nobody could say then how much of which is left."""
    seen: dict[tuple[object, ...], int] = {}
    wrong = None
    for index, one in enumerate(grants):
        first = seen.setdefault((one.asset, one.priority, frozenset(one.services), frozenset(one.zones)), index)
        if first != index:
            said = f"is for the same use and of the same priority as grants[{first + 1}]: make them one"
            wrong = reading.mistake((*path, "grants", index), said)
    return wrong


def unique_plans(plans: tuple[Plan, ...], path: Path, reading: Reading) -> Wrong | None:
    """Noted where two plans have one id."""
    ids = [plan.id for plan in plans]
    wrong = None
    for index, identifier in enumerate(ids):
        if identifier in ids[:index]:
            wrong = reading.mistake((*path, index, "id"), f"is {shown(identifier)} a second time")
    return wrong


PLANS: Final = ListOf(
    Table(
        _plan,
        {
            "id": Field(
                Text("a short name in lower case such as monthly-29", IDENTIFIER, longest=64), "its id", required=True
            ),
            "names": Field(NAMES, "its name", required=True),
            "price": Field(Amount(0), "what a cycle costs", required=True, into="price_minor"),
            "cycle": Field(
                Choice(("monthly", "quarterly", "yearly", "days", "once")),
                "how long a cycle is; after once it does not renew",
                required=True,
            ),
            "days": Field(DAYS, "how many days a cycle of days or once has"),
            "renews": Field(
                Choice(("anniversary", "calendar")), "on the day it began on, or by the calendar", default="anniversary"
            ),
            "day": Field(Whole(1, 31), "by the calendar, on which day of the month; its last where it is shorter"),
            "grants": Field(ListOf(_INCLUDED, 0, 20), "what each cycle includes", default=()),
            "proration": Field(
                Choice(("none", "day")),
                "whether a part of a cycle costs and gives back its share by days",
                default="none",
            ),
            "rounding": Field(
                Choice(("up", "down", "half_up", "half_even")), "of a share to minor units", default="half_up"
            ),
            "without_credit": Field(
                _WITHOUT_CREDIT, "what happens when a renewal cannot be paid", default=WithoutCredit()
            ),
            "counts_as_activity": Field(
                Flag(), "whether a renewal sets the clocks anew that activity does", default=True, into="is_activity"
            ),
            "keeps_number": Field(Flag(), "whether it is there to keep a number at little cost", default=False),
            "on_sale": Field(Flag(), "whether somebody new may have it", default=True),
        },
    ),
    0,
    200,
)
