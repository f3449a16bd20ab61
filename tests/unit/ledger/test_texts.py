"""Whatever the ledger refuses or finds has a sentence in all languages."""

import pytest

from topup.ledger import Refusal
from topup.ledger.audit import FaultKind
from topup.platform.i18n import LOCALES, translate


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("refusal", Refusal)
def test_a_refusal_has_a_sentence(locale, refusal):
    assert translate(locale, "ledger", refusal)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_has_a_sentence(locale, kind):
    text = translate(locale, "ledger", f"fault_{kind}", lane=3, sequence=17, subject="CNY")
    assert "{" not in text
