"""G26: one-time codes open once, only what they were sent for, for ten minutes; and how many there are is limited."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.desk import LANES
from tests.support.subscribers import FRESH
from topup.kernel.errors import Throttled
from topup.kernel.msisdn import parse_msisdn
from topup.lines.owners import OwnNumbers
from topup.people.subscribers import codes
from topup.people.subscribers.codes import LASTS, LIMITS, TRIES, CodeRefused, Purpose, limits
from topup.people.subscribers.entering import Entrance

NUMBER = parse_msisdn("13800138000")
OTHER = parse_msisdn("13900139000")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def number(last: int, *, span: str = "1390000") -> object:
    return parse_msisdn(f"{span}{last:04}")


async def enter(front, ticket, code):
    return await front.entrance.by_code(ticket=ticket, code=code, browser=FRESH)


async def taken(front, ticket, code, purpose=Purpose.ENTER, about=None):
    return await codes.take(front.database, front.keyring, ticket=ticket, code=code, purpose=purpose, about=about)


async def test_a_code_opens_once(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    assert len(code) == 6
    assert code.isdigit()
    await enter(front, ticket, f" {code[:3]} {code[3:]} ")
    with pytest.raises(CodeRefused):
        await enter(front, ticket, code)


async def test_of_two_at_once_one_comes_in(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    came = await asyncio.gather(*(enter(front, ticket, code) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(one, CodeRefused) for one in came) == 1
    assert await front.rows("SELECT count(*) FROM people.subscribers") == [(1,)]


async def test_full_width_digits_are_digits(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    await enter(front, ticket, code.translate(str.maketrans("0123456789", "０１２３４５６７８９")))


async def test_after_ten_minutes_it_is_no_code(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    front.later(LASTS - timedelta(seconds=20))
    assert await taken(front, ticket, code) == f"tel:{NUMBER.e164}"
    front.later(timedelta(seconds=20))
    with pytest.raises(CodeRefused):
        await taken(front, ticket, code)


async def test_five_wrong_ones_end_it_also_at_once(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    wrong = [f"{(int(code) + step) % 10**6:06}" for step in range(1, TRIES + 8)]
    came = await asyncio.gather(*(enter(front, ticket, one) for one in wrong), return_exceptions=True)
    assert all(isinstance(one, CodeRefused) for one in came)
    assert await front.rows("SELECT tries FROM people.codes") == [(TRIES,)]
    with pytest.raises(CodeRefused):
        await enter(front, ticket, code)


async def test_a_wrong_one_may_be_typed_again_and_what_is_over_needs_another(front):
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(TRIES - 1):
        with pytest.raises(CodeRefused, match="sent_code_wrong"):
            await taken(front, ticket, wrong)
    for typed in (wrong, code):
        with pytest.raises(CodeRefused, match="sent_code_over"):
            await taken(front, ticket, typed)
    with pytest.raises(CodeRefused, match="sent_code_over"):
        await taken(front, "cod_none", code)


async def test_it_opens_nothing_else(front):
    """Another page's ticket, another purpose, another account: none of them."""
    ticket = await front.ask(NUMBER)
    code = await front.code(NUMBER)
    another = await front.ask(OTHER)
    who = await front.somebody("13700137000")
    bound = await front.binding.ask(who, number(1), address="192.0.2.9", locale="en")
    bound_code = await front.code(number(1))
    tries = [
        taken(front, another, code),
        taken(front, ticket, code, Purpose.CONFIRM),
        taken(front, ticket, code, about=who.id),
        taken(front, bound, bound_code),
        taken(front, bound, bound_code, Purpose.BIND, about="sub_somebodyelse"),
        taken(front, bound, bound_code, Purpose.NUMBER, about=who.id),
        taken(front, "cod_none", code),
        taken(front, "' OR true --", code),
    ]
    for one in tries:
        with pytest.raises(CodeRefused):
            await one
    assert await taken(front, ticket, code)
    assert await taken(front, bound, bound_code, Purpose.BIND, who.id)


async def test_no_code_and_no_number_is_stored_in_clear(front):
    await front.ask(NUMBER)
    code = await front.code(NUMBER)
    for table in ("people.codes", "notifications.messages", "people.subscribers"):
        for (row,) in await front.rows(f"SELECT t::text FROM {table} AS t"):
            assert code not in row.replace(NUMBER.e164, "")
            assert NUMBER.e164 not in row


