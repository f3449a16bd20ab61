"""What a line used and what was adjusted on it; all that is kept about a person, for who asked for it in writing."""

from dataclasses import dataclass
from typing import Final

from litestar import Response

from topup.care.personal import leaving
from topup.care.taking import bundle
from topup.catalogue.queries import CatalogueCache
from topup.catalogue.rates import ASSET_OF
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Wording
from topup.charging.adjusted import Adjusted, adjusted
from topup.charging.usage.history import UsageHistory
from topup.charging.usage.rows import UsageRow
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines.barring import ref_of
from topup.lines.queries import number_of
from topup.orders.wording import amount_words
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.people.subscribers import accounts
from topup.platform.database import Database
from topup.platform.i18n import translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import HEADERS, Page, WebRequest
from topup.work import trail
from topup.work.approvals import checked_reason

PAGE: Final = 50
_ADJUSTMENTS: Final = 20
_EXPORTED: Final = "people.exported"


@dataclass(frozen=True, slots=True)
class Used:
    """One usage in words."""

    at: str
    what: str
    called: str
    how_much: str
    cost: str


@dataclass(frozen=True, slots=True)
class Correction:
    """An adjustment in words."""

    id: str
    when: str
    amount: str
    why: str
    by: str
    state: str


class LineUsePages:
    """The page of what a line used, and what was adjusted."""

    def __init__(self, *, look: Look, database: Database, catalogue: CatalogueCache) -> None:
        self._look = look
        self._database = database
        self._usage = UsageHistory(database=database, catalogue=catalogue)

    async def used(self, request: WebRequest, who: SignedIn, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """The newest usage, or that before a place. Raises NotFound `line_unknown`."""
        ref = ref_of(line_id)
        async with self._database.read() as transaction:
            number = await number_of(transaction.connection, ref)
            if number is None:
                raise NotFound("line_unknown")
            corrections = await adjusted(transaction.connection, ref, limit=_ADJUSTMENTS)
            names = await names_of(transaction.connection, [one.made_by for one in corrections])
        found = await self._usage.usages(number=number, before=asked(request, "before") or None, limit=PAGE)
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "line_use.html",
            who=who,
            place="lines",
            line_id=line_id,
            number=parse_msisdn(number).grouped(),
            rows=[_used(one, wording) for one in found.usages],
            more=found.before,
            corrections=[_correction(one, wording, names) for one in corrections],
        )


class ExportPages:
    """The file of what is kept about somebody."""

    def __init__(self, *, look: Look, database: Database, keyring: KeyRing) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring

    async def form(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """The form to ask for it."""
        return self._asking(request, who, form)

    async def take(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """The file; that it was taken, by whom and why, is in the trail before anybody has it."""
        try:
            reason = checked_reason(form.one("reason"))
            e164 = parse_msisdn(form.one("number")).e164
            async with self._database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                found = await accounts.with_number(connection, self._keyring, e164=e164)
                if found is None:
                    raise NotFound("account_unknown")  # noqa: TRY301 - told beside the form, as what the rooms raise
                facts = {"reason": reason}
                await trail.write(connection, actor=who.id, action=_EXPORTED, subject=found.id, facts=facts, now=now)
        except (Invalid, NotFound, Conflict) as problem:
            return self._asking(request, who, form, problem=problem)
        held = await leaving(database=self._database, keyring=self._keyring).held(subscriber_id=found.id)
        content = bundle(held, locale=wording_of(request, self._look.zone).locale)
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{found.id}.zip"'}
        return Response(content, media_type="application/zip", headers=headers)

    def _asking(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "export.html",
            who=who,
            place="export",
            status=422 if problem else 200,
            filled={name: form.one(name) for name in ("number", "reason")},
            mistake=wording.problem(problem, who=who) if problem else None,
        )


def _used(one: UsageRow, wording: Wording) -> Used:
    asset = ASSET_OF.get(one.service)
    return Used(
        wording.moment(one.at),
        translate(wording.locale, "home", f"service_{one.service}"),
        _masked(one.called),
        amount_words(asset, one.quantity, locale=wording.locale) if asset else str(one.quantity),
        wording.money(one.cost_minor, one.currency),
    )


def _masked(number: str | None) -> str:
    """Whom somebody called is nobody's business here but that they called."""
    if not number:
        return ""
    try:
        return parse_msisdn(number).masked()
    except InvalidNumber:
        return "…"


def _correction(one: Adjusted, wording: Wording, names: dict[str, str]) -> Correction:
    return Correction(
        one.id,
        wording.moment(one.created_at),
        wording.money(one.amount_minor, one.currency),
        wording.value(one.reason),
        wording.actor(one.made_by, names),
        wording.value(one.state),
    )
