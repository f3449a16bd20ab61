"""Differences that people let be: accepted as they are, or written off, so that the books have what the provider has.

What is written off is posted between `write_offs` and the account of what the provider owes us, or we owe a carrier. A
difference that goes away after all (the money came, the bill was corrected) takes its posting back with it, by a new
transfer; one whose amounts change is open again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg.rows import args_row

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import is_id, lane_of
from topup.kernel.money import Money
from topup.ledger import PostingRefused, Transfer, post
from topup.orders.bills import UNKNOWN_LINE
from topup.payments.postings import moved
from topup.payments.terminal import charges
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.reconciliation.parties import party_of
from topup.reconciliation.states import DifferenceClass
from topup.reconciliation.storing import Day
from topup.work import queries
from topup.work.approvals import CONCERNED, Approval, Kind, Wish

WRITE_OFF: Final = "difference_write_off"
ACCEPT: Final = "difference_accepted"
ACCEPT_TILL: Final = "till_accepted"
ACCEPT_TERMINAL: Final = "terminal_accepted"
LIMIT: Final = "difference"
WRITE_OFFS: Final = "write_offs"
"""Our account of what was written off: what differences have cost us, less what they brought."""
LANE: Final = 0
_TILL_DIFFERENCE: Final = "till_difference"
_OF: Final = {
    UNKNOWN_LINE: DifferenceClass.MISSING_HERE,
    **{f"bill_{cls.value}": cls for cls in DifferenceClass},
}
_POSTED: Final = frozenset(
    {DifferenceClass.MISSING_HERE, DifferenceClass.MISSING_THERE, DifferenceClass.AMOUNT, DifferenceClass.DUPLICATE}
)
"""Of these it is known what a posting would put right. A fee is posted as it was kept; a standing is asked about."""
_WRITABLE: Final = frozenset(kind for kind, cls in _OF.items() if cls in _POSTED)

_COLUMNS: Final = (
    "method, day, class, kind, our_id, reference, nth, ours_minor, ours_currency, theirs_minor, theirs_currency,"
    " resolved_at, decided_at, written_off, written_off_in"
)
_FIND: Final = f"""
SELECT {_COLUMNS} FROM reconciliation.differences
WHERE method = %s AND day = %s AND class = %s AND kind = %s AND our_id = %s AND reference = %s AND nth = %s
"""
_UNKNOWN_LINE: Final = f"""
SELECT {_COLUMNS} FROM reconciliation.differences
WHERE method = %s AND class = 'missing_here' AND our_id = %s AND reference = %s AND nth = 1
ORDER BY resolved_at IS NOT NULL, day DESC LIMIT 1
"""
_WHERE: Final = """
WHERE method = %(method)s AND day = %(day)s AND class = %(cls)s AND kind = %(kind)s AND our_id = %(our_id)s
    AND reference = %(reference)s AND nth = %(nth)s
"""
_DECIDED: Final = f"""
UPDATE reconciliation.differences SET decided_at = %(now)s, decision = %(decision)s, written_off = %(written_off)s,
    written_off_in = %(currency)s
{_WHERE}
"""
_GONE: Final = f"""
SELECT {_COLUMNS} FROM reconciliation.differences
WHERE method = %(method)s AND day = %(day)s AND written_off <> 0 AND (resolved_at IS NOT NULL OR decided_at IS NULL)
FOR UPDATE
"""
_TAKEN_BACK: Final = (
    f"UPDATE reconciliation.differences SET written_off = 0, backs = backs + 1 {_WHERE} RETURNING backs"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A difference, and what was decided of it."""

    method: str
    day: date
    cls: str
    kind: str
    our_id: str
    reference: str
    nth: int
    ours_minor: int | None
    ours_currency: str | None
    theirs_minor: int | None
    theirs_currency: str | None
    resolved_at: datetime | None
    decided_at: datetime | None
    written_off: int
    written_off_in: str | None

    @property
    def key(self) -> dict[str, object]:
        """What its row is found by."""
        names = ("method", "day", "cls", "kind", "our_id", "reference", "nth")
        return {name: getattr(self, name) for name in names}

    @property
    def currency(self) -> str:
        """The currency that its size is told in."""
        return self.ours_currency or self.theirs_currency or ""

    @property
    def more_there_minor(self) -> int:
        """How much more the provider has for us than our books say, below zero how much less."""
        other = self.theirs_minor or 0 if self.theirs_currency in {None, self.currency} else 0
        more = other - (self.ours_minor or 0)
        return -more if self.kind in {"refund", "reversal"} else more


