"""What the counter says to one clerk: its own texts, and those of orders and prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.catalogue.storefront import Offer
from topup.kernel.errors import Problem
from topup.kernel.money import Money
from topup.orders.views import QuoteGrant, QuoteView
from topup.orders.wording import amount_words, end_words, fetched_by_words, gift_words, line_words, method_name, name_in
from topup.platform.i18n import format_datetime, format_money, format_time, has_text, language_tag, translate
from topup.platform.web.problems import words_of

LANGUAGE_NAMES: Final = {"zh_Hans": "简体", "zh_Hant": "繁體", "en": "English"}
DOMAIN: Final = "counter"


@dataclass(frozen=True, slots=True)
class Said:
    """A mistake in words: what is wrong, and what to do."""

    title: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A line of a price, or of what arrives: what, and how much or until when."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Speaks one of the three languages, with times in one zone."""

    locale: str
    zone: str

    @property
    def lang(self) -> str:
        """The `lang` attribute: `zh-Hans`."""
        return language_tag(self.locale)

    def text(self, message_id: str, /, **parameters: object) -> str:
        """A text of the counter; raises MissingText."""
        return translate(self.locale, DOMAIN, message_id, **parameters)

    def named(self, group: str, name: str) -> str:
        """A state, a reason or a role in words; one that nobody has named yet is called by its code."""
        message_id = f"{group}.{name}"
        return self.text(message_id) if has_text(DOMAIN, message_id) else name

    def money(self, money: Money) -> str:
        """`¥48.50`."""
        return format_money(money, self.locale)

    def minor(self, amount_minor: int, currency: str) -> str:
        """An amount in minor units."""
        return self.money(Money(amount_minor, currency))

    def name(self, names: Mapping[str, str]) -> str:
        """The one of a text's languages this reader reads."""
        return name_in(names, locale=self.locale)

    def method(self, method: str) -> str:
        """The name of a way to pay."""
        return method_name(method, locale=self.locale)

    def moment(self, instant: datetime) -> str:
        """Date and time of day."""
        return format_datetime(instant, self.locale, zone=self.zone)

    def clock(self, instant: datetime) -> str:
        """The time of day."""
        return format_time(instant, self.locale, zone=self.zone)

    def problem(self, problem: Problem) -> Said:
        """What went wrong, and what to do about it."""
        return Said(*words_of(problem, locale=self.locale))

    def status(self, status: str) -> str:
        """How an order stands."""
        return self.named("status", status)

    def lines(self, quote: QuoteView) -> list[PriceRow]:
        """The lines of a price."""
        return [
            PriceRow(line_words(line.type, line.label, line.parameters, locale=self.locale), self.money(line.amount))
            for line in quote.lines
        ]

    def grants(self, grants: Sequence[QuoteGrant], zone: str) -> list[PriceRow]:
        """What arrives, and until when it may be used."""
        return [
            PriceRow(
                amount_words(grant.asset, grant.amount, locale=self.locale),
                end_words(grant, zone=zone, locale=self.locale),
            )
            for grant in grants
        ]

    def gifts(self, quote: QuoteView) -> list[PriceRow]:
        """What is handed over with a price, or sent, and until when."""
        return [
            PriceRow(
                gift_words(gift.names, gift.quantity, locale=self.locale),
                self.text(
                    "gift_sent_until" if gift.is_sent else "gift_until",
                    day=fetched_by_words(gift.until, zone=quote.zone, locale=self.locale),
                ),
            )
            for gift in quote.gifts
        ]

    def offer(self, offer: Offer) -> str:
        """What an offer is called: its name, or its amount of credit."""
        if offer.names:
            return self.name(offer.names)
        return self.text("credit_of", amount=self.money(offer.price)) if offer.price else self.text("free_amount")

    def extras(self, offer: Offer) -> str:
        """What is in an offer, or comes on top of it."""
        said: list[Any] = [translate(self.locale, "catalogue", one.label_id, **one.parameters) for one in offer.grants]
        return self.text("list_separator").join(said)
