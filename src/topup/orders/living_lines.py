"""What a top-up does to the life of the line that it credits: clocks restart, states are left, credit is restored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from topup.catalogue.line_facts import Portion
from topup.catalogue.queries import Snapshot
from topup.kernel.ids import LineId
from topup.kernel.money import is_currency
from topup.ledger import Item
from topup.lines.living import ToppingUp
from topup.lines.queries import LineRef
from topup.orders.quotes import StoredQuote
from topup.platform.database import Connection


class LivingLines:
    """The lines of one flush whose carriers' files say anything of a life. Of none: all pass, nothing is written."""

    def __init__(self, topping_up: ToppingUp | None = None, snapshot: Snapshot | None = None) -> None:
        self._topping_up = topping_up
        self._snapshot = snapshot

    @classmethod
    async def open(
        cls, connection: Connection, lines: Sequence[LineRef], now: datetime, *, snapshot: Snapshot | None
    ) -> Self:
        """Lock `lines`; without any, or without a snapshot, nothing is asked."""
        if not lines or snapshot is None:
            return cls()
        return cls(await ToppingUp.open(connection, lines, now, snapshot=snapshot), snapshot)

    def take(self, quote: StoredQuote, line_id: LineId) -> bool:
        """Let a top-up do to its line's life what it does; False: the line can take none any more."""
        if self._topping_up is None:
            return True
        brings = [
            Portion(grant.amount, grant.validity.usable_until, grant.kind)
            for grant in quote.grants
            if is_currency(grant.asset)
        ]
        plain = self._is_plain(quote)
        return self._topping_up.take(line_id, amount_minor=quote.face_minor, plain=plain, brings=brings)

    def items(self) -> Sequence[Item]:
        """What is restored and forfeited: to be posted before the credits, and it may be refused."""
        return self._topping_up.items() if self._topping_up else ()

    async def write(self, connection: Connection) -> None:
        """Write down what became of the lines."""
        if self._topping_up is not None:
            await self._topping_up.write(connection)

    async def pay_arrears(self, connection: Connection) -> None:
        """What the lines owe is paid first of what they were given."""
        if self._topping_up is not None:
            await self._topping_up.pay_arrears(connection)

    def _is_plain(self, quote: StoredQuote) -> bool:
        """Whether plain credit was bought, or a pack that counts as such."""
        if quote.product is None:
            return True
        carrier = self._snapshot.version(quote.carrier_id, quote.catalogue_version) if self._snapshot else None
        pack = carrier.packs.get(quote.product) if carrier else None
        return pack is not None and pack.plain
