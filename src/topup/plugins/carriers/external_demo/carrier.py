"""The port of fulfilment, spoken to the simulated carrier.

What a reply means is read from its signed `code`, never from the HTTP status: this carrier, as real ones do, says with
a 500 that our float ran out. A code on no list here is Unknown.
"""

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec

from topup.fulfilment.ports import (
    Billed,
    CarrierBillLine,
    CarrierBillUnavailable,
    CarrierCapability,
    CarrierEvent,
    CarrierFact,
    Delivery,
    FloatUnavailable,
    Limits,
    Standing,
)
from topup.kernel.ids import FulfilmentId
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Reversed, Throttled, Unknown
from topup.platform.http import Client, Response
from topup.plugins.carriers.external_demo.wire import Distrusted, ExternalDemoSettings, Reply, Wire

_BILL_PAGES: Final = 10_000

_REFUSALS: Final = {
    "NUMBER_NOT_FOUND": Reason.USER,
    "NUMBER_SUSPENDED": Reason.USER,
    "INSUFFICIENT_FLOAT": Reason.CONFIGURATION,
    "PRODUCT_UNKNOWN": Reason.CONFIGURATION,
}
_BILLED: Final = {"COMPLETED": Billed.DELIVERED, "REVERSED": Billed.REVERSED}
# The call itself was turned away: nothing was done for its sake, and nothing is said about what it asks of.
_CALL_TURNED_AWAY: Final = frozenset({"BAD_MAC", "STALE_CALL", "NONCE_USED", "BAD_CALL"})

_Problem = NotSent | Throttled | Unknown


