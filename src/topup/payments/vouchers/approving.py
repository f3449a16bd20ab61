"""A batch of vouchers is money that is printed: one asks for it, another decides, and only then can it be made."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import is_id, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.payments.vouchers import operations
from topup.payments.vouchers.operations import Wanted, end_of_day
from topup.payments.vouchers.queries import state_of
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish

VOUCHER_BATCH: Final = "voucher_batch"
LIMIT: Final = "voucher"
"""Its row in the table of what one may decide alone. Without one it always takes two."""
FIELDS: Final = ("face", "currency", "count", "until", "carrier")
"""What whoever asks says: the face in major units, the last day as `2027-12-31`, a carrier's id or nothing."""


def asking_for(said: Mapping[str, str], *, reason: str, form: str = "", batch_id: str = "") -> Wish:
    """The request for a batch, `said` by FIELDS. It has its id already: a form's own, so that one sent twice is one.

    Raises Invalid `request_malformed`.
    """
    if batch_id and not is_id("batch", batch_id):
        raise Invalid("request_malformed")
    facts = {name: said.get(name, "").strip() for name in FIELDS}
    return Wish(VOUCHER_BATCH, batch_id or new_id("batch", 0), facts, reason, form=form)


def kind() -> Kind:
    """What can be asked for: the subject is the id that the batch will have."""
    request, approve = Permission.REQUEST_VOUCHERS.value, Permission.APPROVE_VOUCHERS.value
    return Kind(VOUCHER_BATCH, request, approve, _prepare, _execute, limit=LIMIT)


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:
    """The facts: `amount_minor` is that of all of them together.

    Raises Invalid `amount_unreadable`, `day_unreadable`, those of `operations.check` and `_check_serves`; Conflict
    `voucher_batch_stands`.
    """
    if (there := await state_of(connection, wish.subject)) is not None:
        raise Conflict("voucher_batch_stands", status=there.value)
    said = wish.facts
    face, carrier_id = _face(said["face"], said["currency"].upper()), said["carrier"] or None
    count = int(said["count"]) if said["count"].isascii() and said["count"].isdigit() else 0
    day = _day(said["until"])
    operations.check(Wanted(face, count, end_of_day(day), "", carrier_id), now)
    _check_serves(await Snapshot.load(connection), carrier_id, face.currency)
    return {
        "amount_minor": face.amount_minor * count,
        "currency": face.currency,
        "face_minor": face.amount_minor,
        "count": count,
        "last_day": day.isoformat(),
    } | ({"carrier": carrier_id} if carrier_id else {})


async def _execute(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    """The batch may be made from now on. Raises Invalid `voucher_until`, where its time is over meanwhile."""
    facts = approval.facts
    wanted = Wanted(
        Money(int(facts["face_minor"]), str(facts["currency"])),
        int(facts["count"]),
        end_of_day(date.fromisoformat(str(facts["last_day"]))),
        approval.requested_by,
        facts.get("carrier"),
        kind="batch",
    )
    await operations.approve(
        transaction.connection, wanted, batch_id=approval.subject, approval_id=approval.id, now=transaction.now
    )
    return {"batch": approval.subject}


def _check_serves(published: Snapshot, carrier_id: str | None, currency: str) -> None:
    """Whether somebody can top up with it: a carrier's lines have credit in its own currency only.

    Raises Invalid `voucher_carrier_unknown`, `voucher_currency_unknown`, `voucher_currency_differs`.
    """
    if carrier_id is None:
        known = sorted({one.currency for one in published.carriers()})
        if currency not in known:
            raise Invalid("voucher_currency_unknown", currency=currency, known=known)
        return
    carrier = published.carrier(carrier_id)
    if carrier is None:
        raise Invalid("voucher_carrier_unknown", carrier=carrier_id)
    if currency != carrier.currency:
        raise Invalid("voucher_currency_differs", carrier=carrier_id, currency=carrier.currency)


def _face(text: str, currency: str) -> Money:
    try:
        return Money.from_major(text, currency)
    except InvalidMoney as error:
        raise Invalid("amount_unreadable", currency=currency) from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("day_unreadable") from error
