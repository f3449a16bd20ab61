"""The page of a line's plan and those it could have, and that on which one decides about one of them."""

from typing import Final, cast

from topup.catalogue.queries import CatalogueCache
from topup.channels.web.forms import Form
from topup.channels.web.home.lines import one_of
from topup.channels.web.home.showing import card
from topup.channels.web.plans.showing import PlanWords
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.charging.usage.comparing import compared
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import Money
from topup.lines import owners
from topup.lines.owners import OwnedLine
from topup.lines.plans.desk import Plans, When
from topup.orders.desk import Desk
from topup.people.subscribers.accounts import account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.web import limit

_WHENS: Final = frozenset({"now", "next_cycle", "when_paid"})
_DONE: Final = frozenset({"taken", "wished", "waits", "stopped", "kept"})
"""What a page may say has just been done: nothing else that an address says is shown."""
_REFUSED: Final = frozenset(
    {"insufficient_funds", "line_plan_price_changed", "line_plan_unpaid", "line_plan_held", "line_plan_not_on_sale"}
)
_LONGEST_MINOR: Final = 12


class PlanPages:
    """What one decides about plans."""

    def __init__(
        self, *, desk: Desk, plans: Plans, database: Database, keyring: KeyRing, catalogue: CatalogueCache
    ) -> None:
        self._desk = desk
        self._plans = plans
        self._database = database
        self._keyring = keyring
        self._catalogue = catalogue

    async def held(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """The plan the line has, and all it could have by what it used."""
        line = await self._line(who, line_id)
        wording = reader_of(request).wording
        found = await self._plans.show(number=line.e164)
        choices = await self._plans.choices(number=line.e164)
        costs = await compared(self._database, self._catalogue, number=line.e164)
        words = PlanWords(found, wording)
        rows, none = words.choices(choices, costs)
        return page(
            request,
            "plans/plan.html",
            line=card(line, None, wording),
            now=words.now(),
            choices=rows,
            without=none,
            months=words.months(costs) if costs.costs else [],
            advice=words.advice(choices, costs),
            note=_said(request, "done", _DONE),
        )

    async def one(self, request: WebRequest, who: Subscriber, form: Form, line_id: str, plan_id: str) -> Page:  # noqa: ARG002 - as above
        """What having a plan costs, now or with the next cycle, before anything happens."""
        line = await self._line(who, line_id)
        wording = reader_of(request).wording
        found = await self._plans.show(number=line.e164)
        choices = await self._plans.choices(number=line.e164)
        choice = next((one for one in choices if one.plan.id == plan_id), None)
        if choice is None:
            raise NotFound("route_unknown")
        credit = (await self._desk.balance(number=line.e164)).credit
        refused = _said(request, "refused", _REFUSED)
        words = PlanWords(found, wording)
        needed = words.money(max(choice.at_once.to_pay_minor, 0))
        return page(
            request,
            "plans/one.html",
            line=card(line, None, wording),
            choice=words.decision(choice, credit),
            mistake=wording.problem(Conflict(refused, needed=needed)) if refused else None,
        )

    async def take(self, request: WebRequest, who: Subscriber, form: Form, line_id: str, plan_id: str) -> Page:
        """Have it, for no more than was said."""
        limit(request, "order")
        line = await self._line(who, line_id)
        here, when, told = f"/home/lines/{line_id}", form.one("when"), form.one("told")
        if when not in _WHENS or not (told.isascii() and told.isdigit() and len(told) <= _LONGEST_MINOR):
            raise Invalid("body_unreadable")
        found = await self._plans.show(number=line.e164)
        try:
            await self._plans.take(
                number=line.e164,
                plan=plan_id,
                when=cast("When", when),
                by=who.id,
                at_most=Money(int(told), found.currency),
            )
        except (Conflict, Invalid) as refused:
            if refused.code not in _REFUSED:
                raise
            return go_to(f"{here}/plans/{plan_id}?refused={refused.code}")
        done = {"now": "taken", "next_cycle": "wished", "when_paid": "waits"}[when]
        return go_to(f"{here}/plan?done={done}")

    async def stop(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Let the plan end with its cycle; one that ended meanwhile needs nothing."""
        limit(request, "order")
        line = await self._line(who, line_id)
        try:
            await self._plans.cancel(number=line.e164, by=who.id)
        except Conflict as refused:
            if refused.code != "line_plan_none":
                raise
        return go_to(f"/home/lines/{line_id}/plan?done=stopped")

    async def keep(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Take back what was to follow the cycle at hand: the plan goes on."""
        limit(request, "order")
        line = await self._line(who, line_id)
        found = await self._plans.show(number=line.e164)
        if found.plan is not None:
            await self._plans.take(number=line.e164, plan=found.plan.id, when="next_cycle", by=who.id)
        return go_to(f"/home/lines/{line_id}/plan?done=kept")

    async def _line(self, who: Subscriber, line_id: str) -> OwnedLine:
        """Raises NotFound `line_unknown`, also for one that is another's."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await account(connection, self._keyring, subscriber_id=who.id)
            return one_of(await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal), line_id)


def _said(request: WebRequest, name: str, known: frozenset[str]) -> str:
    said = request.query_params.get(name, "")
    return said if said in known else ""
