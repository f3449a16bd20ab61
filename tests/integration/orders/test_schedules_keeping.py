"""A number that is kept by itself: topped up once for the day on which it would be lost, in time, and not in vain."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from tests.support.automatic import Automatic
from tests.support.desk import LANES, open_shop
from tests.support.households import Households
from tests.support.keeping import KeepingGateway
from topup.channels.cli.automatic import show_automatic
from topup.channels.cli.speech import locale
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money
from topup.lines.keeping.kept import Kept
from topup.orders.schedules import looking, running
from topup.orders.schedules.keeping import keep_by
from topup.orders.schedules.numbers import Wish
from topup.orders.schedules.rules import SAFE_DAYS, Agreement, Trigger
from topup.orders.schedules.states import ScheduleState
from topup.orders.schedules.wording import run_words
from topup.payments.ports import AgreementFact, Decline
from topup.platform.i18n import format_minute, translate

NUMBER = "+85251230001"
START = datetime.fromisoformat("2030-03-10T04:00+00:00")
LOST = "keep:2030-11-06"
"""By the demonstration's Cloudsail: 180 days after it was opened, and 60 more in which only a top-up works."""
KEEP = Agreement(Trigger.KEEP, days_early=3, cap_minor=20_000, interval_days=1)


class Owner(Automatic):
    """Whose number is lost after 240 days without a top-up."""

    async def lost_at(self) -> datetime:
        return (await self.kept()).runway().kept_until

    async def kept(self) -> Kept:
        async with self.shop.database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await self.catalogue.current(connection)
            return await looking.line_of(connection, await self.schedule(), snapshot, now)

    async def schedule(self):
        return (await self.schedules.of_number(number=self.number))[0].schedule

    async def comes(self, **before: int) -> None:
        """It is so long before the number is lost, and seen to."""
        self.at(await self.lost_at() - timedelta(**before))
        await self.sweeps()

    async def wallet(self, **terms: int) -> str:
        """An agreement in the line's currency."""
        found = await self.cards.agrees(self.who, **terms)
        async with self.shop.database.transaction() as transaction:
            sql = "UPDATE payments.agreements SET currency = 'HKD' WHERE id = %s"
            await transaction.connection.execute(sql, [found])
        return found

    async def tops_up(self, amount: int = 2000) -> None:
        """By hand."""
        order = await self.shop.ordered(self.number, amount, "HKD")
        payment = await self.shop.paying(order)
        await self.shop.tells(self.shop.paid(payment))
        await self.shop.run()


@pytest.fixture
async def owner(database, data_dir):
    async with open_shop(database, data_dir, KeepingGateway()) as shop:
        owner = Owner(shop, NUMBER, "yunfan")
        owner.at(START)
        await owner.moves_in()
        yield owner


async def test_it_is_topped_up_some_days_before_and_once_for_each_day_on_which_it_would_be_lost(owner):
    schedule = await owner.agrees(KEEP)
    lost_at = await owner.lost_at()
    await owner.comes(days=30)
    assert await owner.runs(schedule) == []
    [view] = await owner.schedules.of(subscriber_id=owner.who)
    next_at = view.schedule.next_at
    assert timedelta(days=SAFE_DAYS) < lost_at - next_at < timedelta(days=SAFE_DAYS + 1 + KEEP.days_early)
    owner.at(next_at - timedelta(minutes=5))
    await owner.sweeps()
    owner.at(next_at)
    await owner.sweeps()
    assert await owner.runs(schedule) == [(LOST, "done", "")]
    assert await owner.shop.main_balance(NUMBER) == 2000, "the least on offer"
    assert await owner.lost_at() > lost_at + timedelta(days=200)
    await owner.passes(days=9)
    assert (await owner.ordered(), owner.shop.gateway.charged) == (1, ["cus_1:pm_1"])
    await owner.comes(days=SAFE_DAYS)
    assert [state for _, state, _ in await owner.runs(schedule)] == ["done", "done"]
    assert (await owner.ordered(), await owner.told()) == (2, [])


