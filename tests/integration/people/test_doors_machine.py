"""The doors of accounts against a model of themselves: any sequence of coming in, going out, changing and ending.

The model knows which person each number belongs to and which account each browser is in. After each step every browser
is in the account that the model says, or in none, and every number leads where the model says.
"""

import asyncio
import itertools
import os
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.database import settings_for
from tests.support.desk import LANES
from tests.support.subscribers import ADDRESS, Front
from topup.kernel.errors import Conflict, Throttled, Unauthenticated
from topup.kernel.msisdn import parse_msisdn
from topup.lines.binding import Binding
from topup.people.subscribers import devices
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.codes import LASTS, TRIES, CodeRefused, Purpose
from topup.people.subscribers.devices import IDLE, LONGEST, Browser
from topup.people.subscribers.entering import Entrance
from topup.platform.database import Database
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing

SOAK = bool(os.environ.get("TOPUP_SOAK"))
BROWSERS = ("phone", "desk", "kiosk")
PASSWORDS = ("haiou zai fei 77", "grauer star im mai")
figures: Counter[str] = Counter()
_serial = itertools.count(1)


class Holders:
    """Who holds which number, as the model says: what lines would tell."""

    def __init__(self):
        self.changed: set[str] = set()

    async def same_holder(self, connection, *, e164, since, now):
        return e164 not in self.changed

    async def proven(self, connection, *, subscriber_id, e164, now):
        self.changed.discard(e164)

    async def forget(self, connection, *, subscriber_id):
        figures["forgotten"] += 1


