"""The report as a page and as a file: complete in three languages, and nothing in it is run by anybody."""

import csv
import io

import pytest

from tests.support.bills import METHOD, Back, Paid
from topup.kernel.money import Money
from topup.platform.i18n import LOCALES
from topup.reconciliation.reports import as_csv, as_html
from topup.reconciliation.states import DifferenceClass
from topup.reconciliation.wording import class_words, remedy_words


@pytest.fixture
async def found(auditor):
    paid, missing = Paid(), Paid()
    await auditor.books(paid, missing, Back(paid, amount=100))
    strange = Paid().line(our_id="=1+1", reference='"><script>alert(1)</script>', amount=1)
    month = paid.line(kind="other", our_id="", reference="payout 17", amount=100)
    await auditor.bill(paid.line(fee=Money(30, "CNY")), strange, month)
    return await auditor.compared()


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_page_has_everything_and_escapes_it(found, locale):
    page = as_html(found, locale=locale)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert METHOD in page
    assert "payout 17" in page
    for cls in ("missing_here", "missing_there"):
        assert class_words(DifferenceClass(cls), locale=locale) in page
        assert remedy_words(DifferenceClass(cls), "payment", locale=locale) in page


async def test_no_cell_of_the_file_is_a_formula(found):
    rows = list(csv.DictReader(io.StringIO(as_csv(found).removeprefix("\ufeff"))))
    assert len(rows) == 3
    assert "'=1+1" in {row["our_id"] for row in rows}
    assert not any((value or "").startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


@pytest.mark.parametrize("locale", LOCALES)
def test_every_class_has_words_and_advice(locale):
    for cls in DifferenceClass:
        assert class_words(cls, locale=locale)
        assert remedy_words(cls, "payment", locale=locale)
        assert remedy_words(cls, "delivery", locale=locale)
