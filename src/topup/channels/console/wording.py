"""What the console says: its own texts, and what machines wrote down for a person, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.numbers import format_percent

from topup.kernel.errors import Problem
from topup.kernel.money import InvalidMoney, Money
from topup.orders.carrier_bills import carrier_of
from topup.people.sessions import SignedIn
from topup.platform.i18n import format_datetime, format_minute, format_money, has_text, language_tag, translate
from topup.platform.web.problems import words_of
from topup.reconciliation.wording import method_words

LANGUAGE_NAMES: Final = {"zh_Hans": "简体", "zh_Hant": "繁體", "en": "English"}
NOT_PERMITTED: Final = "not_permitted"
"""The code of what somebody may not do; its own text speaks of keys, to programs."""
_DOMAIN: Final = "console"
_AMOUNTS: Final = (
    "amount_minor",
    "tendered_minor",
    "expected_minor",
    "counted_minor",
    "difference_minor",
    "wanted_minor",
    "refunded_minor",
    "remains_minor",
    "taken_minor",
    "alarm_minor",
    "face_minor",
    "float_minor",
    "change_minor",
    "slip_minor",
    "most_minor",
    "daily_limit_minor",
)
_SAID: Final = ("ours", "theirs")
"""Amounts as a bill's differences tell them: `80.00 CNY`."""
_FIRST: Final = (*_AMOUNTS, "respond_by", *_SAID, "before", "after", "why", "method", "carrier", "order", "reference")
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_LONGEST_VALUE: Final = 300


@dataclass(frozen=True, slots=True)
class Said:
    """A mistake in words: what is wrong, and what to do."""

    title: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known, in words; `code` where it is an id or a code to be copied as it stands."""

    name: str
    value: str
    code: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that changed, in words; a side is None where there was nothing of it, or nothing is left. `name` is
    empty where the entry has but one thing to tell.
    """

    name: str
    before: Fact | None
    after: Fact | None


