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
from topup.charging.usage_records_desk import UsageRecords
from topup.charging.usage_sessions import Sessions
from topup.orders.desk import Desk
from topup.orders.reading import Parts
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

OF_USAGE: Final = ("usage.",)
"""Passed by what networks send of usage, and by what lines are told of it: test_usage_kill.py kills there."""

OF_A_CALL: Final = ("payment.", "payments.started.")
"""Passed only where a payment begins with a call to its gateway."""
OF_A_PAGE: Final = ("payments.begin.",)
"""To be passed where it begins on a page: then its answer stands in that very transaction."""


def all_labels() -> list[str]:
    """The labels of a web and jobs process that top-ups pass."""
    return [label for label in _declared() if not label.startswith((*OF_CREDIT, *OF_LINES, *OF_USAGE))]


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


def line_labels() -> list[str]:
    """Those that are passed by who looks after lines, and tells them what will become of them."""
    return [label for label in _declared() if label.startswith(OF_LINES)]


@cache
def _declared() -> Sequence[str]:
    """Asked of a fresh process: tests declare some of their own."""
    said = subprocess.run([sys.executable, "-m", "tests.support.labels"], check=True, capture_output=True, text=True)
    return said.stdout.split()


async def _furnish() -> None:
    """Make what declares labels when it is made; nothing is connected for it."""
    for module in ("topup.bootstrap.application", "topup.bootstrap.plugins", "topup.notifications.tasks"):
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
    Sessions(database=database, catalogue=CatalogueCache())
    UsageRecords(database=database, catalogue=CatalogueCache(), lanes=16)


def triggers_of(label: str) -> tuple[str | int, ...]:
    """The kinds of journeys that pass a label."""
    fitting = [beginning for beginning in TRIGGERS if label.startswith(beginning)]
    return TRIGGERS[max(fitting, key=len)]


if __name__ == "__main__":
    asyncio.run(_furnish())
    print("\n".join(sorted(LABELS)))
