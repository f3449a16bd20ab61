"""Every address of top-ups that run by themselves."""

from topup.care.desk import Care
from topup.channels.web.automatic.limiting import LimitPages
from topup.channels.web.automatic.making import MakingPages
from topup.channels.web.automatic.pages import AUTOMATIC, AutomaticPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.saved.picking import Picking
from topup.channels.web.visitors import Visitors
from topup.orders.desk import Desk
from topup.platform.database import Database


def automatic_routes(
    desk: Desk, care: Care, *, database: Database, picking: Picking, visitors: Visitors, keeping: Keeping
) -> list[Route]:
    """The pages."""
    only = visitors.only
    pages = AutomaticPages(desk=desk, care=care, database=database, picking=picking, keeping=keeping)
    making = MakingPages(desk=desk, care=care, keeping=keeping)
    limits = LimitPages(desk=desk, database=database, keeping=keeping)
    one = f"{AUTOMATIC}/{{schedule_id:str}}"
    return [
        ("GET", AUTOMATIC, only(pages.listed)),
        ("GET", f"{AUTOMATIC}/again/{{token:str}}", only(pages.again)),
        ("POST", f"{AUTOMATIC}/stop", only(pages.stop)),
        ("POST", f"{AUTOMATIC}/number", only(making.new)),
        ("GET", f"{AUTOMATIC}/new/{{token:str}}", only(making.asked)),
        ("POST", f"{AUTOMATIC}/new", only(making.make)),
        ("POST", f"{AUTOMATIC}/agreements", only(pages.agree)),
        ("POST", f"{AUTOMATIC}/agreements/{{instrument_id:str}}/call-off", only(pages.call_off)),
        ("GET", f"{AUTOMATIC}/cards/{{instrument_id:str}}/remove", only(pages.ask_about_card)),
        ("POST", f"{AUTOMATIC}/cards/{{instrument_id:str}}/remove", only(pages.remove_card)),
        ("POST", f"{one}/pause", only(pages.pause)),
        ("POST", f"{one}/resume", only(pages.resume)),
        ("POST", f"{one}/card", only(pages.use)),
        ("POST", f"{one}/cap", only(limits.change)),
        ("GET", f"{one}/cap/{{token:str}}", only(limits.ask)),
        ("POST", f"{one}/remove", only(pages.remove)),
    ]
