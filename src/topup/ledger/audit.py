"""The audit: every lane's transfers replayed from the first, beside the balances that are stored.

It finds a row that was edited, deleted, put in or put elsewhere, a balance that is not the sum of its transfers, an
asset that is not conserved, a promise without a hold; and, given signed heads, a chain whose end was cut off or written
anew. It reads one snapshot and can run beside a busy server.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from psycopg.rows import tuple_row

from topup.ledger.chain import COLUMNS, Entry, canonical, genesis, link_hash
from topup.ledger.heads import Heads
from topup.ledger.invariants import violations
from topup.platform.database import Connection

Progress = Callable[[int, int], None]
"""(done, total) transfers."""

_PAGE: Final = 10_000
_FAULTS_TOLD: Final = 100


class FaultKind(StrEnum):
    """What is wrong; each is a sentence `fault_…` of the catalogue `ledger`."""

    MISSING = "missing"
    """The transfer of this sequence is not there."""
    ALTERED = "altered"
    """The link that ends with this transfer does not follow from what it holds and the one before."""
    BELOW_FLOOR = "below_floor"
    """This transfer took more from a bucket than it had."""
    HEAD = "head"
    """The lane's head is not its last transfer."""
    TRUNCATED = "truncated"
    """The signed head is beyond the last transfer."""
    REWRITTEN = "rewritten"
    """The transfer at the signed head has another hash."""
    BALANCE = "balance"
    """A stored balance is not the sum of its transfers."""
    VALIDITY = "validity"
    """A bucket ends at another time than its last credit says."""
    ORPHAN = "orphan"
    """A transfer names a bucket that is not there, or of another asset or line."""
    UNBALANCED = "unbalanced"
    """The balances of an asset do not add up to zero."""
    INVARIANT = "invariant"
    """One of `invariants` does not hold."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `sequence` where it concerns a transfer, `subject` the account, asset or invariant."""

    kind: FaultKind
    lane: int | None
    sequence: int | None
    subject: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit read, and what it found; `faults` are in order of lane and sequence, at most a hundred.

    `imbalance` has each asset's sum of all balances, which is zero in a sound ledger.
    """

    transfers: int
    lanes: int
    imbalance: dict[str, int]
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass(slots=True)
class _Lane:
    """The replay of one lane."""

    number: int
    head_sequence: int
    head_hash: bytes
    signed: tuple[int, bytes] | None
    faults: list[Fault] = field(default_factory=list)
    sequence: int = 0
    hash: bytes = b""
    lines: list[bytes] = field(default_factory=list)
    """Of the link that has begun."""
    broken: bool = False
    """Something is missing in it: its hash will not be right, and was told already."""
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    ends: dict[str, int | None] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hash = genesis(self.number)

    def tell(self, kind: FaultKind, sequence: int | None, subject: str) -> None:
        if len(self.faults) < _FAULTS_TOLD:
            self.faults.append(Fault(kind, self.number, sequence, subject))

    def replay(self, entry: Entry) -> None:
        """Take the next transfer. After a fault the stored hash is believed: the next fault is one of its own."""
        if entry.sequence != self.sequence + 1:
            self.tell(FaultKind.MISSING, self.sequence + 1, "")
            self.broken = True
        self.sequence = entry.sequence
        self.lines.append(canonical(entry))
        if entry.hash is not None:
            self._link(entry, entry.hash)
        elif self.signed and self.signed[0] == entry.sequence:
            self.tell(FaultKind.REWRITTEN, entry.sequence, entry.key)
        giver, taker = (entry.debit, entry.asset), (entry.credit, entry.asset)
        left = self.balances.get(giver, 0) - entry.amount
        self.balances[giver] = left
        self.balances[taker] = self.balances.get(taker, 0) + entry.amount
        if entry.debit.startswith("acc_"):
            if left < 0:
                self.tell(FaultKind.BELOW_FLOOR, entry.sequence, entry.debit)
            self._belongs(entry.debit, entry)
        if entry.credit.startswith("acc_"):
            self.ends[entry.credit] = entry.usable_until_us
            self._belongs(entry.credit, entry)

    def _link(self, last: Entry, found: bytes) -> None:
        if link_hash(self.hash, self.lines) != found and not self.broken:
            self.tell(FaultKind.ALTERED, last.sequence, last.key)
        if self.signed and self.signed[0] == last.sequence and self.signed[1] != found:
            self.tell(FaultKind.REWRITTEN, last.sequence, last.key)
        self.hash = found
        self.lines.clear()
        self.broken = False

    def _belongs(self, bucket: str, entry: Entry) -> None:
        if self.owners.setdefault(bucket, entry.line_id) != entry.line_id:
            self.tell(FaultKind.ORPHAN, entry.sequence, bucket)

    def finish(self) -> None:
        """Hold the end of the chain against the stored head and the signed one."""
        if self.lines or (self.sequence, self.hash) != (self.head_sequence, self.head_hash):
            self.tell(FaultKind.HEAD, min(self.sequence, self.head_sequence) + 1, "")
        if self.signed and self.signed[0] > self.sequence:
            self.tell(FaultKind.TRUNCATED, self.sequence + 1, "")


async def audit(
    connection: Connection, *, progress: Progress | None = None, signed: Heads | None = None
) -> AuditReport:
    """Replay the whole ledger on a connection that reads one snapshot (`Database.read`).

    `progress` hears (done, total) every ten thousand transfers; `signed` are heads exported before. Changes nothing.
    """
    cursor = await connection.execute("SELECT lane, head_sequence, head_hash FROM ledger.lanes ORDER BY lane")
    heads = await cursor.fetchall()
    total = sum(sequence for _, sequence, _ in heads)
    done = 0
    faults: list[Fault] = []
    imbalance: dict[str, int] = {}
    for number, sequence, digest in heads:
        lane = _Lane(number, sequence, digest, signed.lanes.get(number) if signed else None)
        async for page in _pages(connection, number):
            for entry in page:
                lane.replay(entry)
            done += len(page)
            if progress:
                progress(done, max(total, done))
        lane.finish()
        await _compare(connection, lane, imbalance)
        faults += lane.faults
    if signed:
        present = {number for number, _, _ in heads}
        faults += [Fault(FaultKind.TRUNCATED, gone, 1, "") for gone in sorted(set(signed.lanes) - present)]
    faults += [Fault(FaultKind.UNBALANCED, None, None, asset) for asset, rest in sorted(imbalance.items()) if rest]
    faults += [
        Fault(FaultKind.INVARIANT, found.lane, None, f"{found.invariant} {found.subject}")
        for found in await violations(connection, sums=False)
    ]
    if progress:
        progress(done, done)
    return AuditReport(done, len(heads), imbalance, tuple(faults[:_FAULTS_TOLD]))


async def _pages(connection: Connection, lane: int) -> AsyncIterator[list[Entry]]:
    """A lane's transfers in order, a page at a time."""
    cursor = connection.cursor("audit_transfers", row_factory=tuple_row)
    async with cursor:
        await cursor.execute(
            f"SELECT {COLUMNS} FROM ledger.transfers WHERE lane = %s ORDER BY sequence", (lane,), binary=True
        )
        while page := await cursor.fetchmany(_PAGE):
            yield [Entry._make(row) for row in page]


