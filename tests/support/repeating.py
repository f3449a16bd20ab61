"""Answers, links, codes to pay elsewhere, sales at counters and saved numbers, by processes that are killed:
`python -m … URL DIRECTORY LABEL…`.

For each label a process is forked that prepares what a deed needs, and is killed in the midst of the deed; the next one
does the same again, knowing what a caller knows: the ids that it chose, or was told before. Prints for each label what
was there before the deed, after the death and after the repetition, as JSON.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from datetime import timedelta
from pathlib import Path

from tests.support.approving import Anybody
from tests.support.database import settings_for
from tests.support.desk import LANES, open_shop
from tests.support.households import Households
from tests.support.keeping import KeepingGateway
from tests.support.repeating_cards import CARD_DEEDS
from tests.support.small_deeds import Deed, Rows
from topup.care import tickets
from topup.care.answering import Answering
from topup.care.states import Topic
from topup.care.tickets import NewTicket
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders.counter_sales import CounterSales
from topup.orders.elsewhere import new_code
from topup.orders.links import BY_COMMAND, LinkWanted
from topup.payments.cash.records import Session
from topup.people.subscribers import accounts, saved
from topup.people.subscribers.saving import Saving
from topup.platform import crash
from topup.platform.database import Database

NUMBER = parse_msisdn("13800138000")


class MakeLink(Deed):
    async def prepare(self) -> None:
        self.known["link"] = self.shop.desk.links.new_id()

    async def do(self) -> None:
        wanted = LinkWanted(BY_COMMAND, NUMBER, None, Money(5000, "CNY"), timedelta(days=7), "")
        await self.shop.desk.links.make(wanted, link_id=self.known["link"])

    async def look(self) -> Rows:
        return await self.rows("SELECT created_at, revoked_at FROM orders.links WHERE id = %s", self.known["link"])


class RevokeLink(MakeLink):
    async def prepare(self) -> None:
        await super().prepare()
        await super().do()

    async def do(self) -> None:
        await self.shop.desk.links.revoke(link_id=self.known["link"])


class ForgetLinks(RevokeLink):
    async def do(self) -> None:
        [sweep] = self.shop.desk.links.sweeps()
        async with self.much_later():
            await sweep.run()


class MakeCode(Deed):
    async def prepare(self) -> None:
        self.known["order"] = (await self.shop.ordered(f"1380{secrets.randbelow(10**7):07}")).id

    async def do(self) -> None:
        await self.shop.desk.elsewhere.code(order_id=self.known["order"])

    async def look(self) -> Rows:
        sql = "SELECT code, expires_at FROM orders.pay_codes WHERE order_id = %s"
        return await self.rows(sql, self.known["order"])


class FindCode(Deed):
    """One that was given to nobody: what is written of a look is that it was wrong."""

    async def prepare(self) -> None:
        self.known["code"], self.known["payer"] = new_code(1, lanes=LANES), secrets.token_hex(8)

    async def do(self) -> None:
        with contextlib.suppress(NotFound):
            await self.shop.desk.elsewhere.find(text=self.known["code"], payer=self.known["payer"], address=None)

    async def look(self) -> Rows:
        mark = self.shop.keys.pseudonym(f"payer:{self.known['payer']}")
        return await self.rows("SELECT wrong FROM orders.pay_code_guesses WHERE who = %s", mark)


class ForgetCodes(MakeCode):
    async def prepare(self) -> None:
        await super().prepare()
        await super().do()

    async def do(self) -> None:
        [sweep] = self.shop.desk.elsewhere.sweeps()
        async with self.much_later():
            await sweep.run()


class BeginSale(Deed):
    async def prepare(self) -> None:
        self.known["quote"] = new_id("quote", 2)

    async def do(self) -> None:
        async with self.shop.database.read() as transaction:
            now = transaction.now
        kept = Session(2, new_id("till", 2), "1", "CNY", 0, "stf_clerk", now, None, "hall")
        await CounterSales(database=self.shop.database).begin(
            quote_id=self.known["quote"], session=kept, by="stf_clerk"
        )

    async def look(self) -> Rows:
        sql = "SELECT session_id, staff_id, at FROM orders.counter_sales WHERE quote_id = %s"
        return await self.rows(sql, self.known["quote"])


class SaveNumber(Deed):
    name = "Grandma"

    @property
    def saving(self) -> Saving:
        return Saving(database=self.shop.database, keyring=self.shop.keys)

    @property
    def which(self) -> dict[str, str]:
        return {"subscriber_id": self.known["who"], "saved_id": self.known["saved"]}

    async def prepare(self) -> None:
        households = Households(self.shop.database, self.shop.keys)
        self.known["who"] = await households.moves_in(f"+861391{secrets.randbelow(10**7):07}")

    async def do(self) -> None:
        number, who = NUMBER, self.known["who"]
        self.known["saved"] = await self.saving.save(subscriber_id=who, number=number, name=self.name)

    async def look(self) -> Rows:
        async with self.shop.database.read() as transaction:
            connection = transaction.connection
            whose = await accounts.account(connection, self.shop.keys, subscriber_id=self.known["who"])
            return [[one.name, str(one.meant_at)] for one in await saved.saved_by(connection, whose)]


class RenameNumber(SaveNumber):
    async def prepare(self) -> None:
        await super().prepare()
        await SaveNumber.do(self)

    async def do(self) -> None:
        await self.saving.rename(**self.which, name="Grandpa")


class RemoveNumber(RenameNumber):
    async def do(self) -> None:
        # It may have been removed before we were killed.
        with contextlib.suppress(NotFound):
            await self.saving.remove(**self.which)


class TakeNumberBack(RenameNumber):
    async def prepare(self) -> None:
        await super().prepare()
        await self.saving.remove(**self.which)

    async def do(self) -> None:
        # As above.
        with contextlib.suppress(NotFound):
            await self.saving.take_back(**self.which)


class MeanNumber(RenameNumber):
    async def do(self) -> None:
        await self.saving.mean(**self.which)


class Answer(Deed):
    @property
    def answering(self) -> Answering:
        shop, catalogue = self.shop, CatalogueCache()
        return Answering(database=shop.database, keys=shop.keys, catalogue=catalogue, public_url="https://topup.test")

    async def prepare(self) -> None:
        asked = NewTicket(
            key=secrets.token_hex(8), topic=Topic.OTHER, text="Hello?", locale="en", order_id=None, evidence={}
        )
        async with self.shop.database.transaction() as transaction:
            ticket, _ = await tickets.open_ticket(
                transaction.connection, asked, transaction.now, keys=self.shop.keys, lanes=LANES
            )
        self.known["ticket"] = ticket.id

    async def do(self) -> None:
        await self.answering.answer(Anybody("stf_one"), self.known["ticket"], "Yes.", seen=1, solved=False)

    async def look(self) -> Rows:
        sql = "SELECT state, messages FROM care.tickets WHERE id = %s"
        return await self.rows(sql, self.known["ticket"])


class Solve(Answer):
    async def do(self) -> None:
        await self.answering.solve(Anybody("stf_one"), self.known["ticket"])

    async def look(self) -> Rows:
        return await self.rows("SELECT state FROM care.tickets WHERE id = %s", self.known["ticket"])


class Announce(Answer):
    async def prepare(self) -> None:
        self.known["text"] = secrets.token_hex(8)

    async def do(self) -> None:
        # Whoever announces sees what is announced: they do not say the same twice.
        if not await self.look():
            texts = {"zh_Hans": self.known["text"]}
            await self.answering.announce(Anybody("stf_one"), carrier_id="qingfeng", texts=texts, ends_at=None)

    async def look(self) -> Rows:
        return await self.rows("SELECT over FROM care.outages WHERE texts ->> 'zh_Hans' = %s", self.known["text"])


class IsOver(Announce):
    async def prepare(self) -> None:
        await super().prepare()
        await super().do()

    async def do(self) -> None:
        sql = "SELECT id FROM care.outages WHERE texts ->> 'zh_Hans' = %s"
        [[outage]] = await self.rows(sql, self.known["text"])
        # It may have been said before we were killed.
        with contextlib.suppress(NotFound):
            await self.answering.over(Anybody("stf_one"), outage)


DEEDS: dict[str, type[Deed]] = {
    "answering.answer": Answer,
    "answering.solve": Solve,
    "answering.outage": Announce,
    "answering.over": IsOver,
    "links.make": MakeLink,
    "links.revoke": RevokeLink,
    "links.forget": ForgetLinks,
    "pay_codes.make": MakeCode,
    "pay_codes.find": FindCode,
    "pay_codes.forget": ForgetCodes,
    "counter_sales.begin": BeginSale,
    "saved.save": SaveNumber,
    "saved.rename": RenameNumber,
    "saved.remove": RemoveNumber,
    "saved.take_back": TakeNumberBack,
    "saved.mean": MeanNumber,
    **CARD_DEEDS,
}
"""By the beginnings of the labels that they pass."""


async def live(url: str, directory: Path, before: str, label: str) -> None:
    """Repeat the deed of who was killed at the label before, and be killed at this one (empty: there is none)."""
    async with (
        Database.open(settings=settings_for(url), migrating=False) as database,
        open_shop(database, directory, KeepingGateway(), publishing=not before) as shop,
    ):
        if before:
            file = directory / f"{before}.json"
            told = json.loads(file.read_text())
            deed = DEEDS[before.rsplit(".", 1)[0]](shop, told["known"])
            told["killed"] = await deed.look()
            await deed.do()
            told["repeated"] = await deed.look()
            file.write_text(json.dumps(told))
        if label:
            deed = DEEDS[label.rsplit(".", 1)[0]](shop, {})
            await deed.prepare()
            told = {"known": deed.known, "undone": await deed.look()}
            (directory / f"{label}.json").write_text(json.dumps(told))
            os.environ["TOPUP_CRASH_AT"] = label
            crash.arm(development=True)
            await deed.do()


def main() -> None:
    url, directory, labels = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    for before, label in zip(["", *labels], [*labels, ""], strict=True):
        pid = os.fork()
        if not pid:
            asyncio.run(live(url, directory, before, label))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != (-signal.SIGKILL if label else 0):
            raise SystemExit(f"{label or 'the last'} ended with {code}")
    print(json.dumps({label: json.loads((directory / f"{label}.json").read_text()) for label in labels}))


if __name__ == "__main__":
    main()
