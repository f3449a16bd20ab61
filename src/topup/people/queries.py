"""Reading people: who calls with a key, and (only to send) where a contact is."""

from collections.abc import Sequence

from topup.people.api_keys import ApiPrincipal, principal_of_key
from topup.people.operations import SealedContact
from topup.platform.database import Connection

__all__ = ["ApiPrincipal", "principal_of_key", "sealed_contacts"]

_SELECT = "SELECT id, address FROM people.contacts WHERE lane = ANY (%s) AND id = ANY (%s)"


async def sealed_contacts(connection: Connection, contact_ids: Sequence[tuple[int, str]]) -> dict[str, SealedContact]:
    """The contacts of (lane, id) by id, still sealed: fit to be handed on to notifications. Absent ones are gone."""
    if not contact_ids:
        return {}
    cursor = await connection.execute(
        _SELECT, [sorted({lane for lane, _ in contact_ids}), [identifier for _, identifier in contact_ids]]
    )
    return {identifier: SealedContact(identifier, address) for identifier, address in await cursor.fetchall()}
