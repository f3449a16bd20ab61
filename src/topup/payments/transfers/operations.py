"""Writing down bank transfers: references, entries of statements, decisions, and what was sent back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import PaymentId, RefundId, lane_for, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.queries import payments, still_open
from topup.payments.transfers.codes import found_in, grouped, new_code
from topup.payments.transfers.entries import Entry
from topup.payments.transfers.matching import Match, Verdict, match
from topup.payments.transfers.queries import Given, StoredEntry, entry_of, expected, given_to, of_amounts, return_of
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.work.operations import Decision, close_for_person, list_anew, list_for_person

METHOD: Final = "bank_transfer"
SEND_BACK: Final = "transfer_send_back"
"""The kind of what a person is to send back."""
DIFFERS: Final = "transfer_entry_differs"
"""The kind of an entry that the bank sent once more with other words."""
_CANDIDATES: Final = 5
_TRIES: Final = 20
_NOT_FOR_A_PERSON: Final = frozenset({Verdict.MATCHED, Verdict.OUTGOING, Verdict.BY_PERSON, Verdict.TO_SENDER})

_INSERT: Final = """
INSERT INTO payments.bank_entries (lane, id, account, bank_reference, fingerprint, amount_minor, currency, incoming,
    returned, booked_on, booked_at, codes, sealed, state, verdict, payment_lane, payment_id, matched_by, imported_at)
SELECT u.lane, u.id, u.account, u.bank_reference, u.fingerprint, u.amount_minor, u.currency, u.incoming, u.returned,
    u.booked_on, u.booked_at, string_to_array(u.codes, ' '), u.sealed, u.state, u.verdict, u.payment_lane, u.payment_id,
    CASE WHEN u.payment_id IS NOT NULL THEN 'import' END, %s
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bigint[], %b::text[], %b::boolean[],
    %b::boolean[], %b::date[], %b::timestamptz[], %b::text[], %b::bytea[], %b::text[], %b::text[], %b::smallint[],
    %b::text[])
    AS u (lane, id, account, bank_reference, fingerprint, amount_minor, currency, incoming, returned, booked_on,
    booked_at, codes, sealed, state, verdict, payment_lane, payment_id)
ORDER BY u.lane, u.account, u.bank_reference
ON CONFLICT (lane, account, bank_reference) DO NOTHING RETURNING id
"""
_OTHER_WORDS: Final = """
SELECT e.lane, e.id FROM payments.bank_entries e JOIN unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[])
    AS u (lane, account, bank_reference, fingerprint)
    ON e.lane = u.lane AND e.account = u.account AND e.bank_reference = u.bank_reference
