"""A WeChat Pay of a test's own: its keys, and answers signed with them, written out here so that the wire is tested.

Name this module in `pytest_plugins` to have the fixture `wechatpay_told`.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.support.misbehaving import misbehaving, read_request
from topup.plugins.payments.wechatpay import PLUG, Wechatpay
from topup.plugins.payments.wechatpay.vectors import API_V3_KEY, APP, MERCHANT, SERIAL

PHRASES = {200: "OK", 202: "Accepted", 204: "No Content"}


@cache
def a_key(number: int = 0) -> rsa.RSAPrivateKey:
    """The same key for the same number, in one process."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def a_certificate(key, *, begins=timedelta(days=-1), lasts=timedelta(days=365)) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = datetime.now(UTC) + begins
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin)
    return builder.not_valid_after(begin + lasts).sign(key, SHA256())


def serial_of(certificate) -> str:
    text = f"{certificate.serial_number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


@dataclass
class Platform:
    """Signs as WeChat Pay; `serial` is whose name the signature goes by."""

    key: rsa.RSAPrivateKey = field(default_factory=a_key)
    serial: str = SERIAL
    requests: list[bytes] = field(default_factory=list)

    def settings(self, directory, url, **changes):
        settings = PLUG.example(directory, url)
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        settings.platform_public_key_file.write_bytes(pem)
        return PLUG.settings(**settings.model_dump() | changes)

    def headers(self, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        timestamp, nonce = str(int((at or datetime.now(UTC)).timestamp())), secrets.token_hex(8)
        signature = self.key.sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        return {
            "wechatpay-timestamp": timestamp,
            "wechatpay-nonce": nonce,
            "wechatpay-serial": self.serial,
            "wechatpay-signature": base64.b64encode(signature).decode(),
        }

    def answering(self, *replies):
        """A script that gives these answers one after another: (status, content), signed; content None is empty.

        With a third part, a function of the signed headers, those that it gives are sent instead.
        """
        waiting = iter(replies)

        async def script(reader, writer):
            self.requests.append(await read_request(reader))
            status, content, *change = next(waiting)
            body = b"" if content is None else json.dumps(content, separators=(",", ":")).encode()
            headers = self.headers(body)
            if change:
                headers = change[0](headers)
            head = f"HTTP/1.1 {status} {PHRASES.get(status, 'X')}\r\ncontent-length: {len(body)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(head.encode() + b"\r\n" + body)
            await writer.drain()

        return script


def sealed(content: bytes, associated_data: str, secret: str = API_V3_KEY) -> dict[str, str]:
    nonce = secrets.token_hex(6)
    raw = AESGCM(secret.encode()).encrypt(nonce.encode(), content, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": base64.b64encode(raw).decode(),
    }


def an_order(payment_id, **changes):
    """A paid order as a query has it."""
    order = {
        "mchid": MERCHANT,
        "appid": APP,
        "out_trade_no": payment_id,
        "transaction_id": "4200000000000001",
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-20T16:15:29+08:00",
        "amount": {"total": 5000, "payer_total": 5000, "currency": "CNY"},
    }
    return {**order, **changes}


@pytest.fixture
def wechatpay_told(tmp_path, http_client):
    """What the plugin makes of these answers: `await wechatpay_told(lambda plugin: …, *answers)`."""

    async def told(ask, *answers, platform=None, **changes):
        platform = platform or Platform()
        async with misbehaving(platform.answering(*answers)) as (url, served):
            plugin = Wechatpay(platform.settings(tmp_path, url, **changes), http_client)
            outcome = await ask(plugin)
        assert len(served) == len(answers)
        return outcome

    return told


def sent(platform, number=-1):
    """Method, target and JSON of a request that the platform was sent."""
    head, _, body = platform.requests[number].partition(b"\r\n\r\n")
    method, target, _ = head.decode().split("\r\n")[0].split(" ")
    return method, target, json.loads(body) if body else None