def kinds() -> list[Kind]:
    """What can be decided about differences: of bills, of drawers that were counted, and of card terminals' totals."""
    ask, decide = Permission.SETTLE_DIFFERENCE.value, Permission.APPROVE_DIFFERENCE.value
    explain, differs = Permission.EXPLAIN_COUNT.value, frozenset({charges.DIFFERENCE})
    return [
        Kind(WRITE_OFF, ask, decide, _prepare, _write_off, _WRITABLE, LIMIT, fits=_is_not_posted),
        Kind(ACCEPT, ask, decide, _prepare, _accept, frozenset(_OF), LIMIT),
        # Who counted says why; whoever leads them decides.
        Kind(ACCEPT_TILL, explain, ask, _till, _nothing_more, frozenset({_TILL_DIFFERENCE}), LIMIT),
        Kind(ACCEPT_TERMINAL, explain, ask, _terminal, _vouch, differs, LIMIT),
    ]


def _is_not_posted(evidence: Mapping[str, Any]) -> bool:
    """Whether a difference is of what only a write-off would post: of a dispute the bill posted it already."""
    return evidence.get("line") != "dispute"


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises NotFound `difference_unknown`; Conflict `settled_meanwhile`, or `difference_posted` for a write-off of
    what a bank took or gave back: the ledger has it from the bill (`posting`).
    """
    row = await _difference(connection, wish.item_id or "")
    if wish.kind == WRITE_OFF and row.kind == "dispute":
        raise Conflict("difference_posted")
    return {
        "method": row.method,
        "day": row.day.isoformat(),
        "reference": row.reference,
        "ours": _said(row.ours_minor, row.ours_currency),
        "theirs": _said(row.theirs_minor, row.theirs_currency),
        "amount_minor": abs(row.more_there_minor),
        "currency": row.currency,
    }


async def _write_off(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    row = await _unchanged(transaction.connection, approval)
    more = row.more_there_minor
    await _decided(transaction, row, approval, written_off=more)
    if more:
        way = party_of(row.method).way(WRITE_OFFS, more=more > 0)
        await _post(transaction.connection, [_transfer(approval.id, way, row, abs(more))], transaction.now)
    return {"method": row.method, "amount_minor": more, "currency": row.currency}


async def _accept(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    row = await _unchanged(transaction.connection, approval)
    await _decided(transaction, row, approval, written_off=0)
    return {"method": row.method}


async def _till(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """What was counted is in the ledger since the count; that it is so is accepted here, by others than who kept the
    till and who counted it.
    """
    said = (await _open_item(connection, wish.item_id or "")).evidence
    return {name: said[name] for name in ("till", "expected_minor", "counted_minor", "currency")} | {
        "amount_minor": said["difference_minor"],
        CONCERNED: sorted({str(said[name]) for name in ("kept_by", "counted_by") if said.get(name)}),
    }


async def _nothing_more(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:  # noqa: ARG001 - an Execute
    return {}


async def _terminal(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """That the slips stand though the total is another is accepted here, by others than who entered them or it."""
    item = await _open_item(connection, wish.item_id or "")
    said, terminal = item.evidence, str(item.evidence["terminal"])
    concerned = await charges.entered_by(connection, terminal=terminal, batch=item.subject)
    return {name: said[name] for name in ("terminal", "expected_minor", "counted_minor", "currency")} | {
        "amount_minor": said["difference_minor"],
        CONCERNED: sorted({*concerned, str(said["counted_by"])}),
    }


async def _vouch(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    batch = (await _open_item(transaction.connection, approval.item_id or "")).subject
    await charges.vouch(transaction.connection, terminal=approval.facts["terminal"], batch=batch)
    return {}


async def take_back(connection: Connection, day: Day, now: datetime) -> int:
    """Post back what was written off of differences of a day that are gone, or are others now; how many.

    In the caller's transaction, which nobody else has for this day.
    """
    async with connection.cursor(row_factory=args_row(_Row)) as cursor:
        await cursor.execute(_GONE, {"method": day.method, "day": day.day})
        gone = await cursor.fetchall()
    transfers = []
    for row in gone:
        answer = await (await connection.execute(_TAKEN_BACK, row.key)).fetchone()
        times = answer[0] if answer else 0
        way = party_of(row.method).way(WRITE_OFFS, more=row.written_off < 0)
        name = f"{row.method}:{row.day}:{row.cls}:{row.kind}:{row.our_id}:{row.reference}:{row.nth}:back:{times}"
        transfers.append(_transfer(name, way, row, abs(row.written_off)))
    await _post(connection, transfers, now)
    return len(transfers)


async def _difference(connection: Connection, item_id: str, *, lock: bool = False) -> _Row:
    """The difference an item is about. Raises NotFound `difference_unknown`; Conflict `settled_meanwhile`, where it is
    gone or decided.
    """
    item = await _open_item(connection, item_id)
    said = {name: str(item.evidence.get(name) or "") for name in ("method", "day", "line", "number", "reference")}
    cls = _OF.get(item.kind)
    if cls is None:
        raise NotFound("difference_unknown")
    statement, place = _FIND, (
        said["method"], said["day"], cls.value, said["line"], said["number"], said["reference"],
        item.evidence.get("nth") or 1,
    )  # fmt: skip
    if not said["day"]:
        number = str(item.evidence.get("payment") or "")
        statement, place = _UNKNOWN_LINE, (said["method"], number, said["reference"])  # type: ignore[assignment]  # another statement's
    async with connection.cursor(row_factory=args_row(_Row)) as cursor:
        await cursor.execute(statement + (" FOR UPDATE" if lock else ""), place)
        row = await cursor.fetchone()
    if row is None:
        raise NotFound("difference_unknown")
    if row.resolved_at is not None or row.decided_at is not None:
        raise Conflict("settled_meanwhile")
    return row


async def _open_item(connection: Connection, item_id: str) -> queries.Item:
    found = await queries.item(connection, lane_of(item_id), item_id) if is_id("work", item_id) else None
    if found is None:
        raise NotFound("work_item_unknown")
    return found


async def _unchanged(connection: Connection, approval: Approval) -> _Row:
    """The difference, locked, while it is what both looked at; raises Conflict `settled_meanwhile`."""
    row = await _difference(connection, approval.item_id or "", lock=True)
    now = (_said(row.ours_minor, row.ours_currency), _said(row.theirs_minor, row.theirs_currency))
    if now != (approval.facts["ours"], approval.facts["theirs"]):
        raise Conflict("settled_meanwhile")
    return row


async def _decided(transaction: Transaction, row: _Row, approval: Approval, *, written_off: int) -> None:
    said = {"now": transaction.now, "decision": approval.id, "written_off": written_off, "currency": row.currency}
    await transaction.connection.execute(_DECIDED, row.key | said)


def _transfer(name: str, way: tuple[str, str], row: _Row, amount: int) -> Transfer:
    return moved(
        way,
        lane=LANE,
        key=f"write_off:{name}",
        currency=row.written_off_in or row.currency,
        amount=amount,
        purpose="write_off",
        reference=f"bill:{row.method}:{row.day}",
    )


async def _post(connection: Connection, transfers: list[Transfer], now: datetime) -> None:
    for answer in await post(connection, transfers, now):
        if isinstance(answer, PostingRefused):
            raise answer


def _said(minor: int | None, currency: str | None) -> str | None:
    return None if minor is None or currency is None else f"{Money(minor, currency).to_major()} {currency}"
