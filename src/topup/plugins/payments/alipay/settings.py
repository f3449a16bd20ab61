"""What an installation says of its merchant at Alipay: numbers, and where the keys lie."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from topup.payments.ports import Scene

SERVED: Final = (Scene.PHONE, Scene.DESKTOP, Scene.SCREEN, Scene.COUNTER)
"""Where the payer may be. Who is not there is charged by an agreement alone, which `withholding` is for."""


class AlipaySettings(BaseModel):
    """The application, the merchant who is paid, and how the two sides' signatures are made and known.

    Our key is in a file or in a variable of the environment. Alipay's is known by its public key, or, where the
    application uses certificates, by the three certificates that the portal gives; one of the two, never both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "https://openapi.alipay.com"
    """`https://openapi-sandbox.dl.alipaydev.com` is Alipay's own sandbox."""
    app_id: str = Field(pattern=r"^[0-9]{1,32}$")
    """APPID of the application."""
    seller_id: str = Field(pattern=r"^2088[0-9]{12}$")
    """PID of the merchant who is paid: 16 digits, 2088 first. An event for another one is rejected."""
    private_key_file: Path | None = None
    """Ours to sign with (应用私钥), PEM or the bare base64 that the portal's tool writes."""
    private_key_env: str | None = Field(default=None, min_length=1)
    """The name of a variable of the environment with the same."""
    alipay_public_key_file: Path | None = None
    """Alipay's (支付宝公钥), not ours: PEM or bare base64."""
    app_certificate_file: Path | None = None
    """`appCertPublicKey_….crt`."""
    alipay_certificate_file: Path | None = None
    """`alipayCertPublicKey_RSA2.crt`."""
    alipay_root_certificate_file: Path | None = None
    """`alipayRootCert.crt`."""
    scenes: tuple[Scene, ...] = SERVED
    """The products that the merchant signed for: 手机网站支付 (phone), 电脑网站支付 (desktop), 当面付 (the others)."""
    desktop: Literal["page", "qr"] = "page"
    """On a computer: Alipay's own page, or a QR code on ours (which needs 当面付)."""
    qr_product: Literal["FACE_TO_FACE_PAYMENT", "OFFLINE_PAYMENT", "QR_CODE_OFFLINE"] = "FACE_TO_FACE_PAYMENT"
    """What was signed for QR codes: 当面付, its quick form (快捷版), or 订单码支付."""
    code_product: Literal["FACE_TO_FACE_PAYMENT", "OFFLINE_PAYMENT"] = "FACE_TO_FACE_PAYMENT"
    """What was signed for payment codes."""
    withholding: Literal["", "CYCLE_PAY_AUTH", "GENERAL_WITHHOLDING"] = ""
    """What was signed for automatic top-ups: 周期扣款, or 商家扣款, which took its place. Empty: neither."""
    withholding_scene: str = Field(default="", pattern=r"^([A-Z_]{1,32}\|[A-Z_]{1,32})?$")
    """The scene (签约场景) in that contract: `INDUSTRY|…`."""
    largest_minor: int = Field(default=10_000_000_000, gt=0, le=10_000_000_000)
    """The largest amount in fen for which it is offered; Alipay's own limit is 100,000,000.00 yuan."""
    timeout_s: float = Field(default=10.0, gt=0, le=20)
    """Of one call. Who takes a call up owns it for a minute, and it may need two."""

    @model_validator(mode="after")
    def _knows_both_sides(self) -> Self:
        if (self.private_key_file is None) == (self.private_key_env is None):
            raise ValueError("name private_key_file or private_key_env")
        certificates = (self.app_certificate_file, self.alipay_certificate_file, self.alipay_root_certificate_file)
        named = [one for one in certificates if one is not None]
        if named and len(named) < len(certificates):
            raise ValueError("the three certificate files belong together")
        if bool(named) == (self.alipay_public_key_file is not None):
            raise ValueError("name alipay_public_key_file, or the three certificate files")
        if not set(self.scenes) <= set(SERVED):
            raise ValueError(f"scenes are among {', '.join(SERVED)}")
        if bool(self.withholding) != bool(self.withholding_scene):
            raise ValueError("withholding and withholding_scene belong together")
        return self
