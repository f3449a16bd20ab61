"""SIM cards for a demonstration: one in each of its lines, and some blank ones in the stock of its halls."""

from pathlib import Path
from typing import Final

import topup.lines
from topup.catalogue.queries import Snapshot
from topup.lines.cards.imports import import_cards
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.shops.queries import Directories
from topup.shops.stock.movements import received
from topup.shops.stock.operations import add_item, move
from topup.shops.stock.queries import Item

CARDS: Final = Path(topup.lines.__file__).parent / "demonstration_cards.csv"
_ITEM: Final = Item(
    "sim-qingfeng", "sim", {"zh_Hans": "青峰 SIM 卡", "zh_Hant": "青峰 SIM 卡", "en": "Qingfeng SIM card"}
)
_PIECES: Final = 2
"""In each hall."""
_BY: Final = "demonstration"


async def furnish_cards(database: Database, *, keys: KeyRing, lanes: int) -> None:
    """All of them, made where they are not there; what became of them since stays."""
    async with database.read() as transaction:
        snapshot = await Snapshot.load(transaction.connection)

    async def progress(_done: int) -> None:
        pass  # a few rows, at a start

    await import_cards(database, CARDS, snapshot=snapshot, lanes=lanes, keys=keys, progress=progress)
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await add_item(connection, _ITEM, now)
        directory = await Directories().current(connection)
        for place in directory.places:
            if place.kind == "hall":
                piece = received(f"demo:{_ITEM.sku}:{place.id}", _ITEM.sku, place.id, _PIECES, by=_BY)
                await move(connection, piece, now, lanes=lanes)
