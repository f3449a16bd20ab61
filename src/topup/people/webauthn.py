"""Passkeys (WebAuthn, W3C Recommendation): a key that a phone or a computer keeps, and opens for its owner's finger.

Promise: what an authenticator signs is asked once, for one purpose, and within CHALLENGE_LASTS; it must have made sure
of its owner, and be for our own site. Whatever is wrong, the answer is one. Whose keys they are, and what they open, is
said by `subscribers.passkeys` and `staff_passkeys`.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.platform.addresses import is_loopback
from topup.platform.database import Connection, Database

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

CHALLENGE_LASTS: Final = timedelta(minutes=5)
MOST: Final = 10
"""Passkeys of one account."""
FIELDS: Final = ("id", "client_data", "authenticator_data", "signature", "attestation")
"""What a page's script adds to a form."""
_CHALLENGE_BYTES: Final = 32
_LONGEST_FIELD: Final = 4096
_LOCAL: Final = "localhost"

_ASK = "INSERT INTO people.challenges (challenge, about, expires_at) VALUES (%s, %s, %s)"
_TAKE = "DELETE FROM people.challenges WHERE challenge = %s AND about = %s RETURNING expires_at"
_FORGET = """
DELETE FROM people.challenges WHERE challenge IN
    (SELECT challenge FROM people.challenges WHERE expires_at < %s LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are for: a host name (the relying party's id), and the origin its pages come from."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of an account's. `id` is as browsers write it; `name` the device it was made on, or as its owner calls it."""

    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom a new passkey is made: the account's id, and what a browser calls it when it asks which one to use."""

    id: str
    called: str


class PasskeyRefused(Invalid):
    """`passkey_refused`: unknown, too late, for another site, or not signed by it. Which of them is not told."""


def sites_of(public_url: str) -> dict[str, Site]:
    """The sites that passkeys can be for, by host: this one; on one's own machine its name `localhost`, for browsers
    make none for a bare address.
    """
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if is_loopback(host):
        port = f":{parts.port}" if parts.port else ""
        return {_LOCAL: Site(_LOCAL, f"{parts.scheme}://{_LOCAL}{port}")}
    return {host: Site(host, f"{parts.scheme}://{parts.netloc}")}


class Shelf:
    """The passkeys that one table keeps, each of an account that its column `owner` names."""

    def __init__(self, *, table: str, owner: str) -> None:
        self._insert = (
            f"INSERT INTO {table} (id, {owner}, public_key, sign_count, name, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING RETURNING id"
        )
        self._used = f"UPDATE {table} SET sign_count = %s, used_at = %s WHERE id = %s"
        self._listed = f"SELECT id, name, created_at, used_at FROM {table} WHERE {owner} = %s ORDER BY created_at"
        self._remove = f"DELETE FROM {table} WHERE {owner} = %s AND id = %s RETURNING name"
        self._find = f"SELECT {owner}, public_key, sign_count FROM {table} WHERE id = %s FOR UPDATE"

    async def listed(self, connection: Connection, *, owner_id: str) -> list[Passkey]:
        """Somebody's passkeys, the oldest first."""
        cursor = await connection.execute(self._listed, [owner_id])
        return [Passkey(_encoded(row[0]), *row[1:]) for row in await cursor.fetchall()]

    async def keep(
        self, connection: Connection, verified: "VerifiedRegistration", *, owner_id: str, name: str, now: datetime
    ) -> None:
        """Keep a new one; the caller holds the account's row. Raises PasskeyRefused, Conflict `passkeys_too_many`."""
        if len(await self.listed(connection, owner_id=owner_id)) >= MOST:
            raise Conflict("passkeys_too_many", most=MOST)
        row = (verified.credential_id, owner_id, verified.credential_public_key, verified.sign_count, name, now)
        if await (await connection.execute(self._insert, row)).fetchone() is None:
            raise PasskeyRefused("passkey_refused")

    async def remove(self, connection: Connection, *, owner_id: str, passkey_id: str) -> str:
        """Take one of somebody's away; gives its name. Raises NotFound `passkey_unknown`, PasskeyRefused for no id."""
        row = await (await connection.execute(self._remove, (owner_id, _decoded(passkey_id)))).fetchone()
        if row is None:
            raise NotFound("passkey_unknown")
        return str(row[0])

    async def owner_of(self, connection: Connection, site: Site, fields: Mapping[str, str], *, now: datetime) -> str:
        """Whose passkey signed, and that it did now; the challenge was taken (`take`). Raises PasskeyRefused."""
        key = _decoded(fields["id"])
        row = await (await connection.execute(self._find, [key])).fetchone()
        if row is None:
            raise PasskeyRefused("passkey_refused")
        verified = _authentication(fields, site, key=row[1], count=row[2])
        await connection.execute(self._used, (verified.new_sign_count, now, key))
        return str(row[0])