class DoorsMachine(RuleBasedStateMachine):
    """Three browsers and three numbers; a step may take any of them anywhere."""

    runner: asyncio.Runner
    database: Database
    keyring: KeyRing

    @initialize()
    def begin(self):
        self.holders = Holders()
        parts = {"database": self.database, "keyring": self.keyring, "lanes": LANES}
        self.front = Front(
            self.database,
            self.keyring,
            Entrance(numbers=self.holders, **parts),
            Changes(numbers=self.holders, **parts),
            Binding(**parts),
        )
        serial = next(_serial)
        self.numbers = [parse_msisdn(f"138{serial:06}{last:02}") for last in range(3)]
        self.changed: set[str] = set()  # numbers that are somebody else's now
        self.owner: dict[str, str] = {}  # a number's account
        self.password: dict[str, str] = {}  # an account's
        self.marks: dict[str, str] = {}  # what a browser is known by
        self.known: set[tuple[str, str]] = set()  # accounts and browsers that were in them
        self.inside: dict[str, tuple[str, str]] = {}  # a browser's token and account
        self.began: dict[str, object] = {}
        self.seen: dict[str, object] = {}
        self.asked: dict[str, list] = {}  # a ticket's number, code, tries, and when

    def run(self, work):
        return self.runner.run(work)

    def browser(self, name):
        token = self.inside[name][0] if name in self.inside else ""
        return Browser(self.marks.get(name, ""), token, "chrome.android", "en", elder=False)

    def came(self, name, entered):
        now = self.run(self.front.now())
        self.marks[name] = entered.mark
        self.inside[name] = (entered.token, entered.subscriber_id)
        self.began[name] = self.seen[name] = now
        self.known.add((entered.subscriber_id, name))

    def here(self, name):
        return self.run(self.front.here(type("Held", (), {"token": self.inside[name][0]})()))

    @rule(number=st.integers(0, 2), name=st.sampled_from(BROWSERS), again=st.integers(0, 2))
    def somebody_comes_in_by_code(self, number, name, again):
        """And perhaps goes on to a password, or to another browser."""
        ticket = self.a_code_is_asked_for(number)
        if ticket:
            self.types(ticket, name, right=True)
        if again and ticket:
            self.chooses(name, PASSWORDS[again - 1])

    @rule(number=st.integers(0, 2))
    def a_code_is_wanted(self, number):
        self.a_code_is_asked_for(number)

    def a_code_is_asked_for(self, number):
        self.front.later(timedelta(hours=2.5))
        msisdn = self.numbers[number]
        try:
            ticket = self.run(self.front.entrance.ask(msisdn, address=f"{ADDRESS}{next(_serial)}", locale="en"))
        except Throttled:
            figures["throttled"] += 1
            return None
        now = self.run(self.front.now())
        self.asked[ticket] = [msisdn.e164, self.run(self.front.code(msisdn)), 0, now]
        return ticket

    @precondition(lambda self: getattr(self, "asked", None))
    @rule(data=st.data(), name=st.sampled_from(BROWSERS), right=st.sampled_from([True, True, True, False]))
    def a_code_is_typed(self, data, name, right):
        self.types(data.draw(st.sampled_from(sorted(self.asked))), name, right=right)

    def types(self, ticket, name, *, right):
        e164, code, tries, when = self.asked[ticket]
        now = self.run(self.front.now())
        typed = code if right else f"{(int(code) + 1) % 10**6:06}"
        due = tries < TRIES and now - when < LASTS
        work = self.front.entrance.by_code(ticket=ticket, code=typed, browser=self.browser(name))
        if not (right and due):
            self.asked[ticket][2] += due
            with pytest.raises(CodeRefused):
                self.run(work)
            figures["code_refused"] += 1
            return
        entered = self.run(work)
        self.asked[ticket][2] = TRIES
        before = self.owner.get(e164)
        mine = before is not None and (e164 not in self.changed or (before, name) in self.known)
        if mine:
            assert (entered.subscriber_id, entered.registered) == (before, False)
            figures["came_in"] += 1
        else:
            assert entered.registered
            assert entered.subscriber_id not in self.owner.values()
            self.owner[e164] = entered.subscriber_id
            figures["recycled" if before else "registered"] += 1
        self.changed.discard(e164)
        self.came(name, entered)

    @rule(number=st.integers(0, 2))
    def a_number_goes_to_somebody_else(self, number):
        e164 = self.numbers[number].e164
        if e164 in self.owner:
            self.holders.changed.add(e164)
            self.changed.add(e164)

    @rule(name=st.sampled_from(BROWSERS), number=st.integers(0, 2), password=st.sampled_from(PASSWORDS))
    def a_password_is_typed(self, name, number, password):
        e164 = self.numbers[number].e164
        account = self.owner.get(e164)
        work = self.front.entrance.by_password(
            self.numbers[number], password, address=f"{ADDRESS}{next(_serial)}", browser=self.browser(name)
        )
        try:
            entered = self.run(work)
        except Throttled:
            figures["throttled"] += 1
            return
        except Unauthenticated:
            assert account is None or self.password.get(account) != password
            figures["password_refused"] += 1
            return
        assert entered.subscriber_id == account
        assert self.password[account] == password
        figures["came_in_by_password"] += 1
        self.came(name, entered)

    @precondition(lambda self: getattr(self, "inside", None))
    @rule(data=st.data(), password=st.sampled_from(PASSWORDS))
    def a_password_is_chosen(self, data, password):
        self.chooses(data.draw(st.sampled_from(sorted(self.inside))), password)

    def chooses(self, name, password):
        who = self.here(name)
        if who is None:
            return
        self.run(self.front.changes.set_password(who, password))
        self.password[who.id] = password
        self.inside = {one: held for one, held in self.inside.items() if held[1] != who.id or one == name}
        figures["password_chosen"] += 1

    @precondition(lambda self: getattr(self, "inside", None))
    @rule(data=st.data())
    def somebody_signs_out(self, data):
        name = data.draw(st.sampled_from(sorted(self.inside)))

        async def out():
            async with self.database.transaction() as transaction:
                await devices.end(transaction.connection, self.inside[name][0])

        self.run(out())
        del self.inside[name]
        figures["signed_out"] += 1

    @precondition(lambda self: getattr(self, "inside", None))
    @rule(data=st.data(), number=st.integers(0, 2))
    def an_account_gets_another_number(self, data, number):
        name = data.draw(st.sampled_from(sorted(self.inside)))
        who, msisdn = self.here(name), self.numbers[number]
        if who is None:
            return
        self.front.later(timedelta(hours=2.5))
        changes = self.front.changes
        try:
            work = changes.ask(who, Purpose.NUMBER, msisdn, address=f"{ADDRESS}{next(_serial)}", locale="en")
            ticket = self.run(work)
            self.run(changes.set_number(who, ticket=ticket, code=self.run(self.front.code(msisdn))))
        except Throttled:
            return
        except Conflict:
            assert self.owner.get(msisdn.e164) not in {None, who.id}
            figures["number_taken"] += 1
            return
        assert self.owner.get(msisdn.e164) in {None, who.id}
        self.owner = {e164: account for e164, account in self.owner.items() if account != who.id}
        self.owner[msisdn.e164] = who.id
        self.changed.discard(msisdn.e164)
        figures["number_changed"] += 1

    @precondition(lambda self: getattr(self, "inside", None))
    @rule(data=st.data(), meant=st.sampled_from([True, False, False]))
    def an_account_ends(self, data, meant):
        name = data.draw(st.sampled_from(sorted(self.inside)))
        who = self.here(name)
        if who is None or not meant:
            return
        self.run(self.front.erase(who))
        self.owner = {e164: account for e164, account in self.owner.items() if account != who.id}
        self.inside = {one: held for one, held in self.inside.items() if held[1] != who.id}
        self.known = {pair for pair in self.known if pair[0] != who.id}
        self.password.pop(who.id, None)
        figures["ended"] += 1

    @rule(days=st.sampled_from([0.01, 0.1, 30, 59]))
    def time_passes(self, days):
        self.front.later(timedelta(days=days))

    @invariant()
    def every_browser_is_where_the_model_says(self):
        if not hasattr(self, "inside"):
            return
        now = self.run(self.front.now())
        for name in sorted(self.inside):
            _, account = self.inside[name]
            found = self.here(name)
            over = now - self.seen[name] >= IDLE or now - self.began[name] >= LONGEST
            assert (found.id if found else None) == (None if over else account), name
            figures["looked"] += 1
            if over:
                del self.inside[name]
            else:
                self.seen[name] = now if now - self.seen[name] > timedelta(minutes=10) else self.seen[name]

    @invariant()
    def no_two_accounts_have_one_number(self):
        if hasattr(self, "numbers"):
            held = self.run(
                self.front.rows("SELECT count(*), count(DISTINCT mark) FROM people.subscribers WHERE mark IS NOT NULL")
            )
            assert held[0][0] == held[0][1]


