"""Links in mail that stop messages of its kind: for whoever holds the mail, without signing in.

A link names an account and what it stops, is signed, and opens nothing else: who has it can stop these messages by mail
and do no more. It never ends, for old mail must be stoppable too.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import is_id
from topup.people.subscribers.reminders import Subject
from topup.platform.keys import KeyRing

PURPOSE: Final = "stops"
PATH: Final = "/stop"
_KID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Stop:
    """What one link stops: messages by mail about `subjects`."""

    subscriber_id: str
    subjects: tuple[Subject, ...]


class Stops:
    """Makes such links, and reads them."""

    def __init__(self, keyring: KeyRing, *, public_url: str) -> None:
        self._keyring = keyring
        self._public_url = public_url

    def url(self, *, subscriber_id: str, subjects: Sequence[Subject]) -> str:
        """The address that stops these."""
        said = ":".join([subscriber_id, *(subject.value for subject in subjects)]).encode()
        kid, signature = self._keyring.sign(PURPOSE, said)
        token = urlsafe_b64encode(bytes.fromhex(kid) + signature + said).rstrip(b"=").decode()
        return f"{self._public_url}{PATH}/{token}"

    def read(self, token: str) -> Stop:
        """What a link stops; raises NotFound `stop_unknown` for what we did not make."""
        if len(token) > _LONGEST:
            raise NotFound("stop_unknown")
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (NotBase64, ValueError):
            raise NotFound("stop_unknown") from None
        kid, rest = raw[:_KID_BYTES].hex(), raw[_KID_BYTES:]
        signature, said = rest[:_SIGNATURE_BYTES], rest[_SIGNATURE_BYTES:]
        if not self._keyring.verify(PURPOSE, kid, signature, said):
            raise NotFound("stop_unknown")
        subscriber_id, *subjects = said.decode().split(":")
        if not is_id("subscriber", subscriber_id):
            raise NotFound("stop_unknown")
        return Stop(subscriber_id, tuple(Subject(subject) for subject in subjects))
