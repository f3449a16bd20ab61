"""One's own links: "ask somebody to top me up"."""

from datetime import timedelta
from typing import Final

from topup.channels.web.account.entering import said
from topup.channels.web.forms import read_choice
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.saved.picking import Picking
from topup.channels.web.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.owners import OwnedLine
from topup.orders.desk import Desk
from topup.orders.links import MOST_OF_SUBSCRIBER, Link, LinkWanted
from topup.orders.receipt_pdf import qr_svg
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.web.forms import Form

LINKS: Final = "/account/links"
DAYS: Final = (1, 7, 30)
_USUAL: Final = 7
_PLACE: Final = "links"
_ZONE: Final = "Asia/Shanghai"
_FIELDS: Final = ("line", "amount", "days")


class OwnLinkPages:
    """Links that lead to lines in one's account."""

    def __init__(self, *, desk: Desk, database: Database, picking: Picking, keeping: Keeping, public_url: str) -> None:
        self._desk = desk
        self._database = database
        self._picking = picking
        self._keeping = keeping
        self._public_url = public_url

    async def listed(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - a page like the others
        """The links that still lead somewhere, and the form to make one."""
        kept = self._keeping.open(token, place=own_place(_PLACE, who)) if token else {"fields": {}}
        lines = await self._lines(who)
        links = await self._open_links(who)
        wording = reader_of(request).wording
        return page(
            request,
            "links/links.html",
            here=LINKS,
            lines=[(line.ref.id, line.name, _grouped(line)) for line in lines],
            links=[(link.id, _name(link, lines), *self._facts(link, who, wording)) for link in links],
            days=DAYS,
            fields={"line": "", "amount": "", "days": str(_USUAL)} | kept["fields"],
            mistake=said(request, kept),
            full=len(links) >= MOST_OF_SUBSCRIBER,
        )

    async def make(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Make a link to a line of theirs, with an amount or without."""
        line = next((one for one in await self._lines(who) if one.ref.id == form.one("line")), None)
        if line is None:
            raise NotFound("line_unknown")
        try:
            link = await self._desk.make_link(await self._wanted(who, line, form))
        except (Invalid, Conflict) as problem:
            fields = {name: form.one(name) for name in _FIELDS}
            return go_to(f"{LINKS}/again/{self._keeping.seal(fields, place=own_place(_PLACE, who), problem=problem)}")
        return go_to(f"{LINKS}/{link.id}")

    async def _wanted(self, who: Subscriber, line: OwnedLine, form: Form) -> LinkWanted:
        days = form.one("days")
        products = await self._desk.products(text=line.e164)
        number = products.number.msisdn
        amount = read_choice(Form({"amount": [form.one("amount")]}), currency=products.number.currency).amount
        lasts = timedelta(days=int(days) if days in {str(one) for one in DAYS} else _USUAL)
        return LinkWanted(who.id, number, None, amount, lasts)

    async def shown(self, request: WebRequest, who: Subscriber, form: Form, link_id: str) -> Page:  # noqa: ARG002 - as above
        """A link to share: its address, and the same as a picture."""
        link = await self._desk.links.get(link_id=link_id, maker=who.id)
        if link not in await self._open_links(who):
            return go_to(LINKS)
        wording = reader_of(request).wording
        address = f"{self._public_url}/t/{link.id}"
        what, until = self._facts(link, who, wording)
        return page(
            request,
            "links/link.html",
            id=link.id,
            masked=link.number.masked() if link.number else "",
            what=what,
            until=until,
            address=address,
            qr=qr_svg(address),
        )

    async def revoke(self, request: WebRequest, who: Subscriber, form: Form, link_id: str) -> Page:  # noqa: ARG002 - as above
        """Let it lead nowhere any more."""
        await self._desk.links.revoke(link_id=link_id, maker=who.id)
        return go_to(LINKS)

    async def _lines(self, who: Subscriber) -> list[OwnedLine]:
        async with self._database.read() as transaction:
            whose = await self._picking.whose(transaction.connection, who)
            return await owners.lines_of(transaction.connection, subscriber_id=who.id, seal=whose.seal)

    async def _open_links(self, who: Subscriber) -> list[Link]:
        found = await self._desk.links.of(maker=who.id)
        async with self._database.read() as transaction:
            return [link for link in found if link.opens(transaction.now)]

    def _facts(self, link: Link, who: Subscriber, wording: Wording) -> tuple[str, str]:
        what = wording.money(link.amount) if link.amount else ""
        return what, wording.moment_in(link.expires_at, who.zone or _ZONE)


def _grouped(line: OwnedLine) -> str:
    return parse_msisdn(line.e164).grouped()


def _name(link: Link, lines: list[OwnedLine]) -> str:
    number = link.number
    named = next((line.name for line in lines if number is not None and line.e164 == number.e164), "")
    return named or (number.grouped() if number else "")
