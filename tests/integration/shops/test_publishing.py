"""A file of places becomes a version; what could not be read stays as it was; nothing is published twice."""

import asyncio

from tests.support.places import CSV, EXAMPLE, PLACE
from topup.shops.files import read_directory
from topup.shops.operations import publish
from topup.shops.queries import Directories, directory, newest


async def published(database, reading):
    async with database.transaction() as transaction:
        return await publish(transaction.connection, reading, transaction.now)


def read(tmp_path, text, name="shops.toml"):
    (tmp_path / name).write_text(text)
    return read_directory(tmp_path / name)


async def test_the_same_file_twice_is_one_version(database):
    first = await published(database, read_directory(EXAMPLE))
    again = await published(database, read_directory(EXAMPLE))
    assert (first.version, first.added) == (1, 5)
    assert (again.version, again.added, again.unchanged) == (1, 0, 5)


async def test_the_report_says_what_became_of_each(database, tmp_path):
    await published(
        database, read(tmp_path, PLACE.format(id="stays") + PLACE.format(id="goes") + PLACE.format(id="moves"))
    )
    moved = PLACE.format(id="moves").replace("somewhere", "elsewhere")
    report = await published(database, read(tmp_path, PLACE.format(id="stays") + moved + PLACE.format(id="comes")))
    assert (report.version, report.added, report.changed, report.unchanged, report.removed) == (2, 1, 1, 1, 1)


async def test_what_cannot_be_read_any_more_stays_as_it_was(database, tmp_path):
    await published(database, read(tmp_path, PLACE.format(id="a")))
    report = await published(database, read(tmp_path, PLACE.format(id="a").replace("Mon-Fri", "always")))
    assert (report.refused, report.removed) == (1, 0)
    async with database.read() as transaction:
        assert [place.id for place in (await directory(transaction.connection, 1)).places] == ["a"]


async def test_a_table_of_places_leaves_the_services_alone(database, tmp_path):
    await published(database, read_directory(EXAMPLE))
    await published(database, read(tmp_path, CSV, "places.csv"))
    async with database.read() as transaction:
        now = await Directories().current(transaction.connection)
    assert [place.id for place in now.places] == ["one"]
    assert len(now.services) == 5
    assert now.ours.senders == ("10199", "TOPUP")


async def test_a_reader_sees_the_newest_at_once(database, tmp_path):
    directories = Directories()
    async with database.read() as transaction:
        assert (await directories.current(transaction.connection)).places == ()
    await published(database, read(tmp_path, PLACE.format(id="new")))
    async with database.read() as transaction:
        assert [place.id for place in (await directories.current(transaction.connection)).places] == ["new"]


async def test_two_who_publish_at_once_make_two_versions(database, tmp_path):
    readings = [read(tmp_path, PLACE.format(id=f"n{n}"), f"{n}.toml") for n in range(4)]
    reports = await asyncio.gather(*(published(database, reading) for reading in readings))
    assert sorted(report.version for report in reports) == [1, 2, 3, 4]
    async with database.read() as transaction:
        assert await newest(transaction.connection) == 4