WHERE e.fingerprint <> u.fingerprint
"""


class Sender(msgspec.Struct, frozen=True):
    """What is sealed of an entry."""

    payer: str
    payer_account: str
    text: str


@dataclass(slots=True)
class Imported:
    """What became of entries: how many there were, were new, and of each Verdict."""

    seen: int = 0
    new: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    differ: int = 0

    def add(self, other: "Imported") -> None:
        """Count another portion in."""
        self.seen += other.seen
        self.new += other.new
        self.differ += other.differ
        for verdict, number in other.verdicts.items():
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + number


async def give_reference(
    connection: Connection, *, payment_id: PaymentId, amount: Money, expires_at: datetime, now: datetime
) -> Given:
    """The reference of a payment: the one it has, or a new one."""
    for _ in range(_TRIES):
        earlier = await given_to(connection, payment_id)
        if earlier is not None:
            return earlier
        lane = lane_of(payment_id)
        await connection.execute(
            "INSERT INTO payments.transfer_codes"
            " (lane, code, payment_id, amount_minor, currency, expires_at, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (lane, new_code(lane), payment_id, amount.amount_minor, amount.currency, expires_at, now),
        )
    raise RuntimeError("no reference is free in this lane")


async def take_in(
    connection: Connection,
    entries: Sequence[Entry],
    now: datetime,
    *,
    keys: KeyRing,
    lanes: int,
    zone: ZoneInfo,
) -> Imported:
    """Write entries down that are new, each matched or listed for a person; those that are there change nothing.

    One whose reference is known with other words is listed as `transfer_entry_differs`, and is not taken in.
    """
    once = {(entry.account, entry.bank_reference): entry for entry in reversed(entries)}
    chosen = list(once.values())
    codes = {id(entry): found_in(entry.text) if entry.incoming or entry.returned else [] for entry in chosen}
    known = await expected(connection, sorted({code for found in codes.values() for code in found}))
    matches = {id(entry): match(entry, [known[code] for code in codes[id(entry)] if code in known]) for entry in chosen}
    rows = [_row(entry, codes[id(entry)], matches[id(entry)], keys=keys, lanes=lanes, zone=zone) for entry in chosen]
    cursor = await connection.execute(_INSERT, (now, *columns(rows)))
    new = {identifier for (identifier,) in await cursor.fetchall()}
    fresh = [(row[1], entry) for row, entry in zip(rows, chosen, strict=True) if row[1] in new]
    left_out = [row for row in rows if row[1] not in new]
    differ = await _list_differing(connection, left_out, now)
    await _list(connection, fresh, matches, now)
    verdicts: dict[str, int] = {}
    for _, entry in fresh:
        verdict = matches[id(entry)].verdict.value
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    return Imported(len(entries), len(new), verdicts, differ)


def _row(
    entry: Entry, codes: Sequence[str], found: Match, *, keys: KeyRing, lanes: int, zone: ZoneInfo
) -> tuple[object, ...]:
    lane = lane_for(f"{entry.account} {entry.bank_reference}", lanes)
    identifier = new_id("entry", lane)
    state = {Verdict.MATCHED: "matched", Verdict.OUTGOING: "aside"}.get(found.verdict, "open")
    return (
        lane,
        identifier,
        entry.account,
        entry.bank_reference,
        entry.fingerprint,
        entry.amount.amount_minor,
        entry.amount.currency,
        entry.incoming,
        entry.returned,
        entry.booked_on,
        entry.at(zone),
        " ".join(codes),
        seal(keys, identifier, Sender(entry.payer, entry.payer_account, entry.text)),
        state,
        found.verdict.value,
        lane_of(found.payment_id) if found.payment_id else None,
        found.payment_id,
    )


def seal(keys: KeyRing, entry_id: str, sender: Sender) -> bytes:
    """What is personal of an entry, sealed for it alone."""
    return keys.seal(msgspec.json.encode(sender), entry_id)


def unseal(keys: KeyRing, entry: StoredEntry) -> Sender:
    """Who sent an entry, from where, with which words; raises CannotOpen."""
    return msgspec.json.decode(keys.unseal(bytes(entry.sealed), entry.id), type=Sender)


async def _list_differing(connection: Connection, rows: Sequence[tuple[object, ...]], now: datetime) -> int:
    if not rows:
        return 0
    # Lane, account, the bank's reference, fingerprint.
    cursor = await connection.execute(_OTHER_WORDS, columns((row[0], row[2], row[3], row[4]) for row in rows))
    found = await cursor.fetchall()
    decisions = [Decision(lane, DIFFERS, entry_id, {"entry": entry_id}) for lane, entry_id in found]
    await list_for_person(connection, decisions, now)
    return len(found)


async def _list(
    connection: Connection, fresh: Sequence[tuple[object, Entry]], matches: dict[int, Match], now: datetime
) -> None:
    """List what a person decides, with the payments that it might be for."""
    undecided = [(str(name), entry, matches[id(entry)]) for name, entry in fresh]
    undecided = [one for one in undecided if one[2].verdict not in _NOT_FOR_A_PERSON]
    lost = [entry.amount for _, entry, found in undecided if found.verdict is Verdict.NO_REFERENCE]
    by_amount = await of_amounts(connection, lost, most=_CANDIDATES)
    decisions = []
    for name, entry, found in undecided:
        guesses = found.candidates
        if found.verdict is Verdict.NO_REFERENCE:
            guesses = tuple(by_amount.get((entry.amount.amount_minor, entry.amount.currency), ()))  # type: ignore[arg-type]  # ids as stored
        evidence = {
            "entry": name,
            "amount_minor": entry.amount.amount_minor,
            "currency": entry.amount.currency,
            "booked_on": entry.booked_on.isoformat(),
            "incoming": entry.incoming,
            "candidates": list(guesses),
        }
        decisions.append(Decision(lane_of(name), kind_of(found.verdict), name, evidence))
    await list_for_person(connection, decisions, now)


def kind_of(verdict: Verdict) -> str:
    """What an entry is called on the list of what a person decides."""
    return f"transfer_{verdict.value}"


async def decide(
    connection: Connection, *, entry_id: str, payment_id: PaymentId, by: str, now: datetime
) -> StoredEntry:
    """Note that an open entry belongs to a payment, as a person says.

    Raises NotFound entry_unknown, payment_unknown; Conflict entry_decided (it belongs to another one, or to none),
    entry_not_incoming, payment_not_by_transfer. The same decision again changes nothing.
    """
    entry = await entry_of(connection, entry_id, lock=True)
    if entry is None:
        raise NotFound("entry_unknown")
    payment = (await payments(connection, [(lane_of(payment_id), payment_id)])).get(payment_id)
    if payment is None:
        raise NotFound("payment_unknown")
    if payment.method != METHOD:
        raise Conflict("payment_not_by_transfer", method=payment.method)
    if entry.payment_id == payment_id:
        return entry
    if not entry.incoming:
        raise Conflict("entry_not_incoming")
    if entry.state != "open":
        raise Conflict("entry_decided", payment=entry.payment_id or "")
    await connection.execute(
        "UPDATE payments.bank_entries SET state = 'matched', verdict = %s, payment_lane = %s, payment_id = %s,"
        " matched_by = %s WHERE lane = %s AND id = %s AND state = 'open'",
        (Verdict.BY_PERSON.value, payment.lane, payment_id, by, entry.lane, entry.id),
    )
    await close_for_person(connection, [(entry.lane, kind_of(entry.verdict), entry.id)], now)
    return entry


async def set_aside_to_return(connection: Connection, *, entry_id: str, by: str, now: datetime) -> None:
    """Note that an open entry belongs to no payment and goes back to its sender, and have a person send it.

    Raises NotFound entry_unknown, Conflict entry_decided.
    """
    entry = await entry_of(connection, entry_id, lock=True)
    if entry is None:
        raise NotFound("entry_unknown")
    if entry.state != "open":
        raise Conflict("entry_decided", payment=entry.payment_id or "")
    await connection.execute(
        "UPDATE payments.bank_entries SET state = 'aside', verdict = %s, matched_by = %s"
        " WHERE lane = %s AND id = %s AND state = 'open'",
        (Verdict.TO_SENDER.value, by, entry.lane, entry.id),
    )
    evidence = {"entry": entry.id, "amount_minor": entry.amount_minor, "currency": entry.currency}
    await list_for_person(connection, [Decision(entry.lane, SEND_BACK, entry.id, evidence)], now)
    await close_for_person(connection, [(entry.lane, kind_of(entry.verdict), entry.id)], now)


async def told(connection: Connection, entries: Sequence[StoredEntry]) -> None:
    """Note that the payments of these entries have been told of them."""
    if entries:
        await connection.execute(
            "UPDATE payments.bank_entries e SET state = 'settled'"
            " FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)"
            " WHERE e.lane = u.lane AND e.id = u.id AND e.state = 'matched'",
            columns((entry.lane, entry.id) for entry in entries),
        )


async def stuck(connection: Connection, entries: Sequence[tuple[StoredEntry, str]], now: datetime) -> None:
    """Have a person look at entries whose payments could not be told of them, each with what stood in the way: they
    are matched with nothing until somebody decides anew, as often as that takes.
    """
    if not entries:
        return
    await connection.execute(
        "UPDATE payments.bank_entries e SET state = 'open', verdict = %s, payment_lane = NULL, payment_id = NULL"
        " FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)"
        " WHERE e.lane = u.lane AND e.id = u.id AND e.state = 'matched'",
        (Verdict.STUCK.value, *columns((entry.lane, entry.id) for entry, _ in entries)),
    )
    decisions = [
        Decision(
            entry.lane,
            kind_of(Verdict.STUCK),
            entry.id,
            {
                "entry": entry.id,
                "amount_minor": entry.amount_minor,
                "currency": entry.currency,
                "booked_on": entry.booked_on.isoformat(),
                "candidates": [entry.payment_id],
                "reason": reason,
            },
        )
        for entry, reason in entries
    ]
    await list_anew(connection, decisions, now)


async def ask_to_send_back(
    connection: Connection, *, refund_id: RefundId, payment_id: PaymentId, entry_id: str, amount: Money, now: datetime
) -> None:
    """Have a person send money back by bank, to whoever sent the entry; once for its number."""
    lane = lane_of(refund_id)
    await connection.execute(
        "INSERT INTO payments.transfer_returns"
        " (lane, refund_id, payment_id, entry_id, amount_minor, currency, requested_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (lane, refund_id, payment_id, entry_id, amount.amount_minor, amount.currency, now),
    )
    evidence = {
        "payment": payment_id,
        "entry": entry_id,
        "amount_minor": amount.amount_minor,
        "currency": amount.currency,
    }
    await list_for_person(connection, [Decision(lane, SEND_BACK, refund_id, evidence)], now)


async def sent_back(connection: Connection, *, refund_id: RefundId, bank_reference: str, by: str, now: datetime) -> str:
    """Note that it was sent, under the bank's reference; gives the one that stands.

    Raises NotFound refund_unknown, Conflict return_sent (under another reference), refund_settled (otherwise).
    """
    found = await return_of(connection, refund_id, lock=True)
    if found is None:
        raise NotFound("refund_unknown")
    if found.bank_reference is not None and found.bank_reference != bank_reference:
        raise Conflict("return_sent", reference=found.bank_reference)
    if found.bank_reference is None:
        await still_open(connection, refund_id)
        await connection.execute(
            "UPDATE payments.transfer_returns SET sent_at = %s, bank_reference = %s, sent_by = %s"
            " WHERE lane = %s AND refund_id = %s",
            (now, bank_reference, by, found.lane, refund_id),
        )
        await close_for_person(connection, [(found.lane, SEND_BACK, refund_id)], now)
    return bank_reference


def shown(code: str) -> str:
    """A reference as it is shown."""
    return grouped(code)
