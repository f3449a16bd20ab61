"""API keys that were shown a moment ago: a network's systems ask thousands of times a second with the same one.

A key is looked up again after KNOWN_FOR_S: so long at most one that was revoked is still taken.
"""

import asyncio
import time
from typing import Final

from topup.channels.api.reading import principal_of
from topup.kernel.errors import Forbidden, Unauthenticated
from topup.people.permissions import Permission
from topup.people.queries import ApiPrincipal
from topup.platform.database import Database
from topup.platform.web.edge import AnyRequest, header

KNOWN_FOR_S: Final = 5.0
_MOST: Final = 1_000


class KnownKeys:
    """The callers of one permission that a process knows."""

    def __init__(self, database: Database, permission: Permission) -> None:
        self._database = database
        self._permission = permission
        self._known: dict[str, tuple[ApiPrincipal, float]] = {}
        self._looking = asyncio.Lock()

    async def permitted(self, request: AnyRequest) -> ApiPrincipal:
        """The caller, who must hold a key with the permission.

        Raises Unauthenticated `credentials_missing` or `credentials_wrong`, Forbidden `not_permitted`.
        """
        credentials = header(request, b"authorization")
        if credentials is None:
            raise Unauthenticated("credentials_missing")
        known = self._recall(credentials)
        if known is not None:
            return known
        # Of many who come with the same key at once, one looks.
        async with self._looking:
            return self._recall(credentials) or await self._look(request, credentials)

    def _recall(self, credentials: str) -> ApiPrincipal | None:
        known = self._known.get(credentials)
        return known[0] if known is not None and known[1] > time.monotonic() else None

    async def _look(self, request: AnyRequest, credentials: str) -> ApiPrincipal:
        self._known.pop(credentials, None)
        principal = await principal_of(request, self._database)
        if principal is None:
            raise Unauthenticated("credentials_missing")
        if not principal.may(self._permission):
            raise Forbidden("not_permitted", permission=self._permission.value)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[credentials] = (principal, time.monotonic() + KNOWN_FOR_S)
        return principal
