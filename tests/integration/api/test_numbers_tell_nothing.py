"""G25: a stranger cannot learn from `numbers/` whether a number has a line: same status, same body, same time."""

import random
import time

from tests.support.telling import curve
from topup.catalogue.queries import CatalogueCache
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.lines.queries import route

from .conftest import LANES, OPENED, UNOPENED

NUMBERS = 40
ROUNDS = 15


async def test_a_number_with_a_line_looks_like_one_without(still_api):
    known = [f"138{number:08d}" for number in range(20_000_000, 20_000_000 + NUMBERS)]
    unknown = [f"138{number:08d}" for number in range(30_000_000, 30_000_000 + NUMBERS)]
    async with still_api.database.transaction() as transaction:
        wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in known]
        assert len(await open_lines(transaction.connection, wanted, transaction.now, lanes=LANES)) == NUMBERS
    times: dict[bool, list[float]] = {True: [], False: []}
    answers = set()
    asked = [(number, number in known) for number in known + unknown]
    chance = random.Random(25)
    for round_number in range(ROUNDS + 1):
        chance.shuffle(asked)
        for number, has_line in asked:
            started = time.perf_counter()
            answer = await still_api.client.get(f"/api/v1/numbers/{number}")
            elapsed = time.perf_counter() - started
            said = {name: value for name, value in answer.json().items() if name not in {"number", "grouped"}}
            headers = sorted(set(answer.headers) - {"date", "x-request-id"})
            answers.add((answer.status_code, len(answer.content), str(said), str(headers)))
            if round_number:
                times[has_line].append(elapsed)
    area = curve(times[True], times[False])
    print(f"G25 answers={len(times[True])}+{len(times[False])} kinds={len(answers)} AUC={area:.3f}")
    assert len(answers) == 1
    assert 0.4 < area < 0.6


async def test_the_same_questions_are_asked_for_both(still_api):
    """What the figure above shows only on a quiet machine: no question to the database depends on the line."""
    asked = []

    class Table:
        async def carriers_of(self, connection, numbers):
            asked.extend(numbers)
            return {}

    numbers = [parse_msisdn(OPENED), parse_msisdn(UNOPENED)]
    async with still_api.database.read() as transaction:
        snapshot = await CatalogueCache().current(transaction.connection)
        ways = await route(transaction.connection, numbers, snapshot, lanes=LANES, portability=Table())
    assert [way.line is not None for way in ways] == [True, False]
    assert len({number.e164 in asked for number in numbers}) == 1


def test_the_measure_tells_what_can_be_told():
    assert curve([2, 3, 4], [0, 1]) == 1
    assert curve([0, 1], [2, 3, 4]) == 0
    assert abs(curve(list(range(0, 1000, 2)), list(range(1, 1000, 2))) - 0.5) < 0.01
