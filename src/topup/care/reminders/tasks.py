"""What this room does by itself. Any number of processes may do it."""

from collections.abc import Collection
from functools import partial
from typing import Final

from topup.care.reminders.hearing import HEARD, UsageHearing
from topup.care.reminders.orders import OrdersHearing
from topup.care.reminders.plans import PlansHearing
from topup.care.reminders.sending import READERS, Reminding
from topup.catalogue.queries import CatalogueCache
from topup.notifications import notices
from topup.notifications.ports import AddressKind
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

_FORGET_EVERY_S: Final = 3600.0
_FORGET_BATCH: Final = 1_000
_BEFORE_FORGETTING = crash_label("reminders.before_forget")
_FORGOTTEN = crash_label("reminders.forgotten")


def sweeps(
    *,
    database: Database,
    keyring: KeyRing,
    lanes: int,
    public_url: str,
    served: Collection[AddressKind] = tuple(AddressKind),
) -> list[Sweep]:
    """The sweeps of reminders, by messages to the kinds of address that somebody `served` sends to."""
    usage = UsageHearing(database=database, lanes=lanes)
    plans = PlansHearing(database=database, catalogue=CatalogueCache(), lanes=lanes)
    orders = OrdersHearing(database=database, keyring=keyring, lanes=lanes)
    reminding = Reminding(database=database, keyring=keyring, lanes=lanes, public_url=public_url, served=served)
    return [
        Sweep("reminders.usage", 5.0, usage.hear, batch=HEARD),
        Sweep("reminders.plans", 5.0, plans.hear, batch=HEARD),
        Sweep("reminders.arrived", 2.0, orders.arrived, batch=HEARD),
        Sweep("reminders.orders", 2.0, orders.others, batch=HEARD),
        Sweep("reminders.send", 2.0, reminding.send, batch=READERS),
        Sweep("reminders.forget", _FORGET_EVERY_S, partial(_forget, database), batch=_FORGET_BATCH),
    ]


async def _forget(database: Database) -> int:
    async with database.transaction() as transaction:
        forgotten = await notices.forget_old(transaction.connection, transaction.now, limit=_FORGET_BATCH)
        if forgotten:
            crash_point(_BEFORE_FORGETTING)
    if forgotten:
        crash_point(_FORGOTTEN)
    return forgotten
