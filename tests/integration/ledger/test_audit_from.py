"""The audit that does not begin at the beginning: from a signed head, and after an interruption."""

import asyncio

import pytest

from tests.integration.ledger.test_audit import FAULTS, audited, audited_from, busy, end_of_link, tampering
from tests.support.ledger import LANE, NOW, credit, do, fresh_line
from topup.ledger import replay
from topup.ledger.audit import Audit, FaultKind
from topup.ledger.heads import head_export, read_heads
from topup.ledger.points import beginning, digest_of
from topup.ledger.snapshots import snapshot
from topup.platform.keys import KeyRing


@pytest.fixture
def keyring(tmp_path):
    return KeyRing(tmp_path / "keys")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """So that links and lanes are cut by pages as they are where there is much."""
    monkeypatch.setattr(replay, "_PAGE", 7)


async def heads_of(database, keyring):
    async with database.read() as transaction:
        return read_heads(await head_export(transaction.connection, keyring, now=NOW), keyring)


async def test_only_what_came_after_the_head_is_replayed(any_database, keyring):
    await busy(any_database)
    heads = await heads_of(any_database, keyring)
    before = (await audited(any_database)).transfers
    await busy(any_database, rounds=3)
    whole = await audited(any_database)
    report = await audited_from(any_database, start=heads)
    assert report.sound, report.faults
    assert report.transfers == whole.transfers - before
    assert 0 < report.transfers < before
    assert report.points == whole.points, "both end at the same place with the same balances"


async def test_an_exported_head_is_the_point_the_replay_reaches(database, keyring):
    """What is stored and what follows from the transfers have one digest."""
    await busy(database)
    assert await heads_of(database, keyring) == (await audited(database)).points


