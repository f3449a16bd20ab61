"""Campaigns as pages: how each stands and what is used of it, its rule in words, and stopping one at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.versions import CarrierVersion
from topup.channels.console.charts import Bars, Meter, level, meter, stacked
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.money import Money
from topup.offers import queries, standing, stopping
from topup.offers.answers import Reason, Verdict
from topup.offers.batches.queries import codes_made
from topup.offers.book import Books, Entry
from topup.offers.counting import CampaignKey, Counter
from topup.offers.describing import DOMAIN, Describing
from topup.offers.facts import normalised
from topup.offers.standing import Stage, Standing, Stop
from topup.offers.wording import reason_words
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_money, format_number, translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import Approvals

PLACE: Final = "offers"
DAYS: Final = 30
MOST_ROWS: Final = 200
_LONGEST_CODE: Final = 64
_TONES: Final = {Stage.RUNNING: "good", Stage.STOPPED: "alarm", Stage.USED_UP: "alarm", Stage.ENDED: "over"}
_FIRST: Final = (Stage.RUNNING, Stage.USED_UP, Stage.STOPPED, Stage.COMING, Stage.ENDED)
"""What people look for first."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is taken of something, in words: of how much, where that is limited, and the meter of it."""

    taken: str
    most: str
    meter: Meter | None


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign, in words."""

    carrier: str
    id: str
    name: str
    gives: str
    when: str
    stage: Stage
    state: str
    tone: str
    count: Share
    money: Share
    code: str


@dataclass(frozen=True, slots=True)
class Course:
    """What was taken day by day: the chart, the line of what a day may have, its ends, and a sentence for all."""

    bars: Bars
    limit: int | None
    first: str
    last: str
    top: str
    said: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A campaign of the version in force."""

    carrier: CarrierVersion
    entry: Entry
    key: CampaignKey


