"""What the pages of help say to one reader."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from babel.dates import format_date as babel_date
from babel.dates import get_day_names

from topup.care.desk import Care
from topup.channels.web.rendering import WebRequest, reader_of
from topup.channels.web.wording import Wording
from topup.platform.i18n import DEFAULT_LOCALE, format_number, translate
from topup.shops.hours import clock
from topup.shops.places import Spans, Texts

_NEAR_M = 950
_KILOMETRE_M = 1000
_FAR_KM = 10
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Speech:
    """Speaks one of the three languages. Raises MissingText where a text is not in the catalogues."""

    wording: Wording

    @property
    def locale(self) -> str:
        """The reader's language."""
        return self.wording.locale

    def say(self, message_id: str, /, **parameters: object) -> str:
        """A text of the pages of help."""
        return translate(self.locale, "help", message_id, **parameters)

    def care(self, message_id: str, /, **parameters: object) -> str:
        """A text of what is found out, the same in every channel."""
        return translate(self.locale, "care", message_id, **parameters)

    def own(self, texts: Texts) -> str:
        """The one of an operator's texts this reader reads; empty where there is none."""
        return texts.get(self.locale) or texts.get(DEFAULT_LOCALE, "")

    def distance(self, metres: float) -> str:
        """Roughly how far, no finer than is known: `about 1.2 km`."""
        if metres < _NEAR_M:
            return self.say("near")
        kilometres = metres / _KILOMETRE_M
        told = f"{kilometres:.1f}" if kilometres < _FAR_KM else format_number(round(kilometres), self.locale)
        return self.say("about_km", km=told)

    def day_name(self, day: int) -> str:
        """A day of the week, 0 is Monday."""
        return str(get_day_names("wide", locale=self.locale)[day])

    def date(self, day: date) -> str:
        """A day of the calendar, with its weekday."""
        return str(babel_date(day, "full", locale=self.locale))

    def spans(self, spans: Spans) -> str:
        """Hours of a day: `09:00–12:00, 13:30–18:00`."""
        told = [f"{clock(span.opens)}–{clock(span.closes)}" for span in spans]
        return self.say("comma").join(told) or self.say("closed_all_day")

    def when(self, instant: datetime, zone: str, *, now: datetime) -> str:
        """An instant as one says it: the time today, else the day and the time; to the minute."""
        where = ZoneInfo(zone)
        local, today = instant.astimezone(where), now.astimezone(where).date()
        told = f"{local:%H:%M}"
        if local.date() == today:
            return told
        if local.time() == time(0) and (local.date() - today).days == 1:
            return "24:00"
        days = (local.date() - today).days
        name = self.day_name(local.weekday()) if days < _WEEK_DAYS else self.date(local.date())
        return f"{name} {told}"


async def zone_of(care: Care, request: WebRequest) -> str:
    """The IANA zone of times that belong to no line: the reader's, where they chose one, else that of the house."""
    subscriber = reader_of(request).subscriber
    return (subscriber.zone if subscriber else None) or await care.zone()
