"""What the pages say to one reader: the pages' own texts, and those of orders and prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_symbol

from topup.catalogue.storefront import GrantText
from topup.kernel.errors import Problem
from topup.kernel.money import Money, exponent
from topup.orders.views import Exchange, QuoteGrant
from topup.orders.wording import (
    amount_words,
    currency_name,
    end_words,
    exchange_words,
    line_words,
    method_name,
    name_in,
    points_words,
    policy_words,
    rate_words,
    source_words,
    why_words,
)
from topup.platform.i18n import (
    format_datetime,
    format_minute,
    format_moment,
    format_money,
    format_time,
    in_zone,
    language_tag,
    translate,
    zone_place,
)
from topup.platform.web.problems import words_of

LANGUAGE_NAMES: Final = {"zh_Hans": "简体", "zh_Hant": "繁體", "en": "English"}


@dataclass(frozen=True, slots=True)
class Said:
    """A mistake in words: what is wrong, and what to do."""

    title: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Speaks one of the three languages. Every method raises MissingText where a text is not in the catalogues."""

    locale: str

    @property
    def lang(self) -> str:
        """The `lang` attribute: `zh-Hans`."""
        return language_tag(self.locale)

    def text(self, message_id: str, /, **parameters: object) -> str:
        """A text of the pages themselves."""
        return translate(self.locale, "web", message_id, **parameters)

    def of(self, subject: str, message_id: str, /, **parameters: object) -> str:
        """A text of the pages about one subject, whose texts have a file of their own."""
        return translate(self.locale, subject, message_id, **parameters)

    def order_text(self, message_id: str, /, **parameters: object) -> str:
        """A text about orders."""
        return translate(self.locale, "orders", message_id, **parameters)

    def name(self, names: Mapping[str, str]) -> str:
        """The one of a text's languages this reader reads."""
        return name_in(names, locale=self.locale)

    def money(self, money: Money) -> str:
        """`¥48.50`, with every decimal."""
        return format_money(money, self.locale)

    def short_money(self, money: Money) -> str:
        """`¥50` where the amount is whole, else as `money`: for the tiles, which are narrow."""
        digits = exponent(money.currency)
        return self.money(money).removesuffix(f".{'0' * digits}") if digits else self.money(money)

    def symbol(self, currency: str) -> str:
        """How the currency is written before an amount."""
        return get_currency_symbol(currency, locale=self.locale)

    def method(self, method: str) -> str:
        """The name of a way to pay."""
        return method_name(method, locale=self.locale)

    def currency(self, currency: str) -> str:
        """The name of a currency."""
        return currency_name(currency, locale=self.locale)

    def exchange(self, found: Exchange) -> str:
        """How a price became what is paid in another currency."""
        return exchange_words(found, locale=self.locale)

    def rate(self, found: Exchange) -> str:
        """What one unit of the currency that is paid costs."""
        return rate_words(found)

    def rate_source(self, found: Exchange, zone: str) -> str:
        """Who says the rate, and since when."""
        return source_words(found, zone=zone, locale=self.locale)

    def amount(self, asset: str, amount: int) -> str:
        """`话费 ¥50.00`, `流量 10 GB`."""
        return amount_words(asset, amount, locale=self.locale)

    def points(self, count: int) -> str:
        """`1,250 points`."""
        return points_words(count, locale=self.locale)

    def offered(self, grants: Sequence[GrantText]) -> str:
        """What is in a pack, and how long: `流量 10 GB · 有效期 30 天`. What lasts equally long is said together."""
        spans: dict[tuple[str, tuple[tuple[str, int], ...]], list[str]] = {}
        for grant in grants:
            what = translate(self.locale, "catalogue", grant.label_id, **grant.parameters)
            spans.setdefault((grant.validity_id, tuple(grant.span.items())), []).append(what)
        comma = self.text("list_separator")
        return comma.join(
            f"{comma.join(things)} · {translate(self.locale, 'catalogue', validity, **dict(span))}"
            for (validity, span), things in spans.items()
        )

    def extras(self, grants: Sequence[GrantText]) -> list[str]:
        """What comes on top, each short enough for a tile: `+ 1 GB data`. How long it lasts, the price says."""
        return [
            self.text("tile_extra", extra=translate(self.locale, "catalogue", grant.label_id, **grant.parameters))
            for grant in grants
        ]

    def end(self, grant: QuoteGrant, zone: str) -> str:
        """Until when a grant may be used."""
        return end_words(grant, zone=zone, locale=self.locale)

    def why(self, grant: QuoteGrant) -> list[str]:
        """Why a grant ends when it ends, and what becomes of it beside what the line has, a sentence each."""
        reasons = [why_words(grant.rule, locale=self.locale)] if grant.usable_until else []
        return reasons + policy_words(grant, locale=self.locale)

    def line(self, line_type: str, label: str, parameters: Mapping[str, Any]) -> str:
        """What a line of a price is for."""
        return line_words(line_type, label, parameters, locale=self.locale)

    def clock(self, instant: datetime, zone: str, *, today: datetime) -> str:
        """The time of day; with the date when it is not the day of `today`."""
        where = ZoneInfo(zone)
        if instant.astimezone(where).date() == today.astimezone(where).date():
            return format_time(instant, self.locale, zone=zone)
        return self.moment(instant, zone)

    def clock_to_minutes(self, instant: datetime, zone: str, *, today: datetime) -> str:
        """As `clock`, to the minute: of what is to come."""
        return format_minute(instant, self.locale, zone=zone, today=today)

    def moment(self, instant: datetime, zone: str) -> str:
        """Date and time of day."""
        return format_datetime(instant, self.locale, zone=zone)

    def moment_in(self, instant: datetime, zone: str) -> str:
        """The same where it stands alone: with the zone's name."""
        return format_moment(instant, self.locale, zone=zone)

    def clock_in(self, instant: datetime, zone: str, *, today: datetime) -> str:
        """As `clock`, with the zone's name."""
        return in_zone(self.clock(instant, zone, today=today), self.locale, zone=zone)

    def place(self, zone: str) -> str:
        """The place whose time a zone is."""
        return zone_place(zone, self.locale)

    def problem(self, problem: Problem) -> Said:
        """What went wrong, and what to do about it."""
        return Said(*words_of(problem, locale=self.locale))
