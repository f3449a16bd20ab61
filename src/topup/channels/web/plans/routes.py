"""Every address of plans."""

from topup.catalogue.queries import CatalogueCache
from topup.channels.web.plans.pages import PlanPages
from topup.channels.web.routing import Route
from topup.channels.web.visitors import Visitors
from topup.lines.plans.desk import Plans
from topup.orders.desk import Desk
from topup.platform.database import Database
from topup.platform.keys import KeyRing


def plan_routes(
    desk: Desk, *, plans: Plans, catalogue: CatalogueCache, database: Database, keyring: KeyRing, visitors: Visitors
) -> list[Route]:
    """The pages."""
    pages = PlanPages(desk=desk, plans=plans, database=database, keyring=keyring, catalogue=catalogue)
    only, line = visitors.only, "/home/lines/{line_id:str}"
    return [
        ("GET", f"{line}/plan", only(pages.held)),
        ("POST", f"{line}/plan/stop", only(pages.stop)),
        ("POST", f"{line}/plan/keep", only(pages.keep)),
        ("GET", f"{line}/plans/{{plan_id:str}}", only(pages.one)),
        ("POST", f"{line}/plans/{{plan_id:str}}", only(pages.take)),
    ]
