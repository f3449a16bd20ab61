"""The first screen, which is the top-up: number, carrier, amounts, one button."""

from typing import Final

from litestar import Response

from topup.channels.web.forms import Form, local_path, read_choice, read_form
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
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Invalid
from topup.kernel.msisdn import InvalidNumber
from topup.orders.desk import Desk
from topup.orders.views import ProductsView
from topup.platform.i18n import LOCALES
from topup.platform.web import limit
from topup.platform.web.edge import LOCALE_COOKIE

_SHORTEST_ASKED: Final = 7
"""No number is shorter: while typing, nothing is asked before."""


class StartPages:
    """Choosing what to top up."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, request: WebRequest) -> Page:
        """The first screen, empty."""
        return page(request, "start.html", form=Filled(), offer=Offering())

    async def number(self, request: WebRequest) -> Page:
        """What depends on the number, alone: asked for while it is being typed, and once more when the field is left.

        Only then is an unfinished number a mistake.
        """
        limit(request, "number")
        form = await read_form(request)
        typing = "left" not in request.query_params
        offer = await self._offer(request, form, typing=typing)
        if not typing and offer.number is not None and offer.number.e164 == form.one("shown"):
            # Its amounts are on the screen already. Drawing them again would take back a choice made meanwhile.
            return Response(b"", status_code=204, headers=HEADERS)
        return page(request, "offer.html", form=_filled(form), offer=offer)

    async def quote(self, request: WebRequest) -> Page:
        """Ask for a price, and go to it; or show the first screen again, with what is missing or wrong."""
        limit(request, "quote")
        form = await read_form(request)
        try:
            products = await self._desk.products(text=form.one("number"))
        except Invalid:
            offer = await self._offer(request, form, typing=False)
            return page(request, "start.html", status=422, here="/", form=_filled(form), offer=offer)
        try:
            choice = read_choice(form, currency=products.number.currency)
            if not choice.made:
                return self._choose(request, form, products)
            quoted = await self._desk.quote(
                number=form.one("number"), product=choice.product, amount=choice.amount, payment_method=None
            )
        except Invalid as problem:
            return self._refused(request, form, products, problem)
        return go_to(f"/quotes/{quoted.id}")

    async def change(self, request: WebRequest) -> Page:
        """Back to the first screen from a price, with the number and the amount that were chosen.

        A form and not a link, since no number may stand in an address.
        """
        limit(request, "number")
        form = await read_form(request)
        quoted = await self._desk.get_quote(quote_id=form.one("quote"))
        chosen = f"pack:{quoted.product}" if quoted.product else f"credit:{quoted.face.amount_minor}"
        known = Form({"number": [quoted.msisdn.e164], "choice": [chosen]})
        offer = await self._offer(request, known, typing=False)
        shown = Filled(quoted.msisdn.grouped(), chosen)
        if not quoted.product and not offer.has_tile(chosen):
            shown = Filled(shown.number, "free", quoted.face.to_major())
        return page(request, "start.html", here="/", form=shown, offer=offer)

    async def language(self, request: WebRequest) -> Page:
        """Remember the language, and go back."""
        form = await read_form(request)
        wish = form.one("language")
        if wish not in LOCALES:
            raise Invalid("request_malformed")
        secure = request.url.scheme == "https"
        return go_to(local_path(form.one("back")), cookie=kept_for_a_year(LOCALE_COOKIE, wish, secure=secure))

    async def size(self, request: WebRequest) -> Page:
        """Remember whether to write large, and go back."""
        form = await read_form(request)
        wish = "large" if form.one("size") == "large" else "usual"
        secure = request.url.scheme == "https"
        return go_to(local_path(form.one("back")), cookie=kept_for_a_year(SIZE_COOKIE, wish, secure=secure))

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
        wrong = _said(problem, reader_of(request).wording)
        if problem.code.startswith("number_"):
            offer = Offering(wrong_number=wrong)
            return page(request, "start.html", status=422, here="/", form=_filled(form), offer=offer)
        return self._choose(request, form, products, wrong=wrong)

    def _choose(self, request: WebRequest, form: Form, products: ProductsView, *, wrong: Said | None = None) -> Page:
        """The amounts of a number that is known. Without JavaScript this is the second step: nothing is wrong yet
        while no amounts had been shown.
        """
        reader = reader_of(request)
        if wrong is None and form.one("shown"):
            wrong = Said(reader.wording.text("choice_missing"), reader.wording.text("choice_missing_do"))
        offer = offering(products, reader.wording, chosen=form.one("choice"), elder=reader.elder, wrong_choice=wrong)
        status = 422 if wrong else 200
        return page(request, "start.html", status=status, here="/", form=_filled(form), offer=offer)


def _said(problem: Invalid, wording: Wording) -> Said:
    """A mistake in words. Only this form has an amount that cannot be read: everywhere else it is typed as data."""
    if problem.code == "amount_unreadable":
        return Said(wording.text("amount_unreadable"), wording.text("amount_unreadable_do"))
    return wording.problem(problem)


def _filled(form: Form) -> Filled:
    return Filled(form.one("number"), form.one("choice"), form.one("amount"))
