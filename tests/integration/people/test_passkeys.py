"""Passkeys: made and used for our site alone, once for each challenge, by who made them, with a finger."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.authenticator import Authenticator
from tests.support.subscribers import FRESH
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.people import webauthn
from topup.people.subscribers import passkeys
from topup.people.subscribers.alerts import AlertKind, latest
from topup.people.subscribers.passkeys import Passkeys
from topup.people.webauthn import CHALLENGE_LASTS, MOST, PasskeyRefused, Site

HERE = Site("topup.example", "https://topup.example")
ELSEWHERE = Site("evil.example", "https://evil.example")
NUMBER = "13800138000"


@pytest.fixture
def keys(front) -> Passkeys:
    return Passkeys(database=front.database, keyring=front.keyring, entrance=front.entrance)


@pytest.fixture
def finger() -> Authenticator:
    return Authenticator(HERE.host, HERE.origin)


@pytest.fixture
async def owner(front, keys, finger):
    """Somebody who has a passkey."""
    who = await front.somebody(NUMBER)
    await keys.add(who, HERE, finger.makes(await keys.options_to_add(who, HERE)), name="chrome.android")
    return who


async def enters(keys, finger, site=HERE):
    return await keys.enter(site, finger.signs(await keys.options_to_enter(site)), browser=FRESH)


async def test_it_opens_the_account_it_was_made_for(front, keys, finger, owner):
    entered = await enters(keys, finger)
    assert entered.subscriber_id == owner.id
    assert await front.here(entered) is not None
    async with front.database.read() as transaction:
        kinds = [one.kind for one in await latest(transaction.connection, subscriber_id=owner.id)]
    assert AlertKind.PASSKEY_ADDED in kinds
    assert "account_changed" in [one.template for one in await front.letters(parse_msisdn(NUMBER))]


async def test_an_answer_is_good_once(keys, finger, owner):
    answer = finger.signs(await keys.options_to_enter(HERE))
    assert (await keys.enter(HERE, answer, browser=FRESH)).subscriber_id == owner.id
    with pytest.raises(PasskeyRefused):
        await keys.enter(HERE, answer, browser=FRESH)


async def test_and_not_for_long(front, keys, finger, owner):
    answer = finger.signs(await keys.options_to_enter(HERE))
    front.later(CHALLENGE_LASTS)
    with pytest.raises(PasskeyRefused):
        await keys.enter(HERE, answer, browser=FRESH)
    async with front.database.transaction() as transaction:
        await keys.options_to_enter(HERE)
    async with front.database.transaction() as transaction:
        front.later(CHALLENGE_LASTS + timedelta(seconds=1))
        assert await webauthn.forget(transaction.connection, transaction.now + CHALLENGE_LASTS * 2, limit=9) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": ELSEWHERE.origin},
        {"host": ELSEWHERE.host},
        {"verifies": False},
        {"id": b"nobody's ..........."},
        {"count": -1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_what_is_not_right_in_one_thing_is_refused(keys, finger, owner, wrong):
    """A page that looks like ours, a finger that was not asked for, another key, a copy that counts anew."""
    with pytest.raises(PasskeyRefused):
        await enters(keys, replace(finger, **wrong))
    assert (await enters(keys, finger)).subscriber_id == owner.id


async def test_another_secret_behind_the_same_id_is_refused(keys, finger, owner):
    with pytest.raises(PasskeyRefused):
        await enters(keys, Authenticator(HERE.host, HERE.origin, count=50))


async def test_nobody_can_add_theirs_to_anothers_account(front, keys, finger, owner):
    other = await front.somebody("13900139000")
    asked_for_owner = await keys.options_to_add(owner, HERE)
    theirs = Authenticator(HERE.host, HERE.origin, id=b"another one ........")
    with pytest.raises(PasskeyRefused):
        await keys.add(other, HERE, theirs.makes(asked_for_owner), name="chrome.android")
    with pytest.raises(PasskeyRefused):
        await keys.add(other, HERE, theirs.makes(await keys.options_to_enter(HERE)), name="chrome.android")
    with pytest.raises(PasskeyRefused):
        await keys.add(other, HERE, finger.makes(await keys.options_to_add(other, HERE)), name="chrome.android")
    assert (await enters(keys, finger)).subscriber_id == owner.id


async def test_one_that_was_removed_opens_nothing(front, keys, finger, owner):
    async with front.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        only = (await passkeys.listed(connection, subscriber_id=owner.id))[0]
        with pytest.raises(NotFound):
            await passkeys.remove(connection, subscriber_id="sub_else", passkey_id=only.id, now=now)
    await keys.remove(owner, passkey_id=only.id)
    with pytest.raises(PasskeyRefused):
        await enters(keys, finger)


async def test_there_is_an_end_to_them(keys, owner):
    for number in range(MOST - 1):
        one = Authenticator(HERE.host, HERE.origin, id=b"number %013d" % number)
        await keys.add(owner, HERE, one.makes(await keys.options_to_add(owner, HERE)), name="chrome.android")
    last = Authenticator(HERE.host, HERE.origin, id=b"one too many .......")
    with pytest.raises(Conflict):
        await keys.add(owner, HERE, last.makes(await keys.options_to_add(owner, HERE)), name="chrome.android")


@pytest.mark.parametrize("garbage", ["", "AAAA", "é", "e30", "bm8ganNvbg", "x" * 5000])
async def test_garbage_is_refused(keys, finger, owner, garbage):
    good = finger.signs(await keys.options_to_enter(HERE))
    for name in good:
        with pytest.raises(PasskeyRefused):
            await keys.enter(HERE, {**finger.signs(await keys.options_to_enter(HERE)), name: garbage}, browser=FRESH)
