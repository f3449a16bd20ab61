"""Batches of vouchers: which there are, and asking for one, which another decides. No page has ever a PIN on it."""

from dataclasses import dataclass
from typing import Final

from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import new_id
from topup.payments.vouchers.approving import FIELDS, asking_for
from topup.payments.vouchers.operations import last_day
from topup.payments.vouchers.queries import Batch, batches
from topup.payments.vouchers.states import VoucherState
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_date, translate
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work.approvals import Approvals

PAGE: Final = 100
_DOMAIN: Final = "voucher_batches"
_TONES: Final = {VoucherState.ACTIVATED: "good", VoucherState.BLOCKED: "alarm", VoucherState.EXPIRED: "over"}


@dataclass(frozen=True, slots=True)
class Row:
    """A batch in words; `approval` is the id of the request it was made by."""

    id: str
    count: int
    face: str
    worth: str
    until: str
    state: str
    tone: str
    carrier: str
    by: str
    approval: str


class VoucherPages:
    """Batches, and the form to ask for one."""

    def __init__(self, *, look: Look, database: Database, approvals: Approvals) -> None:
        self._look = look
        self._database = database
        self._approvals = approvals

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """All batches, newest first, and the form."""
        return await self._page(request, who, form)

    async def ask(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Ask that one be made."""
        said = {name: form.one(name) for name in FIELDS}
        try:
            wish = asking_for(said, reason=form.one("reason"), form=form.one("form"), batch_id=form.one("batch"))
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict) as problem:
            return await self._page(request, who, form, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def _page(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            found = await batches(transaction.connection, limit=PAGE)
            names = await names_of(transaction.connection, [one.made_by for one in found])
        return self._look.page(
            request,
            "vouchers.html",
            who=who,
            place="vouchers",
            status=422 if problem else 200,
            v=lambda message_id, **parameters: translate(wording.locale, _DOMAIN, message_id, **parameters),
            rows=[self._row(one, wording, names) for one in found],
            filled={name: form.one(name) for name in (*FIELDS, "reason")},
            batch=form.one("batch") or new_id("batch", 0),
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    def _row(self, one: Batch, wording: Wording, names: dict[str, str]) -> Row:
        face = one.face
        return Row(
            id=one.id,
            count=one.count,
            face=wording.money(face.amount_minor, face.currency),
            worth=wording.money(face.amount_minor * one.count, face.currency),
            until=format_date(last_day(one.valid_until), wording.locale, zone="UTC"),
            state=translate(wording.locale, _DOMAIN, f"state.{one.state.value}"),
            tone=_TONES.get(one.state, ""),
            carrier=one.carrier_id or "",
            by=wording.actor(one.made_by, names),
            approval=one.approval_id or "",
        )
