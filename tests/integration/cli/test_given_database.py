"""A PostgreSQL of one's own: nothing is touched before `topup db upgrade`, and the address is never shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import topup
from tests.support.database import Cluster


@pytest.fixture
def empty_database(postgres: Cluster) -> Iterator[str]:
    postgres.create("given")
    yield postgres.url("given")
    postgres.drop("given")


def test_a_given_database_is_upgraded_only_when_told(empty_database: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    before = topup(data_dir, "balance", "13800138000", TOPUP_DATABASE_URL=empty_database)
    assert before.code == 4
    assert "topup db upgrade" in before.err
    upgraded = topup(data_dir, "db", "upgrade", TOPUP_DATABASE_URL=empty_database)
    assert upgraded.code == 0
    assert "production" in upgraded.out
    assert topup(data_dir, "db", "upgrade", TOPUP_DATABASE_URL=empty_database).code == 0
    after = topup(data_dir, "balance", "13800138000", TOPUP_DATABASE_URL=empty_database)
    assert after.code == 1
    other_machine = topup(tmp_path / "other", "balance", "13800138000", TOPUP_DATABASE_URL=empty_database)
    assert other_machine.code == 4
    assert "keys" in other_machine.err


def test_a_database_of_another_encoding_is_refused_with_the_statement_for_a_good_one(
    postgres: Cluster, tmp_path: Path
) -> None:
    with postgres.connect("postgres") as administrator:
        administrator.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        try:
            done = topup(tmp_path / "data", "db", "upgrade", TOPUP_DATABASE_URL=postgres.url("ascii"))
            assert done.code == 4
            assert "SQL_ASCII" in done.err
            assert "Traceback" not in done.err
            statement = done.err[done.err.index("CREATE DATABASE") :]
            administrator.execute(statement)
            good = topup(tmp_path / "data", "db", "upgrade", TOPUP_DATABASE_URL=postgres.url("ascii_utf8"))
            assert good.code == 0
        finally:
            postgres.drop("ascii")
            postgres.drop("ascii_utf8")


def test_a_database_that_does_not_answer_is_a_sentence_without_its_password(tmp_path: Path) -> None:
    address = "postgresql://someone:s3cr3tpassw0rd@127.0.0.1:1/nowhere"
    done = topup(tmp_path / "data", "doctor", TOPUP_DATABASE_URL=address)
    assert done.code == 1
    assert "s3cr3tpassw0rd" not in done.out + done.err
    assert "Traceback" not in done.err
