"""Whether customers are better or worse off by another version of a campaign, where that can be told."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from topup.catalogue.campaigns import Campaign, Coupon, Discount, Gift, Limits

Step = int | None
"""Above 0: better; 0: the same; below 0: worse; None: nobody can tell."""

_UNTOLD: Final = ("worth_minor", "group", "order")
"""What decides which offer counts beside others: better for one, worse for another."""


def gained(old: Campaign, new: Campaign) -> Step:
    """What customers gain by it: None where they gain in one respect and lose in another."""
    return _agreed(*_steps(old, new))


def _steps(old: Campaign, new: Campaign) -> Iterator[Step]:
    yield _less(_number(old.starts, date.min), _number(new.starts, date.min))
    yield _more(_number(old.ends, date.max), _number(new.ends, date.max))
    yield _wider(old.channels, new.channels)
    yield _wider(old.products, new.products)
    yield _wider(_whom(old), _whom(new))
    yield _less(old.least_minor, new.least_minor)
    yield _coupon(old.coupon, new.coupon)
    yield _discount(old.discount, new.discount)
    yield 0 if old.grants == new.grants else _came(old.grants, new.grants)
    yield _gift(old.gift, new.gift)
    yield _more(old.points, new.points)
    yield from _limits(old.limits, new.limits)
    yield 0 if all(getattr(old, name) == getattr(new, name) for name in _UNTOLD) else None


def _more(old: int, new: int) -> Step:
    return (new > old) - (new < old)


def _less(old: int, new: int) -> Step:
    return _more(new, old)


def _number(day: date | None, otherwise: date) -> int:
    return (day or otherwise).toordinal()


def _wider(old: Sequence[str], new: Sequence[str]) -> Step:
    """Of lists that mean everything where they are empty."""
    before, after = set(old), set(new)
    if before == after:
        return 0
    if not after or (before and after > before):
        return 1
    return -1 if not before or after < before else None


def _whom(campaign: Campaign) -> tuple[str, ...]:
    return () if campaign.customers == "all" else (campaign.customers,)


def _came(old: object, new: object) -> Step:
    """Of what is there or not: another in its place is no more and no less."""
    if not old:
        return 1 if new else 0
    return None if new else -1


def _coupon(old: Coupon | None, new: Coupon | None) -> Step:
    if old is None or new is None:
        return 0 if old is new else 1 if new is None else -1
    if (old.code, old.prefix) != (new.code, new.prefix):
        return None
    return _limit(old.most_uses, new.most_uses)


def _gift(old: Gift | None, new: Gift | None) -> Step:
    if old is None or new is None or old.sku != new.sku:
        return 0 if old == new else _came(old, new)
    # Sent or fetched, from here or from there: some like the one better and some the other.
    where = 0 if old.sent_from == new.sent_from else None
    return _agreed(_more(old.quantity, new.quantity), _gift_until(old.until, new.until), where)


def _gift_until(old: date | None, new: date | None) -> Step:
    """A day against so many days is neither more nor less."""
    if old is None or new is None:
        return 0 if old is new else None
    return _more(old.toordinal(), new.toordinal())


def _discount(old: Discount | None, new: Discount | None) -> Step:
    if old is None or new is None:
        return _came(old, new)
    if old.rate_ppm is not None and new.rate_ppm is not None:
        if old.rounding != new.rounding:
            return None
        return _agreed(_more(old.rate_ppm, new.rate_ppm), _limit(old.cap_minor, new.cap_minor))
    if old.rate_ppm is not None or new.rate_ppm is not None:
        return None
    prices = sorted({0, *(tier.from_minor for one in (old, new) for tier in one.tiers)})
    return _agreed(*(_more(_off(old, price), _off(new, price)) for price in prices))


def _off(discount: Discount, price: int) -> int:
    """What it takes off at a price, where it is no share."""
    if discount.fixed_minor is not None:
        return discount.fixed_minor
    return max((tier.off_minor for tier in discount.tiers if tier.from_minor <= price), default=0)


def _limits(old: Limits, new: Limits) -> Iterator[Step]:
    yield _limit(old.total, new.total)
    yield _limit(old.per_day, new.per_day)
    yield _limit(old.per_person, new.per_person)
    yield _limit(old.budget_minor, new.budget_minor)


def _limit(old: int | None, new: int | None) -> Step:
    if old is None or new is None:
        return 0 if old == new else 1 if new is None else -1
    return _more(old, new)


def _agreed(*steps: Step) -> Step:
    if any(step is None for step in steps):
        return None
    told = {step for step in steps if step}
    return told.pop() if len(told) == 1 else 0 if not told else None
