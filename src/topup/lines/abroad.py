"""What a line can do outside its country, and what keeps it while it is away: what its carrier's file says of both."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

from topup.catalogue.documents import Pack
from topup.catalogue.life_cycle_rules import Shows
from topup.catalogue.rates import Rate, Service
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money
from topup.lines.forecasts import LineForecast
from topup.lines.rules import ruling_of

SERVICES: Final[tuple[Service, ...]] = get_args(Service)
_ROAMING: Final = "roaming"


@dataclass(frozen=True, slots=True)
class Restarting:
    """What sets a clock anew: `use` of something that is charged for, or a `topup` of at least `least` (None: any)."""

    by: str
    least: Money | None


@dataclass(frozen=True, slots=True)
class Running:
    """A clock of a line: when it runs out (None: it does not run), and what sets it anew."""

    ends: datetime | None
    restarts: tuple[Restarting, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """What works in a country: the rate of each service that has one, and the packs that pay for something there."""

    code: str
    rates: Mapping[Service, Rate]
    packs: tuple[Pack, ...]


@dataclass(frozen=True, slots=True)
class Abroad:
    """All of it. `next_shows` is what the line is called from `next_at` on, if nothing is done (None: not foreseen)."""

    home: str
    zone: str
    currency: str
    countries: Mapping[str, Country]
    clocks: tuple[Running, ...]
    next_at: datetime | None
    next_shows: Shows | None


def abroad(forecast: LineForecast, carrier: CarrierVersion) -> Abroad:
    """What a line of this carrier can do elsewhere, and what keeps it."""
    document, rules = carrier.document, ruling_of(carrier).rules
    codes = {code for rate in document.rates if rate.zone == _ROAMING for code in rate.countries}
    clocks = tuple(
        Running(
            forecast.clocks.get(clock.name),
            tuple(
                Restarting(
                    "topup" if restart.on == "topup" else "use",
                    Money(restart.least_minor, carrier.currency) if restart.least_minor else None,
                )
                for restart in clock.restarts
                if restart.on != "activation"
            ),
        )
        for clock in rules.clocks.values()
    )
    change = next(iter(forecast.to_come), None)
    return Abroad(
        home=document.country,
        zone=forecast.zone,
        currency=carrier.currency,
        countries={code: _country(code, carrier) for code in sorted(codes - {document.country})},
        clocks=clocks,
        next_at=change.at if change else None,
        next_shows=change.shows if change else None,
    )


def _country(code: str, carrier: CarrierVersion) -> Country:
    found = {service: carrier.rate_book.find(service=service, country=code, called=None) for service in SERVICES}
    rates = {service: rate for service, rate in found.items() if rate is not None}
    return Country(code, rates, tuple(pack for pack in carrier.document.packs if _pays(pack, rates.values())))


def _pays(pack: Pack, rates: Collection[Rate]) -> bool:
    """Whether something of a pack is for use there. One for everywhere is no pack for abroad."""
    return any(
        not rate.zones.isdisjoint(grant.zones) and (not grant.services or rate.service in grant.services)
        for grant in pack.grants
        for rate in rates
    )
