"""All routes of the API, and its OpenAPI document, from one table."""

from collections.abc import Mapping

from litestar import Router, get

from topup.catalogue.queries import CatalogueCache
from topup.channels.api.agents import AgentRoutes
from topup.channels.api.automatic import AutomaticRoutes
from topup.channels.api.credit import Adjusting, Books, Ceiling, Shares
from topup.channels.api.endpoints import Endpoint
from topup.channels.api.health import Check, HealthRoutes
from topup.channels.api.hooks import Hooks, Sandbox
from topup.channels.api.lines import Lines
from topup.channels.api.links import LinkRoutes
from topup.channels.api.openapi import document
from topup.channels.api.pay_codes import PayCodes
from topup.channels.api.plans import PlanRoutes
from topup.channels.api.points import PointsRoutes
from topup.channels.api.reconciliation import ReconciliationRoutes
from topup.channels.api.tills import Tills
from topup.channels.api.top_ups import TopUps
from topup.channels.api.usage import UsageRoutes
from topup.channels.api.usage_sessions import SessionRoutes
from topup.charging.sessions.desk import Sessions
from topup.charging.usage.desk import UsageRecords
from topup.lines.plans.desk import Plans
from topup.orders.desk import Desk
from topup.platform.database import Database
from topup.platform.request_keys import RequestKeys
from topup.platform.web.answers import Answer, answer
from topup.work.approvals import Approvals


def create_api_router(
    *,
    desk: Desk,
    keys: RequestKeys,
    database: Database,
    usage: UsageRecords,
    sessions: Sessions,
    address: str,
    demo: bool,
    approvals: Approvals,
    adjust_most: Ceiling,
    checks: Mapping[str, Check] | None = None,
) -> Router:
    """The router of the API.

    `adjust_most` is the most that one adjustment may move alone, `address` is how the outside reaches us, `demo` adds
    the simulated payer, `checks` are further conditions of readiness beside the database.
    """
    endpoints = all_endpoints(
        desk=desk,
        keys=keys,
        database=database,
        usage=usage,
        sessions=sessions,
        address=address,
        demo=demo,
        approvals=approvals,
        adjust_most=adjust_most,
        checks=checks or {},
    )
    described = document(endpoints, address=address)

    @get("/api/openapi.json")
    async def openapi() -> Answer:
        return answer(described, cache_control="public, max-age=300")

    return Router("/", route_handlers=[openapi, *(endpoint.route() for endpoint in endpoints)])


def all_endpoints(
    *,
    desk: Desk,
    keys: RequestKeys,
    database: Database,
    usage: UsageRecords,
    sessions: Sessions,
    address: str,
    demo: bool,
    approvals: Approvals,
    adjust_most: Ceiling,
    checks: Mapping[str, Check],
) -> list[Endpoint]:
    """The table."""
    catalogue = CatalogueCache()
    return [
        *TopUps(desk=desk, keys=keys, database=database, address=address).endpoints(),
        *Lines(desk=desk, database=database).endpoints(),
        *PlanRoutes(
            plans=Plans(database=database, catalogue=catalogue), database=database, keys=keys, catalogue=catalogue
        ).endpoints(),
        *AutomaticRoutes(desk=desk, database=database, keys=keys).endpoints(),
        *PointsRoutes(database=database).endpoints(),
        *Books(database=database, catalogue=catalogue).endpoints(),
        *Shares(database=database, keys=keys, catalogue=catalogue).endpoints(),
        *Adjusting(
            database=database, keys=keys, catalogue=catalogue, approvals=approvals, ceiling=adjust_most
        ).endpoints(),
        *UsageRoutes(database=database, keys=keys, catalogue=catalogue, records=usage).endpoints(),
        *SessionRoutes(database=database, sessions=sessions).endpoints(),
        *AgentRoutes(agents=desk.agents, database=database, address=address).endpoints(),
        *Tills(cash=desk.cash, database=database).endpoints(),
        *PayCodes(desk=desk, database=database).endpoints(),
        *LinkRoutes(desk=desk, keys=keys, database=database, address=address).endpoints(),
        *ReconciliationRoutes(database=database).endpoints(),
        *Hooks(desk=desk).endpoints(),
        *(Sandbox(desk=desk).endpoints() if demo else []),
        *HealthRoutes(database=database, checks=checks).endpoints(),
    ]