async def test_what_was_paid_and_came_back_is_bought_again_the_day_after(owner, monkeypatch):
    schedule = await owner.agrees(KEEP)
    runway = (await owner.kept()).runway()
    await owner.comes(days=SAFE_DAYS)
    assert await owner.runs(schedule) == [(LOST, "done", "")]
    # As if it had not arrived: the line is as it was, and the money is back.
    monkeypatch.setattr(Kept, "runway", lambda _line: runway)
    monkeypatch.setattr("topup.orders.schedules.keeping.best_first", lambda _line: (2000,))
    async with owner.shop.database.transaction() as transaction:
        sql = "UPDATE orders.orders SET state = 'refunded' WHERE channel = 'automatic' RETURNING id"
        assert len(await (await transaction.connection.execute(sql)).fetchall()) == 1
    await owner.passes(hours=3)
    assert await owner.runs(schedule) == [(LOST, "done", "came_back")]
    [view] = await owner.schedules.of(subscriber_id=owner.who)
    assert run_words(view.runs[0], "HKD", locale="en", moment=str).endswith("the money went back")
    await owner.passes(days=2)
    assert await owner.runs(schedule) == [(LOST, "done", "came_back"), (f"{LOST}:2", "done", "")]
    assert len(owner.shop.gateway.charged) == 2


async def test_two_owners_keep_one_number_with_one_top_up(owner):
    schedule = await owner.agrees(KEEP)
    other = await Households(owner.shop.database, owner.shop.keys).moves_in("+8613911112299", owner.line)
    me, owner.who = owner.who, other
    theirs = await owner.agrees(KEEP, card=await owner.card("cus_2:pm_2", "Visa 1881"))
    await owner.comes(days=SAFE_DAYS)
    await owner.passes(days=5)
    ran = [*await owner.runs(theirs)]
    owner.who = me
    ran += await owner.runs(schedule)
    assert ran == [(LOST, "done", "")]
    assert (await owner.ordered(), len(owner.shop.gateway.charged)) == (1, 1)


async def test_where_one_owners_card_says_no_the_other_keeps_it_in_time(owner):
    schedule = await owner.agrees(KEEP)
    other = await Households(owner.shop.database, owner.shop.keys).moves_in("+8613911112299", owner.line)
    me, owner.who = owner.who, other
    await owner.agrees(KEEP, card=await owner.card("cus_2:pm_2", "Visa 1881"))
    owner.who = me
    lost_at = await owner.lost_at()
    owner.shop.gateway.charge_answers = [Decline.EXPIRED]
    await owner.comes(days=SAFE_DAYS)
    await owner.passes(days=3)
    assert (await owner.ordered(), await owner.lost_at() > lost_at) == (1, True)
    assert len(await owner.runs(schedule)) <= 1


async def test_what_prolonged_it_between_two_attempts_makes_the_next_needless(owner):
    schedule = await owner.agrees(KEEP)
    owner.shop.gateway.charge_answers = [Decline.FUNDS]
    await owner.comes(days=SAFE_DAYS)
    assert await owner.runs(schedule) == [(LOST, "waiting", "declined_funds")]
    await owner.tops_up()
    await owner.passes(days=3)
    assert await owner.runs(schedule) == [(LOST, "skipped", running.KEPT)]
    assert (owner.shop.gateway.charged, (await owner.state(schedule))[0]) == ([], "active")


async def test_what_prolongs_it_between_order_and_payment_has_the_order_called_off(owner):
    schedule = await owner.agrees(KEEP)
    order = owner.shop.desk.order

    async def ordered_and_meanwhile_topped_up(**wanted):
        made = await order(**wanted)
        if wanted["channel"] == running.CHANNEL:
            await owner.tops_up()
        return made

    owner.shop.desk.order = ordered_and_meanwhile_topped_up
    await owner.comes(days=SAFE_DAYS)
    await owner.passes(hours=3)
    assert await owner.runs(schedule) == [(LOST, "skipped", running.KEPT)]
    assert (owner.shop.gateway.charged, await owner.ordered()) == ([], 0)


async def test_a_line_that_changes_while_it_is_thought_about_is_looked_at_anew(owner, monkeypatch):
    schedule = await owner.agrees(KEEP)
    prospects = looking.prospects

    async def and_meanwhile_topped_up(lines):
        monkeypatch.setattr(looking, "prospects", prospects)
        found = await prospects(lines)
        await owner.tops_up()
        return found

    monkeypatch.setattr(looking, "prospects", and_meanwhile_topped_up)
    await owner.comes(days=SAFE_DAYS)
    await owner.passes(days=2)
    assert (await owner.runs(schedule), owner.shop.gateway.charged) == ([], [])


async def test_what_to_buy_is_searched_for_while_nothing_is_locked(owner, monkeypatch):
    await owner.agrees(KEEP)
    prospects = looking.prospects
    free = []

    async def looked_on(lines):
        async with owner.shop.database.transaction() as transaction:
            held = "SELECT count(*) FROM (SELECT 1 FROM orders.schedules FOR UPDATE SKIP LOCKED) AS s"
            free.append((await (await transaction.connection.execute(held)).fetchone())[0])
        return await prospects(lines)

    monkeypatch.setattr(looking, "prospects", looked_on)
    await owner.comes(days=SAFE_DAYS)
    assert set(free) == {1}


