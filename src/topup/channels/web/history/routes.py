"""Every address of the history."""

from topup.channels.web.history.asking import HISTORY
from topup.channels.web.history.documents import HistoryDocuments
from topup.channels.web.history.listing import HistoryPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.visitors import Visitors
from topup.orders.chronicle import Chronicle
from topup.platform.database import Database
from topup.platform.keys import KeyRing


def history_routes(*, database: Database, keyring: KeyRing, visitors: Visitors, keeping: Keeping) -> list[Route]:
    """The pages of what was topped up."""
    chronicle = Chronicle(database=database, keyring=keyring)
    pages = HistoryPages(chronicle, keeping)
    documents = HistoryDocuments(chronicle, keeping)
    return [
        ("GET", HISTORY, visitors.only(pages.listed)),
        ("POST", HISTORY, visitors.only(pages.ask)),
        ("GET", f"{HISTORY}/topup.csv", visitors.only(documents.csv)),
        ("GET", f"{HISTORY}/topup.pdf", visitors.only(documents.pdf)),
    ]
