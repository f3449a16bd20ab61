"""The wire of API v3: how our calls are signed, and which answers are believed.

An answer that says *yes* must be signed, always. One that says *no* must be signed where it carries a signature at
all: the gateway that refuses a call before it knows the merchant signs nothing, and the provider's libraries verify
no refusal. An unsigned refusal still came over TLS; whatever it is taken for, it never means that money moved.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from topup.platform.http import Response
from topup.plugins.payments.wechatpay import keys
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.shapes import Failure
from topup.plugins.payments.wechatpay.trust import Distrusted, Trust

_SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
_YES: Final = range(200, 300)
_NO: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is believed: a success has no `code`, unless it is USERPAYING with status 202."""

    status: int
    code: str
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it says yes."""
        return self.status in _YES and not self.code


class Wire:
    """Signs with our key. Raises what reading a key file raises, and ValueError where key and certificate differ."""

    def __init__(self, settings: WechatpaySettings, trust: Trust) -> None:
        certificate = keys.certificate(settings.certificate_file)
        self._key = keys.private_key(settings.private_key_file)
        if certificate.public_key() != self._key.public_key():
            raise ValueError(f"{settings.certificate_file.name} is not the certificate of this private key")
        self._merchant = settings.merchant_id
        self._app = settings.app_id
        self._serial = keys.serial_of(certificate)
        self._expected = settings.platform_public_key_id
        self._trust = trust

    def headers(self, *, method: str, target: str, body: bytes, now: datetime) -> dict[str, str]:
        """The headers of a call to `target`, path and query; each call has a nonce of its own."""
        timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
        signature = self._sign(f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n")
        authorization = (
            f'{_SCHEME} mchid="{self._merchant}",nonce_str="{nonce}",timestamp="{timestamp}",'
            f'serial_no="{self._serial}",signature="{signature}"'
        )
        headers = {"accept": "application/json", "authorization": authorization}
        if body:
            headers["content-type"] = "application/json"
        if self._expected is not None:
            # Asks to be answered with this key's signature, while the merchant still has certificates too.
            headers["wechatpay-serial"] = self._expected
        return headers

    def wallet_call(self, *, prepay_id: str, now: datetime) -> Mapping[str, str]:
        """The parameters with which a page in WeChat's browser opens the payment: `getBrandWCPayRequest`."""
        timestamp, nonce, package = str(int(now.timestamp())), secrets.token_hex(16), f"prepay_id={prepay_id}"
        return {
            "appId": self._app,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._sign(f"{self._app}\n{timestamp}\n{nonce}\n{package}\n".encode()),
        }

    def answer(self, response: Response, now: datetime) -> Answer:
        """The answer, as far as it is to be believed. Raises Distrusted, UnknownSerial."""
        yes = response.status in _YES
        if not yes and response.status not in _NO:
            raise Distrusted(f"status {response.status}")
        if yes or "wechatpay-signature" in response.headers:
            self._trust.verify(response.headers, response.body, now)
        failure = _failure(response.body)
        if not yes and not failure:
            raise Distrusted(f"unreadable, status {response.status}")
        return Answer(response.status, failure, response.body)

    def _sign(self, content: bytes) -> str:
        return base64.b64encode(self._key.sign(content, PKCS1v15(), SHA256())).decode()


def read(body: bytes, shape: type[Any]) -> Any:
    """What an answer's body says. Raises Distrusted where it has not that shape."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Distrusted("unreadable") from None


def _failure(body: bytes) -> str:
    """The code of a failure; empty where the body is something else."""
    try:
        return msgspec.json.decode(body, type=Failure).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
