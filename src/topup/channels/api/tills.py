"""Tills over REST: for counters and kiosks whose keys may keep one."""

from typing import Final

import msgspec
from litestar.params import FromPath

from topup.channels.api import shapes
from topup.channels.api import till_shapes as said
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.reading import name_of, permitted, read_json
from topup.channels.api.rendering import encode
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.orders.cash_desk import CashDesk
from topup.payments.cash.records import Session
from topup.payments.cash.tills import Tendered
from topup.people.permissions import Permission
from topup.people.queries import ApiPrincipal
from topup.platform.database import Database
from topup.platform.web import Handlers
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_KEEP: Final = Permission.KEEP_TILL
_TILL: Final = Parameter("till", "path", "Name of a till: lower-case letters, digits, hyphens.", "counter-1")
_NOT_OPEN: Final = Conflict("till_not_open")
_OF_ANOTHER: Final = Conflict("till_of_another")
_KEPT_ALREADY: Final = Conflict("till_kept_already")

_open_till: Final = msgspec.json.Decoder(said.OpenTill)
_take_cash: Final = msgspec.json.Decoder(said.TakeCash)
_pay_back: Final = msgspec.json.Decoder(said.PayBackCash)
_close_till: Final = msgspec.json.Decoder(said.CloseTill)


class Tills(Handlers):
    """Handlers of the routes of tills."""

    def __init__(self, *, cash: CashDesk, database: Database) -> None:
        self._cash = cash
        self._database = database

    async def open(self, request: AnyRequest, till: FromPath[str]) -> Answer:
        """Begin to keep a till."""
        principal = await permitted(request, self._database, _KEEP)
        wish = await read_json(request, _open_till)
        session = await self._cash.open(till=till, float_=_money(wish.float), by=name_of(principal))
        return answer(encode(_session(session)), status=201)

    async def take(self, request: AnyRequest, till: FromPath[str]) -> Answer:
        """Take money for a payment; the same again is answered the same."""
        principal = await permitted(request, self._database, _KEEP)
        wish = await read_json(request, _take_cash)
        only_keeper = _only_keeper(principal)
        taken = await self._cash.take(
            Tendered(wish.payment_id, till, _money(wish.tendered), name_of(principal), wish.no_change, only_keeper)
        )
        return answer(
            encode(
                said.CashTaken(taken.payment_id, _said(taken.amount), _said(taken.change), _said(taken.slip), taken.at)
            )
        )

    async def pay_back(self, request: AnyRequest, till: FromPath[str]) -> Answer:
        """Hand back what is to go back; the same again is answered the same."""
        principal = await permitted(request, self._database, _KEEP)
        wish = await read_json(request, _pay_back)
        back = await self._cash.pay_back(
            refund_id=wish.refund_id, till=till, by=name_of(principal), only_keeper=_only_keeper(principal)
        )
        return answer(encode(said.CashPaidBack(back.id, shapes.Money(back.amount_minor, back.currency))))

    async def close(self, request: AnyRequest, till: FromPath[str]) -> Answer:
        """End keeping a till, by a count."""
        principal = await permitted(request, self._database, _KEEP)
        wish = await read_json(request, _close_till)
        session, at = await self._cash.close(
            till=till, counted=_money(wish.counted), by=name_of(principal), only_keeper=_only_keeper(principal)
        )
        return answer(encode(msgspec.structs.replace(_session(session), closed_at=at)))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("POST", "/api/v1/tills/{till}/sessions", self.open, "openTill", "Begin to keep a till", "Tills",
                     said.TillSession, 201, said.OpenTill, parameters=(_TILL,), permission=_KEEP.value,
                     problems=("till_unreadable", Conflict("till_open"), _KEPT_ALREADY, "till_float",
                               "currency_wrong")),
            Endpoint("POST", "/api/v1/tills/{till}/takings", self.take, "takeCash", "Take money for a payment",
                     "Tills", said.CashTaken, body=said.TakeCash, parameters=(_TILL,), permission=_KEEP.value,
                     problems=(_NOT_OPEN, _OF_ANOTHER, "payment_unknown", Conflict("cash_payment_closed"),
                               "cash_too_little", Conflict("cash_taken_otherwise"), "currency_wrong")),
            Endpoint("POST", "/api/v1/tills/{till}/refunds", self.pay_back, "payBackCash", "Hand money back", "Tills",
                     said.CashPaidBack, body=said.PayBackCash, parameters=(_TILL,), permission=_KEEP.value,
                     problems=(_NOT_OPEN, _OF_ANOTHER, "refund_unknown", Conflict("cash_taken_otherwise"),
                               "currency_wrong")),
            Endpoint("POST", "/api/v1/tills/{till}/close", self.close, "closeTill", "Close a till by a count",
                     "Tills", said.TillSession, body=said.CloseTill, parameters=(_TILL,), permission=_KEEP.value,
                     problems=(_NOT_OPEN, _OF_ANOTHER, "currency_wrong", "till_count")),
        ]  # fmt: skip


def _only_keeper(principal: ApiPrincipal) -> bool:
    """Whether it must keep the till itself: a key of one of the staff is their own hands, a kiosk's is the kiosk."""
    return principal.holder is not None


def _money(wish: shapes.Money) -> Money:
    try:
        return Money(wish.amount_minor, wish.currency)
    except InvalidMoney:
        raise Invalid("currency_wrong", currency=wish.currency) from None


def _said(money: Money) -> shapes.Money:
    return shapes.Money(money.amount_minor, money.currency)


def _session(session: Session) -> said.TillSession:
    float_ = shapes.Money(session.float_minor, session.currency)
    return said.TillSession(session.id, session.till, float_, session.opened_at, session.closed_at)
