"""The counter of a running site: clerks who can sign in, drawers that are open, and what they do through HTTP."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyotp
import pytest

from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.cash import records
from topup.people import administration, credentials
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once
from topup.shops.queries import Directories

PASSWORD = "four words nobody knows"


@dataclass
class Clerk:
    """Somebody at the counter, with a browser of their own."""

    id: str
    login: str
    role: Role
    secret: str
    client: httpx.AsyncClient
    site: Any
    token: str = ""
    till: str = ""

    async def code(self, *, ahead: int = 0) -> str:
        async with self.site.transaction() as transaction:
            return pyotp.TOTP(self.secret).at(int(transaction.now.timestamp()) + 30 * ahead)

    async def signs_in(self) -> None:
        fields = {"login": self.login, "password": PASSWORD, "code": await self.code()}
        answer = await self.client.post("/console/sign-in", data=fields)
        assert answer.status_code == 303, answer.text
        page = (await self.client.get("/counter/open")).text
        found = re.search(r'name="form_token" value="([^"]+)"', page)
        self.token = found[1] if found else ""

    async def posts(self, path: str, **fields: Any) -> httpx.Response:
        return await self.client.post(path, data={"form_token": self.token} | fields)

    async def opens(self, *, shop: str, number: int, float_: str = "200") -> httpx.Response:
        self.till = f"{shop}-{number}"
        if number in _handed_out:
            _handed_out.discard(number)
            await self.frees(self.till)
        return await self.posts("/counter/open", shop=shop, till=str(number), float=float_, currency="CNY")

    async def frees(self, till: str) -> None:
        """Count and close a till that a test before left open: there are fewer numbers than tests."""
        async with self.site.transaction() as transaction:
            session = await records.open_session(transaction.connection, till)
            if session is None:
                return
            counted = Money(await records.expected(transaction.connection, session), session.currency)
        await self.site.within(self.site.house.desk.cash.close(till=till, counted=counted, by=session.opened_by))

    async def finds(self, text: str) -> str:
        """The path that a search leads to."""
        answer = await self.posts("/counter/find", q=text)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def quotes(self, number: str, choice: str = "credit:5000") -> str:
        """The path of a sale with its price."""
        answer = await self.posts(await self.finds(number), choice=choice)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def takes(self, sale: str, tendered: str = "50", **more: Any) -> httpx.Response:
        return await self.posts(f"{sale}/cash", tendered=tendered, **more)

    async def sees(self, path: str) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(autouse=True)
async def _first_attempts(site):
    """All tests come from one address, whose earlier attempts are not theirs."""
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM people.sign_in_attempts")


@pytest.fixture
async def staff(site):
    """Hires somebody of a role and signs them in; nothing is followed."""
    clients = []

    async def hired(role: Role = Role.CLERK) -> Clerk:
        login, secret = f"{role.value}-{new_id('staff', 0)[-6:]}", credentials.new_secret()
        async with site.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            invited = await administration.add(connection, login=login, role=role, by="cli", now=now)
            keyring = site.house.store.keyring
            await enrol_at_once(connection, keyring, invited, password=PASSWORD, secret=secret, now=now)
        headers = {"accept": "text/html", "accept-language": "en"}
        clients.append(httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers))
        clerk = Clerk(invited.id, login, role, secret, clients[-1], site)
        await clerk.signs_in()
        return clerk

    yield hired
    for client in clients:
        await client.aclose()


@pytest.fixture
async def shop(site) -> str:
    """A place of the demonstration's directory that has a counter."""
    async with site.transaction() as transaction:
        directory = await Directories().current(transaction.connection)
    return next(place.id for place in directory.places if place.kind == "hall")


@pytest.fixture
async def elsewhere(site, a_number):
    """An order that a guest began on a device of their own: its number, its id and its code to pay by."""
    number = a_number()
    wish = {"number": number, "amount": {"amount_minor": 5000, "currency": "CNY"}}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, headers={"Idempotency-Key": number}) as guest:
        quote = (await guest.post("/api/v1/quotes", json=wish)).json()
        order = (await guest.post("/api/v1/orders", json={"quote_id": quote["id"]})).json()
    code = await site.within(site.house.desk.elsewhere.code(order_id=order["id"]))
    return number, order["id"], code


_numbers = itertools.cycle(range(1, 99))
_handed_out: set[int] = set()


def _another_till() -> int:
    number = next(_numbers)
    _handed_out.add(number)
    return number


@pytest.fixture
async def clerk(staff, shop) -> Clerk:
    """A clerk whose drawer is open with 200 yuan."""
    found = await staff()
    answer = await found.opens(shop=shop, number=_another_till())
    assert answer.status_code == 303, answer.text
    return found


@pytest.fixture
def till_number() -> Callable[[], int]:
    return _another_till


@pytest.fixture
async def ceiling(staff, shop, till_number):
    """Says the shop's ceiling as a supervisor who keeps a till there; in the end there is none."""
    supervisor = await staff(Role.SUPERVISOR)
    assert (await supervisor.opens(shop=shop, number=till_number())).status_code == 303

    async def say(most: str):
        answer = await supervisor.posts("/counter/drawer/ceiling", most=most)
        assert answer.status_code == 303, answer.text

    yield say
    await say("")


def path_of(address: str) -> str:
    return urlsplit(address).path
