"""Usage that is charged as it goes on, for the network's systems that hold an API key: open, update, release.

Asked thousands of times a second, so nothing here touches the database but the session's own work.
"""

from hashlib import blake2b
from typing import Final

import msgspec
from litestar.params import FromPath

from topup.channels.api import usage_sessions_shapes as shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.known_keys import KnownKeys
from topup.channels.api.reading import name_of, read_json
from topup.charging.sessions.answers import CLIENTS_OWN, SessionShown, SessionTold
from topup.charging.sessions.desk import Sessions, place_of
from topup.charging.sessions.requests import Opening, Reporting, ServiceReport, Told
from topup.charging.usage.reading import e164_of
from topup.kernel.errors import Conflict, Invalid, NotFound, WhoMustAct
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.request_keys import LONGEST_KEY, check_key
from topup.platform.web import Handlers
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest, header

_CHARGE: Final = Permission.CHARGE_USAGE
_ROOT: Final = "/api/v1/usage/sessions"
_SESSION: Final = Parameter("session_id", "path", "Id of a session.", "ses_01m7xprzmv03t2s6sdhxcrg8x8")
_KEY: Final = Parameter("Idempotency-Key", "header", "Unique to the session; needed where it has no `session_id`.",
                        "8e03978e-40d5-43dd-bc93-6894a57f9324", longest=LONGEST_KEY, required=False)  # fmt: skip
_ABOUT_SERVICES: Final = (
    Invalid("usage_service_missing"),
    Invalid("usage_service_twice"),
    Invalid("usage_services_many"),
    Invalid("usage_in_future"),
)
_ABOUT_SESSIONS: Final = (
    NotFound("usage_session_unknown"),
    Conflict("usage_session_closed"),
    Conflict("usage_sequence_wrong"),
    Invalid("usage_sequence_reused"),
)
_TOO_DEAR: Final = (Conflict("insufficient_funds"),)
"""What was used costs more than an amount can be."""

_opening: Final = msgspec.json.Decoder(shapes.NewSession)
_update: Final = msgspec.json.Decoder(shapes.SessionUpdate)
_release: Final = msgspec.json.Decoder(shapes.SessionRelease)
_encode: Final = msgspec.json.Encoder().encode


class SessionRoutes(Handlers):
    """Handlers of the routes of sessions."""

    def __init__(self, *, database: Database, sessions: Sessions) -> None:
        self._sessions = sessions
        self._keys = KnownKeys(database, _CHARGE)

    async def new_session(self, request: AnyRequest) -> Answer:
        """Begin to use something: what is granted is held of the line until it is reported or given back."""
        principal = await self._keys.permitted(request)
        said = await read_json(request, _opening)
        own = said.session_id
        key = CLIENTS_OWN + own if own else f"key:{check_key(header(request, b'idempotency-key'))}"
        services = tuple(
            ServiceReport(each.rating_group, 0, each.requested, each.service, each.country, each.called)
            for each in said.services
        )
        opening = Opening(
            opened_by=name_of(principal),
            client_key=key,
            msisdn=e164_of(said.number),
            sequence=said.sequence,
            services=services,
            at=said.at,
            fingerprint=_fingerprint(b"open", said),
        )
        return _answer(await self._sessions.open(opening), status=201)

    async def update(self, request: AnyRequest, session_id: FromPath[str]) -> Answer:
        """Report what was used, and be granted more. Sent again, it is answered again and charged once."""
        await self._keys.permitted(request)
        said = await read_json(request, _update)
        services = tuple(
            ServiceReport(each.rating_group, each.used, each.requested, each.service, each.country, each.called)
            for each in said.services
        )
        lane, identifier = place_of(session_id)
        mark = _fingerprint(b"update", said)
        return _answer(await self._sessions.report(Reporting(lane, identifier, said.sequence, services, said.at, mark)))

    async def release(self, request: AnyRequest, session_id: FromPath[str]) -> Answer:
        """End a session: what was used is taken, what is held beyond goes back."""
        await self._keys.permitted(request)
        said = await read_json(request, _release)
        services = tuple(ServiceReport(each.rating_group, each.used, 0) for each in said.services)
        lane, identifier = place_of(session_id)
        mark = _fingerprint(b"release", said)
        reporting = Reporting(lane, identifier, said.sequence, services, said.at, mark, closing=True)
        return _answer(await self._sessions.report(reporting))

    async def session(self, request: AnyRequest, session_id: FromPath[str]) -> Answer:
        """Where a session stands: what it used, what it holds, which number its next request has."""
        await self._keys.permitted(request)
        return answer(await self._sessions.get(session_id))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        refusals = tuple(
            Conflict(code)
            for code in ("line_barred", "line_closed", "line_blocked", "insufficient_funds", "bucket_frozen")
        )
        return [
            Endpoint("POST", _ROOT, self.new_session, "openUsageSession", "Begin to use something", "Usage",
                     SessionTold, 201, shapes.NewSession, parameters=(_KEY,), permission=_CHARGE.value,
                     problems=("number_unreadable", "number_impossible", "number_invalid", "line_unknown",
                               "key_missing", "key_unreadable", "key_reused", "session_id_reused", "usage_before_line",
                               "usage_too_old",
                               Invalid("rate_missing", who=WhoMustAct.US),
                               Conflict("usage_sequence_wrong"), *_ABOUT_SERVICES, *refusals)),
            Endpoint("POST", f"{_ROOT}/{{session_id}}/update", self.update, "updateUsageSession",
                     "Report use and be granted more", "Usage", SessionTold, 200, shapes.SessionUpdate,
                     parameters=(_SESSION,), permission=_CHARGE.value,
                     problems=(*_ABOUT_SESSIONS, *_ABOUT_SERVICES, "usage_too_long", *_TOO_DEAR)),
            Endpoint("POST", f"{_ROOT}/{{session_id}}/release", self.release, "releaseUsageSession",
                     "End a session", "Usage", SessionTold, 200, shapes.SessionRelease, parameters=(_SESSION,),
                     permission=_CHARGE.value,
                     problems=(*_ABOUT_SESSIONS, *_ABOUT_SERVICES, "usage_too_long", *_TOO_DEAR)),
            Endpoint("GET", f"{_ROOT}/{{session_id}}", self.session, "getUsageSession", "See where a session stands",
                     "Usage", SessionShown, parameters=(_SESSION,), permission=_CHARGE.value,
                     problems=(NotFound("usage_session_unknown"),)),
        ]  # fmt: skip


def _fingerprint(kind: bytes, said: msgspec.Struct) -> bytes:
    """Of all that was said, however it was spelled."""
    return blake2b(kind + _encode(said), digest_size=16).digest()


def _answer(told: Told, *, status: int = 200) -> Answer:
    if told.replayed:
        return answer(told.body, status=status, idempotent_replayed="true")
    return answer(told.body, status=status)
