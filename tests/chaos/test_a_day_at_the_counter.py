"""A day at a counter through HTTP: clerks sell for cash and by code, lose their connection, give money back, and the
server is killed with -9 meanwhile. Whoever was not answered sends the same form again. In the end drawers, gateway,
lines and ledger agree to the cent.

Seeded; the seed is printed. `make soak` has a longer day.
"""

import asyncio
import contextlib
import os
import random
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pyotp
import pytest

from tests.support.chaos import Topup, topup_at
from tests.support.database import settings_for
from topup.ledger.audit import audit
from topup.ledger.queries import house_balances
from topup.people import administration, credentials
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.shops.queries import Directories

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]
PASSWORD = "four words nobody knows"
FLOAT, SAFE, BACK = 20_000, 10_000, 500
PATIENCE_S = 90.0


@pytest.fixture
async def topup(data_dir, database_url) -> AsyncIterator[Topup]:
    """Not started yet."""
    unlimited = {"TOPUP_WEB_CONSOLE_PER_MINUTE": "0", "TOPUP_WEB_SIGN_INS_PER_MINUTE": "0"}
    async with topup_at(data_dir, database_url, TOPUP_DATABASE_URL=database_url, **unlimited) as installed:
        yield installed


@dataclass
class Till:
    """A clerk and a drawer, and what should be in it."""

    topup: Topup
    login: str
    secret: str
    shop: str
    number: int
    chance: random.Random
    client: httpx.AsyncClient
    token: str = ""
    cash: int = FLOAT
    by_code: int = 0
    sold: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    last_cash: str = ""

    async def code(self) -> str:
        """What the device shows, though the clerk's last code is from this very half minute."""
        await self.topup.sql(f"UPDATE people.staff SET totp_step = 0 WHERE login = '{self.login}'")
        return pyotp.TOTP(self.secret).now()

    async def gives_back(self, supervisor: "Till") -> None:
        """Five yuan of the last sale for cash go back: asked for, decided by another, handed over after a document."""
        order = re.search(r"ord_[0-9a-z]{26}", (await self.asks("GET", self.last_cash)).text)[0]
        path = f"/counter/orders/{order}"
        asked = await self.goes(f"{path}/refund", amount="5", reason="Too much", form="r1", code=await self.code())
        await supervisor.goes(asked, decision="approve", note="")
        async with asyncio.timeout(PATIENCE_S):
            while (found := re.search(r'name="refund" value="(ref_\w+)"', (await self.asks("GET", path)).text)) is None:
                await self.topup.time_passes()
                await asyncio.sleep(0.2)
        document = {"document": "passport", "document_number": "E123456789"}
        await self.goes(f"{path}/hand-back", refund=found[1], code=await self.code(), **document)
        self.cash -= BACK

    async def signs_in(self) -> None:
        await self.goes("/console/sign-in", login=self.login, password=PASSWORD, code=await self.code())
        page = (await self.asks("GET", "/console/me")).text
        self.token = re.search(r'name="form_token" value="([^"]+)"', page)[1]

    async def asks(self, method: str, path: str, **fields: str) -> httpx.Response:
        """Ask until there is an answer: the same again where the connection or the server was lost."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    data = {"form_token": self.token} | fields if method == "POST" else None
                    answer = await self.client.request(method, path, data=data)
                    if answer.status_code < 500 and not (
                        answer.status_code == 409 and "still being worked on" in answer.text
                    ):
                        return answer
                self.repeated += 1
                await asyncio.sleep(0.1)

    async def goes(self, path: str, **fields: str) -> str:
        """Send a form; where it leads."""
        answer = await self.asks("POST", path, **fields)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def opens(self) -> None:
        await self.signs_in()
        await self.goes("/counter/open", shop=self.shop, till=str(self.number), float="200", currency="CNY")

    async def sells(self, number: str) -> None:
        """One sale: for cash with change, or by a code that the customer scans; now and then the line breaks."""
        amount = self.chance.choice([1000, 2000, 5000, 10000])
        line = await self.goes("/counter/find", q=number)
        sale = await self.goes(line, choice=f"credit:{amount}")
        if self.chance.random() < 0.25:
            await self.goes(f"{sale}/pay", way="sandbox", form=f"k-{number}")
            order = re.search(r"ord_[0-9a-z]{26}", (await self.asks("GET", sale)).text)[0]
            await self._scanned(order)
            self.by_code += amount
        else:
            tendered = amount + self.chance.choice([0, 0, 500, 5000])
            wish = {"tendered": f"{tendered / 100:.2f}"}
            if self.chance.random() < 0.2:
                with contextlib.suppress(httpx.TransportError):
                    await self.client.post(f"{sale}/cash", data={"form_token": self.token} | wish, timeout=0.003)
            self.last_cash = await self.goes(f"{sale}/cash", **wish)
            self.cash += amount
        self.sold[number] = amount

    async def _scanned(self, order: str) -> None:
        payment = (await self.asks("GET", f"/api/v1/orders/{order}")).json()["payments"][-1]["id"]
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    path = f"/sandbox/payments/{payment}"
                    answer = await self.client.post(path, json={"outcome": "pay"})
                    if answer.status_code < 500:
                        assert answer.is_success, answer.text
                        return
                await asyncio.sleep(0.1)

    async def closes(self) -> None:
        """Bring some to the safe, and count what is there."""
        await self.goes("/counter/drawer/move", why="safe", amount="100", reason="Evening", form=f"safe-{self.number}")
        self.cash -= SAFE
        answer = await self.asks("POST", "/counter/drawer/close", counted=f"{self.cash / 100:.2f}")
        # Counted once: whoever was not answered finds the drawer closed.
        assert answer.status_code == 303 or "Open a drawer first" in answer.text, answer.text


@contextlib.asynccontextmanager
async def books(topup: Topup):
    async with Database.open(settings=settings_for(topup.database), migrating=False) as database:
        yield database


async def hired(topup: Topup, count: int, chance: random.Random) -> list[Till]:
    keyring, tills = KeyRing(topup.data_dir / "keys"), []
    async with books(topup) as database, database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        directory = await Directories().current(connection)
        shop = next(place.id for place in directory.places if place.kind == "hall")
        for number in range(count + 1):
            role = Role.CLERK if number else Role.SUPERVISOR
            login, secret = f"{role.value}-{number}", credentials.new_secret()
            invited = await administration.add(connection, login=login, role=role, by="cli", now=now)
            await enrol_at_once(connection, keyring, invited, password=PASSWORD, secret=secret, now=now)
            headers = {"accept": "text/html", "accept-language": "en"}
            client = httpx.AsyncClient(base_url=topup.url, trust_env=False, timeout=15, headers=headers)
            own = random.Random(chance.random())
            tills.append(Till(topup, login, secret, shop, number, own, client))
    return tills


async def killed_now_and_then(topup: Topup, chance: random.Random, times: int) -> None:
    """kill -9, and a start a little later."""
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        await topup.kill()
        await topup.time_passes_while_dead()
        await topup.start()


@pytest.mark.timeout(280)
async def test_a_day_at_the_counter_ends_with_drawers_gateway_lines_and_ledger_agreeing(topup):
    await a_day(topup, tills=2, sales=12, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_long_day_at_the_counter(topup):
    await a_day(topup, tills=4, sales=100, kills=10)


async def a_day(topup: Topup, *, tills: int, sales: int, kills: int) -> None:
    seed = int(os.environ.get("TOPUP_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    await topup.start()
    supervisor, *staff = await hired(topup, tills, chance)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(supervisor.client)
        await supervisor.signs_in()
        for till in staff:
            await stack.enter_async_context(till.client)
            await till.opens()

        async def works(till: Till) -> None:
            for turn in range(sales):
                await till.sells(f"1381{till.number:03}{turn:04}")

        await asyncio.gather(*(works(till) for till in staff), killed_now_and_then(topup, chance, kills))
        await settled(topup, staff)
        await asyncio.gather(*(till.gives_back(supervisor) for till in staff))
        await asyncio.gather(*(till.closes() for till in staff))
    await agrees(topup, staff)
    count = sum(len(till.sold) for till in staff)
    print(f"G11 counter_sales={count} kills={kills} repeated={sum(till.repeated for till in staff)} differences=0")


async def settled(topup: Topup, staff: list[Till]) -> None:
    """Every sale is delivered, for what the gateway said is heard."""
    wanted = sum(len(till.sold) for till in staff)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            delivered = await topup.value("SELECT count(*) FROM orders.orders WHERE state = 'delivered'")
            if delivered == wanted:
                return
            await topup.outside.hasten()
            await topup.time_passes()
            await asyncio.sleep(0.3)


async def agrees(topup: Topup, staff: list[Till]) -> None:
    """The drawers were counted without a difference, and every book says the same."""
    async with books(topup) as database, database.read() as transaction:
        connection = transaction.connection
        cursor = await connection.execute("SELECT till, counted_minor, difference_minor FROM payments.till_sessions")
        counts = {till: (counted, difference) for till, counted, difference in await cursor.fetchall()}
        assert counts == {f"{till.shop}-{till.number}": (till.cash, 0) for till in staff}
        cursor = await connection.execute(
            "SELECT n.msisdn, sum(b.balance)::bigint FROM ledger.buckets b JOIN lines.numbers n USING (line_id)"
            " WHERE b.asset = 'CNY' AND b.kind = 'main' AND n.msisdn LIKE '+861381%' GROUP BY 1"
        )
        credited = dict(await cursor.fetchall())
        assert credited == {f"+86{number}": amount for till in staff for number, amount in till.sold.items()}
        accounts = {code: balance for (code, asset), balance in (await house_balances(connection)).items() if balance}
        report = await audit(connection)
    assert report.sound, report.faults
    assert not [code for code in accounts if code.startswith("drawer:")], "nothing is left in a drawer"
    took = sum(till.cash - FLOAT + SAFE for till in staff)
    assert accounts["safe"] == -took, "what was sold for cash is in the safe"
    assert "clearing:cash" not in accounts
    assert accounts["clearing:sandbox"] == -sum(till.by_code for till in staff)
    charges = topup.outside.folder / "gateway" / "gateway.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{charges}?mode=ro", uri=True)) as connection:
        [charged] = connection.execute("SELECT coalesce(sum(amount_minor), 0) FROM charges").fetchone()
    assert charged == sum(till.by_code for till in staff), "the gateway has what was paid by code"
