"""Who looks after staff: nobody helps themselves, somebody is always left, and each change stays written down."""

import asyncio
from datetime import timedelta

import pytest

from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from topup.people import administration, sessions, staff
from topup.people.administration import COMMAND_LINE
from topup.people.permissions import STAFF_ROLES, Role
from topup.people.sessions import Begun, Lasting
from topup.people.signing_in import enrol_at_once
from topup.platform.keys import KeyRing
from topup.work import trail

LASTING = Lasting(timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=10))


class Office:
    """The accounts of an installation, and what is done with them, each in a transaction of its own."""

    def __init__(self, database, keyring):
        self.database = database
        self._keyring = keyring

    async def hire(self, login, role, *, enrolled=True):
        async with self.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            invited = await administration.add(connection, login=login, role=role, by=COMMAND_LINE, now=now)
        if enrolled:
            await self.enrol(invited)
        return invited.id

    async def enrol(self, invited):
        async with self.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await enrol_at_once(connection, self._keyring, invited, password="x", secret="JBSWY3DPEHPK3PXP", now=now)

    async def do(self, deed, login, by, **more):
        async with self.database.transaction() as transaction:
            return await deed(transaction.connection, login=login, by=by, now=transaction.now, **more)

    async def standing(self, login):
        async with self.database.read() as transaction:
            found = {one.login: one for one in await staff.everybody(transaction.connection)}
            return found[login].role, found[login].standing(transaction.now)

    async def said(self):
        async with self.database.read() as transaction:
            return [(one.action, dict(one.facts)) for one in await trail.entries(transaction.connection)]


@pytest.fixture
def office(database, tmp_path):
    return Office(database, KeyRing(tmp_path / "keys"))


DEEDS = (administration.disable, administration.reset, administration.enable)


async def test_nobody_changes_their_own_account(office):
    chief = await office.hire("chief", Role.SECURITY)
    await office.hire("deputy", Role.SECURITY)
    for deed in DEEDS:
        with pytest.raises(Forbidden, match="staff_own"):
            await office.do(deed, "Chief ", chief)
    for role in STAFF_ROLES:
        with pytest.raises(Forbidden, match="staff_own"):
            await office.do(administration.give_role, "chief", chief, role=role)
    assert await office.standing("chief") == (Role.SECURITY, "active")


async def test_the_last_who_looks_after_staff_stays(office):
    await office.hire("chief", Role.SECURITY)
    invited = await office.hire("invited", Role.OPERATOR, enrolled=False)
    for deed in DEEDS[:2]:
        with pytest.raises(Conflict, match="staff_last"):
            await office.do(deed, "chief", invited)
    with pytest.raises(Conflict, match="staff_last"):
        await office.do(administration.give_role, "chief", invited, role=Role.FINANCE)
    with pytest.raises(Conflict, match="staff_last"):
        await office.do(administration.give_role, "chief", invited, role=Role.OPERATOR)
    await office.do(administration.give_role, "chief", COMMAND_LINE, role=Role.OPERATOR)
    await office.do(administration.disable, "chief", COMMAND_LINE)
    assert await office.standing("chief") == (Role.OPERATOR, "disabled")


async def test_two_who_block_each_other_at_once_leave_one(office):
    for number in range(8):
        pair = [f"one-{number}", f"two-{number}"]
        ids = [await office.hire(login, Role.SECURITY) for login in pair]
        answers = await asyncio.gather(
            *(office.do(administration.disable, other, by) for other, by in zip(reversed(pair), ids, strict=True)),
            return_exceptions=True,
        )
        assert [type(one) for one in answers if isinstance(one, Problem)] == [Conflict], answers
        for login in pair:
            if (await office.standing(login))[1] == "active":
                await office.do(administration.disable, login, COMMAND_LINE)


async def test_another_role_ends_sessions_and_the_trail_has_before_and_after(office):
    chief, one = await office.hire("chief", Role.SECURITY), await office.hire("someone", Role.SUPPORT)
    async with office.database.transaction() as transaction:
        token = await sessions.begin(
            transaction.connection, staff_id=one, begun=Begun(name="chrome.linux", door="code"), now=transaction.now
        )
    await office.do(administration.give_role, "someone", chief, role=Role.FINANCE)
    assert await sessions.find(office.database, token, lasting=LASTING) is None
    assert (await office.said())[0] == ("staff.role", {"before": "support", "after": "finance"})
    await office.do(administration.disable, "someone", chief)
    assert (await office.said())[0] == ("staff.disabled", {"before": "unconfirmed", "after": "disabled"})
    await office.do(administration.enable, "someone", chief)
    assert (await office.said())[0] == ("staff.enabled", {"before": "disabled", "after": "unconfirmed"})
    await office.do(administration.confirm, "someone", COMMAND_LINE)
    assert (await office.said())[0] == (
        "staff.confirmed",
        {"role": "finance", "before": "unconfirmed", "after": "active"},
    )
    await office.do(administration.reset, "someone", chief)
    assert (await office.said())[0] == ("staff.reset", {"before": "active", "after": "invited"})
    assert await office.standing("someone") == (Role.FINANCE, "invited")


async def test_what_cannot_be_is_refused(office):
    chief = await office.hire("chief", Role.SECURITY)
    await office.hire("someone", Role.SUPPORT)
    for deed in DEEDS:
        with pytest.raises(NotFound, match="staff_unknown"):
            await office.do(deed, "nobody", chief)
    with pytest.raises(Conflict, match="staff_not_blocked"):
        await office.do(administration.enable, "someone", chief)
    with pytest.raises(Invalid, match="role_not_of_staff"):
        await office.do(administration.give_role, "someone", chief, role=Role.NETWORK)


async def test_whoever_had_a_hand_in_an_account_since_it_was_confirmed_does_not_confirm_it(office):
    """One invites, another gives more to do: neither is the second person for what the other did."""
    ids = {login: await office.hire(login, Role.SECURITY) for login in ("one", "two", "three")}
    invited = await office.do(administration.add, "new", ids["one"], role=Role.CLERK)
    await office.enrol(invited)
    await office.do(administration.give_role, "new", ids["two"], role=Role.FINANCE)
    for by in ("one", "two"):
        with pytest.raises(Forbidden, match="staff_confirmed_by_inviter"):
            await office.do(administration.confirm, "new", ids[by])
    with pytest.raises(Forbidden, match="staff_own"):
        await office.do(administration.confirm, "new", invited.id)
    await office.do(administration.confirm, "new", ids["three"])
    await office.do(administration.give_role, "new", ids["two"], role=Role.OPERATOR)
    assert await office.standing("new") == (Role.OPERATOR, "unconfirmed")
    await office.do(administration.confirm, "new", ids["one"])
    with pytest.raises(Conflict, match="staff_confirmed_already"):
        await office.do(administration.confirm, "new", COMMAND_LINE)


async def test_two_who_raise_each_other_at_once_leave_one_who_looks_after_staff(office):
    ids = {login: await office.hire(login, Role.SECURITY) for login in ("one", "two")}
    answers = await asyncio.gather(
        office.do(administration.give_role, "two", ids["one"], role=Role.OPERATOR),
        office.do(administration.give_role, "one", ids["two"], role=Role.OPERATOR),
        return_exceptions=True,
    )
    assert [type(one) for one in answers if isinstance(one, Problem)] == [Conflict], answers
    assert sorted([(await office.standing(login))[1] for login in ids]) == ["active", "unconfirmed"]
