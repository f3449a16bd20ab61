"""Keys and certificates: ours by what they do, providers' with their dates, and who may call us. None is ever shown."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Wording
from topup.people.agents.queries import agents
from topup.people.api_keys import IssuedKey, issued
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import has_text, translate
from topup.platform.key_facts import KeyFact, KeyUse, key_facts
from topup.platform.keys import KeyRing
from topup.platform.plugs import Finding, Health
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest

Findings = Mapping[str, Sequence[Finding]]
LookUp = Callable[[datetime], Awaitable[Findings]]
"""(now) -> what each plugin's own check finds, as `topup doctor` has it."""

_DOMAIN: Final = "keys"
_DOCTOR: Final = "doctor"
_FRESH_S: Final = 600.0
_PATIENCE_S: Final = 8.0
"""How long a page waits for providers; what they say later is on the next one."""
_TONES: Final = {Health.FINE: "good", Health.SOON: "", Health.WRONG: "alarm", Health.UNKNOWN: "over"}
_KEYS: Final = 500


class Watch:
    """What plugins' checks found lately, for everybody who looks: providers are asked once in ten minutes at most."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._found: Findings = {}
        self._at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def findings(self, now: datetime) -> Findings:
        """What is known, anew where that is old, as far as it comes in time."""
        self._begin(now)
        if self._asking is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._asking), _PATIENCE_S)
        return self._found

    def lately(self, now: datetime) -> Findings:
        """What is known, without waiting; what is old is asked for meanwhile."""
        self._begin(now)
        return self._found

    def _begin(self, now: datetime) -> None:
        idle = self._asking is None or self._asking.done()
        if idle and time.monotonic() - self._at > _FRESH_S:
            self._asking = asyncio.create_task(self._ask(now), name="plugin-findings")

    async def _ask(self, now: datetime) -> None:
        try:
            self._found = await self._look_up(now)
        finally:
            self._at = time.monotonic()


def warnings(found: Findings) -> int:
    """How many things of providers are wrong, or will be before long."""
    return sum(one.health in {Health.SOON, Health.WRONG} for findings in found.values() for one in findings)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours in words."""

    purpose: str
    means: str
    kid: str
    made: str
    use: str
    tone: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing of a provider in words: how it stands, from when to when, and what to do."""

    provider: str
    subject: str
    state: str
    tone: str
    dates: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Caller:
    """An API key in words."""

    id: str
    label: str
    role: str
    owner: str
    made: str
    used: str
    ended: str


class KeyPages:
    """The page of keys and certificates."""

    def __init__(self, *, look: Look, database: Database, keyring: KeyRing, watch: Watch) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._watch = watch

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """All of them."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            keys = await issued(connection, limit=_KEYS)
            owners = await names_of(connection, [one.staff_id or "" for one in keys])
            owners |= {one.id: one.name for one in await agents(connection)}
        own = await asyncio.to_thread(key_facts, self._keyring)
        found = await self._watch.findings(now)
        return self._look.page(
            request,
            "keys.html",
            who=who,
            place="keys",
            k=lambda message_id, **parameters: translate(wording.locale, _DOMAIN, message_id, **parameters),
            own=[_own(one, wording) for one in own],
            checked=[_checked(name, one, wording) for name, findings in found.items() for one in findings],
            callers=[_caller(one, owners, wording) for one in keys],
            worrying=warnings(found),
        )


def _text(wording: Wording, message_id: str) -> str:
    return translate(wording.locale, _DOMAIN, message_id)


def _own(one: KeyFact, wording: Wording) -> OwnKey:
    means = f"purpose.{one.purpose}"
    tone = {KeyUse.CURRENT: "good", KeyUse.OLDER: "over", KeyUse.LOST: "alarm"}[one.use]
    return OwnKey(
        one.purpose,
        _text(wording, means) if has_text(_DOMAIN, means) else "",
        one.kid,
        wording.moment(one.made_at),
        _text(wording, f"use.{one.use.value}"),
        tone,
    )


def _checked(name: str, one: Finding, wording: Wording) -> Checked:
    def doctor(message_id: str) -> str:
        known = message_id and has_text(_DOCTOR, message_id)
        return translate(wording.locale, _DOCTOR, message_id, **one.parameters) if known else ""

    begins, ends = one.parameters.get("begins"), one.parameters.get("ends")
    return Checked(
        wording.method(name),
        doctor(f"subject.{one.subject}") or one.subject,
        _text(wording, f"health.{one.health.value}"),
        _TONES[one.health],
        f"{begins} – {ends}" if begins and ends else "",
        doctor(one.reason),
        doctor(f"{one.reason}.do") if one.reason else "",
    )


def _caller(one: IssuedKey, owners: Mapping[str, str], wording: Wording) -> Caller:
    owner = one.staff_id or one.agent_id
    return Caller(
        one.id,
        one.label,
        wording.role(one.role),
        owners.get(owner, owner) if owner else "",
        wording.moment(one.created_at),
        wording.moment(one.used_at) if one.used_at else "",
        wording.moment(one.revoked_at) if one.revoked_at else "",
    )
