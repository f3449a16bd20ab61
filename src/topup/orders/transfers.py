"""Bank statements: taken in, and what they say of payments told; and what people decide where that is not certain.

An entry is written down with its payment in one commit; the payment is told after that. Whoever dies in between has
left an entry `matched`, and the sweep tells it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

import structlog

from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from topup.kernel.ids import InvalidId, PaymentId, RefundId, check_id
from topup.kernel.outcome import Done
from topup.orders.outside import Ears
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Told
from topup.payments.methods.bank_transfer import BankTransfer
from topup.payments.ports import Gateway
from topup.payments.transfers import operations as transfers
from topup.payments.transfers.bank_csv import read_csv
from topup.payments.transfers.camt import read_camt
from topup.payments.transfers.entries import Entry, each_with_reference
from topup.payments.transfers.operations import METHOD, Imported, Sender
from topup.payments.transfers.queries import StoredEntry, entries_to_tell, entry_of, return_of
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work import trail

_PORTION: Final = 500
"""Entries that are taken in by one transaction."""

_BEFORE_IMPORT = crash_label("transfers.import.before_commit")
_AFTER_IMPORT = crash_label("transfers.import.after_commit")
_BEFORE_TOLD = crash_label("transfers.told.before_commit")
_AFTER_TOLD = crash_label("transfers.told.after_commit")
_BEFORE_DECISION = crash_label("transfers.decide.before_commit")
_AFTER_DECISION = crash_label("transfers.decide.after_commit")
_BEFORE_SENT = crash_label("transfers.sent_back.before_commit")
_AFTER_SENT = crash_label("transfers.sent_back.after_commit")

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry for who may decide about it: with who sent it, and the words."""

    entry: StoredEntry
    sender: Sender


