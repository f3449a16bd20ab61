"""A shop whose carriers have campaigns, and what is known of them."""

import itertools
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

from tests.support import code_batches
from tests.support.desk import LANES
from tests.support.gifts import OTHER, stocked
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import AlreadyPublished, publish
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.ledger.audit import audit
from topup.offers.counting import CampaignKey
from topup.offers.invariants import miscounted
from topup.offers.points.invariants import unequal
from topup.offers.points.queries import balances, movements
from topup.payments.ports import DisputeFact

TIERS = """
[[campaigns]]
id = "tiers"
names = { zh_Hans = "满减", zh_Hant = "滿減", en = "Spend and save" }
products = ["credit"]
discount = { tiers = [{ from = 50, off = 5 }, { from = 100, off = 12 }] }
group = "first"
"""
WELCOME = """
[[campaigns]]
id = "welcome"
names = { zh_Hans = "首充", zh_Hant = "首儲", en = "First top-up" }
customers = "first"
minimum = 10
discount = { fixed = 8 }
group = "first"
"""
ONCE = """
[[campaigns]]
id = "once"
names = { zh_Hans = "一张券", zh_Hant = "一張券", en = "One coupon" }
coupon = { code = "ONCE", uses = 1 }
minimum = 10
discount = { fixed = 3 }
group = "coupons"
"""
OWN_CODES = """
[[campaigns]]
id = "members"
names = { zh_Hans = "会员券", zh_Hant = "會員券", en = "Member coupon" }
coupon = { prefix = "MEMBER" }
minimum = 10
discount = { fixed = 4 }
group = "coupons"
"""
DATA = """
[[campaigns]]
id = "thanks"
names = { zh_Hans = "赠流量", zh_Hant = "贈數據", en = "Thank-you data" }
grants = [{ asset = "DATA", amount = "1 GiB", kind = "promo", validity = { rule = "days", days = 7 } }]
worth = 1
group = "extras"
"""
MUG = """
[[campaigns]]
id = "mug"
names = { zh_Hans = "送马克杯", zh_Hant = "送馬克杯", en = "A mug" }
products = ["credit"]
minimum = 10
gift = { sku = "mug" }
worth = 15
group = "extras"
"""
SENT_MUG = MUG.replace('sku = "mug"', 'sku = "mug", sent_from = "panyu-shop"')
"""The same, sent by post."""
GROUPS = """
[offers.groups.first]
order = 1
[offers.groups.coupons]
order = 2
[offers.groups.extras]
order = 3
take = "all"
"""


POINTS = """
[offers.points]
per = 1
worth = "0.01"
step = 100
permille = 500
validity = { rule = "days", days = 365 }
"""


async def publish_with(database, *campaigns: str, carrier: str = "qingfeng", version_of: str = "") -> None:
    """Publish a carrier of the demonstration with these campaigns."""
    text = files("topup.catalogue.demonstration").joinpath(f"{carrier}.toml").read_text("utf-8")
    checked = check_bytes((text + version_of + GROUPS + "".join(campaigns)).encode(), name=f"{carrier}.toml")
    async with database.transaction() as transaction:
        await publish(transaction.connection, checked, transaction.now)


FIRST_NUMBER = 85247100000
"""Of the carrier that `offering` publishes."""
_numbers = itertools.count(FIRST_NUMBER)


def an_offered_number() -> str:
    """A number of that carrier which nobody has topped up."""
    return f"+{next(_numbers)}"


async def offering(database, keys, *, count: int = 1) -> list[str]:
    """Publish a carrier with campaigns that no other test of a shared site knows; some codes of it."""
    text = files("topup.catalogue.demonstration").joinpath("yunfan.toml").read_text("utf-8")
    text = text.replace('id = "yunfan"', 'id = "offering"').replace("+85251230000", f"+{FIRST_NUMBER}")
    text = text.replace('ranges = ["+8525", "+8526", "+8529"]', 'ranges = ["+85247"]')
    checked = check_bytes((text + GROUPS + POINTS + TIERS + OWN_CODES).encode(), name="offering.toml")
    async with database.transaction() as transaction:
        with suppress(AlreadyPublished):
            await publish(transaction.connection, checked, transaction.now)
        return await _made(transaction, "offering", "members", count, keys)


async def made_codes(shop, count: int) -> list[str]:
    """New codes of the campaign OWN_CODES."""
    async with shop.database.transaction() as transaction:
        return await _made(transaction, "qingfeng", "members", count, shop.keys)


_gifted = itertools.count(85244100000)


