"""The form of how long something lasts: spans of the calendar, what happens beside what there is, and at the end."""

from typing import Any, Final

from topup.catalogue.grant_rules import RollOver, ValidityRule
from topup.catalogue.life_cycle_rules import TermTier
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading, Wrong, quantity, shown
from topup.catalogue.shapes import Amount, Choice, Field, ListOf, Quantity, Table, Variants, Whole
from topup.catalogue.terms import Ends, Term

Fields = dict[str, Any]

DAYS: Final = Whole(1, 36_500)
MONTHS: Final = Whole(0, 1200)
ENDS: Final = Field(
    Choice(("midnight", "exact", "month_end")),
    "at the end of the last day in the carrier's zone, at the same time of day, or at the end of that calendar month",
    default="midnight",
)
SPAN: Final = {
    "days": Field(DAYS, "how many whole days after the day it begins"),
    "months": Field(MONTHS, "to the same day so many months later, or that month's last; 0 with ends = month_end"),
}
TERM_KEYS: Final = ("days", "months")


def term_of(fields: Fields, path: Path, reading: Reading, *, ends: Ends | None = None) -> Term | Wrong:
    """The term of a table that has `days` or `months`, ending as it says or as `ends`."""
    term = Term(fields["days"], fields["months"], ends or fields["ends"])
    if term.months == 0 and term.ends != "month_end":
        return reading.mistake((*path, "months"), 'must be at least 1, except with ends = "month_end"')
    return term


def ascending(starts: list[int], path: Path, reading: Reading) -> Wrong | None:
    """Noted where a tier does not begin above the one before it."""
    for index in range(1, len(starts)):
        if starts[index] <= starts[index - 1]:
            return reading.mistake((*path, index, "from"), "must be above the from of the one before it")
    return None


TIERS: Final = ListOf(
    Table(
        lambda fields, _path, _reading: fields,
        {"from": Field(Amount(0), "it holds from this amount on", required=True), **SPAN},
        one_of=TERM_KEYS,
    ),
    1,
    20,
)


def tiers_of(found: tuple[Fields, ...], ends: Ends, path: Path, reading: Reading) -> tuple[TermTier, ...] | Wrong:
    """Terms by amount, all ending as `ends` says."""
    terms = [term_of(tier, (*path, index), reading, ends=ends) for index, tier in enumerate(found)]
    wrong = ascending([tier["from"] for tier in found], path, reading)
    if wrong is not None:
        return wrong
    tiers = []
    for tier, term in zip(found, terms, strict=True):
        if isinstance(term, Wrong):
            return term
        tiers.append(TermTier(tier["from"], term))
    return tuple(tiers)


def _validity(fields: Fields, path: Path, reading: Reading) -> ValidityRule | Wrong:
    wrong = _at_end(fields, path, reading)
    if fields["rule"] == "balance":
        tiers = tiers_of(fields["tiers"], fields["ends"], (*path, "tiers"), reading)
        if isinstance(tiers, Wrong):
            return tiers
        return wrong or ValidityRule(**fields | {"policy": "tiers", "tiers": tiers})
    term = term_of({"days": None, "months": None} | fields, path, reading)
    if fields["policy"] == "extend" and fields["ends"] == "month_end" and not fields.get("months"):
        wrong = reading.mistake((*path, "policy"), "moves an end at a month's end on by whole months only, at least 1")
    return term if isinstance(term, Wrong) else wrong or ValidityRule(**fields)


def _at_end(fields: Fields, path: Path, reading: Reading) -> Wrong | None:
    at_end = fields["at_end"]
    if fields["grace_days"] is not None and at_end != "freeze":
        return reading.mistake((*path, "grace_days"), 'goes with at_end = "freeze" only')
    if (fields["roll"] is None) == (at_end == "roll_over"):
        words = 'goes with at_end = "roll_over" only' if fields["roll"] else "is missing: how long the rest lives on"
        return reading.mistake((*path, "roll"), words)
    return None


