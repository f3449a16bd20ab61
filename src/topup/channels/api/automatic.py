"""Automatic top-ups of a number, for systems of the operator that hold an API key: seen, and stopped for a reason."""

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar.params import FromPath

from topup.channels.api import automatic_shapes as said
from topup.channels.api import shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_once
from topup.channels.api.reading import name_of, path_text, permitted, read_json
from topup.channels.api.rendering import encode
from topup.kernel.errors import NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.orders.desk import Desk
from topup.orders.schedules.desk import ScheduleView
from topup.orders.schedules.rules import Trigger
from topup.orders.schedules.runs import RunRow
from topup.orders.schedules.states import ScheduleState
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.request_keys import Answering, RequestKeys
from topup.platform.web import Handlers, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_READ: Final = Permission.READ_LINES
_STOP: Final = Permission.BAR_LINES
_ROOT: Final = "/api/v1/lines/{number}/automatic"
_NUMBER: Final = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13800138000")
_ID: Final = Parameter(
    "schedule_id", "path", "The id of an automatic top-up of that number.", "sch_01m7xprzmv03t2s6sdhxcrg8x8"
)
_PROBLEMS: Final = ("number_unreadable", "number_impossible", "number_invalid")
_STATES: Final[Mapping[ScheduleState, said.AutomaticState]] = {
    ScheduleState.ACTIVE: "active",
    ScheduleState.PAUSED: "paused",
    ScheduleState.STOPPED: "stopped",
}
"""What its owner removed is nowhere any more."""
_stop_wanted: Final = msgspec.json.Decoder(said.StopWanted)


class AutomaticRoutes(Handlers):
    """Handlers of the routes of automatic top-ups."""

    def __init__(self, *, desk: Desk, database: Database, keys: RequestKeys) -> None:
        self._desk = desk
        self._database = database
        self._keys = keys

    async def listed(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What tops a number up by itself: when it runs next, and why it last did or did not."""
        await permitted(request, self._database, _READ)
        found = await self._desk.schedules.of_number(number=path_text(number))
        return answer(encode(said.AutomaticTopUps([_shown(view) for view in found])))

    async def stop(self, request: AnyRequest, number: FromPath[str], schedule_id: FromPath[str]) -> Answer:
        """Stop one, and tell its owner, who may take it up again. One that does not run is left as it is."""
        principal = await permitted(request, self._database, _STOP)
        limit(request, "order")
        wish = await read_json(request, _stop_wanted)
        e164, wanted = parse_msisdn(path_text(number)).e164, path_text(schedule_id)

        async def work(_resource: str, answering: Answering[ScheduleView]) -> ScheduleView:
            if (await self._desk.schedules.by_id(schedule_id=wanted)).schedule.msisdn.e164 != e164:
                raise NotFound("schedule_unknown")
            view, _ = await self._desk.stop_automatic(
                schedule_id=wanted, by=name_of(principal), reason=wish.reason, answer=answering
            )
            return view

        route = "POST /lines/{number}/automatic/{schedule_id}/stop"
        keyed = Keyed(route=route, content=encode((e164, wanted, wish.reason)), resource=wanted, render=_rendered)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("GET", _ROOT, self.listed, "listAutomaticTopUps", "See what tops a number up by itself", "Lines",
                     said.AutomaticTopUps, parameters=(_NUMBER,), problems=_PROBLEMS, permission=_READ.value),
            Endpoint("POST", f"{_ROOT}/{{schedule_id}}/stop", self.stop, "stopAutomaticTopUp",
                     "Stop an automatic top-up", "Lines", said.AutomaticTopUp, body=said.StopWanted, keyed=True,
                     parameters=(_NUMBER, _ID), permission=_STOP.value,
                     problems=(*_PROBLEMS, NotFound("schedule_unknown"), "approval_reason_missing",
                               "approval_reason_too_long")),
        ]  # fmt: skip


def _rendered(view: ScheduleView) -> tuple[int, bytes]:
    return 200, encode(_shown(view))


def _shown(view: ScheduleView) -> said.AutomaticTopUp:
    one, agreed = view.schedule, view.schedule.agreement

    def money(minor: int | None) -> shapes.Money | None:
        return None if minor is None else shapes.Money(minor, one.currency)

    monthly = agreed.trigger is Trigger.MONTHLY
    return said.AutomaticTopUp(
        id=one.id,
        number=one.msisdn.e164,
        carrier_id=one.carrier_id,
        state=_STATES[one.state],
        reason=one.reason,
        when=agreed.trigger.value,
        day=agreed.day if monthly else None,
        days_early=agreed.days_early if agreed.trigger in {Trigger.MONTHLY, Trigger.KEEP} else None,
        below=money(agreed.threshold_minor) if agreed.trigger is Trigger.LOW else None,
        days_before=agreed.days_before if agreed.trigger is Trigger.EXPIRY else None,
        amount=money(agreed.amount_minor),
        up_to=money(agreed.target_minor),
        cap=shapes.Money(agreed.cap_minor, one.currency),
        interval_days=agreed.interval_days,
        next_at=one.next_at,
        zone=one.zone.key,
        created_at=one.created_at,
        runs=[_run(run, one.currency) for run in view.runs],
    )


def _run(run: RunRow, currency: str) -> said.AutomaticRun:
    return said.AutomaticRun(
        cause=run.cause,
        state=run.state.value,
        reason=run.reason,
        amount=shapes.Money(run.amount_minor, currency),
        due_at=run.due_at,
        ended_at=run.ended_at,
        order_id=run.order_id,
    )
