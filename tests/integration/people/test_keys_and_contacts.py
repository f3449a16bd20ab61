"""API keys are kept hashed, contacts sealed."""

from pathlib import Path

import pytest

from topup.kernel.errors import Invalid
from topup.people import operations, queries
from topup.people.permissions import Role
from topup.platform.database import Database
from topup.platform.keys import CannotOpen, KeyRing


async def test_a_key_is_known_by_its_secret_until_it_is_revoked(database: Database) -> None:
    async with database.transaction() as transaction:
        created = await operations.create_key(
            transaction.connection, role=Role.SUPPORT, label="desk", now=transaction.now
        )
        principal = await queries.principal_of_key(transaction.connection, created.secret)
        assert principal is not None
        assert (principal.id, principal.role, principal.label) == (created.id, Role.SUPPORT, "desk")
        assert principal.may("lines.read")
        assert not principal.may("ledger.read")
        assert await operations.revoke_key(transaction.connection, key_id=created.id, now=transaction.now)
        assert not await operations.revoke_key(transaction.connection, key_id=created.id, now=transaction.now)
        assert await queries.principal_of_key(transaction.connection, created.secret) is None


@pytest.mark.parametrize(
    "secret", ["", "topup_", "x", "topup_" + "a" * 43, "topup_" + "a" * 10_000, "topup_\ud800\x00"]
)
async def test_other_secrets_are_nobodys(database: Database, secret: str) -> None:
    async with database.transaction() as transaction:
        await operations.create_key(transaction.connection, role=Role.READER, label="", now=transaction.now)
        assert await queries.principal_of_key(transaction.connection, secret) is None


async def test_the_secret_is_nowhere_but_in_the_answer(database: Database) -> None:
    async with database.transaction() as transaction:
        created = await operations.create_key(transaction.connection, role=Role.READER, label="", now=transaction.now)
        cursor = await transaction.connection.execute("SELECT api_keys::text FROM people.api_keys")
        stored = str(await cursor.fetchall())
    assert created.secret not in stored
    assert created.secret not in repr(created)
    assert len(created.secret) >= 43


async def test_a_label_has_a_limit(database: Database) -> None:
    async with database.transaction() as transaction:
        with pytest.raises(Invalid, match="label_too_long"):
            await operations.create_key(transaction.connection, role=Role.READER, label="x" * 101, now=transaction.now)


async def test_a_contact_is_stored_sealed_and_opens_only_as_itself(database: Database, tmp_path: Path) -> None:
    keyring = KeyRing(tmp_path)
    contact, other = (operations.seal_contact(keyring, lane=5, address="someone@example.com") for _ in range(2))
    async with database.transaction() as transaction:
        await operations.add_contacts(transaction.connection, [contact, other], transaction.now)
        await operations.add_contacts(transaction.connection, [contact], transaction.now)
        found = await queries.sealed_contacts(transaction.connection, [(5, contact.id), (5, "con_unknown")])
    assert found == {contact.id: contact}
    assert b"someone" not in contact.address
    assert keyring.unseal(contact.address, contact.id) == b"someone@example.com"
    with pytest.raises(CannotOpen):
        keyring.unseal(contact.address, other.id)
