"""Campaigns stopped at once by one person, and started again by two.

A stopped campaign gives nothing from then on, whatever its carrier's file says; what was held of it until then stays
promised. That it is stopped is a row in the campaign's own lane, so that whoever promises it waits for who stops it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import is_id, new_id
from topup.offers import operations, records
from topup.offers.counting import CampaignKey
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work import trail
from topup.work.approvals import Approval, Kind, Wish, checked_reason

RESUME: Final = "campaign_resume"
_RUNNING: Final = "not_stopped"
_STOPPED: Final = "stopped"

_SAY_WHY: Final = """
UPDATE offers.campaigns SET stop_id = %s, stopped_by = %s, stop_reason = %s
WHERE lane = %s AND carrier_id = %s AND campaign_id = %s
"""
_STOP: Final = """
SELECT stopped_at, stop_reason FROM offers.campaigns
WHERE lane = %s AND carrier_id = %s AND campaign_id = %s AND stop_id = %s
"""


def subject_of(campaign: CampaignKey) -> str:
    """What a campaign is called in the trail: `lakeside/spring-tiers`."""
    return f"{campaign.carrier_id}/{campaign.campaign_id}"


async def stop(
    connection: Connection, campaign: CampaignKey, *, reason: str, by: str, now: datetime, lanes: int
) -> None:
    """Promise nothing of it from now on. Raises NotFound `campaign_unknown`, Conflict `campaign_stopped`, Invalid
    `approval_reason_missing`, `approval_reason_too_long`.
    """
    why = checked_reason(reason)
    await _check_known(connection, campaign)
    if not await operations.stop(connection, campaign, now, lanes=lanes):
        raise Conflict("campaign_stopped")
    await _say_why(connection, campaign, new_id("stop", campaign.lane(lanes)), by, why, lanes=lanes)
    await _note(connection, "offer.stopped", campaign, by=by, now=now, before=_RUNNING, after=_STOPPED)


def asking_to_resume(campaign: CampaignKey, stop_id: str, *, reason: str, form: str = "") -> Wish:
    """The request that a campaign go on which that stop holds up: one that is stopped anew is asked for anew.

    Raises Conflict `campaign_not_stopped`.
    """
    if not is_id("stop", stop_id):
        raise Conflict("campaign_not_stopped")
    facts = {"carrier": campaign.carrier_id, "campaign": campaign.campaign_id}
    return Wish(RESUME, stop_id, facts, reason, form=form)


def kind(*, lanes: int) -> Kind:
    """What is asked for by who may stop, and decided by who may publish."""
    request, approve = Permission.STOP_OFFERS.value, Permission.APPROVE_CATALOGUE.value
    return Kind(RESUME, request, approve, partial(_prepare, lanes=lanes), partial(_execute, lanes=lanes))


async def _prepare(connection: Connection, wish: Wish, now: datetime, *, lanes: int) -> Mapping[str, Any]:  # noqa: ARG001 - a kind's
    """Raises NotFound `campaign_unknown`, Conflict `campaign_not_stopped`."""
    campaign = _campaign_of(wish.facts)
    await _check_known(connection, campaign)
    at, reason = await _standing(connection, campaign, wish.subject, lanes=lanes)
    return {**wish.facts, "stopped_at": at.isoformat(), "stop_reason": reason}


async def _execute(transaction: Transaction, approval: Approval, *, lanes: int) -> Mapping[str, Any]:
    """Raises Conflict `campaign_not_stopped`."""
    connection, campaign = transaction.connection, _campaign_of(approval.facts)
    await records.locked(connection, [campaign], lanes=lanes)
    await _standing(connection, campaign, approval.subject, lanes=lanes)
    await operations.resume(connection, campaign, lanes=lanes)
    await _say_why(connection, campaign, None, None, None, lanes=lanes)
    by, now = approval.requested_by, transaction.now
    await _note(connection, "offer.resumed", campaign, by=by, now=now, before=_STOPPED, after=_RUNNING)
    return {}


async def _standing(
    connection: Connection, campaign: CampaignKey, stop_id: str, *, lanes: int
) -> tuple[datetime, str | None]:
    """Since when that stop holds, and why. Raises Conflict `campaign_not_stopped` where it does not."""
    key = (campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id, stop_id)
    row = await (await connection.execute(_STOP, key)).fetchone()
    if row is None:
        raise Conflict("campaign_not_stopped")
    return row[0], row[1]


async def _say_why(
    connection: Connection,
    campaign: CampaignKey,
    stop_id: str | None,
    by: str | None,
    reason: str | None,
    *,
    lanes: int,
) -> None:
    key = (campaign.lane(lanes), campaign.carrier_id, campaign.campaign_id)
    await connection.execute(_SAY_WHY, (stop_id, by, reason, *key))


def _campaign_of(facts: Mapping[str, Any]) -> CampaignKey:
    return CampaignKey(str(facts["carrier"]), str(facts["campaign"]))


async def _note(
    connection: Connection, action: str, campaign: CampaignKey, *, by: str, now: datetime, before: str, after: str
) -> None:
    facts = {"before": before, "after": after}
    await trail.write(connection, actor=by, action=action, subject=subject_of(campaign), facts=facts, now=now)


async def _check_known(connection: Connection, campaign: CampaignKey) -> None:
    """A campaign of the version in force; what is not there gives nothing anyhow."""
    carrier = (await Snapshot.load(connection)).carrier(campaign.carrier_id)
    if carrier is None or all(one.id != campaign.campaign_id for one in carrier.document.campaigns):
        raise NotFound("campaign_unknown")
