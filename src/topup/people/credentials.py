"""What people sign in with: passwords (argon2id), and for staff codes of a device (TOTP, RFC 6238)."""

import asyncio
import hmac
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Final

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from topup.kernel.errors import Invalid

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
SHORTEST_OWN: Final = 10
FEWEST_GUESSES: Final = 1e8
"""At the hundred a day that `attempts` leaves to who tries one name: two thousand years."""
_LOOKED_AT: Final = 72
"""Letters: what comes after could only make it better."""
_FEWEST_LETTERS: Final = 5
"""Different ones: `aaaaaaaaaaaa` is long and no secret."""
ISSUER: Final = "topup"
_STEP_S: Final = 30
_DRIFT: Final = 1
"""Steps a device's clock may be ahead or behind (RFC 6238, 5.2 and 6)."""
_DIGITS: Final = 6
_AT_ONCE: Final = 2
"""Hashes at a time: each fills 64 MiB and a core."""

_hasher: Final = PasswordHash((Argon2Hasher(),))
_threads: Final = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")


def check_password(password: str, *, login: str, shortest: int = SHORTEST_PASSWORD) -> None:
    """Raises Invalid `password_too_short`, `password_too_long`, `password_too_simple`."""
    plain = _plain(password)
    if len(plain) < shortest:
        raise Invalid("password_too_short", shortest=shortest)
    if len(plain) > LONGEST_PASSWORD:
        raise Invalid("password_too_long", longest=LONGEST_PASSWORD)
    if len(set(plain.lower())) < _FEWEST_LETTERS or login in plain.lower():
        raise Invalid("password_too_simple")


async def check_own_password(password: str, *, known: Sequence[str]) -> None:
    """The same for who signs in with nothing else besides; `known` is what others know of them.

    Raises Invalid `password_common` also where FEWEST_GUESSES would find it, which is what somebody who knows the lists
    of common passwords, words and names needs (zxcvbn; its lists are in the library).
    """
    for one in known:
        check_password(password, login=one, shortest=SHORTEST_OWN)
    guesses = await asyncio.get_running_loop().run_in_executor(_threads, _guesses, _plain(password), tuple(known))
    if guesses < FEWEST_GUESSES:
        raise Invalid("password_common")


def _guesses(password: str, known: Sequence[str]) -> float:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists are large, and few choose a password

    return float(zxcvbn(password[:_LOOKED_AT], user_inputs=list(known))["guesses"])


async def hashed(password: str) -> str:
    """The hash to store, with its parameters and its salt. Takes a tenth of a second of a thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, _plain(password))


async def holds(password: str, stored: str | None) -> bool:
    """Whether this is the password of the stored hash. Where there is none the answer is no, and takes as long."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _holds, _plain(password), stored)


def _holds(password: str, stored: str | None) -> bool:
    # Made before either is compared: the first attempt of a process takes as long, whoever it is about.
    nobodys = _nobodys()
    right = _hasher.verify(password[: LONGEST_PASSWORD + 1], stored or nobodys)
    return right and stored is not None


def new_secret() -> str:
    """A secret for a device: 160 bits in base 32 (RFC 4226, 4)."""
    return pyotp.random_base32()


def address_of(secret: str, *, login: str) -> str:
    """The secret as an address (`otpauth://`) that devices read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def code_of(secret: str, now: datetime) -> str:
    """What a device with this secret shows now."""
    return pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_S).at(now)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step of 30 s whose code this is, of those near enough to `now`; None for any other text.

    Every candidate is computed and compared in even time. That none is taken twice is the caller's to see to.
    """
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=_STEP_S)
    typed = "".join(code.split())
    current = int(now.timestamp()) // _STEP_S
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode("utf-8", "surrogatepass")):
            found = step
    return found


def _plain(password: str) -> str:
    """The same password, however a keyboard composes its letters (RFC 8265, 4.2)."""
    return unicodedata.normalize("NFC", password)


@cache
def _nobodys() -> str:
    """A hash that no password has, made once, to be compared with where there is no account."""
    return _hasher.hash(new_secret())
