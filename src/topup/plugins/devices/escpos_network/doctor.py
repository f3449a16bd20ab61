"""What `topup doctor` finds out about printers: whether each answers, and what it lacks."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from topup.platform.plugs import Finding, Health
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.plugins.devices.escpos_network.settings import EscposSettings
from topup.shops.printing.ports import Trouble


async def check(settings: EscposSettings, _client: Any, _now: datetime) -> Sequence[Finding]:
    """A finding for each till's printer, all asked side by side. Prints nothing."""
    printers = EscposNetwork(settings)
    return await asyncio.gather(*(_finding(printers, settings, till) for till in sorted(settings.tills)))


async def _finding(printers: EscposNetwork, settings: EscposSettings, till: str) -> Finding:
    standing = await printers.standing(till)
    printer = settings.tills[till]
    place = {"till": till, "host": printer.host, "port": printer.port}
    if standing.trouble is not None:
        passing = standing.trouble in {Trouble.PAPER_OUT, Trouble.COVER_OPEN, Trouble.BUSY}
        return Finding("printer", Health.SOON if passing else Health.WRONG, f"printer.{standing.trouble}", place)
    if standing.paper_low:
        return Finding("printer", Health.SOON, "printer.paper_low", place)
    return Finding("printer", Health.FINE)
