"""What a customer would get, tried before anybody asks: by a version in force, or by a draft of one."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import Any, Final

from topup.catalogue.campaigns import CHANNELS, Source
from topup.catalogue.fees import fee_minor
from topup.catalogue.pricing import grants_of
from topup.catalogue.publishing.drafts import Drafts
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.channels.console.foreseeing import Choice, choices
from topup.channels.console.rendering import Look, asked, day_in, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import route
from topup.offers import queries
from topup.offers.answers import CodeVerdict, Reason, Verdict
from topup.offers.book import Book
from topup.offers.counting import CampaignKey
from topup.offers.describing import DOMAIN
from topup.offers.explaining import Explained, Shelf, Supposed, explain, shelf_of
from topup.offers.facts import MOST_CODES, Code, normalised
from topup.offers.wording import name_words, reason_words
from topup.orders.wording import amount_words, line_words, method_name, until_words
from topup.people.sessions import SignedIn
from topup.platform.database import Connection, Database
from topup.platform.i18n import format_money, format_number, translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest
from topup.shops.places import Directory
from topup.shops.queries import Directories
from topup.shops.stock.gifts import Free

FIELDS: Final = (
    "number",
    "carrier",
    "draft",
    "product",
    "amount",
    "channel",
    "shop",
    "on",
    "customer",
    "codes",
    "points",
)
MOST_REASONS: Final = 200
_NOON: Final = time(12)
_CREDIT: Final = "credit:"
_MOST_POINTS: Final = 1_000_000_000
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """Why a campaign or a code counts or does not."""

    name: str
    code: str
    said: str
    applies: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What would come of it, in words: lines of the price, its total and fees, what is given, and every reason."""

    lines: list[tuple[str, str]]
    total: str
    fees: list[tuple[str, str]]
    given: list[tuple[str, str]]
    codes: list[Told]
    reasons: list[Told]
    more: int
    shop: str = ""
    stock: Sequence[tuple[str, str]] = ()
    """The gifts of the file, and how many of each the shop has to give."""


