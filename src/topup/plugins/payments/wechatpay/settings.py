"""What an installation says of its merchant at WeChat Pay: numbers, and where the key files lie."""

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from topup.payments.ports import Scene

SERVED: Final = (Scene.PHONE, Scene.DESKTOP, Scene.WALLET, Scene.SCREEN, Scene.COUNTER)
"""Where the payer may be; nobody is charged who is not there."""


class WechatpaySettings(BaseModel):
    """The merchant, its keys, and how WeChat Pay's signatures are known.

    WeChat Pay signs with a key whose public half was downloaded (`platform_public_key_id` and `_file`), or with one of
    its certificates (`certificate_mode`), which are fetched and renewed by themselves. Both may be named while a
    merchant changes from the second to the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "https://api.mch.weixin.qq.com"
    merchant_id: str = Field(pattern=r"^[0-9]{1,32}$")
    """商户号, `mchid`."""
    app_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """AppID of the official account or mini program that is bound to the merchant."""
    private_key_file: Path
    """`apiclient_key.pem`: ours to sign with."""
    certificate_file: Path
    """`apiclient_cert.pem`: its serial number goes with every signature."""
    api_v3_key_file: Path
    """The APIv3 key, 32 characters: what events and certificates are sealed with."""
    platform_public_key_id: str | None = Field(default=None, pattern=r"^PUB_KEY_ID_[0-9A-Za-z]{1,64}$")
    platform_public_key_file: Path | None = None
    """`pub_key.pem`."""
    certificate_mode: bool = False
    platform_certificate_files: tuple[Path, ...] = ()
    """Certificates of WeChat Pay that are known from the first moment, before any is fetched."""
    scenes: tuple[Scene, ...] = SERVED
    """The products that the merchant has: each must be applied for."""
    store_id: str = Field(default="topup", min_length=1, max_length=32)
    """Our name of the shop where a payment code is scanned."""
    refund_notify_url: str | None = None
    """Where news of refunds go; None where the merchant platform says so."""
    largest_minor: int = Field(default=100_000_000, gt=0)
    """The largest amount in fen for which it is offered."""
    timeout_s: float = Field(default=8.0, gt=0, le=12)
    """Of one call. Who takes a call up owns it for a minute, and it may need four."""

    @model_validator(mode="after")
    def _knows_its_provider(self) -> Self:
        if (self.platform_public_key_id is None) != (self.platform_public_key_file is None):
            raise ValueError("platform_public_key_id and platform_public_key_file belong together")
        if self.platform_public_key_id is None and not self.certificate_mode:
            raise ValueError("name WeChat Pay's public key, or set certificate_mode")
        if not set(self.scenes) <= set(SERVED):
            raise ValueError(f"scenes are among {', '.join(SERVED)}")
        return self
