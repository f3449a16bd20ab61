"""A till's second screen: bound by a code, it shows one sale, and what the customer confirmed was that price."""

from datetime import timedelta

import pytest

from topup.kernel.errors import Conflict, Invalid, NotFound, Throttled
from topup.kernel.ids import new_id
from topup.shops.displays import CODE_LASTS, SHOWN_FOR, Displays, Screen, Unbound, new_secret
from topup.work import trail

TILL = "counter-1"
CLERK = "stf_clerk"


@pytest.fixture
def displays(database) -> Displays:
    return Displays(database=database)


@pytest.fixture
async def secret(displays) -> str:
    """What a browser holds that is bound to TILL."""
    held = new_secret()
    found = await displays.arrive(held)
    await displays.bind(code=f" {found.code[:3]} {found.code[3:]} ", till=TILL, by=CLERK)
    return held


@pytest.fixture
def sale() -> str:
    return new_id("quote", 2)


async def test_a_new_browser_shows_a_code_until_staff_type_it_at_their_till(displays, database):
    held = new_secret()
    found = await displays.arrive(held)
    assert isinstance(found, Unbound)
    assert await displays.arrive(held) == found
    assert await displays.look(held) is None
    await displays.bind(code=found.code, till=TILL, by=CLERK)
    screen = await displays.arrive(held)
    assert (screen.till, screen.sale) == (TILL, None)
    assert await displays.is_bound(TILL)
    async with database.read() as transaction:
        [entry] = await trail.entries(transaction.connection, subject=TILL)
    assert (entry.actor, entry.action) == (CLERK, "display.bound")


async def test_a_code_is_used_once_and_ends_after_ten_minutes(displays, database):
    first, second = new_secret(), new_secret()
    used, over = await displays.arrive(first), await displays.arrive(second)
    await displays.bind(code=used.code, till=TILL, by=CLERK)
    database.clock_offset += CODE_LASTS
    for code in (used.code, over.code, "000000000", ""):
        with pytest.raises(NotFound, match="display_code_unknown"):
            await displays.bind(code=code, till=TILL, by=CLERK)
    assert (await displays.look(first)).till == TILL, "what failed let nobody go"
    assert (await displays.arrive(second)).code != over.code


async def test_a_browser_is_known_while_its_code_can_be_typed_and_looking_gives_nobody_a_code(displays, database):
    held = new_secret()
    assert await displays.known(held) is None
    found = await displays.arrive(held)
    assert await displays.known(held) == found
    database.clock_offset += CODE_LASTS
    assert await displays.known(held) is None
    await displays.bind(code=(await displays.arrive(held)).code, till=TILL, by=CLERK)
    assert await displays.known(held) == await displays.look(held)


async def test_a_till_has_one_display_and_the_newer_takes_its_place(displays, secret):
    newer = new_secret()
    await displays.bind(code=(await displays.arrive(newer)).code, till=TILL, by=CLERK)
    assert await displays.look(secret) is None
    assert (await displays.look(newer)).till == TILL
    await displays.let_go(till=TILL, by=CLERK)
    assert not await displays.is_bound(TILL)
    with pytest.raises(NotFound, match="display_unknown"):
        await displays.let_go(till=TILL, by=CLERK)


async def test_what_is_shown_changes_the_revision_and_the_same_again_does_not(displays, secret, sale):
    await displays.show(till=TILL, sale=sale, asks=True)
    shown = await displays.look(secret)
    assert shown == Screen(TILL, shown.revision, sale, asks=True, confirmed_at=None, locale=None)
    await displays.show(till=TILL, sale=sale, asks=True)
    assert await displays.look(secret) == shown
    await displays.clear(till=TILL)
    assert (await displays.look(secret)).sale is None


async def test_a_customer_confirms_the_sale_that_is_shown_and_only_that(displays, secret, sale):
    other = new_id("quote", 3)
    await displays.show(till=TILL, sale=sale, asks=True)
    with pytest.raises(Conflict, match="display_changed"):
        await displays.confirm(secret=secret, sale=other)
    assert await displays.confirmed(till=TILL, sale=sale) is None
    await displays.confirm(secret=secret, sale=sale)
    await displays.confirm(secret=secret, sale=sale)
    at = await displays.confirmed(till=TILL, sale=sale)
    assert at is not None
    assert not (await displays.look(secret)).asks
    await displays.show(till=TILL, sale=sale, asks=True)
    assert await displays.confirmed(till=TILL, sale=sale) == at, "shown again it is confirmed still"
    await displays.show(till=TILL, sale=other, asks=True)
    assert await displays.confirmed(till=TILL, sale=other) is None


async def test_a_sale_waits_for_its_customer_only_where_they_must_confirm(displays, secret, sale):
    await displays.show(till=TILL, sale=sale, asks=True)
    assert not await displays.waits_for_customer(till=TILL, sale=sale)
    strict = new_secret()
    await displays.bind(code=(await displays.arrive(strict)).code, till=TILL, by=CLERK, must_confirm=True)
    assert await displays.waits_for_customer(till=TILL, sale=sale)
    await displays.confirm(secret=strict, sale=sale)
    assert not await displays.waits_for_customer(till=TILL, sale=sale)
    assert await displays.waits_for_customer(till=TILL, sale=new_id("quote", 4)), "another price is another question"
    assert not await displays.waits_for_customer(till="counter-9", sale=sale), "a till without a display"


async def test_nobody_confirms_from_a_browser_that_is_not_the_tills(displays, secret, sale):
    await displays.show(till=TILL, sale=sale, asks=True)
    stranger = new_secret()
    await displays.arrive(stranger)
    for held in (stranger, new_secret(), ""):
        with pytest.raises(Conflict, match="display_changed"):
            await displays.confirm(secret=held, sale=sale)
    assert await displays.confirmed(till=TILL, sale=sale) is None


async def test_after_a_quarter_of_an_hour_nothing_of_anybody_is_shown(displays, secret, sale, database):
    await displays.speak(till=TILL, locale="en")
    await displays.show(till=TILL, sale=sale, asks=True)
    database.clock_offset += SHOWN_FOR
    screen = await displays.look(secret)
    assert (screen.sale, screen.asks, screen.locale) == (None, False, None)
    with pytest.raises(Conflict):
        await displays.confirm(secret=secret, sale=sale)
    await displays.show(till=TILL, sale=sale, asks=True)
    assert (await displays.look(secret)).sale == sale, "whoever comes back to it shows it again"


async def test_a_language_is_this_customers_and_goes_with_them(displays, secret, sale):
    await displays.speak(till=TILL, locale="en")
    await displays.show(till=TILL, sale=sale)
    assert (await displays.look(secret)).locale == "en"
    await displays.clear(till=TILL)
    assert (await displays.look(secret)).locale is None
    with pytest.raises(Invalid, match="language_unknown"):
        await displays.speak(till=TILL, locale="tlh")


async def test_strangers_browsers_are_bounded_and_make_way_in_time(displays, database):
    async with database.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO shops.displays (id, secret, code, code_until) SELECT 'dsp_' || n, sha256(n::text::bytea),"
            " lpad(n::text, 6, '0'), %s FROM generate_series(1, 200) n",
            (transaction.now + CODE_LASTS,),
        )
    with pytest.raises(Throttled, match="displays_many"):
        await displays.arrive(new_secret())
    database.clock_offset += CODE_LASTS + timedelta(seconds=1)
    assert isinstance(await displays.arrive(new_secret()), Unbound)
