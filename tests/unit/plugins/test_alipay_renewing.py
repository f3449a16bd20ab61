"""Which new certificate of Alipay's is believed: only one of the same name, in its time, from a root we were given."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from topup.plugins.payments.alipay.keys import serial_of
from topup.plugins.payments.alipay.renewing import renewed
from topup.plugins.payments.alipay.wire import Distrusted

NOW = datetime(2026, 11, 20, tzinfo=UTC)
YEAR = timedelta(days=365)
KEYS = {name: rsa.generate_private_key(65537, 2048) for name in ("root", "between", "leaf", "other")}


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(name, key, issuer, signer, *, ca=None, begins=NOW - YEAR, ends=NOW + YEAR):
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(KEYS[key].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if ca is not None:
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return made.sign(KEYS[signer], SHA256())


ROOT = certificate("Root", "root", "Root", "root", ca=True)
BETWEEN = certificate("Between", "between", "Root", "root", ca=True)
KNOWN = certificate("Alipay", "other", "Root", "root")
LEAF = certificate("Alipay", "leaf", "Root", "root")
BELOW = certificate("Alipay", "leaf", "Between", "between")


def brought(*certificates, node="alipay_open_app_alipaycert_download_response"):
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    return json.dumps({node: {"code": "10000", "alipay_cert_content": base64.b64encode(pem).decode()}}).encode()


def read(body, one, now=NOW):
    return renewed(body, serial=serial_of(one), known=KNOWN, roots=[ROOT], now=now)


@pytest.mark.parametrize("chain", [(LEAF,), (BELOW, BETWEEN), (BETWEEN, BELOW)])
def test_a_chain_that_ends_in_a_root_we_know(chain):
    [leaf] = [one for one in chain if one is not BETWEEN]
    assert read(brought(*chain), leaf) == KEYS["leaf"].public_key()


STRANGER = certificate("Alipay", "leaf", "Root", "other")
ANOTHER_ROOT = certificate("Root", "other", "Root", "other", ca=True)
NO_ISSUER = certificate("Between", "between", "Root", "root", ca=False)
UNSAID = certificate("Between", "between", "Root", "root")
OVER = certificate("Alipay", "leaf", "Root", "root", ends=NOW - timedelta(days=1))
EARLY = certificate("Alipay", "leaf", "Root", "root", begins=NOW + timedelta(days=1))
OVER_BETWEEN = certificate("Between", "between", "Root", "root", ca=True, ends=NOW - timedelta(days=1))
SOMEBODY = certificate("A merchant", "leaf", "Root", "root")


@pytest.mark.parametrize(
    ("chain", "leaf"),
    [
        ((STRANGER,), STRANGER),
        ((STRANGER, ANOTHER_ROOT), STRANGER),
        ((BELOW,), BELOW),
        ((BELOW, NO_ISSUER), BELOW),
        ((BELOW, UNSAID), BELOW),
        ((BELOW, OVER_BETWEEN), BELOW),
        ((OVER,), OVER),
        ((EARLY,), EARLY),
        ((SOMEBODY,), SOMEBODY),
        ((LEAF,), BELOW),
    ],
)
def test_what_is_not_believed(chain, leaf):
    with pytest.raises(Distrusted):
        read(brought(*chain), leaf)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"alipay_open_app_alipaycert_download_response":{}}',
        b'{"alipay_open_app_alipaycert_download_response":{"alipay_cert_content":"****"}}',
        b'{"alipay_open_app_alipaycert_download_response":{"alipay_cert_content":""}}',
        b'{"alipay_open_app_alipaycert_download_response":{"alipay_cert_content":7}}',
        brought(LEAF, node="error_response"),
    ],
)
def test_bytes_that_bring_no_certificate(body):
    with pytest.raises(Distrusted):
        read(body, LEAF)
