"""Top-ups that run by themselves, by processes that are killed: `python -m … URL DIRECTORY TRIGGER LABEL…`.

For each label a process is forked that agrees to a top-up which is due at once and sees to it, and is killed at the
label; the next one, an hour later, sees to what it finds. Prints for each label what became of the cause, how often the
card was charged and how many orders were paid, as JSON. The gateway's memory is a file: it outlives who asks it.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.automatic import Automatic
from tests.support.database import settings_for
from tests.support.desk import open_shop
from tests.support.keeping import KeepingGateway
from topup.kernel.money import Money
from topup.orders.schedules.desk import ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.ports import PaymentFact, PaymentStanding, Scene
from topup.platform import crash
from topup.platform.database import Database


@dataclass(frozen=True)
class Agreed:
    """What is agreed to, for numbers that begin so; the line is opened at one time, and it is due at another (None: at
    once, whenever that is), whichever of its days was drawn for it.
    """

    agreement: Agreement
    numbers: str
    carrier: str
    opened: datetime | None = None
    due: datetime | None = None


AGREED = {
    "low": Agreed(
        Agreement(Trigger.LOW, threshold_minor=20_000, amount_minor=3000, cap_minor=20_000, interval_days=30),
        "1380013",
        "qingfeng",
    ),
    "keep": Agreed(
        Agreement(Trigger.KEEP, days_early=3, cap_minor=20_000, interval_days=1),
        "+8525123",
        "yunfan",
        datetime(2030, 3, 10, 4, tzinfo=UTC),
        datetime(2030, 11, 3, 4, tzinfo=UTC),
    ),
}
_MOST_ROUNDS = 40


class LastingGateway(KeepingGateway):
    """One that remembers what it charged, whoever is killed: a line for each payment, written before it answers."""

    def __init__(self, book: Path) -> None:
        super().__init__()
        self._book = book
        for line in book.read_text().splitlines() if book.exists() else ():
            number, minor, currency = line.split()
            money = Money(int(minor), currency)
            self.standing[number] = [PaymentFact(number, PaymentStanding.PAID, f"r-{number}", money, datetime.now(UTC))]

    async def start(self, request):
        known = request.payment_id in self.standing
        fact = await super().start(request)
        if request.scene is Scene.UNATTENDED and not known:
            with self._book.open("a") as book:
                book.write(f"{request.payment_id} {request.amount.amount_minor} {request.amount.currency}\n")
        return fact


async def live(url: str, directory: Path, agreed: Agreed, place: int, label: str, *, again: bool) -> None:
    """Agree to it and see to it, and be killed; or `again`, an hour later, see to what is there."""
    number, file = f"{agreed.numbers}{place:04d}", directory / f"{label}.json"
    gateway = LastingGateway(directory / f"{label}.book")
    async with (
        Database.open(settings=settings_for(url), migrating=False) as database,
        open_shop(database, directory, gateway, publishing=not place and not again) as shop,
    ):
        automatic = Automatic(shop, number, agreed.carrier)
        if not again:
            if agreed.opened:
                automatic.at(agreed.opened)
            await automatic.moves_in()
            schedule_id = await automatic.schedules.new_id(number=number)
            known = {"who": automatic.who, "card": await automatic.card(), "schedule": schedule_id}
            file.write_text(json.dumps(known))
            os.environ["TOPUP_CRASH_AT"] = label
            crash.arm(development=True)
        known = json.loads(file.read_text())
        automatic.who = known["who"]
        if agreed.due:
            automatic.at(agreed.due)
        shop.database.clock_offset += timedelta(hours=1) if again else timedelta()
        wanted = ScheduleWanted(automatic.who, number, agreed.agreement, known["card"], "en")
        await automatic.schedules.make(wanted, schedule_id=known["schedule"])
        for _ in range(_MOST_ROUNDS):
            await automatic.sweeps()
            if any(state == "done" for _, state, _ in await automatic.runs(known["schedule"])):
                break
        for change in (automatic.schedules.pause, automatic.schedules.resume):
            await change(subscriber_id=automatic.who, schedule_id=known["schedule"])
        await automatic.sweeps()
        found = {
            "runs": await automatic.runs(known["schedule"]),
            "charged": len((directory / f"{label}.book").read_text().splitlines()),
            "paid": await automatic.ordered(),
            "state": (await automatic.state(known["schedule"]))[0],
        }
        file.write_text(json.dumps(found))


def main() -> None:
    url, directory, agreed, labels = sys.argv[1], Path(sys.argv[2]), AGREED[sys.argv[3]], sys.argv[4:]
    for place, label in enumerate(labels):
        for again in (False, True):
            pid = os.fork()
            if not pid:
                asyncio.run(live(url, directory, agreed, place, label, again=again))
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if code != (0 if again else -signal.SIGKILL):
                raise SystemExit(f"{label}, {'again' if again else 'first'}: ended with {code}")
    print(json.dumps({label: json.loads((directory / f"{label}.json").read_text()) for label in labels}))


if __name__ == "__main__":
    main()
