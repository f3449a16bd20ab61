"""What customers would notice of another version of a carrier's file, and everything else that differs by its key."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from difflib import unified_diff
from enum import StrEnum
from itertools import islice
from typing import Final

from topup.catalogue.campaigns import Campaign
from topup.catalogue.checking import CarrierFile
from topup.catalogue.documents import Credit, FaceValue, FreeAmounts, Pack
from topup.catalogue.grant_rules import GrantRule, Names, ValidityRule
from topup.catalogue.publishing.by_key import Change, Key, changes
from topup.catalogue.publishing.campaign_tones import gained
from topup.kernel.money import Money

MOST_LINES: Final = 600
"""Of a comparison line by line; what is longer is another file."""


class Group(StrEnum):
    """What a difference is about, in the order in which people want to know."""

    PRICES = "prices"
    OFFERS = "offers"
    GRANTS = "grants"
    VALIDITY = "validity"
    FEES = "fees"
    RATES = "rates"
    LIFE_CYCLE = "life_cycle"
    NUMBERS = "numbers"
    OTHER = "other"


class Tone(StrEnum):
    """What it means for customers."""

    BETTER = "better"
    WORSE = "worse"
    EITHER = "either"


Told = Money | Names | tuple[GrantRule, ...] | ValidityRule | FreeAmounts | Campaign | str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing: `says` is the id of a sentence, `about` its parameters, each to be put into a reader's words."""

    group: Group
    says: str
    about: Mapping[str, Told] = field(default_factory=dict)
    tone: Tone = Tone.EITHER


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: `mark` is `+`, `-`, blank for one that is in both, `@` for where it stands."""

    mark: str
    text: str


_GROUPS: Final = {
    "fees": Group.FEES,
    "rates": Group.RATES,
    "clocks": Group.LIFE_CYCLE,
    "life_cycle": Group.LIFE_CYCLE,
    "monthly_fee": Group.LIFE_CYCLE,
    "warnings": Group.LIFE_CYCLE,
    "numbering": Group.NUMBERS,
    "plans": Group.PRICES,
    "offers": Group.OFFERS,
}
_IN_WORDS: Final[tuple[Key, ...]] = (
    ("packs",),
    ("campaigns",),
    ("credit", "face_values"),
    ("credit", "free"),
    ("credit", "validity"),
)
"""What the sentences of prices, grants and campaigns tell, so that it is not told by its key as well."""
_PRICES: Final = frozenset({"price", "daily_cap", "fixed", "permille", "amount"})
"""Keys whose larger value is dearer, where it is a number of money."""
_DEAR_GROUPS: Final = frozenset({Group.FEES, Group.RATES})


def differences(before: CarrierFile, after: CarrierFile) -> list[Difference]:
    """Everything that differs, by what it is about; empty only where both say the same."""
    told = [*_credit(before, after), *_packs(before, after), *_campaigns(before, after), *_by_key(before, after)]
    order = list(Group)
    return sorted(told, key=lambda one: order.index(one.group))


def lines(before: str, after: str) -> list[Line]:
    """The two texts line by line, with two lines around what differs; at most MOST_LINES."""
    found = islice(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2), 2, 2 + MOST_LINES)
    return [Line(line[:1], line if line.startswith("@@") else line[1:]) for line in found]


def _credit(before: CarrierFile, after: CarrierFile) -> Iterator[Difference]:
    was, is_ = before.document.credit, after.document.credit
    if was is None or is_ is None:
        if was is not is_:
            came = is_ is not None
            yield Difference(Group.PRICES, "credit_added" if came else "credit_gone", tone=_tone(better=came))
        return
    currency = after.document.currency
    yield from _face_values(was, is_, currency)
    if was.free != is_.free:
        about: dict[str, Told] = {"before": was.free, "after": is_.free, "currency": currency}
        says = "free_added" if was.free is None else "free_gone" if is_.free is None else "free_changed"
        yield Difference(Group.PRICES, says, about)
    if was.validity != is_.validity:
        yield Difference(Group.VALIDITY, "credit_validity", {"before": was.validity, "after": is_.validity})


def _face_values(was: Credit, is_: Credit, currency: str) -> Iterator[Difference]:
    old, new = ({value.amount_minor: value for value in credit.face_values} for credit in (was, is_))
    for minor in sorted({*old, *new}):
        amount = Money(minor, currency)
        if minor not in old:
            yield Difference(Group.PRICES, "face_value_added", {"amount": amount}, Tone.BETTER)
        elif minor not in new:
            yield Difference(Group.PRICES, "face_value_gone", {"amount": amount}, Tone.WORSE)
        else:
            yield from _face_value(amount, old[minor], new[minor])


def _face_value(amount: Money, old: FaceValue, new: FaceValue) -> Iterator[Difference]:
    if old.bonus != new.bonus:
        yield _granted("face_value_bonus", {"amount": amount}, old.bonus, new.bonus)
    if replace(old, bonus=()) != replace(new, bonus=()):
        yield Difference(Group.OTHER, "face_value_words", {"amount": amount})


def _packs(before: CarrierFile, after: CarrierFile) -> Iterator[Difference]:
    old, new = ({pack.id: pack for pack in file.document.packs} for file in (before, after))
    currency = after.document.currency
    for pack_id in [*new, *(one for one in old if one not in new)]:
        if pack_id not in old:
            found = new[pack_id]
            about: dict[str, Told] = {"name": found.names, "price": Money(found.price_minor, currency)}
            yield Difference(Group.PRICES, "pack_added", about | {"grants": found.grants}, Tone.BETTER)
        elif pack_id not in new:
            found = old[pack_id]
            about = {"name": found.names, "price": Money(found.price_minor, before.document.currency)}
            yield Difference(Group.PRICES, "pack_gone", about, Tone.WORSE)
        else:
            yield from _pack(old[pack_id], new[pack_id], currency)
    both = [one for one in old if one in new]
    if both != [one for one in new if one in old]:
        yield Difference(Group.OTHER, "packs_order")


def _pack(old: Pack, new: Pack, currency: str) -> Iterator[Difference]:
    name: dict[str, Told] = {"name": new.names}
    if old.price_minor != new.price_minor:
        dearer = new.price_minor > old.price_minor
        about = name | {"before": Money(old.price_minor, currency), "after": Money(new.price_minor, currency)}
        says = "pack_dearer" if dearer else "pack_cheaper"
        yield Difference(Group.PRICES, says, about, _tone(better=not dearer))
    if old.grants != new.grants:
        yield _granted("pack_grants", name, old.grants, new.grants)
    same: Callable[[Pack], Pack] = lambda pack: replace(pack, price_minor=0, grants=())  # noqa: E731 - told above
    if same(old) != same(new):
        yield Difference(Group.OTHER, "pack_words", name | {"before": old.names})


def _campaigns(before: CarrierFile, after: CarrierFile) -> Iterator[Difference]:
    old, new = ({one.id: one for one in file.document.campaigns} for file in (before, after))
    for campaign_id in [*new, *(one for one in old if one not in new)]:
        was, is_ = old.get(campaign_id), new.get(campaign_id)
        about: dict[str, Told] = {"id": campaign_id, "before": was, "after": is_}
        if was is None and is_ is not None:
            yield Difference(Group.OFFERS, "campaign_added", about | {"name": is_.names}, Tone.BETTER)
        elif was is not None and is_ is None:
            yield Difference(Group.OFFERS, "campaign_gone", about | {"name": was.names}, Tone.WORSE)
        elif was is not None and is_ is not None:
            yield from _campaign(was, is_)
    both = [one for one in old if one in new]
    if both != [one for one in new if one in old]:
        yield Difference(Group.OTHER, "campaigns_order")


def _campaign(old: Campaign, new: Campaign) -> Iterator[Difference]:
    name: dict[str, Told] = {"id": new.id, "name": new.names}
    if replace(old, names={}) != replace(new, names={}):
        step = gained(old, new)
        tone = _tone(better=step > 0) if step else Tone.EITHER
        yield Difference(Group.OFFERS, "campaign_changed", name | {"before": old, "after": new}, tone)
    if old.names != new.names:
        yield Difference(Group.OTHER, "campaign_words", name | {"before": old.names, "after": new.names})


def _granted(
    says: str, about: Mapping[str, Told], old: tuple[GrantRule, ...], new: tuple[GrantRule, ...]
) -> Difference:
    """What is granted differs, or only how long it lasts."""
    lasting = _without_ends(old) == _without_ends(new)
    group = Group.VALIDITY if lasting else Group.GRANTS
    return Difference(group, says, {**about, "before": old, "after": new}, _more(old, new))


def _without_ends(grants: Sequence[GrantRule]) -> list[GrantRule]:
    return [replace(grant, validity=ValidityRule()) for grant in grants]


def _more(old: tuple[GrantRule, ...], new: tuple[GrantRule, ...]) -> Tone:
    """Whether it is more or less, where that can be told by amounts and days alone."""
    if len(old) != len(new) or any(
        replace(was, amount=0, rate_ppm=0, validity=replace(was.validity, days=0))
        != replace(is_, amount=0, rate_ppm=0, validity=replace(is_.validity, days=0))
        for was, is_ in zip(old, new, strict=False)
    ):
        return Tone.EITHER
    steps = [
        later - earlier
        for was, is_ in zip(old, new, strict=True)
        for earlier, later in (
            (was.amount, is_.amount),
            (was.rate_ppm, is_.rate_ppm),
            (was.validity.days or 0, is_.validity.days or 0),
        )
    ]
    if all(step >= 0 for step in steps):
        return Tone.BETTER
    return Tone.WORSE if all(step <= 0 for step in steps) else Tone.EITHER


def _by_key(before: CarrierFile, after: CarrierFile) -> Iterator[Difference]:
    for change in changes(tomllib.loads(before.source), tomllib.loads(after.source)):
        if any(change.key[: len(told)] == told for told in _IN_WORDS):
            continue
        if change.key == ("credit",):
            continue
        group = _GROUPS.get(change.key[0], Group.OTHER)
        says = "key_added" if change.before is None else "key_gone" if change.after is None else "key_changed"
        about: dict[str, Told] = {"key": change.spelled, "before": change.before, "after": change.after}
        yield Difference(group, says, about, _dearer(change, group))


def _dearer(change: Change, group: Group) -> Tone:
    """Which of fees and rates rose or fell, where both are plain numbers."""
    if group not in _DEAR_GROUPS or change.key[-1] not in _PRICES or not change.before or not change.after:
        return Tone.EITHER
    try:
        was, is_ = Decimal(change.before), Decimal(change.after)
    except InvalidOperation:
        return Tone.EITHER
    return Tone.EITHER if was == is_ else _tone(better=is_ < was)


def _tone(*, better: bool) -> Tone:
    return Tone.BETTER if better else Tone.WORSE