@dataclass(frozen=True, slots=True)
class Wording:
    """Speaks one of the three languages, with times in one zone."""

    locale: str
    zone: str = "UTC"

    @property
    def lang(self) -> str:
        """The `lang` attribute: `zh-Hans`."""
        return language_tag(self.locale)

    def text(self, message_id: str, /, **parameters: object) -> str:
        """A text of the console; raises MissingText."""
        return translate(self.locale, _DOMAIN, message_id, **parameters)

    def kind(self, kind: str) -> str:
        """What kind of thing is to be decided. One that nobody has named yet is called by its code."""
        return self._named("kind", kind)

    def kind_help(self, kind: str) -> str:
        """What that means, and what is usually done about it; empty where nobody wrote it down."""
        return self.text(f"kind.{kind}.help") if has_text(_DOMAIN, f"kind.{kind}.help") else ""

    def approval(self, kind: str) -> str:
        """What is asked for, of a kind that needs two people."""
        return self._named("approval", kind)

    def role(self, role: str) -> str:
        """The name of a role."""
        return self._named("role", role)

    def state(self, state: str) -> str:
        """The state of an approval."""
        return self._named("state", state)

    def action(self, action: str) -> str:
        """What somebody did, as the trail has it."""
        return self._named("action", action)

    def actor(self, actor: str, names: Mapping[str, str]) -> str:
        """Who did it: a name of staff, else as it is written."""
        if actor == "cli":
            return self.text("actor_cli")
        return names.get(actor, actor)

    def moment(self, instant: datetime) -> str:
        """Date and time of day, and how far that clock is from UTC: `20 Nov 2026, 16:00:00 UTC+8`."""
        said = format_datetime(instant, self.locale, zone=self.zone)
        return f"{said} {_offset(instant.astimezone(ZoneInfo(self.zone)))}"

    def minute(self, instant: datetime) -> str:
        """The same to the minute: of what is to come."""
        said = format_minute(instant, self.locale, zone=self.zone)
        return f"{said} {_offset(instant.astimezone(ZoneInfo(self.zone)))}"

    def amount(self, major: Decimal, currency: str) -> str:
        """An amount in major units, of a currency where one is known."""
        try:
            return format_money(Money.from_major(str(major), currency), self.locale)
        except InvalidMoney:
            return f"{major:,f}"

    def span(self, passed: timedelta) -> str:
        """How long: `12 s`, `5 min`, `3 h`."""
        seconds = max(0, int(passed.total_seconds()))
        if seconds < _MINUTE_S:
            return self.text("span_seconds", count=seconds)
        now = datetime(2000, 1, 1, tzinfo=UTC)
        return self.age(now - passed, now)

    def percent(self, share: float) -> str:
        """A share, as `99.2 %` is said; never 100 % of what is not all."""
        whole = min(share, 0.999) if share < 1 else share
        return format_percent(whole, "#,##0.#%", locale=self.locale)

    def age(self, since: datetime, now: datetime) -> str:
        """How long ago: `3 h`."""
        passed_s = max(0, int((now - since).total_seconds()))
        if passed_s < _HOUR_S:
            return self.text("age_minutes", count=passed_s // _MINUTE_S)
        if passed_s < 2 * _DAY_S:
            return self.text("age_hours", count=passed_s // _HOUR_S)
        return self.text("age_days", count=passed_s // _DAY_S)

    def facts(self, evidence: Mapping[str, Any]) -> list[Fact]:
        """Evidence in words: amounts as money, codes as they stand; what is not known is left out."""
        currency = evidence.get("currency")
        told = []
        for name in sorted(evidence, key=_weight):
            value = evidence[name]
            if (
                value is None
                or value == ""
                or isinstance(value, list | dict)
                or (name == "currency" and any(one in evidence for one in _AMOUNTS))
            ):
                continue
            told.append(self._fact(name, value, currency))
        return told

    def changes(self, facts: Mapping[str, Any], names: Mapping[str, str]) -> list[Changed]:
        """What an entry of the trail has `before` and `after`, side by side; what stayed as it was is left out. `names`
        are those of staff.
        """
        before, after = (_side(facts.get(name)) for name in ("before", "after"))
        currency = facts.get("currency")

        def told(side: Mapping[str, Any], name: str) -> Fact | None:
            value = side.get(name)
            if value is None or value == "":
                return None
            if str(value) in names:
                return Fact(self.fact_name(name), names[str(value)], code=False)
            return self._fact(name, value, side.get("currency", currency))

        found = [
            Changed(self.fact_name(name) if name else "", told(before, name), told(after, name))
            for name in sorted({**before, **after}, key=lambda one: (_weight(one), one))
            if before.get(name) != after.get(name) and name != "currency"
        ]
        return [one for one in found if one.before or one.after]

    def problem(self, problem: Problem, *, who: SignedIn | None = None) -> Said:
        """What went wrong, and what to do about it, told to whoever is signed in."""
        if who is not None and problem.code == NOT_PERMITTED:
            return self.not_yours(who, str(problem.parameters.get("permission", "")))
        return Said(*words_of(problem, locale=self.locale))

    def not_yours(self, who: SignedIn, permission: str) -> Said:
        """That somebody's role may not do it, or may not before a second person has confirmed their account."""
        if permission and who.waits_for(permission):
            return Said(self.text("unconfirmed"), self.text("unconfirmed.do"))
        return Said(self.text("not_yours", role=self.role(who.role.value)), self.text("not_yours.do"))

    def _fact(self, name: str, value: Any, currency: object) -> Fact:
        label = self.fact_name(name)
        if name in _AMOUNTS and isinstance(currency, str) and isinstance(value, int):
            return Fact(label, self.money(value, currency), code=False)
        if name in _SAID and len(parts := str(value).split()) == len(_SAID):
            return Fact(label, self.amount(Decimal(parts[0]), parts[1]), code=False)
        if name == "method" and (carrier := carrier_of(str(value))):
            return Fact(self.fact_name("carrier"), carrier, code=False)
        if name == "method":
            return Fact(label, self.method(str(value)), code=False)
        if name.endswith(("_at", "_by")) and (moment := _instant(value)):
            return Fact(label, self.moment(moment), code=False)
        if has_text(_DOMAIN, f"value.{value}"):
            return Fact(label, self.text(f"value.{value}"), code=False)
        return Fact(label, str(value)[:_LONGEST_VALUE], code=True)

    def value(self, value: str) -> str:
        """A state or a reason in words; one that nobody has named yet is called by its code."""
        return self._named("value", value)

    def purpose(self, purpose: str) -> str:
        """Why something moved in a line's books; what nobody has named yet is called by its code."""
        return self._named("purpose", purpose)

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount in minor units."""
        try:
            return format_money(Money(amount_minor, currency), self.locale)
        except InvalidMoney:
            return f"{amount_minor} {currency}"

    def fact_name(self, name: str) -> str:
        """What a fact is called."""
        return self._named("fact", name)

    def channel(self, channel: str) -> str:
        """Where an order was made."""
        return self._named("channel", channel)

    def method(self, method: str) -> str:
        """The name of a way to pay, or of a carrier whose bills are read; one that has none is called by its code."""
        return method_words(method, locale=self.locale)

    def _named(self, group: str, name: str) -> str:
        message_id = f"{group}.{name}"
        return self.text(message_id) if has_text(_DOMAIN, message_id) else name


def _offset(instant: datetime) -> str:
    minutes = int((instant.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "-"
    return "UTC" if not minutes else f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def _weight(name: str) -> int:
    """What one looks for first: how much, by what, which order."""
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _side(told: Any) -> Mapping[str, Any]:
    """What is known of one side of a change, by name; a thing without one has the empty name."""
    return told if isinstance(told, dict) else {"": told}


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None
