"""A line and the world: what keeps it while one is away, what works where and for how much, and whose clock counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.catalogue.quantities import amount_text
from topup.catalogue.rates import ASSET_OF, Rate
from topup.channels.web.forms import Form
from topup.channels.web.home.lines import one_of
from topup.channels.web.home.showing import badge_of, card
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.channels.web.whereabouts import country_of, here_words, zone_of
from topup.channels.web.wording import Wording
from topup.kernel.money import Money, exponent
from topup.lines import owners
from topup.lines.abroad import SERVICES, Abroad, Country, Restarting, Running
from topup.lines.owners import OwnedLine
from topup.lines.wording import moment_words
from topup.orders.desk import Desk
from topup.orders.wording import end_of
from topup.people.subscribers.accounts import account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.i18n import country_name, format_price, translate
from topup.platform.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeps the line until when, by the line's clock and, where it shows another time, by the reader's."""

    until: str
    here: str
    by: list[str]


@dataclass(frozen=True, slots=True)
class Price:
    """What a service costs in a country; empty where its carrier names none."""

    service: str
    price: str
    cap: str


class AbroadPages:
    """The page of one line."""

    def __init__(self, *, desk: Desk, database: Database, keyring: KeyRing) -> None:
        self._desk = desk
        self._database = database
        self._keyring = keyring

    async def abroad(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """What works where, and what keeps the number."""
        wording, here = reader_of(request).wording, zone_of(request)
        line, now = await self._line(who, line_id)
        found = await self._desk.abroad(number=line.e164)
        around = country_of(request)
        wanted = request.query_params.get("country", "") or around or ""
        chosen = found.countries.get(wanted) or next(iter(found.countries.values()), None)
        return page(
            request,
            "home/abroad.html",
            line=card(line, None, wording),
            kept=[kept_of(clock, found.zone, here, wording) for clock in found.clocks if clock.ends and clock.restarts],
            next_badge=badge_of(found.next_shows, wording) if found.next_shows else None,
            next_at=moment_words(found.next_at, zone=found.zone, locale=wording.locale) if found.next_at else "",
            next_here=here_words(found.next_at, found.zone, here, wording),
            countries=_by_name(found, wording),
            chosen=chosen.code if chosen else "",
            country=country_name(chosen.code, wording.locale) if chosen else "",
            unserved=country_name(around, wording.locale) if around and _is_unserved(around, found) else "",
            at_home=country_name(found.home, wording.locale),
            prices=[price_of(chosen, service, found.currency, wording) for service in SERVICES[:3]] if chosen else [],
            packs=[wording.name(pack.names) for pack in chosen.packs] if chosen else [],
            there=wording.moment_in(now, found.zone),
            yours=here_words(now, found.zone, here, wording),
        )

    async def _line(self, who: Subscriber, line_id: str) -> tuple[OwnedLine, datetime]:
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await account(connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal)
            return one_of(lines, line_id), transaction.now


def kept_of(clock: Running, zone: str, here: str | None, wording: Wording) -> Kept:
    """A clock in words."""
    until = end_of(clock.ends, zone=zone, locale=wording.locale) if clock.ends else ""
    by = dict.fromkeys(_by_words(one, wording) for one in clock.restarts)
    return Kept(until, here_words(clock.ends, zone, here, wording), list(by))


def price_of(country: Country, service: str, currency: str, wording: Wording) -> Price:
    """What a service costs there."""
    rate = country.rates.get(service)  # type: ignore[call-overload]  # one of SERVICES
    name = wording.of("home", f"service_{service}")
    if rate is None:
        return Price(name, "", "")
    cap = wording.money(Money(rate.daily_cap_minor, currency)) if rate.daily_cap_minor is not None else ""
    return Price(name, _price_words(rate, currency, wording), cap)


def _price_words(rate: Rate, currency: str, wording: Wording) -> str:
    """`HK$0.30 for 1 MB`; exact, also below a minor unit."""
    major = rate.price_minor.scaleb(-exponent(currency))
    asset = ASSET_OF.get(rate.service)
    message_id, said = amount_text(asset, rate.per) if asset else ("grant_messages", {"count": str(rate.per)})
    unit = translate(wording.locale, "catalogue", message_id, **said)
    return wording.of("home", "price_per", price=format_price(major, currency, wording.locale), unit=unit)


def _by_words(one: Restarting, wording: Wording) -> str:
    if one.by == "use":
        return wording.of("home", "kept_by_use")
    least = wording.money(one.least) if one.least else ""
    return wording.of("home", "kept_by_least", least=least) if least else wording.of("home", "kept_by_topup")


def _is_unserved(country: str, found: Abroad) -> bool:
    """Whether the reader is where the line's carrier names no prices, though it does for other countries."""
    return country != found.home and bool(found.countries) and country not in found.countries


def _by_name(found: Abroad, wording: Wording) -> Sequence[tuple[str, str]]:
    names = [(code, country_name(code, wording.locale)) for code in found.countries]
    return sorted(names, key=lambda one: one[1])