class OfferPages:
    """The campaigns of every carrier."""

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

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """All campaigns of the versions in force; of one carrier, in one state, or with a word, where that is asked."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            carriers = (await self._catalogue.current(transaction.connection)).carriers()
            wanted = asked(request, "carrier")
            rows = [
                row
                for carrier in carriers
                if carrier.document.campaigns and wanted in {"", carrier.carrier_id}
                for row in await self._rows(transaction.connection, carrier, transaction.now, wording)
            ]
        word = str(request.query_params.get("q", "")).strip()[:100]
        rows = [row for row in rows if word.casefold() in f"{row.name} {row.id}".casefold()]
        counts = {stage: sum(row.stage is stage for row in rows) for stage in _FIRST}
        stage = asked(request, "state")
        shown = sorted((row for row in rows if stage in {"", row.stage.value}), key=lambda row: _FIRST.index(row.stage))
        return self._page(
            request,
            "offers.html",
            who,
            rows=shown[:MOST_ROWS],
            more=len(shown) - MOST_ROWS,
            count=len(rows),
            counts=[(one.value, count) for one, count in counts.items() if count],
            stage=stage,
            word=word,
            carrier=wanted,
            carriers=[(one.carrier_id, one.name(wording.locale)) for one in carriers if one.document.campaigns],
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """One campaign: its rule, what is used of it by day, and what can be done."""
        return await self._show(request, who, form, CampaignKey(carrier_id, campaign_id))

    async def look_up(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """Whether a code is one of this campaign's, and how often it was used; never by whom."""
        return await self._show(request, who, form, CampaignKey(carrier_id, campaign_id), looking_up=True)

    async def stop(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """Stop it at once."""
        key = CampaignKey(carrier_id, campaign_id)
        try:
            async with self._database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                reason = form.one("reason")
                await stopping.stop(connection, key, reason=reason, by=who.id, now=now, lanes=self._lanes)
        except (Invalid, Conflict) as problem:
            return await self._show(request, who, form, key, problem=problem)
        return go_to(f"/console/offers/{carrier_id}/{campaign_id}")

    async def resume(self, request: WebRequest, who: SignedIn, form: Form, carrier_id: str, campaign_id: str) -> Page:
        """Ask that it go on: another decides."""
        key = CampaignKey(carrier_id, campaign_id)
        try:
            wish = stopping.asking_to_resume(key, form.one("stop"), reason=form.one("reason"), form=form.one("form"))
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict) as problem:
            return await self._show(request, who, form, key, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def _rows(self, connection: Any, carrier: CarrierVersion, now: datetime, wording: Wording) -> list[Row]:
        keys = [CampaignKey(carrier.carrier_id, one.id) for one in carrier.document.campaigns]
        today = now.astimezone(carrier.zone).date()
        found = await standing.standings(connection, keys, today=today, lanes=self._lanes)
        entries = {entry.campaign.id: entry for entry in self._books.of(carrier).entries}
        return [_row(carrier, entries[key.campaign_id], found[key], now, wording) for key in keys]

    async def _found(self, connection: Any, key: CampaignKey) -> _Found:
        """Raises NotFound `campaign_unknown`."""
        carrier = (await self._catalogue.current(connection)).carrier(key.carrier_id)
        entries = self._books.of(carrier).entries if carrier else ()
        for entry in entries:
            if carrier is not None and entry.campaign.id == key.campaign_id:
                return _Found(carrier, entry, key)
        raise NotFound("campaign_unknown")

    async def _show(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        key: CampaignKey,
        *,
        problem: Problem | None = None,
        looking_up: bool = False,
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await self._found(connection, key)
            campaign, carrier = found.entry.campaign, found.carrier
            today = now.astimezone(carrier.zone).date()
            stands = (await standing.standings(connection, [key], today=today, lanes=self._lanes))[key]
            first, last = _span(found.entry, today)
            days = await standing.by_day(connection, key, first=first, last=last, lanes=self._lanes)
            made = await codes_made(connection, key, lanes=self._lanes)
            looked_up = await self._code(connection, found, form.one("code"), now, wording) if looking_up else None
            names = await names_of(connection, [stands.stop.by] if stands.stop and stands.stop.by else [])
        waiting = [
            one
            for one in await self._approvals.page(waiting=True, limit=200)
            if stands.stop and (one.kind, one.subject) == (stopping.RESUME, stands.stop.id)
        ]
        lacking = stands.lacking(campaign)
        may_stop = who.may(Permission.STOP_OFFERS)
        row = _row(carrier, found.entry, stands, now, wording)
        return self._page(
            request,
            "campaign.html",
            who,
            problem,
            row=row,
            carrier=carrier.name(wording.locale),
            zone=carrier.document.time_zone,
            rules=Describing(carrier.document, wording.locale).rules(campaign),
            lacking=_reason(found.entry, lacking, wording) if row.stage is Stage.USED_UP and lacking else "",
            today=_share(stands.today.taken, campaign.limits.per_day, stands.today, wording),
            courses=_courses(found, days, wording),
            stopped=_stopped(stands.stop, wording, names),
            coupon=campaign.coupon,
            made=made.count,
            made_at=wording.moment(made.latest) if made.latest else "",
            code=form.one("code")[:_LONGEST_CODE],
            looked_up=looked_up,
            waiting=[(one.id, wording.moment(one.requested_at)) for one in waiting],
            may_stop=may_stop and stands.stop is None and row.stage is not Stage.ENDED,
            may_resume=may_stop and stands.stop is not None and not waiting,
            reason=form.one("reason"),
            subject=stopping.subject_of(key),
        )

    async def _code(self, connection: Any, found: _Found, typed: str, now: datetime, wording: Wording) -> str:
        """What there is to say of a code."""
        text = normalised(typed)[:_LONGEST_CODE]
        book, campaign = self._books.of(found.carrier), found.entry.campaign
        say = partial(translate, wording.locale, DOMAIN)
        entry, coupon = book.of_code(text), campaign.coupon
        if entry is not found.entry or coupon is None:
            return say("code_not_here", code=text)
        typed_code = queries.Typed(text, found.carrier.carrier_id, entry)
        [known] = await queries.codes(connection, [typed_code], now, keys=self._keyring, lanes=self._lanes)
        code = known.fact
        if known.scope is None:
            return say("code_never_made", code=text)
        if code.is_blocked or code.is_over:
            return say("code_blocked" if code.is_blocked else "code_over", code=text)
        uses = format_number(code.uses, wording.locale)
        most = coupon.most_uses
        if most is None:
            return say("code_used", code=text, uses=uses)
        said = [say("code_used_of", code=text, uses=uses, most=format_number(most, wording.locale))]
        if code.held:
            said.append(say("code_of_them_held", held=format_number(code.held, wording.locale)))
        elif code.uses >= most:
            said.append(say("code_spent"))
        return " ".join(said)

    def _page(
        self,
        request: WebRequest,
        template: str,
        who: SignedIn,
        problem: Problem | None = None,
        **context: Any,
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            template,
            who=who,
            place=PLACE,
            status=200 if problem is None else 422 if isinstance(problem, Invalid) else 409,
            o=partial(translate, wording.locale, DOMAIN),
            mistake=wording.problem(problem, who=who) if problem else None,
            **context,
        )


def _row(carrier: CarrierVersion, entry: Entry, stands: Standing, now: datetime, wording: Wording) -> Row:
    campaign, limits = entry.campaign, entry.campaign.limits
    describing = Describing(carrier.document, wording.locale)
    stage = stands.stage(entry, now)
    coupon = campaign.coupon
    return Row(
        carrier=carrier.carrier_id,
        id=campaign.id,
        name=describing.name(campaign),
        gives=describing.gives(campaign),
        when=describing.when(campaign),
        stage=stage,
        state=translate(wording.locale, DOMAIN, f"state.{stage}"),
        tone=_TONES.get(stage, ""),
        count=_share(stands.everything.taken, limits.total, stands.everything, wording),
        money=_money_share(stands.everything, limits.budget_minor, carrier.currency, wording),
        code="" if coupon is None else coupon.code or f"{coupon.prefix}-…",
    )


def _share(taken: int, most: int | None, counter: Counter, wording: Wording) -> Share:
    said = format_number(taken, wording.locale)
    if most is None:
        return Share(said, "", None)
    return Share(said, format_number(most, wording.locale), meter(counter.used, counter.held, most=most))


def _money_share(counter: Counter, most: int | None, currency: str, wording: Wording) -> Share:
    said = format_money(Money(counter.taken_minor, currency), wording.locale)
    if most is None:
        return Share(said, "", None)
    limit = format_money(Money(most, currency), wording.locale)
    return Share(said, limit, meter(counter.used_minor, counter.held_minor, most=most))


def _span(entry: Entry, today: date) -> tuple[date, date]:
    """The days that are shown: the latest DAYS of those it ran, today's among them."""
    campaign = entry.campaign
    last = min(today, campaign.ends) if campaign.ends else today
    first = last - timedelta(days=DAYS - 1)
    if campaign.starts and first < campaign.starts <= last:
        first = campaign.starts
    return first, last


def _courses(found: _Found, days: Sequence[tuple[date, Counter]], wording: Wording) -> list[tuple[str, Course]]:
    """How often it was taken by day, and what it took off; the latter only where it takes anything off."""
    campaign, currency = found.entry.campaign, found.carrier.currency
    say = partial(translate, wording.locale, DOMAIN)
    describing = Describing(found.carrier.document, wording.locale)
    ends = describing.day(days[0][0]), describing.day(days[-1][0])
    counters = [counter for _, counter in days]
    often = partial(format_number, locale=wording.locale)
    courses = [
        (say("by_day"), _course([one.used for one in counters], [one.held for one in counters], ends, often, say,
                                limit=campaign.limits.per_day))
    ]  # fmt: skip
    if campaign.discount is not None:
        used, held = [one.used_minor for one in counters], [one.held_minor for one in counters]
        courses.append(
            (say("off_by_day"), _course(used, held, ends, lambda minor: _money(minor, currency, wording), say))
        )
    return courses


def _course(
    used: list[int], held: list[int], ends: tuple[str, str], words: Any, say: Any, *, limit: int | None = None
) -> Course:
    both = [one + other for one, other in zip(used, held, strict=True)]
    most = max(both)
    # A limit that is far above all there was would press it flat.
    drawn = limit is not None and limit <= 4 * most
    top = max(most, limit or 0) if drawn else most
    return Course(
        bars=stacked([("used", used), ("held", held)], top=top),
        limit=level(limit or 0, top=top) if drawn else None,
        first=ends[0],
        last=ends[1],
        top=words(most),
        said=say("course", total=words(sum(both)), best=words(most), held=words(sum(held))),
    )


def _money(minor: int, currency: str, wording: Wording) -> str:
    return format_money(Money(minor, currency), wording.locale)


def _reason(entry: Entry, reason: Reason, wording: Wording) -> str:
    return reason_words(Verdict(entry.campaign.id, entry.campaign.names, reason), locale=wording.locale)


def _stopped(stop: Stop | None, wording: Wording, names: dict[str, str]) -> dict[str, str] | None:
    if stop is None:
        return None
    return {
        "id": stop.id or "",
        "at": wording.moment(stop.at),
        "by": wording.actor(stop.by, names) if stop.by else "",
        "reason": stop.reason or "",
    }
