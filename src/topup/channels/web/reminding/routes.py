"""Every address of messages."""

from topup.care.reminders.reading import Messages
from topup.care.reminders.stopping import PATH
from topup.channels.web.reminding.messages import MESSAGES, MessagePages
from topup.channels.web.reminding.stopping import StopPages
from topup.channels.web.routing import Route
from topup.channels.web.visitors import Visitors
from topup.platform.database import Database
from topup.platform.keys import KeyRing


def reminding_routes(*, database: Database, keyring: KeyRing, visitors: Visitors, public_url: str) -> list[Route]:
    """The pages of messages. `public_url` begins the links in mail."""
    desk = Messages(database=database, keyring=keyring, public_url=public_url)
    messages, stopping = MessagePages(desk), StopPages(desk)
    address = f"{PATH}/{{token:str}}"
    return [
        ("GET", MESSAGES, visitors.only(messages.listed)),
        ("GET", address, stopping.ask),
        ("POST", address, stopping.stop),
    ]
