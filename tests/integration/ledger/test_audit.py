"""G4 and G22: the audit proves a sound ledger sound, and names where a tampered one was touched."""

import contextlib
import json
import random
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from tests.support.ledger import LANE, NOW, SPEC, credit, debit, do, expire, fresh_line, hold, release, settle, transfer
from topup.ledger.audit import Audit, FaultKind, audit
from topup.ledger.chain import LINE, genesis, link_hash
from topup.ledger.heads import head_export, read_heads
from topup.ledger.invariants import violations
from topup.ledger.snapshots import READERS, snapshot
from topup.platform.keys import KeyRing

SEED = 22


@pytest.fixture
def keyring(tmp_path):
    return KeyRing(tmp_path / "keys")


async def busy(database, *, rounds=8, lanes=(LANE, 5)):
    """A ledger in which everything has happened: several assets, buckets, debits, holds of each end, an expiry."""
    chance = random.Random(SEED)
    for lane in lanes:
        lines = [fresh_line(lane) for _ in range(3)]
        for n in range(rounds):
            line = chance.choice(lines)
            until = NOW + timedelta(days=chance.randint(1, 3))
            place = {"lane": lane}
            opened, *_ = await do(
                database,
                credit(line, 50, bucket=replace(SPEC, kind="bonus", usable_until=until), **place),
                credit(line, 40, **place),
                credit(line, 2**30, asset="DATA", from_code="issued", **place),
                transfer(amount=90, **place),
                debit(line, chance.randint(1, 60), **place),
            )
            held, other = await do(database, hold(line, 3, **place), hold(line, 4, **place))
            await do(database, settle(held.hold_id, 2, **place))
            if n % 2:
                await do(database, release(other.hold_id, **place))
            if n == 5:
                await do(database, expire(opened.legs[0].credit, **place), now=until)


async def audited(database, **options):
    async with database.read() as transaction:
        return await audit(transaction.connection, **options)


async def audited_from(database, **options):
    """By several connections, and not from the beginning."""
    async with snapshot(database) as connections:
        assert len(connections) == READERS
        return await Audit(**options).run(connections)


@contextlib.asynccontextmanager
async def tampering(database):
    """A superuser who turned the triggers off."""
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        await connection.execute("SET session_replication_role = replica")
        yield connection


async def test_a_sound_ledger_is_found_sound(any_database):
    await busy(any_database)
    heard = []
    report = await audited(any_database, progress=lambda done, total: heard.append((done, total)))
    assert report.sound, report.faults
    assert set(report.imbalance) == {"CNY", "DATA"}
    imbalance = sum(map(abs, report.imbalance.values()))
    print(f"G4 transfers={report.transfers} imbalance={imbalance} lanes={report.lanes}")
    assert imbalance == 0
    assert report.transfers > 90
    assert heard[-1] == (report.transfers, report.transfers)
    async with any_database.read() as transaction:
        assert await violations(transaction.connection) == []


async def test_an_empty_ledger_is_sound(any_database):
    report = await audited(any_database)
    assert report.sound
    assert (report.transfers, report.imbalance) == (0, {})


