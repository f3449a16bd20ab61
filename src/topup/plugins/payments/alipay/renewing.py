"""A certificate of Alipay's that we do not have yet: what it must be to be believed.

Alipay renews its certificate and gives the new one to whoever asks for it by its number. That answer is signed under
the very certificate it brings, so it proves nothing: the certificate counts if its chain ends in a root we were given,
each link in its time, and if it is made out to the same name as the one we know. Merchants have certificates of the
same issuer, so the chain alone would not do.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from topup.plugins.payments.alipay.keys import serial_of
from topup.plugins.payments.alipay.wire import Distrusted

METHOD: Final = "alipay.open.app.alipaycert.download"
_NODE: Final = "alipay_open_app_alipaycert_download_response"
_LONGEST_CHAIN: Final = 4


class _Content(msgspec.Struct):
    alipay_cert_content: str


_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def renewed(
    body: bytes, *, serial: str, known: x509.Certificate, roots: Sequence[x509.Certificate], now: datetime
) -> RSAPublicKey:
    """The key of the certificate named `serial`, out of the answer that brought it. Raises Distrusted."""
    brought = _brought(body)
    leaf = next((one for one in brought if serial_of(one) == serial), None)
    if leaf is None:
        raise Distrusted("another certificate was brought")
    if leaf.subject != known.subject:
        raise Distrusted("the certificate is made out to somebody else")
    _check_chain(leaf, brought, roots, now)
    key = leaf.public_key()
    if isinstance(key, RSAPublicKey):
        return key
    raise Distrusted("the certificate is none of RSA")


def _brought(body: bytes) -> list[x509.Certificate]:
    try:
        content = msgspec.json.decode(_read(body)[_NODE], type=_Content).alipay_cert_content
        return x509.load_pem_x509_certificates(base64.b64decode(content, validate=True))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError):
        raise Distrusted("no certificate can be read") from None


def _check_chain(
    leaf: x509.Certificate, brought: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> None:
    link = leaf
    for _ in range(_LONGEST_CHAIN):
        if not link.not_valid_before_utc <= now <= link.not_valid_after_utc:
            raise Distrusted("a certificate is not in its time")
        if any(_is_issued_by(link, root) for root in roots):
            return
        issuer = next((one for one in brought if _may_issue(one) and _is_issued_by(link, one)), None)
        if issuer is None:
            break
        link = issuer
    raise Distrusted("the certificate does not come from a root we know")


def _is_issued_by(link: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        link.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
