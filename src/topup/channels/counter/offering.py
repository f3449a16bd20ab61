"""A line at the counter: how it stands, what it needs by what it used, and everything on offer for it."""

from dataclasses import dataclass
from typing import Final

from topup.catalogue.storefront import Offer, OfferKind
from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.recognising import TAKEN_FOR
from topup.channels.counter.rendering import money_of, unsealed
from topup.channels.counter.wording import PriceRow, Wording
from topup.charging.line_views import line_shown
from topup.charging.usage.comparing import Advised, advised, compared_for
from topup.charging.usage.wording import asset_words
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.barring import ref_of
from topup.lines.cards.queries import card_of_line
from topup.lines.plans.desk import Plans, PlanShown
from topup.lines.plans.wording import next_words, plan_name, price_words
from topup.lines.wording import card_words
from topup.orders.counter_sales import CHANNEL
from topup.orders.recommending import Advice, advise
from topup.orders.views import NumberView
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

_FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class OfferRow:
    """Something to sell: its value in the form, its name, what is in it, its price."""

    value: str
    name: str
    extras: str
    price: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PlanAdvice:
    """The plan a line has, and which other would have been cheaper by what it used; None where none would. Whether its
    carrier has plans at all.
    """

    held: PlanShown
    advised: Advised | None
    has_plans: bool