async def options_to_add(
    connection: Connection, site: Site, whose: Whose, there: Sequence[Passkey], *, about: str, now: datetime
) -> str:
    """What the browser is asked for a new passkey of somebody (JSON), who has those that are `there`."""
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - slow to load, and rare
    from webauthn.helpers import structs  # noqa: PLC0415

    options = generate_registration_options(
        rp_id=site.host,
        rp_name=site.host,
        user_id=whose.id.encode(),
        user_name=whose.called,
        user_display_name=whose.called,
        challenge=await _asked(connection, about, now),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=_decoded(one.id)) for one in there],
    )
    return options_to_json(options)


async def options_to_sign(
    connection: Connection, site: Site, *, about: str, now: datetime, of: Sequence[Passkey] = ()
) -> str:
    """What the browser is asked to sign (JSON): by any passkey that it has for this site, or by one `of` these."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415 - as above
    from webauthn.helpers import structs  # noqa: PLC0415

    options = generate_authentication_options(
        rp_id=site.host,
        challenge=await _asked(connection, about, now),
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=_decoded(one.id)) for one in of],
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


async def take(database: Database, fields: Mapping[str, str], *, about: str) -> None:
    """Take the challenge away before anything is compared: it is good for one try. Raises PasskeyRefused."""
    challenge = _challenge_of(fields["client_data"])
    async with database.transaction() as transaction:
        row = await (await transaction.connection.execute(_TAKE, (challenge, about))).fetchone()
        now = transaction.now
    if row is None or row[0] <= now:
        raise PasskeyRefused("passkey_refused")


def made(fields: Mapping[str, str], site: Site) -> "VerifiedRegistration":
    """The passkey that the browser made; the challenge was taken (`take`). Raises PasskeyRefused."""
    from webauthn import verify_registration_response  # noqa: PLC0415 - as above
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    response = {"clientDataJSON": fields["client_data"], "attestationObject": fields["attestation"]}
    try:
        return verify_registration_response(
            credential=_credential(fields, response),
            expected_challenge=_challenge_of(fields["client_data"]),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise PasskeyRefused("passkey_refused") from None


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Remove up to `limit` challenges that nobody answered in time; how many."""
    return (await connection.execute(_FORGET, (now, limit))).rowcount


async def _asked(connection: Connection, about: str, now: datetime) -> bytes:
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    await connection.execute(_ASK, (challenge, about, now + CHALLENGE_LASTS))
    return challenge


def _authentication(fields: Mapping[str, str], site: Site, *, key: bytes, count: int) -> "VerifiedAuthentication":
    from webauthn import verify_authentication_response  # noqa: PLC0415 - as above
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    response = {
        "clientDataJSON": fields["client_data"],
        "authenticatorData": fields["authenticator_data"],
        "signature": fields["signature"],
    }
    try:
        return verify_authentication_response(
            credential=_credential(fields, response),
            expected_challenge=_challenge_of(fields["client_data"]),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=key,
            credential_current_sign_count=count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise PasskeyRefused("passkey_refused") from None


def _credential(fields: Mapping[str, str], response: dict[str, str]) -> dict[str, Any]:
    return {"id": fields["id"], "rawId": fields["id"], "type": "public-key", "response": response}


def _challenge_of(client_data: str) -> bytes:
    """What the browser says that it was asked; it is compared with what was signed later."""
    try:
        said = json.loads(_decoded(client_data))
        return _decoded(str(said["challenge"]))
    except (ValueError, KeyError, TypeError):
        raise PasskeyRefused("passkey_refused") from None


def _decoded(text: str) -> bytes:
    if len(text) > _LONGEST_FIELD:
        raise PasskeyRefused("passkey_refused")
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (NotBase64, UnicodeEncodeError):
        raise PasskeyRefused("passkey_refused") from None


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
