"""G25: at no door can a stranger learn whether a number has an account, or a line: one answer, as long, in one time."""

import asyncio
import random
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from tests.support.desk import LANES
from tests.support.subscribers import Front, front_at
from tests.support.telling import curve
from topup.channels.web.visitors import FORM_TOKEN
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.people import credentials
from topup.people.subscribers import accounts
from topup.people.subscribers.devices import form_token_of

KNOWN = [f"1387777{number:04}" for number in range(20)]
UNKNOWN = [f"1387778{number:04}" for number in range(20)]
ROUNDS = 8
PASSWORD = "haiou zai fei 77"


@dataclass
class Stranger:
    """Somebody with a browser, who may have an account of their own, and a clock."""

    client: httpx.AsyncClient
    front: Front
    form_token: str

    async def sends(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data={FORM_TOKEN: self.form_token, **fields})


@pytest.fixture(scope="module")
async def stranger(site):
    """Twenty numbers with accounts, lines and passwords, twenty without; and a stranger who is signed in as another."""
    async with front_at(site) as front:
        hashed = await credentials.hashed(PASSWORD)
        async with front.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            for place, text in enumerate(KNOWN):
                e164 = parse_msisdn(text).e164
                made = await accounts.create(
                    connection, front.keyring, e164=e164, locale="en", elder=False, lane=1, now=now
                )
                if place % 2:
                    await connection.execute(
                        "UPDATE people.subscribers SET password = %s WHERE id = %s", (hashed, made)
                    )
            lines = [(parse_msisdn(text), "qingfeng", "Asia/Shanghai") for text in KNOWN]
            await open_lines(connection, lines, now, lanes=LANES)
        entered = await front.enter("13877790000")
        headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers) as client:
            yield Stranger(client, front, form_token_of(entered.token))


async def by_asking(stranger, number):
    return lambda: stranger.client.post("/account/sign-in", data={"number": number}, headers={"cookie": ""})


async def by_a_wrong_code(stranger, number):
    asked = await stranger.client.post("/account/sign-in", data={"number": number}, headers={"cookie": ""})
    path = asked.headers["location"]
    assert path.startswith("/account/code/"), asked.headers
    return lambda: stranger.client.post(path, data={"code": "000000"}, headers={"cookie": ""})


async def by_a_wrong_password(stranger, number):
    fields = {"number": number, "password": "not the right one"}
    return lambda: stranger.client.post("/account/sign-in/password", data=fields, headers={"cookie": ""})


async def by_binding(stranger, number):
    return lambda: stranger.sends("/account/lines", number=number)


async def by_a_wrong_code_for_a_line(stranger, number):
    asked = await stranger.sends("/account/lines", number=number)
    path = asked.headers["location"]
    assert path.startswith("/account/codes/"), asked.headers
    return lambda: stranger.sends(path, code="000000")


async def by_moving_there(stranger, number):
    return lambda: stranger.sends("/account/number", number=number)


async def by_a_wrong_code_for_a_number(stranger, number):
    asked = await stranger.sends("/account/number", number=number)
    path = asked.headers["location"]
    assert path.startswith("/account/codes/"), asked.headers
    return lambda: stranger.sends(path, code="000000")


DOORS = [
    by_asking,
    by_a_wrong_code,
    by_a_wrong_password,
    by_binding,
    by_a_wrong_code_for_a_line,
    by_moving_there,
    by_a_wrong_code_for_a_number,
]


@asynccontextmanager
async def timed(times):
    started = time.perf_counter()
    yield
    times.append(time.perf_counter() - started)


def shape(answer: httpx.Response) -> tuple[object, ...]:
    """All that can be seen of an answer, but for what is new each time: an id, a time, a token of some length."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    headers["location"] = re.sub(r"[\w-]{60,}", lambda token: str(len(token[0])), headers.get("location", ""))
    return answer.status_code, answer.content, tuple(sorted(headers.items()))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
async def test_a_number_with_an_account_looks_like_one_without(stranger, figures, door):
    times: dict[bool, list[float]] = {True: [], False: []}
    shapes = set()
    chance = random.Random(25)
    asked = [(number, number in KNOWN) for number in KNOWN + UNKNOWN]
    for turn in range(ROUNDS + 1):
        chance.shuffle(asked)
        for number, has_account in asked:
            await stranger.front.forget_counts()
            knock = await door(stranger, number)
            found: list[float] = []
            async with timed(found):
                answer = await knock()
            shapes.add(shape(answer))
            if turn:
                times[has_account] += found
    area = curve(times[True], times[False])
    figures(
        "G25",
        door=door.__name__,
        answers=f"{len(times[True])}+{len(times[False])}",
        kinds=len(shapes),
        AUC=f"{area:.3f}",
    )
    assert len(shapes) == 1, shapes
    assert 0.35 < area < 0.65


async def test_an_unknown_passkey_is_refused_like_a_wrong_one(stranger, site):
    """At a name: a bare address has no passkeys."""
    headers = {"cookie": "", "host": site.url.removeprefix("http://").replace("127.0.0.1", "localhost")}
    fields = {"client_data": "AAAA", "authenticator_data": "AAAA", "signature": "AAAA"}
    shapes = set()
    for one in ("AAAA", "BBBB", "", "no base64 at all"):
        data = {**fields, "id": one}
        shapes.add(shape(await stranger.client.post("/account/sign-in/passkey", data=data, headers=headers)))
    assert len(shapes) == 1
    assert next(iter(shapes))[0] == 303


async def test_asking_looks_nobody_up(stranger):
    """What the figures show only on a quiet machine: where nobody can look into accounts and lines, a code is sent."""
    front = stranger.front
    await front.forget_counts()
    async with await psycopg.AsyncConnection.connect(front.database.url) as keeper, asyncio.timeout(10):
        await keeper.execute("LOCK TABLE people.subscribers, lines.lines, lines.numbers, lines.owners")
        for number in (KNOWN[0], UNKNOWN[0]):
            assert await front.entrance.ask(parse_msisdn(number), address="192.0.2.1", locale="en")
        await keeper.rollback()
