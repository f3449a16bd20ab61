"""Calls to WeChat Pay: signed, sent once, and believed only where the answer's signature holds."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from topup.kernel.outcome import NotSent, Throttled, Unknown
from topup.platform.http import Client, Response
from topup.plugins.payments.wechatpay.outcomes import THROTTLED
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.trust import Distrusted, Trust, UnknownSerial
from topup.plugins.payments.wechatpay.wire import Answer, Wire

Problem = NotSent | Throttled | Unknown
_CERTIFICATES: Final = "/v3/certificates"
_RENEW_AFTER_S: Final = 12 * 3600.0
_AGAIN_AFTER_S: Final = 60.0
_WAIT_S: Final = 60
"""The documentation says to wait a minute after FREQUENCY_LIMITED."""
_FILE_S: Final = 60.0
_MOST_FILE_BYTES: Final = 64 * 1024 * 1024
_TOO_MANY: Final = 429
_OK: Final = 200


class Calls:
    """One merchant's calls. In certificate mode the certificates are fetched before the first, and renewed twice a
    day; at most once a minute where an answer or an event is signed with one that is not known.
    """

    def __init__(self, settings: WechatpaySettings, client: Client) -> None:
        client.check_address(settings.base_url)
        self.base = settings.base_url.rstrip("/")
        self.trust = Trust(settings)
        self.wire = Wire(settings, self.trust)
        self._client = client
        self._timeout_s = settings.timeout_s
        self._certificate_mode = settings.certificate_mode
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ask(
        self, method: str, path: str, *, route: str, content: Mapping[str, Any] | None = None
    ) -> Answer | Problem:
        """One question. `path` has the query in it; `route` is the label for the log."""
        if self._certificate_mode and self._is_over(self._fetched_at, _RENEW_AFTER_S):
            await self.fetch_certificates()
        body = b"" if content is None else msgspec.json.encode(content)
        response = await self.send(method, path, route=route, body=body)
        if not isinstance(response, Response):
            return response
        try:
            answer = await self._believed(response)
        except Distrusted as error:
            return Unknown(str(error))
        if response.status == _TOO_MANY or answer.code in THROTTLED:
            return Throttled(_WAIT_S)
        return answer

    async def fetch_file(self, target: str) -> bytes | None:
        """A file, which is not signed; None where it could not be had whole."""
        file = await self.send("GET", target, route="file", timeout_s=_FILE_S, most_bytes=_MOST_FILE_BYTES)
        return file.body if isinstance(file, Response) and file.status == _OK else None

    async def send(
        self,
        method: str,
        target: str,
        *,
        route: str,
        body: bytes = b"",
        timeout_s: float | None = None,
        most_bytes: int | None = None,
    ) -> Response | NotSent | Unknown:
        """Sign and send, and believe nothing yet."""
        return await self._client.send(
            method=method,
            url=self.base + target,
            route=f"wechatpay.{route}",
            headers=self.wire.headers(method=method, target=target, body=body, now=_now()),
            content=body,
            timeout_s=timeout_s or self._timeout_s,
            most_bytes=most_bytes,
        )

    def target_here(self, url: str) -> str | None:
        """Path and query of an address of WeChat Pay itself; None for any other: our signature goes nowhere else."""
        parts, ours = urlsplit(url), urlsplit(self.base)
        if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            return None
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def begin_to_fetch(self) -> None:
        """Fetch the certificates on the side, for whoever cannot wait: bounded as all fetching is."""
        if not self._certificate_mode or not self._is_over(self._tried_at, _AGAIN_AFTER_S):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # nobody could answer here
        if self._fetching is None or self._fetching.done():
            self._fetching = loop.create_task(self.fetch_certificates())

    async def fetch_certificates(self) -> None:
        """Know the certificates of today, as far as they can be had. Who comes meanwhile waits for them."""
        async with self._one_at_a_time:
            if not self._is_over(self._tried_at, _AGAIN_AFTER_S):
                return
            self._tried_at = time.monotonic()
            response = await self.send("GET", _CERTIFICATES, route="certificates")
            if not isinstance(response, Response) or response.status != _OK:
                return
            try:
                self.trust.introduce(response.headers, response.body, _now())
            except Distrusted:
                return
            self._fetched_at = time.monotonic()

    async def aclose(self) -> None:
        """Fetch nothing more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _believed(self, response: Response) -> Answer:
        try:
            return self.wire.answer(response, _now())
        except UnknownSerial:
            if not self._certificate_mode:
                raise
        await self.fetch_certificates()
        return self.wire.answer(response, _now())

    @staticmethod
    def _is_over(since: float | None, seconds: float) -> bool:
        return since is None or time.monotonic() - since > seconds


def _now() -> datetime:
    return datetime.now(UTC)
