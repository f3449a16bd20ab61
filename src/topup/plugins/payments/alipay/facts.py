"""What an answer or a notice says of a payment or a refund."""

from topup.kernel.ids import PaymentId, RefundId, is_id
from topup.kernel.outcome import Done, Unknown
from topup.payments.ports import EventRejected, Fact, PaymentAnswer, PaymentFact, PaymentStanding, RefundFact
from topup.plugins.payments.alipay import agreements
from topup.plugins.payments.alipay.wire import Answer, Notice, moment_of, money_of

_PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")


def standing(payment_id: PaymentId, says: PaymentStanding) -> PaymentFact:
    """A fact that has no money in it."""
    return PaymentFact(payment_id, says, "", None, None)


def asked(payment_id: PaymentId, answer: Answer) -> PaymentAnswer:
    """What the answer of a query says, once it is about this payment.

    TRADE_FINISHED is TRADE_SUCCESS whose time for refunds is over. TRADE_CLOSED was never paid, or all of it was given
    back: either way nothing of it is ours.
    """
    match answer.trade_status:
        case "WAIT_BUYER_PAY":
            return PaymentAnswer((standing(payment_id, PaymentStanding.WAITING),))
        case "TRADE_CLOSED":
            return PaymentAnswer((standing(payment_id, PaymentStanding.CLOSED),))
        case "TRADE_SUCCESS" | "TRADE_FINISHED":
            fact = paid(payment_id, answer.trade_no, answer.total_amount, answer.send_pay_date)
            return PaymentAnswer((fact,)) if fact else PaymentAnswer((), Unknown("paid, without saying what or when"))
    return PaymentAnswer((), Unknown(f"unlisted: {answer.trade_status[:40]}"))


def paid(payment_id: PaymentId, reference: str, amount: str, at: str) -> PaymentFact | None:
    """A payment with its money; None where any of it cannot be read."""
    money, moment = money_of(amount), moment_of(at)
    if money is None or money.amount_minor <= 0 or moment is None or not reference:
        return None
    return PaymentFact(payment_id, PaymentStanding.PAID, reference, money, moment)


def told(notice: Notice) -> tuple[Fact, ...]:
    """The facts of a notice. Raises EventRejected where one is half told.

    A notice about a refund repeats what it says of the payment. One with a refund that is none of ours (made in
    Alipay's portal) says nothing of it; the day's bill does.
    """
    if agreements.is_about_agreement(notice.fields):
        return agreements.told(notice)
    if notice["notify_type"] != "trade_status_sync" or not is_id("payment", notice["out_trade_no"]):
        return ()
    payment_id = PaymentId(notice["out_trade_no"])
    refund = _refund(notice)
    if notice["trade_status"] in _PAID:
        fact = paid(payment_id, notice["trade_no"], notice["total_amount"], notice["gmt_payment"])
        if fact is None:
            raise EventRejected("paid, without saying what or when")
        return (fact, *refund)
    if notice["trade_status"] == "TRADE_CLOSED":
        return refund if notice["gmt_payment"] else (standing(payment_id, PaymentStanding.CLOSED),)
    return ()


def _refund(notice: Notice) -> tuple[Fact, ...]:
    number = notice["out_biz_no"]
    if not notice["gmt_refund"] or not notice["trade_no"] or not is_id("refund", number):
        return ()
    return (RefundFact(RefundId(number), Done(notice["trade_no"])),)
