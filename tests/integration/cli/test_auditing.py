"""`topup audit` interrupted and gone on with: what it keeps, and what it says."""

import asyncio
import contextlib
import json

import pytest

from tests.support.ledger import credit, do, fresh_line
from tests.support.places import EXAMPLE
from tests.support.points import SETTLED, Purses, somebody
from tests.support.promises import Promises, wanted
from topup.channels.cli import screen
from topup.channels.cli.auditing import Wanted, audit_ledger
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Store
from topup.kernel.errors import Unavailable
from topup.ledger.checkpoints import FILE, kept
from topup.ledger.heads import HeadsRejected
from topup.ledger.replay import LaneReplay
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings
from topup.shops.files import read_directory
from topup.shops.operations import publish
from topup.shops.stock import movements
from topup.shops.stock.desk import Stock
from topup.shops.stock.queries import Item

MUG = Item("mug", "gift", {"zh_Hans": "马克杯"})


class Runtime:
    """An installation that is a test's database."""

    def __init__(self, store):
        self._store = store

    @contextlib.asynccontextmanager
    async def store(self, _settings):
        yield self._store


@pytest.fixture
async def store(database, database_url, tmp_path, monkeypatch):
    monkeypatch.setattr("topup.ledger.replay._PAGE", 5)
    monkeypatch.setattr(screen.interruption, "_is_said", False)
    settings = Settings(database_url=database_url, data_dir=tmp_path, demo=True)
    for lane in (3, 5):
        for _ in range(6):
            await do(database, *[credit(fresh_line(lane), lane=lane) for _ in range(3)])
    return Store(settings, database, KeyRing(tmp_path / "keys"), None)


def interrupt(monkeypatch, error):
    """Have the second page end with an error: no lane is at its end by then, however far the other comes."""
    pages = iter(range(100))
    replay = LaneReplay._replay

    def interrupted(lane, page):
        replay(lane, page)
        if next(pages) == 1:
            raise error

    monkeypatch.setattr(LaneReplay, "_replay", interrupted)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Unavailable("database_lost")], ids=["Ctrl-C", "lost"])
async def test_an_interrupted_audit_says_how_to_go_on_and_does(store, monkeypatch, capsys, tmp_path, error):
    head = tmp_path / "head.json"
    with monkeypatch.context() as patched:
        interrupt(patched, error)
        with pytest.raises(type(error)):
            await audit_ledger(Runtime(store), store.settings, Wanted(export=head))
    said = " ".join(capsys.readouterr().err.split())
    assert f"topup audit --resume --export-heads {head}" in said.replace("\n", "")
    done = sum(point.sequence for point in kept(tmp_path / FILE, store.keyring).points.values())
    assert 0 < done < 36
    assert await audit_ledger(Runtime(store), store.settings, Wanted(resume=True, as_json=True)) is Exit.DONE
    assert f'"transfers": {36 - done}' in capsys.readouterr().out
    with pytest.raises(HeadsRejected):
        await audit_ledger(Runtime(store), store.settings, Wanted(resume=True))


async def test_a_checkpoint_that_was_edited_is_not_believed(store, monkeypatch):
    with monkeypatch.context() as patched:
        interrupt(patched, asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            await audit_ledger(Runtime(store), store.settings, Wanted())
    file = store.settings.data_dir / FILE
    file.write_text(file.read_text().replace('"unfinished": [', '"unfinished": [9, '))
    with pytest.raises(HeadsRejected) as caught:
        await audit_ledger(Runtime(store), store.settings, Wanted(resume=True))
    assert caught.value.code in {"heads_forged", "heads_unreadable"}


async def test_a_counter_of_an_offer_that_is_not_what_was_reserved_shows(store, capsys):
    promises = Promises(store.database)
    await promises.reserve(wanted(persons=("anna",)))
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.DONE
    assert '"offers": []' in capsys.readouterr().out
    async with store.database.transaction() as transaction:
        await transaction.connection.execute("UPDATE offers.counters SET held = 0 WHERE scope <> 'all'")
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.REFUSED
    told = json.loads(capsys.readouterr().out)
    assert (told["sound"], told["faults"]) == (False, [])
    assert {one["counter"] for one in told["offers"]} == {"day", "person"}
    assert await audit_ledger(Runtime(store), store.settings, Wanted()) is Exit.REFUSED
    said = capsys.readouterr()
    assert "spring" in said.err
    assert "anna" not in said.err + said.out, "not whose it is"


@pytest.mark.parametrize(
    ("tampered", "told"),
    [
        ("points_earned SET kept = kept - 1", {"account": "points_earned", "said": -109, "there": -110}),
        ("points_spent SET points = points - 1", {"account": "points_spent", "said": 29, "there": 30}),
        ("points_spent SET state = 'released'", {"account": "points_spent", "said": 0, "there": 30}),
        ("point_accounts SET owed = 0", {"account": "points_owed", "said": 0, "there": -20}),
    ],
)
async def test_a_sum_of_points_that_is_not_what_orders_did_with_them_shows(store, capsys, tampered, told):
    purses, key, other = Purses(store.database), somebody(), somebody()
    await purses.earn(key, "o1", 100)
    await purses.earn(other, "o2", 30)
    assert await purses.spend(other, "o3", 30)
    await purses.move(other, "o3", SETTLED)
    await purses.earn(other, "o2", 30, 10)
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.DONE
    assert json.loads(capsys.readouterr().out)["points"] == []
    async with store.database.transaction() as transaction:
        place = "order_id IN ('o1', 'o3')" if "points_" in tampered.split()[0] else "owed > 0"
        assert (await transaction.connection.execute(f"UPDATE offers.{tampered} WHERE {place}")).rowcount == 1
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.REFUSED
    said = json.loads(capsys.readouterr().out)
    assert (said["sound"], said["faults"], said["points"]) == (False, [], [told])
    assert await audit_ledger(Runtime(store), store.settings, Wanted()) is Exit.REFUSED
    in_words = capsys.readouterr().err
    assert told["account"] in in_words
    assert key.subscriber_id not in in_words, "not whose it is"


async def test_stock_that_is_not_what_its_movements_come_to_shows(store, capsys):
    await Stock(database=store.database, lanes=16).add_item(MUG, by="stf_1")
    async with store.database.transaction() as transaction:
        await publish(transaction.connection, read_directory(EXAMPLE), transaction.now)
    place = read_directory(EXAMPLE).places[0].id
    await Stock(database=store.database, lanes=16).move(movements.received("a", MUG.sku, place, 5, by="stf_1"))
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.DONE
    assert '"stock": []' in capsys.readouterr().out
    async with store.database.transaction() as transaction:
        await transaction.connection.execute("UPDATE shops.stock_levels SET quantity = 4")
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.REFUSED
    told = json.loads(capsys.readouterr().out)
    assert not told["sound"]
    assert told["stock"] == [{"place": place, "sku": MUG.sku, "level": 4, "moved": 5}]
    assert await audit_ledger(Runtime(store), store.settings, Wanted()) is Exit.REFUSED
    assert place in capsys.readouterr().err
    async with store.database.transaction() as transaction:
        await transaction.connection.execute("UPDATE shops.stock_levels SET quantity = 5, held = 1")
    assert await audit_ledger(Runtime(store), store.settings, Wanted(as_json=True)) is Exit.REFUSED
    told = json.loads(capsys.readouterr().out)
    assert (told["stock"], told["gifts"]) == ([], [{"place": place, "sku": MUG.sku, "held": 1, "promised": 0}])
    assert await audit_ledger(Runtime(store), store.settings, Wanted()) is Exit.REFUSED
    assert place in capsys.readouterr().err
