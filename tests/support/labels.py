"""Every labelled point of a web and jobs process, and who makes topup pass it."""

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.database import settings_for
from topup.catalogue.queries import CatalogueCache
from topup.charging.sessions.desk import Sessions
from topup.charging.usage.desk import UsageRecords
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.payments.methods.settings import OWN
from topup.platform.crash import LABELS
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.request_keys import RequestKeys

TRIGGERS: Final[dict[str, tuple[str | int, ...]]] = {
    "bill": ("pays unheard",),
    "carrier_inbox": (83, 83, 95),
    "delivery": (0, 84, 88, 98),
    "fulfilment.inbox": (83, 95),
    "inbox": ("pays",),
    "ledger": ("pays",),
    "notifications": ("pays",),
    "orders.cancel": ("cancels", "cancels while paying"),
    "orders.conclude": (0, 84, 80),
    "orders.expire": ("lets it expire", "pays late"),
    "orders.order": ("pays", "cancels"),
    "orders.quote": ("pays", 0),
    "orders.read": ("pays",),
    "orders.refund": ("pays twice, refunded slowly", 80),
    "orders.settle": ("pays", "pays twice, refunded slowly"),
    "payment": ("pays", "is declined once"),
    "payments.begin": ("pays", "pays by two attempts"),
    "payments.inbox": ("pays", "is notified again and again"),
    "payments.started": ("pays", "pays by two attempts"),
    "quarantine": ("is forged first",),
    "question": ("hesitates", "cancels", "pays unheard"),
    "question.after_last": ("pays unheard and cancels",),
    "question.before_last": ("pays unheard and cancels",),
    "refund": ("pays twice, hung up on before the refund", "pays twice, refunded slowly", 81),
    "request_keys": ("pays",),
}
"""Who passes the labels that begin so; the longest beginning counts."""


OF_CREDIT: Final = ("sharing.", "adjustments.", "request_keys.before_commit", "request_keys.after_commit")
"""Nobody who tops up passes these: test_credit_kill.py kills there."""

OF_LINES: Final = ("lines.",)
"""Passed by time alone, for lines that live by a carrier's rules: test_lines_kill.py kills there."""

OF_PLANS: Final = ("plans.",)
"""Passed when lines take plans, and when these renew: test_plans_kill.py kills there."""

OF_USAGE: Final = ("usage.",)
"""Passed by what networks send of usage, and by what lines are told of it: test_usage_kill.py kills there."""

OF_BILLS: Final = ("reconciliation.",)
"""Passed when a bill is kept and held against the books: integration/reconciliation/test_interrupted.py."""

OF_OWN_METHODS: Final = ("balance.", "cash.", "terminal.", "transfers.", "voucher.")
"""Passed by who pays from a balance, by bank, with a voucher, by card at a counter or in cash:
test_own_methods_kill.py kills there."""

OF_DISPUTES: Final = ("dispute.",)
"""Passed by payers who object with their banks: integration/orders/test_disputes.py."""

OF_PEOPLE: Final = ("approvals.", "evidence.", "following_up.", "barring.", "sim_cards.", "signing.", "carriers.float.")
"""Passed by staff who decide, look at evidence and follow up orders, and by who watches floats:
test_approvals_kill.py kills there."""

OF_CARE: Final = ("orders.call_off",)
"""Passed by who calls a paid order off: integration/orders/test_calling_off.py dies there."""

OF_REMINDERS: Final = ("reminders.",)
"""Passed when people are told of the lines in their accounts: test_reminders_kill.py kills there."""

OF_AGENTS: Final = ("agents.", "agent_float.")
"""Passed by agents' sales, and what goes back to their floats: test_agents_kill.py kills there."""

OF_THE_CATALOGUE: Final = ("catalogue.",)
"""Passed by who keeps drafts of carriers' files, and when planned ones begin: test_catalogue_kill.py kills there."""

OF_LEAVING: Final = ("subscribers.",)
"""Passed when accounts end: integration/care/test_leaving.py dies there."""

OF_REPEATERS: Final = ("answering.", "links.", "pay_codes.", "counter_sales.", "saved.", "instruments.")
"""Passed by who answers tickets, makes links, shows codes to pay elsewhere, sells at counters, saves numbers and leaves
cards: test_repeating_kill.py kills there."""

OF_SCHEDULES: Final = ("schedules.",)
"""Passed by top-ups that run by themselves: test_schedules_kill.py kills there."""

OF_OFFERS: Final = ("offers.", "gifts.", "parcels.")
"""Passed when offers and gifts are held for orders, follow them, lapse and are sent: integration/orders/test_gifts.py,
test_gift_addresses.py and test_offers_interrupted.py there, and integration/offers/test_reserving.py die there."""

