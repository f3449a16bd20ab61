"""The routes of agents' programs: sell from the float, see what was sold and what is left."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from topup.channels.api import agents_shapes as shapes
from topup.channels.api import rendering
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.known_keys import KnownKeys
from topup.channels.api.reading import query_text, read_json
from topup.channels.api.shapes import Carrier, SignedMoney
from topup.channels.api.shapes import Money as MoneyShape
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from topup.kernel.ids import AgentId
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn
from topup.orders.agents.books import PAGE, SaleView, Standing
from topup.orders.agents.desk import Agents
from topup.orders.agents.documents import purpose_text, read_month, statement_csv
from topup.orders.agents.selling import Sold
from topup.orders.agents.statements import Statement
from topup.payments.floats.postings import METHOD
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.i18n import language_tag
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest, Stored, check_key
from topup.platform.web import Handlers, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest, header

_ROOT: Final = "/api/v1/agents"
_SELL: Final = Permission.SELL_FROM_FLOAT.value
_ROUTE: Final = "POST /agents/topups"
_CURSOR: Final = Parameter("cursor", "query", "`next` of the page before.", "", longest=64, required=False)
_MONTH: Final = Parameter("month", "query", "Year and month; without it the present one.", "2026-11", required=False)
_new_top_up: Final = msgspec.json.Decoder(shapes.NewAgentTopUp)
_encode: Final = rendering.encode


class AgentRoutes(Handlers):
    """Handlers of the routes of agents. `address` is how the outside reaches us."""

    def __init__(self, *, agents: Agents, database: Database, address: str) -> None:
        self._agents = agents
        self._keys = KnownKeys(database, Permission.SELL_FROM_FLOAT)
        self._address = address

    async def sell(self, request: AnyRequest) -> Answer:
        """Sell a top-up from the float: ordered, paid and delivered by one call."""
        agent_id = await self._agent(request)
        wish = await read_json(request, _new_top_up)
        text = check_key(header(request, b"idempotency-key"))
        locale = request_locale(request)
        said: list[tuple[int, bytes]] = []

        def render(sold: Sold) -> tuple[int, bytes]:
            # Said once: what is stored is what is answered, to the byte.
            if not said:
                said.append((201, _encode(self._top_up(sold, locale))))
            return said[0]

        content = _encode((wish.number, wish.product, wish.amount, sorted(wish.confirmations)))
        done = await self._agents.sell_once(
            Key(KeyedRequest(f"agent:{agent_id}", _ROUTE, text, content, agent_id), render),
            agent_id=agent_id,
            number=wish.number,
            product=wish.product,
            amount=_amount(wish.amount),
            confirmations=frozenset(wish.confirmations),
            locale=locale,
        )
        if isinstance(done, Stored):
            return answer(done.body, status=done.status, idempotent_replayed="true")
        status, body = render(done)
        return answer(body, status=status)

    async def me(self, request: AnyRequest) -> Answer:
        """How the agent stands, and what is in the float."""
        return answer(_encode(_me(await self._agents.standing(agent_id=await self._agent(request)))))

    async def sales(self, request: AnyRequest) -> Answer:
        """What was sold, newest first."""
        agent_id = await self._agent(request)
        found = await self._agents.sales(agent_id=agent_id, cursor=query_text(request, "cursor") or "")
        following = found[-1].cursor if len(found) == PAGE else None
        return answer(_encode(shapes.AgentSales([_sale(one) for one in found], following)))

    async def statement(self, request: AnyRequest) -> Answer:
        """A month's statement."""
        agent_id = await self._agent(request)
        month = read_month(query_text(request, "month"))
        found = await self._agents.statement(agent_id=agent_id, month=month)
        return answer(_encode(_statement(found, request_locale(request))))

    async def statement_file(self, request: AnyRequest) -> Answer:
        """The same with every movement, as CSV."""
        agent_id = await self._agent(request)
        month = read_month(query_text(request, "month"))
        found = await self._agents.statement(agent_id=agent_id, month=month)
        lines = await self._agents.lines(agent_id=agent_id, month=found.month)
        named = f'attachment; filename="statement-{found.month:%Y-%m}.csv"'
        body = statement_csv(found, lines, request_locale(request))
        return answer(body, media_type="text/csv", content_disposition=named)

    async def _agent(self, request: AnyRequest) -> AgentId:
        """Whose key it is. Raises NotFound `agent_unknown` for a key that may sell and is no agent's."""
        principal = await self._keys.permitted(request)
        if principal.agent_id is None:
            raise NotFound("agent_unknown")
        return principal.agent_id

    def _top_up(self, sold: Sold, locale: str) -> shapes.AgentTopUp:
        quote, order = sold.quote, f"{self._address}/api/v1/orders/{sold.order_id}"
        msisdn = Msisdn(quote.msisdn, quote.country)
        names = {language_tag(one): name for one, name in quote.names.items()}
        return shapes.AgentTopUp(
            order_id=sold.order_id,
            status=sold.status,
            number=quote.msisdn,
            grouped=msisdn.grouped(),
            carrier=Carrier(quote.carrier_id, names),
            product=quote.product,
            face=MoneyShape(quote.face_minor, quote.currency),
            lines=rendering.lines(quote.lines_for(METHOD), locale),
            price=_money(sold.price),
            commission=_money(sold.commission),
            plan=sold.plan,
            float_left=_money(sold.left),
            order_url=order,
            receipt_url=f"{order}/receipt",
            page_url=f"{self._address}/orders/{sold.order_id}",
            created_at=_utc(quote.created_at),
        )

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        problems = (
            "number_missing", "number_unreadable", "number_impossible", "number_invalid", "number_not_served",
            "number_cannot_be_topped_up", "product_unknown", "product_or_amount", "amount_not_offered",
            "amount_too_small", "amount_too_large", "amount_above_cap", "currency_wrong", "confirmation_needed",
            NotFound("agent_unknown"), Forbidden("agent_suspended"), Conflict("agent_currency"),
            Conflict("agent_daily_limit"), Conflict("float_too_low"), Conflict("line_cannot_hold"),
        )  # fmt: skip
        unknown = NotFound("agent_unknown")
        month = (unknown, Invalid("month_unreadable"))
        return [
            Endpoint("POST", f"{_ROOT}/topups", self.sell, "sellTopUp", "Sell a top-up from the float", "Agents",
                     shapes.AgentTopUp, 201, shapes.NewAgentTopUp, keyed=True, permission=_SELL, problems=problems),
            Endpoint("GET", f"{_ROOT}/topups", self.sales, "listAgentSales", "List what was sold", "Agents",
                     shapes.AgentSales, parameters=(_CURSOR,), permission=_SELL,
                     problems=(unknown, Invalid("agent_page_unknown"))),
            Endpoint("GET", f"{_ROOT}/me", self.me, "getAgent", "See the float and how one stands", "Agents",
                     shapes.AgentMe, permission=_SELL, problems=(unknown,)),
            Endpoint("GET", f"{_ROOT}/statement", self.statement, "getAgentStatement", "See a month's statement",
                     "Agents", shapes.AgentStatement, parameters=(_MONTH,), permission=_SELL, problems=month),
            Endpoint("GET", f"{_ROOT}/statement.csv", self.statement_file, "getAgentStatementCsv",
                     "Get a month's movements as CSV", "Agents", "text/csv", parameters=(_MONTH,), permission=_SELL,
                     problems=(*month, Invalid("history_too_long"))),
        ]  # fmt: skip


