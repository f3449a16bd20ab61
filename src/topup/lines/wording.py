"""A line's standing in words, the same in every channel."""

from datetime import datetime
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import Blockable, Exit
from topup.catalogue.line_facts import Change
from topup.lines.forecasts import Status, ToDo
from topup.platform.i18n import format_date, format_datetime, translate


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


def moment_words(instant: datetime, *, zone: str, locale: str) -> str:
    """An instant by the line's own clocks; the beginning of a day is said as that day."""
    local = instant.astimezone(ZoneInfo(zone))
    is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return (format_date if is_midnight else format_datetime)(local, locale, zone=zone)
