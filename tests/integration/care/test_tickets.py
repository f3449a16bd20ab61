"""Tickets: one thread, whoever holds its id; sealed, answered, told; on the work list while it is our turn."""

import asyncio

import pytest

from topup.care.states import TicketState, Topic
from topup.care.tickets import MOST_MESSAGES, erase_writer, find, new_reference, plain_reference
from topup.kernel.errors import Conflict, Invalid, NotFound

CANARY = "my PIN is 4711-canary"
ADDRESS = "canary@people.example"


async def test_a_thread_goes_to_and_fro(helped):
    care = helped.care
    ticket = await care.write(helped.written(text="No signal\r\nsince yesterday"))
    assert (ticket.state, ticket.messages) == (TicketState.WAITS_FOR_US, 1)
    assert await helped.shop.listed() == ["ticket_other"]
    await care.answer(ticket.id, "Did you restart it?", by="cli")
    await care.write_again(ticket.id, "Yes, twice")
    await care.answer(ticket.id, "Mended.", by="cli", solved=True)
    thread = await care.thread(ticket.id)
    assert thread.ticket.state is TicketState.SOLVED
    assert [(message.author, message.text) for message in thread.messages] == [
        ("writer", "No signal\nsince yesterday"),
        ("staff", "Did you restart it?"),
        ("writer", "Yes, twice"),
        ("staff", "Mended."),
    ]
    assert [message.number for message in thread.messages] == [1, 2, 3, 4]


async def test_the_work_list_has_it_while_it_is_our_turn(helped):
    open_items = "SELECT count(*) FROM work.items WHERE kind = 'ticket_other' AND state = 'open'"

    async def listed():
        return (await helped.rows(open_items))[0][0]

    ticket = await helped.care.write(helped.written())
    assert await listed() == 1
    await helped.care.write_again(ticket.id, "and more")
    assert await listed() == 1, "it is our turn already"
    await helped.care.answer(ticket.id, "So?", by="cli")
    assert await listed() == 0
    await helped.care.write_again(ticket.id, "So.")
    assert await listed() == 1, "our turn again"
    await helped.care.solved(ticket.id)
    assert await listed() == 0
    reopened = await helped.care.write_again(ticket.id, "not quite")
    assert reopened.state is TicketState.WAITS_FOR_US
    assert await listed() == 1


async def test_two_presses_make_one_ticket(helped):
    wish = helped.written()
    made = await asyncio.gather(*(helped.care.write(wish) for _ in range(12)))
    assert len({ticket.id for ticket in made}) == 1
    assert len((await helped.care.thread(made[0].id)).messages) == 1


async def test_messages_at_once_are_numbered_one_by_one(helped):
    ticket = await helped.care.write(helped.written())
    await asyncio.gather(*(helped.care.write_again(ticket.id, f"message {n}") for n in range(10)))
    thread = await helped.care.thread(ticket.id)
    assert [message.number for message in thread.messages] == list(range(1, 12))


async def test_whoever_asked_is_told_of_the_answer_where_they_left_an_address(helped):
    told = await helped.care.write(helped.written(contact=ADDRESS))
    untold = await helped.care.write(helped.written())
    for ticket in (told, untold):
        await helped.care.answer(ticket.id, "An answer", by="cli")
    rows = await helped.rows("SELECT template, locale, parameters FROM notifications.messages")
    url = f"http://127.0.0.1:8080/help/tickets/{told.id}"
    assert rows == [("ticket_answered", "en", {"reference": told.reference, "ticket_url": url})]


async def test_what_people_write_stands_in_no_table_in_clear(helped, figures):
    """G28: a canary in a message and in an address, looked for in every column of every table."""
    ticket = await helped.care.write(helped.written(text=CANARY, contact=ADDRESS))
    await helped.care.write_again(ticket.id, CANARY)
    await helped.care.answer(ticket.id, f"We saw {CANARY}", by="cli")
    tables = await helped.rows(
        "SELECT format('%%I.%%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('care', 'work', 'people', 'notifications', 'orders')"
    )
    found = []
    for (table,) in tables:
        for (row,) in await helped.rows(f"SELECT t::text FROM {table} AS t"):
            found += [table for secret in (CANARY, ADDRESS, CANARY.encode().hex()) if secret in row]
    figures.never("G28", leaked=len(found), of=len(tables), where="tickets")
    assert found == []


