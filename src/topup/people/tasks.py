"""What runs by itself: sessions that ended, codes, challenges, attempts to sign in and removed numbers of
long ago are removed.
"""

from functools import partial
from typing import Final

from topup.people import attempts, id_checks, sessions, webauthn
from topup.people.sessions import Lasting
from topup.people.subscribers import codes, devices, saved
from topup.platform.database import Database
from topup.platform.jobs import Sweep

_EVERY_S: Final = 600.0
_BATCH: Final = 500
_USUAL: Final = Lasting()


def sweeps(database: Database, *, lasting: Lasting = _USUAL) -> list[Sweep]:
    """The sweep of this room."""
    return [Sweep("people.forget", _EVERY_S, partial(_forget, database, lasting), batch=_BATCH)]


async def _forget(database: Database, lasting: Lasting) -> int:
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        ended = await sessions.forget(connection, now, lasting=lasting, limit=_BATCH)
        ended += await codes.forget(connection, now, limit=_BATCH)
        ended += await devices.forget(connection, now, limit=_BATCH)
        ended += await webauthn.forget(connection, now, limit=_BATCH)
        ended += await saved.forget(connection, now, limit=_BATCH)
        ended += await id_checks.forget(connection, now, limit=_BATCH)
        return ended + await attempts.forget(connection, now, limit=_BATCH)