class Transfers:
    """The bank transfers of this installation."""

    def __init__(
        self, *, database: Database, keys: KeyRing, lanes: int, gateways: Mapping[str, Gateway], ears: Ears
    ) -> None:
        self._database = database
        self._keys = keys
        self._lanes = lanes
        self._gateways = gateways
        self._ears = ears

    async def import_statement(
        self, stream: BinaryIO, *, is_csv: bool, progress: Callable[[Imported], None] = lambda _: None
    ) -> Imported:
        """Take a statement in: CAMT.053, or the bank's CSV. Importing it again changes nothing.

        Raises StatementUnreadable; what stands before the place that cannot be read is taken in. Raises NotFound
        method_unknown where no bank transfers are set up, and Conflict statement_of_other_account.
        """
        gateway = self._gateway()
        total = Imported()
        for portion in _portions(_checked(_read(stream, gateway, is_csv=is_csv), gateway)):
            if isinstance(portion, Problem):
                raise portion
            async with self._database.transaction() as transaction:
                found = await transfers.take_in(
                    transaction.connection,
                    portion,
                    transaction.now,
                    keys=self._keys,
                    lanes=self._lanes,
                    zone=gateway.settings.time_zone,
                )
                crash_point(_BEFORE_IMPORT)
            crash_point(_AFTER_IMPORT)
            total.add(found)
            await self.tell_all()
            progress(total)
        return total

    async def sweep(self, limit: int = _PORTION) -> int:
        """Tell payments of entries that a process wrote down and did not tell; how many. What cannot be told is listed
        for a person, and the others go on.
        """
        async with self._database.read() as transaction:
            waiting = await entries_to_tell(transaction.connection, limit)
        heard = await asyncio.gather(*(self._tell(entry, created_at) for entry, created_at in waiting))
        known = [(entry, obstacle) for (entry, _), obstacle in zip(waiting, heard, strict=True) if obstacle is not None]
        if not known:
            return 0
        async with self._database.transaction() as transaction:
            await transfers.told(transaction.connection, [entry for entry, obstacle in known if not obstacle])
            stuck = [(entry, obstacle) for entry, obstacle in known if obstacle]
            await transfers.stuck(transaction.connection, stuck, transaction.now)
            crash_point(_BEFORE_TOLD)
        crash_point(_AFTER_TOLD)
        return len(known)

    async def entry(self, *, entry_id: str) -> EntryView:
        """An entry with all that is known of it; raises NotFound entry_unknown."""
        async with self._database.read() as transaction:
            found = await entry_of(transaction.connection, _checked_id("entry", entry_id))
        if found is None:
            raise NotFound("entry_unknown")
        return EntryView(found, transfers.unseal(self._keys, found))

    async def match(self, *, entry_id: str, payment_id: str, by: str) -> None:
        """Decide that an entry belongs to a payment: the same amount pays it, another goes back; it is in the trail.
        Raises those of `transfers.operations.decide`.
        """
        about = PaymentId(_checked_id("payment", payment_id))
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            entry = await transfers.decide(
                connection, entry_id=_checked_id("entry", entry_id), payment_id=about, by=by, now=now
            )
            if entry.payment_id is None:
                facts = {"payment": about, **trail.change(None, {"payment": about})}
                await trail.write(
                    connection, actor=by, action="transfer.matched", subject=entry.id, facts=facts, now=now
                )
            crash_point(_BEFORE_DECISION)
        crash_point(_AFTER_DECISION)
        await self.tell_all()

    async def sent_back(self, *, refund_id: str, bank_reference: str, by: str) -> None:
        """Note that money was sent back by bank, under the bank's reference; it is in the trail. Raises NotFound
        refund_unknown, Conflict return_sent.
        """
        about = RefundId(_checked_id("refund", refund_id))
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = await return_of(connection, about, lock=True)
            reference = await transfers.sent_back(
                connection, refund_id=about, bank_reference=bank_reference, by=by, now=now
            )
            if before is not None and before.bank_reference is None:
                facts = {"reference": reference, **trail.change({"state": "waiting"}, {"state": "sent_back"})}
                await trail.write(
                    connection, actor=by, action="transfer.sent_back", subject=about, facts=facts, now=now
                )
            crash_point(_BEFORE_SENT)
        crash_point(_AFTER_SENT)
        # Where this is not heard, the next question about the refund hears it.
        await self.hear_sent(about, reference)

    async def hear_sent(self, refund_id: RefundId, bank_reference: str) -> None:
        """Have the refund know that its money was sent."""
        await self._ears.refund(RefundHeard(refund_id, Done(bank_reference), METHOD))

    def _gateway(self) -> BankTransfer:
        gateway = self._gateways.get(METHOD)
        if not isinstance(gateway, BankTransfer):
            raise NotFound("method_unknown")
        return gateway

    async def tell_all(self) -> None:
        """Tell all payments of entries that were matched and not told."""
        while await self.sweep():
            pass

    async def _tell(self, entry: StoredEntry, created_at: datetime) -> str | None:
        """What stood in the way of telling its payment: nothing (""), or why; None where it is to be told later."""
        try:
            await self._ears.payment(Told(entry.fact(created_at), METHOD))
        except Unavailable:
            return None
        except Problem as problem:
            _log.warning("entry_not_told", entry=entry.id, code=problem.code)
            return problem.code
        except Exception as error:  # noqa: BLE001 - one that cannot be settled must not stop the others; a person looks
            _log.exception("entry_not_told", entry=entry.id)
            return type(error).__name__
        return ""


def _read(stream: BinaryIO, gateway: BankTransfer, *, is_csv: bool) -> Iterator[Entry]:
    if not is_csv:
        return read_camt(stream)
    of = gateway.settings
    if of.csv is None:
        raise Invalid("statement_columns_unknown")
    return read_csv(stream, of.csv, account=of.account, currency=of.currency)


def _checked(entries: Iterable[Entry], gateway: BankTransfer) -> Iterator[Entry]:
    """The entries, each with a reference; raises Conflict where they are of another account than payers are told."""
    for entry in each_with_reference(entries):
        if entry.account != gateway.settings.account:
            raise Conflict("statement_of_other_account", account=f"…{entry.account[-4:]}")
        yield entry


def _portions(entries: Iterator[Entry]) -> Iterator[Sequence[Entry] | Problem]:
    """The entries in portions, and the problem that ended them after what came before it."""
    portion: list[Entry] = []
    try:
        for entry in entries:
            portion.append(entry)
            if len(portion) == _PORTION:
                yield portion
                portion = []
    except Problem as problem:
        if portion:
            yield portion
        yield problem
        return
    if portion:
        yield portion


def _checked_id(kind: str, text: str) -> str:
    try:
        return check_id(kind, text)
    except InvalidId:
        raise NotFound(f"{kind}_unknown") from None