FAULTS = {
    "amount edited": (
        "UPDATE ledger.transfers SET amount = amount + 1 WHERE lane = 3 AND sequence = 7",
        ("altered", 7),
    ),
    "reference edited": (
        "UPDATE ledger.transfers SET reference = 'else' WHERE lane = 3 AND sequence = 9",
        ("altered", 9),
    ),
    "time edited": (
        "UPDATE ledger.transfers SET created_at = created_at + interval '1 us' WHERE lane = 3 AND sequence = 4",
        ("altered", 4),
    ),
    "validity edited": (
        "UPDATE ledger.transfers SET usable_until = now() WHERE lane = 3 AND sequence = 2",
        ("altered", 2),
    ),
    "fingerprint edited": (
        "UPDATE ledger.transfers SET fingerprint = '\\x00' WHERE lane = 3 AND sequence = 2",
        ("altered", 2),
    ),
    "row deleted": ("DELETE FROM ledger.transfers WHERE lane = 3 AND sequence = 11", ("missing", 11)),
    "first row deleted": ("DELETE FROM ledger.transfers WHERE lane = 3 AND sequence = 1", ("missing", 1)),
    "last row deleted": (
        (
            "DELETE FROM ledger.transfers WHERE lane = 3 AND sequence = (SELECT max(sequence) FROM ledger.transfers"
            " WHERE lane = 3)"
        ),
        ("head", None),
    ),
    "rows swapped": (
        (
            "UPDATE ledger.transfers SET sequence = sequence + 900000 WHERE lane = 3 AND sequence IN (2, 3);"
            "UPDATE ledger.transfers SET sequence = 900005 - sequence WHERE lane = 3 AND sequence > 900000"
        ),
        ("altered", 2),
    ),
    "row moved to the end": (
        "UPDATE ledger.transfers SET sequence = 99999 WHERE lane = 3 AND sequence = 8",
        ("missing", 8),
    ),
    "row put in at the end": (
        (
            "INSERT INTO ledger.transfers SELECT lane, (SELECT max(sequence) + 1 FROM ledger.transfers WHERE lane = 3),"
            " 'forged', 0, fingerprint, debit, credit, asset, amount, line_id, purpose, reference, usable_until,"
            " created_at, hash FROM ledger.transfers WHERE lane = 3 AND sequence = 1"
        ),
        ("head", None),
    ),
    "row copied into another lane": (
        (
            "INSERT INTO ledger.transfers SELECT 6, 1, key, leg, fingerprint, debit, credit, asset, amount, line_id,"
            " purpose, reference, usable_until, created_at, hash FROM ledger.transfers WHERE lane = 3 AND sequence = 1"
        ),
        ("head", None),
    ),
    "link's hash taken away": (
        "UPDATE ledger.transfers SET hash = NULL WHERE lane = 3 AND sequence = 14 OR lane = 3 AND hash IS NOT NULL",
        ("head", None),
    ),
    "head edited": ("UPDATE ledger.lanes SET head_hash = sha256('') WHERE lane = 3", ("head", None)),
    "bucket's balance edited": (
        "UPDATE ledger.buckets SET balance = balance + 1 WHERE lane = 3 AND closed_at IS NULL",
        ("balance", None),
    ),
    "house account edited": (
        "UPDATE ledger.house_accounts SET balance = balance - 1 WHERE lane = 3 AND code = 'sales'",
        ("balance", None),
    ),
    "bucket deleted": ("DELETE FROM ledger.buckets WHERE lane = 3", ("orphan", None)),
    "bucket invented": (
        (
            "INSERT INTO ledger.buckets SELECT lane, 'acc_invented', line_id, asset, kind, scope, priority, policy,"
            " at_end, source, rule, roll, 5, 0, usable_until, forfeit_at, opened_at, 0, NULL FROM ledger.buckets"
            " WHERE lane = 3 LIMIT 1"
        ),
        ("balance", None),
    ),
    "bucket given to another line": (
        "UPDATE ledger.buckets SET line_id = 'lin_thief' WHERE lane = 3 AND closed_at IS NULL",
        ("orphan", None),
    ),
    "bucket lives longer": (
        (
            "UPDATE ledger.buckets SET usable_until = '2999-01-01', forfeit_at = '2999-01-01'"
            " WHERE kind = 'bonus' AND lane = 3"
        ),
        ("validity", None),
    ),
    "held edited": (
        "UPDATE ledger.buckets SET held = held + 1 WHERE lane = 3 AND balance > held",
        ("invariant", None),
    ),
    "hold deleted": ("DELETE FROM ledger.holds WHERE lane = 3 AND state = 'open'", ("invariant", None)),
    "hold's key deleted": (
        "DELETE FROM ledger.bound_keys WHERE lane = 3 AND kind = 'hold'",
        ("invariant", None),
    ),
    "settlement's key deleted": (
        "DELETE FROM ledger.bound_keys WHERE lane = 3 AND kind = 'settle'",
        ("invariant", None),
    ),
    "key put on another subject": (
        "UPDATE ledger.bound_keys SET subject = 'hol_other' WHERE lane = 3 AND kind = 'release'",
        ("invariant", None),
    ),
    "closed hold deleted": ("DELETE FROM ledger.holds WHERE lane = 3 AND state = 'released'", ("invariant", None)),
    "hold given to another line": ("UPDATE ledger.holds SET line_id = 'lin_thief' WHERE lane = 3", ("invariant", None)),
    "hold reopened": (
        "UPDATE ledger.holds SET state = 'open', settled = 0, closed_at = NULL WHERE lane = 3 AND state = 'settled'",
        ("invariant", None),
    ),
}


@pytest.mark.parametrize("way", FAULTS)
async def test_tampering_is_found_and_named(database, way):
    statement, (kind, sequence) = FAULTS[way]
    await busy(database)
    if kind == "altered":
        sequence = await end_of_link(database, sequence)
    async with tampering(database) as connection:
        for part in statement.split(";"):
            cursor = await connection.execute(part)
            assert cursor.rowcount > 0, "the tampering itself must have happened"
    report = await audited(database)
    lane = 6 if "another lane" in way else 3
    found = [fault for fault in report.faults if fault.kind == kind and fault.lane == lane]
    assert found, report.faults
    assert sequence is None or found[0].sequence == sequence
    print(f"G22 way={way!r} found={found[0].kind} lane={found[0].lane} sequence={found[0].sequence}")


