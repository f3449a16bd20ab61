"""Links that open a prepared top-up, over REST: for shops, whose keys may keep a till."""

from datetime import timedelta
from typing import Final

import msgspec
from litestar.params import FromPath

from topup.channels.api import link_shapes as said
from topup.channels.api import shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_once
from topup.channels.api.reading import name_of, permitted, read_json
from topup.channels.api.rendering import encode
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders.desk import Desk
from topup.orders.links import Link, LinkWanted
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.request_keys import Answering, RequestKeys
from topup.platform.web import Handlers, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_MAKES: Final = Permission.KEEP_TILL
_LINK: Final = Parameter("link_id", "path", "Id of a link of yours.", "lnk_01m7xprzmv03t2s6sdhxcrg8x8")
_new_link: Final = msgspec.json.Decoder(said.NewLink)


class LinkRoutes(Handlers):
    """Handlers of the routes of links. `address` is how the outside reaches us."""

    def __init__(self, *, desk: Desk, keys: RequestKeys, database: Database, address: str) -> None:
        self._desk = desk
        self._keys = keys
        self._database = database
        self._address = address

    async def make(self, request: AnyRequest) -> Answer:
        """Make a link; what it prepares must be on offer now."""
        principal = await permitted(request, self._database, _MAKES)
        limit(request, "quote")
        wish = await read_json(request, _new_link)
        wanted = LinkWanted(
            maker=name_of(principal),
            number=parse_msisdn(wish.number) if wish.number else None,
            product=wish.product,
            amount=_money(wish.amount) if wish.amount else None,
            lasts=timedelta(days=wish.days),
            label=wish.label,
        )

        async def work(link_id: str, answering: Answering[Link]) -> Link:
            return await self._desk.make_link(wanted, link_id=link_id, answer=answering)

        content = encode((wish.number, wish.product, wish.amount, wish.label, wish.days))
        resource = self._desk.links.new_id()
        keyed = Keyed(route="POST /links", content=content, resource=resource, render=self._rendered)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    async def listed(self, request: AnyRequest) -> Answer:
        """The links made with this key, those that work no more for a while too."""
        principal = await permitted(request, self._database, _MAKES)
        limit(request, "read")
        found = await self._desk.links.of(maker=name_of(principal))
        return answer(encode(said.Links([self._said(link) for link in found])))

    async def revoke(self, request: AnyRequest, link_id: FromPath[str]) -> Answer:
        """Let a link lead nowhere any more; the same again is answered the same."""
        principal = await permitted(request, self._database, _MAKES)
        limit(request, "order")
        link = await self._desk.links.revoke(link_id=link_id, maker=name_of(principal))
        return answer(encode(self._said(link)))

    def _rendered(self, link: Link) -> tuple[int, bytes]:
        return 201, encode(self._said(link))

    def _said(self, link: Link) -> said.Link:
        return said.Link(
            id=link.id,
            url=f"{self._address}/t/{link.id}",
            masked_number=link.number.masked() if link.number else None,
            product=link.product,
            amount=shapes.Money(link.amount.amount_minor, link.amount.currency) if link.amount else None,
            label=link.label,
            created_at=link.created_at,
            expires_at=link.expires_at,
            revoked_at=link.revoked_at,
        )

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("POST", "/api/v1/links", self.make, "createLink", "Make a link to a prepared top-up", "Links",
                     said.Link, 201, said.NewLink, keyed=True, permission=_MAKES.value,
                     problems=("number_missing", "number_unreadable", "number_impossible", "number_invalid",
                               "number_not_served", "number_cannot_be_topped_up", "product_unknown",
                               "product_or_amount", "amount_not_offered", "amount_too_small", "amount_too_large",
                               "amount_above_cap", "currency_wrong", "link_empty", "link_product_for_any",
                               "link_lasts", Conflict("links_too_many"))),
            Endpoint("GET", "/api/v1/links", self.listed, "listLinks", "List your links", "Links", said.Links,
                     permission=_MAKES.value),
            Endpoint("POST", "/api/v1/links/{link_id}/revoke", self.revoke, "revokeLink", "Stop a link", "Links",
                     said.Link, parameters=(_LINK,), permission=_MAKES.value,
                     problems=(NotFound("link_unknown"),)),
        ]  # fmt: skip


def _money(wish: shapes.Money) -> Money:
    try:
        return Money(wish.amount_minor, wish.currency)
    except InvalidMoney:
        raise Invalid("currency_wrong", currency=wish.currency) from None
