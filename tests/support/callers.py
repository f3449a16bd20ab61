"""People who top up over REST while topup is being killed: each keeps its Idempotency-Keys and asks again until it is
answered, as a good client does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.support.chaos import Topup
from tests.support.simulators import until
from topup_simulators.carrier.endings import Ending

_PAUSE_S = 0.05
_LOOK_S = 0.6
_PATIENCE_S = 300.0

REFUSED = {Ending.NOT_FOUND, Ending.SUSPENDED, Ending.FLOAT_OUT, Ending.PRODUCT, Ending.REFUSED_LATER, Ending.REVERSED}
NEVER_DONE = {Ending.SILENT_UNDONE, Ending.HANGS_UP_UNDONE, Ending.UNLISTED_UNDONE}


class WrongAnswer(AssertionError):
    """topup answered as it never should."""


@dataclass
class Caller:
    """One client of one topup; `asked` counts requests, `repeated` those that had to be sent again."""

    topup: Topup
    client: httpx.AsyncClient
    asked: int = 0
    repeated: int = 0

    async def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> httpx.Response:
        """The answer, asked for until there is one."""
        headers = {"Idempotency-Key": key} if key else {}
        self.asked += 1
        while True:
            await self.topup.is_up.wait()
            try:
                answer = await self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and not _is_to_be_repeated(answer):
                return answer
            self.repeated += 1
            await asyncio.sleep(_PAUSE_S)

    async def get(self, method: str, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        """What a good answer says; another one is WrongAnswer."""
        answer = await self.ask(method, path, body, key=key)
        if not answer.is_success:
            raise WrongAnswer(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


def _is_to_be_repeated(answer: httpx.Response) -> bool:
    if answer.status_code == 500:
        raise WrongAnswer(f"{answer.request.url.path}: {answer.text}")
    if answer.status_code == 409:
        return answer.json()["code"] == "request_running"
    return answer.status_code in {502, 503, 504}


@dataclass
class Journey:
    """One person's top-up, from the number to its end. `allowed` are the ends it may have."""

    caller: Caller
    kind: str
    number: str
    amount_minor: int
    currency: str
    allowed: set[str]
    keys: str = field(default_factory=lambda: uuid4().hex)
    order_id: str | None = None
    payments: list[str] = field(default_factory=list)
    status: str = "quoted"

    async def order(self) -> str:
        """Order, ask once more under the same key, and hear the same."""
        amount = {"amount_minor": self.amount_minor, "currency": self.currency}
        quote = await self.caller.get("POST", "/api/v1/quotes", {"number": self.number, "amount": amount})
        body = {
            "quote_id": quote["id"],
            "contact": f"{self.keys}@example.com",
            "confirmations": ["duplicate", "large_amount"],
        }
        first = await self.caller.get("POST", "/api/v1/orders", body, key=f"order-{self.keys}")
        again = await self.caller.get("POST", "/api/v1/orders", body, key=f"order-{self.keys}")
        if first != again:
            raise WrongAnswer(f"two answers for one key: {first} and {again}")
        self.order_id = first["id"]
        return first["id"]

    async def begin(self, attempt: int = 1) -> str:
        """Begin to pay; gives the payment's id."""
        path = f"/api/v1/orders/{self.order_id}/payments"
        payment = await self.caller.get("POST", path, {"method": "sandbox"}, key=f"pay-{attempt}-{self.keys}")
        self.payments.append(payment["id"])
        return payment["id"]

    async def act(self, payment_id: str, outcome: str) -> None:
        """What the payer does on the pay page. Done before, and not heard of: that is done as well."""
        answer = await self.caller.ask("POST", f"/sandbox/payments/{payment_id}", {"outcome": outcome})
        if not answer.is_success and answer.json()["code"] != "outcome_refused":
            raise WrongAnswer(f"{outcome}: {answer.text}")

    async def see(self) -> str:
        """Where the order stands."""
        self.status = (await self.caller.get("GET", f"/api/v1/orders/{self.order_id}"))["status"]
        return self.status

    async def wait(self) -> None:
        """Watch until it is at its end."""
        while await self.see() not in self.allowed:
            if self.status == "refunded":
                raise WrongAnswer(f"{self.kind} {self.order_id} ended {self.status}")
            await asyncio.sleep(_LOOK_S)


Course = Callable[[Journey], Awaitable[None]]


async def _pays(journey: Journey) -> None:
    await journey.order()
    await journey.act(await journey.begin(), "pay")
    await journey.wait()


async def _pays_twice(journey: Journey) -> None:
    await journey.order()
    await journey.act(await journey.begin(), "twice")
    await journey.wait()


async def _pays_by_two_attempts(journey: Journey) -> None:
    await journey.order()
    first, second = await journey.begin(1), await journey.begin(2)
    await asyncio.gather(journey.act(first, "pay"), journey.act(second, "pay"))
    await journey.wait()


async def _pays_unheard(journey: Journey) -> None:
    await journey.order()
    await journey.act(await journey.begin(), "silent")
    await journey.wait()