def a_number_with_gifts() -> str:
    """A number of the carrier that `giving` publishes, which nobody has topped up."""
    return f"+{next(_gifted)}"


async def giving(database) -> None:
    """Publish a carrier that gives a mug with credit, and that no other test of a shared site knows."""
    await _giving(database, "giving", "85244", MUG)


_parcels = itertools.count(85284100000)


def a_number_with_a_parcel() -> str:
    """A number of the carrier that `giving_by_post` publishes, which nobody has topped up."""
    return f"+{next(_parcels)}"


async def giving_by_post(database) -> None:
    """The same, of one that sends the mug; there are some where it is sent from."""
    await _giving(database, "posting", "85284", SENT_MUG)
    await stocked(database, 9, place=OTHER)


async def _giving(database, carrier: str, prefix: str, campaign: str) -> None:
    text = files("topup.catalogue.demonstration").joinpath("yunfan.toml").read_text("utf-8")
    text = text.replace('id = "yunfan"', f'id = "{carrier}"').replace("+85251230000", f"+{prefix}100000")
    text = text.replace('ranges = ["+8525", "+8526", "+8529"]', f'ranges = ["+{prefix}"]').replace('"HKD"', '"CNY"')
    checked = check_bytes((text + GROUPS + campaign).encode(), name=f"{carrier}.toml")
    async with database.transaction() as transaction:
        with suppress(AlreadyPublished):
            await publish(transaction.connection, checked, transaction.now)


async def _made(transaction, carrier: str, campaign: str, count: int, keys) -> list[str]:
    return await code_batches.made(
        transaction.connection,
        CampaignKey(carrier, campaign),
        prefix="MEMBER",
        count=count,
        by="test",
        now=transaction.now,
        keys=keys,
        lanes=LANES,
    )


async def quoted(
    shop, *coupons: str, number="13800138000", amount=10000, currency="CNY", channel="web", at=None, **who
):
    """A price; at the counter of the shop `at`. `who`: the payer_id, and the points that are to be spent."""
    return await shop.desk.quote(
        number=number,
        product=None,
        amount=Money(amount, currency),
        payment_method=None,
        channel="counter" if at else channel,
        coupons=coupons,
        shop=at,
        **who,
    )


async def ordered(shop, quote, *, payer_id=None, contact=None):
    return await shop.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=contact,
        confirmations=frozenset({"duplicate", "large_amount"}),
        locale="zh_Hans",
        channel="web",
        payer="somebody",
        payer_id=payer_id,
    )


async def paid(shop, order):
    await shop.tells(shop.paid(await shop.paying(order)))
    return await shop.order(order)


async def objects(shop, order, standing, amount_minor, *, dispute="dp_1", currency="CNY") -> None:
    """The payer objects with their bank, and how that stands."""
    amount = Money(amount_minor, currency)
    await shop.tells(DisputeFact(order.payments[0].id, dispute, standing, amount, None, ""))


@dataclass
class Customer:
    """Somebody who is signed in, in a lane that need not be their lines'."""

    shop: object
    id: str

    async def quoted(self, **wish):
        return await quoted(self.shop, payer_id=self.id, **wish)

    async def ordered(self, quote):
        return await ordered(self.shop, quote, payer_id=self.id)

    async def buys(self, **wish):
        """Order, pay, and let all follow."""
        order = await paid(self.shop, await self.ordered(await self.quoted(**wish)))
        await self.shop.run()
        return await self.shop.order(order)

    async def has(self) -> tuple[int, int, int]:
        """What is available, held and owed with the one carrier they have points of."""
        async with self.shop.database.read() as transaction:
            found = await balances(transaction.connection, self.id, transaction.now)
        [one] = found or [None]
        return (one.available, one.held, one.owed) if one else (0, 0, 0)

    async def history(self) -> list[tuple[int, str]]:
        async with self.shop.database.read() as transaction:
            found = await movements(transaction.connection, self.id)
        return [(one.points, one.purpose) for one in found]


async def states(database) -> dict[str, list[str]]:
    """What became of each campaign's holds, by campaign, in alphabetical order."""
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT campaign_id, array_agg(state ORDER BY state) FROM offers.reservations GROUP BY 1"
        )
        return dict(await cursor.fetchall())


async def faults(database) -> list[object]:
    """What is wrong with the counters, the points and the ledger."""
    async with database.read() as transaction:
        found = await miscounted(transaction.connection)
        found += await unequal(transaction.connection)
        return [*found, *(await audit(transaction.connection)).faults]