OF_A_CALL: Final = ("payment.", "payments.started.")
"""Passed only where a payment begins with a call to its gateway."""
OF_A_PAGE: Final = ("payments.begin.",)
"""To be passed where it begins on a page: then its answer stands in that very transaction."""


def all_labels() -> list[str]:
    """The labels of a web and jobs process that top-ups pass."""
    others = (
        *OF_CREDIT,
        *OF_LINES,
        *OF_PLANS,
        *OF_USAGE,
        *OF_PEOPLE,
        *OF_BILLS,
        *OF_CARE,
        *OF_REMINDERS,
        *OF_LEAVING,
        *OF_THE_CATALOGUE,
        *OF_AGENTS,
        *OF_OWN_METHODS,
        *OF_DISPUTES,
        *OF_REPEATERS,
        *OF_SCHEDULES,
        *OF_OFFERS,
    )
    return [label for label in _declared() if not label.startswith(others)]


def usage_labels(*, of: str = "") -> list[str]:
    """Those that are passed when usage is charged, or of `records`, `events` or `sessions` only: test_usage_kill.py."""
    return [label for label in _declared() if label.startswith(f"usage.{of}")]


def labels_by_start() -> tuple[list[str], list[str]]:
    """All of them in two halves: to be passed where payments begin on a page, and where they begin with a call."""
    labels = all_labels()
    called = [label for label in labels if label.startswith(OF_A_CALL)]
    paged = [label for label in labels if label.startswith(OF_A_PAGE)]
    others = [label for label in labels if label not in {*called, *paged}]
    middle = (len(labels) + 1) // 2 - len(paged)
    return [*paged, *others[:middle]], [*others[middle:], *called]


def credit_labels() -> list[str]:
    """Those that are passed by who shares credit between lines, or adjusts it."""
    return [label for label in _declared() if label.startswith(OF_CREDIT)]


def own_labels(kind: str) -> list[str]:
    """Those that are passed by one of the house's own ways to pay."""
    return [label for label in _declared() if label.startswith(f"{kind}.")]


def agent_labels() -> list[str]:
    """Those that are passed when agents sell, and when what was not delivered goes back to their floats."""
    return [label for label in _declared() if label.startswith(OF_AGENTS)]


def reminder_labels() -> list[str]:
    """Those that are passed when people are told of the lines in their accounts, and read or stop it."""
    return [label for label in _declared() if label.startswith(OF_REMINDERS)]


def repeaters_labels() -> list[str]:
    """Those that are passed by who makes links, shows codes, begins sales at counters and saves numbers."""
    return [label for label in _declared() if label.startswith(OF_REPEATERS)]


def schedule_labels() -> list[str]:
    """Those that are passed by top-ups that run by themselves, and by who agrees to them."""
    return [label for label in _declared() if label.startswith(OF_SCHEDULES)]


def line_labels() -> list[str]:
    """Those that are passed by who looks after lines, and tells them what will become of them."""
    return [label for label in _declared() if label.startswith(OF_LINES)]


def plan_labels() -> list[str]:
    """Those that are passed by who takes a plan, and by who lets plans renew."""
    return [label for label in _declared() if label.startswith(OF_PLANS)]


@cache
def _declared() -> Sequence[str]:
    """Asked of a fresh process: tests declare some of their own."""
    said = subprocess.run([sys.executable, "-m", "tests.support.labels"], check=True, capture_output=True, text=True)
    return said.stdout.split()


async def _furnish() -> None:
    """Make what declares labels when it is made; nothing is connected for it."""
    for module in (
        "topup.bootstrap.application",
        "topup.bootstrap.plugins",
        "topup.lines.plans.desk",
        "topup.notifications.tasks",
        "topup.payments.vouchers.desk",
        "topup.shops.stock.handing_over",
        "topup.orders.counter_sales",
        "topup.people.subscribers.saving",
        *(f"topup.payments.methods.{name}" for name in OWN),
    ):
        importlib.import_module(module)
    settings = settings_for("postgresql://nobody@127.0.0.1:9/nowhere")
    database = Database(url=settings.database_url.get_secret_value(), settings=settings)
    parts = Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=KeyRing(Path("/nowhere")),
        lanes=16,
        gateways={},
        carriers={},
        public_url="http://127.0.0.1",
    )
    Desk(parts)
    RequestKeys(database=database, lanes=16)
    Sessions(database=database, catalogue=CatalogueCache(), lanes=16)
    UsageRecords(database=database, catalogue=CatalogueCache(), lanes=16)


def triggers_of(label: str) -> tuple[str | int, ...]:
    """The kinds of journeys that pass a label."""
    fitting = [beginning for beginning in TRIGGERS if label.startswith(beginning)]
    return TRIGGERS[max(fitting, key=len)]


if __name__ == "__main__":
    asyncio.run(_furnish())
    print("\n".join(sorted(LABELS)))
