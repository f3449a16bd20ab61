"""The audit trail: chained, only ever added to, and honest about what somebody did to it (G22)."""

import asyncio
import copy
import itertools
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work import trail
from topup.work.trail import FaultKind, Head

ENTRIES = 12


async def fill(database: Database, count: int = ENTRIES) -> None:
    for number in range(count):
        async with database.transaction() as transaction:
            await trail.write(
                transaction.connection,
                actor=f"stf_{number % 3}",
                action="approval.approved",
                subject=f"apr_{number}",
                facts={"kind": "payment_paid", "number": number, "name": "订单|12|"}
                | trail.change({"state": "open", "counted_minor": None}, {"state": "closed", "counted_minor": number}),
                now=transaction.now,
            )


async def look(database: Database, *exported: Head) -> trail.TrailReport:
    async with database.read() as transaction:
        return await trail.verify(transaction.connection, exported=exported)


TAMPERING: dict[str, tuple[str, FaultKind]] = {
    "an entry deleted": ("DELETE FROM work.trail WHERE sequence = 5", FaultKind.MISSING),
    "the first deleted": ("DELETE FROM work.trail WHERE sequence = 1", FaultKind.MISSING),
    "several deleted": ("DELETE FROM work.trail WHERE sequence BETWEEN 4 AND 8", FaultKind.MISSING),
    "who edited": ("UPDATE work.trail SET actor = 'stf_other' WHERE sequence = 5", FaultKind.ALTERED),
    "what edited": ("UPDATE work.trail SET action = 'approval.rejected' WHERE sequence = 5", FaultKind.ALTERED),
    "about what edited": ("UPDATE work.trail SET subject = 'apr_x' WHERE sequence = 12", FaultKind.ALTERED),
    "facts edited": ("UPDATE work.trail SET facts = '{}' WHERE sequence = 1", FaultKind.ALTERED),
    "what was before edited": (
        """UPDATE work.trail SET facts = (facts::jsonb || '{"before": {"state": "new"}}')::text WHERE sequence = 5""",
        FaultKind.ALTERED,
    ),
    "what is after edited": (
        "UPDATE work.trail SET facts = replace(facts, '\"counted_minor\":4', '\"counted_minor\":5') WHERE sequence = 5",
        FaultKind.ALTERED,
    ),
    "before and after exchanged": (
        """UPDATE work.trail SET facts = replace(replace(replace(facts, '"before"', '"x"'), '"after"', '"before"'),
        '"x"', '"after"') WHERE sequence = 5""",
        FaultKind.ALTERED,
    ),
    "one person's two exchanged": (
        """UPDATE work.trail SET sequence = CASE sequence WHEN 4 THEN -7 ELSE -4 END WHERE sequence IN (4, 7);
        UPDATE work.trail SET sequence = -sequence WHERE sequence < 0""",
        FaultKind.ALTERED,
    ),
    "facts respelled": ("UPDATE work.trail SET facts = facts || ' ' WHERE sequence = 6", FaultKind.ALTERED),
    "time edited": ("UPDATE work.trail SET at = at + interval '1 microsecond' WHERE sequence = 5", FaultKind.ALTERED),
    "hash edited": ("UPDATE work.trail SET hash = sha256('x') WHERE sequence = 5", FaultKind.ALTERED),
    "two exchanged": (
        """UPDATE work.trail SET sequence = CASE sequence WHEN 4 THEN -5 ELSE -4 END WHERE sequence IN (4, 5);
        UPDATE work.trail SET sequence = -sequence WHERE sequence < 0""",
        FaultKind.ALTERED,
    ),
    "one moved to another's place": (
        """UPDATE work.trail a SET actor = b.actor, subject = b.subject, facts = b.facts FROM work.trail b
        WHERE a.sequence = 5 AND b.sequence = 6""",
        FaultKind.ALTERED,
    ),
    "one put in before the first": (
        "INSERT INTO work.trail SELECT 0, at, actor, action, subject, facts, hash FROM work.trail WHERE sequence = 1",
        FaultKind.MISSING,
    ),
    "one added": (
        "INSERT INTO work.trail SELECT 13, at, actor, action, subject, facts, hash FROM work.trail WHERE sequence = 12",
        FaultKind.ALTERED,
    ),
    "the end cut off": ("DELETE FROM work.trail WHERE sequence > 9", FaultKind.CUT),
    "all gone": ("DELETE FROM work.trail", FaultKind.CUT),
    "the head turned back": ("UPDATE work.trail_head SET sequence = 11", FaultKind.ALTERED),
}


async def test_every_kind_of_tampering_shows(database: Database, database_url: str) -> None:
    await fill(database)
    assert (await look(database)).sound
    found = {}
    with psycopg.connect(database_url, autocommit=True) as owner:
        for name, (statement, expected) in TAMPERING.items():
            owner.execute("CREATE TABLE work.kept AS TABLE work.trail")
            owner.execute("CREATE TABLE work.kept_head AS TABLE work.trail_head")
            changed = owner.execute(statement).rowcount
            report = await look(database)
            found[name] = bool(changed) and expected in {fault.kind for fault in report.faults}
            owner.execute("DELETE FROM work.trail; INSERT INTO work.trail TABLE work.kept; DROP TABLE work.kept")
            owner.execute(
                "DELETE FROM work.trail_head; INSERT INTO work.trail_head TABLE work.kept_head;"
                " DROP TABLE work.kept_head"
            )
            assert (await look(database)).sound
    print(f"{sum(found.values())} of {len(found)} kinds of tampering with the trail detected")
    assert all(found.values()), [name for name, seen in found.items() if not seen]


