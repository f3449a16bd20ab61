"""The replay of one lane: its transfers from a point on, in order, beside what is stored."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from psycopg.rows import tuple_row

from topup.ledger.chain import LINE, UNTIL_US, link_hash
from topup.ledger.faults import FAULTS_TOLD, Fault, FaultKind
from topup.ledger.points import Balances, Point, balances_at, beginning, digest_of
from topup.platform.database import Connection

Row = tuple[int, str, bytes | None, str, str, str, int, int | None, str | None, str]
"""(sequence, canonical line, hash of the link it ends, debit, credit, asset, amount, end in µs, line, key)"""

_PAGE: Final = 2_000

_TRANSFERS: Final = f"""
SELECT t.sequence, {LINE}, t.hash, t.debit, t.credit, t.asset, t.amount, {UNTIL_US}, t.line_id, t.key
FROM ledger.transfers AS t
WHERE t.lane = %s AND t.sequence > %s
ORDER BY t.sequence
LIMIT %s
"""

_STORED: Final = """
SELECT h.code, h.asset, h.balance, NULL::bigint, NULL FROM ledger.house_accounts AS h WHERE h.lane = %(lane)s
UNION ALL
SELECT b.id, b.asset, b.balance, (extract(epoch FROM b.usable_until) * 1000000)::bigint, b.line_id
FROM ledger.buckets AS b WHERE b.lane = %(lane)s
"""


_EARLIER: Final = f"""
SELECT c.account, c.line_id, {UNTIL_US}, c.lines > 1
FROM (
    SELECT t.credit AS account, min(t.line_id) AS line_id, count(DISTINCT t.line_id) AS lines, max(t.sequence) AS last
    FROM ledger.transfers AS t
    WHERE t.lane = %(lane)s AND t.sequence <= %(sequence)s AND starts_with(t.credit, 'acc_')
    GROUP BY t.credit
) AS c
JOIN ledger.transfers AS t ON t.lane = %(lane)s AND t.sequence = c.last
"""


class LaneReplay:
    """A lane's replay from `start`. `head` is the sequence and hash that are stored as the lane's; `signed` a point it
    must pass or have passed. `resumed`: the replay up to `start` was held against nothing that is stored, so this one
    holds all of it.

    Its memory grows with the accounts of the lane, about 400 bytes each, not with its transfers.
    """

    def __init__(
        self, number: int, *, head: tuple[int, bytes], start: Point | None, signed: Point | None, resumed: bool = False
    ) -> None:
        self.number = number
        self.faults: list[Fault] = []
        self.sums: dict[str, int] = {}
        """What is stored, added up by asset."""
        self.end: Point | None = None
        """Where the replay ended, once it has."""
        self.start = start or beginning(number)
        self.is_compared = False
        """Whether all that is stored was held against it."""
        self.is_whole = resumed or self.start.sequence == 0
        """Whether every bucket's last credit is known, not only of those that moved since `start`."""
        self._head = head
        self._signed = signed
        self._sequence, self._hash = self.start.sequence, self.start.hash
        self._open: list[Row] = []
        """Of the link that has begun."""
        self._broken = False
        """Something is missing in it: its hash will not be right, and that was told already."""
        self._balances: Balances = {}
        self._ends: dict[str, int | None] = {}
        self._owners: dict[str, str | None] = {}

    @property
    def transfers(self) -> int:
        """How many there are to replay, by the stored head."""
        return max(self._head[0] - self.start.sequence, 0)

    async def begin(self, connection: Connection) -> None:
        """See that the chain passes the point to begin at, and that the balances there are those that were seen."""
        if self.start.sequence == 0:
            return
        await self._passes(connection, self.start)
        if self._signed and 0 < self._signed.sequence <= self.start.sequence and self._signed != self.start:
            await self._passes(connection, self._signed)
        self._balances = await balances_at(connection, self.number, self.start.sequence)
        if digest_of(self._balances) != self.start.balances:
            self._tell(FaultKind.STANDING, self.start.sequence, "")
        if self.is_whole:
            await self._remember(connection)

    async def _passes(self, connection: Connection, point: Point) -> None:
        cursor = await connection.execute(
            "SELECT t.hash FROM ledger.transfers AS t WHERE t.lane = %s AND t.sequence = %s",
            (self.number, point.sequence),
        )
        row = await cursor.fetchone()
        if row is None:
            kind = FaultKind.TRUNCATED if self._head[0] < point.sequence else FaultKind.MISSING
            self._tell(kind, min(self._head[0] + 1, point.sequence), "")
        elif row[0] != point.hash:
            self._tell(FaultKind.REWRITTEN, point.sequence, "")

    async def _remember(self, connection: Connection) -> None:
        """What an interrupted replay knew of buckets: whose they are, and the end their last credit gave them."""
        cursor = connection.cursor(row_factory=tuple_row, binary=True)
        await cursor.execute(_EARLIER, {"lane": self.number, "sequence": self.start.sequence})
        async for account, line_id, until, is_torn in cursor:
            self._owners[account], self._ends[account] = line_id, until
            if is_torn:
                self._tell(FaultKind.ORPHAN, None, account)

    async def pages(self, connection: Connection) -> AsyncGenerator[int]:
        """Replay page by page; gives the number of transfers in each."""
        cursor = connection.cursor(row_factory=tuple_row, binary=True)
        while True:
            await cursor.execute(_TRANSFERS, (self.number, self._sequence, _PAGE), prepare=True)
            page = await cursor.fetchall()
            if not page:
                break
            self._replay(page)
            yield len(page)

    def _replay(self, page: Sequence[Row]) -> None:
        """Take the next transfers. After a fault the stored hash is believed: the next fault is one of its own.

        All in one loop, for it is run as often as there are transfers.
        """
        balances, ends, owners, link = self._balances, self._ends, self._owners, self._open
        before = self._sequence
        for row in page:
            sequence, _, found, debit, credit, asset, amount, until, line_id, key = row
            if sequence != before + 1:
                self._tell(FaultKind.MISSING, before + 1, "")
                self._broken = True
            before = sequence
            accounts = balances.get(asset)
            if accounts is None:
                accounts = balances[asset] = {}
            left = accounts[debit] = accounts.get(debit, 0) - amount
            accounts[credit] = accounts.get(credit, 0) + amount
            if debit[:4] == "acc_":
                if left < 0:
                    self._tell(FaultKind.BELOW_FLOOR, sequence, debit)
                if owners.setdefault(debit, line_id) != line_id:
                    self._tell(FaultKind.ORPHAN, sequence, debit)
            if credit[:4] == "acc_":
                ends[credit] = until
                if owners.setdefault(credit, line_id) != line_id:
                    self._tell(FaultKind.ORPHAN, sequence, credit)
            link.append(row)
            if found is not None:
                self._close(sequence, key, found)
                link.clear()
        self._sequence = before

    def _close(self, last: int, key: str, found: bytes) -> None:
        """The link that ends with the transfer `last` claims the hash `found`."""
        if not self._broken and link_hash(self._hash, [row[1] for row in self._open]) != found:
            self._tell(FaultKind.ALTERED, last, key)
        signed = self._signed
        if signed and self._open[0][0] <= signed.sequence <= last and (signed.sequence, signed.hash) != (last, found):
            self._tell(FaultKind.REWRITTEN, signed.sequence, key)
        self._hash = found
        self._broken = False

    def finish(self) -> None:
        """Hold the end of the chain against the stored head and the signed one."""
        if self._open or (self._sequence, self._hash) != self._head:
            self._tell(FaultKind.HEAD, min(self._sequence, self._head[0]) + 1, "")
        if self._signed and self._signed.sequence > self._sequence:
            self._tell(FaultKind.TRUNCATED, self._sequence + 1, "")

    async def compare(self, connection: Connection) -> None:
        """Hold what is stored against what was replayed: balances, ends, lines. The replay is over with it."""
        self.end = self.reached()
        replayed, unknown = self._balances, None if self.start.sequence == 0 else 0
        cursor = connection.cursor(row_factory=tuple_row, binary=True)
        await cursor.execute(_STORED, {"lane": self.number})
        async for account, asset, balance, until, line_id in cursor:
            self.sums[asset] = self.sums.get(asset, 0) + balance
            # From a later point on, one that had nothing and did not move is not known.
            owner = self._owners.pop(account, None if self.is_whole else line_id)
            if replayed.get(asset, {}).pop(account, unknown) != balance:
                self._tell(FaultKind.BALANCE, None, account)
            elif owner != line_id:
                self._tell(FaultKind.ORPHAN, None, account)
            elif self._ends.get(account, until) != until:
                self._tell(FaultKind.VALIDITY, None, account)
        for account in dict.fromkeys((*self._owners, *(account for held in replayed.values() for account in held))):
            self._tell(FaultKind.ORPHAN, None, account)
        self._balances, self._ends, self._owners = {}, {}, {}
        self.is_compared = True

    def reached(self) -> Point:
        """The end of the last link that was replayed whole."""
        if self.end is not None:
            return self.end
        if self._sequence == self.start.sequence:
            return self.start
        if not self._open:
            return Point(self._sequence, self._hash, digest_of(self._balances))
        balances = {asset: dict(accounts) for asset, accounts in self._balances.items()}
        for _, _, _, debit, credit, asset, amount, *_ in self._open:
            balances[asset][debit] += amount
            balances[asset][credit] -= amount
        return Point(self._open[0][0] - 1, self._hash, digest_of(balances))

    def _tell(self, kind: FaultKind, sequence: int | None, subject: str) -> None:
        if len(self.faults) < FAULTS_TOLD:
            self.faults.append(Fault(kind, self.number, sequence, subject))
