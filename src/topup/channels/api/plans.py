"""Plans of lines, for systems of the operator that hold an API key."""

from typing import Final

import msgspec
from litestar.params import FromPath

from topup.catalogue.plan_cycles import Terms
from topup.catalogue.plan_rules import Plan
from topup.catalogue.queries import CatalogueCache
from topup.channels.api import plan_shapes as said
from topup.channels.api import shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_once
from topup.channels.api.reading import name_of, path_text, permitted, read_json
from topup.channels.api.rendering import encode
from topup.charging.usage.comparing import Compared, compared
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.plans.desk import Choice, Plans, PlanShown
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.i18n import language_tag
from topup.platform.request_keys import Answering, RequestKeys
from topup.platform.web import Handlers, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_READ: Final = Permission.READ_LINES
_DECIDE: Final = Permission.PAY_FROM_BALANCE
_ROOT: Final = "/api/v1/lines/{number}/plan"
_NUMBER: Final = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13800138000")
_PROBLEMS: Final = ("number_unreadable", "number_impossible", "number_invalid", NotFound("line_unknown"))
_new_plan: Final = msgspec.json.Decoder(said.NewPlan)


class PlanRoutes(Handlers):
    """Handlers of the routes of plans."""

    def __init__(self, *, plans: Plans, database: Database, keys: RequestKeys, catalogue: CatalogueCache) -> None:
        self._plans = plans
        self._keys = keys
        self._catalogue = catalogue
        self._database = database

    async def show(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """The plan of a line: what it includes and what is left, when it renews, what is missing."""
        await permitted(request, self._database, _READ)
        return answer(encode(_shown(await self._plans.show(number=path_text(number)))))

    async def choices(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """The plans the line could have, each with what it costs now and with the next cycle."""
        await permitted(request, self._database, _READ)
        shown = await self._plans.show(number=path_text(number))
        found = await self._plans.choices(number=path_text(number))
        return answer(encode(said.PlanChoices([_choice(one, shown.currency) for one in found])))

    async def compare(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What each plan would have cost by what the line used in its last whole months."""
        await permitted(request, self._database, _READ)
        limit(request, "read")
        return answer(encode(_compared(await compared(self._database, self._catalogue, number=path_text(number)))))

    async def take(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """Have a plan. The plan a line has is not begun a second time; a key is answered once, however late."""
        principal = await permitted(request, self._database, _DECIDE)
        limit(request, "order")
        wish = await read_json(request, _new_plan)
        e164 = parse_msisdn(path_text(number)).e164

        async def work(_resource: str, answering: Answering[PlanShown]) -> PlanShown:
            return await self._plans.take(
                number=e164,
                plan=wish.plan,
                when=wish.when,
                by=name_of(principal),
                at_most=_money(wish.at_most) if wish.at_most else None,
                answer=answering,
            )

        content = encode((e164, wish.plan, wish.when, wish.at_most))
        keyed = Keyed(route="POST /lines/{number}/plan", content=content, resource=wish.plan, render=_rendered)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    async def cancel(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """Have the plan end with the cycle at hand; at once where that is not paid."""
        principal = await permitted(request, self._database, _DECIDE)
        limit(request, "order")
        return answer(encode(_shown(await self._plans.cancel(number=path_text(number), by=name_of(principal)))))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("GET", _ROOT, self.show, "getLinePlan", "See the plan of a line", "Lines", said.LinePlan,
                     parameters=(_NUMBER,), problems=_PROBLEMS, permission=_READ.value),
            Endpoint("GET", f"{_ROOT}s", self.choices, "listLinePlans", "List the plans a line could have", "Lines",
                     said.PlanChoices, parameters=(_NUMBER,), problems=_PROBLEMS, permission=_READ.value),
            Endpoint("GET", f"{_ROOT}s/compared", self.compare, "compareLinePlans",
                     "See what each plan would have cost by real use", "Lines", said.PlanCosts,
                     parameters=(_NUMBER,), problems=_PROBLEMS, permission=_READ.value),
            Endpoint("POST", _ROOT, self.take, "takeLinePlan", "Have a plan", "Lines", said.LinePlan,
                     body=said.NewPlan, keyed=True, parameters=(_NUMBER,), permission=_DECIDE.value,
                     problems=(*_PROBLEMS, Invalid("line_plan_unknown"), Invalid("line_plan_not_on_sale"),
                               "currency_wrong", Conflict("line_closed"), Conflict("line_plan_unpaid"),
                               Conflict("line_plan_held"), Conflict("line_plan_price_changed"),
                               Conflict("insufficient_funds"))),
            Endpoint("POST", f"{_ROOT}/cancel", self.cancel, "cancelLinePlan", "End the plan of a line", "Lines",
                     said.LinePlan, parameters=(_NUMBER,), permission=_DECIDE.value,
                     problems=(*_PROBLEMS, Conflict("line_closed"), Conflict("line_plan_none"))),
        ]  # fmt: skip


def _rendered(found: PlanShown) -> tuple[int, bytes]:
    return 200, encode(_shown(found))


def _shown(found: PlanShown) -> said.LinePlan:
    return said.LinePlan(
        number=found.msisdn.e164,
        line_id=found.line_id,
        plan=_named(found.plan, found.currency) if found.plan else None,
        standing=found.standing.value if found.standing else None,
        since=found.since,
        began_at=found.began_at,
        ends_at=found.ends_at,
        paid=_said(found.paid),
        included=[said.PlanIncluded(one.asset, one.amount, one.left) for one in found.included],
        follows=_cycle(found.follows, found.currency) if found.follows else None,
        ending=found.ending,
        missing=_said(found.missing),
        lapses_at=found.lapses_at,
        zone=found.zone,
    )


def _choice(found: Choice, currency: str) -> said.PlanChoice:
    to_pay = found.at_once.to_pay_minor
    return said.PlanChoice(
        plan=_named(found.plan, currency),
        is_held=found.is_held,
        at_once=_cycle(found.at_once.terms, currency),
        gives_back=shapes.Money(found.at_once.back_minor, currency),
        to_pay=shapes.Money(to_pay, currency) if to_pay >= 0 else None,
        next_cycle=_cycle(found.next_cycle, currency) if found.next_cycle else None,
    )


def _compared(found: Compared) -> said.PlanCosts:
    def money(amount_minor: int) -> shapes.Money:
        return shapes.Money(amount_minor, found.currency)

    costs = [
        said.PlanCost(
            plan=_named(one.plan, found.currency) if one.plan else None,
            monthly=money(one.monthly_minor),
            fixed=money(one.fixed_minor),
            beyond=money(one.beyond_minor),
            included=[said.PlanUsed(share.asset, share.included, share.used) for share in one.shares],
            reasons=list(one.reasons),
        )
        for one in found.costs
    ]
    return said.PlanCosts(found.first.isoformat(), found.until.isoformat(), costs)


def _named(plan: Plan, currency: str) -> said.PlanNamed:
    names = {language_tag(language): name for language, name in plan.names.items()}
    price = shapes.Money(plan.price_minor, currency)
    return said.PlanNamed(plan.id, names, plan.cycle, plan.days, price, plan.keeps_number)


def _cycle(terms: Terms, currency: str) -> said.PlanCycle:
    price = shapes.Money(terms.price_minor, currency)
    return said.PlanCycle(terms.plan.id, terms.began_at, terms.ends_at, price, terms.is_whole)


def _said(money: Money | None) -> shapes.Money | None:
    return shapes.Money(money.amount_minor, money.currency) if money else None


def _money(wish: shapes.Money) -> Money:
    try:
        return Money(wish.amount_minor, wish.currency)
    except InvalidMoney:
        raise Invalid("currency_wrong", currency=wish.currency) from None
