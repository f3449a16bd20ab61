"""The bills of providers held against our books, for auditors: as JSON, as a page, as a file for spreadsheets."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from litestar.params import FromPath

from topup.channels.api import reconciliation_shapes as shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.reading import path_text, permitted
from topup.channels.api.rendering import encode
from topup.kernel.errors import NotFound
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.web import Handlers, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest
from topup.reconciliation.listing import Difference
from topup.reconciliation.queries import Report, Sum, Tie, report
from topup.reconciliation.reports import as_csv, as_html
from topup.reconciliation.states import remedy_of
from topup.reconciliation.wording import class_words, remedy_words

_READ: Final = Permission.READ_LEDGER
_ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class ReconciliationRoutes(Handlers):
    """Handlers of the routes about bills."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def report(self, request: AnyRequest, method: FromPath[str], day: FromPath[str]) -> Answer:
        """A day's bill against our books and the ledger: sums that tie, and every difference with what to do about it.

        The day is the provider's, by its own clock. Bills are read once their day is over.
        """
        found = await self._report(request, method, day)
        return answer(encode(_rendered(found, request_locale(request))))

    async def page(self, request: AnyRequest, method: FromPath[str], day: FromPath[str]) -> Answer:
        """The same as a page to print."""
        found = await self._report(request, method, day)
        body = as_html(found, locale=request_locale(request)).encode()
        return answer(body, media_type="text/html", content_security_policy=_ALONE, cache_control="private, no-store")

    async def file(self, request: AnyRequest, method: FromPath[str], day: FromPath[str]) -> Answer:
        """The open differences, a row each, for spreadsheets."""
        found = await self._report(request, method, day)
        name = f"attachment; filename={found.method}-{found.day}.csv"
        return answer(as_csv(found).encode(), media_type="text/csv", content_disposition=name)

    async def _report(self, request: AnyRequest, method: str, day: str) -> Report:
        await permitted(request, self._database, _READ)
        try:
            wanted = date.fromisoformat(path_text(day))
        except ValueError:
            # There is no such day, and no bill of it.
            raise NotFound("bill_not_read", method=path_text(method), day=path_text(day)) from None
        async with self._database.read() as transaction:
            return await report(transaction.connection, method=path_text(method), day=wanted)

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        parameters = (
            Parameter("method", "path", "A payment method.", "alipay"),
            Parameter("day", "path", "A day by the provider's clock.", "2026-03-10"),
        )
        path = "/api/v1/reconciliation/{method}/{day}"
        problems = (NotFound("bill_not_read"),)
        return [
            Endpoint("GET", path, self.report, "getReconciliation", "Hold a day's bill against our books",
                     "Reconciliation", shapes.BillReport, parameters=parameters, problems=problems,
                     permission=_READ.value),
            Endpoint("GET", f"{path}/report.html", self.page, "getReconciliationPage", "The same, to print",
                     "Reconciliation", "text/html", parameters=parameters, problems=problems,
                     permission=_READ.value),
            Endpoint("GET", f"{path}/differences.csv", self.file, "getDifferencesFile", "Its differences as a file",
                     "Reconciliation", "text/csv", parameters=parameters, problems=problems, permission=_READ.value),
        ]  # fmt: skip


def _rendered(found: Report, locale: str) -> shapes.BillReport:
    return shapes.BillReport(
        method=found.method,
        day=found.day.isoformat(),
        begins=found.begins,
        ends=found.ends,
        lines=found.lines,
        read_at=found.read_at,
        compared_at=found.compared_at,
        waiting=found.waiting,
        tied=found.is_tied,
        ties=[_tie(tie) for tie in found.ties],
        open=dict(found.open),
        resolved=dict(found.resolved),
        decided=dict(found.decided),
        differences=[_difference(one, locale) for one in found.differences],
    )


def _tie(tie: Tie) -> shapes.BillTie:
    return shapes.BillTie(
        currency=tie.currency,
        bill=_sums(tie.bill),
        books=_sums(tie.books),
        ledger=_sums(tie.ledger),
        explained_minor=tie.explained.minor,
        returned_minor=tie.returned.minor,
        unexplained_minor=tie.unexplained_minor,
        due_minor=tie.due_minor,
        posted=dict(tie.posted),
        clearing_minor=tie.clearing_minor,
    )


def _sums(sums: Mapping[str, Sum]) -> dict[str, shapes.BillSum]:
    return {kind: shapes.BillSum(one.count, one.minor) for kind, one in sums.items()}


def _difference(one: Difference, locale: str) -> shapes.BillDifference:
    return shapes.BillDifference(
        difference=one.cls.value,
        line=one.kind,
        our_id=one.our_id,
        reference=one.reference,
        ours_minor=one.ours_minor,
        ours_currency=one.ours_currency,
        ours_state=one.ours_state,
        theirs_minor=one.theirs_minor,
        theirs_currency=one.theirs_currency,
        at=one.at,
        suggested=remedy_of(one.cls, one.kind).value,
        text=class_words(one.cls, locale=locale),
        to_do=remedy_words(one.cls, one.kind, locale=locale),
    )
