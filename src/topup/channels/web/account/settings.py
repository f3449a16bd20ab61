"""How one is written to: language, size, time zone, reminders, address, number."""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from topup.channels.web.account.codes import CodePages
from topup.channels.web.account.entering import said
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import SIZE_COOKIE, Page, WebRequest, go_to, kept_for_a_year, page
from topup.kernel.errors import Invalid, Throttled
from topup.kernel.msisdn import parse_msisdn
from topup.people.contacts import parse_contact
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.codes import Purpose
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.reminders import Reminders, Subject, Way, reminders_of
from topup.platform.web.edge import LOCALE_COOKIE
from topup.platform.web.forms import Form

SETTINGS: Final = "/account/settings"
EMAIL: Final = "/account/email"
NUMBER: Final = "/account/number"
_EMAIL: Final = "email"
_NUMBER: Final = "number"
_AREAS: Final = ("Asia", "Africa", "America", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class SettingsPages:
    """One's settings."""

    def __init__(self, *, changes: Changes, codes: CodePages, keeping: Keeping) -> None:
        self._changes = changes
        self._codes = codes
        self._keeping = keeping

    async def settings(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Everything that can be chosen."""
        account = await self._changes.account(who)
        return page(
            request,
            "account/settings.html",
            account=account,
            number=account.number.grouped(),
            reminders=reminders_of(account.reminders),
            subjects=list(Subject),
            ways=list(Way),
            zones=zones(),
            done="done" in request.query_params,
        )

    async def choose(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Keep what was chosen, for this browser too."""
        locale, elder = form.one("language"), form.one("size") == "large"
        await self._changes.choose(
            who, locale=locale, elder=elder, zone=form.one("zone") or None, reminders=_chosen(form)
        )
        secure = request.url.scheme == "https"
        cookies = [
            kept_for_a_year(LOCALE_COOKIE, locale, secure=secure),
            kept_for_a_year(SIZE_COOKIE, "large" if elder else "usual", secure=secure),
        ]
        return go_to(f"{SETTINGS}?done=1", cookies=cookies)

    async def email(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - as above
        """The form for an address."""
        kept = self._keeping.open(token, place=own_place(_EMAIL, who)) if token else {"fields": {"email": ""}}
        account = await self._changes.account(who)
        typed = kept["fields"]["email"]
        return page(
            request, "account/email.html", here=EMAIL, email=account.email, typed=typed, mistake=said(request, kept)
        )

    async def ask_email(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Send a code to the address."""
        try:
            to = parse_contact(form.one("email"))
            return await self._codes.send(request, who, Purpose.EMAIL, to, back=SETTINGS)
        except (Invalid, Throttled) as problem:
            token = self._keeping.seal({"email": form.one("email")}, place=own_place(_EMAIL, who), problem=problem)
            return go_to(f"{EMAIL}/{token}")

    async def remove_email(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """No address any more."""
        await self._changes.remove_email(who)
        return go_to(SETTINGS)

    async def number(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - as above
        """The form for another number."""
        kept = self._keeping.open(token, place=own_place(_NUMBER, who)) if token else {"fields": {"number": ""}}
        account = await self._changes.account(who)
        return page(
            request,
            "account/number.html",
            here=NUMBER,
            number=account.number.grouped(),
            typed=kept["fields"]["number"],
            mistake=said(request, kept),
        )

    async def ask_number(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Send a code to the number."""
        try:
            return await self._codes.send(request, who, Purpose.NUMBER, parse_msisdn(form.one("number")), back=SETTINGS)
        except (Invalid, Throttled) as problem:
            token = self._keeping.seal({"number": form.one("number")}, place=own_place(_NUMBER, who), problem=problem)
            return go_to(f"{NUMBER}/{token}")


@cache
def zones() -> dict[str, list[str]]:
    """The IANA zones one can choose, by area."""
    named = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in _AREAS)
    return {area: [zone for zone in named if zone.startswith(f"{area}/")] for area in _AREAS}


def _chosen(form: Form) -> Reminders:
    ticked = form.many("remind")
    ways = {subject: frozenset(way for way in Way if f"{subject.value}.{way.value}" in ticked) for subject in Subject}
    return Reminders(ways, _hour(form.one("quiet_from")), _hour(form.one("quiet_to")))


def _hour(text: str) -> int:
    """An hour of the day; raises Invalid `request_malformed`."""
    if not (text.isascii() and text.isdigit() and len(text) <= len("23")):
        raise Invalid("request_malformed")
    return int(text)
