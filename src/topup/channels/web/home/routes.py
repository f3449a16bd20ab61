"""Every address of home."""

from typing import Final

from topup.channels.web.home.abroad import AbroadPages
from topup.channels.web.home.keeping import KeepingPages
from topup.channels.web.home.keeping_itself import KeepingItself
from topup.channels.web.home.pages import HomePages
from topup.channels.web.home.records import RecordPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.visitors import Visitors
from topup.lines.plans.desk import Plans
from topup.orders.desk import Desk
from topup.platform.database import Database
from topup.platform.keys import KeyRing

HOME: Final = "/home"


def home_routes(desk: Desk, *, plans: Plans, database: Database, keyring: KeyRing, visitors: Visitors) -> list[Route]:
    """The pages of one's lines."""
    only = visitors.only
    home = HomePages(desk=desk, plans=plans, database=database, keyring=keyring)
    abroad = AbroadPages(desk=desk, database=database, keyring=keyring)
    keeping = KeepingPages(desk=desk, database=database, keyring=keyring)
    itself = KeepingItself(desk=desk, database=database, keyring=keyring)
    records = RecordPages(database=database, keyring=keyring, keeping=Keeping(keyring))
    fresh, of_records = visitors.fresh, "/home/lines/{line_id:str}/usage/records"
    return [
        ("GET", HOME, only(home.home)),
        ("GET", "/home/lines/{line_id:str}", only(home.home)),
        ("GET", "/home/lines/{line_id:str}/usage", only(home.month)),
        ("GET", "/home/lines/{line_id:str}/abroad", only(abroad.abroad)),
        ("GET", "/home/lines/{line_id:str}/keeping", only(keeping.keeping)),
        ("POST", "/home/lines/{line_id:str}/keeping/on", only(itself.turn_on)),
        ("POST", "/home/lines/{line_id:str}/keeping/off", only(itself.turn_off)),
        ("GET", of_records, fresh(records.listed)),
        ("POST", of_records, only(records.ask)),
        ("GET", f"{of_records}/usage.csv", fresh(records.csv)),
        ("GET", "/home/lines/{line_id:str}/top-up", only(home.top_up)),
    ]
