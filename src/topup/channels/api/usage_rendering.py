"""From usage and its events to JSON."""

from datetime import UTC, datetime

from topup.channels.api import usage_shapes as shapes
from topup.channels.api.shapes import Carrier, Money
from topup.charging.usage.desk import Result, Results
from topup.charging.usage.history import EventsView, HistoryView
from topup.charging.usage.records import Refused
from topup.charging.usage.rows import UsageRow
from topup.charging.usage.wording import asset_words, event_words, quantity_words, reason_words
from topup.kernel.errors import Problem
from topup.platform.i18n import language_tag
from topup.platform.web.problems import words_of


def results(found: Results, locale: str) -> shapes.UsageResults:
    """What became of each record."""
    return shapes.UsageResults([_result(result, locale) for result in found])


def history(view: HistoryView, locale: str) -> shapes.LineUsage:
    """A page of what a line used."""
    of = view.of
    names = {language_tag(language): name for language, name in of.carrier.document.names.items()}
    return shapes.LineUsage(
        number=of.msisdn.e164,
        line_id=of.line.ref.id,
        carrier=Carrier(of.carrier.carrier_id, names),
        zone=of.zone,
        currency=of.carrier.currency,
        usages=[usage(row, locale) for row in view.usages],
        before=view.before,
    )


def events(view: EventsView, locale: str) -> shapes.LineEvents:
    """A page of what a line was told of."""
    return shapes.LineEvents(
        number=view.of.msisdn.e164,
        line_id=view.of.line.ref.id,
        zone=view.of.zone,
        events=[
            shapes.LineEvent(
                id=told.id,
                name=told.name,
                version=told.version,
                occurred_at=_utc(told.occurred_at),
                text=event_words(told, zone=view.of.zone, locale=locale),
                facts=dict(told.facts),
            )
            for told in view.events
        ],
        before=view.before,
    )


def usage(row: UsageRow, locale: str) -> shapes.Usage:
    """Something that was used."""
    return shapes.Usage(
        id=row.id,
        source=row.source,
        number=row.msisdn,
        service=row.service,
        quantity=row.quantity,
        counted=row.counted,
        text=quantity_words(row.service, row.quantity, locale=locale),
        at=_utc(row.at),
        country=row.country,
        called=row.called,
        rate=row.rate_id,
        rate_version=row.catalogue_version,
        cost=Money(row.cost_minor, row.currency),
        charges=[
            shapes.UsagePart(
                reason=part.reason,
                text=reason_words(part.reason, locale=locale),
                asset=part.asset,
                amount=part.amount,
                quantity=part.quantity,
                day=part.day,
                bucket_id=part.bucket_id,
                price_minor=None if part.price_minor is None else f"{part.price_minor:f}",
                per=part.per,
            )
            for part in row.parts
        ],
        free=[
            shapes.FreeUsage(
                reason=part.reason,
                text=reason_words(part.reason, locale=locale),
                quantity=part.quantity,
                day=part.day,
                waived_minor=None if part.waived_minor is None else f"{part.waived_minor:f}",
            )
            for part in row.free
        ],
        paid=[
            shapes.UsagePaid(
                part.bucket_id, part.kind, part.asset, part.amount, asset_words(part.asset, part.amount, locale=locale)
            )
            for part in row.paid
        ],
        rated_at=_utc(row.rated_at),
    )


def _result(result: Result, locale: str) -> shapes.UsageResult:
    if not isinstance(result, Refused):
        said = usage(result.row, locale)
        return shapes.UsageResult(result.row.id, "rated", result.replayed, said, None, None, None, None, {})
    text, advice = words_of(Problem(result.code, who=result.who, **result.parameters), locale=locale)
    return shapes.UsageResult(
        id=result.id or None,
        status="refused",
        replayed=False,
        usage=None,
        reason=result.code,
        who_must_act=result.who.value,
        text=text,
        advice=advice,
        parameters=dict(result.parameters),
    )


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
