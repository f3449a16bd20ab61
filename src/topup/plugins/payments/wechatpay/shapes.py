"""The shapes of WeChat Pay's JSON, as far as we read it. Amounts are integers of fen."""

from datetime import datetime
from typing import Annotated

import msgspec

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Fen = Annotated[int, msgspec.Meta(ge=1)]


class Failure(msgspec.Struct):
    """What an answer says that is no success."""

    code: str = ""
    message: str = ""


class Sealed(msgspec.Struct):
    """Content sealed with the APIv3 key."""

    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class CertificateEntry(msgspec.Struct):
    """One certificate of WeChat Pay."""

    serial_no: str
    encrypt_certificate: Sealed


class CertificateList(msgspec.Struct):
    """The answer of `/v3/certificates`."""

    data: list[CertificateEntry]


class Notice(msgspec.Struct):
    """An event, its content still sealed."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    event_type: str
    resource_type: str
    resource: Sealed


class Prepaid(msgspec.Struct):
    """An order was taken in: one of the three, by the way it was asked for."""

    code_url: str = ""
    h5_url: str = ""
    prepay_id: str = ""


class OrderAmount(msgspec.Struct):
    """The amount of an order: `total` is what was asked for, coupons of the wallet included."""

    total: Fen
    currency: str = "CNY"


class Order(msgspec.Struct):
    """An order as queries, events and payment codes have it."""

    mchid: str
    out_trade_no: str
    trade_state: str
    appid: str = ""
    transaction_id: str = ""
    trade_type: str = ""
    success_time: Aware | None = None
    amount: OrderAmount | None = None


class Reversed(msgspec.Struct):
    """An order was reversed."""

    mchid: str
    out_trade_no: str


class RefundAmount(msgspec.Struct):
    """The amount of a refund."""

    refund: Fen
    total: Fen
    currency: str = "CNY"


class RefundAnswer(msgspec.Struct):
    """A refund as its own answer and the query have it."""

    refund_id: str
    out_refund_no: str
    out_trade_no: str
    status: str
    amount: RefundAmount


class RefundNews(msgspec.Struct):
    """A refund as its event has it."""

    mchid: str
    refund_id: str
    out_refund_no: str
    out_trade_no: str
    refund_status: str


class BillPlace(msgspec.Struct):
    """Where the file of a day's bill lies, and its digest (of the file before it was compressed)."""

    download_url: str
    hash_type: str
    hash_value: str
