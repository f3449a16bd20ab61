"""What a top-up brings as people are told: promised by itself, in view of what the line has, or as it was given.

By some policies the end of what is credited depends on what the line has already, and a cap may refuse or clip it. Only
who may see the balance is told that beforehand; from the others' answer nobody learns that a line has anything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.pricing import Grant
from topup.catalogue.quantities import quantity_text
from topup.catalogue.validity import end_beside, validity_of
from topup.fulfilment.own import Given
from topup.kernel.errors import Conflict
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger.queries import Bucket
from topup.orders.views import EndBasis, QuoteGrant, ReceiptGrant

_ALONE: Final = frozenset({"separate", "renew"})
"""Policies by which the end does not depend on what the line has."""


def promised(grants: Iterable[Grant], *, own: bool) -> tuple[QuoteGrant, ...]:
    """What is promised to anybody: each grant as if the line had nothing, and the rule for what it has."""
    return tuple(_view(grant, own=own) for grant in grants)


def beside(grants: Sequence[Grant], given: Sequence[Given]) -> tuple[QuoteGrant, ...]:
    """What is told to who may see the balance: `given` is what `foresee` found."""
    return tuple(
        _told(_view(grant, own=True), grant, got, "present")
        if _depends(grant) or got.amount != grant.amount
        else replace(_view(grant, own=True), cap=None)
        for grant, got in zip(grants, given, strict=True)
    )


def credited(grants: Sequence[Grant], given: Sequence[ReceiptGrant], at: datetime) -> tuple[QuoteGrant, ...]:
    """What the line was given `at` that time, as its receipt says."""
    found = []
    for place, got in enumerate(given):
        grant = grants[place if got.index is None else got.index]
        rule = grant.validity.as_rule()
        then, why = validity_of(rule, ZoneInfo(grant.validity.zone), at, balance=grant.amount, asset=grant.asset)
        dated = replace(grant, validity=then, rule=why)
        found.append(_told(_view(dated, own=True), dated, Given(got.amount, got.usable_until), "given"))
    return tuple(found)


def foresee(grants: Sequence[Grant], held: Sequence[Bucket], now: datetime) -> list[Given]:
    """What the ledger would make of `grants` at `now`, in their order, on a line with the buckets `held`.

    Raises Conflict `line_full` (nothing more fits) or `line_nearly_full` (with what still does), each with the `limit`.
    """
    buckets = list(held)
    given = []
    for grant in grants:
        amount = _fitting(grant, buckets)
        rule = grant.validity.as_rule()
        zone = ZoneInfo(grant.validity.zone)
        validity, _ = validity_of(rule, zone, now, balance=grant.amount, asset=grant.asset)
        at = _joined(grant, buckets, now)
        before = buckets[at] if at is not None else None
        present = before.usable_until if before else now
        balance = amount + (before.balance if before else 0)
        until = end_beside(validity, present, now=now, balance=balance) if amount else None
        if at is not None:
            if balance > MAXIMUM_AMOUNT:
                raise _full(grant, MAXIMUM_AMOUNT, MAXIMUM_AMOUNT - buckets[at].balance)
            buckets[at] = replace(buckets[at], balance=balance, usable_until=until)
        given.append(Given(amount, until))
    return given


def _fitting(grant: Grant, held: Sequence[Bucket]) -> int:
    if grant.cap is None:
        return grant.amount
    had = sum(bucket.balance for bucket in held if (bucket.asset, bucket.kind) == (grant.asset, grant.kind))
    room = max(grant.cap - had, 0)
    if room < grant.amount and grant.at_cap == "refuse":
        raise _full(grant, grant.cap, room)
    return min(grant.amount, room)


def _full(grant: Grant, limit: int, room: int) -> Conflict:
    if room <= 0:
        return Conflict("line_full", limit=quantity_text(grant.asset, limit))
    return Conflict("line_nearly_full", limit=quantity_text(grant.asset, limit), room=quantity_text(grant.asset, room))


def _joined(grant: Grant, held: Sequence[Bucket], now: datetime) -> int | None:
    """The bucket a grant joins: the newest that is the same in what matters for its use, and runs or may revive."""
    rule = grant.validity.as_rule()
    like = (grant.asset, grant.kind, grant.scope or "any", grant.priority, rule.policy, rule.at_end)
    found = [
        (bucket.opened_at, place)
        for place, bucket in enumerate(held)
        if rule.policy != "separate"
        and (bucket.asset, bucket.kind, bucket.scope, bucket.priority, bucket.policy, bucket.at_end) == like
        and (bucket.is_usable(now) or (bucket.at_end == "freeze" and _may_revive(bucket, now)))
    ]
    return max(found)[1] if found else None


def _may_revive(bucket: Bucket, now: datetime) -> bool:
    return bucket.forfeit_at is None or bucket.forfeit_at > now


def _depends(grant: Grant) -> bool:
    """Whether its end depends on what the line has."""
    validity = grant.validity
    return validity.policy not in _ALONE and (validity.usable_until is not None or bool(validity.tiers))


def _view(grant: Grant, *, own: bool) -> QuoteGrant:
    return QuoteGrant(
        index=grant.index,
        asset=grant.asset,
        amount=grant.amount,
        kind=grant.kind,
        usable_until=grant.validity.usable_until,
        rule=grant.rule,
        basis="alone" if own and _depends(grant) else "certain",
        policy=grant.validity.policy,
        cap=grant.cap if own else None,
        at_cap=grant.at_cap,
    )


def _told(view: QuoteGrant, grant: Grant, got: Given, basis: EndBasis) -> QuoteGrant:
    """As it is, or was, in view of what the line has. Another end than by itself is explained by the policy."""
    rule = view.rule
    if got.usable_until != grant.validity.usable_until and not grant.validity.tiers:
        rule = {"id": f"policy_{grant.validity.policy}", "inputs": {}}
    return replace(view, amount=got.amount, usable_until=got.usable_until, rule=rule, basis=basis, cap=None)
