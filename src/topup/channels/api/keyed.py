"""Requests under an Idempotency-Key: one work, one answer, however often they are sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from topup.channels.api.reading import name_of, principal_of
from topup.platform.database import Database
from topup.platform.once import Key
from topup.platform.request_keys import Answering, Claim, KeyedRequest, RequestKeys, Stored, check_key
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest, header

View = TypeVar("View")

KEY_HEADER: Final = b"idempotency-key"


@dataclass(frozen=True, slots=True)
class Keyed(Generic[View]):
    """A request under a key: its route, its content in a canonical spelling, the id to create, and how it is said."""

    route: str
    content: bytes
    resource: str
    render: Callable[[View], tuple[int, bytes]]


async def answer_once(
    request: AnyRequest,
    *,
    keys: RequestKeys,
    database: Database,
    keyed: Keyed[View],
    work: Callable[[str, Answering[View]], Awaitable[View]],
) -> Answer:
    """Do `work(resource id, answering)` once for this key, and answer; or give the stored answer again.

    Raises Invalid `key_missing`, `key_unreadable`, `key_reused`; Conflict `request_running`; what the work raises.
    """
    key = await _key(request, database, keyed)

    async def under(claim: Claim) -> View:
        return await work(claim.resource, Answering(claim, key.render))

    return _said(await keys.run(request=key.request, work=under), key)


async def answer_asked(
    request: AnyRequest,
    *,
    database: Database,
    keyed: Keyed[View],
    work: Callable[[Key[View]], Awaitable[View | Stored]],
) -> Answer:
    """The same for work that sees to the key itself (`platform.once`): mostly in its one transaction."""
    key = await _key(request, database, keyed)
    return _said(await work(key), key)


async def _key(request: AnyRequest, database: Database, keyed: Keyed[View]) -> Key[View]:
    text = check_key(header(request, KEY_HEADER))
    principal = await principal_of(request, database)
    wish = KeyedRequest(name_of(principal), keyed.route, text, keyed.content, keyed.resource)
    return Key(wish, _Rendering(keyed.render))


def _said(done: View | Stored, key: Key[View]) -> Answer:
    if isinstance(done, Stored):
        return answer(done.body, status=done.status, idempotent_replayed="true")
    status, body = key.render(done)
    return answer(body, status=status)


class _Rendering(Generic[View]):
    """Says a result once: what the work stored is what is answered, to the byte."""

    def __init__(self, render: Callable[[View], tuple[int, bytes]]) -> None:
        self._render = render
        self._said: tuple[View, tuple[int, bytes]] | None = None

    def __call__(self, view: View) -> tuple[int, bytes]:
        if self._said is None or self._said[0] is not view:
            self._said = (view, self._render(view))
        return self._said[1]