class LinePages:
    """A number, and what can be sold for it."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth
        self._plans = Plans(database=booth.database, catalogue=booth.catalogue)

    async def show(
        self, request: WebRequest, who: SignedIn, form: Form, token: str, *, problem: Problem | None = None
    ) -> Page:
        """The line and its offers; the recommended one is chosen."""
        number = unsealed(self._booth.keyring, token)
        try:
            products = await self._booth.desk.products(text=number)
        except Invalid as refusal:
            raise NotFound("nothing_found") from refusal
        words = self._booth.words(request)
        advice = await self._advice(who, number, list(products.offers))
        plan = await self._plan(who, number)
        chosen = form.one("choice") or (advice.value if advice else "")
        rows = [_offer(offer, words, chosen) for offer in products.offers if offer.price is not None]
        if rows and not any(row.chosen for row in rows):
            rows[0] = OfferRow(
                rows[0].value, rows[0].name, rows[0].extras, rows[0].price, chosen=not form.one("amount")
            )
        return self._booth.look.page(
            request,
            "line.html",
            who=who,
            place="sell",
            back=f"/counter/lines/{token}",
            status=status_of(problem) if problem else 200,
            token=token,
            number=products.number.msisdn.grouped(),
            carrier=words.name(products.number.carrier_names),
            facts=await self._facts(who, products.number, words) + (_plan_facts(plan.held, words) if plan else []),
            found=words.text(f"found_by.{taken}") if (taken := _taken_for(request)) else "",
            say=plan_to_say(plan, words) or (to_say(advice, list(products.offers), words) if advice else ""),
            plans=plan is not None and plan.has_plans,
            offers=rows,
            free=any(offer.kind is OfferKind.FREE for offer in products.offers),
            currency=products.number.currency,
            amount=form.one("amount"),
            coupon=form.one("coupon"),
            mistake=words.problem(problem) if problem else None,
        )

    async def quote(self, request: WebRequest, who: SignedIn, form: Form, token: str) -> Page:
        """A price for what was chosen, written down as a sale of this drawer."""
        number = unsealed(self._booth.keyring, token)
        try:
            session = await self._booth.own_till(who)
            products = await self._booth.desk.products(text=number)
            product, amount = _chosen(form, products.number.currency)
            quote = await self._booth.desk.quote(
                number=number,
                product=product,
                amount=amount,
                payment_method=None,
                sees_balance=who.may(Permission.READ_LINES),
                channel=CHANNEL,
                coupons=[form.one("coupon")],
                shop=session.shop,
            )
            await self._booth.sales.begin(quote_id=quote.id, session=session, by=who.id)
        except (Invalid, Conflict, NotFound) as problem:
            return await self.show(request, who, form, token, problem=problem)
        return go_to(f"/counter/sales/{quote.id}")

    async def _facts(self, who: SignedIn, number: NumberView, words: Wording) -> list[PriceRow]:
        """How the line stands, for who may read lines; nothing of a line of another network."""
        if not who.may(Permission.READ_LINES):
            return []
        try:
            balance = await self._booth.desk.balance(number=number.msisdn.e164)
            line = await self._booth.desk.line(number=number.msisdn.e164)
        except NotFound:
            return []
        ends = min((one.usable_until for one in balance.buckets if one.usable_until and one.available), default=None)
        async with self._booth.database.read() as transaction:
            card = await card_of_line(transaction.connection, ref_of(line.line_id))
        rows = [
            PriceRow(words.text("line_status"), words.named("line", line.status)),
            PriceRow(words.text("line_credit"), words.money(balance.credit)),
        ]
        rows += [PriceRow(words.text("line_ends"), words.moment(ends))] if ends else []
        return rows + ([PriceRow(words.text("line_card"), card_words(card, locale=words.locale))] if card else [])

    async def _plan(self, who: SignedIn, number: str) -> PlanAdvice | None:
        """The plan of a line, and what each would have cost it; None of one whose carrier has none."""
        if not who.may(Permission.READ_LINES):
            return None
        try:
            held = await self._plans.show(number=number)
        except (Conflict, NotFound):
            return None
        async with self._booth.database.read() as transaction:
            shown = await line_shown(transaction.connection, held.msisdn, self._booth.catalogue)
            costs = await compared_for(transaction.connection, shown, transaction.now)
        advice = advised(costs, held=held.plan.id if held.plan else None)
        return PlanAdvice(held, advice, bool(shown.carrier.plans))

    async def _advice(self, who: SignedIn, number: str, offers: list[Offer]) -> Advice | None:
        if not who.may(Permission.READ_LINES):
            return None
        async with self._booth.database.read() as transaction:
            return await advise(
                transaction.connection,
                parse_msisdn(number),
                self._booth.catalogue,
                offers=offers,
                now=transaction.now,
            )


def _taken_for(request: WebRequest) -> str:
    """What the search took for what, where the number was found by something else."""
    found = request.query_params.get("found", "")
    return found if found in TAKEN_FOR else ""


def _offer(offer: Offer, words: Wording, chosen: str) -> OfferRow:
    value = value_of(offer)
    price = words.money(offer.price) if offer.price else ""
    return OfferRow(value, words.offer(offer), words.extras(offer), price, value == chosen)


def value_of(offer: Offer) -> str:
    """What the form sends for an offer."""
    if offer.product:
        return f"pack:{offer.product}"
    return f"credit:{offer.price.amount_minor}" if offer.price else _FREE


def _chosen(form: Form, currency: str) -> tuple[str | None, Money | None]:
    """The product, or the amount of credit. Raises Invalid choice_missing, amount_unreadable."""
    typed = form.one("amount")
    if typed:
        amount = money_of(typed, currency)
        if amount is None:
            raise Invalid("amount_unreadable")
        return None, amount
    kind, _, value = form.one("choice").partition(":")
    if kind == "pack" and value:
        return value, None
    if kind == "credit" and value.isascii() and value.isdigit():
        return None, Money(int(value), currency)
    raise Invalid("choice_missing")


def plan_to_say(plan: PlanAdvice | None, words: Wording) -> str:
    """The sentence for the clerk to say aloud about plans; empty where the line could do no better."""
    found = plan.advised if plan else None
    if plan is None or found is None:
        return ""
    name = plan_name(found.plan, locale=words.locale)
    price = price_words(found.plan, plan.held.currency, locale=words.locale)
    if found.saved_minor is None:
        return words.text("say.plan", plan=name, price=price)
    saved = words.minor(found.saved_minor, plan.held.currency)
    return words.text("say.plan_saves", plan=name, price=price, saved=saved)


def _plan_facts(held: PlanShown, words: Wording) -> list[PriceRow]:
    """The plan the line has, and what comes next."""
    if held.plan is None:
        return []
    return [
        PriceRow(words.text("line_plan"), plan_name(held.plan, locale=words.locale)),
        PriceRow(words.text("line_plan_next"), next_words(held, locale=words.locale)),
    ]


def to_say(advice: Advice, offers: list[Offer], words: Wording) -> str:
    """The sentence for the clerk to say aloud."""
    offer = next(one for one in offers if value_of(one) == advice.value)
    return words.text(
        f"say.{advice.why}",
        used=asset_words(advice.asset, advice.monthly, locale=words.locale, roughly=True),
        offer=words.offer(offer),
        price=words.money(offer.price) if offer.price else "",
    )