def _amount(said: MoneyShape | None) -> Money | None:
    try:
        return Money(said.amount_minor, said.currency) if said else None
    except InvalidMoney:
        raise Invalid("currency_unknown", currency=said.currency if said else "") from None


def _me(found: Standing) -> shapes.AgentMe:
    one = found.agent
    limit, alarm = one.daily_limit_minor, one.alarm_minor
    return shapes.AgentMe(
        id=one.id,
        name=one.name,
        status=one.status.value,
        float_left=_money(found.left),
        sold_today=_money(found.sold_today),
        sold_this_month=_money(found.sold_this_month),
        daily_limit=None if limit is None else MoneyShape(limit, one.currency),
        low_below=None if alarm is None else MoneyShape(alarm, one.currency),
        plan=one.plan,
        zone=one.zone,
    )


def _sale(view: SaleView) -> shapes.AgentSale:
    sale, order = view.sale, view.order
    return shapes.AgentSale(
        order_id=order.id,
        status=order.state.value,
        number=order.msisdn,
        face=MoneyShape(order.face_minor, order.currency),
        price=MoneyShape(sale.amount_minor, sale.currency),
        commission=MoneyShape(sale.commission_minor, sale.currency),
        plan=sale.plan,
        given_back=MoneyShape(sale.back_minor, sale.currency),
        commission_back=MoneyShape(sale.commission_back_minor, sale.currency),
        sold_at=_utc(sale.paid_at),
    )


def _statement(found: Statement, locale: str) -> shapes.AgentStatement:
    currency = found.agent.currency
    return shapes.AgentStatement(
        month=f"{found.month:%Y-%m}",
        since=_utc(found.since),
        until=_utc(found.until),
        complete=found.complete,
        currency=currency,
        opening=SignedMoney(found.opening.amount_minor, currency),
        lines=[
            shapes.StatementLine(purpose, purpose_text(purpose, locale), one.count, SignedMoney(one.minor, currency))
            for purpose, one in found.totals.items()
        ],
        closing=SignedMoney(found.closing.amount_minor, currency),
        zone=found.agent.zone,
    )


def _money(money: Money) -> MoneyShape:
    return MoneyShape(money.amount_minor, money.currency)


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
