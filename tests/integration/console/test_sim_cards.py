"""SIM cards in the console: a line's cards with their history, blocked with a reason, and whole for a reason."""

import pytest

from tests.integration.console.conftest import form_token
from tests.support import cards
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def line(site, a_number):
    """A line whose card was replaced: its address, the card before, and the one it has, with their ids."""
    msisdn = parse_msisdn(a_number())
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        ref = (await open_lines(connection, [(msisdn, "qingfeng", "Asia/Shanghai")], now, lanes=16))[msisdn.e164]
        given = [await cards.blank(transaction) for _ in range(2)]
        for reason, (card_id, _) in zip((Given.ISSUED, Given.DAMAGED), given, strict=True):
            await give(connection, Giving(ref, card_id, reason, reason.value, "cli"), now)
    return f"/console/lines/{ref.id}", *given


async def test_a_line_is_found_by_its_card_and_shows_its_cards_masked(enter, line):
    address, (_, old), (_, new) = line
    client, _ = await enter(Role.SUPPORT)
    for text in (new.grouped(), new.digits[:-1], cards.imsi_of(new).digits):
        answer = await client.get("/console/lines", params={"q": text})
        assert answer.headers["location"] == address
    page = (await client.get(address)).text
    for told in (old.masked(), new.masked(), "replaced", "in use", "damaged", cards.imsi_of(new).masked()):
        assert told in page, told
    for hidden in (old.digits, new.digits, new.grouped(), cards.imsi_of(new).digits):
        assert hidden not in page, hidden
    gone = await client.get("/console/lines", params={"q": old.digits})
    assert "serves no number" in gone.text


async def test_a_card_is_blocked_and_unblocked_with_a_reason(site, enter, line):
    address, (old_id, _), (card_id, _) = line
    client, person = await enter(Role.SUPPORT)
    token = {"form_token": await form_token(client)}

    async def sent(card, act, reason):
        return await client.post(f"{address}/card", data=token | {"card": card, "act": act, "reason": reason})

    assert (await sent(card_id, "block", " ")).status_code == 422
    assert (await sent(card_id, "unblock", "Nothing to undo")).status_code == 422
    assert (await sent(old_id, "block", "It was replaced")).status_code == 422
    assert (await sent(new_id("card", 0), "block", "Nobody's")).status_code == 404
    assert (await sent(card_id, "block", "Reported stolen")).headers["location"].endswith("done=card_blocked")
    page = (await client.get(f"{address}?done=card_blocked")).text
    assert "The card is blocked." in page
    assert "Unblock the card" in page
    assert (await sent(card_id, "unblock", "Found")).headers["location"].endswith("done=card_unblocked")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s ORDER BY sequence", [address.rpartition("/")[2]]
        )
        assert await cursor.fetchall() == [("line.card_blocked", person.id), ("line.card_unblocked", person.id)]


async def test_a_card_is_shown_whole_once_for_a_reason_that_is_in_the_trail(site, enter, line):
    address, _, (card_id, new) = line
    client, person = await enter(Role.SUPPORT)
    token = {"form_token": await form_token(client), "card": card_id}
    nothing = await client.post(f"{address}/card/whole", data=token | {"reason": ""})
    assert nothing.status_code == 422
    assert new.grouped() not in nothing.text
    shown = await client.post(f"{address}/card/whole", data=token | {"reason": "The owner asks for it"})
    assert new.grouped() in shown.text
    assert cards.imsi_of(new).digits in shown.text
    assert new.grouped() not in (await client.get(address)).text, "this once"
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor, facts::text FROM work.trail WHERE subject = %s", [address.rpartition("/")[2]]
        )
        [(action, actor, facts)] = await cursor.fetchall()
    assert (action, actor) == ("line.card_unmasked", person.id)
    assert "The owner asks" in facts
    assert new.digits not in facts
