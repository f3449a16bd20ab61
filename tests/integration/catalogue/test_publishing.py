"""Versions of carriers' files in the database: numbered, kept for ever, found again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.operations import AlreadyPublished, publish
from topup.catalogue.pricing import price
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.money import Money
from topup.platform.database import Connection, Database

NOW = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "carriers").glob("*.toml"))
[EXAMPLE] = [file for file in EXAMPLES if file.stem == "flow-cayman"]
FILES = {file.stem: file for file in demonstration_files()}


def edited(name: str, *changes: tuple[str, str]) -> CarrierFile:
    text = FILES[name].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return check_bytes(text.encode(), name=f"{name}.toml")


async def published(database: Database, file: CarrierFile) -> int:
    async with database.transaction() as transaction:
        return await publish(transaction.connection, file, NOW)


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[Connection]:
    async with database.read() as transaction:
        yield transaction.connection


async def snapshot(database: Database) -> Snapshot:
    async with reading(database) as connection:
        return await Snapshot.load(connection)


async def test_the_demonstration_publishes_and_serves(database):
    for file in FILES.values():
        assert await published(database, check(file)) == 1
    found = await snapshot(database)
    carriers = [carrier.carrier_id for carrier in found.carriers()]
    assert carriers == ["haiqiao", "lion-island", "qingfeng", "shanlan", "yunfan"]
    assert found.carrier_of("+8613800138000").name("zh_Hans") == "青峰移动"
    assert found.carrier_of("+6581234500").plugin == "external_demo"
    assert found.carrier_of("+12025550123") is None
    for carrier in found.carriers():
        assert carrier.document == check(FILES[carrier.carrier_id]).document


async def test_an_edited_file_becomes_the_next_version_and_the_old_one_stays(database):
    await published(database, check(FILES["qingfeng"]))
    old = (await snapshot(database)).carrier("qingfeng")
    assert await published(database, edited("qingfeng", ("price = 10\n", "price = 12\n"))) == 2
    found = await snapshot(database)

    def cost(version) -> Money:
        return price(version, product="data-1gb-7d", amount=None, now=NOW).face

    assert cost(found.carrier("qingfeng")) == Money(1200, "CNY")
    assert cost(found.version("qingfeng", 1)) == cost(old) == Money(1000, "CNY")
    assert found.version("qingfeng", 3) is None
    assert found.version("elsewhere", 1) is None


async def test_the_same_content_is_not_published_again(database):
    await published(database, check(FILES["qingfeng"]))
    with pytest.raises(AlreadyPublished) as refusal:
        await published(database, edited("qingfeng", ("# Qingfeng Mobile", "# A comment changes nothing:")))
    assert refusal.value.parameters == {"carrier": "qingfeng", "version": 1}
    # What was said before the current version may be said again.
    assert await published(database, edited("qingfeng", ("price = 10\n", "price = 12\n"))) == 2
    assert await published(database, check(FILES["qingfeng"])) == 3


async def test_numbers_of_another_carrier_are_a_mistake_on_their_line(database):
    await published(database, check(FILES["qingfeng"]))
    greedy = edited("haiqiao", ('"+86185", "+86186", "+86196",', '"+86185",\n "+861391",\n'))
    with pytest.raises(CatalogueMistakes) as refusal:
        await published(database, greedy)
    [mistake] = refusal.value.mistakes
    assert "+861391" in greedy.source.split("\n")[mistake.line - 1]
    assert "is +861391, which overlaps +86139 of the carrier qingfeng" in mistake.reason
    assert (await snapshot(database)).carrier("haiqiao") is None


async def test_a_range_that_its_carrier_gave_up_may_go_to_another(database):
    await published(database, check(FILES["qingfeng"]))
    await published(database, edited("qingfeng", (', "+86139",', ",")))
    await published(database, edited("haiqiao", ('"+86130"', '"+86130", "+86139"')))
    assert (await snapshot(database)).carrier_of("+8613900139000").carrier_id == "haiqiao"


async def test_a_carrier_keeps_its_currency(database):
    await published(database, check(FILES["lion-island"]))
    with pytest.raises(CatalogueMistakes, match=r"lion-island\.toml:7: currency must stay SGD"):
        await published(database, edited("lion-island", ('"SGD"', '"USD"')))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE catalogue.versions SET source = ''",
        "DELETE FROM catalogue.versions",
        "TRUNCATE catalogue.versions",
        "DROP TABLE catalogue.versions",
        "ALTER TABLE catalogue.versions DISABLE TRIGGER ALL",
    ],
)
async def test_the_application_may_not_touch_what_is_published(database, statement):
    await published(database, check(FILES["qingfeng"]))
    with pytest.raises(errors.InsufficientPrivilege):
        async with database.transaction() as transaction:
            await transaction.connection.execute(statement)
    assert (await snapshot(database)).version("qingfeng", 1) is not None


async def test_a_version_is_written_once(database):
    await published(database, check(FILES["qingfeng"]))
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO catalogue.versions (carrier_id, version, published_at, fingerprint, document, source)"
                " SELECT carrier_id, version, published_at, fingerprint, document, '' FROM catalogue.versions"
            )


async def test_publishers_at_the_same_time_get_numbers_of_their_own(database):
    files = [edited("qingfeng", ("price = 10\n", f"price = {11 + index}\n")) for index in range(4)]
    versions = await asyncio.gather(*(published(database, file) for file in files))
    assert sorted(versions) == [1, 2, 3, 4]


async def test_of_two_carriers_that_want_one_range_at_the_same_time_one_gets_it(database):
    rival = replace(check(FILES["qingfeng"]).document, id="rival")
    files = [check(FILES["qingfeng"]), replace(check(FILES["qingfeng"]), document=rival)]
    results = await asyncio.gather(*(published(database, file) for file in files), return_exceptions=True)
    assert sorted(type(result) for result in results if not isinstance(result, int)) == [CatalogueMistakes]
    assert len((await snapshot(database)).carriers()) == 1


async def test_the_cache_notices_a_publication_and_only_that(database):
    cache = CatalogueCache()
    async with reading(database) as connection:
        assert (await cache.current(connection)).carriers() == []
    await published(database, check(FILES["qingfeng"]))
    async with reading(database) as connection:
        first = await cache.current(connection)
        assert await cache.current(connection) is first
    await published(database, edited("qingfeng", ("price = 10\n", "price = 12\n")))
    async with reading(database) as connection:
        second = await cache.current(connection)
    assert second.carrier("qingfeng").version == 2
    assert first.carrier("qingfeng").version == 1
    assert second.version("qingfeng", 1).document == first.carrier("qingfeng").document


async def test_asking_whether_anything_is_new_reads_an_index(database):
    async with reading(database) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        cursor = await connection.execute("EXPLAIN SELECT coalesce(max(sequence), 0) FROM catalogue.versions")
        plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert "Index Only Scan Backward using versions_sequence_key" in plan


async def test_a_publication_that_is_rolled_back_never_was(database):
    with pytest.raises(RuntimeError, match="changed my mind"):
        await abandoned(database, check(FILES["qingfeng"]))
    assert (await snapshot(database)).carriers() == []
    assert await published(database, check(FILES["qingfeng"])) == 1


async def abandoned(database: Database, file: CarrierFile) -> None:
    async with database.transaction() as transaction:
        await publish(transaction.connection, file, NOW)
        raise RuntimeError("changed my mind")


async def test_a_state_lines_may_be_in_must_stay(database):
    text = EXAMPLE.read_text(encoding="utf-8")
    await published(database, check(EXAMPLE))
    renamed = text.replace('"low-balance"', '"poor"')
    with pytest.raises(
        CatalogueMistakes, match=r"life_cycle\.states must keep low-balance: lines of this carrier may be"
    ):
        await published(database, check_bytes(renamed.encode(), name="flow.toml"))
    dropped = text[: text.index("[[life_cycle.states]]")]
    with pytest.raises(CatalogueMistakes) as refusal:
        await published(database, check_bytes(dropped.encode(), name="flow.toml"))
    assert [mistake.reason.split(":")[0] for mistake in refusal.value.mistakes] == [
        "life_cycle.states must keep low-balance",
        "life_cycle.states must keep ended",
    ]
    longer = text.replace("days = 90, to", "days = 91, to")
    assert await published(database, check_bytes(longer.encode(), name="flow.toml")) == 2


async def test_a_plan_that_lines_may_have_must_stay(database):
    text = FILES["qingfeng"].read_text(encoding="utf-8")
    plan = (
        '[[plans]]\nid = "basic"\nnames = { zh_Hans = "甲", zh_Hant = "甲", en = "A" }\nprice = 5\ncycle = "yearly"\n'
    )
    await published(database, check_bytes((text + plan).encode(), name="qingfeng.toml"))
    with pytest.raises(CatalogueMistakes, match="plans must keep basic: lines of this carrier may have it"):
        await published(database, check_bytes(text.encode(), name="qingfeng.toml"))
    kept = f"{text}{plan}on_sale = false\n"
    assert await published(database, check_bytes(kept.encode(), name="qingfeng.toml")) == 2


async def test_a_first_life_cycle_knows_the_state_lines_are_in_without_one(database):
    await published(database, check(FILES["qingfeng"]))
    states = '[[life_cycle.states]]\nid = "{}"\nshows = "active"\n[confirmation]'
    with pytest.raises(CatalogueMistakes, match="must keep active"):
        await published(database, edited("qingfeng", ("[confirmation]", states.format("alive"))))
    assert await published(database, edited("qingfeng", ("[confirmation]", states.format("active")))) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
async def test_every_example_is_published_and_read_back(database, example):
    file = check(example)
    assert await published(database, file) == 1
    found = (await snapshot(database)).carrier(file.document.id)
    assert found.document == file.document
    assert found.line_rules.states
