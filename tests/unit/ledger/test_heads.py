"""Exported heads are believed only as they were signed."""

import json
from datetime import UTC, datetime

import pytest

from topup.ledger.checkpoints import Checkpoint, keep, kept
from topup.ledger.faults import Fault, FaultKind
from topup.ledger.heads import HeadsRejected, head_document, read_heads
from topup.ledger.points import Point
from topup.platform.keys import KeyRing


@pytest.fixture
def keyring(tmp_path):
    return KeyRing(tmp_path / "keys")


FAULTS = (Fault(FaultKind.ALTERED, 3, 17, "key"), Fault(FaultKind.UNBALANCED, None, None, "CNY"))
POINTS = {0: Point(7, b"\xab" * 32, b"\x01" * 32), 1: Point(0, b"\xcd" * 32, b"\x02" * 32)}


def signed(keyring):
    return head_document(POINTS, keyring, now=datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_what_was_signed_is_read_even_after_it_travelled_as_json(keyring):
    assert read_heads(json.loads(json.dumps(signed(keyring), indent=4)), keyring) == POINTS


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["lanes"].pop(),
        lambda d: d["lanes"][0].update(sequence=6),
        lambda d: d["lanes"][0].update(hash="00" * 32),
        lambda d: d["lanes"][0].update(balances="00" * 32),
        lambda d: d.update(note="put in"),
        lambda d: d.update(exported_at="2025-01-01T00:00:00+00:00"),
        lambda d: d.update(kid="0" * 16),
        lambda d: d.update(signature="A" * 86 + "=="),
    ],
)
def test_what_was_changed_afterwards_is_refused(keyring, change):
    document = signed(keyring)
    change(document)
    with pytest.raises(HeadsRejected) as caught:
        read_heads(document, keyring)
    assert caught.value.code == "heads_forged"


def test_a_checkpoint_is_no_head_and_a_head_no_checkpoint(keyring, tmp_path):
    """Signed by the same ring, for another purpose and of another form."""
    file = tmp_path / "file.json"
    keep(file, Checkpoint(POINTS, FAULTS, frozenset({1})), keyring, now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert kept(file, keyring) == Checkpoint(POINTS, FAULTS, frozenset({1}))
    with pytest.raises(HeadsRejected):
        read_heads(json.loads(file.read_text()) | {"format": signed(keyring)["format"]}, keyring)
    file.write_text(json.dumps(signed(keyring)))
    with pytest.raises(HeadsRejected):
        kept(file, keyring)


def test_a_checkpoint_that_is_not_there_or_cut_short_is_said_to_be_so(keyring, tmp_path):
    file = tmp_path / "file.json"
    with pytest.raises(HeadsRejected) as caught:
        kept(file, keyring)
    assert caught.value.code == "checkpoint_missing"
    file.write_text('{"format": ')
    with pytest.raises(HeadsRejected) as caught:
        kept(file, keyring)
    assert caught.value.code == "heads_unreadable"


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"lanes": 1}, {"format": "x", "exported_at": "", "lanes": [{}], "kid": "", "signature": ""}],
)
def test_what_is_no_such_document_is_said_to_be_none(keyring, document):
    with pytest.raises(HeadsRejected) as caught:
        read_heads(document, keyring)
    assert caught.value.code == "heads_unreadable"
