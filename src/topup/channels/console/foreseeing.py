"""What a top-up would do by two versions of a carrier's file, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.explaining import Explanation, GrantTold, Sketch, Standing, explain
from topup.catalogue.storefront import OfferKind, products_for
from topup.catalogue.versions import CarrierVersion
from topup.channels.console.differing import DOMAIN
from topup.channels.console.rendering import day_in
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.orders.wording import amount_words, method_name, name_in, until_words
from topup.platform.i18n import format_date, format_money, translate

_NOON: Final = time(12)
"""Of the day of a top-up: what goes by whole days is the same at every hour of it."""
_CREDIT: Final = "credit:"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something one may ask about."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: a pack's id or `credit:` and an amount, the line's balance, the day; as they were typed."""

    product: str
    amount: str
    balance: str
    on: str

    @property
    def something(self) -> bool:
        """Whether anything was asked."""
        return bool(self.product or self.amount)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a top-up does, by either version; `other` where they do not do the same."""

    what: str
    now: list[str]
    then: list[str]

    @property
    def other(self) -> bool:
        """Whether the two differ."""
        return self.now != self.then


def choices(versions: list[CarrierVersion], locale: str) -> list[Choice]:
    """Everything that any of the versions offers, each once."""
    found: dict[str, str] = {}
    for version in versions:
        for offer in products_for(version):
            if offer.kind is OfferKind.CREDIT and offer.price is not None:
                found.setdefault(f"{_CREDIT}{offer.price.to_major()}", format_money(offer.price, locale))
            elif offer.product is not None and offer.names is not None:
                found.setdefault(offer.product, name_in(offer.names, locale=locale))
    return [Choice(one, name) for one, name in found.items()]


def foreseen(
    now_in_force: CarrierVersion | None, draft: CarrierVersion, asked: Asked, *, wording: Wording, now: datetime
) -> list[Row]:
    """What it would do by the version in force, where there is one, and by the draft."""
    sides = [_side(one, asked, wording, now) if one else {} for one in (now_in_force, draft)]
    names = list(dict.fromkeys([*sides[1], *sides[0]]))
    return [Row(name, sides[0].get(name, []), sides[1].get(name, [])) for name in names]


def _side(carrier: CarrierVersion, asked: Asked, wording: Wording, now: datetime) -> Mapping[str, list[str]]:
    """The rows of one version by their names; one that says why it cannot be."""
    text = partial(translate, wording.locale, DOMAIN)
    try:
        product, amount = _bought(asked, carrier)
        told = explain(
            carrier, product=product, amount=amount, line=_sketch(asked, carrier), now=_at(asked, carrier, now)
        )
    except (Invalid, Conflict) as problem:
        return {text("foreseen.price"): [wording.problem(problem).title]}
    return _rows(told, wording)


def _rows(told: Explanation, wording: Wording) -> dict[str, list[str]]:
    text, locale = partial(translate, wording.locale, DOMAIN), wording.locale
    currency, zone = told.carrier.currency, told.carrier.document.time_zone
    rows = {text("foreseen.price"): [format_money(told.priced.total_before_fee, locale)]}
    for method, fee in told.priced.fees.items():
        name = text("foreseen.fee", method=method_name(method, locale=locale))
        rows[name] = [format_money(Money(fee, currency), locale)]
    brings = [part for one in told.grants for part in _grant(one, zone, locale)]
    rows[text("foreseen.brings")] = brings or [text("nothing")]
    rows[text("foreseen.before")] = [_standing(told.before, currency, locale)]
    rows[text("foreseen.after")] = [_standing(told.after, currency, locale)]
    rows[text("foreseen.next")] = [
        text(
            "foreseen.change",
            date=format_date(change.at, locale, zone=zone),
            shows=translate(locale, "catalogue", f"shows_{change.shows}"),
            state=change.entered,
        )
        for change in told.after.to_come[:1]
    ] or [text("foreseen.never")]
    return rows


def _grant(told: GrantTold, zone: str, locale: str) -> list[str]:
    what = amount_words(told.grant.asset, told.credited, locale=locale)
    return [f"{what} · {until_words(told.ends, zone=zone, locale=locale)}"]


def _standing(standing: Standing, currency: str, locale: str) -> str:
    shows = translate(locale, "catalogue", f"shows_{standing.shows}")
    return f"{shows} · {format_money(Money(standing.balance_minor - standing.arrears_minor, currency), locale)}"


def _bought(asked: Asked, carrier: CarrierVersion) -> tuple[str | None, Money | None]:
    """A pack's id or an amount. Raises Invalid `amount_unreadable`."""
    typed = asked.amount or asked.product.removeprefix(_CREDIT)
    if not asked.amount and not asked.product.startswith(_CREDIT):
        return asked.product, None
    return None, _money(typed, carrier)


def _sketch(asked: Asked, carrier: CarrierVersion) -> Sketch:
    owed = asked.balance.startswith("-")
    balance = _money(asked.balance.removeprefix("-") or "0", carrier).amount_minor
    return Sketch(balance_minor=-balance if owed else balance)


def _money(text: str, carrier: CarrierVersion) -> Money:
    try:
        return Money.from_major(text, carrier.currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable", currency=carrier.currency) from None


def _at(asked: Asked, carrier: CarrierVersion, now: datetime) -> datetime:
    day: date | None = day_in(asked.on)
    return datetime.combine(day, _NOON, ZoneInfo(carrier.document.time_zone)) if day else now
