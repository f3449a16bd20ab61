"""Batches of an offer's own codes: which there are and what became of them, asked for by one and approved by another,
blocked at once. No page has ever a code on it but the one that somebody types.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.versions import CarrierVersion
from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import new_id
from topup.offers.batches.approving import COUPON_BATCH, FIELDS, asking_for
from topup.offers.batches.blocking import block_batch, block_code
from topup.offers.batches.operations import MOST
from topup.offers.batches.queries import MOST_LISTED, Batch, Shares, batch_of, batches, shares
from topup.offers.batches.states import BatchState
from topup.offers.book import Books, Entry
from topup.offers.counting import CampaignKey
from topup.offers.describing import Describing
from topup.offers.stopping import subject_of
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_date, format_number, translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import Approvals

_DOMAIN: Final = "coupon_batches"
_TONES: Final = {BatchState.MADE: "good", BatchState.BLOCKED: "alarm"}
_LONGEST_CODE: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """A batch in words; `left` is unused or, with `left_name`, what became of that."""

    id: str
    count: str
    until: str
    state: str
    tone: str
    by: str
    approval: str
    redeemed: str
    held: str
    blocked: str
    left_name: str
    left: str
    why: str
    can_block: bool


@dataclass(frozen=True, slots=True)
class _Found:
    carrier: CarrierVersion
    entry: Entry


class CouponBatchPages:
    """The batches of one campaign."""

    def __init__(
        self,
        *,
        look: Look,
        database: Database,
        keyring: KeyRing,
        catalogue: CatalogueCache,
        approvals: Approvals,
        lanes: int,
    ) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._catalogue = catalogue
        self._approvals = approvals
        self._lanes = lanes
        self._books = Books()

    async def listed(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """All batches of a campaign, newest first, and the forms."""
        return await self._page(request, who, form, CampaignKey(carrier_id, campaign_id))

    async def ask(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """Ask that one be made: another decides."""
        key = CampaignKey(carrier_id, campaign_id)
        said = {name: form.one(name) for name in FIELDS}
        try:
            wish = asking_for(
                key,
                said,
                reason=form.one("reason"),
                lanes=self._lanes,
                form=form.one("form"),
                batch_id=form.one("batch"),
            )
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict) as problem:
            return await self._page(request, who, form, key, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def block(self, request: WebRequest, who: SignedIn, form: Form, batch_id: str) -> Page:
        """Block a batch at once. Raises NotFound `coupon_batch_unknown`."""
        async with self._database.read() as transaction:
            key = (await batch_of(transaction.connection, batch_id)).campaign
        try:
            reason = form.one("reason")
            await block_batch(self._database, batch_id=batch_id, reason=reason, by=who.id, lanes=self._lanes)
        except (Invalid, Conflict) as problem:
            return await self._page(request, who, form, key, problem=problem)
        return go_to(_place(key))

    async def block_one(
        self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str
    ) -> Page:
        """Block one code at once. By post: codes stand in no address."""
        key = CampaignKey(carrier_id, campaign_id)
        try:
            await block_code(
                self._database,
                self._keyring,
                key,
                text=form.one("code"),
                reason=form.one("reason"),
                by=who.id,
                lanes=self._lanes,
            )
        except (Invalid, Conflict, NotFound) as problem:
            return await self._page(request, who, form, key, problem=problem)
        return go_to(_place(key))

    async def _found(self, connection: Any, key: CampaignKey) -> _Found:
        """Raises NotFound `campaign_unknown`, also for a campaign without codes of its own."""
        carrier = (await self._catalogue.current(connection)).carrier(key.carrier_id)
        for entry in self._books.of(carrier).entries if carrier else ():
            coupon = entry.campaign.coupon
            if carrier is not None and entry.campaign.id == key.campaign_id and coupon and coupon.prefix:
                return _Found(carrier, entry)
        raise NotFound("campaign_unknown")

    async def _page(
        self, request: WebRequest, who: SignedIn, form: Form, key: CampaignKey, *, problem: Problem | None = None
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await self._found(connection, key)
            uses = found.entry.campaign.coupon.most_uses if found.entry.campaign.coupon else None
            some = await batches(connection, key, lanes=self._lanes)
            told = await shares(connection, some, uses=uses or 1, lanes=self._lanes)
            names = await names_of(connection, [one.requested_by for one in some])
        waiting = [
            (one.id, wording.moment(one.requested_at))
            for one in await self._approvals.page(waiting=True, limit=200)
            if one.kind == COUPON_BATCH and _campaign_of(one.facts) == key
        ]
        rows = [_row(one, told[one.id], found, now, wording) for one in some]
        return self._look.page(
            request,
            "coupon_batches.html",
            who=who,
            place="offers",
            status=200 if problem is None else 409 if isinstance(problem, Conflict) else 422,
            b=partial(translate, wording.locale, _DOMAIN),
            subject=subject_of(key),
            name=Describing(found.carrier.document, wording.locale).name(found.entry.campaign),
            rows=rows,
            more=len(some) == MOST_LISTED,
            waiting=waiting,
            uses=uses or 1,
            most=format_number(MOST, wording.locale),
            may_ask=who.may(Permission.REQUEST_COUPONS),
            may_block=who.may(Permission.STOP_OFFERS),
            names={one.requested_by: wording.actor(one.requested_by, names) for one in some},
            filled={name: form.one(name) for name in (*FIELDS, "reason")} | {"code": form.one("code")[:_LONGEST_CODE]},
            batch=form.one("batch") or new_id("coupons", key.lane(self._lanes)),
            mistake=wording.problem(problem, who=who) if problem else None,
        )


def _place(key: CampaignKey) -> str:
    return f"/console/offers/{subject_of(key)}/codes"


def _campaign_of(facts: Any) -> CampaignKey:
    return CampaignKey(str(facts["carrier"]), str(facts["campaign"]))


def _row(one: Batch, told: Shares, found: _Found, now: datetime, wording: Wording) -> Row:
    say, number = partial(translate, wording.locale, _DOMAIN), partial(format_number, locale=wording.locale)
    ends = found.entry.ends_at
    is_over = one.is_over(now) or (ends is not None and now >= ends)
    left = "blocked_left" if one.state is BatchState.BLOCKED else "expired" if is_over else "unused"
    state = say(f"state.{one.state.value}", made=number(one.made), count=number(one.count))
    return Row(
        id=one.id,
        count=number(one.count),
        until=format_date(one.last_day, wording.locale, zone="UTC") if one.last_day else "",
        state=say("expired") if is_over and one.state is BatchState.MADE else state,
        tone="over" if is_over else _TONES.get(one.state, ""),
        by=one.requested_by,
        approval=one.approval_id,
        redeemed=number(told.redeemed),
        held=number(told.held),
        blocked=number(told.blocked),
        left_name=say(left),
        left=number(told.left),
        why=one.block_reason or "",
        can_block=one.state is not BatchState.BLOCKED,
    )
