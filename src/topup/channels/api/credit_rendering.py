"""From shares, adjustments and a line's books to JSON."""

from datetime import UTC, datetime

from topup.channels.api import credit_shapes as shapes
from topup.channels.api.shapes import Carrier, Money, SignedMoney
from topup.charging import adjustments, line_books
from topup.charging.sharing import desk as sharing
from topup.charging.sharing import history as sharing_history
from topup.kernel.money import Money as Amount
from topup.ledger.addressed import BucketRow, HoldRow
from topup.ledger.queries import TransferRow
from topup.orders.accounts import why_of
from topup.orders.wording import amount_words, why_words
from topup.platform.i18n import has_text, language_tag
from topup.work.approvals import Approval


def buckets(view: line_books.BucketsView, locale: str) -> shapes.LineBuckets:
    """What a line has and has promised."""
    of = view.of
    names = {language_tag(language): name for language, name in of.carrier.document.names.items()}
    return shapes.LineBuckets(
        number=of.msisdn.e164,
        line_id=of.line.ref.id,
        carrier=Carrier(of.carrier.carrier_id, names),
        zone=of.zone,
        buckets=[bucket(BucketRow(found, None), view.now, locale) for found in view.buckets],
        holds=[hold(found, locale) for found in view.holds],
    )


def transfers(view: line_books.TransfersView, locale: str) -> shapes.LineTransfers:
    """A page of what moved."""
    return shapes.LineTransfers(
        number=view.of.msisdn.e164,
        line_id=view.of.line.ref.id,
        zone=view.of.zone,
        transfers=[transfer(found, locale) for found in view.transfers],
        before=view.before,
    )


def share(view: sharing.ShareView) -> shapes.Share:
    """A share with its way so far."""
    found = view.share
    return shapes.Share(
        id=found.id,
        status=found.state.value,
        reason=found.reason,
        sender=found.sender_msisdn,
        receiver=found.receiver_msisdn,
        amount=_money(found.amount),
        fee=_money(found.fee),
        total=_money(found.total),
        usable_until=_utc(found.usable_until) if found.usable_until else None,
        zone=view.zone,
        timeline=[shapes.ShareStep(step.state, _utc(step.at), step.cause) for step in view.steps],
        created_at=_utc(found.created_at),
        updated_at=_utc(found.state_since),
        final=view.final,
    )


def shares(view: sharing_history.SharesView) -> shapes.LineShares:
    """A page of what a line sent and was sent."""
    return shapes.LineShares(
        number=view.msisdn.e164,
        line_id=view.line.id,
        shares=[share(found) for found in view.shares],
        before=view.before,
    )


def adjustment(found: adjustments.Adjustment) -> shapes.Adjustment:
    """An adjustment."""
    return shapes.Adjustment(
        id=found.id,
        status=found.state.value,
        refusal=found.refusal,
        number=found.msisdn,
        line_id=found.line_id,
        amount=SignedMoney(found.amount_minor, found.currency),
        reason=found.reason.value,
        note=found.note,
        made_by=found.made_by,
        created_at=_utc(found.created_at),
        updated_at=_utc(found.state_since),
    )


def adjustment_request(asked: Approval) -> shapes.AdjustmentRequest:
    """An adjustment that was asked for."""
    facts, outcome = asked.facts, asked.outcome or {}
    return shapes.AdjustmentRequest(
        id=asked.id,
        status=asked.state.value,
        line_id=asked.subject,
        amount=SignedMoney(facts["amount_minor"], facts["currency"]),
        reason=facts["why"],
        note=asked.reason,
        asked_by=asked.requested_by,
        created_at=_utc(asked.requested_at),
        expires_at=_utc(asked.expires_at),
        adjustment=outcome.get("adjustment"),
    )


def bucket(found: BucketRow, now: datetime, locale: str) -> shapes.LedgerBucket:
    """A bucket, open or closed."""
    bucket = found.bucket
    rule = why_of(bucket.rule)
    said = why_words(rule, locale=locale) if has_text("catalogue", str(rule.get("id", ""))) else None
    return shapes.LedgerBucket(
        id=bucket.id,
        line_id=bucket.line_id,
        status="closed" if found.closed_at else "usable" if bucket.is_usable(now) else "ended",
        asset=bucket.asset,
        kind=bucket.kind,
        scope=bucket.scope,
        priority=bucket.priority,
        source=bucket.source,
        amount=bucket.balance,
        held=bucket.held,
        available=bucket.available,
        usable_until=_utc(bucket.usable_until) if bucket.usable_until else None,
        forfeit_at=_utc(bucket.forfeit_at) if bucket.forfeit_at else None,
        opened_at=_utc(bucket.opened_at),
        closed_at=_utc(found.closed_at) if found.closed_at else None,
        text=amount_words(bucket.asset, bucket.balance, locale=locale),
        why=said,
        rule=dict(rule),
    )


def hold(hold: HoldRow, locale: str) -> shapes.LineHold:
    """A hold, open or at its end."""
    return shapes.LineHold(
        id=hold.id,
        line_id=hold.line_id,
        status=hold.state,
        asset=hold.asset,
        amount=hold.amount,
        settled=hold.settled,
        purpose=hold.purpose,
        reference=hold.reference,
        created_at=_utc(hold.created_at),
        expires_at=_utc(hold.expires_at),
        closed_at=_utc(hold.closed_at) if hold.closed_at else None,
        text=amount_words(hold.asset, hold.amount, locale=locale),
    )


def transfer(transfer: TransferRow, locale: str) -> shapes.Transfer:
    """A transfer of a line."""
    takes, gives = (account.startswith("acc_") for account in (transfer.credit, transfer.debit))
    return shapes.Transfer(
        id=line_books.transfer_id(transfer),
        line_id=transfer.line_id or "",
        status="posted",
        direction="within" if takes and gives else "in" if takes else "out",
        asset=transfer.asset,
        amount=transfer.amount,
        debit=transfer.debit,
        credit=transfer.credit,
        purpose=transfer.purpose,
        reference=transfer.reference,
        usable_until=_utc(transfer.usable_until) if transfer.usable_until else None,
        created_at=_utc(transfer.created_at),
        text=amount_words(transfer.asset, transfer.amount, locale=locale),
    )


def _money(amount: Amount) -> Money:
    return Money(amount.amount_minor, amount.currency)


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
