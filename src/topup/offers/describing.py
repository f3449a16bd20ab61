"""A campaign's rule in the reader's language: when, where, for whom and for what it is, what it gives, how often."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from topup.catalogue.campaigns import CREDIT, Campaign, Discount
from topup.catalogue.documents import CarrierDocument
from topup.catalogue.grant_rules import GrantRule, Names
from topup.catalogue.storefront import grant_text
from topup.kernel.money import Money
from topup.offers.wording import name_words
from topup.platform.i18n import format_date, format_money, format_number, translate

DOMAIN: Final = "campaigns"
_PPM_OF_PERCENT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One respect of a campaign: `about` is its id (`when`, `who` …), `name` the same in words, `said` what holds."""

    about: str
    name: str
    said: str


class Describing:
    """Says campaigns of one carrier's file in one language."""

    def __init__(self, document: CarrierDocument, locale: str) -> None:
        self._locale = locale
        self._currency = document.currency
        self._products: dict[str, Names] = {pack.id: pack.names for pack in document.packs}
        self._text = partial(translate, locale, DOMAIN)

    def name(self, campaign: Campaign) -> str:
        """What payers see."""
        return name_words(campaign.names, locale=self._locale)

    def rules(self, campaign: Campaign) -> list[Rule]:
        """Everything it says, in the order in which one asks."""
        limits = self._limits(campaign)
        said = (
            ("when", self.when(campaign)),
            ("gives", self._list(self._gives(campaign))),
            ("products", self._list(self._product(one) for one in campaign.products) or self._text("everything")),
            ("who", self._text(f"who.{campaign.customers}")),
            ("where", self._list(self.channel(one) for one in campaign.channels) or self._text("everywhere")),
            ("minimum", self._money(campaign.least_minor) if campaign.least_minor else self._text("any_price")),
            ("code", self._code(campaign)),
            ("limits", self._list(limits) or self._text("unlimited")),
            ("together", self._together(campaign)),
        )
        return [Rule(about, self._text(f"rule.{about}"), words) for about, words in said]

    def when(self, campaign: Campaign) -> str:
        """From its first to its last day."""
        starts, ends = campaign.starts, campaign.ends
        if starts and ends:
            return self._text("from_until", first=self.day(starts), last=self.day(ends))
        if starts:
            return self._text("from_on", first=self.day(starts))
        return self._text("until", last=self.day(ends)) if ends else self._text("always")

    def gives(self, campaign: Campaign) -> str:
        """What it takes off and gives besides, in one line."""
        return self._list(self._gives(campaign))

    def day(self, day: date) -> str:
        """A day of the carrier's own zone."""
        return format_date(day, self._locale, zone="UTC")

    def channel(self, channel: str) -> str:
        """Where a top-up begins."""
        return self._text(f"channel.{channel}")

    def _product(self, product: str) -> str:
        if product == CREDIT:
            return self._text("credit")
        names = self._products.get(product)
        return name_words(names, locale=self._locale) if names else product

    def _gives(self, campaign: Campaign) -> Iterator[str]:
        if campaign.discount is not None:
            yield from self._discount(campaign.discount)
        for grant in campaign.grants:
            yield self._grant(grant)
        if campaign.gift is not None:
            count, until = self._number(campaign.gift.quantity), campaign.gift.until
            said = self._text("gift", count=count, sku=campaign.gift.sku)
            way = ""
            if campaign.gift.sent_from:
                said, way = self._text("gift_sent", gift=said, place=campaign.gift.sent_from), "_sent"
            yield self._text(f"gift{way}_until", gift=said, day=self.day(until)) if until else said
        if campaign.points:
            yield self._text("points", count=self._number(campaign.points))
        if campaign.worth_minor:
            yield self._text("worth", amount=self._money(campaign.worth_minor))

    def _discount(self, discount: Discount) -> Iterator[str]:
        if discount.fixed_minor is not None:
            yield self._text("off", amount=self._money(discount.fixed_minor))
        for tier in discount.tiers:
            least, off = self._money(tier.from_minor), self._money(tier.off_minor)
            yield self._text("tier", least=least, amount=off)
        if discount.rate_ppm is not None:
            share = f"{discount.rate_ppm / _PPM_OF_PERCENT:g}"
            cap = discount.cap_minor
            yield (
                self._text("share", share=share)
                if cap is None
                else self._text("share_capped", share=share, cap=self._money(cap))
            )

    def _grant(self, rule: GrantRule) -> str:
        if rule.rate_ppm:
            return self._text("grant_share", share=f"{rule.rate_ppm / _PPM_OF_PERCENT:g}")
        text = grant_text(rule)
        what = translate(self._locale, "catalogue", text.label_id, **text.parameters)
        lasts = translate(self._locale, "catalogue", text.validity_id, **text.span)
        return self._text("grant", what=what, lasts=lasts)

    def _code(self, campaign: Campaign) -> str:
        coupon = campaign.coupon
        if coupon is None:
            return self._text("no_code")
        uses = coupon.most_uses
        often = self._text("code_any") if uses is None else self._text("code_uses", count=self._number(uses))
        if coupon.code is not None:
            return self._text("code_word", code=coupon.code, often=often)
        return self._text("code_own", prefix=coupon.prefix, often=often)

    def _limits(self, campaign: Campaign) -> list[str]:
        limits = campaign.limits
        counts = {"total": limits.total, "per_day": limits.per_day, "per_person": limits.per_person}
        said = [self._text(f"limit.{name}", count=self._number(most)) for name, most in counts.items() if most]
        if limits.budget_minor is not None:
            said.append(self._text("limit.budget", amount=self._money(limits.budget_minor)))
        return said

    def _together(self, campaign: Campaign) -> str:
        if campaign.group is None:
            return self._text("alone")
        return self._text("in_group", group=campaign.group, order=self._number(campaign.order))

    def _number(self, value: int) -> str:
        return format_number(value, self._locale)

    def _money(self, minor: int) -> str:
        return format_money(Money(minor, self._currency), self._locale)

    def _list(self, parts: Iterator[str] | list[str]) -> str:
        return " · ".join(parts)
