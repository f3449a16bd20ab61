"""What a display shows of a plan that is offered at its till, in the customer's language."""

from dataclasses import dataclass

from topup.catalogue.queries import CatalogueCache
from topup.channels.counter.display.showing import DOMAIN, Row, Shown
from topup.channels.counter.plan_offers import offer_of
from topup.channels.counter.plan_ways import Way, ways_of
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.plans.desk import Choice, Plans, PlanShown
from topup.lines.plans.wording import plan_name
from topup.orders.accounts import balance_of
from topup.orders.balance_views import BalanceView
from topup.orders.wording import name_in
from topup.platform.database import Database
from topup.platform.i18n import translate
from topup.platform.keys import KeyRing
from topup.shops.displays import Screen


class PlanDisplay:
    """Shows plans that are offered."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, keyring: KeyRing) -> None:
        self._database = database
        self._catalogue = catalogue
        self._keyring = keyring
        self._plans = Plans(database=database, catalogue=catalogue)

    async def shown(self, screen: Screen, sealed: str, locale: str) -> Shown | None:
        """An offer on the screen; None for what is none, or holds no more: nobody says yes to another price."""
        offer = offer_of(self._keyring, sealed)
        if offer is None:
            return None
        try:
            held = await self._plans.show(number=offer.e164)
            choices = await self._plans.choices(number=offer.e164)
            async with self._database.read() as transaction:
                snapshot = await self._catalogue.current(transaction.connection)
                balance = await balance_of(transaction.connection, parse_msisdn(offer.e164), snapshot, transaction.now)
        except (Conflict, NotFound):
            return None
        choice = next((one for one in choices if one.plan.id == offer.plan), None)
        if choice is None or held.now.timestamp() >= offer.until:
            return None
        ways = ways_of(held, choice, balance.credit, locale=locale)
        way = next((one for one in ways if (one.when, one.told_minor) == (offer.when, offer.told_minor)), None)
        return _shown(screen, _Offered(held, choice, way, balance), locale) if way is not None else None


@dataclass(frozen=True, slots=True)
class _Offered:
    """What is offered to a line, as it stands."""

    held: PlanShown
    choice: Choice
    way: Way
    balance: BalanceView


def _shown(screen: Screen, offered: _Offered, locale: str) -> Shown:
    def text(message_id: str, **parameters: object) -> str:
        return translate(locale, DOMAIN, message_id, **parameters)

    way, balance = offered.way, offered.balance
    name = plan_name(offered.choice.plan, locale=locale)
    step = "confirm" if screen.asks else "agreed"
    return Shown(
        sale=screen.sale or "",
        step=step,
        headline=text("plan.title", plan=name) if screen.asks else text("agreed.title"),
        number=balance.msisdn.grouped(),
        carrier=name_in(balance.carrier_names, locale=locale),
        lines=tuple(Row(item.label, item.value) for item in way.items),
        total_label=way.total_label,
        total=way.total,
        grants=tuple(Row(included, "") for included in way.included),
        gifts=(),
        more=tuple(Row(label, value) for label, value in _more(offered.held, way, locale)),
        hint=" ".join((*way.about, text("plan.hint"))) if screen.asks else text("agreed.hint"),
        code="",
        code_label=text("code_label"),
    )


def _more(held: PlanShown, way: Way, locale: str) -> list[tuple[str, str]]:
    """When it begins, and what it takes the place of."""
    rows = [(way.name, way.days)]
    if held.plan is not None:
        rows.append((translate(locale, DOMAIN, "plan.instead"), plan_name(held.plan, locale=locale)))
    return rows
