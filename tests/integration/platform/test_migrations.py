"""Migrations: from nothing, again, at once from several processes, by owners with few rights, on both servers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.database import settings_for
from topup.kernel.errors import Conflict, Unavailable
from topup.platform import migrations
from topup.platform.database import Database
from topup.platform.migrations import HEAD, current_revision, migrate


@contextmanager
def empty(cluster, name):
    cluster.create(name)
    try:
        yield cluster.url(name)
    finally:
        cluster.drop(name)


def test_a_new_database_is_brought_up_to_date_and_stays_so(any_postgres):
    with empty(any_postgres, "fresh") as url, psycopg.connect(url, autocommit=True) as connection:
        assert current_revision(connection) is None
        for _ in range(2):
            assert migrate(url) == HEAD
            assert current_revision(connection) == HEAD


async def test_the_application_runs_on_each_server(any_postgres):
    with empty(any_postgres, "opened") as url:
        async with Database.open(settings=settings_for(url)) as database, database.read() as tx:
            assert await (await tx.connection.execute("SELECT count(*) FROM orders.orders")).fetchone() == (0,)


def test_many_starts_at_once_do_the_work_once(any_postgres):
    with empty(any_postgres, "raced") as url:
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(migrate, [url] * 6)) == [HEAD] * 6
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM public.alembic_version").fetchone() == (1,)


def test_a_database_newer_than_the_code_is_refused_untouched(postgres):
    with empty(postgres, "newer") as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE public.alembic_version SET version_num = '9999'")
            with pytest.raises(Conflict, match="database_newer") as caught:
                migrate(url)
            assert caught.value.parameters == {"found": "9999", "known": HEAD}
            assert current_revision(connection) == "9999"


def test_changed_functions_are_run_again_and_unchanged_ones_are_not(postgres, monkeypatch, tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    file = room / "functions.sql"
    file.write_text("CREATE OR REPLACE FUNCTION public.answer() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    monkeypatch.setattr(migrations, "_ROOMS", tmp_path)
    with empty(postgres, "repeated") as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT public.answer()").fetchone() == (1,)
            connection.execute(file.read_text().replace("SELECT 1", "SELECT 7"))
            migrate(url)
            assert connection.execute("SELECT public.answer()").fetchone() == (7,)
            file.write_text(file.read_text().replace("SELECT 1", "SELECT 2"))
            migrate(url)
            assert connection.execute("SELECT public.answer()").fetchone() == (2,)


def test_a_version_that_fails_leaves_the_database_as_it_was(postgres, monkeypatch, tmp_path):
    (tmp_path / "0001_orders.sql").write_text("CREATE SCHEMA half; SELECT 1 / 0")
    for file in migrations.SQL.glob("*.sql"):
        if file.name != "0001_orders.sql":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with empty(postgres, "halfway") as url, psycopg.connect(url, autocommit=True) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "SQL", tmp_path)
            with pytest.raises(psycopg.errors.DivisionByZero):
                migrate(url)
        assert connection.execute("SELECT to_regnamespace('half'), to_regnamespace('people')").fetchone() == (
            None,
            None,
        )
        assert migrate(url) == HEAD


@contextmanager
def owner_without_rights(cluster, attributes=""):
    """A database whose owner may create nothing but in it."""
    with cluster.connect("postgres") as connection:
        connection.execute(f"CREATE ROLE modest LOGIN PASSWORD 'modest' {attributes}")
        connection.execute("CREATE DATABASE modest OWNER modest")
        try:
            yield make_conninfo(cluster.url("modest"), user="modest", password="modest"), connection
        finally:
            connection.execute("DROP DATABASE modest WITH (FORCE)")
            connection.execute("DROP OWNED BY modest")
            connection.execute("DROP ROLE modest")


def test_an_owner_who_may_not_grant_is_told_the_two_statements_and_they_are_enough(any_postgres):
    with owner_without_rights(any_postgres) as (url, administrator):
        with pytest.raises(Unavailable, match="database_roles_missing") as caught:
            migrate(url)
        statements = caught.value.parameters["statements"]
        assert len(statements) == 2
        for statement in statements:
            administrator.execute(sql.SQL(statement))
        assert migrate(url) == HEAD


def test_where_the_roles_do_not_exist_the_statements_create_them(any_postgres, monkeypatch):
    monkeypatch.setattr(migrations, "_ROLES", ("modest_ledger", "modest_app"))
    with (
        owner_without_rights(any_postgres) as (url, _administrator),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        with pytest.raises(Unavailable) as caught:
            migrations._ensure_roles(connection)
        assert caught.value.parameters["statements"] == [
            'CREATE ROLE modest_ledger NOLOGIN ROLE "modest";',
            'CREATE ROLE modest_app NOLOGIN ROLE "modest";',
        ]


def test_an_owner_who_may_create_roles_needs_no_administrator(any_postgres, monkeypatch):
    """Under other names, for the roles of the cluster's other databases exist already."""
    monkeypatch.setattr(migrations, "_ROLES", ("modest_ledger", "modest_app"))
    with owner_without_rights(any_postgres, "CREATEROLE") as (url, administrator):
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                migrations._ensure_roles(connection)
                migrations._ensure_roles(connection)
                for role in ("modest_ledger", "modest_app"):
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
                    connection.execute("RESET ROLE")
        finally:
            for role in ("modest_ledger", "modest_app"):
                administrator.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
