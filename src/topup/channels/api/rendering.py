"""From the desk's views to JSON, and nothing else: pure, and quick enough to stand on the hot path."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from topup.catalogue.documents import FreeAmounts as CatalogueFreeAmounts
from topup.catalogue.quantities import amount_text
from topup.catalogue.storefront import GrantText
from topup.catalogue.storefront import Offer as CatalogueOffer
from topup.channels.api import line_shapes, receipt_shapes, shapes, way_shapes
from topup.kernel.money import Money
from topup.orders import views
from topup.orders.balance_views import BalanceView
from topup.orders.declines import text_of
from topup.orders.offer_views import PointsView
from topup.orders.wording import name_in
from topup.payments.vouchers.slips import ShownSlip
from topup.platform.i18n import language_tag, translate

_TEXTS: Final = "catalogue"

encode: Final = msgspec.json.Encoder().encode


def number(view: views.NumberView) -> shapes.Number:
    """A number and its carrier."""
    return shapes.Number(
        number=view.msisdn.e164,
        grouped=view.msisdn.grouped(),
        country=view.msisdn.country,
        carrier=carrier_of(view.carrier_id, view.carrier_names),
        currency=view.currency,
        zone=view.zone,
    )


def products(view: views.ProductsView, locale: str) -> shapes.Products:
    """A number's offers."""
    currency = view.number.currency
    return shapes.Products(number(view.number), [_offer(offer, currency, locale) for offer in view.offers])


def quote(view: views.QuoteView, locale: str) -> shapes.Quote:
    """A price."""
    return shapes.Quote(
        id=view.id,
        number=view.shown_number if view.hides_number else view.msisdn.e164,
        grouped=view.shown_number,
        carrier=carrier_of(view.carrier_id, view.carrier_names),
        catalogue_version=view.catalogue_version,
        product=view.product,
        face=_money(view.face),
        lines=lines(view.lines, locale),
        grants=_grants(view.grants, locale),
        payment_method=view.payment_method,
        total=_money(view.total),
        zone=view.zone,
        created_at=_utc(view.created_at),
        expires_at=_utc(view.expires_at),
        discounts=[
            shapes.Discount(one.campaign, name_in(one.names, locale=locale), _money(one.off)) for one in view.discounts
        ],
        codes=[
            shapes.Coupon(one.shown, one.applied, one.reason, name_in(one.said, locale=locale)) for one in view.codes
        ],
        points=_points(view.points),
        held=[
            shapes.HeldOffer(
                one.campaign, name_in(one.names, locale=locale), one.reason, name_in(one.said, locale=locale)
            )
            for one in view.held
        ],
        gifts=[
            shapes.Gift(one.sku, name_in(one.names, locale=locale), one.quantity, one.is_sent, _utc(one.until))
            for one in view.gifts
        ],
    )


def methods(found: Iterable[views.MethodView]) -> way_shapes.Methods:
    """Ways to pay."""
    return way_shapes.Methods(
        [
            way_shapes.Method(
                view.method,
                _money(view.fee),
                _money(view.total),
                view.unavailable,
                [way_shapes.Pay(_money(way.amount), _exchange(way.exchange)) for way in view.pay],
            )
            for view in found
        ]
    )


def order(view: views.OrderView, locale: str) -> shapes.Order:
    """An order, for its payer."""
    return shapes.Order(
        id=view.id,
        quote_id=view.quote_id,
        status=view.status,
        number=view.shown_number if view.hides_number else view.msisdn.e164,
        grouped=view.shown_number,
        carrier=carrier_of(view.carrier_id, view.carrier_names),
        product=view.product,
        face=_money(view.face),
        total=_money(view.total),
        lines=lines(view.lines, locale),
        grants=_grants(view.grants, locale),
        timeline=[shapes.Step(entry.state, _utc(entry.at), entry.cause) for entry in view.timeline],
        payments=[payment(made, locale) for made in view.payments],
        next_step=view.next_step,
        who_must_act=view.who_must_act,
        receipt_number=view.receipt_number,
        zone=view.zone,
        created_at=_utc(view.created_at),
        expires_at=_utc(view.expires_at),
        final=view.final,
        exchange=_exchange(view.exchange),
        points=_points(view.points),
    )


def _points(view: PointsView | None) -> shapes.Points | None:
    return shapes.Points(view.earned, view.spent, _money(view.off)) if view else None


def payment(view: views.PaymentView, locale: str) -> shapes.Payment:
    """An attempt to pay."""
    action = view.action
    return shapes.Payment(
        id=view.id,
        method=view.method,
        status=view.status,
        amount=_money(view.amount),
        received=_money(view.received or Money(0, view.amount.currency)),
        refunded=_money(view.refunded),
        created_at=_utc(view.created_at),
        action=shapes.Action(action.type, action.url, dict(action.parameters)) if action else None,
        reason=view.reason,
        reason_text=text_of(view, locale=locale),
        returned=[
            shapes.Returned(_money(one.amount), one.reason, one.standing)
            for one in (*view.returned, *view.second, *view.given_back)
        ],
    )


def credit_slips(found: Sequence[ShownSlip]) -> receipt_shapes.CreditSlips:
    """What came back as vouchers."""
    return receipt_shapes.CreditSlips(
        [
            receipt_shapes.CreditSlip(one.slip.serial, _money(one.slip.amount), _utc(one.slip.valid_until), one.pin)
            for one in found
        ]
    )


