"""How the process is: for whatever watches it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from topup.channels.api import rendering
from topup.channels.api.endpoints import Endpoint
from topup.channels.api.reading import permitted
from topup.kernel.errors import Problem, Unavailable
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.metrics import exposition
from topup.platform.web import Handlers, is_local, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest, header

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises otherwise."""

_PATIENCE_S: Final = 2.0
_READ: Final = Permission.READ_METRICS


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """`ok`, and what each part says, to those who may know."""

    status: str
    checks: dict[str, str] = {}


class HealthRoutes(Handlers):
    """Handlers for monitors. `checks` by name are what readiness means."""

    def __init__(self, *, database: Database, checks: Mapping[str, Check]) -> None:
        self._database = database
        self._checks = {"database": self._ask_database, **checks}

    async def live(self, request: AnyRequest) -> Answer:  # noqa: ARG002 - a handler takes its request
        """The process answers."""
        return answer(rendering.encode(Health("ok")))

    async def ready(self, request: AnyRequest) -> Answer:
        """The process can work. Details only for this machine, or with a key."""
        limit(request, "read")
        trusted = await self._may_look(request)
        found = dict(zip(self._checks, await asyncio.gather(*map(_run, self._checks.values())), strict=True))
        if any(said != "ok" for said in found.values()):
            told = [f"{name}: {said}" for name, said in found.items()] if trusted else []
            raise Unavailable("not_ready", checks=told)
        return answer(rendering.encode(Health("ok", found if trusted else {})))

    async def metrics(self, request: AnyRequest) -> Answer:
        """What the process has counted, for Prometheus. Only for this machine, or with a key."""
        if not is_local(request):
            await permitted(request, self._database, _READ)
        body, media_type = exposition()
        return answer(body, media_type=media_type)

    async def _may_look(self, request: AnyRequest) -> bool:
        if is_local(request):
            return True
        if header(request, b"authorization") is None:
            return False
        await permitted(request, self._database, _READ)
        return True

    async def _ask_database(self) -> None:
        async with self._database.read() as transaction:
            await transaction.connection.execute("SELECT 1")

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("GET", "/health/live", self.live, "isLive", "Whether the process answers", "Running it", Health),
            Endpoint("GET", "/health/ready", self.ready, "isReady", "Whether the process can work", "Running it",
                     Health, problems=("not_ready", "credentials_wrong", "not_permitted")),
            Endpoint("GET", "/metrics", self.metrics, "getMetrics", "What the process has counted", "Running it",
                     "text/plain", problems=("credentials_missing", "credentials_wrong", "not_permitted")),
        ]  # fmt: skip


async def _run(check: Check) -> str:
    """`ok`, or the code of what is wrong."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await check()
    except Problem as problem:
        return problem.code
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - whatever a part raises means that it is not ready
        return type(error).__name__
    return "ok"
