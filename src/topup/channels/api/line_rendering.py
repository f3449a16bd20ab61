"""How a line's standing is said in JSON."""

from topup.channels.api import line_shapes, shapes
from topup.lines.forecasts import LineForecast
from topup.lines.wording import change_words, reason_words, status_words, to_do_words
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
