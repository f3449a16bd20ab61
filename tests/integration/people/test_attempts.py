"""How often one may try: those who are many at one address do not wait for each other, whoever guesses waits."""

from datetime import timedelta

import pytest

from topup.kernel.errors import Throttled
from topup.people import attempts
from topup.people.attempts import FREE, Subjects


def of(name: str) -> Subjects:
    """Somebody of a shop, whose counters come from one address."""
    return Subjects(f"{name} at the shop".encode(), b"the shop", name.encode())


async def test_colleagues_who_type_their_codes_at_once_do_not_wait_for_each_other(database):
    """Whoever began first may be counted last: their transaction's moment is the earlier one."""
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        for at, name in enumerate(("ann", "bob", "cai", "dee")):
            await attempts.admit(connection, of(name), now - timedelta(milliseconds=40 * at))


async def test_too_many_attempts_at_one_address_wait_whoever_makes_them_and_whenever_they_began(database):
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        for number in range(FREE["address"]):
            await attempts.admit(connection, of(f"name-{number}"), now)
        for began in (timedelta(0), timedelta(milliseconds=-40)):
            with pytest.raises(Throttled):
                await attempts.admit(connection, of("another"), now + began)
