"""Exported heads are believed only as they were signed."""

import base64
import json

import pytest

from topup.ledger.heads import PURPOSE, HeadsRejected, _canonical, read_heads
from topup.platform.keys import KeyRing


@pytest.fixture
def keyring(tmp_path):
    return KeyRing(tmp_path / "keys")


def signed(keyring, purpose=PURPOSE):
    document = {
        "format": "topup-ledger-heads-1",
        "exported_at": "2026-03-01T12:00:00+00:00",
        "lanes": [{"lane": 0, "sequence": 7, "hash": "ab" * 32}, {"lane": 1, "sequence": 0, "hash": "cd" * 32}],
    }
    kid, signature = keyring.sign(purpose, _canonical(document))
    return document | {"kid": kid, "signature": base64.b64encode(signature).decode()}


def test_what_was_signed_is_read_even_after_it_travelled_as_json(keyring):
    heads = read_heads(json.loads(json.dumps(signed(keyring), indent=4)), keyring)
    assert heads.lanes == {0: (7, bytes.fromhex("ab" * 32)), 1: (0, bytes.fromhex("cd" * 32))}


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["lanes"].pop(),
        lambda d: d["lanes"][0].update(sequence=6),
        lambda d: d["lanes"][0].update(hash="00" * 32),
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


def test_a_signature_for_another_purpose_is_none(keyring):
    with pytest.raises(HeadsRejected):
        read_heads(signed(keyring, "receipts"), keyring)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"lanes": 1}, {"format": "x", "exported_at": "", "lanes": [{}], "kid": "", "signature": ""}],
)
def test_what_is_no_such_document_is_said_to_be_none(keyring, document):
    with pytest.raises(HeadsRejected) as caught:
        read_heads(document, keyring)
    assert caught.value.code == "heads_unreadable"
