"""What every form of staff leaves in the trail, and somebody who does them all and looks.

A form that changes something writes an entry of its own, within the transaction of the work, with what was `before` and
`after`; each is done somewhere by the tests that walk them (`Doing`). A form that changes nothing says here why.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx

from topup.people.doors import LOOKS
from topup.platform.i18n import LOCALES, translate
from topup.work import trail

COUNTER: dict[str, str] = {
    "/counter/open": "till.opened",
    "/counter/lines/{token}": "sale.begun",
    "/counter/sales/{quote_id}/cash": "till.cash_taken",
    "/counter/sales/{quote_id}/card": "terminal.charged",
    "/counter/sales/{quote_id}/pay": "order.payment_begun",
    "/counter/sales/{quote_id}/cancel": "order.cancelled",
    "/counter/sales/{quote_id}/print": "printing.asked",
    "/counter/drawer/move": "till.moved",
    "/counter/drawer/close": "till.counted",
    "/counter/drawer/hand-over": "till.handed_over",
    "/counter/drawer/terminal": "terminal.batch_closed",
    "/counter/drawer/display": "display.bound",
    "/counter/drawer/ceiling": "counter.ceiling",
    "/counter/reports/{session_id}": "approval.requested",
    "/counter/reports/{session_id}/print": "printing.asked",
    "/counter/orders/{order_id}/refund": "approval.requested",
    "/counter/orders/{order_id}/hand-back": "till.cash_handed_back",
    "/counter/orders/{order_id}/card-back": "terminal.given_back",
    "/counter/orders/{order_id}/complaint": "ticket.taken",
    "/counter/orders/{order_id}/print": "printing.reprinted",
    "/counter/orders/{order_id}/gift": "stock.given",
    "/counter/sales/{quote_id}/gift": "stock.gift_handed_over",
    "/counter/orders/{order_id}/gift/hand-over": "stock.gift_handed_over",
    "/counter/orders/{order_id}/gift/returned": "stock.gift_returned",
    "/counter/orders/{order_id}/gift/kept": "stock.gift_kept",
    "/counter/lines/{token}/sim": "line.card_replaced",
    "/counter/sims/{use_id}/print": "printing.asked",
    "/counter/lines/{token}/plans/{plan_id}/{when}": "line.plan_taken",
    "/counter/lines/{token}/plan/keep": "line.plan_taken",
    "/counter/terminals": "terminal.placed",
    "/counter/terminals/remove": "terminal.removed",
    "/counter/cards/sell": "voucher.handed_over",
    "/counter/lock": "staff.locked",
    "/counter/unlock": "staff.proved",
}
"""The forms of the counter that change something, with the action each leaves."""

CONSOLE: dict[str, str] = {
    "/console/sign-in": "staff.signed_in",
    "/console/sign-in/passkey": "staff.signed_in_by_passkey",
    "/console/sign-out": "staff.signed_out",
    "/console/lock": "staff.locked",
    "/console/unlock": "staff.proved",
    "/console/me/sessions/{session_id}": "staff.signed_out_elsewhere",
    "/console/me/passkeys": "staff.passkey_added",
    "/console/me/passkeys/{passkey_id}/remove": "staff.passkey_removed",
    "/console/enrol/finish": "staff.enrolled",
    "/console/work/{item_id}/ask": "approval.requested",
    "/console/work/{item_id}/close": "work.closed",
    "/console/work/{item_id}/reopen": "work.reopened",
    "/console/approvals/{approval_id}": "approval.rejected",
    "/console/refund": "approval.requested",
    "/console/adjust": "approval.requested",
    "/console/vouchers": "approval.requested",
    "/console/erase": "approval.requested",
    "/console/orders/{order_id}/ask": "order.asked",
    "/console/orders/{order_id}/hand-over": "order.handed_over",
    "/console/orders/{order_id}/replay": "order.event_replayed",
    "/console/lines/{line_id}/bar": "line.barred",
    "/console/lines/{line_id}/card": "line.card_blocked",
    "/console/lines/{line_id}/automatic": "line.automatic_stopped",
    "/console/reconciliation/{method}/{day}/sign": "day.signed",
    "/console/agents": "agent.added",
    "/console/agents/{agent_id}": "agent.suspended",
    "/console/agents/{agent_id}/float": "approval.requested",
    "/console/staff": "staff.added",
    "/console/staff/{staff_id}": "staff.disabled",
    "/console/catalogue/new": "catalogue.drafted",
    "/console/catalogue/carriers/{carrier_id}/versions/{version}": "catalogue.drafted",
    "/console/catalogue/drafts/{draft_id}": "approval.requested",
    "/console/catalogue/publications/{publication_id}": "catalogue.cancelled",
    "/console/offers/{carrier_id}/{campaign_id}/stop": "offer.stopped",
    "/console/offers/{carrier_id}/{campaign_id}/resume": "approval.requested",
    "/console/offers/{carrier_id}/{campaign_id}/codes": "approval.requested",
    "/console/offers/{carrier_id}/{campaign_id}/codes/block": "offer.code_blocked",
    "/console/offers/batches/{batch_id}/block": "offer.codes_blocked",
    "/console/gifts/{order_id}/{sku}/sent": "stock.gift_sent",
    "/console/gifts/{order_id}/{sku}/returned": "stock.gift_returned",
    "/console/gifts/{order_id}/{sku}/kept": "stock.gift_kept",
    "/console/tickets/{ticket_id}": "ticket.answered",
    "/console/outages": "outage.announced",
    "/console/given-up/messages/{message_id}": "queue.message_tried_again",
    "/console/given-up/events/{item_id}": "order.event_replayed",
}
"""The same of the console."""

CHANGES_NOTHING: dict[str, str] = {
    **LOOKS,
    "/counter/orders/{order_id}/unmask": "a look; who looked, and why, is in the trail",
    "/console/work/{item_id}/evidence": "a look; who looked is in the trail",
    "/console/orders/{order_id}/evidence": "a look; who looked is in the trail",
    "/console/lines/{line_id}/card/whole": "a look; who looked, and why, is in the trail",
    "/console/gifts/{order_id}/{sku}/address": "a look; who looked is in the trail",
    "/console/export": "a look; who took it, and why, is in the trail",
    "/console/sign-in/passkey/challenge": "what a passkey shall sign, for nobody yet",
    "/console/offers/{carrier_id}/{campaign_id}/code": "a code is looked up; the door tells that it was",
    "/console/offers/preview": "what somebody would get; nothing is promised by it",
    "/console/enrol": "shows what the device is to scan; `finish` binds it",
}
"""Forms that change nothing of ours, each with the reason."""


@dataclass
class Doing:
    """Does forms and looks at what they leave in the trail. `done`: the forms that did as the tables say."""

    site: Any
    done: set[str] = field(default_factory=set)

    async def does(self, person: Any, form: str, address: str = "", /, **fields: Any) -> httpx.Response:
        """Send a form as somebody (an id, and what `posts`), and find its entry; the answer."""
        since = await self.last()
        answer: httpx.Response = await person.posts(address or form, **fields)
        assert answer.status_code in {200, 303}, (form, answer.status_code, answer.text)
        await self.left(person.id, form, since=since)
        return answer

    async def left(self, actor: str, form: str, *, since: int) -> None:
        """That somebody's form left the entry that the tables say, with before and after, and none by the door."""
        action = (COUNTER | CONSOLE)[form]
        async with self.site.transaction() as transaction:
            found = await trail.entries(transaction.connection, actor=actor, limit=50)
        new = {entry.action: entry.facts for entry in found if entry.sequence > since}
        assert action in new, (form, new)
        assert "staff.form" not in new, f"{form}: the door wrote what its room does"
        assert {"before", "after"} <= set(new[action]), (form, new[action])
        assert new[action]["before"] != new[action]["after"], (form, new[action])
        for locale in LOCALES:
            assert translate(locale, "console", f"action.{action}")
        self.done.add(form)

    async def last(self) -> int:
        """The number of the newest entry."""
        async with self.site.transaction() as transaction:
            return (await trail.head_of(transaction.connection)).sequence
