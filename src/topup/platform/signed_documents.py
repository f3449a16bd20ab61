"""JSON documents that leave the house and come back: signed over the canonical text of everything else in them."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from topup.platform.keys import KeyRing

Read = TypeVar("Read")


class Unsound(ValueError):
    """No such document; or `forged`: the signature is none of ours, or not of this text."""

    def __init__(self, *, forged: bool) -> None:
        super().__init__("forged" if forged else "unreadable")
        self.forged = forged


def sealed(document: dict[str, Any], keyring: KeyRing, purpose: str) -> dict[str, Any]:
    """The document with its signature."""
    kid, signature = keyring.sign(purpose, _canonical(document))
    return {**document, "kid": kid, "signature": base64.b64encode(signature).decode()}


def opened(document: Any, keyring: KeyRing, purpose: str, form: str, read: Callable[[dict[str, Any]], Read]) -> Read:
    """What `read` makes of a document of that `format`, after its signature held; raises Unsound."""
    try:
        signed = {name: value for name, value in document.items() if name not in {"kid", "signature"}}
        kid, signature = str(document["kid"]), base64.b64decode(document["signature"], validate=True)
        readable = signed["format"] == form
        found = read(signed) if readable else None
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Unsound(forged=False) from error
    if found is None:
        raise Unsound(forged=False)
    if not keyring.verify(purpose, kid, signature, _canonical(signed)):
        raise Unsound(forged=True)
    return found


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
