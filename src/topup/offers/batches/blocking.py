"""A batch of codes, or one of them, blocked at once by one person, with a reason."""

from typing import Final

from topup.offers.batches import operations
from topup.offers.batches.queries import Batch, batch_of
from topup.offers.batches.states import BatchState
from topup.offers.counting import CampaignKey
from topup.offers.facts import normalised
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work import trail
from topup.work.approvals import checked_reason

_SHOWN: Final = 4
"""Letters of a code's end that the trail tells."""
_LONGEST: Final = 64


async def block_batch(database: Database, *, batch_id: str, reason: str, by: str, lanes: int) -> Batch:
    """Block a batch, for ever. Raises those of `operations.block`, Invalid `approval_reason_missing`,
    `approval_reason_too_long`.
    """
    why = checked_reason(reason)
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        before = await batch_of(connection, batch_id)
        batch = await operations.block(connection, batch_id, reason=why, now=now, lanes=lanes)
        facts = {
            "carrier": batch.campaign.carrier_id,
            "campaign": batch.campaign.campaign_id,
            "count": batch.count,
            "reason": why,
            **trail.change({"state": before.state.value}, {"state": batch.state.value}),
        }
        await trail.write(connection, actor=by, action="offer.codes_blocked", subject=batch.id, facts=facts, now=now)
    return batch


async def block_code(
    database: Database, keys: KeyRing, campaign: CampaignKey, *, text: str, reason: str, by: str, lanes: int
) -> str:
    """Block one code of a campaign, for ever; gives its batch's id. The trail tells its end alone.

    Raises those of `operations.block_code`, Invalid `approval_reason_missing`, `approval_reason_too_long`.
    """
    why, code = checked_reason(reason), normalised(text)[:_LONGEST]
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        batch_id = await operations.block_code(connection, campaign, keys.marks(code), reason=why, now=now, lanes=lanes)
        facts = {
            "carrier": campaign.carrier_id,
            "campaign": campaign.campaign_id,
            "ends_with": code[-_SHOWN:],
            "reason": why,
            **trail.change({"state": BatchState.MADE.value}, {"state": BatchState.BLOCKED.value}),
        }
        await trail.write(connection, actor=by, action="offer.code_blocked", subject=batch_id, facts=facts, now=now)
    return batch_id
