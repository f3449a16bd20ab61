"""Receipts: on screen, as PDF, and the page where anyone checks one."""

from litestar import Response

from topup.channels.web.rendering import HEADERS, Page, WebRequest, page, reader_of
from topup.channels.web.wording import Wording
from topup.orders.desk import Desk
from topup.orders.receipt_pdf import qr_svg, render_pdf
from topup.orders.receipt_sheet import Row, receipt_sheet
from topup.orders.views import VerifiedReceipt
from topup.platform.web import limit


class ReceiptPages:
    """Showing and verifying what was signed. `public_url` is how the outside reaches us: the QR begins with it."""

    def __init__(self, desk: Desk, public_url: str) -> None:
        self._desk = desk
        self._public_url = public_url

    async def receipt(self, request: WebRequest, order_id: str) -> Page:
        """The receipt on screen, and as it is printed."""
        limit(request, "read")
        receipt = await self._desk.receipt(order_id=order_id)
        return page(
            request,
            "receipt.html",
            receipt=receipt_sheet(receipt, locale=reader_of(request).wording.locale),
            order_id=receipt.order_id,
            verify_path=receipt.verify_path,
            file_name=f"topup-{receipt.number}.pdf",
            qr=qr_svg(self._public_url + receipt.verify_path),
        )

    async def pdf(self, request: WebRequest, order_id: str) -> Page:
        """The receipt as PDF. Setting one takes a processor for a while: limited as orders are."""
        limit(request, "order")
        receipt = await self._desk.receipt(order_id=order_id)
        url = self._public_url + receipt.verify_path
        document = await render_pdf(receipt, locale=reader_of(request).wording.locale, verify_url=url)
        disposition = f'attachment; filename="topup-{receipt.number}.pdf"'
        return Response(document, media_type="application/pdf", headers=HEADERS | {"Content-Disposition": disposition})

    async def verify(self, request: WebRequest, token: str) -> Page:
        """Whether a receipt is ours, for anyone who holds it."""
        limit(request, "read")
        verified = await self._desk.verify_receipt(token=token)
        facts = facts_of(verified, reader_of(request).wording) if verified.genuine else []
        return page(request, "verify.html", genuine=verified.genuine, facts=facts)


def facts_of(verified: VerifiedReceipt, wording: Wording) -> list[Row]:
    """What to compare with the receipt in hand."""
    zone = verified.zone or "UTC"
    rows = [
        (wording.text("verify_number"), verified.number),
        (wording.text("number"), verified.masked_msisdn),
        (wording.text("carrier"), wording.name(verified.carrier_names) if verified.carrier_names else None),
        (wording.text("verify_sum"), wording.money(verified.total) if verified.total else None),
        (wording.text("verify_issued"), wording.moment_in(verified.issued_at, zone) if verified.issued_at else None),
        (
            wording.text("verify_state"),
            wording.order_text(f"state.{verified.order_status}") if verified.order_status else None,
        ),
    ]
    return [Row(label, value) for label, value in rows if value]