AFTER = "sequence > (SELECT max(sequence) - 3 FROM ledger.transfers WHERE lane = 3)"
WAYS = {
    "what came after was edited": (
        f"UPDATE ledger.transfers SET reference = 'else' WHERE lane = 3 AND {AFTER}",
        FaultKind.ALTERED,
    ),
    "a balance was edited": (
        "UPDATE ledger.buckets SET balance = balance + 1 WHERE lane = 3 AND closed_at IS NULL",
        FaultKind.STANDING,
    ),
    "money was taken out and its account mended": (
        "UPDATE ledger.house_accounts SET balance = balance - 1 WHERE lane = 3 AND code IN ('suspense', 'sales')",
        FaultKind.STANDING,
    ),
    "an amount was edited": (
        f"UPDATE ledger.transfers SET amount = amount + 1 WHERE lane = 3 AND {AFTER}",
        FaultKind.STANDING,
    ),
    "the end was deleted": (f"DELETE FROM ledger.transfers WHERE lane = 3 AND {AFTER}", FaultKind.HEAD),
    "all after the middle was deleted": (
        (
            "DELETE FROM ledger.transfers WHERE lane = 3 AND sequence > 20;"
            "UPDATE ledger.lanes SET head_sequence = 20 WHERE lane = 3"
        ),
        FaultKind.TRUNCATED,
    ),
    "the head's transfer was deleted": (
        "DELETE FROM ledger.transfers WHERE lane = 3 AND sequence = {head}",
        FaultKind.MISSING,
    ),
    "the chain was written anew up to the head": (
        "UPDATE ledger.transfers SET hash = sha256('') WHERE lane = 3 AND sequence = {head}",
        FaultKind.REWRITTEN,
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_tampering_is_found_from_a_head_on(database, keyring, way):
    statements, kind = WAYS[way]
    await busy(database)
    heads = await heads_of(database, keyring)
    await busy(database, rounds=3)
    async with tampering(database) as connection:
        for statement in statements.format(head=heads[LANE].sequence).split(";"):
            cursor = await connection.execute(statement)
            assert cursor.rowcount > 0, "the tampering itself must have happened"
    report = await audited_from(database, start=heads)
    assert kind in {fault.kind for fault in report.faults if fault.lane == LANE}, report.faults
    print(f"G22 from a head: way={way!r} found={kind}")


async def test_what_a_replay_from_a_head_cannot_see_is_what_moved_no_balance_before_it(database, keyring):
    """The limit that the guide names: it is no audit of what was there before."""
    await busy(database)
    heads = await heads_of(database, keyring)
    async with tampering(database) as connection:
        await connection.execute("UPDATE ledger.transfers SET reference = 'else' WHERE lane = 3 AND sequence = 9")
    assert (await audited_from(database, start=heads)).sound
    assert not (await audited(database)).sound


async def interrupted(database, *, after: int, **options) -> Audit:
    """An audit that is cancelled when it has replayed so many transfers; it says how far it came."""
    begun = Audit(**options)
    with pytest.raises(asyncio.CancelledError):
        async with snapshot(database) as connections:
            await begun.run(connections, progress=lambda done, total: stop(when=done >= min(after, total)))
    return begun


def stop(*, when: bool) -> None:
    if when:
        raise asyncio.CancelledError


async def test_an_interrupted_audit_goes_on_where_it_was(database):
    """However often it is interrupted: all is replayed, little of it twice, and it ends where a whole one ends."""
    await busy(database)
    lines = [fresh_line() for _ in range(40)]
    await do(database, *[credit(line) for line in lines])
    whole = await audited(database)
    replayed, rest, interruptions = 0, {}, 0
    while True:
        begun = Audit(**rest)
        try:
            async with snapshot(database) as connections:
                report = await begun.run(connections, progress=lambda done, _: stop(when=done >= 30))
            break
        except asyncio.CancelledError:
            before = rest.get("start", {})
            replayed += sum(point.sequence - before.get(n, beginning(n)).sequence for n, point in begun.reached.items())
            if begun.reached == before:
                # What is left are links of more than thirty transfers.
                report = await audited_from(database, **going_on(begun))
                break
            rest, interruptions = going_on(begun), interruptions + 1
    assert report.sound, report.faults
    assert interruptions >= 2
    assert report.points == whole.points
    assert replayed + report.transfers == whole.transfers


def going_on(begun: Audit) -> dict:
    return {"start": begun.reached, "faults": begun.faults, "unfinished": begun.unfinished}


@pytest.mark.parametrize("after", [1, 20, 60, 100])
async def test_a_point_in_the_middle_of_a_link_is_the_end_of_the_one_before(database, after):
    await busy(database)
    begun = await interrupted(database, after=after)
    ends = {await end_of_link(database, point.sequence) for n, point in begun.reached.items() if n == LANE}
    assert ends <= {begun.reached[LANE].sequence, 1, await end_of_link(database, 0)}
    report = await audited_from(database, **going_on(begun))
    assert report.sound, report.faults


async def test_what_was_found_before_the_interruption_is_not_forgotten(database):
    await busy(database)
    async with tampering(database) as connection:
        await connection.execute("UPDATE ledger.transfers SET reference = 'else' WHERE lane = 3 AND sequence = 2")
    altered = await end_of_link(database, 2)
    whole = await audited(database)
    begun = await interrupted(database, after=whole.transfers - 1)
    report = await audited_from(database, **going_on(begun))
    assert [(fault.kind, fault.lane, fault.sequence) for fault in report.faults] == [(FaultKind.ALTERED, LANE, altered)]


@pytest.mark.parametrize("after", [30, 60, 99, 130])
@pytest.mark.parametrize("way", ["bucket lives longer", "bucket given to another line", "bucket deleted"])
async def test_what_is_stored_is_compared_with_all_though_it_was_replayed_in_parts(database, way, after):
    await busy(database)
    statement, (kind, _) = FAULTS[way]
    async with tampering(database) as connection:
        await connection.execute(statement)
    begun = await interrupted(database, after=after)
    report = await audited_from(database, **going_on(begun))
    assert kind in {fault.kind for fault in report.faults if fault.lane == LANE}, report.faults


async def test_what_changed_during_the_interruption_and_shows_in_a_balance_is_found(database):
    await busy(database)
    begun = await interrupted(database, after=100)
    async with tampering(database) as connection:
        await connection.execute("UPDATE ledger.buckets SET balance = balance + 1 WHERE lane = 3 AND closed_at IS NULL")
    report = await audited_from(database, **going_on(begun))
    assert FaultKind.STANDING in {fault.kind for fault in report.faults}


def test_a_digest_is_of_what_is_there_and_nothing_else():
    one = {"CNY": {"acc_a": 5, "acc_b": 0}, "DATA": {}}
    same = {"DATA": {"acc_c": 0}, "CNY": {"acc_a": 5}}
    others = [{"CNY": {"acc_a": 6}}, {"DATA": {"acc_a": 5}}, {"CNY": {"acc_b": 5}}, {}]
    assert digest_of(one) == digest_of(same)
    assert len({digest_of(other) for other in [one, *others]}) == len(others) + 1
