"""Every address of links."""

from topup.channels.web.keeping import Keeping
from topup.channels.web.links.opening import OpeningPages
from topup.channels.web.links.own import LINKS, OwnLinkPages
from topup.channels.web.routing import Route
from topup.channels.web.saved.picking import Picking
from topup.channels.web.visitors import Visitors
from topup.orders.desk import Desk
from topup.platform.database import Database


def link_routes(
    desk: Desk, *, database: Database, picking: Picking, visitors: Visitors, keeping: Keeping, public_url: str
) -> list[Route]:
    """The pages."""
    only = visitors.only
    opening = OpeningPages(desk, keeping)
    own = OwnLinkPages(desk=desk, database=database, picking=picking, keeping=keeping, public_url=public_url)
    return [
        ("GET", "/t/{link_id:str}", opening.opened),
        ("POST", "/t/{link_id:str}", opening.quote),
        ("GET", "/t/{link_id:str}/again/{token:str}", opening.opened),
        ("GET", LINKS, only(own.listed)),
        ("POST", LINKS, only(own.make)),
        ("GET", f"{LINKS}/again/{{token:str}}", only(own.listed)),
        ("GET", f"{LINKS}/{{link_id:str}}", only(own.shown)),
        ("POST", f"{LINKS}/{{link_id:str}}/revoke", only(own.revoke)),
    ]
