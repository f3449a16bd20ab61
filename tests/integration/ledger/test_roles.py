"""Only the posting functions write: the application's role cannot, not even by the functions inside them."""

import psycopg
import pytest

from tests.support.ledger import NOW, credit, do, fresh_line, hold, transfer
from topup.ledger import Posted, post

COLUMNS = "jsonb,integer[],smallint[],text,bytea,text,bigint[],text,text,bigint[],text,boolean,timestamp with time zone"
TABLES = ("lanes", "house_accounts", "buckets", "transfers", "bound_keys", "holds")


async def statements(connection):
    """One of each way to write, for every table of the schema as it is, so that a new table is tested when it comes."""
    cursor = await connection.execute(
        "SELECT table_name, min(column_name) FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE table_schema = 'ledger' AND table_type = 'BASE TABLE' GROUP BY table_name"
    )
    for table, column in await cursor.fetchall():
        yield f"INSERT INTO ledger.{table} SELECT * FROM ledger.{table} LIMIT 1"
        yield f"UPDATE ledger.{table} SET {column} = {column}"
        yield f"DELETE FROM ledger.{table}"
        yield f"TRUNCATE ledger.{table} CASCADE"
        yield f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL"
        yield f"DROP TABLE ledger.{table} CASCADE"
    yield "CREATE TABLE ledger.own (x int)"
    yield "SET ROLE topup_ledger"
    yield "SELECT 1 FROM ledger.lanes FOR UPDATE"


async def refused(connection, statement) -> bool:
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


async def test_the_application_cannot_write_by_any_statement(any_database):
    line = fresh_line()
    await do(any_database, credit(line), hold(line))
    connection = await as_application(any_database)
    tried = [statement async for statement in statements(connection)]
    allowed = [statement for statement in tried if not await refused(connection, statement)]
    await connection.close()
    print(f"G22 statements={len(tried)} allowed={len(allowed)}")
    assert len(tried) >= 6 * len(TABLES)
    assert allowed == []


async def as_application(database):
    """A connection that, unlike a test's superuser in the role's clothes, is nobody else underneath."""
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as owner:
        await owner.execute("DROP ROLE IF EXISTS ledger_tester")
        await owner.execute("CREATE ROLE ledger_tester LOGIN PASSWORD 'tester' IN ROLE topup_app")
    return await psycopg.AsyncConnection.connect(
        database.url, user="ledger_tester", password="tester", autocommit=True, options="-c role=topup_app"
    )


async def test_the_application_may_execute_the_two_posting_functions_and_no_other(any_database):
    connection = await as_application(any_database)
    cursor = await connection.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'ledger'::regnamespace"
        " AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1"
    )
    assert [row[0] for row in await cursor.fetchall()] == [
        f"ledger.post(smallint,{COLUMNS})",
        f"ledger.post_many({COLUMNS})",
    ]
    for table in TABLES:
        await connection.execute(f"SELECT * FROM ledger.{table}")
    await connection.close()


async def test_what_a_caller_puts_in_its_search_path_is_not_run_as_the_ledger(any_database):
    async with await psycopg.AsyncConnection.connect(any_database.url, autocommit=True) as owner:
        cursor = await owner.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND prosecdef"
            " AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], FALSE)"
        )
        assert await cursor.fetchall() == []
    async with any_database.transaction() as transaction:
        await transaction.connection.execute("CREATE TEMP TABLE transfers (x int)")
        await transaction.connection.execute(
            "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea'"
        )
        await transaction.connection.execute("SET LOCAL search_path = pg_temp, ledger")
        [posted] = await post(transaction.connection, [transfer()], NOW)
        assert isinstance(posted, Posted)
        [hashed] = await (await transaction.connection.execute("SELECT length(hash) FROM ledger.transfers")).fetchall()
        assert hashed == (32,)


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger.transfers SET amount = 1", "DELETE FROM ledger.transfers", "TRUNCATE ledger.transfers"]
)
async def test_even_the_owner_meets_a_trigger_that_keeps_transfers(any_database, statement):
    await do(any_database, credit(fresh_line()))
    async with await psycopg.AsyncConnection.connect(any_database.url) as owner:
        with pytest.raises(psycopg.errors.RestrictViolation):
            await owner.execute(statement)