async def _pays_too_little(journey: Journey) -> None:
    await journey.order()
    payment = await journey.begin()
    await journey.act(payment, "pay")
    await journey.caller.topup.expire(journey.order_id)
    await journey.wait()


async def _pays_unheard_and_cancels(journey: Journey) -> None:
    await journey.order()
    await journey.act(await journey.begin(), "silent")
    await journey.caller.ask("POST", f"/api/v1/orders/{journey.order_id}/cancel")
    await journey.wait()


async def _pays_late(journey: Journey) -> None:
    await journey.order()
    payment = await journey.begin()
    await journey.act(payment, "late")
    await journey.caller.topup.expire(journey.order_id)
    await journey.wait()


async def _hesitates(journey: Journey) -> None:
    """Is asked about before anything is paid."""
    await journey.order()
    payment = await journey.begin()
    asked = journey.caller.topup.was_asked_about
    await until(lambda: asked(payment), bool, patience_s=_PATIENCE_S)
    await journey.act(payment, "pay")
    await journey.wait()


async def _is_declined_once(journey: Journey) -> None:
    await journey.order()
    await journey.act(await journey.begin(1), "decline")
    await journey.act(await journey.begin(2), "pay")
    await journey.wait()


async def _cancels(journey: Journey) -> None:
    await journey.order()
    await journey.begin()
    await journey.caller.get("POST", f"/api/v1/orders/{journey.order_id}/cancel")
    await journey.wait()


async def _cancels_while_paying(journey: Journey) -> None:
    await journey.order()
    payment = await journey.begin()
    cancelling = journey.caller.ask("POST", f"/api/v1/orders/{journey.order_id}/cancel")
    answer, _ = await asyncio.gather(cancelling, journey.act(payment, "pay"))
    if answer.status_code not in {200, 409}:
        raise WrongAnswer(answer.text)
    await journey.wait()


async def _pays_cancels_and_expires(journey: Journey) -> None:
    await journey.order()
    payment = await journey.begin()
    cancelling = journey.caller.ask("POST", f"/api/v1/orders/{journey.order_id}/cancel")
    expiring = journey.caller.topup.expire(journey.order_id)
    answer, _, _ = await asyncio.gather(cancelling, journey.act(payment, "pay"), expiring)
    if answer.status_code not in {200, 409}:
        raise WrongAnswer(answer.text)
    await journey.wait()


async def _lets_it_expire(journey: Journey) -> None:
    await journey.order()
    await journey.begin()
    await journey.caller.topup.expire(journey.order_id)
    await journey.wait()


DELIVERED = {"delivered"}
OWN: dict[str, tuple[Course, int, set[str]]] = {
    # What happens, the amount (its last two digits are the gateway's magic), and how it may end.
    "pays": (_pays, 5000, DELIVERED),
    "pays twice, refunded slowly": (_pays_twice, 5084, DELIVERED),
    "pays twice, hung up on before the refund": (_pays_twice, 5085, DELIVERED),
    "pays twice, hung up on after the refund": (_pays_twice, 5086, DELIVERED),
    "pays by two attempts": (_pays_by_two_attempts, 3000, DELIVERED),
    "pays unheard": (_pays_unheard, 2000, DELIVERED),
    "pays unheard and cancels": (_pays_unheard_and_cancels, 2000, DELIVERED),
    "pays late": (_pays_late, 2000, {"expired", "delivered"}),
    "hesitates": (_hesitates, 1000, DELIVERED),
    "is declined once": (_is_declined_once, 1000, DELIVERED),
    "pays too little": (_pays_too_little, 1095, {"expired"}),
    "is notified again and again": (_pays, 1094, DELIVERED),
    "is forged first": (_pays, 1097, DELIVERED),
    "closed, then paid": (_pays, 1088, DELIVERED),
    "cancels": (_cancels, 1000, {"cancelled"}),
    "cancels while paying": (_cancels_while_paying, 1000, {"cancelled", "delivered"}),
    "pays, cancels and expires at once": (
        _pays_cancels_and_expires,
        1000,
        {"cancelled", "delivered", "expired"},
    ),
    "lets it expire": (_lets_it_expire, 1000, {"expired"}),
}


def own(caller: Caller, kind: str, number: int) -> tuple[Journey, Course]:
    """A journey to a number of the own networks; `number` tells people apart."""
    course, amount_minor, allowed = OWN[kind]
    return Journey(caller, kind, f"1380013{number % 10_000:04}", amount_minor, "CNY", allowed), course


def abroad(caller: Caller, ending: int, number: int) -> tuple[Journey, Course]:
    """A journey to a number of the simulated carrier, whose ending decides how that behaves."""
    if ending == Ending.NEVER_FINAL:
        allowed = {"needs_person"}
    elif ending in REFUSED | NEVER_DONE:
        allowed = {"refunded"}
    else:
        # Killed at the same moment of three attempts, the carrier is called unreachable and the money goes back.
        allowed = {"delivered", "refunded"}
    text = f"+65812{number % 1000:03}{ending:02}"
    return Journey(caller, f"ending {ending}", text, 500, "SGD", allowed), _pays
