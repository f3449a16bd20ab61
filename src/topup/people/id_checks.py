"""That somebody's identity document was looked at, where what was asked for takes that: never for topping up.

Promise: the number of the document is not kept. What is kept tells whether it was the same document another time (an
HMAC with a key outside the database), and its last four letters, which the clerk and the customer can compare.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import Invalid
from topup.platform.database import Connection
from topup.platform.keys import NUMBERS, KeyRing

KEPT_FOR: Final = timedelta(days=3 * 365)
DOCUMENTS: Final = ("resident_card", "passport", "other")
_LAST: Final = 4
_SHORTEST: Final = 6
_LONGEST: Final = 40
_ADD: Final = """
INSERT INTO people.id_checks (subject, purpose, document, mark, last_four, checked_by, checked_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_FORGET: Final = """
DELETE FROM people.id_checks WHERE ctid IN (SELECT ctid FROM people.id_checks
    WHERE checked_at < %s ORDER BY checked_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A document that somebody showed; its number is never printed."""

    document: str
    number: str

    def __repr__(self) -> str:
        return f"Shown({self.document!r})"


def shown(*, document: str, number: str) -> Shown:
    """A document as it was typed or scanned. Raises Invalid `document_unreadable`."""
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", number[:_LONGEST])).upper()
    if document not in DOCUMENTS or len(plain) < _SHORTEST or not plain.isalnum():
        raise Invalid("document_unreadable")
    return Shown(document, plain)


async def write(
    connection: Connection, seen: Shown, *, subject: str, purpose: str, by: str, now: datetime, keys: KeyRing
) -> str:
    """Write down that it was looked at, for what, and by whom; gives its last four letters."""
    mark, last = marks(seen, keys)[0], last_four(seen)
    await connection.execute(_ADD, (subject, purpose, seen.document, mark, last, by, now))
    return last


def marks(seen: Shown, keys: KeyRing) -> list[bytes]:
    """What a document is known again by, under each key there ever was; the first is for what is new."""
    return keys.marks(f"document:{seen.document}:{seen.number}", purpose=NUMBERS)


def last_four(seen: Shown) -> str:
    """The last four letters of its number."""
    return seen.number[-_LAST:]


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Remove up to `limit` checks that were kept for long enough; how many."""
    return (await connection.execute(_FORGET, (now - KEPT_FOR, limit))).rowcount
