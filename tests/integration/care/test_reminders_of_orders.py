"""Who has a line in their account is told what arrived on it, once, whoever paid."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import FOREIGN_NUMBER, LANES, OWN_NUMBER
from tests.support.households import Households
from topup.care.reminders import hearing, orders, reading, sending, tasks
from topup.care.reminders.hearing import STALE, UsageHearing
from topup.care.reminders.orders import OrdersHearing
from topup.care.reminders.sending import Reminding
from topup.care.reminders.stopping import Stops
from topup.charging.usage.events import Event, tell
from topup.kernel.ids import lane_of
from topup.kernel.msisdn import parse_msisdn
from topup.kernel.outcome import Done, Reason, Refused
from topup.lines.queries import lines_now
from topup.notifications import notices
from topup.notifications.notices import GATHERED_FOR, KEPT_FOR
from topup.notifications.tasks import send_due
from topup.orders.hearing import note
from topup.people.subscribers.accounts import account
from topup.people.subscribers.reminders import Reminders, Subject, Way, reminders_of
from topup.platform.crash import LABELS

ADDRESS = "person@example.com"
DAUGHTER = "+8613900139777"
E164 = parse_msisdn(OWN_NUMBER).e164


class Post:
    name = "post"

    def __init__(self):
        self.got = []

    async def send(self, message):
        self.got.append(message)
        return Done(message.message_id)

    async def aclose(self):
        """Nothing is open."""


class Told:
    """A shop whose customers have accounts."""

    def __init__(self, shop):
        self.shop, self.post = shop, Post()
        self.households = Households(shop.database, shop.keys)
        self.orders = OrdersHearing(database=shop.database, keyring=shop.keys, lanes=LANES)

    async def tops_up(self, **how):
        order = await self.shop.ordered(**how)
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        await self.shop.run()
        return order

    async def moves_in(self, e164, **chosen):
        """Somebody who has the line of OWN_NUMBER in their account, and hears nothing of what was before."""
        async with self.shop.database.read() as transaction:
            line = (await lines_now(transaction.connection, [E164]))[E164].ref
        while await self.orders.arrived():
            pass
        return await self.households.moves_in(e164, line, **chosen), line

    async def passes(self, by=GATHERED_FOR):
        self.shop.database.clock_offset += by
        reminding = Reminding(
            database=self.shop.database, keyring=self.shop.keys, lanes=LANES, public_url="https://topup.example"
        )
        while await reminding.send():
            pass
        while await send_due(self.shop.database, self.shop.keys, self.post):
            pass

    async def shown(self, reader):
        async with self.shop.database.read() as transaction:
            return [one.template for one in await notices.page(transaction.connection, reader=reader)]

    async def by_day(self):
        """Noon in Shanghai."""
        async with self.shop.database.read() as transaction:
            now = transaction.now
        noon = now.replace(hour=4, minute=0, second=0)
        self.shop.database.clock_offset += (noon if noon > now else noon + timedelta(days=1)) - now


@pytest.fixture
async def told(shop):
    found = Told(shop)
    await found.by_day()
    await found.tops_up()
    return found


async def test_what_arrived_is_told_once_to_everybody_who_has_the_line_however_many_look(told):
    daughter, _ = await told.moves_in(DAUGHTER)
    mum, _ = await told.moves_in(E164, lane=5, locale="zh_Hans")
    for amount in (3000, 5000):
        await told.tops_up(amount=amount)
    await asyncio.gather(*(told.orders.arrived() for _ in range(4)))
    assert await told.orders.arrived() == 0
    await told.passes()
    for reader in (daughter, mum):
        assert await told.shown(reader) == ["credited", "credited"]
    assert sorted(one.address for one in told.post.got) == sorted([f"tel:{DAUGHTER}", f"tel:{E164}"] * 2)
    assert any(one.body.startswith("CN¥30.00 of credit reached") for one in told.post.got)


async def test_who_has_the_line_reads_what_it_had_before_and_after_and_nobody_else_does(told):
    await told.moves_in(DAUGHTER)
    payer = await told.households.moves_in("+8613900139778", lane=9)
    await told.tops_up(amount=3000, payer_id=payer)
    await told.tops_up(amount=5000)  # two in one look: each with what there was then
    while await told.orders.arrived():
        pass
    await told.passes()
    texts = {
        to: [one.body for one in told.post.got if one.address == to] for to in (f"tel:{DAUGHTER}", "tel:+8613900139778")
    }
    theirs, others = texts.values()
    assert sorted(body.partition("The balance went ")[2] for body in theirs) == [
        "from CN¥50.00 to CN¥80.00.",
        "from CN¥80.00 to CN¥130.00.",
    ]
    assert len(others) == 1
    assert "balance" not in others[0]
    assert await told.shown(payer) == ["arrived"]


async def test_who_was_written_to_as_payer_is_not_written_to_again_as_owner(told):
    mail = Reminders(dict.fromkeys(Subject, frozenset({Way.MAIL})))
    reader, _ = await told.moves_in(DAUGHTER, email=ADDRESS, reminders=mail)
    await told.tops_up(contact=ADDRESS)
    await told.orders.arrived()
    await told.passes()
    assert [(one.address, one.stop_url) for one in told.post.got] == [(ADDRESS, "")]
    assert await told.shown(reader) == ["credited"]
    await told.tops_up(contact="somebody.else@example.com")
    await told.orders.arrived()
    await told.passes()
    assert sorted(one.address for one in told.post.got[1:]) == [ADDRESS, "somebody.else@example.com"]


async def test_who_ordered_is_told_whatever_becomes_of_it_by_day_and_by_night_and_alone(told):
    daughter, _ = await told.moves_in(DAUGHTER)
    payer = await told.households.moves_in("+8613900139778", lane=9)
    told.shop.database.clock_offset += timedelta(hours=14)  # to the small hours
    await told.tops_up(payer_id=payer, amount=3000)
    told.shop.carrier.answers = [Refused(Reason.USER, "suspended")]
    order = await told.shop.ordered(FOREIGN_NUMBER, 1000, "SGD", payer_id=payer)
    await told.shop.tells(told.shop.paid(await told.shop.paying(order)))
    await told.shop.run()
    for _ in range(2):
        while await told.orders.arrived() + await told.orders.others():
            pass
    await told.passes(timedelta())
    assert await told.shown(daughter) == ["credited"]
    assert sorted(await told.shown(payer)) == ["arrived", "money_back", "money_is_back"]
    assert {one.address for one in told.post.got} == {"tel:+8613900139778"}


async def test_of_what_arrived_long_ago_nobody_is_told(told):
    reader, _ = await told.moves_in(DAUGHTER)
    await told.tops_up()
    told.shop.database.clock_offset += STALE
    assert await told.orders.arrived() == 1
    assert await told.shown(reader) == []


LABELLED = sorted(label for label in LABELS if label.startswith("reminders."))
OF_FORGETTING = ["reminders.before_forget", "reminders.forgotten"]


OF_READERS = ["reminders.before_read", "reminders.read", "reminders.before_stop", "reminders.stopped"]


class Mortal:
    """Dies at a point, as far as a transaction can tell."""

    def __init__(self, monkeypatch):
        self.dying = ""
        for module in (hearing, orders, reading, sending, tasks):
            monkeypatch.setattr(module, "crash_point", self.passes)

    def passes(self, label):
        if label == self.dying:
            raise KeyboardInterrupt(label)


def test_every_point_is_died_at():
    assert len(LABELLED) == 14
    assert {*OF_FORGETTING, *OF_READERS} < set(LABELLED)


@pytest.mark.parametrize("label", [label for label in LABELLED if label not in {*OF_FORGETTING, *OF_READERS}])
async def test_a_process_that_dies_while_it_reminds_loses_nothing_and_tells_nothing_twice(told, monkeypatch, label):
    reader, line = await told.moves_in(DAUGHTER)
    usage, mortal = UsageHearing(database=told.shop.database, lanes=LANES), Mortal(monkeypatch)
    order = await told.tops_up(payer_id=reader)
    async with told.shop.database.transaction() as transaction:
        low = Event(line, "low", "once", {"asset": "CNY", "left": 480, "mark": 1000})
        await tell(transaction.connection, [low], transaction.now)

    async with told.shop.database.transaction() as transaction:
        news = [(lane_of(order.id), order.id, "refunded", "ref", 5000, "CNY")]
        await note(transaction.connection, news, transaction.now)

    async def reminds():
        await usage.hear()
        await told.orders.arrived()
        await told.orders.others()
        await told.passes()

    mortal.dying = label
    with pytest.raises(KeyboardInterrupt, match=label):
        await reminds()
    mortal.dying = ""
    await reminds()
    await reminds()
    assert sorted(await told.shown(reader)) == ["credited", "low", "money_is_back"]
    texts = [one.body for one in told.post.got]
    assert len(texts) == len(set(texts)) >= 1


@pytest.mark.parametrize("label", OF_FORGETTING)
async def test_a_process_that_dies_while_it_forgets_forgets_the_rest_later(told, monkeypatch, label):
    reader, _ = await told.moves_in(DAUGHTER)
    await told.tops_up()
    await told.orders.arrived()
    sweeps = tasks.sweeps(database=told.shop.database, keyring=told.shop.keys, lanes=LANES, public_url="")
    (forget,) = [sweep.run for sweep in sweeps if sweep.name == "reminders.forget"]
    assert await forget() == 0
    told.shop.database.clock_offset += KEPT_FOR + timedelta(days=1)
    mortal = Mortal(monkeypatch)
    mortal.dying = label
    with pytest.raises(KeyboardInterrupt, match=label):
        await forget()
    mortal.dying = ""
    assert await forget() == (label == "reminders.before_forget")
    assert await told.shown(reader) == []


@pytest.mark.parametrize("label", OF_READERS)
async def test_a_process_that_dies_while_somebody_reads_or_stops_leaves_it_done_or_not(told, monkeypatch, label):
    reader, _ = await told.moves_in(DAUGHTER, reminders=Reminders(dict.fromkeys(Subject, frozenset(Way))))
    await told.tops_up()
    await told.orders.arrived()
    messages = reading.Messages(database=told.shop.database, keyring=told.shop.keys, public_url="https://topup.example")
    stops = Stops(told.shop.keys, public_url="")
    token = stops.url(subscriber_id=reader, subjects=[Subject.ARRIVED]).rpartition("/")[2]

    async def does():
        await messages.read(reader=reader)
        await messages.stop(token)

    async def standing():
        async with told.shop.database.read() as transaction:
            unread = await notices.unread(transaction.connection, reader=reader)
            whose = await account(transaction.connection, told.shop.keys, subscriber_id=reader)
        return unread, Way.MAIL in reminders_of(whose.reminders).ways[Subject.ARRIVED]

    mortal = Mortal(monkeypatch)
    mortal.dying = label
    with pytest.raises(KeyboardInterrupt, match=label):
        await does()
    done = {"reminders.before_read": (1, True), "reminders.stopped": (0, False)}
    assert await standing() == done.get(label, (0, True))
    mortal.dying = ""
    await does()
    assert await standing() == (0, False)