@pytest.mark.parametrize(
    ("agreement", "limits", "reason"),
    [
        (KEEP, "cap = 10", "cap_reached"),
        (Agreement(Trigger.KEEP, cap_minor=2000, interval_days=1), "", "nothing_fits"),
    ],
)
async def test_who_counts_on_it_is_told_when_it_does_not_keep_the_number(owner, monkeypatch, agreement, limits, reason):
    schedule = await owner.agrees(agreement)
    if limits:
        await owner.publishes(f"\n[automatic]\n{limits}\n")
    if reason == "nothing_fits":
        monkeypatch.setattr("topup.orders.schedules.keeping.best_first", lambda _line: ())
    await owner.comes(days=SAFE_DAYS)
    await owner.passes(days=2)
    assert await owner.runs(schedule) == [(LOST, "skipped", reason)]
    assert await owner.told() == ["automatic_not_kept"], "once"
    assert owner.shop.gateway.charged == []


async def test_a_number_that_is_lost_stops_it(owner):
    schedule = await owner.agrees(KEEP)
    await owner.schedules.pause(subscriber_id=owner.who, schedule_id=schedule)
    await owner.comes(days=-1)
    await owner.schedules.resume(subscriber_id=owner.who, schedule_id=schedule)
    await owner.sweeps()
    assert await owner.state(schedule) == ("stopped", "not_possible")
    assert owner.shop.gateway.charged == []


# A wallet.


async def test_a_wallet_is_charged_within_what_was_agreed_there(owner):
    wallet = await owner.wallet(most_minor=2000)
    schedule = await owner.agrees(Agreement(Trigger.KEEP, cap_minor=20_000, interval_days=30), card=wallet)
    await owner.comes(days=SAFE_DAYS)
    assert await owner.runs(schedule) == [(LOST, "done", "")]
    assert owner.shop.gateway.charged == [f"agreed-{wallet}"]


async def test_a_wallet_that_agreed_to_too_little_is_refused_and_one_that_ended_stops_it(owner):
    keep = Agreement(Trigger.KEEP, cap_minor=20_000, interval_days=30)
    wallet = await owner.wallet(most_minor=1999)
    with pytest.raises(Invalid, match="schedule_wallet_most"):
        await owner.agrees(keep, card=wallet)
    wallet = await owner.wallet(most_minor=2000)
    with pytest.raises(Invalid, match="schedule_wallet_often"):
        await owner.agrees(KEEP, card=wallet)
    schedule = await owner.agrees(keep, card=wallet)
    with pytest.raises(Conflict, match="schedule_wallet_used"):
        await owner.agrees(keep, card=wallet)
    owner.shop.gateway.signed.clear()
    await owner.shop.tells(AgreementFact(wallet, ended=True), event_id="ended")
    await owner.shop.desk.agreements.ask_due()
    await owner.comes(days=SAFE_DAYS)
    assert (await owner.state(schedule), owner.shop.gateway.charged) == (("stopped", "card_removed"), [])


# Crashes.


class Died(BaseException):
    """What a killed process leaves behind, and no handler sees."""


@pytest.mark.parametrize(
    "label", ["look.before_commit", "look.after_commit", "price.after_commit", "take.after_commit"]
)
async def test_whoever_dies_over_it_the_number_is_kept_with_one_top_up(owner, monkeypatch, label):
    schedule = await owner.agrees(KEEP)
    due = await owner.lost_at() - timedelta(days=SAFE_DAYS)
    dead = []

    def dies(passed):
        if passed == f"schedules.{label}" and not dead:
            dead.append(passed)
            raise Died

    for module in (looking, running):
        monkeypatch.setattr(module, "crash_point", dies)
    owner.at(due)
    with pytest.raises(Died):
        await owner.sweeps()
    await owner.passes(days=1)
    assert await owner.runs(schedule) == [(LOST, "done", "")]
    assert (await owner.ordered(), len(owner.shop.gateway.charged)) == (1, 1)


# On and off.