async def test_an_id_is_the_only_way_in_for_strangers(helped):
    ticket = await helped.care.write(helped.written())
    for guess in (ticket.reference, ticket.id[:-1] + ("0" if ticket.id[-1] != "0" else "1"), "tic_x", ""):
        with pytest.raises(NotFound, match="ticket_unknown"):
            await helped.care.thread(guess)
        with pytest.raises(NotFound, match="ticket_unknown"):
            await helped.care.write_again(guess, "let me in")


async def test_staff_find_it_by_what_is_read_out(helped):
    ticket = await helped.care.write(helped.written())
    typed = ticket.reference.replace("-", " ").lower()
    async with helped.shop.database.read() as transaction:
        assert (await find(transaction.connection, typed)).id == ticket.id
        with pytest.raises(NotFound):
            await find(transaction.connection, "2222-2222")
    assert plain_reference(new_reference().lower()).replace("-", "").isalnum()


async def test_a_thread_has_an_end(helped):
    ticket = await helped.care.write(helped.written())
    for n in range(MOST_MESSAGES - 1):
        await helped.care.write_again(ticket.id, f"{n}")
    with pytest.raises(Conflict, match="ticket_full"):
        await helped.care.write_again(ticket.id, "one too many")


@pytest.mark.parametrize(
    ("text", "code"), [("", "message_missing"), (" \r\n ", "message_missing"), ("x" * 1001, "message_too_long")]
)
async def test_nothing_and_too_much_are_refused(helped, text, code):
    with pytest.raises(Invalid, match=code):
        await helped.care.write(helped.written(text=text))
    assert await helped.rows("SELECT 1 FROM care.tickets") == []


async def test_a_ticket_about_an_order_has_its_facts_with_it(helped):
    order = await helped.delivered()
    ticket = await helped.care.write(
        helped.written(Topic.NOT_ARRIVED, order_id=order.id), evidence={"end": "books_differ"}
    )
    assert ticket.evidence["end"] == "books_differ"
    assert (ticket.evidence["order"], ticket.evidence["network"]) == (order.id, "own")
    assert "138" not in str(ticket.evidence.get("number", "")), "no number among the facts"
    assert await helped.care.tickets_of(order.id) == [ticket]


async def test_who_was_signed_in_finds_what_they_wrote_and_nobody_elses(helped):
    own = await helped.care.write(helped.written(subscriber_id="sub_1"))
    await helped.care.write(helped.written(subscriber_id="sub_2"))
    await helped.care.write(helped.written())
    assert [ticket.id for ticket in await helped.care.tickets_by("sub_1")] == [own.id]
    assert await helped.care.tickets_by("sub_3") == []


async def test_what_somebody_wrote_is_erased_with_their_account(helped, figures):
    for _ in range(3):
        mine = await helped.care.write(helped.written(text=CANARY, contact=ADDRESS, subscriber_id="sub_gone"))
        await helped.care.answer(mine.id, f"You wrote {CANARY}", by="cli")
    other = await helped.care.write(helped.written(text="stays", contact=ADDRESS, subscriber_id="sub_stays"))
    async with helped.shop.database.transaction() as transaction:
        assert await erase_writer(transaction.connection, "sub_gone", transaction.now) == 3
        assert await erase_writer(transaction.connection, "sub_gone", transaction.now) == 0
    assert await helped.care.tickets_by("sub_gone") == []
    assert (await helped.care.thread(mine.id)).messages == ()
    assert [message.text for message in (await helped.care.thread(other.id)).messages] == ["stays"]
    left = await helped.rows("SELECT count(*) FROM care.messages")
    contacts = await helped.rows("SELECT count(*) FROM people.contacts")
    figures("G28", messages_left=left[0][0], contacts_left=contacts[0][0], of=7)
    assert (left, contacts) == ([(1,)], [(1,)])
    assert await helped.rows("SELECT count(*) FROM work.items WHERE state = 'open'") == [(1,)]
