"""How a line's standing is said in JSON."""

from collections.abc import Sequence

from topup.channels.api import line_shapes, shapes
from topup.kernel.money import Money
from topup.lines.forecasts import LineForecast
from topup.lines.keeping.advice import Advice, Counts
from topup.lines.wording import change_words, counts_words, reason_words, status_words, to_do_words
from topup.platform.i18n import language_tag


def line_standing(found: LineForecast, locale: str) -> line_shapes.LineStanding:
    """How a line stands, in words of `locale` too."""
    words = [status_words(found.status, locale=locale)]
    words += [reason_words(found.reason, locale=locale)] if found.reason else []
    return line_shapes.LineStanding(
        number=found.msisdn.e164,
        line_id=found.line_id,
        carrier=shapes.Carrier(
            found.carrier_id, {language_tag(language): name for language, name in found.carrier_names.items()}
        ),
        kind=found.kind,  # type: ignore[arg-type]  # the database knows no others
        status=found.status,
        state=found.state,
        since=found.since,
        reason=found.reason.when if found.reason else None,
        text=" · ".join(words),
        blocks=list(found.blocks),
        to_do=[
            line_shapes.LineToDo(
                one.what,
                shapes.Money(one.least.amount_minor, one.least.currency) if one.least else None,
                one.by,
                to_do_words(one, locale=locale),
            )
            for one in found.to_do
        ],
        to_come=[
            line_shapes.LineChange(
                change.at,
                change.shows,
                change.entered,
                change.exit.when,
                change.closes,
                change.releases_number,
                change_words(change, locale=locale),
            )
            for change in found.to_come
        ],
        released_on=found.released_on,
        clocks=dict(sorted(found.clocks.items())),
        arrears=shapes.Money(found.arrears.amount_minor, found.arrears.currency),
        next_fee_at=found.next_fee_at,
        zone=found.zone,
    )


def line_keeping(found: Advice, locale: str) -> line_shapes.LineKeeping:
    """What keeps a number, in words of `locale` too."""
    runway = found.runway

    def counted(ones: Sequence[Counts], *, keeps: bool) -> list[line_shapes.KeepingCounts]:
        return [
            line_shapes.KeepingCounts(one.what, _money(one.amount), counts_words(one, keeps=keeps, locale=locale))
            for one in ones
        ]

    return line_shapes.LineKeeping(
        number=found.msisdn.e164,
        line_id=found.line_id,
        until=found.until.isoformat(),
        lost=runway.is_lost,
        serves_until=runway.serves_until,
        kept_until=runway.kept_until,
        months=runway.months,
        renewals=line_shapes.KeepingRenewals(
            ahead.plan.id, ahead.paid, shapes.Money(ahead.cost_minor, found.currency), ahead.unpaid_at
        )
        if (ahead := runway.renewals)
        else None,
        reason=runway.lost_by.when if runway.lost_by else None,
        released_on=found.released_on,
        least=_money(found.least),
        row=[
            line_shapes.KeepingTopUp(shapes.Money(one.amount.amount_minor, one.amount.currency), one.before)
            for one in found.row.top_ups
        ]
        if found.row
        else None,
        total=_money(found.row.total) if found.row else None,
        plans=[
            line_shapes.KeepingPlan(one.plan.id, shapes.Money(one.cost.amount_minor, one.cost.currency), one.cycles)
            for one in found.plans
        ],
        keeps=counted(found.keeps, keeps=True),
        keeps_not=counted(found.keeps_not, keeps=False),
        zone=found.zone,
    )


def _money(money: Money | None) -> shapes.Money | None:
    return shapes.Money(money.amount_minor, money.currency) if money is not None else None