@pytest.mark.timeout(1800 if SOAK else 300)
def test_the_doors_do_what_their_model_does(postgres, tmp_path):
    figures.clear()
    name = postgres.clone()
    chosen = settings(
        max_examples=500 if SOAK else 12,
        stateful_step_count=40 if SOAK else 25,
        deadline=None,
        derandomize=not SOAK,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    try:
        with asyncio.Runner() as runner:
            database = Database(url=postgres.url(name), settings=settings_for(postgres.url(name)))
            runner.run(_opened(database))
            parts = {"runner": runner, "database": database, "keyring": KeyRing(tmp_path / "keys")}
            run_state_machine_as_test(type("Machine", (DoorsMachine,), parts), settings=chosen)
            runner.run(database.aclose())
    finally:
        postgres.drop(name)
    print(f"G25 G26 doors {dict(figures)}")
    for kind in ("came_in", "registered", "recycled", "code_refused", "came_in_by_password", "password_refused"):
        assert figures[kind], f"nothing was drawn that shows {kind}"
    for kind in ("number_changed", "ended", "signed_out", "password_chosen", "looked"):
        assert figures[kind], f"nothing was drawn that shows {kind}"


async def _opened(database: Database) -> None:
    await database.start()
    async with database.transaction() as transaction:
        await mark_installation(transaction.connection, demo=True, lanes=LANES, now=transaction.now)
