"""What differs between two versions of a carrier's file, in a reader's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from topup.catalogue.campaigns import Campaign
from topup.catalogue.documents import CarrierDocument, FreeAmounts
from topup.catalogue.grant_rules import GrantRule, ValidityRule
from topup.catalogue.publishing.differences import Difference, Group, Tone
from topup.catalogue.storefront import grant_text, validity_text
from topup.kernel.money import Money
from topup.offers.describing import Describing, Rule
from topup.orders.wording import name_in
from topup.platform.i18n import format_money, translate

DOMAIN: Final = "drafts"


@dataclass(frozen=True, slots=True)
class Row:
    """One difference: what it is about, how it was and how it would be; `tone` is what it means for customers."""

    what: str
    code: bool
    before: list[str]
    after: list[str]
    tone: str
    tone_said: str


@dataclass(frozen=True, slots=True)
class Section:
    """Everything that differs in one respect."""

    name: str
    rows: list[Row]


class Words:
    """Says differences in one language, with amounts of one carrier's currency."""

    def __init__(self, locale: str, document: CarrierDocument) -> None:
        self._locale = locale
        self._currency = document.currency
        self._describing = Describing(document, locale)
        self._text = partial(translate, locale, DOMAIN)

    def sections(self, found: Iterable[Difference]) -> list[Section]:
        """The differences by what they are about, in the order in which people want to know."""
        by_group: dict[Group, list[Row]] = {}
        for one in found:
            by_group.setdefault(one.group, []).append(self._row(one))
        return [Section(self._text(f"group.{group}"), by_group[group]) for group in Group if group in by_group]

    def tally(self, found: Iterable[Difference]) -> str:
        """How many there are, and for how many customers are better or worse off."""
        tones = [one.tone for one in found]
        return self._text("tally", count=len(tones), better=tones.count(Tone.BETTER), worse=tones.count(Tone.WORSE))

    def _row(self, one: Difference) -> Row:
        before, after = self._sides(one)
        if before and before == after:
            after = [*after, self._text("details_differ")]
        code = "key" in one.about
        what = str(one.about["key"]) if code else self._sentence(one)
        said = "" if one.tone is Tone.EITHER else self._text(f"tone.{one.tone}")
        return Row(what, code, before, after, {Tone.BETTER: "good", Tone.WORSE: "alarm"}.get(one.tone, ""), said)

    def _sides(self, one: Difference) -> tuple[list[str], list[str]]:
        """How it was and how it would be; of grants beside each other, what they have in common is said by their first
        words alone.
        """
        before, after = one.about.get("before"), one.about.get("after")
        if isinstance(before, Campaign) or isinstance(after, Campaign):
            return self._campaigns(before, after)
        if not (isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after)):
            return self._values(one, "before"), self._values(one, "after")
        was, is_ = [], []
        for old, new in zip(before, after, strict=True):
            pairs = list(zip(self._parts(old), self._parts(new), strict=True))
            told = [pair for place, pair in enumerate(pairs) if not place or pair[0] != pair[1]]
            was.append(_joined(pair[0] for pair in told))
            is_.append(_joined(pair[1] for pair in told))
        return was, is_

    def _campaigns(self, before: object, after: object) -> tuple[list[str], list[str]]:
        """What two campaigns do not say alike; of one alone what it says that not all do."""
        was, is_, usual = self._rules(before), self._rules(after), self._rules(Campaign("", {}))
        pairs = zip(was or usual, is_ or usual, strict=True)
        # What differs in none of its sentences differs in a detail of what it gives.
        other = {one.about for one, other in pairs if one.said != other.said} or {"gives"}
        first, second = ([f"{rule.name}: {rule.said}" for rule in side if rule.about in other] for side in (was, is_))
        return first, second

    def _rules(self, campaign: object) -> list[Rule]:
        return self._describing.rules(campaign) if isinstance(campaign, Campaign) else []

    def _sentence(self, one: Difference) -> str:
        parameters = {
            name: " ".join(self._said(value))
            for name, value in one.about.items()
            if name not in {"before", "after", "grants"}
        }
        return self._text(f"says.{one.says}", **parameters)

    def _values(self, one: Difference, side: str) -> list[str]:
        if one.says == "pack_added" and side == "after":
            return [*self._said(one.about["price"]), *self._said(one.about["grants"])]
        if one.says == "pack_gone" and side == "before":
            return self._said(one.about["price"])
        return self._said(one.about.get(side))

    def _said(self, value: object) -> list[str]:
        match value:
            case None:
                return []
            case Money():
                return [format_money(value, self._locale)]
            case ValidityRule():
                return [self._validity(value)]
            case FreeAmounts():
                return [self._free(value)]
            case Mapping():
                return [name_in(value, locale=self._locale)]
            case tuple():
                return [self._grant(one) for one in value] or [self._text("nothing")]
        return [str(value)]

    def _free(self, free: FreeAmounts) -> str:
        amounts = {
            "minimum": free.minimum_minor,
            "maximum": free.maximum_minor,
            "step": free.step_minor,
        }
        said = {name: format_money(Money(minor, self._currency), self._locale) for name, minor in amounts.items()}
        return self._text("free", **said)

    def _grant(self, rule: GrantRule) -> str:
        return _joined(self._parts(rule))

    def _parts(self, rule: GrantRule) -> list[str]:
        """What it is, where it may be used, its kind, and how long it lasts in four parts: always as many."""
        text = grant_text(rule)
        what = (
            self._text("share", share=f"{rule.rate_ppm / 10_000:g}")
            if rule.rate_ppm
            else translate(self._locale, "catalogue", text.label_id, **text.parameters)
        )
        where = ", ".join([*rule.services, *rule.zones])
        kind = translate(self._locale, "catalogue", f"kind_{rule.kind}")
        return [what, where, kind, *self._lasting(rule.validity)]

    def _validity(self, rule: ValidityRule) -> str:
        return _joined(self._lasting(rule))

    def _lasting(self, rule: ValidityRule) -> list[str]:
        message_id, span = validity_text(rule)
        said = translate(self._locale, "catalogue", message_id, **span)
        if rule.rule == "never":
            return [said, "", "", ""]
        ends = self._text(f"ends.{rule.ends}") if rule.days or rule.months else ""
        policy = translate(self._locale, "catalogue", f"policy_{rule.policy}").rstrip(".。")
        return [said, ends, policy, self._text(f"at_end.{rule.at_end}")]


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(part for part in parts if part)