async def _compare(connection: Connection, lane: _Lane, imbalance: dict[str, int]) -> None:
    """Hold the lane's stored balances and ends against the replayed ones, and add them up per asset."""
    cursor = connection.cursor("audit_balances", row_factory=tuple_row)
    async with cursor:
        await cursor.execute(
            """
            SELECT code, asset, balance, NULL::bigint, NULL FROM ledger.house_accounts WHERE lane = %(lane)s
            UNION ALL
            SELECT id, asset, balance, (extract(epoch FROM usable_until) * 1000000)::bigint, line_id
            FROM ledger.buckets WHERE lane = %(lane)s
            """,
            {"lane": lane.number},
            binary=True,
        )
        while page := await cursor.fetchmany(_PAGE):
            for account, asset, balance, usable_until_us, line_id in page:
                imbalance[asset] = imbalance.get(asset, 0) + balance
                if lane.balances.pop((account, asset), None) != balance:
                    lane.tell(FaultKind.BALANCE, None, account)
                elif line_id is not None and lane.ends.get(account) != usable_until_us:
                    lane.tell(FaultKind.VALIDITY, None, account)
                elif line_id is not None and lane.owners.get(account) != line_id:
                    lane.tell(FaultKind.ORPHAN, None, account)
    for account, _ in lane.balances:
        lane.tell(FaultKind.ORPHAN, None, account)