class OfferPreview:
    """Trying a price."""

    def __init__(
        self, *, look: Look, database: Database, keyring: KeyRing, catalogue: CatalogueCache, lanes: int
    ) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._catalogue = catalogue
        self._lanes = lanes
        self._drafts = Drafts(database)
        self._directories = Directories()

    async def form(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The form, for the carrier or the draft that the address names."""
        typed = dict.fromkeys(FIELDS, "") | {name: asked(request, name) for name in ("carrier", "draft")}
        return await self._page(request, who, typed, trying=False)

    async def answer(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """What would come of what was typed. By post: codes and numbers stand in no address."""
        return await self._page(request, who, {name: form.one(name).strip()[:_LONGEST] for name in FIELDS}, trying=True)

    async def _page(self, request: WebRequest, who: SignedIn, typed: dict[str, str], *, trying: bool) -> Page:
        wording, problem, shown, now = wording_of(request, self._look.zone), None, None, None
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            published = await self._catalogue.current(connection)
            directory = await self._directories.current(connection)
            try:
                carrier = await self._carrier(connection, published, typed)
                if carrier is not None and trying and (typed["product"] or typed["amount"]):
                    shown = await self._tried(connection, carrier, typed, directory, wording, now)
            except (Invalid, Conflict, NotFound) as found:
                problem, carrier = found, published.carrier(typed["carrier"])
        return self._look.page(
            request,
            "offer_preview.html",
            who=who,
            place="offers",
            status=422 if problem else 200,
            o=partial(translate, wording.locale, DOMAIN),
            typed=typed | {"channel": typed["channel"] or "web"},
            carriers=[Choice(one.carrier_id, one.name(wording.locale)) for one in published.carriers()],
            of=carrier.carrier_id if carrier else "",
            name=carrier.name(wording.locale) if carrier else "",
            currency=carrier.currency if carrier else "",
            zone=carrier.document.time_zone if carrier else "",
            choices=choices([carrier], wording.locale) if carrier else [],
            channels=CHANNELS,
            shops=[Choice(one.id, name_words(one.names, locale=wording.locale)) for one in directory.places],
            shown=shown,
            mistake=_mistake(problem, who, wording),
        )

    async def _carrier(
        self, connection: Connection, published: Snapshot, typed: dict[str, str]
    ) -> CarrierVersion | None:
        """The draft's, else that of the number, else the one that was chosen; None where nothing was.

        Raises InvalidNumber, Invalid `number_not_served`, NotFound `carrier_unknown`, `catalogue_draft_unknown`.
        """
        if typed["draft"]:
            file = await asyncio.to_thread((await self._drafts.get(typed["draft"])).file)
            return CarrierVersion(file.document.id, 0, file.document)
        chosen = typed["carrier"]
        if typed["number"]:
            [way] = await route(connection, [parse_msisdn(typed["number"])], published, lanes=self._lanes)
            if way.carrier_id is None:
                raise Invalid("number_not_served")
            chosen = way.carrier_id
        if not chosen:
            return None
        found = published.carrier(chosen)
        if found is None:
            raise NotFound("carrier_unknown")
        return found

    async def _tried(  # noqa: PLR0917 - what a page knows
        self,
        connection: Connection,
        carrier: CarrierVersion,
        typed: dict[str, str],
        directory: Directory,
        wording: Wording,
        now: datetime,
    ) -> Shown:
        book = Book(carrier)
        shelf = await shelf_of(connection, directory, typed["shop"], book) if typed["shop"] else None
        return _shown(await self._explained(connection, book, typed, shelf, now), shelf, wording)

    async def _explained(
        self, connection: Connection, book: Book, typed: dict[str, str], shelf: Shelf | None, now: datetime
    ) -> Explained:
        carrier, at = book.carrier, now
        if day := day_in(typed["on"]):
            at = datetime.combine(day, _NOON, carrier.zone)
        texts = list(dict.fromkeys(normalised(text) for text in typed["codes"].split(",") if text.strip()))
        codes = await self._codes(connection, book, texts[: MOST_CODES + 1], at)
        keys = [CampaignKey(carrier.carrier_id, entry.campaign.id) for entry in book.entries]
        day_of = at.astimezone(carrier.zone).date()
        taken = await queries.uses(connection, keys, day=day_of, persons=(), lanes=self._lanes)
        supposed = Supposed(
            typed["channel"],
            at,
            is_first=typed["customer"] == "first",
            codes=tuple(codes),
            points=_points(typed["points"]),
            uses={key.campaign_id: uses for key, uses in taken.items()},
            gifts=shelf.pieces if shelf else None,
        )
        product, amount = _bought(typed, carrier)
        return explain(book, supposed, product=product, amount=amount)

    async def _codes(self, connection: Connection, book: Book, texts: Sequence[str], at: datetime) -> list[Code]:
        typed = [queries.Typed(text, book.carrier.carrier_id, book.of_code(text)) for text in texts]
        return [one.fact for one in await queries.codes(connection, typed, at, keys=self._keyring, lanes=self._lanes)]


def _bought(typed: dict[str, str], carrier: CarrierVersion) -> tuple[str | None, Money | None]:
    """A pack's id or an amount. Raises Invalid `amount_unreadable`."""
    if not typed["amount"] and not typed["product"].startswith(_CREDIT):
        return typed["product"], None
    text = typed["amount"] or typed["product"].removeprefix(_CREDIT)
    try:
        return None, Money.from_major(text, carrier.currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable", currency=carrier.currency) from None


def _points(text: str) -> int:
    return min(int(text), _MOST_POINTS) if text.isascii() and text.isdigit() else 0


def _mistake(problem: Problem | None, who: SignedIn, wording: Wording) -> Any:
    return wording.problem(problem, who=who) if problem else None


def _shown(told: Explained, shelf: Shelf | None, wording: Wording) -> Shown:
    offer, carrier, locale = told.offer, told.carrier, wording.locale
    reasons = [_told(one, wording) for one in offer.verdicts]
    reasons.sort(key=lambda one: not one.applies)
    fees = carrier.document.fees.payment.items()
    return Shown(
        lines=[
            (line_words(line.type, line.label_id, line.parameters, locale=locale), format_money(line.amount, locale))
            for line in (*told.priced.lines, *offer.lines)
        ],
        total=format_money(offer.total, locale),
        fees=[
            (method_name(method, locale=locale), _money(fee_minor(steps, offer.total.amount_minor), carrier, wording))
            for method, steps in fees
        ],
        given=list(_given(told, wording)),
        codes=[_told(one, wording) for one in offer.codes],
        reasons=reasons[:MOST_REASONS],
        more=max(0, len(reasons) - MOST_REASONS),
        shop=name_words(shelf.shop.names, locale=locale) if shelf else "",
        stock=[_in_stock(source, one, wording) for source, one in shelf.gifts.items()] if shelf else [],
    )


def _in_stock(source: Source, found: Free | None, wording: Wording) -> tuple[str, str]:
    """A gift, and how many pieces of it nobody was promised yet, here or where it is sent from."""
    say, (sent_from, sku) = partial(translate, wording.locale, DOMAIN), source
    name = name_words(found.names, locale=wording.locale) if found else sku
    left = say("stock_free", count=format_number(found.pieces, wording.locale)) if found else say("stock_none")
    return name, f"{left} · {say('sent_from', place=sent_from)}" if sent_from else left


def _given(told: Explained, wording: Wording) -> Iterator[tuple[str, str]]:
    """What comes with it, and until when."""
    say, zone, locale = partial(translate, wording.locale, DOMAIN), told.carrier.document.time_zone, wording.locale
    for grant in grants_of(told.carrier, told.offer.grants, told.now):
        what = amount_words(grant.asset, grant.amount, locale=locale)
        yield what, until_words(grant.validity.usable_until, zone=zone, locale=locale)
    for gift in told.offer.gifts:
        what = say("gift", count=format_number(gift.quantity, locale), sku=gift.sku)
        yield what, say("sent_from", place=gift.sent_from) if gift.sent_from else ""
    if told.offer.earned:
        yield say("earned", count=format_number(told.offer.earned, locale)), ""


def _told(one: Verdict | CodeVerdict, wording: Wording) -> Told:
    name = name_words(one.names, locale=wording.locale) if one.names else ""
    code = one.code if isinstance(one, CodeVerdict) else one.campaign_id
    return Told(name, code, reason_words(one, locale=wording.locale), one.reason is Reason.APPLIED)


def _money(minor: int, carrier: CarrierVersion, wording: Wording) -> str:
    return format_money(Money(minor, carrier.currency), wording.locale)
