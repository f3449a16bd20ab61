"""A line's standing in words, the same in every channel."""

from datetime import datetime
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import Blockable, Exit
from topup.catalogue.line_facts import Change
from topup.kernel.money import Money
from topup.lines.cards.queries import Card
from topup.lines.cards.states import CardState, Given
from topup.lines.forecasts import Status, ToDo
from topup.lines.keeping.advice import Advice, Counts
from topup.platform.i18n import DEFAULT_LOCALE, format_date, format_moment, format_money, translate


def status_words(status: Status, *, locale: str) -> str:
    """What a line is called before people."""
    if status == "barred":
        return translate(locale, "lines", "status_barred")
    return translate(locale, "catalogue", f"shows_{status}")


def reason_words(way: Exit, *, locale: str) -> str:
    """Why a line left, or will leave, a state."""
    if way.when == "days" and way.term is not None:
        months, days = way.term.months, way.term.days
        if months is None:
            return translate(locale, "catalogue", "exit_days", days=days)
        return translate(locale, "catalogue", "exit_months", months=months)
    return translate(locale, "catalogue", f"exit_{way.when}", clock=way.clock)


def change_words(change: Change, *, locale: str) -> str:
    """Why a line changes, and what that ends."""
    words = [reason_words(change.exit, locale=locale)]
    words += [translate(locale, "catalogue", "change_closes")] if change.closes else []
    words += [translate(locale, "catalogue", "change_releases_number")] if change.releases_number else []
    return " ".join(words)


def block_words(block: Blockable, *, locale: str) -> str:
    """What cannot be done."""
    return translate(locale, "catalogue", f"blocks_{block}")


def kind_words(kind: str, *, locale: str) -> str:
    """What a line lives in."""
    return translate(locale, "lines", f"kind_{kind}")


def to_do_words(to_do: ToDo, *, locale: str) -> str:
    """What keeps a line as it is, or brings it back."""
    return translate(locale, "lines", to_do_message(to_do), least=to_do.least)


def to_do_message(to_do: ToDo) -> str:
    """The id of these words in the catalogue `lines`; its parameter is `least`."""
    return "to_do_topup_least" if to_do.what == "topup" and to_do.least else f"to_do_{to_do.what}"


def counts_words(counts: Counts, *, keeps: bool, locale: str) -> str:
    """Something that keeps a number, or does not."""
    if not keeps:
        return translate(locale, "lines", f"keeps_not_{counts.what}")
    least = counts.what in {"topup", "topup_plain"} and counts.amount is not None
    return translate(locale, "lines", f"keeps_{counts.what}{'_least' if least else ''}", amount=counts.amount)


def renewals_words(found: Advice, *, locale: str) -> str:
    """How far the credit pays the renewals of the line's plan; empty where it has none that renews."""
    ahead = found.runway.renewals
    if ahead is None:
        return ""
    said = {
        "plan": ahead.plan.names.get(locale) or ahead.plan.names[DEFAULT_LOCALE],
        "count": ahead.paid,
        "sum": format_money(Money(ahead.cost_minor, found.currency), locale),
    }
    if ahead.unpaid_at is None:
        return translate(locale, "lines", "renewals_paid", **said)
    day = moment_words(ahead.unpaid_at, zone=found.zone, locale=locale)
    if ahead.unpaid_at <= found.now:
        return translate(locale, "lines", "renewals_wait", day=day, **said)
    return translate(locale, "lines", "renewals_end" if ahead.paid else "renewals_none", day=day, **said)


def moment_words(instant: datetime, *, zone: str, locale: str) -> str:
    """An instant by the line's own clocks; the beginning of a day is said as that day."""
    local = instant.astimezone(ZoneInfo(zone))
    is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return (format_date if is_midnight else format_moment)(local, locale, zone=zone)


def card_words(card: Card, *, locale: str) -> str:
    """What card a line has, how it stands, and the end of its number: never more of that."""
    return translate(
        locale,
        "lines",
        "card_is",
        kind=translate(locale, "lines", f"kind_{card.kind.value}"),
        state=card_state_words(card.state, locale=locale),
        last_four=card.iccid.last_four,
    )


def card_state_words(state: CardState, *, locale: str) -> str:
    """How a card stands."""
    return translate(locale, "lines", f"card_{state.value}")


def given_words(reason: Given, *, locale: str) -> str:
    """Why a line got a card."""
    return translate(locale, "lines", f"given_{reason.value}")
