"""Drafts: texts without a mistake of their own that somebody proposes to publish. None ever changes."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import tuple_row

from topup.catalogue.checking import CarrierFile, check_bytes
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import new_id
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.work import trail
from topup.work.approvals import checked_reason

MAXIMUM_PAGE: Final = 50
_LANE: Final = 0
"""The catalogue is one for all lanes."""
_BEFORE: Final = crash_label("catalogue.draft.before_commit")
_AFTER: Final = crash_label("catalogue.draft.after_commit")
_SHORT_MARK: Final = 12

_COLUMNS: Final = "id, carrier_id, source, fingerprint, note, restores, made_by, made_at"
_INSERT: Final = f"""
INSERT INTO catalogue.drafts (id, carrier_id, source, fingerprint, note, restores, made_by, made_at, form)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (made_by, form) DO NOTHING RETURNING {_COLUMNS}
"""
_OF_FORM: Final = f"SELECT {_COLUMNS} FROM catalogue.drafts WHERE made_by = %s AND form = %s"
_ONE: Final = f"SELECT {_COLUMNS} FROM catalogue.drafts WHERE id = %s"
_OF_CARRIER: Final = f"""
SELECT {_COLUMNS} FROM catalogue.drafts WHERE %(carrier)s = '' OR carrier_id = %(carrier)s
ORDER BY made_at DESC, id DESC LIMIT %(limit)s
"""
_VERSION: Final = "SELECT source FROM catalogue.versions WHERE carrier_id = %s AND version = %s"


@dataclass(frozen=True, slots=True)
class Draft:
    """A text somebody proposes; `restores` is the earlier version that it repeats, if it does."""

    id: str
    carrier_id: str
    source: str
    fingerprint: bytes
    note: str
    restores: int | None
    made_by: str
    made_at: datetime

    def file(self) -> CarrierFile:
        """What the text says. Raises CatalogueMistakes where this release takes less than the one before."""
        return check_bytes(self.source.encode(), name=f"{self.carrier_id}.toml")


class Drafts:
    """The drafts of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, carrier: CarrierFile, *, note: str, by: str, form: str = "") -> Draft:
        """Keep a checked file as a draft; `form` sent twice with the same text is one. Raises Invalid
        `approval_reason_missing`, `approval_reason_too_long` for the note.
        """
        return await self._keep(carrier, note=note, by=by, form=form, restores=None)

    async def restore(self, carrier_id: str, version: int, *, note: str, by: str, form: str = "") -> Draft:
        """A draft that says again what an earlier version said. Raises NotFound `catalogue_version_unknown`, Invalid as
        `keep`, and CatalogueMistakes where that text would not be taken any more.
        """
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(_VERSION, (carrier_id, version))
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("catalogue_version_unknown", carrier=carrier_id, version=version)
        file = check_bytes(row[0].encode(), name=f"{carrier_id}.toml")
        return await self._keep(file, note=note, by=by, form=form, restores=version)

    async def _keep(self, carrier: CarrierFile, *, note: str, by: str, form: str, restores: int | None) -> Draft:
        said, carrier_id, mark = checked_reason(note), carrier.document.id, text_mark(carrier.source)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            sent = _form_mark(form, carrier.source, said)
            row = (new_id("draft", _LANE), carrier_id, carrier.source, mark, said, restores, by, now, sent)
            async with connection.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(_INSERT, row)
                found = await cursor.fetchone()
                if found is None:
                    await cursor.execute(_OF_FORM, (by, sent))
                    return Draft(*(await cursor.fetchone() or ()))
            draft = Draft(*found)
            made = trail.change(None, {"state": "drafted"})
            facts = {"carrier": carrier_id, "text": short(mark), "restores": restores, **made}
            await trail.write(connection, actor=by, action="catalogue.drafted", subject=draft.id, facts=facts, now=now)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return draft

    async def get(self, draft_id: str) -> Draft:
        """One of them; raises NotFound `catalogue_draft_unknown`."""
        async with self._database.read() as transaction:
            return await draft(transaction.connection, draft_id)

    async def page(self, *, carrier_id: str = "", limit: int = 20) -> list[Draft]:
        """The newest first, of one carrier or of all; at most MAXIMUM_PAGE."""
        parameters = {"carrier": carrier_id, "limit": min(limit, MAXIMUM_PAGE)}
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(_OF_CARRIER, parameters)
            return [Draft(*row) for row in await cursor.fetchall()]


async def draft(connection: Connection, draft_id: str) -> Draft:
    """A draft by its id; raises NotFound `catalogue_draft_unknown`."""
    cursor = await connection.execute(_ONE, [draft_id])
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("catalogue_draft_unknown")
    return Draft(*row)


def text_mark(source: str) -> bytes:
    """What two people agree to: SHA-256 of the text. A later release may read more in it, but no other text."""
    return hashlib.sha256(source.encode()).digest()


def short(mark: bytes) -> str:
    """A fingerprint as people compare it: its first twelve hexadecimal digits."""
    return mark.hex()[:_SHORT_MARK]


def read_version(text: str) -> int:
    """The number of a version as forms and addresses send it; raises Invalid `request_malformed`."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(10**9))):
        raise Invalid("request_malformed")
    return int(text)


def _form_mark(form: str, source: str, note: str) -> bytes | None:
    return hashlib.sha256(json.dumps([form, source, note]).encode()).digest() if form else None
