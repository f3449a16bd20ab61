"""The plan of a line at the counter: what each would have cost by real use, what changing costs, and changing it.

Nothing happens before the clerk has looked at the owner's document and, where the till's customers confirm on a
display, the customer has said yes to that very plan and price there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.plan_offers import LASTS_S, PlanOffer, offer_of
from topup.channels.counter.plan_ways import Way, rows_of, ways_of
from topup.channels.counter.rendering import unsealed
from topup.channels.counter.wording import PriceRow, Wording
from topup.charging.usage.comparing import compared
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Throttled
from topup.kernel.money import Money
from topup.lines.barring import ref_of
from topup.lines.plans.desk import Choice, Plans, PlanShown
from topup.lines.plans.states import PlanStanding
from topup.lines.plans.wording import next_words, plan_name, price_words, renewing_words, without_credit_words
from topup.lines.queries import LineRef
from topup.lines.registered import is_owners, is_registered
from topup.payments.cash.records import Session
from topup.people import id_checks
from topup.people.id_checks import Shown
from topup.people.sessions import SignedIn
from topup.platform.database import Connection
from topup.platform.request_keys import Answering, Claim, KeyedRequest, check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work import trail

PURPOSE: Final = "plan_change"
"""Of the look at the document."""
_PRINCIPAL: Final = "counter"
_DONE: Final = frozenset({"now", "next_cycle", "when_paid", "kept"})
_WRONG = (Invalid, Conflict, NotFound, Forbidden, Throttled)


@dataclass(frozen=True, slots=True)
class _Place:
    """The number in front of the clerk, its carrier's name, its line's plan and credit."""

    token: str
    e164: str
    grouped: str
    carrier: str
    shown: PlanShown
    credit: Money

    @property
    def path(self) -> str:
        return f"/counter/lines/{self.token}"

    @property
    def line(self) -> LineRef:
        return ref_of(self.shown.line_id)


class PlanPages:
    """From what a line used to the plan it has."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth
        self._plans = Plans(database=booth.database, catalogue=booth.catalogue)

    async def listed(
        self, request: WebRequest, who: SignedIn, form: Form, token: str, *, problem: Problem | None = None
    ) -> Page:
        """The plan the line has and all it could have, by what it used; and the way back of what is to come."""
        words, place = self._booth.words(request), await self._place(request, token)
        choices = await self._plans.choices(number=place.e164)
        costs = await compared(self._booth.database, self._booth.catalogue, number=place.e164)
        done = request.query_params.get("done", "")
        return self._page(
            request,
            "plans.html",
            who,
            place,
            back=f"{place.path}/plans",
            problem=problem,
            held=_held(place.shown, words),
            undo=plan_name(place.shown.plan, locale=words.locale)
            if place.shown.plan and is_undoable(place.shown)
            else "",
            rows=rows_of(place.shown, choices, costs.costs, locale=words.locale),
            compared=bool(costs.costs),
            done=words.text(f"plan_done.{done}") if done in _DONE else "",
            **await self._document(place, form, words),
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, token: str, plan_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """A plan, and the ways to have it with what each costs."""
        words, place = self._booth.words(request), await self._place(request, token)
        choice = await self._choice(place, plan_id)
        ways = ways_of(place.shown, choice, place.credit, locale=words.locale)
        return self._page(
            request,
            "plan.html",
            who,
            place,
            back=f"{place.path}/plans/{plan_id}",
            plan=_about(choice, place.shown, words),
            plan_id=plan_id,
            ways=ways,
            credit=words.money(place.credit),
        )

    async def agree(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        token: str,
        *,
        plan_id: str,
        when: str,
        problem: Problem | None = None,
    ) -> Page:
        """What the customer says yes to, also on the display of the till; an offer that holds no more is made anew."""
        words, place = self._booth.words(request), await self._place(request, token)
        choice = await self._choice(place, plan_id)
        way = next((one for one in ways_of(place.shown, choice, place.credit, locale=words.locale)
                    if one.when == when), None)  # fmt: skip
        if way is None and problem is not None:
            # It cannot be had any more, perhaps because the same button was pressed twice.
            return await self.listed(request, who, form, token, problem=problem)
        if way is None:
            return go_to(f"{place.path}/plans/{plan_id}")
        sealed = form.one("offer") or str(request.query_params.get("offer", ""))
        offer = offer_of(self._booth.keyring, sealed)
        if offer is None or not _is_about(offer, place, plan_id, way) or await self._is_over(offer):
            fresh = await self._offered(place, plan_id, way)
            return go_to(f"{place.path}/plans/{plan_id}/{when}?offer={fresh.sealed(self._booth.keyring)}")
        return self._page(
            request,
            "plan_agree.html",
            who,
            place,
            back=f"{place.path}/plans/{plan_id}/{when}",
            problem=problem,
            plan=_about(choice, place.shown, words),
            plan_id=plan_id,
            way=way,
            offer=sealed,
            say=words.text(
                f"plan_say.{'back' if way.back else when}",
                plan=plan_name(choice.plan, locale=words.locale),
                total=way.total,
            ),
            do=words.text(f"plan_do.{when}"),
            display=await self._on_display(who, sealed),
            **await self._document(place, form, words),
        )

    async def change(
        self, request: WebRequest, who: SignedIn, form: Form, token: str, *, plan_id: str, when: str
    ) -> Page:
        """Have it, for no more than was said; the same form again changes nothing."""
        place = await self._place(request, token)
        sealed = form.one("offer")
        offer = offer_of(self._booth.keyring, sealed)
        if offer is None or (offer.e164, offer.plan, offer.when) != (place.e164, plan_id, when):
            raise Invalid("request_malformed")
        try:
            session = await self._booth.own_till(who)
            if await self._booth.displays.waits_for_customer(till=session.till, sale=sealed):
                raise Conflict("display_not_confirmed")
            seen = await self._seen(place, who, form)
            said_yes = await self._booth.displays.confirmed(till=session.till, sale=sealed)
            await self._take(place, offer, who, _Witness(self._booth, who, session, seen, said_yes))
        except _WRONG as problem:
            return await self.agree(request, who, form, token, plan_id=plan_id, when=when, problem=problem)
        await self._booth.displays.clear(till=session.till)
        return go_to(f"{place.path}/plans?done={when}")

    async def keep(self, request: WebRequest, who: SignedIn, form: Form, token: str) -> Page:
        """Take back what was to follow the cycle at hand: the plan goes on. Of one that goes on already, nothing."""
        place = await self._place(request, token)
        try:
            session = await self._booth.own_till(who)
            plan = place.shown.plan
            if plan is None or not is_undoable(place.shown):
                return go_to(f"{place.path}/plans?done=kept")
            seen = await self._seen(place, who, form)
            await self._plans.take(
                number=place.e164,
                plan=plan.id,
                when="next_cycle",
                by=who.id,
                noting=_Witness(self._booth, who, session, seen, None),
            )
        except _WRONG as problem:
            return await self.listed(request, who, form, token, problem=problem)
        return go_to(f"{place.path}/plans?done=kept")

    async def _take(self, place: _Place, offer: PlanOffer, who: SignedIn, witness: "_Witness") -> None:
        content = f"{place.shown.line_id} {offer.plan} {offer.when} {offer.told_minor}".encode()
        key = check_key(offer.key)
        wish = KeyedRequest(_PRINCIPAL, "counter:plan", key, content, place.shown.line_id)

        async def under(claim: Claim) -> PlanShown:
            # Asked here, for what was taken in time is told again whenever the form comes.
            if await self._is_over(offer):
                raise Conflict("line_plan_price_changed")
            return await self._plans.take(
                number=place.e164,
                plan=offer.plan,
                when=offer.begins,
                by=who.id,
                at_most=offer.told,
                answer=Answering(claim, lambda shown: (303, shown.line_id.encode())),
                noting=witness,
            )

        await self._booth.keys.run(request=wish, work=under)
        # What was done by an earlier press of the same button stands in the trail already.
        trail.notice("line.plan_taken")

    async def _seen(self, place: _Place, who: SignedIn, form: Form) -> Shown:
        """The document that was looked at. Raises Invalid document_unreadable, Conflict document_not_owners, Throttled
        documents_too_many.
        """
        seen = id_checks.shown(document=form.one("document"), number=form.one("document_number"))
        right = await is_owners(self._booth.database, line=place.line, seen=seen, by=who.id, keys=self._booth.keyring)
        if right is False:
            raise Conflict("document_not_owners")
        return seen

    async def _place(self, request: WebRequest, token: str) -> _Place:
        """Raises NotFound route_unknown, nothing_found for a number that is no line of ours."""
        number = unsealed(self._booth.keyring, token)
        try:
            view = await self._booth.desk.number(text=number)
            shown = await self._plans.show(number=number)
            credit = (await self._booth.desk.balance(number=number)).credit
        except (Invalid, Conflict, NotFound) as refusal:
            raise NotFound("nothing_found") from refusal
        carrier = self._booth.words(request).name(view.carrier_names)
        return _Place(token, view.msisdn.e164, view.msisdn.grouped(), carrier, shown, credit)

    async def _choice(self, place: _Place, plan_id: str) -> Choice:
        """Raises NotFound route_unknown."""
        choices = await self._plans.choices(number=place.e164)
        found = next((one for one in choices if one.plan.id == plan_id), None)
        if found is None:
            raise NotFound("route_unknown")
        return found

    async def _offered(self, place: _Place, plan_id: str, way: Way) -> PlanOffer:
        until = int(place.shown.now.timestamp()) + LASTS_S
        return PlanOffer(str(uuid4()), place.e164, plan_id, way.when, way.told_minor, place.shown.currency, until)

    async def _is_over(self, offer: PlanOffer) -> bool:
        return (await self._booth.database.roughly_now()).timestamp() >= offer.until

    async def _on_display(self, who: SignedIn, sealed: str) -> bool | None:
        """Show it on the customer's display of one's till: whether the customer said yes; None: there is none."""
        session, displays = await self._booth.till(who), self._booth.displays
        if session is None or not await displays.is_bound(session.till):
            return None
        await displays.show(till=session.till, sale=sealed, asks=True)
        return await displays.confirmed(till=session.till, sale=sealed) is not None

    async def _document(self, place: _Place, form: Form, words: Wording) -> Mapping[str, object]:
        """What the fields for the owner's document take; what was typed stays after a mistake."""
        async with self._booth.database.read() as transaction:
            known = await is_registered(transaction.connection, line=place.line)
        return {
            "documents": [(name, words.text(f"document.{name}")) for name in id_checks.DOCUMENTS],
            "document": form.one("document"),
            "document_number": form.one("document_number"),
            "owner_known": known,
        }

    def _page(
        self,
        request: WebRequest,
        template: str,
        who: SignedIn,
        place: _Place,
        *,
        back: str,
        problem: Problem | None = None,
        **context: object,
    ) -> Page:
        words = self._booth.words(request)
        return self._booth.look.page(
            request,
            template,
            who=who,
            place="sell",
            back=back,
            status=status_of(problem) if problem else 200,
            token=place.token,
            number=place.grouped,
            carrier=place.carrier,
            mistake=words.problem(problem) if problem else None,
            **context,
        )


@dataclass(frozen=True, slots=True)
class _Witness:
    """Writes down beside a change what was looked at, and says what the trail tells of it."""

    booth: Booth
    who: SignedIn
    session: Session
    seen: Shown
    said_yes: datetime | None

    async def __call__(self, connection: Connection, line: LineRef, now: datetime) -> Mapping[str, object]:
        """In the transaction of the change."""
        last = await id_checks.write(
            connection,
            self.seen,
            subject=line.id,
            purpose=PURPOSE,
            by=self.who.id,
            now=now,
            keys=self.booth.keyring,
        )
        return {
            "till": self.session.till,
            "document": self.seen.document,
            "last_four": last,
            "owner_known": await is_registered(connection, line=line),
            "customer_confirmed": self.said_yes is not None,
        }


def is_undoable(shown: PlanShown) -> bool:
    """Whether something else is to follow the cycle at hand, and it is not too late to keep the plan."""
    if shown.plan is None or shown.standing is not PlanStanding.ACTIVE:
        return False
    return shown.ending or (shown.follows is not None and shown.follows.plan is not shown.plan)


def _is_about(offer: PlanOffer, place: _Place, plan_id: str, way: Way) -> bool:
    asked = (place.e164, plan_id, way.when, way.told_minor, place.shown.currency)
    return asked == (offer.e164, offer.plan, offer.when, offer.told_minor, offer.currency)


def _held(shown: PlanShown, words: Wording) -> list[PriceRow]:
    """The plan the line has, and what comes next; empty where it has none."""
    if shown.plan is None:
        return []
    price = price_words(shown.plan, shown.currency, locale=words.locale)
    return [
        PriceRow(words.text("line_plan"), f"{plan_name(shown.plan, locale=words.locale)} · {price}"),
        PriceRow(words.text("line_plan_next"), next_words(shown, locale=words.locale)),
    ]


@dataclass(frozen=True, slots=True)
class _About:
    """A plan in words."""

    name: str
    price: str
    rules: list[str]
    instead: str


def _about(choice: Choice, shown: PlanShown, words: Wording) -> _About:
    plan, locale = choice.plan, words.locale
    rules = [renewing_words(plan, locale=locale), *without_credit_words(plan, locale=locale)]
    instead = plan_name(shown.plan, locale=locale) if shown.plan and shown.plan is not plan else ""
    return _About(plan_name(plan, locale=locale), price_words(plan, shown.currency, locale=locale), rules, instead)
