"""Another limit of a month for a top-up that runs by itself: less at once, more when its owner has agreed to it."""

from topup.channels.web.automatic.pages import AGAIN, AUTOMATIC
from topup.channels.web.automatic.showing import shown
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import InvalidMoney, Money
from topup.orders.desk import Desk
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.typed import money_typed


class LimitPages:
    """Changing a limit."""

    def __init__(self, *, desk: Desk, database: Database, keeping: Keeping) -> None:
        self._desk = desk
        self._database = database
        self._keeping = keeping

    async def change(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """Less holds from now on; more is asked about first, as agreeing does."""
        one = (await self._desk.schedules.one(subscriber_id=who.id, schedule_id=schedule_id)).schedule
        typed = form.one("cap")
        try:
            cap = _typed(typed, one.currency)
            if cap.amount_minor > one.agreement.cap_minor and not form.one("sure"):
                await self._desk.schedules.check_limit(subscriber_id=who.id, schedule_id=schedule_id, cap=cap)
                sealed = self._keeping.seal({"cap": cap.to_major()}, place=_place(who, schedule_id))
                return go_to(f"{AUTOMATIC}/{schedule_id}/cap/{sealed}")
            await self._desk.schedules.limit(subscriber_id=who.id, schedule_id=schedule_id, cap=cap)
        except (Invalid, Conflict, NotFound) as problem:
            sealed = self._keeping.seal(
                {"cap": typed, "schedule": schedule_id}, place=own_place(AGAIN, who), problem=problem
            )
            return go_to(f"{AUTOMATIC}/again/{sealed}")
        return go_to(f"{AUTOMATIC}?note=cap")

    async def ask(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str, token: str) -> Page:  # noqa: ARG002 - as above
        """What more than before would be agreed to."""
        kept = self._keeping.open(token, place=_place(who, schedule_id))
        view = await self._desk.schedules.one(subscriber_id=who.id, schedule_id=schedule_id)
        async with self._database.read() as transaction:
            now = transaction.now
        wording = reader_of(request).wording
        cap = money_typed(kept["fields"]["cap"], view.schedule.currency)
        return page(
            request,
            "automatic/raise.html",
            here=AUTOMATIC,
            one=shown(view, wording, now),
            cap=wording.money(cap),
            typed=cap.to_major(),
        )


def _typed(text: str, currency: str) -> Money:
    """What was typed; what is no amount is none, which is too little."""
    try:
        return money_typed(text, currency)
    except InvalidMoney:
        return Money(0, currency)


def _place(who: Subscriber, schedule_id: str) -> str:
    return own_place(f"automatic-cap:{schedule_id}", who)