def receipt(view: views.ReceiptView, locale: str, *, address: str) -> receipt_shapes.Receipt:
    """A receipt; `address` is how the outside reaches us."""
    body = view.body
    return receipt_shapes.Receipt(
        number=view.number,
        order_id=view.order_id,
        issued_at=_utc(view.issued_at),
        phone_number=body.shown_number if body.hides_number else body.msisdn,
        carrier=carrier_of(body.carrier_id, body.carrier_names),
        product=body.product,
        lines=[
            receipt_shapes.ReceiptLine(
                line.type,
                shapes.SignedMoney(line.amount_minor, body.currency),
                _text(locale, line.label, line.parameters),
            )
            for line in body.lines
        ],
        grants=[
            receipt_shapes.ReceiptGrant(
                grant.asset,
                grant.amount,
                grant.kind,
                _end(grant.usable_until),
                _amount_text(locale, grant.asset, grant.amount),
            )
            for grant in body.grants
        ],
        total=shapes.Money(body.total_minor, body.currency),
        payment_method=body.method,
        payment_id=body.payment_id,
        payment_reference=body.payment_reference,
        paid_at=_utc(body.paid_at),
        delivered_at=_utc(body.delivered_at),
        zone=body.zone,
        verify_url=address + view.verify_path,
        refunded=_money(view.refunded),
        refunded_at=_utc(view.last_refunded_at) if view.last_refunded_at else None,
        exchange=_exchange(body.exchanged),
    )


def balance(view: BalanceView, locale: str) -> line_shapes.Balance:
    """What a line has."""
    return line_shapes.Balance(
        number=view.msisdn.e164,
        line_id=view.line_id,
        carrier=carrier_of(view.carrier_id, view.carrier_names),
        status=view.status,
        zone=view.zone,
        credit=shapes.SignedMoney(view.credit.amount_minor, view.credit.currency),
        buckets=[
            line_shapes.Bucket(
                id=bucket.id,
                asset=bucket.asset,
                kind=bucket.kind,
                amount=bucket.amount,
                available=bucket.available,
                usable_until=_end(bucket.usable_until),
                text=_amount_text(locale, bucket.asset, bucket.amount),
                rule=dict(bucket.rule),
            )
            for bucket in view.buckets
        ],
    )


def _offer(offer: CatalogueOffer, currency: str, locale: str) -> shapes.Offer:
    return shapes.Offer(
        kind=offer.kind.value,
        product=offer.product,
        price=_money(offer.price) if offer.price else None,
        names=_tagged(offer.names) if offer.names else None,
        label=_tagged(offer.label) if offer.label else None,
        grants=[_offer_grant(grant, locale) for grant in offer.grants],
        free=_free(offer.free, currency) if offer.free else None,
    )


def _offer_grant(grant: GrantText, locale: str) -> shapes.OfferGrant:
    return shapes.OfferGrant(
        text=_text(locale, grant.label_id, grant.parameters),
        validity=_text(locale, grant.validity_id, grant.span),
        days=grant.days,
    )


def _free(free: CatalogueFreeAmounts, currency: str) -> shapes.FreeAmounts:
    return shapes.FreeAmounts(
        minimum=shapes.Money(free.minimum_minor, currency),
        maximum=shapes.Money(free.largest_minor(), currency),
        step=shapes.Money(free.step_minor, currency),
    )


def carrier_of(carrier_id: str, names: Mapping[str, str]) -> shapes.Carrier:
    """Who serves a number."""
    return shapes.Carrier(carrier_id, _tagged(names))


def _tagged(names: Mapping[str, str]) -> dict[str, str]:
    return {language_tag(locale): name for locale, name in names.items()}


def lines(found: Iterable[views.QuoteLine], locale: str) -> list[shapes.Line]:
    """The lines of a price."""
    return [
        shapes.Line(
            line.type,
            shapes.SignedMoney(line.amount.amount_minor, line.amount.currency),
            _text(locale, line.label, line.parameters),
        )
        for line in found
    ]


def _grants(grants: Iterable[views.QuoteGrant], locale: str) -> list[shapes.Grant]:
    return [
        shapes.Grant(
            index=grant.index,
            asset=grant.asset,
            amount=grant.amount,
            kind=grant.kind,
            usable_until=_end(grant.usable_until),
            basis=grant.basis,
            policy=grant.policy,
            text=_amount_text(locale, grant.asset, grant.amount),
            rule=dict(grant.rule),
        )
        for grant in grants
    ]


def _text(locale: str, message_id: str, parameters: Mapping[str, Any]) -> str:
    """A text of the catalogue; a parameter that has a text per language is said in this one."""
    chosen = {name: value[locale] if isinstance(value, Mapping) else value for name, value in parameters.items()}
    return translate(locale, _TEXTS, message_id, **chosen)


@lru_cache(maxsize=4096)
def _amount_text(locale: str, asset: str, amount: int) -> str:
    message_id, parameters = amount_text(asset, amount)
    return translate(locale, _TEXTS, message_id, **parameters)


def _exchange(found: views.Exchange | None) -> shapes.Exchange | None:
    if found is None:
        return None
    price, paid, step = _money(found.price), _money(found.paid), _money(found.step)
    return shapes.Exchange(price, paid, found.rate, step, found.source, _utc(found.at))


def _money(money: Money) -> shapes.Money:
    return shapes.Money(money.amount_minor, money.currency)


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def _end(instant: datetime | None) -> datetime | None:
    return _utc(instant) if instant else None
