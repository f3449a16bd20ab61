"""Every address of saved numbers."""

from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.saved.pages import SavedPages
from topup.channels.web.saved.picking import SAVED, Picking
from topup.channels.web.visitors import Visitors
from topup.orders.desk import Desk
from topup.people.subscribers.saving import Saving
from topup.platform.database import Database


def saved_routes(
    desk: Desk, *, database: Database, saving: Saving, picking: Picking, visitors: Visitors, keeping: Keeping
) -> list[Route]:
    """The pages."""
    only = visitors.only
    pages = SavedPages(desk=desk, database=database, saving=saving, picking=picking, keeping=keeping)
    return [
        ("GET", SAVED, only(pages.listed)),
        ("POST", SAVED, only(pages.add)),
        ("GET", f"{SAVED}/again/{{token:str}}", only(pages.listed)),
        ("GET", f"{SAVED}/{{saved_id:str}}/top-up", only(pages.top_up)),
        ("POST", f"{SAVED}/{{saved_id:str}}/theirs", only(pages.theirs)),
        ("POST", f"{SAVED}/{{saved_id:str}}/name", only(pages.rename)),
        ("POST", f"{SAVED}/{{saved_id:str}}/remove", only(pages.remove)),
        ("POST", f"{SAVED}/{{saved_id:str}}/back", only(pages.take_back)),
        ("POST", "/orders/{order_id:str}/save", only(pages.keep)),
    ]
