"""The carrier's process: its parts put together, its addresses, and the controls of tests."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs

import msgspec

from topup_simulators.agenda import Agenda
from topup_simulators.carrier.book import SCHEMA, Book
from topup_simulators.carrier.desk import CALLBACK, LATER, Desk, Reply
from topup_simulators.carrier.endings import Ending, ending_of
from topup_simulators.carrier.lock import Lock, TurnedAway
from topup_simulators.post import is_on_this_machine
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour, Request

_STATUS: Final = {"INSUFFICIENT_FLOAT": 500, "THROTTLED": 429, "BAD_MAC": 401, "NOT_FOUND": 404, "BAD_CALL": 400}
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


class _Wanted(msgspec.Struct):
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    msisdn: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
    amount_minor: Annotated[int, msgspec.Meta(gt=0, lt=10**12)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    product: str
    callback_url: str


class _Float(msgspec.Struct):
    amount_minor: Annotated[int, msgspec.Meta(ge=0)]


class _Fault(msgspec.Struct):
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    fault: Literal["MISSING", "AMOUNT", "STATE", "TWICE", "EXTRA"]
    amount_minor: Annotated[int, msgspec.Meta(gt=0, lt=10**12)] = 1
    at: datetime | None = None


class _Spoil(msgspec.Struct):
    faults: list[_Fault]


class _Pace(msgspec.Struct):
    paused: bool | None = None
    hasten: bool = False


class Carrier:
    """A carrier with one customer, who has a float."""

    kind = "carrier"

    def __init__(
        self, *, state_directory: Path, currency: str, float_minor: int, time_factor: float, resend_factor: float
    ) -> None:
        state_directory.mkdir(parents=True, exist_ok=True)
        state_directory.chmod(0o700)
        self._lock = Lock(state_directory)
        self.store = Store(state_directory / "carrier.sqlite", SCHEMA)
        self._book = Book(self.store, float_minor=float_minor, currency=currency)
        deeds: dict[str, Any] = {}
        self.agenda = Agenda(self.store, deeds)
        self._desk = Desk(
            store=self.store,
            book=self._book,
            lock=self._lock,
            agenda=self.agenda,
            time_factor=time_factor,
            resend_factor=resend_factor,
        )
        deeds |= {LATER: self._desk.finish, CALLBACK: self._desk.call_back}

    def announce(self, _url: str) -> Mapping[str, Any]:
        """Where the shared secret is."""
        return {"secret_file": str(self._lock.secret_file.resolve())}

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request, whole in one transaction."""
        if request.path.startswith("/control/"):
            return self._control(request)
        now = datetime.now(UTC)
        now_ms = int(now.timestamp() * 1000)
        with self.store.transaction():
            reply = self._reply(request, now, now_ms)
        if not isinstance(reply, dict):
            return reply
        spoilt = bool(reply.pop("spoilt", False))
        body = msgspec.json.encode(reply)
        status = _STATUS.get(reply["code"], 200)
        nonce = request.headers.get("x-api-nonce", "")
        headers = self._lock.reply_headers(status=status, nonce=nonce, body=body, now_ms=now_ms, spoilt=spoilt)
        return Answer(status, body, headers=headers)

    def _reply(self, request: Request, now: datetime, now_ms: int) -> Reply:
        try:
            self._lock.check(request, self.store, now_ms)
            return self._route(request, now)
        except TurnedAway as turned_away:
            return {"code": turned_away.code}
        except (msgspec.MsgspecError, ValueError):
            return {"code": "BAD_CALL"}

    def _route(self, request: Request, now: datetime) -> Reply:
        room, _, rest = request.path.removeprefix("/").partition("/")
        if (request.method, room, rest) == ("POST", "topups", ""):
            wanted = msgspec.json.decode(request.body, type=_Wanted)
            if wanted.callback_url and not is_on_this_machine(wanted.callback_url):
                raise TurnedAway("BAD_CALL")
            return self._desk.submit(msgspec.to_builtins(wanted), now)
        if request.method != "GET":
            raise TurnedAway("BAD_CALL")
        if room == "topups" and rest:
            return self._query(rest)
        if room == "float" and not rest:
            return {"code": "OK", **self._book.float_left()}
        if room == "lookup" and rest:
            return _lookup(rest)
        if room == "bill" and rest:
            day = date.fromisoformat(rest).isoformat()
            lines, following = self._book.bill(day, parse_qs(request.query).get("after", [""])[0])
            return {"code": "OK", "deliveries": lines, "next": following}
        raise TurnedAway("BAD_CALL")

    def _query(self, external_id: str) -> Reply:
        topup = self._book.topup(external_id)
        self.store.count("query", external_id, effected=topup is not None)
        if topup is None:
            return {"code": "NOT_FOUND", "external_id": external_id}
        return {"code": topup["code"], "external_id": external_id, "reference": topup["reference"]}

    def _control(self, request: Request) -> Answer:
        """What tests ask: who was credited how often, the float, the callbacks' pace. Not signed, loopback only."""
        asked = (request.method, request.path)
        try:
            if asked == ("GET", "/control/deliveries"):
                msisdn = parse_qs(request.query).get("msisdn", [None])[0]
                return Answer(200, msgspec.json.encode({"deliveries": self._book.deliveries(msisdn=msisdn)}))
            if asked == ("GET", "/control/calls"):
                subject = parse_qs(request.query).get("subject", [None])[0]
                return Answer(200, msgspec.json.encode({"calls": self.store.counted(subject=subject, most=10_000)}))
            if asked == ("POST", "/control/float"):
                self._book.set_float(msgspec.json.decode(request.body, type=_Float).amount_minor)
                return Answer(200, b'{"code":"OK"}')
            if asked == ("POST", "/control/bill"):
                self._spoil(msgspec.json.decode(request.body, type=_Spoil))
                return Answer(200, b'{"code":"OK"}')
            if asked == ("POST", "/control/callbacks"):
                self._pace(msgspec.json.decode(request.body, type=_Pace))
                return Answer(200, b'{"code":"OK"}')
        except msgspec.MsgspecError:
            return Answer(400, b'{"code":"BAD_REQUEST"}')
        return Answer(404, b'{"code":"NO_SUCH_CONTROL"}')

    def _spoil(self, wanted: _Spoil) -> None:
        """Its bills have these faults from now on, and no others; an EXTRA line is of its time, else now."""
        with self.store.transaction():
            self._book.mend_bill()
            for one in wanted.faults:
                self._book.spoil_bill(one.external_id, one.fault, one.amount_minor, one.at or datetime.now(UTC))

    def _pace(self, wanted: _Pace) -> None:
        if wanted.hasten:
            self.agenda.hasten(CALLBACK)
        if wanted.paused is not None:
            self.agenda.pause(CALLBACK, paused=wanted.paused)


def _lookup(msisdn: str) -> Reply:
    """Numbers that will be refused are not told apart here: only the attempt shows it, as with real carriers."""
    silent = ending_of(msisdn) in (Ending.NOT_FOUND, Ending.SUSPENDED)
    possible = _E164.fullmatch(msisdn) is not None
    return {"code": "OK", "can_be_topped_up": None if possible and silent else possible}
