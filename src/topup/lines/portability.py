"""Portability by a table of our own."""

from collections.abc import Mapping, Sequence

from topup.platform.database import Connection

_SELECT = "SELECT msisdn, carrier_id FROM lines.ported_numbers WHERE msisdn = ANY (%s)"


class PortedNumbers:
    """The local table, kept by `operations.port_number`."""

    async def carriers_of(self, connection: Connection, e164s: Sequence[str]) -> Mapping[str, str]:
        """The carrier id of each number (E.164) that was ported; the others are absent."""
        cursor = await connection.execute(_SELECT, [list(e164s)])
        return dict(await cursor.fetchall())
