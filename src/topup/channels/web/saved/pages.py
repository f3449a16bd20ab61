"""The numbers one saved: the list of them, and the way from one to its amounts."""

from typing import Final

from topup.channels.web.account.entering import said
from topup.channels.web.filling import filled_in
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.saved.picking import SAVED, Picking, sure_of
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.orders.desk import Desk
from topup.people.subscribers import saved
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.saving import Saving
from topup.platform.database import Database
from topup.platform.web.forms import Form

_PLACE: Final = "saved"
_ZONE: Final = "Asia/Shanghai"


class SavedPages:
    """One's saved numbers."""

    def __init__(self, *, desk: Desk, database: Database, saving: Saving, picking: Picking, keeping: Keeping) -> None:
        self._desk = desk
        self._database = database
        self._saving = saving
        self._picking = picking
        self._keeping = keeping

    async def listed(self, request: WebRequest, who: Subscriber, form: Form, token: str = "") -> Page:  # noqa: ARG002 - a page like the others
        """What one saved, and the form to save one more, with what was wrong with it; and the way to undo."""
        empty = {"fields": {"number": "", "name": ""}}
        kept = self._keeping.open(token, place=own_place(_PLACE, who)) if token else empty
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await self._picking.whose(connection, who)
            numbers = await saved.saved_by(connection, whose)
            sure = await sure_of(connection, numbers, transaction)
            gone = await saved.removed(
                connection, whose, saved_id=request.query_params.get("removed", ""), now=transaction.now
            )
        return page(
            request,
            "saved/numbers.html",
            here=SAVED,
            numbers=[(one, one.number.grouped(), one.id not in sure) for one in numbers],
            gone=(gone.id, gone.name or gone.number.grouped()) if gone else None,
            fields=kept["fields"],
            mistake=said(request, kept),
            full=len(numbers) >= saved.MOST,
            longest=saved.LONGEST_NAME,
        )

    async def add(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Save a number that was typed."""
        try:
            await self._save(who, form.one("number"), form.one("name"))
        except (Invalid, Conflict) as problem:
            fields = {name: form.one(name) for name in ("number", "name")}
            return go_to(f"{SAVED}/again/{self._keeping.seal(fields, place=own_place(_PLACE, who), problem=problem)}")
        return go_to(SAVED)

    async def keep(self, request: WebRequest, who: Subscriber, form: Form, order_id: str) -> Page:  # noqa: ARG002 - as above
        """Save the number of an order, whose id is its payer's capability; and back to it."""
        order = await self._desk.get_order(order_id=order_id)
        if order.hides_number:
            raise NotFound("order_unknown")
        await self._save(who, order.msisdn.e164, form.one("name"))
        return go_to(f"/orders/{order.id}?saved=1")

    async def _save(self, who: Subscriber, text: str, name: str) -> None:
        await self._saving.save(subscriber_id=who.id, number=parse_msisdn(text), name=name)

    async def rename(self, request: WebRequest, who: Subscriber, form: Form, saved_id: str) -> Page:  # noqa: ARG002 - as above
        """Call one otherwise."""
        await self._saving.rename(subscriber_id=who.id, saved_id=saved_id, name=form.one("name"))
        return go_to(SAVED)

    async def remove(self, request: WebRequest, who: Subscriber, form: Form, saved_id: str) -> Page:  # noqa: ARG002 - as above
        """Take one away; the page that follows can undo it."""
        await self._saving.remove(subscriber_id=who.id, saved_id=saved_id)
        return go_to(f"{SAVED}?removed={saved_id}")

    async def take_back(self, request: WebRequest, who: Subscriber, form: Form, saved_id: str) -> Page:  # noqa: ARG002 - as above
        """It was removed by mistake."""
        await self._saving.take_back(subscriber_id=who.id, saved_id=saved_id)
        return go_to(SAVED)

    async def top_up(self, request: WebRequest, who: Subscriber, form: Form, saved_id: str) -> Page:  # noqa: ARG002 - as above
        """The amounts for one of them; first the question, where the number may be somebody else's by now."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await self._picking.whose(connection, who)
            one = await saved.saved_number(connection, whose, saved_id=saved_id)
            sure = await sure_of(connection, [one], transaction)
        if one.id in sure:
            return await filled_in(request, self._desk, payer_id=who.id, e164=one.number.e164)
        wording = reader_of(request).wording
        since = wording.moment_in(one.meant_at, who.zone or _ZONE)
        return page(request, "saved/theirs.html", id=one.id, name=one.name, number=one.number.grouped(), since=since)

    async def theirs(self, request: WebRequest, who: Subscriber, form: Form, saved_id: str) -> Page:  # noqa: ARG002 - as above
        """It is still theirs: on to its amounts."""
        await self._saving.mean(subscriber_id=who.id, saved_id=saved_id)
        return go_to(f"{SAVED}/{saved_id}/top-up")


def saved_of(request: WebRequest) -> bool:
    """Whether a page's address says that its number was saved just now."""
    return request.query_params.get("saved", "") == "1"
