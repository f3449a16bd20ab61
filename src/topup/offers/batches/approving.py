"""A batch of codes is money off for whoever has one: one asks for it, another decides, and only then can it be made."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import end_of_day
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import is_id, new_id
from topup.offers.batches import operations
from topup.offers.batches.operations import Wanted
from topup.offers.batches.queries import state_of
from topup.offers.counting import CampaignKey
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish

COUPON_BATCH: Final = "coupon_batch"
FIELDS: Final = ("count", "until")
"""What whoever asks says: how many, and the last day as `2027-12-31` or nothing."""


def asking_for(
    campaign: CampaignKey, said: Mapping[str, str], *, reason: str, lanes: int, form: str = "", batch_id: str = ""
) -> Wish:
    """The request for a batch, `said` by FIELDS. It has its id already: a form's own, so that one sent twice is one.

    Raises Invalid `request_malformed`.
    """
    if batch_id and not is_id("coupons", batch_id):
        raise Invalid("request_malformed")
    facts = {"carrier": campaign.carrier_id, "campaign": campaign.campaign_id}
    facts |= {name: said.get(name, "").strip() for name in FIELDS}
    return Wish(COUPON_BATCH, batch_id or new_id("coupons", campaign.lane(lanes)), facts, reason, form=form)


def kind(*, lanes: int) -> Kind:
    """What can be asked for: the subject is the id that the batch will have."""
    request, approve = Permission.REQUEST_COUPONS.value, Permission.APPROVE_COUPONS.value
    return Kind(COUPON_BATCH, request, approve, _prepare, partial(_execute, lanes=lanes))


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:
    """The facts. Raises NotFound `campaign_unknown`; Invalid `coupon_campaign`, `day_unreadable`, those of
    `operations.check`; Conflict `coupon_batch_stands`.
    """
    if (there := await state_of(connection, wish.subject)) is not None:
        raise Conflict("coupon_batch_stands", status=there.value)
    said = wish.facts
    campaign = CampaignKey(said["carrier"], said["campaign"])
    carrier, prefix = await prefix_of(connection, campaign)
    count = int(said["count"]) if said["count"].isascii() and said["count"].isdigit() else 0
    day = _day(said["until"]) if said["until"] else None
    operations.check(_wanted(carrier, campaign, prefix, count, day, by=""), now)
    facts = {"carrier": campaign.carrier_id, "campaign": campaign.campaign_id, "count": count, "begins_with": prefix}
    return facts | ({"last_day": day.isoformat()} if day else {})


async def _execute(transaction: Transaction, approval: Approval, *, lanes: int) -> Mapping[str, Any]:
    """The batch may be made from now on. Raises Invalid `coupon_until`, where its time is over meanwhile; NotFound
    `campaign_unknown`, Invalid `coupon_campaign`, where the campaign is not there any more, or has no such codes.
    """
    facts, connection = approval.facts, transaction.connection
    campaign = CampaignKey(str(facts["carrier"]), str(facts["campaign"]))
    carrier, prefix = await prefix_of(connection, campaign)
    day = date.fromisoformat(str(facts["last_day"])) if facts.get("last_day") else None
    wanted = _wanted(carrier, campaign, prefix, int(facts["count"]), day, by=approval.requested_by)
    await operations.approve(
        connection, wanted, batch_id=approval.subject, approval_id=approval.id, now=transaction.now, lanes=lanes
    )
    return {"batch": approval.subject}


async def prefix_of(connection: Connection, campaign: CampaignKey) -> tuple[CarrierVersion, str]:
    """The version in force, and what the campaign's own codes begin with. Raises NotFound `campaign_unknown`; Invalid
    `coupon_campaign` for a campaign without codes of its own.
    """
    carrier = (await Snapshot.load(connection)).carrier(campaign.carrier_id)
    known = carrier.document.campaigns if carrier else ()
    found = next((one for one in known if one.id == campaign.campaign_id), None)
    if carrier is None or found is None:
        raise NotFound("campaign_unknown")
    if found.coupon is None or found.coupon.prefix is None:
        raise Invalid("coupon_campaign")
    return carrier, found.coupon.prefix


def _wanted(
    carrier: CarrierVersion, campaign: CampaignKey, prefix: str, count: int, day: date | None, *, by: str
) -> Wanted:
    return Wanted(campaign, prefix, count, day, end_of_day(day, carrier.zone) if day else None, by)


def _day(text: str) -> date:
    """Raises Invalid `day_unreadable`, for the last day there is too: no moment follows it."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("day_unreadable") from error
    if day == date.max:
        raise Invalid("day_unreadable")
    return day