async def test_cutting_the_end_off_with_its_head_shows_against_an_exported_one(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    keyring = KeyRing(tmp_path)
    await fill(database)
    async with database.read() as transaction:
        head = await trail.head_of(transaction.connection)
        document = trail.head_document(head, keyring, now=transaction.now)
    assert trail.read_head(document, keyring) == head
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "DELETE FROM work.trail WHERE sequence > 9;"
            " UPDATE work.trail_head SET (sequence, hash) = (SELECT sequence, hash FROM work.trail WHERE sequence = 9)"
        )
    assert (await look(database)).sound, "by itself it looks whole"
    assert {fault.kind for fault in (await look(database, head)).faults} == {FaultKind.CUT}
    await fill(database, 4)
    assert (await look(database)).sound, "and so it does when others were written in their place"
    assert {fault.kind for fault in (await look(database, head)).faults} == {FaultKind.REWRITTEN}


async def test_a_head_of_anybody_else_is_refused(database: Database, tmp_path: Path) -> None:
    keyring = KeyRing(tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    await fill(database, 1)
    async with database.read() as transaction:
        head = await trail.head_of(transaction.connection)
        document = trail.head_document(head, keyring, now=transaction.now)
        theirs = trail.head_document(head, KeyRing(tmp_path / "theirs"), now=transaction.now)
    changes: list[Callable] = [
        lambda one: one.update(sequence=0),
        lambda one: one.update(hash="00" * 32),
        lambda one: one.update(exported_at="2020-01-01"),
        lambda one: one.update(format="topup-ledger-heads-2"),
        lambda one: one.pop("kid"),
        lambda one: one.update(signature="AAAA"),
    ]
    refused = 0
    for change in changes:
        other = copy.deepcopy(document)
        change(other)
        with pytest.raises(trail.TrailHeadRejected):
            trail.read_head(other, keyring)
        refused += 1
    for other in (theirs, [], None, "x", {}):
        with pytest.raises(trail.TrailHeadRejected):
            trail.read_head(other, keyring)
        refused += 1
    print(f"{refused} heads that are not ours, 0 taken")


async def test_the_application_can_only_add(database: Database) -> None:
    await fill(database, 3)
    statements = [
        "DELETE FROM work.trail",
        "UPDATE work.trail SET actor = 'x'",
        "TRUNCATE work.trail",
        "INSERT INTO work.trail SELECT 9, at, actor, action, subject, facts, hash FROM work.trail LIMIT 1",
        "UPDATE work.trail_head SET sequence = 0",
        "DELETE FROM work.trail_head",
        "DROP TABLE work.trail",
        """CREATE OR REPLACE FUNCTION work.append_trail(actor text, action text, subject text, facts text,
        at timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'""",
    ]
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.transaction() as transaction:
                await transaction.connection.execute(statement)
    print(f"{len(statements)} ways to write otherwise, {len(statements)} refused to the application")
    assert (await look(database)).sound


async def test_many_at_once_are_one_chain_and_what_is_undone_is_not_told(database: Database) -> None:
    async def once(number: int) -> None:
        async with database.transaction() as transaction:
            await trail.write(
                transaction.connection, actor="a", action="b", subject=str(number), facts={}, now=transaction.now
            )
            if number % 4 == 0:
                raise LookupError

    done = await asyncio.gather(*(once(number) for number in range(40)), return_exceptions=True)
    report = await look(database)
    assert (report.sound, report.entries) == (True, 30)
    assert sum(isinstance(one, LookupError) for one in done) == 10
    async with database.read() as transaction:
        told = await trail.entries(transaction.connection, limit=200)
    assert [entry.sequence for entry in told] == list(range(30, 0, -1))


parts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


# One chain grows over all examples: that is the point.
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(st.tuples(parts, parts, parts, st.dictionaries(parts, parts | st.integers())), max_size=4))
def test_whatever_is_written_the_database_and_we_chain_it_alike(entries, chained) -> None:
    assert chained(entries)


@pytest.fixture
def chained(database_url: str):
    """Writes entries as the application's function does, and says whether we read the same chain."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        numbers = itertools.count(1)

        def written(entries) -> bool:
            before = owner.execute("SELECT hash FROM work.trail_head").fetchone()[0]
            for actor, action, subject, facts in entries:
                text = trail.json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
                owner.execute("SELECT work.append_trail(%s, %s, %s, %s, now())", (actor, action, subject, text))
                row = owner.execute(
                    "SELECT sequence, at, actor, action, subject, facts, hash FROM work.trail"
                    " ORDER BY sequence DESC LIMIT 1"
                ).fetchone()
                assert row[0] == next(numbers)
                link = trail._link(before, row[0], row[1], row[2:6])
                assert link == row[6]
                before = link
            return True

        yield written
