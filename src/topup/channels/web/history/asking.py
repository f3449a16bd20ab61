"""What is asked of the history, in its address: nothing personal stands there in the clear."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import WebRequest
from topup.kernel.ids import is_id
from topup.orders.chronicle import Question
from topup.orders.past import STANDINGS, Mark
from topup.people.subscribers.devices import Subscriber
from topup.platform.web.forms import Form

HISTORY: Final = "/history"
_PLACE: Final = "history"
ZONE: Final = "Asia/Shanghai"
"""Months begin there for who has chosen no zone."""
MONTHS: Final = 24
_YEARS: Final = 9999
_LONGEST_METHOD: Final = 40
LONGEST_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says. `text` is what was typed."""

    text: str
    line: str
    month: str
    standing: str
    method: str
    before: Mark | None

    @property
    def is_narrow(self) -> bool:
        """Whether less than everything is asked for."""
        return bool(self.text or self.line or self.month or self.standing or self.method)

    def question(self, zone: str) -> Question:
        """The same, with the month as instants."""
        since, until = span_of(self.month, zone) if self.month else (None, None)
        return Question(self.text, self.line, since, until, self.standing, self.method)


def asked_of(request: WebRequest, who: Subscriber, keeping: Keeping) -> Asked:
    """What the address asks; what it does not understand is not asked. Raises NotFound `route_unknown` for a text or a
    place that was sealed for somebody else.
    """
    given = request.query_params
    sealed = given.get("q", "")
    return Asked(
        text=keeping.open(sealed, place=own_place(_PLACE, who))["fields"]["text"] if sealed else "",
        line=_if(given.get("line", ""), is_id("line", given.get("line", ""))),
        month=_if(given.get("month", ""), is_month(given.get("month", ""))),
        standing=_if(given.get("state", ""), given.get("state", "") in STANDINGS),
        method=_method(given.get("method", "")),
        before=_mark(given.get("before", ""), who, keeping),
    )


def asked_by(form: Form) -> Asked:
    """What a form asks."""
    line, month, standing = form.one("line"), form.one("month"), form.one("state")
    return Asked(
        text=form.one("text")[:LONGEST_TEXT],
        line=_if(line, is_id("line", line)),
        month=_if(month, is_month(month)),
        standing=_if(standing, standing in STANDINGS),
        method=_method(form.one("method")),
        before=None,
    )


def address_of(
    asked: Asked, who: Subscriber, keeping: Keeping, *, path: str = HISTORY, before: Mark | None = None
) -> str:
    """The address that asks the same, from a place on."""
    said: dict[str, str] = {"line": asked.line, "month": asked.month, "state": asked.standing, "method": asked.method}
    if asked.text:
        said["q"] = keeping.seal({"text": asked.text}, place=own_place(_PLACE, who))
    if before is not None:
        # Sealed: the id may be of somebody else's order.
        said["before"] = keeping.seal({"id": before.id}, place=own_place(_PLACE, who), at=before.at.isoformat())
    query = urlencode({name: value for name, value in said.items() if value})
    return f"{path}?{query}" if query else path


def is_month(text: str) -> bool:
    """Whether it is a month as `2026-11`."""
    year, dash, month = text.partition("-")
    if not (text.isascii() and dash and year.isdigit() and month.isdigit() and len(text) == len("2026-11")):
        return False
    return 1 < int(year) < _YEARS and 1 <= int(month) <= 12  # noqa: PLR2004 - years and months as people count them


def span_of(month: str, zone: str) -> tuple[datetime, datetime]:
    """When a month (`2026-11`) begins in a zone, and the next one."""
    year, number = map(int, month.split("-"))
    begin = datetime(year, number, 1, tzinfo=ZoneInfo(zone))
    return begin, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=ZoneInfo(zone))


def months_until(now: datetime, zone: str, *, locale: str) -> Sequence[tuple[str, str]]:
    """The last months, newest first: as the address says them, and as people do."""
    today = now.astimezone(ZoneInfo(zone))
    count = today.year * 12 + today.month - 1
    found = [divmod(count - back, 12) for back in range(MONTHS)]
    return [(f"{year}-{month + 1:02d}", month_name(today.replace(year, month + 1, 1), locale)) for year, month in found]


def month_name(day: datetime, locale: str) -> str:
    """`November 2026`, `2026年11月`."""
    return str(format_skeleton("yMMMM", day, locale=locale))


def _mark(token: str, who: Subscriber, keeping: Keeping) -> Mark | None:
    if not token:
        return None
    kept: dict[str, Any] = keeping.open(token, place=own_place(_PLACE, who))
    return Mark(datetime.fromisoformat(kept.get("at", "0001-01-01T00:00:00+00:00")), kept["fields"].get("id", ""))


def _method(text: str) -> str:
    return _if(text, text.isidentifier() and len(text) <= _LONGEST_METHOD)


def _if(text: str, holds: bool) -> str:  # noqa: FBT001 - said by the name
    return text if holds else ""
