"""G28: nothing of an account is in clear in the database, the log or an error: canaries through a whole life of one."""

import contextlib
from datetime import timedelta

from tests.support.canaries import stored
from tests.support.desk import publish_demonstration
from tests.support.subscribers import ADDRESS, FRESH, browser_of
from topup.kernel.errors import Problem
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.people.subscribers.codes import Purpose

NUMBER = parse_msisdn("13764208531")
OTHER = parse_msisdn("13764208777")
ABROAD = parse_msisdn("+65 8197 7342")
EMAIL = "zhen.zhu.canary@mail.example"
NAME = "姥姥的手机 canary"
PASSWORD = "gestreift canary 4711"
CANARIES = {
    "number": ["64208531", "6420 8531", "137 6420", "64208777"],
    "foreign number": ["81977342", "8197 7342"],
    "address": ["zhen.zhu", "mail.example"],
    "address of the caller": [ADDRESS],
    "name": ["姥姥", "canary"],
    "password": ["gestreift", "4711"],
}
HOMES = {"number": {"lines.numbers.msisdn"}}


async def life(front) -> tuple[list[str], list[str]]:
    """Everything that can become of an account, also what is refused; the codes and the tokens there were."""

    async def refused(work) -> None:
        with contextlib.suppress(Problem):
            await work
            raise AssertionError("was not refused")

    await publish_demonstration(front.database)
    for number in (NUMBER, OTHER):
        await front.open_line(number)
    entered = await front.enter(NUMBER)
    who = await front.here(entered)
    await refused(front.entrance.ask(NUMBER, address=ADDRESS, locale="en"))
    ticket = await front.ask(NUMBER)
    await refused(front.entrance.by_code(ticket=ticket, code="canary", browser=FRESH))
    await refused(front.changes.set_password(who, "canary"))
    await front.changes.set_password(who, PASSWORD)
    await refused(front.entrance.by_password(NUMBER, "canary", address=ADDRESS, browser=FRESH))
    second = await front.entrance.by_password(NUMBER, PASSWORD, address=ADDRESS, browser=FRESH)
    third = await front.enter(NUMBER, browser_of(second))
    who = await front.here(third)
    front.later(timedelta(minutes=2))
    ticket = await front.binding.ask(who, OTHER, address=ADDRESS, locale="en")
    line = await front.binding.bind(who, ticket=ticket, code=await front.code(OTHER))
    seal = (await front.changes.account(who)).seal
    async with front.database.transaction() as transaction:
        await owners.call(transaction.connection, subscriber_id=who.id, line=line, name=NAME, seal=seal)
    for purpose, to, change in (
        (Purpose.EMAIL, EMAIL, front.changes.set_email),
        (Purpose.NUMBER, ABROAD, front.changes.set_number),
    ):
        ticket = await front.changes.ask(who, purpose, to, address=ADDRESS, locale="en")
        await refused(change(who, ticket=ticket, code="canary"))
        await change(who, ticket=ticket, code=await front.code(to))
    sent = [one for to in (NUMBER, OTHER, ABROAD, EMAIL) for one in await front.letters(to)]
    codes = [one.parameters["code"] for one in sent if "code" in one.parameters]
    return codes, [entered.token, second.token, third.token, entered.mark, second.mark]


def found_in(text: str) -> set[str]:
    return {kind for kind, shapes in CANARIES.items() if any(shape in text for shape in shapes)}


async def test_canaries_of_an_account_are_nowhere(front, database_url, logs, figures):
    codes, tokens = await life(front)
    assert len(codes) >= 6
    written = logs.getvalue()
    rows = stored(database_url)
    leaks = [f"log: {kind}" for kind in found_in(written)]
    for place, value in rows:
        leaks += [f"{place}: {kind}" for kind in found_in(value) if place not in HOMES.get(kind, ())]
    leaks += [f"{place}: a token" for place, value in rows for token in tokens if token in value or token in written]
    # Six digits may stand anywhere by chance: in what is written out as words, they do not.
    leaks += [f"{place}: a code" for place, value in rows for code in codes if value == code or f'"{code}"' in value]
    leaks += ["log: a code" for code in codes if code in written]
    assert leaks == []
    assert any("number" in found_in(value) for place, value in rows if place in HOMES["number"]), "the search finds"
    figures("G28", account_leaks=0, canaries=len(CANARIES) + len(codes) + len(tokens), stored_values=len(rows))


async def test_what_was_erased_opens_with_no_key(front, database_url):
    """Also who has the installation's keys and an old copy of the rows finds nothing, once the person's key is gone."""
    who = await front.somebody(NUMBER.e164)
    secret, number = (await front.rows("SELECT secret, number FROM people.subscribers"))[0]
    await front.erase(who)
    rows = [value for place, value in stored(database_url) if place.startswith("people.")]
    assert secret.hex() not in "".join(rows)
    assert await front.rows("SELECT 1 FROM people.subscribers WHERE secret IS NOT NULL") == []
    assert number not in [row[0] for row in await front.rows("SELECT number FROM people.subscribers")]
