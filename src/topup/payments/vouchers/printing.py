"""The file of a batch for whoever prints it: CSV, encrypted to their certificate (`platform.sealed_files`)."""

import csv
import io
from collections.abc import Sequence

from cryptography import x509

from topup.payments.vouchers.operations import Printed
from topup.payments.vouchers.pins import grouped
from topup.payments.vouchers.queries import Batch
from topup.platform.sealed_files import sealed


def sealed_csv(batch: Batch, printed: Sequence[Printed], recipient: x509.Certificate) -> bytes:
    """The file: a line for each voucher with its serial number, PIN, face and last day."""
    raw = io.BytesIO()
    # Not a StringIO: that takes four bytes a letter, and there may be a million lines.
    text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["serial", "pin", "face", "currency", "valid_until"])
    face = batch.face.to_major()
    until = batch.valid_until.isoformat()
    writer.writerows([one.serial, grouped(one.pin), face, batch.face.currency, until] for one in printed)
    text.flush()
    return sealed(raw.getvalue(), recipient)