async def test_one_tap_turns_it_on_and_off_and_what_it_will_do_is_what_it_does(owner):
    numbers, card = owner.shop.desk.numbers, await owner.card()
    whose = {"subscriber_id": owner.who, "number": NUMBER}
    before = await numbers.standing(**whose)
    assert (before.schedule, before.coming.amount_minor) == (None, 2000)
    assert [(kept.id, cost) for kept, cost in before.ways] == [(card, 2000)]
    wish = Wish(owner.who, NUMBER, card, Money(2000, "HKD"), "en", before.schedule_id)
    await numbers.turn_on(wish)
    await numbers.turn_on(wish)
    [view] = await owner.schedules.of(subscriber_id=owner.who)
    assert view.schedule.id == before.schedule_id
    last, on = (
        keep_by(await owner.lost_at(), view.schedule.zone),
        before.coming.at.astimezone(view.schedule.zone).date(),
    )
    assert last - timedelta(days=KEEP.days_early) <= on <= last
    after = await numbers.standing(**whose)
    assert (after.schedule.schedule.state, after.coming) == (ScheduleState.ACTIVE, before.coming)
    for _ in range(2):
        await numbers.turn_off(**whose)
    assert (await numbers.standing(**whose)).schedule.schedule.state is ScheduleState.PAUSED
    await owner.comes(days=SAFE_DAYS)
    assert await owner.runs(view.schedule.id) == []
    owner.at(before.coming.at)
    await numbers.turn_on(wish)
    await owner.sweeps()
    assert await owner.runs(view.schedule.id) == [(LOST, "done", "")]
    assert await owner.schedules.stop_all(subscriber_id=owner.who) == 1, "the switch of all stops it too"


@pytest.mark.parametrize("state", ["paused", "active"])
async def test_what_is_agreed_to_anew_holds_from_then_on(owner, state):
    numbers, card = owner.shop.desk.numbers, await owner.card()
    whose = {"subscriber_id": owner.who, "number": NUMBER}
    standing = await numbers.standing(**whose)
    wish = Wish(owner.who, NUMBER, card, Money(2000, "HKD"), "en", standing.schedule_id)
    await numbers.turn_on(wish)
    await owner.sweeps()
    if state == "paused":
        await numbers.turn_off(**whose)
    with pytest.raises(Invalid, match="schedule_cap"):
        await numbers.turn_on(replace(wish, cap=Money(1999, "HKD")))
    with pytest.raises(Invalid, match="amount_unreadable"):
        await numbers.turn_on(replace(wish, cap=Money(9000, "CNY")))
    [before] = await owner.schedules.of(subscriber_id=owner.who)
    assert (before.schedule.agreement.cap_minor, before.schedule.state.value) == (2000, state)
    wallet = await owner.wallet(most_minor=2000)
    await numbers.turn_on(replace(wish, cap=Money(5000, "HKD"), instrument_id=wallet))
    [after] = await owner.schedules.of(subscriber_id=owner.who)
    agreed = after.schedule.agreement
    assert (after.schedule.id, after.schedule.state) == (standing.schedule_id, ScheduleState.ACTIVE)
    assert (agreed.trigger, agreed.cap_minor, agreed.interval_days) == (Trigger.KEEP, 5000, 30)
    assert after.schedule.look_at < before.schedule.look_at if state == "active" else after.schedule.look_at
    await owner.comes(days=SAFE_DAYS)
    assert await owner.runs(standing.schedule_id) == [(LOST, "done", "")]
    assert owner.shop.gateway.charged == [f"agreed-{wallet}"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"cap_minor": 1999}, "schedule_cap"), ({"amount_minor": 2000}, "schedule_amount"), ({"days_early": 6}, "early")],
)
async def test_what_cannot_be_is_refused(owner, wrong, code):
    with pytest.raises(Invalid, match=code):
        await owner.agrees(Agreement(Trigger.KEEP, **{"cap_minor": 2000, **wrong}))


async def test_only_its_owner_may_have_a_number_kept(owner):
    stranger = await owner.cards.person()
    owner.who = stranger
    with pytest.raises(Conflict, match="schedule_not_yours"):
        await owner.agrees(KEEP)


async def test_the_terminal_says_what_keeps_a_number_and_when_next(owner, capsys):
    schedule = await owner.agrees(KEEP)
    await owner.sweeps()

    @asynccontextmanager
    async def store(_settings):
        shop = owner.shop
        installation = SimpleNamespace(lanes=LANES)
        yield SimpleNamespace(database=shop.database, keyring=shop.keys, installation=installation)

    await show_automatic(SimpleNamespace(store=store), None, schedule_id=schedule, as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert translate(locale(), "automatic", "keeps") in said
    [view] = await owner.schedules.of(subscriber_id=owner.who)
    assert " ".join(format_minute(view.schedule.next_at, locale(), zone="Asia/Hong_Kong").split()) in said
