"""Usage, for the network's systems and others of the operator that hold an API key: records, history, events."""

from typing import Annotated, Final

import msgspec
from litestar.params import FromPath

from topup.catalogue.queries import CatalogueCache
from topup.channels.api import usage_rendering as rendering
from topup.channels.api import usage_shapes as shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_once
from topup.channels.api.reading import decoded, path_text, permitted, query_text
from topup.channels.api.rendering import encode
from topup.charging.usage.desk import MOST, Results, UsageRecords
from topup.charging.usage.history import LONGEST_PAGE, PAGE, UsageHistory, parse_limit
from topup.charging.usage.reading import LONGEST_ID, UsageRecord, read_record
from topup.charging.usage.records import Refused
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import new_id
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.request_keys import Answering, RequestKeys
from topup.platform.web import Handlers, read_body, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_READ: Final = Permission.READ_LINES
_CHARGE: Final = Permission.CHARGE_USAGE
_ROUTE: Final = "POST /usage"

_NUMBER: Final = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13800138000")
_LIMIT: Final = Parameter(
    "limit", "query", f"How many, 1 to {LONGEST_PAGE}; {PAGE} where it is left out.", "20", required=False
)
_PROBLEMS: Final = (
    "number_unreadable",
    "number_impossible",
    "number_invalid",
    "line_unknown",
    "limit_unreadable",
    NotFound("usage_page_unknown"),
)

_one: Final = msgspec.json.Decoder(shapes.NewUsage)


class _Sent(msgspec.Struct, frozen=True):
    """Whether a body has a list of records, or is one itself."""

    records: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Several(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records that are read one by one."""

    records: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST)]


class _Named(msgspec.Struct, frozen=True):
    """What an unreadable record is called, if it says so."""

    id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID, pattern=shapes.PLAIN)]


_sent: Final = msgspec.json.Decoder(_Sent)
_several: Final = msgspec.json.Decoder(_Several)
_named: Final = msgspec.json.Decoder(_Named)

_Said = shapes.NewUsage | msgspec.Raw
"""A record, or what was sent in the place of one."""


class UsageRoutes(Handlers):
    """Handlers of the routes about what lines used, and what they were told of it."""

    def __init__(
        self, *, database: Database, keys: RequestKeys, catalogue: CatalogueCache, records: UsageRecords
    ) -> None:
        self._database = database
        self._keys = keys
        self._records = records
        self._history = UsageHistory(database=database, catalogue=catalogue)

    async def new_usage(self, request: AnyRequest) -> Answer:
        """Charge for records of usage; one that is wrong or refused costs the others nothing."""
        await permitted(request, self._database, _CHARGE)
        said = _records(await read_body(request))
        locale = request_locale(request)

        def render(found: Results) -> tuple[int, bytes]:
            return 200, encode(rendering.results(found, locale))

        async def work(_resource: str, answering: Answering[Results]) -> Results:
            return await self._records.charge([_read(record) for record in said], answer=answering)

        keyed = Keyed(route=_ROUTE, content=encode(said), resource=new_id("event", 0), render=render)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    async def usages(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What a line used, what it cost and why, page by page, newest first."""
        await permitted(request, self._database, _READ)
        view = await self._history.usages(
            number=path_text(number),
            before=query_text(request, "before"),
            limit=parse_limit(query_text(request, "limit")),
        )
        return answer(encode(rendering.history(view, request_locale(request))))

    async def events(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What a line was told of, page by page, newest first."""
        await permitted(request, self._database, _READ)
        view = await self._history.events(
            number=path_text(number),
            before=query_text(request, "before"),
            limit=parse_limit(query_text(request, "limit")),
        )
        return answer(encode(rendering.events(view, request_locale(request))))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        before_usage = Parameter("before", "query", "The `before` of the last page.", "MTc2MzYyNTYwMDAwMDAwMH5jZHItMQ",
                                 longest=200, required=False)  # fmt: skip
        before_event = Parameter("before", "query", "The `before` of the last page.", "evt_01m7xprzmv03t2s6sdhxcrg8x8",
                                 required=False)  # fmt: skip
        return [
            Endpoint("POST", "/api/v1/usage", self.new_usage, "createUsage", "Charge for what was used", "Usage",
                     shapes.UsageResults, 200, shapes.NewUsages, keyed=True, permission=_CHARGE.value),
            Endpoint("GET", "/api/v1/lines/{number}/usage", self.usages, "listUsage", "List what a line used", "Usage",
                     shapes.LineUsage, parameters=(_NUMBER, before_usage, _LIMIT), problems=_PROBLEMS,
                     permission=_READ.value),
            Endpoint("GET", "/api/v1/lines/{number}/events", self.events, "listEvents",
                     "List what a line was told of: low, used up, expiring, blocked, restored", "Usage",
                     shapes.LineEvents, parameters=(_NUMBER, before_event, _LIMIT), problems=_PROBLEMS,
                     permission=_READ.value),
        ]  # fmt: skip


def _records(body: bytes) -> list[_Said]:
    """The records of a body; one of several that has not their form stays as it was sent.

    Raises Invalid `body_unreadable`, `body_invalid` of what is no list of records, and of a single record.
    """
    if decoded(body, _sent).records is msgspec.UNSET:
        return [decoded(body, _one)]
    return [_record(sent) for sent in decoded(body, _several).records]


def _record(sent: msgspec.Raw) -> _Said:
    try:
        return decoded(bytes(sent), _one)
    except Invalid:
        return sent


def _unreadable(sent: msgspec.Raw) -> Refused:
    """Why what was sent is no record, by its own id if that can be read."""
    try:
        identifier = decoded(bytes(sent), _named).id
    except Invalid:
        identifier = ""
    try:
        decoded(bytes(sent), _one)
    except Invalid as problem:
        found = problem.parameters
        field, reason = str(found.get("field", "$")), str(found.get("reason", "JSON"))
        return Refused.by(identifier, Invalid("usage_record_unreadable", field=field, reason=reason))
    raise ValueError("this is a record")


def _read(said: _Said) -> UsageRecord | Refused:
    """A record, or why it cannot be one."""
    if isinstance(said, msgspec.Raw):
        return _unreadable(said)
    try:
        return read_record(
            identifier=said.id,
            number=said.number,
            service=said.service,
            quantity=said.quantity,
            at=said.at,
            country=said.country,
            called=said.called,
            source="api",
        )
    except Invalid as problem:
        return Refused.by(said.id, problem)
