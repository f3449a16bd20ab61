"""`topup people` as its operator types it: for who asks in writing what is kept about them, or wants to leave."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import topup
from tests.support.database import temporary_data_dir
from topup.bootstrap.store import open_store
from topup.people.subscribers import accounts
from topup.people.subscribers.leaving import leaves_at
from topup.platform.settings import load_settings
from topup.work import trail

pytestmark = [pytest.mark.xdist_group("people-commands"), pytest.mark.timeout(600)]

NUMBER = "13800138123"


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    with temporary_data_dir() as data_dir:
        assert topup(data_dir, "db", "upgrade").code == 0
        yield data_dir


async def test_data_are_written_once_and_an_account_ends_later_and_the_trail_has_it(
    installed: Path, tmp_path: Path
) -> None:
    async with open_store(load_settings(data_dir=installed)) as store, store.database.transaction() as transaction:
        who = await accounts.create(
            transaction.connection,
            store.keyring,
            e164=f"+86{NUMBER}",
            locale="en",
            elder=False,
            lane=3,
            now=transaction.now,
        )
        assert who is not None
    file = tmp_path / "data.zip"
    assert topup(installed, "people", "export", "138 0013 8123", "--out", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(zipfile.ZipFile(file).read("topup.json"))["account"][0]["number"] == f"+86{NUMBER}"
    again = topup(installed, "people", "export", NUMBER, "--out", str(file))
    assert (again.code, "already" in again.err) == (1, True)
    assert "--reason" in topup(installed, "people", "erase", NUMBER).err
    assert "reason" in topup(installed, "people", "erase", NUMBER, "--reason", " ").err
    why = ("--reason", "letter of 3 May, passport seen")
    assert topup(installed, "people", "erase", NUMBER, *why).code == 0
    assert topup(installed, "people", "erase", "13800138124", *why).code == 1
    async with open_store(load_settings(data_dir=installed)) as store, store.database.read() as transaction:
        at = await leaves_at(transaction.connection, subscriber_id=who)
        assert at is not None
    assert topup(installed, "people", "erase", NUMBER, "--stay", "--reason", "called back").code == 0
    async with open_store(load_settings(data_dir=installed)) as store, store.database.read() as transaction:
        assert await leaves_at(transaction.connection, subscriber_id=who) is None
        noted = await trail.entries(transaction.connection, subject=who)
    ends = {"ends_at": at.isoformat()}
    assert [(entry.action, entry.facts) for entry in noted] == [
        ("people.stays", {"reason": "called back", "before": ends, "after": {"ends_at": None}}),
        ("people.leaves", {"reason": "letter of 3 May, passport seen", "before": {"ends_at": None}, "after": ends}),
        ("people.exported", {}),
    ]