async def many(front, wanted, *, address=None, numbers=None) -> int:
    """How many of so many codes are sent to one number or many, from one address or many, within an hour."""
    sent = 0
    for step in range(wanted):
        to = numbers(step) if numbers else NUMBER
        try:
            await front.entrance.ask(to, address=address or f"198.51.{step // 250}.{step % 250}", locale="en")
        except Throttled:
            continue
        sent += 1
    return sent


async def filled(front, count, country) -> None:
    """So many codes to as many numbers, sent this minute from as many addresses."""
    async with front.database.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO people.codes (id, purpose, destination, to_whom, from_where, range, country, code, created_at,"
            " expires_at) SELECT 'cod_' || n, 'enter', '', n::text::bytea, n::text::bytea, n::text::bytea, %s, '',"
            " %s, %s FROM generate_series(1, %s) AS n",
            (country, transaction.now, transaction.now, count),
        )


async def test_one_number_gets_one_a_minute_five_an_hour_and_ten_a_day(front, figures):
    front.later(MINUTE)
    assert await many(front, 3) == 1
    hourly, daily = 1, 0
    for _ in range(58):
        front.later(MINUTE)
        hourly += await many(front, 1)
    assert hourly == 5
    for _ in range(24 * 6):
        front.later(timedelta(minutes=10))
        daily += await many(front, 1)
    assert 9 <= daily <= 11
    figures(
        "G26", messages_an_attacker_hour_causes_at_one_number=hourly, a_day=10, guesses_of_a_million_a_day=10 * TRIES
    )


async def test_one_address_gets_thirty_an_hour_and_a_range_sixty(front, figures):
    at_one = await many(front, 40, address="203.0.113.5", numbers=lambda step: number(step, span=f"138{step:02}00"))
    at_range = await many(front, 80, numbers=number)
    assert at_one == 30
    assert at_range == 60
    figures("G26", messages_an_attacker_hour_causes_from_one_address=at_one, in_a_range_of_ten_thousand=at_range)


async def test_an_operator_may_allow_an_address_more(front):
    entrance = Entrance(
        database=front.database,
        keyring=front.keyring,
        numbers=OwnNumbers(),
        lanes=LANES,
        limited=limits(per_address=35),
    )
    more = replace(front, entrance=entrance)
    assert await many(more, 40, address="203.0.113.9", numbers=lambda step: number(step, span=f"137{step:02}00")) == 35


@pytest.mark.parametrize(("country", "most"), [("SG", 2_000), ("other", 5_000)])
async def test_a_country_and_all_of_them_have_an_end(front, figures, country, most):
    await filled(front, most - 1, country)
    abroad = [parse_msisdn(f"+65 8123 45{step:02}") for step in range(3)]
    assert await many(front, 3, numbers=abroad.__getitem__) == 1
    front.later(HOUR)
    assert await many(front, 1, numbers=abroad.__getitem__) == 1
    figures("G26", **{"messages_an_hour_" + ("to_one_country" if country == "SG" else "in_all"): most})


async def test_many_at_once_are_counted_as_many(front, figures):
    """Races on one number each, from as many addresses: one code leaves."""
    sent = []
    for race in range(8):
        to = number(race, span=f"138{race:02}00")
        asked = [front.entrance.ask(to, address=f"198.51.{race}.{n}", locale="en") for n in range(12)]
        came = await asyncio.gather(*asked, return_exceptions=True)
        sent.append(sum(isinstance(one, str) for one in came))
    figures.never("G26", of=len(sent) * 12, codes_beyond_the_limit_in_races=sum(sent) - len(sent))
    assert sent == [1] * 8


async def test_who_waits_as_told_is_served(front):
    await front.ask(NUMBER)
    with pytest.raises(Throttled) as refused:
        await front.entrance.ask(NUMBER, address="192.0.2.8", locale="en")
    front.later(timedelta(seconds=refused.value.parameters["retry_after_s"]))
    assert await front.entrance.ask(NUMBER, address="192.0.2.8", locale="en")


async def test_what_is_counted_no_more_is_forgotten(front):
    await front.ask(NUMBER)
    front.later(max(limit.per for limit in LIMITS) + MINUTE)
    async with front.database.transaction() as transaction:
        assert await codes.forget(transaction.connection, transaction.now, limit=10) == 1
    assert await front.rows("SELECT count(*) FROM people.codes") == [(0,)]
