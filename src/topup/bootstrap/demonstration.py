"""What a demonstration begins with: carriers that do not exist, two lines in their networks, and where to be served."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import topup.catalogue
import topup.shops
from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.lines.queries import route
from topup.platform.database import Transaction
from topup.shops.files import read_directory
from topup.shops.operations import publish as publish_places
from topup.shops.queries import newest

NUMBERS: Final = ("13800138000", "13900139000")
HOLDER: Final = "13800138001"
"""Whose account has a history (`demonstration_history`)."""
CARRIERS: Final = Path(topup.catalogue.__file__).parent / "demonstration"
PLACES: Final = Path(topup.shops.__file__).parent / "demonstration.toml"


async def furnish(transaction: Transaction, *, lanes: int) -> None:
    """Publish the demonstration carriers that are not there, and the places where there are none; open the two lines.

    Repeating it changes nothing, and what somebody published since stays.
    """
    connection, now = transaction.connection, transaction.now
    snapshot = await Snapshot.load(connection)
    missing = [file for file in sorted(CARRIERS.glob("*.toml")) if snapshot.carrier(file.stem) is None]
    if missing:
        await _publish(transaction, missing)
        snapshot = await Snapshot.load(connection, after=snapshot)
    numbers = [parse_msisdn(number) for number in NUMBERS]
    wanted = []
    for number, way in zip(numbers, await route(connection, numbers, snapshot, lanes=lanes), strict=True):
        carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
        if carrier is not None and carrier.is_own_network:
            wanted.append((number, carrier.carrier_id, carrier.document.time_zone))
    await open_lines(connection, wanted, now, lanes=lanes, snapshot=snapshot)
    if not await newest(connection):
        await publish_places(connection, read_directory(PLACES), now)


async def _publish(transaction: Transaction, files: Sequence[Path]) -> None:
    # Slow to load, and needed by the first start alone.
    from topup.catalogue.checking import check  # noqa: PLC0415
    from topup.catalogue.operations import AlreadyPublished, publish  # noqa: PLC0415

    for file in files:
        # Another first start may have been quicker: both looked before either had published.
        with contextlib.suppress(AlreadyPublished):
            await publish(transaction.connection, check(file), transaction.now)