def in_units(
    rule: ValidityRule | Wrong, asset: str, units: dict[str, int], path: Path, reading: Reading
) -> ValidityRule | Wrong:
    """The rule with its roll-over's cap in the units of `asset`; `CREDIT` is money of the file's currency."""
    if isinstance(rule, Wrong):
        return rule
    if rule.tiers and asset != "CREDIT":
        return reading.mistake((*path, "rule"), "goes by balance, which only CREDIT does")
    written: Any = rule.roll.cap if rule.roll else None
    if rule.roll is None or written is None:
        return rule
    place = (*path, "roll", "cap")
    cap = Amount().read(written, place, reading) if asset == "CREDIT" else quantity(written, units)
    if cap is None:
        cap = reading.mistake(place, f"must be a quantity of {asset}, not {shown(written)}")
    if isinstance(cap, Wrong):
        return cap
    return _with_roll(rule, RollOver(rule.roll.days, cap))


def _with_roll(rule: ValidityRule, roll: RollOver) -> ValidityRule:
    return ValidityRule(
        rule.rule, rule.days, rule.ends, rule.policy, rule.months, rule.tiers, rule.at_end, rule.grace_days, roll
    )


ROLL: Final = Table(
    lambda fields, _path, _reading: RollOver(**fields),
    {
        "days": Field(DAYS, "how many days longer", required=True),
        "cap": Field(Quantity(), "at most so much of it; all of it when left out"),
    },
)
_ENDING: Final = {
    "ends": ENDS,
    "at_end": Field(
        Choice(("forfeit", "freeze", "roll_over")),
        "what becomes of the rest at the end: lost, frozen until a top-up revives it, or kept for longer",
        default="forfeit",
    ),
    "grace_days": Field(DAYS, "how long it stays frozen before it is lost; for ever when left out"),
    "roll": Field(ROLL, "how long and how much of the rest lives on"),
}
_POLICY: Final = Field(
    Choice(("separate", "extend", "longest", "renew")),
    "beside what the line has: kept apart, its end moved on, both get the later end, or both get the new end",
    default="separate",
)


def _rule(word: str, meaning: str) -> Field:
    return Field(Choice((word,)), meaning, required=True)


def _lasting(fields: Fields, path: Path, reading: Reading) -> ValidityRule | Wrong:
    term = term_of({"days": None, "months": None} | fields, path, reading)
    return term if isinstance(term, Wrong) else ValidityRule(**fields)


_NEVER: Final = Table(lambda fields, _path, _reading: ValidityRule(**fields), {"rule": _rule("never", "it never ends")})
VALIDITY: Final = Variants(
    "rule",
    {
        "never": _NEVER,
        "days": Table(
            _validity,
            {
                "rule": _rule("days", "it ends some days after the top-up"),
                "days": Field(DAYS, "how many whole days after the day of the top-up", required=True),
                "policy": _POLICY,
                **_ENDING,
            },
        ),
        "months": Table(
            _validity,
            {
                "rule": _rule("months", "it ends some months after the top-up"),
                "months": Field(MONTHS, SPAN["months"].meaning, required=True),
                "policy": _POLICY,
                **_ENDING,
            },
        ),
        "balance": Table(
            _validity,
            {
                "rule": _rule("balance", "every top-up sets the end anew, by the balance after it"),
                "tiers": Field(
                    TIERS, "how long by the balance, ascending; the first holds below it too", required=True
                ),
                **_ENDING,
            },
        ),
    },
)
LASTING: Final = Variants(
    "rule",
    {
        "never": _NEVER,
        "days": Table(
            _lasting,
            {
                "rule": _rule("days", "it ends some days after"),
                "days": Field(DAYS, "how many whole days after the day it was given", required=True),
                "ends": ENDS,
            },
        ),
        "months": Table(
            _lasting,
            {
                "rule": _rule("months", "it ends some months after"),
                "months": Field(MONTHS, SPAN["months"].meaning, required=True),
                "ends": ENDS,
            },
        ),
    },
)
"""Of what stands alone: no beside, and nothing but the loss at its end."""
