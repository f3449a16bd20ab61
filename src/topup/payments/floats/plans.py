"""Plans of commission: data that an operator writes in TOML, kept as versions that never change.

A plan has rules; the one that names most of a sale counts: product and carrier, product, carrier, none. A rule earns
`percent` of the price or `fixed_minor` of the float's currency, or by tiers of what the agent sold in the month before
this sale: the highest tier reached. Rounded down to the minor unit, and never more than the price.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import Money
from topup.platform.database import Connection

MOST_RULES: Final = 500
_WHOLE: Final = Decimal(100)

_PUBLISH: Final = """
INSERT INTO payments.commission_plans (name, version, body, published_at)
SELECT %(name)s, coalesce(max(version), 0) + 1, %(body)s::jsonb, %(now)s
FROM payments.commission_plans WHERE name = %(name)s RETURNING version
"""
_NEWEST: Final = """
SELECT DISTINCT ON (name) name, version, body FROM payments.commission_plans
WHERE %(names)b::text[] IS NULL OR name = ANY (%(names)b::text[]) ORDER BY name, version DESC
"""


class Earning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Either a percentage of the price, as a decimal text, or minor units; from `from_minor` sold in the month on."""

    percent: str | None = None
    fixed_minor: int | None = None
    from_minor: int = 0

    def of(self, price_minor: int) -> int:
        """What a sale at that price earns, in minor units."""
        if self.percent is not None:
            return min(int(price_minor * Decimal(self.percent) / _WHOLE), price_minor)
        return min(self.fixed_minor or 0, price_minor)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is earned by the sale of a product, of a carrier's anything, or of anything."""

    carrier: str | None = None
    product: str | None = None
    percent: str | None = None
    fixed_minor: int | None = None
    tier: list[Earning] = []

    def earning(self, month_minor: int) -> Earning:
        """What counts after so much was sold in the month."""
        reached = [one for one in self.tier if one.from_minor <= month_minor]
        return max(reached, key=_from, default=Earning(self.percent, self.fixed_minor))

    def rank(self, carrier_id: str, product: str | None) -> int | None:
        """How much of a sale it names; None where it names another."""
        if self.carrier not in {None, carrier_id} or (self.product is not None and self.product != product):
            return None
        return 2 * (self.product is not None) + (self.carrier is not None)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan as it is published."""

    name: str
    currency: str
    rule: list[Rule]

    def commission(self, *, price: Money, carrier_id: str, product: str | None, month_minor: int) -> int:
        """What a sale earns in minor units of the price's currency; of another currency's price nothing."""
        if price.currency != self.currency:
            return 0
        ranked = [(rank, rule) for rule in self.rule if (rank := rule.rank(carrier_id, product)) is not None]
        if not ranked:
            return 0
        _, rule = max(ranked, key=_rank)
        return rule.earning(month_minor).of(price.amount_minor)


class Published(msgspec.Struct, frozen=True):
    """A plan and its version."""

    plan: Plan
    version: int

    @property
    def label(self) -> str:
        """Name and version: `street@3`."""
        return f"{self.plan.name}@{self.version}"


def _from(earning: Earning) -> int:
    return earning.from_minor


def _rank(ranked: tuple[int, Rule]) -> int:
    return ranked[0]


def read_plan(text: str) -> Plan:
    """A plan as it stands in a TOML file. Raises Invalid `plan_unreadable` with where and why."""
    try:
        plan = msgspec.convert(tomllib.loads(text), Plan)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid("plan_unreadable", reason=str(error)[:200]) from None
    if not plan.rule or len(plan.rule) > MOST_RULES:
        raise Invalid("plan_unreadable", reason=f"1 to {MOST_RULES} rules")
    named = [(rule.carrier, rule.product) for rule in plan.rule]
    if len(set(named)) != len(named):
        raise Invalid("plan_unreadable", reason="two rules for the same")
    for number, rule in enumerate(plan.rule, 1):
        for earning in (Earning(rule.percent, rule.fixed_minor), *rule.tier):
            _check(earning, f"rule {number}")
    return plan


def _check(earning: Earning, where: str) -> None:
    if (earning.percent is None) == (earning.fixed_minor is None):
        raise Invalid("plan_unreadable", reason=f"{where}: percent or fixed_minor")
    try:
        percent = Decimal(earning.percent or "0")
    except InvalidOperation:
        raise Invalid("plan_unreadable", reason=f"{where}: percent") from None
    if (
        not percent.is_finite()
        or not 0 <= percent <= _WHOLE
        or (earning.fixed_minor or 0) < 0
        or earning.from_minor < 0
    ):
        raise Invalid("plan_unreadable", reason=f"{where}: 0 to 100 percent, no amount below zero")


async def publish(connection: Connection, plan: Plan, now: datetime) -> int:
    """Publish a version of a plan, which holds for sales from then on; its number. Raises Conflict `plan_published`
    where it is the newest already.
    """
    newest = (await newest_plans(connection, [plan.name])).get(plan.name)
    if newest is not None and newest.plan == plan:
        raise Conflict("plan_published", version=newest.version)
    body = msgspec.json.encode(plan).decode()
    row = await (await connection.execute(_PUBLISH, {"name": plan.name, "body": body, "now": now})).fetchone()
    return int(row[0]) if row else 0


async def check_fits(connection: Connection, name: str, currency: str) -> None:
    """Raises NotFound `plan_unknown` for a plan that was never published, Conflict `plan_currency` for one of another
    currency than the float's: it would earn nothing. Empty is none.
    """
    if not name:
        return
    published = (await newest_plans(connection, [name])).get(name)
    if published is None:
        raise NotFound("plan_unknown")
    if published.plan.currency != currency:
        raise Conflict("plan_currency", currency=published.plan.currency)


async def newest_plans(connection: Connection, names: list[str] | None = None) -> Mapping[str, Published]:
    """The newest version of each plan, or of those named, by name."""
    cursor = await connection.execute(_NEWEST, {"names": names})
    return {name: Published(msgspec.convert(body, Plan), version) for name, version, body in await cursor.fetchall()}
