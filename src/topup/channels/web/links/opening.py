"""What a link leads to: the number masked, what is prepared, and one button to the price."""

from dataclasses import dataclass, replace

from topup.catalogue.storefront import OfferKind
from topup.channels.web.forms import Choice, Form, read_choice, read_form
from topup.channels.web.keeping import Keeping, problem_of
from topup.channels.web.offering import Filled, NumberRead, Offering, offering
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Invalid
from topup.kernel.msisdn import Msisdn
from topup.orders.desk import Desk
from topup.orders.links import Link
from topup.orders.views import ProductsView
from topup.platform.web import limit


@dataclass(frozen=True, slots=True)
class Prepared:
    """A link as its opener sees it: the number masked (empty: they type theirs), and what it buys (empty: they
    choose).
    """

    id: str
    number: str
    carrier: str
    what: str


class OpeningPages:
    """Links by their ids, for anybody."""

    def __init__(self, desk: Desk, keeping: Keeping) -> None:
        self._desk = desk
        self._keeping = keeping

    async def opened(self, request: WebRequest, link_id: str, token: str = "") -> Page:
        """What is prepared; raises NotFound `link_over`."""
        limit(request, "number")
        link = await self._desk.links.open(link_id=link_id)
        kept = self._keeping.open(token, place=_place(link)) if token else None
        fields = kept["fields"] if kept else {}
        problem = problem_of(kept) if kept else None
        reader = reader_of(request)
        wrong = reader.wording.problem(problem) if problem else None
        if kept and problem is None:
            wrong = Said(reader.wording.text("choice_missing"), reader.wording.text("choice_missing_do"))
        products = await self._desk.products(text=link.number.e164) if link.number else None
        offer = self._offer(products, link, request, chosen=fields.get("choice", ""), wrong=wrong)
        return page(
            request,
            "links/open.html",
            here=f"/t/{link.id}",
            link=_prepared(link, products, reader.wording),
            offer=offer,
            form=Filled(fields.get("number", ""), fields.get("choice", ""), fields.get("amount", "")),
            mistake=wrong,
        )

    def _offer(
        self, products: ProductsView | None, link: Link, request: WebRequest, *, chosen: str, wrong: Said | None
    ) -> Offering | None:
        """What the opener may choose from, where they may; nothing in it is the number."""
        if products is None or _choice(link).made:
            return None
        reader = reader_of(request)
        offer = offering(products, reader.wording, chosen=chosen, elder=reader.elder, wrong_choice=wrong)
        masked = products.number.msisdn.masked()
        return replace(offer, number=NumberRead("", masked, reader.wording.name(products.number.carrier_names)))

    async def quote(self, request: WebRequest, link_id: str) -> Page:
        """To the price; or back, with what is missing or wrong."""
        limit(request, "quote")
        form = await read_form(request)
        link = await self._desk.links.open(link_id=link_id)
        try:
            products = await self._desk.products(text=link.number.e164 if link.number else form.one("number"))
            choice = _choice(link) if _choice(link).made else read_choice(form, currency=products.number.currency)
            if not choice.made:
                return self._back(link, form)
            quoted = await self._desk.quote(
                number=products.number.msisdn.e164,
                product=choice.product,
                amount=choice.amount,
                payment_method=None,
                link=link.id,
                hides_number=link.number is not None,
                channel="link",
                payer_id=who.id if (who := reader_of(request).subscriber) else None,
            )
        except Invalid as problem:
            return self._back(link, form, problem=problem)
        return go_to(f"/quotes/{quoted.id}")

    def _back(self, link: Link, form: Form, *, problem: Invalid | None = None) -> Page:
        fields = {name: form.one(name) for name in ("number", "choice", "amount")}
        return go_to(f"/t/{link.id}/again/{self._keeping.seal(fields, place=_place(link), problem=problem)}")


def _choice(link: Link) -> Choice:
    return Choice(link.product, link.amount)


def _place(link: Link) -> str:
    return f"link:{link.id}"


def _prepared(link: Link, products: ProductsView | None, wording: Wording) -> Prepared:
    number = _masked(link.number)
    carrier = wording.name(products.number.carrier_names) if products else ""
    if link.amount is not None:
        return Prepared(link.id, number, carrier, wording.money(link.amount))
    packs = [offer for offer in products.offers if offer.kind is OfferKind.PACK] if products else []
    pack = next((one for one in packs if one.product == link.product), None)
    if pack is None:
        return Prepared(link.id, number, carrier, "")
    return Prepared(link.id, number, carrier, f"{wording.name(pack.names or {})} · {wording.offered(pack.grants)}")


def _masked(number: Msisdn | None) -> str:
    return number.masked() if number else ""
