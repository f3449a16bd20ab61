"""Plans of lines at the command line: what a line has, what it could have, and having it."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.markup import escape
from rich.table import Table

from topup.catalogue.plan_cycles import Terms
from topup.catalogue.plan_rules import Plan
from topup.catalogue.quantities import quantity_text
from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import ask, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.charging.usage.comparing import Compared, PlanCost, cheapest, compared
from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.lines.plans.desk import Choice, Plans, PlanShown
from topup.platform.i18n import format_moment, format_money
from topup.platform.settings import Settings

_ACTOR: Final = "cli"


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """What was typed; `is_agreed`: without asking whether that price is agreed to."""

    number: str
    plan: str
    when: Literal["now", "next_cycle", "when_paid"]
    is_agreed: bool


async def show_plan(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """Say which plan a line has. Raises those of `Plans.show`."""
    async with runtime.store(settings) as store:
        found = await _plans(store).show(number=number)
    _tell(found, as_json=as_json)
    return Exit.DONE


async def list_plans(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """List the plans a line could have, with what each costs. Raises those of `Plans.show`."""
    async with runtime.store(settings) as store:
        found = await _plans(store).show(number=number)
        choices = await _plans(store).choices(number=number)
    if as_json:
        print_json({"plans": [_choice_json(one, found.currency) for one in choices]})
        return Exit.DONE
    if not choices:
        out.print(f"[dim]{say('plans.nothing_on_sale')}[/]")
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for one in choices:
        name = f"[bold]{escape(_name(one.plan))}[/]" if one.is_held else escape(_name(one.plan))
        price = say(f"plans.per_{one.plan.cycle}", price=_money(one.plan.price_minor, found), days=one.plan.days or 0)
        cost = "" if one.is_held and found.missing is None else _cost(one, found)
        table.add_row(one.plan.id, name, escape(price), f"[dim]{escape(cost)}[/]")
    show(table)
    return Exit.DONE


async def compare_plans(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """Say what each plan would have cost by real use. Raises those of `comparing.compared`."""
    async with runtime.store(settings) as store:
        found = await compared(store.database, CatalogueCache(), number=number)
    if as_json:
        print_json(_compared_json(found))
        return Exit.DONE
    if not found.costs:
        out.print(f"[dim]{say('plans.nothing_used')}[/]")
        return Exit.DONE
    best = cheapest(found.costs)
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for one in found.costs:
        name = escape(_name(one.plan) if one.plan else say("plans.without"))
        price = format_money(Money(one.monthly_minor, found.currency), locale())
        reasons = " ".join(say(f"plans.reason_{reason}", beyond=_beyond(one, found)) for reason in one.reasons)
        table.add_row(
            f"[bold green]{name}[/]" if one is best else name, say("plans.a_month", price=price), escape(reasons)
        )
    show(table)
    out.print(f"  [dim]{escape(say('plans.compared', since=found.first, until=found.until))}[/]")
    return Exit.DONE


async def take_plan(runtime: Runtime, settings: Settings, asked: PlanAsked, *, as_json: bool) -> Exit:
    """Have a plan, once its price is agreed to. Raises those of `Plans.take`."""
    async with runtime.store(settings) as store:
        plans = _plans(store)
        before = await plans.show(number=asked.number)
        choice = next((one for one in await plans.choices(number=asked.number) if one.plan.id == asked.plan), None)
        if choice is None:
            raise Invalid("line_plan_unknown")
        to_pay = choice.at_once.to_pay_minor if asked.when == "now" else choice.plan.price_minor
        if not asked.is_agreed and not ask(_question(asked, choice, to_pay, before)):
            return Exit.REFUSED
        at_most = Money(max(to_pay, 0), before.currency)
        found = await plans.take(number=asked.number, plan=asked.plan, when=asked.when, by=_ACTOR, at_most=at_most)
    _tell(found, as_json=as_json)
    return Exit.DONE


async def cancel_plan(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """Have the plan end with its cycle. Raises those of `Plans.cancel`."""
    async with runtime.store(settings) as store:
        found = await _plans(store).cancel(number=number, by=_ACTOR)
    _tell(found, as_json=as_json)
    return Exit.DONE


def _plans(store: Store) -> Plans:
    return Plans(database=store.database, catalogue=CatalogueCache())


def _question(asked: PlanAsked, choice: Choice, to_pay: int, before: PlanShown) -> str:
    if asked.when == "now" and to_pay < 0:
        return say("plans.ask_back", plan=_name(choice.plan), back=_money(-to_pay, before))
    return say(f"plans.ask_{asked.when}", plan=_name(choice.plan), price=_money(to_pay, before))


def _cost(one: Choice, found: PlanShown) -> str:
    if one.at_once.to_pay_minor < 0:
        return say("plans.gives_back", back=_money(-one.at_once.to_pay_minor, found))
    return say("plans.costs_now", price=_money(one.at_once.to_pay_minor, found))


def _tell(found: PlanShown, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(found))
        return
    if found.plan is None:
        out.print(f"[dim]{say('plans.none')}[/]")
        return
    standing = say(f"plan_standing.{found.standing}")
    out.print(f"[bold]{escape(_name(found.plan))}[/]  {escape(standing)}")
    for one in found.included:
        left, whole = quantity_text(one.asset, one.left), quantity_text(one.asset, one.amount)
        out.print(f"  {escape(say('plans.left', left=left, whole=whole))}")
    for sentence in _sentences(found):
        out.print(f"  [dim]{escape(sentence)}[/]")


def _sentences(found: PlanShown) -> list[str]:
    """What comes, and what is missing."""
    said = []
    if found.missing is not None:
        said.append(say("plans.missing", price=format_money(found.missing, locale())))
    if found.lapses_at is not None:
        said.append(say("plans.lapses", at=format_moment(found.lapses_at, locale(), zone=found.zone)))
    if found.ends_at is not None and found.missing is None:
        ends = format_moment(found.ends_at, locale(), zone=found.zone)
        said.append(_follows(found.follows, ends, found) if found.follows else say("plans.ends", at=ends))
    return said


def _follows(terms: Terms, ends: str, found: PlanShown) -> str:
    price = _money(terms.price_minor, found)
    if found.plan is not None and terms.plan.id == found.plan.id:
        return say("plans.renews", at=ends, price=price)
    return say("plans.switches", at=ends, plan=_name(terms.plan), price=price)


def _name(plan: Plan) -> str:
    return plan.names.get(locale(), plan.names["zh_Hans"])


def _money(amount_minor: int, found: PlanShown) -> str:
    return format_money(Money(amount_minor, found.currency), locale())


def _json(found: PlanShown) -> dict[str, Any]:
    """A plan for programs: the names of the REST API."""
    return {
        "number": found.msisdn.e164,
        "line_id": found.line_id,
        "plan": found.plan.id if found.plan else None,
        "standing": found.standing,
        "since": found.since,
        "began_at": found.began_at,
        "ends_at": found.ends_at,
        "paid": money_json(found.paid) if found.paid else None,
        "included": [{"asset": one.asset, "amount": one.amount, "left": one.left} for one in found.included],
        "follows": _terms_json(found.follows, found.currency) if found.follows else None,
        "ending": found.ending,
        "missing": money_json(found.missing) if found.missing else None,
        "lapses_at": found.lapses_at,
        "zone": found.zone,
    }


def _choice_json(one: Choice, currency: str) -> dict[str, Any]:
    to_pay = one.at_once.to_pay_minor
    return {
        "plan": one.plan.id,
        "names": dict(one.plan.names),
        "cycle": one.plan.cycle,
        "days": one.plan.days,
        "price": money_json(Money(one.plan.price_minor, currency)),
        "keeps_number": one.plan.keeps_number,
        "is_held": one.is_held,
        "at_once": _terms_json(one.at_once.terms, currency),
        "gives_back": money_json(Money(one.at_once.back_minor, currency)),
        "to_pay": money_json(Money(to_pay, currency)) if to_pay >= 0 else None,
        "next_cycle": _terms_json(one.next_cycle, currency) if one.next_cycle else None,
    }


def _beyond(cost: PlanCost, found: Compared) -> str:
    return format_money(Money(cost.beyond_minor, found.currency), locale())


def _compared_json(found: Compared) -> dict[str, Any]:
    return {
        "since": found.first.isoformat(),
        "until": found.until.isoformat(),
        "costs": [
            {
                "plan": cost.plan.id if cost.plan else None,
                "monthly": money_json(Money(cost.monthly_minor, found.currency)),
                "fixed": money_json(Money(cost.fixed_minor, found.currency)),
                "beyond": money_json(Money(cost.beyond_minor, found.currency)),
                "included": [{"asset": one.asset, "amount": one.included, "used": one.used} for one in cost.shares],
                "reasons": list(cost.reasons),
            }
            for cost in found.costs
        ],
    }


def _terms_json(terms: Terms, currency: str) -> dict[str, Any]:
    return {
        "plan": terms.plan.id,
        "began_at": terms.began_at,
        "ends_at": terms.ends_at,
        "price": money_json(Money(terms.price_minor, currency)),
        "is_whole": terms.is_whole,
    }