class ExternalDemo:
    """What the plug makes. Raises OSError or ValueError for a bad secret file, ForbiddenAddress for the address."""

    name = "external_demo"
    capabilities = frozenset(CarrierCapability)

    def __init__(self, settings: ExternalDemoSettings, client: Client) -> None:
        client.check_address(settings.base_url)
        self._base = settings.base_url.rstrip("/")
        self._timeout_s = settings.timeout_s
        self._client = client
        self._wire = Wire(settings.secret_file)
        self.limits = Limits(
            minimum_interval=timedelta(seconds=settings.minimum_interval_s),
            horizon=timedelta(seconds=settings.horizon_s),
            absence_proves_after=timedelta(seconds=settings.absence_proves_after_s),
        )

    async def lookup(self, msisdn: str) -> Standing:
        """Whether the number can be topped up; the carrier does not always say."""
        reply = await self._call("GET", f"/lookup/{quote(msisdn, safe='')}", route="lookup")
        return Standing(reply.can_be_topped_up if isinstance(reply, Reply) and reply.code == "OK" else None)

    async def submit(self, delivery: Delivery) -> Outcome:
        """Ask for the credit once. Where the carrier knows the number already, what it says of it is adopted."""
        body = msgspec.json.encode(
            {
                "external_id": delivery.fulfilment_id,
                "msisdn": delivery.msisdn,
                "amount_minor": delivery.amount.amount_minor,
                "currency": delivery.amount.currency,
                "product": delivery.product,
                "callback_url": delivery.notify_url,
            }
        )
        reply = await self._call("POST", "/topups", body, route="submit")
        if not isinstance(reply, Reply):
            return reply
        if reply.code in _CALL_TURNED_AWAY:
            return Refused(Reason.CONFIGURATION, reply.code)
        if reply.external_id != delivery.fulfilment_id:
            return Unknown("the reply is about another delivery")
        if reply.code == "DUPLICATE":
            return await self._adopt(delivery.fulfilment_id)
        return _outcome(reply) or _unlisted(reply)

    async def query(self, fulfilment_id: FulfilmentId) -> Outcome:
        """What became of a delivery; ABSENT where the carrier never had it."""
        reply = await self._call("GET", f"/topups/{quote(fulfilment_id, safe='')}", route="query")
        if not isinstance(reply, Reply):
            return reply
        if reply.external_id != fulfilment_id:
            return Unknown(f"the reply is about another delivery: {reply.code[:40]}")
        if reply.code == "NOT_FOUND":
            return Refused(Reason.ABSENT, reply.code)
        return _outcome(reply) or _unlisted(reply)

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> CarrierEvent:
        """The fact of a callback; none where its code is on no list. Raises CarrierEventRejected."""
        callback = self._wire.callback(headers=headers, body=body, now=now)
        outcome = _outcome(Reply(callback.code, callback.external_id, callback.reference))
        facts = (CarrierFact(FulfilmentId(callback.external_id), outcome),) if outcome else ()
        return CarrierEvent(callback.event_id, facts)

    async def bill(self, day: date) -> list[CarrierBillLine]:
        """Every line of that day, which this carrier counts in UTC. Raises CarrierBillUnavailable."""
        lines: list[CarrierBillLine] = []
        after = ""
        for _ in range(_BILL_PAGES):
            path = f"/bill/{day.isoformat()}?after={quote(after, safe='')}"
            reply = await self._call("GET", path, route="bill")
            if not isinstance(reply, Reply) or reply.code != "OK":
                raise CarrierBillUnavailable(str(reply.code if isinstance(reply, Reply) else reply))
            lines += _bill_lines(reply)
            if not reply.next:
                return lines
            after = reply.next
        raise CarrierBillUnavailable("the bill does not end")

    async def float_balance(self) -> Money:
        """What is left of our float. Raises FloatUnavailable."""
        reply = await self._call("GET", "/float", route="float")
        if not isinstance(reply, Reply) or reply.code != "OK" or reply.amount_minor is None:
            raise FloatUnavailable(str(reply.code if isinstance(reply, Reply) else reply))
        try:
            return Money(reply.amount_minor, reply.currency)
        except InvalidMoney:
            raise FloatUnavailable("the amount cannot be read") from None

    async def aclose(self) -> None:
        """Nothing is held here: connections belong to the client."""

    async def _adopt(self, fulfilment_id: FulfilmentId) -> Outcome:
        """The outcome of what the carrier knows. Never one that would allow sending again: it has it."""
        outcome = await self.query(fulfilment_id)
        resendable = isinstance(outcome, NotSent | Throttled)
        if resendable or (isinstance(outcome, Refused) and outcome.reason is Reason.ABSENT):
            return Unknown("a duplicate, and what became of the first is not told")
        return outcome

    async def _call(self, method: str, path: str, body: bytes = b"", *, route: str) -> Reply | _Problem:
        call = self._wire.call(method=method, path=path, body=body, milliseconds=time.time_ns() // 1_000_000)
        response = await self._client.send(
            method=method,
            url=self._base + path,
            route=f"external_demo.{route}",
            headers=call.headers,
            content=body,
            timeout_s=self._timeout_s,
        )
        if not isinstance(response, Response):
            return response
        try:
            reply = self._wire.reply(call=call, response=response)
        except Distrusted as error:
            return Unknown(str(error))
        return Throttled(max(1, reply.retry_after_s)) if reply.code == "THROTTLED" else reply


def _outcome(reply: Reply) -> Outcome | None:
    """What a listed code means; None for the others."""
    if reply.code == "COMPLETED" and reply.reference:
        return Done(reply.reference)
    if reply.code == "SUBMITTED":
        return Accepted(reply.reference)
    if reply.code == "REVERSED" and reply.reference:
        return Reversed(reply.reference)
    if reply.code in _REFUSALS:
        return Refused(_REFUSALS[reply.code], reply.code)
    return None


def _unlisted(reply: Reply) -> Unknown:
    return Unknown(f"unlisted: {reply.code[:40]}")


def _bill_lines(reply: Reply) -> list[CarrierBillLine]:
    try:
        return [
            CarrierBillLine(
                item.external_id,
                item.reference,
                Money(item.amount_minor, item.currency),
                _BILLED.get(item.code, Billed.NOT_DELIVERED),
                item.at,
            )
            for item in reply.deliveries
        ]
    except InvalidMoney:
        raise CarrierBillUnavailable("an amount cannot be read") from None