async def end_of_link(database, sequence: int) -> int:
    """The last transfer of the link that holds `sequence`: its hash is over all of them."""
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT min(sequence) FROM ledger.transfers WHERE lane = 3 AND sequence >= %s AND hash IS NOT NULL",
            (sequence,),
        )
        return (await cursor.fetchone())[0]


async def test_other_lanes_stay_clear_of_suspicion(database):
    await busy(database)
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM ledger.transfers WHERE lane = 3 AND sequence = 11")
    report = await audited(database)
    assert {fault.lane for fault in report.faults if fault.kind is not FaultKind.UNBALANCED} == {3}


async def cut_off_and_tidy_up(database, keep: int):
    """Delete the end of a lane and mend everything that would show it: the head, the balances, the holds."""
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM ledger.transfers WHERE lane = 3 AND sequence > %s", (keep,))
        await connection.execute(
            "UPDATE ledger.lanes SET head_sequence = sequence, head_hash = hash FROM ledger.transfers t"
            " WHERE t.lane = 3 AND t.sequence = %s AND lanes.lane = 3",
            (keep,),
        )
        await connection.execute("DELETE FROM ledger.holds WHERE lane = 3")
        await connection.execute("DELETE FROM ledger.bound_keys WHERE lane = 3")
        await connection.execute("DELETE FROM ledger.house_accounts WHERE lane = 3")
        await connection.execute(
            """
            INSERT INTO ledger.house_accounts
            SELECT 3, account, asset, sum(amount) FROM (
                SELECT debit AS account, asset, -amount AS amount FROM ledger.transfers WHERE lane = 3
                UNION ALL SELECT credit, asset, amount FROM ledger.transfers WHERE lane = 3
            ) AS moved WHERE NOT starts_with(account, 'acc_') GROUP BY account, asset
            """
        )
        await connection.execute(
            """
            UPDATE ledger.buckets b SET held = 0, closed_at = NULL, balance = (
                SELECT coalesce(sum(CASE WHEN t.credit = b.id THEN t.amount ELSE -t.amount END), 0)
                FROM ledger.transfers t WHERE t.lane = 3 AND b.id IN (t.debit, t.credit)
            ) WHERE lane = 3
            """
        )
        await connection.execute(
            "DELETE FROM ledger.buckets b WHERE lane = 3"
            " AND NOT EXISTS (SELECT FROM ledger.transfers t WHERE t.lane = 3 AND t.credit = b.id)"
        )


async def test_a_lane_cut_off_and_tidied_up_shows_only_against_signed_heads(database, keyring):
    await busy(database)
    async with database.read() as transaction:
        document = json.loads(json.dumps(await head_export(transaction.connection, keyring, now=NOW)))
    heads = read_heads(document, keyring)
    end = heads[LANE].sequence
    assert (await audited(database, signed=heads)).sound
    await busy(database, rounds=2)
    assert (await audited(database, signed=heads)).sound, "what came after the export is no fault"

    keep = await end_of_link(database, end - 8)
    await cut_off_and_tidy_up(database, keep=keep)
    assert (await audited(database)).sound, "without the heads nothing shows: that is what they are for"
    report = await audited(database, signed=heads)
    [fault] = [fault for fault in report.faults if fault.kind is FaultKind.TRUNCATED]
    assert (fault.lane, fault.sequence) == (LANE, keep + 1)
    print(f"G22 truncation of {end} to {keep}: found at lane={fault.lane} sequence={fault.sequence}")


async def test_a_chain_written_anew_shows_against_signed_heads(database, keyring):
    await busy(database)
    async with database.read() as transaction:
        heads = read_heads(await head_export(transaction.connection, keyring, now=NOW), keyring)
    async with tampering(database) as connection:
        await connection.execute("UPDATE ledger.transfers SET reference = 'else' WHERE lane = 3 AND sequence = 9")
        await write_anew(connection)
    assert (await audited(database)).sound
    report = await audited(database, signed=heads)
    assert [(fault.kind, fault.lane, fault.sequence) for fault in report.faults] == [
        (FaultKind.REWRITTEN, LANE, heads[LANE].sequence)
    ]


async def write_anew(connection):
    """Compute the whole chain of the lane again, as one can who knows how and may write everywhere."""
    cursor = await connection.execute(
        f"SELECT t.sequence, {LINE}, t.hash FROM ledger.transfers AS t WHERE t.lane = 3 ORDER BY t.sequence"
    )
    before = genesis(LANE)
    lines = []
    for sequence, line, found in await cursor.fetchall():
        lines.append(line)
        if found is None:
            continue
        before = link_hash(before, lines)
        lines.clear()
        await connection.execute(
            "UPDATE ledger.transfers SET hash = %s WHERE lane = 3 AND sequence = %s", (before, sequence)
        )
    await connection.execute("UPDATE ledger.lanes SET head_hash = %s WHERE lane = 3", (before,))
