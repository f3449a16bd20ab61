"""The plan of a line at the console: its cycle, what comes next, and why the last renewal did or did not happen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.channels.console.wording import Wording
from topup.charging.usage.wording import asset_words
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.money import Money
from topup.lines.barring import ref_of
from topup.lines.plans.desk import Plans, PlanShown
from topup.lines.plans.history import Became, changes_of
from topup.lines.plans.states import PlanChange, PlanStanding
from topup.lines.plans.wording import (
    change_words,
    day_of,
    last_day_of,
    next_words,
    plan_name,
    price_words,
    standing_words,
    without_credit_words,
)
from topup.platform.database import Database
from topup.platform.i18n import format_money

_TONES: Final = {PlanStanding.ACTIVE: "good", PlanStanding.LAPSED: "over", PlanStanding.ENDED: "over"}
_PAID: Final = frozenset({PlanChange.BEGUN, PlanChange.RENEWED, PlanChange.SWITCHED})
_WAITS: Final = frozenset({PlanChange.UNPAID, PlanChange.BLOCKED})


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What became of it: when, which plan and cycle, and how much for how long, or how much was missing."""

    when: str
    what: str
    plan: str
    cycle: int
    about: str


@dataclass(frozen=True, slots=True)
class PlanSheet:
    """A line's plan, and its history."""

    name: str
    id: str
    price: str
    standing: str
    tone: str
    cycle: str
    paid: str
    included: list[str]
    next: str
    without: list[str]
    changes: list[ChangeRow]


class PlanSheets:
    """Reads them."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue
        self._plans = Plans(database=database, catalogue=catalogue)

    async def of(self, *, number: str, line_id: str, wording: Wording) -> PlanSheet | None:
        """The sheet of a line; None for one that never had a plan, or is closed."""
        try:
            found = await self._plans.show(number=number)
        except (Conflict, NotFound):
            return None
        if found.standing is None:
            return None
        async with self._database.read() as transaction:
            changes = await changes_of(transaction.connection, ref_of(line_id))
            carrier = (await self._catalogue.current(transaction.connection)).carrier(found.carrier_id)
        names = {plan.id: plan_name(plan, locale=wording.locale) for plan in carrier.plans.values()} if carrier else {}
        return _sheet(found, found.standing, changes, names, wording)


def _sheet(
    found: PlanShown, standing: PlanStanding, changes: Sequence[Became], names: dict[str, str], wording: Wording
) -> PlanSheet:
    plan, locale = found.plan, wording.locale
    cycle = ""
    if found.began_at and found.ends_at and found.began_at < found.ends_at:
        since, until = day_of(found.began_at, found.zone, locale), last_day_of(found.ends_at, found.zone, locale)
        cycle = f"{since} \N{EN DASH} {until}"
    return PlanSheet(
        name=plan_name(plan, locale=locale) if plan else "",
        id=plan.id if plan else "",
        price=price_words(plan, found.currency, locale=locale) if plan else "",
        standing=standing_words(standing, locale=locale),
        tone=_TONES.get(standing, "alarm"),
        cycle=cycle,
        paid=format_money(found.paid, locale) if found.paid else "",
        included=[
            wording.text(
                "plan_left",
                left=asset_words(one.asset, one.left, locale=locale, roughly=True),
                of=asset_words(one.asset, one.amount, locale=locale),
            )
            for one in found.included
        ],
        next=next_words(found, locale=locale),
        without=without_credit_words(plan, locale=locale) if plan else [],
        changes=[_row(one, found, names, wording) for one in changes],
    )


def _row(one: Became, found: PlanShown, names: dict[str, str], wording: Wording) -> ChangeRow:
    locale = wording.locale
    sum_ = (
        format_money(Money(one.amount_minor, found.currency), locale)
        if one.amount_minor >= 0
        else (f"\N{MINUS SIGN}{format_money(Money(-one.amount_minor, found.currency), locale)}")
    )
    about = ""
    if one.what in _PAID and one.until:
        about = wording.text("plan_paid_until", sum=sum_, day=last_day_of(one.until, found.zone, locale))
    elif one.what in _WAITS and one.until:
        about = wording.text("plan_missing_until", sum=sum_, day=day_of(one.until, found.zone, locale))
    elif one.what in _WAITS:
        about = wording.text("plan_missing", sum=sum_)
    return ChangeRow(
        wording.moment(one.at),
        change_words(one.what, locale=locale),
        names.get(one.plan_id, one.plan_id),
        one.cycle,
        about,
    )
