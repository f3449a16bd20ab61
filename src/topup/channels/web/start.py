"""The first screen, which is the top-up: number, carrier, amounts, one button."""

from typing import Final

from litestar import Response

from topup.care.desk import Care
from topup.channels.web.forms import Form, local_path, read_choice, read_form
from topup.channels.web.helping.tips import slow_tip
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.offering import Filled, Offering, offering
from topup.channels.web.rendering import (
    HEADERS,
    SIZE_COOKIE,
    Page,
    WebRequest,
    go_to,
    kept_for_a_year,
    page,
    reader_of,
)
from topup.channels.web.saved.picking import Picking
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines.cards.searching import looks_like_card
from topup.orders.desk import Desk
from topup.orders.views import ProductsView
from topup.people.subscribers.changes import Changes
from topup.platform.i18n import LOCALES
from topup.platform.web import limit
from topup.platform.web.edge import LOCALE_COOKIE

_PLACE: Final = "start"
_FIELDS: Final = ("number", "choice", "amount", "shown")

_SHORTEST_ASKED: Final = 7
"""No number is shorter: while typing, nothing is asked before."""


class StartPages:
    """Choosing what to top up."""

    def __init__(self, desk: Desk, care: Care, keeping: Keeping, changes: Changes, picking: Picking) -> None:
        self._desk = desk
        self._care = care
        self._keeping = keeping
        self._changes = changes
        self._picking = picking

    async def start(self, request: WebRequest) -> Page:
        """The first screen, empty; for who is signed in with what they may pick."""
        picks = await self._picking.picks(reader_of(request).subscriber)
        slow = await slow_tip(self._care, request)
        return page(request, "start.html", form=Filled(), offer=Offering(), picks=picks, slow=slow)

    async def number(self, request: WebRequest) -> Page:
        """What depends on the number, alone: asked for while it is being typed, and once more when the field is left.

        Only then is an unfinished number a mistake.
        """
        limit(request, "number")
        form = await read_form(request)
        typing = "left" not in request.query_params
        offer = await self._offer(request, await self._meant(request, form), typing=typing)
        if not typing and offer.number is not None and offer.number.e164 == form.one("shown"):
            # Its amounts are on the screen already. Drawing them again would take back a choice made meanwhile.
            return Response(b"", status_code=204, headers=HEADERS)
        return page(request, "offer.html", form=_filled(form), offer=offer)

    async def quote(self, request: WebRequest) -> Page:
        """Ask for a price, and go to it; or to the first screen again, with what is missing or wrong."""
        limit(request, "quote")
        form = await read_form(request)
        try:
            products = await self._desk.products(text=(await self._meant(request, form)).one("number"))
            choice = read_choice(form, currency=products.number.currency)
            if not choice.made:
                return self._back(form)
            number = products.number.msisdn.e164
            who = reader_of(request).subscriber
            owner = who is not None and await self._desk.has_line(subscriber_id=who.id, number=number)
            quoted = await self._desk.quote(
                number=number,
                product=choice.product,
                amount=choice.amount,
                payment_method=None,
                sees_balance=owner,
                channel="web",
                payer_id=who.id if who else None,
            )
        except (Invalid, Conflict) as problem:
            return self._back(form, problem=problem)
        return go_to(f"/quotes/{quoted.id}")

    async def change(self, request: WebRequest) -> Page:
        """Back to the first screen from a price, with the number and the amount that were chosen."""
        limit(request, "number")
        form = await read_form(request)
        quoted = await self._desk.get_quote(quote_id=form.one("quote"))
        if quoted.link:
            return go_to(f"/t/{quoted.link}")
        chosen = f"pack:{quoted.product}" if quoted.product else f"credit:{quoted.face.amount_minor}"
        number = quoted.msisdn.grouped()
        offer = await self._offer(request, Form({"number": [number], "choice": [chosen]}), typing=False)
        if not quoted.product and not offer.has_tile(chosen):
            free = {"number": [number], "choice": ["free"], "amount": [quoted.face.to_major()]}
            return self._back(Form(free))
        return self._back(Form({"number": [number], "choice": [chosen]}))

    def _back(self, form: Form, *, problem: Invalid | Conflict | None = None) -> Page:
        fields = {name: form.one(name) for name in _FIELDS if form.one(name)}
        return go_to(f"/start/{self._keeping.seal(fields, place=_PLACE, problem=problem)}")

    async def started(self, request: WebRequest, token: str) -> Page:
        """The first screen with what a form held: the amounts of its number, and what is missing or wrong."""
        limit(request, "read")
        kept = self._keeping.open(token, place=_PLACE)
        form = await self._meant(request, Form({name: [value] for name, value in kept["fields"].items()}))
        try:
            products = await self._desk.products(text=form.one("number"))
        except Invalid:
            offer = await self._offer(request, form, typing=False)
            return page(request, "start.html", form=_filled(form), offer=offer, picks=(), slow="")
        problem = problem_of(kept)
        if problem is not None:
            return self._refused(request, form, products, problem)
        return self._choose(request, form, products)

    async def language(self, request: WebRequest) -> Page:
        """Remember the language, and go back."""
        form = await read_form(request)
        wish = form.one("language")
        if wish not in LOCALES:
            raise Invalid("request_malformed")
        reader = reader_of(request)
        if reader.subscriber is not None:
            await self._changes.looks(reader.subscriber, locale=wish, elder=reader.elder)
        secure = request.url.scheme == "https"
        return go_to(local_path(form.one("back")), cookie=kept_for_a_year(LOCALE_COOKIE, wish, secure=secure))

    async def size(self, request: WebRequest) -> Page:
        """Remember whether to write large, and go back."""
        form = await read_form(request)
        wish = "large" if form.one("size") == "large" else "usual"
        reader = reader_of(request)
        if reader.subscriber is not None:
            locale = reader.wording.locale
            await self._changes.looks(reader.subscriber, locale=locale, elder=wish == "large")
        secure = request.url.scheme == "https"
        return go_to(local_path(form.one("back")), cookie=kept_for_a_year(SIZE_COOKIE, wish, secure=secure))

    async def _meant(self, request: WebRequest, form: Form) -> Form:
        """The form with the number of one's own line, where its SIM card was typed (ICCID or IMSI). Another's card, or
        none that there is, stays what it is: no number.
        """
        who, text = reader_of(request).subscriber, form.one("number")
        if who is None or not looks_like_card(text):
            return form
        number = await self._desk.own_card(subscriber_id=who.id, text=text)
        return Form(form.values | {"number": [parse_msisdn(number).grouped()]}) if number else form

    async def _offer(self, request: WebRequest, form: Form, *, typing: bool) -> Offering:
        reader = reader_of(request)
        text = form.one("number")
        if typing and len(text) < _SHORTEST_ASKED:
            return Offering()
        try:
            products = await self._desk.products(text=text)
        except InvalidNumber as problem:
            return Offering() if typing else Offering(wrong_number=reader.wording.problem(problem))
        except Invalid as problem:
            return Offering(wrong_number=reader.wording.problem(problem))
        return offering(products, reader.wording, chosen=form.one("choice"), elder=reader.elder)

    def _refused(self, request: WebRequest, form: Form, products: ProductsView, problem: Invalid) -> Page:
        """The mistake beside what it is about: the number, or the amount."""
        wrong = _said(problem, products, reader_of(request).wording)
        if problem.code.startswith("number_"):
            offer = Offering(wrong_number=wrong)
            return page(request, "start.html", form=_filled(form), offer=offer, picks=(), slow="")
        return self._choose(request, form, products, wrong=wrong)

    def _choose(self, request: WebRequest, form: Form, products: ProductsView, *, wrong: Said | None = None) -> Page:
        """The amounts of a number that is known. Without JavaScript this is the second step: nothing is wrong yet
        while none of its amounts had been shown.
        """
        reader = reader_of(request)
        if wrong is None and form.one("shown") == products.number.msisdn.e164:
            wrong = Said(reader.wording.text("choice_missing"), reader.wording.text("choice_missing_do"))
        offer = offering(products, reader.wording, chosen=form.one("choice"), elder=reader.elder, wrong_choice=wrong)
        return page(request, "start.html", form=_filled(form), offer=offer, picks=(), slow="")


def _said(problem: Invalid, products: ProductsView, wording: Wording) -> Said:
    """A mistake in words. Only this form has an amount that cannot be read: everywhere else it is typed as data. What
    can be typed is said with it.
    """
    if problem.code != "amount_unreadable":
        return wording.problem(problem)
    free = offering(products, wording, chosen="", elder=False).free
    what_to_do = wording.text("amount_unreadable_do", limits=free.limits) if free else wording.text("choice_missing_do")
    return Said(wording.text("amount_unreadable"), what_to_do)


def _filled(form: Form) -> Filled:
    return Filled(form.one("number"), form.one("choice"), form.one("amount"))
