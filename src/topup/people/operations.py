"""Writing people: contacts, and API keys (`create_key`, `revoke_key`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.kernel.ids import lane_of, new_id
from topup.people.api_keys import CreatedKey
from topup.people.api_keys import create as create_key
from topup.people.api_keys import revoke as revoke_key
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

__all__ = ["CreatedKey", "SealedContact", "add_contacts", "create_key", "forget_contacts", "revoke_key", "seal_contact"]

_INSERT = """
INSERT INTO people.contacts (lane, id, address, created_at)
SELECT lane, id, address, %(now)s
FROM unnest(%(lanes)b::smallint[], %(ids)b::text[], %(addresses)b::bytea[]) AS wanted (lane, id, address)
ON CONFLICT (lane, id) DO NOTHING
"""

_FORGET = """
DELETE FROM people.contacts AS c USING unnest(%b::smallint[], %b::text[]) AS gone (lane, id)
WHERE c.lane = gone.lane AND c.id = gone.id
"""


@dataclass(frozen=True, slots=True)
class SealedContact:
    """A contact's address, sealed with the data key and bound to the contact's id: it opens with no other id."""

    id: str
    address: bytes


def seal_contact(keyring: KeyRing, *, lane: int, address: str) -> SealedContact:
    """A new contact of `lane` for an address that `contacts.parse_contact` gave. Nothing is stored yet."""
    contact_id = new_id("contact", lane)
    return SealedContact(contact_id, keyring.seal(address.encode(), contact_id))


async def forget_contacts(connection: Connection, contacts: Sequence[tuple[int, str]]) -> None:
    """Erase addresses (lane, id of the contact): nobody is written to there any more."""
    if contacts:
        await connection.execute(_FORGET, columns(contacts))


async def add_contacts(connection: Connection, contacts: Sequence[SealedContact], now: datetime) -> None:
    """Store sealed contacts; one that is there already stays as it is."""
    if not contacts:
        return
    parameters = {
        "now": now,
        "lanes": [lane_of(contact.id) for contact in contacts],
        "ids": [contact.id for contact in contacts],
        "addresses": [contact.address for contact in contacts],
    }
    await connection.execute(_INSERT, parameters)
