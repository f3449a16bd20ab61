"""The console of a running site, and staff of every role who can sign in."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pyotp
import pytest

from tests.support.simulators import until
from topup.kernel.ids import new_id
from topup.people import administration, credentials
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once

PASSWORD = "four words nobody knows"


@dataclass(frozen=True)
class Person:
    """Somebody who works here, as they know themselves."""

    id: str
    login: str
    role: Role
    secret: str

    def code(self, now: float) -> str:
        return pyotp.TOTP(self.secret).at(int(now))


@pytest.fixture
async def hire(site):
    """Hires somebody of a role, ready to sign in."""
    store = site.house.store

    async def hired(role: Role) -> Person:
        login = f"{role.value}-{new_id('staff', 0)[-6:]}"
        secret = credentials.new_secret()
        async with site.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            invited = await administration.add(connection, login=login, role=role, by="cli", now=now)
            await enrol_at_once(connection, store.keyring, invited, password=PASSWORD, secret=secret, now=now)
        return Person(invited.id, login, role, secret)

    return hired


@pytest.fixture
async def now(site) -> Callable:
    async def told() -> float:
        async with site.transaction() as transaction:
            return transaction.now.timestamp()

    return told


@pytest.fixture(autouse=True)
async def _first_attempts(site):
    """All tests come from one address, whose earlier attempts are not theirs."""
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM people.sign_in_attempts")


@pytest.fixture
async def browser(site):
    """Fresh browsers; nothing is followed."""
    opened: list[httpx.AsyncClient] = []

    def one() -> httpx.AsyncClient:
        headers = {"accept": "text/html", "accept-language": "en"}
        opened.append(httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers))
        return opened[-1]

    yield one
    for client in opened:
        await client.aclose()


async def sign_in(client: httpx.AsyncClient, person: Person, now: float, **other: str) -> httpx.Response:
    fields = {"login": person.login, "password": PASSWORD, "code": person.code(now)} | other
    return await client.post("/console/sign-in", data=fields)


@pytest.fixture
async def enter(browser, hire, now):
    """A browser in which somebody of a role is signed in, and who that is."""

    async def entered(role: Role) -> tuple[httpx.AsyncClient, Person]:
        client, person = browser(), await hire(role)
        answer = await sign_in(client, person, await now())
        assert answer.status_code == 303, answer.text
        return client, person

    return entered


async def form_token(client: httpx.AsyncClient, path: str = "/console/work") -> str:
    page = await client.get(path)
    return re.search(r'name="form_token" value="([^"]+)"', page.text)[1]


@pytest.fixture
async def topped_up(site, a_number):
    """A top-up that was paid in the sandbox and delivered: order, payment, the gateway's reference, receipt, number."""
    number = a_number()
    return *await tops_up(site, number), number


async def tops_up(site, number: str) -> tuple[str, str]:
    """A top-up of a number that was paid in the sandbox and delivered: its order and payment."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        quoted = await guest.post("/quotes", data={"number": number, "choice": "credit:5000"})
        quote = quoted.headers["location"]
        key = re.search(r'name="key" value="([^"]+)"', (await guest.get(quote)).text)[1]
        begun = await guest.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
        _, _, order_id, _, payment_id = begun.headers["location"].split("/")
    view = await site.within(site.house.desk.get_order(order_id=order_id))
    form = view.payments[0].action.url.partition("?")[2]
    async with httpx.AsyncClient(base_url=site.gateway_url, trust_env=False) as payer:
        wish = {"outcome": "pay", "form": form, "notify_url": f"{site.url}/webhooks/sandbox"}
        paid = await payer.post(f"/control/payments/{payment_id}", json=wish)
        assert paid.status_code == 200, paid.text

    async def delivered():
        return (await site.within(site.house.desk.get_order(order_id=order_id))).status

    await until(delivered, lambda status: status == "delivered")
    return order_id, payment_id
