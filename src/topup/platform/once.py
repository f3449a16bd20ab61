"""Work under callers' keys that is one transaction: the key is looked up, the work done and the key written with its
answer in that transaction, or nothing of all that. So no commit is made for a claim alone, and none is left behind.

Where the work only begins in the transaction, for somebody outside must be called next, its result is `Going`: the
claim is written without an answer, and whoever goes on with the work does so by `RequestKeys.finish`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from topup.kernel.errors import Problem
from topup.platform.database import Connection
from topup.platform.key_rows import Claim, KeyedRequest, Stored, forget, keep, look, wish_of
from topup.platform.together import together

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Key(Generic[Result]):
    """A caller's key: the request it stands for, and how the request's result is said (HTTP status, body)."""

    request: KeyedRequest
    render: Callable[[Result], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Asked(Generic[Item, Result]):
    """Work to be done once for its key. `make` gives it under the id to create, which an earlier try may have decided;
    without a key that is `resource`.
    """

    make: Callable[[str], Item]
    resource: str
    key: Key[Result] | None = None


@dataclass(frozen=True, slots=True)
class Going(Generic[Result]):
    """What the work came to so far, and the claim under which it goes on."""

    claim: Claim
    result: Result


Operation = Callable[[Connection, Sequence[Item], datetime], Awaitable[Sequence[Result | Problem]]]
_Answers = list[Result | Stored | Going[Result] | Problem]


class Once(Generic[Item, Result]):
    """An operation on lists, each item once for its key. What is refused leaves its key free.

    Results of the class `going` are not the end of the work.
    """

    def __init__(self, operation: Operation[Item, Result], *, lanes: int, going: type | tuple[()] = ()) -> None:
        self._operation: Final = operation
        self._lanes: Final = lanes
        self._going: Final = going

    async def __call__(
        self, connection: Connection, asked: Sequence[Asked[Item, Result]], now: datetime
    ) -> _Answers[Result]:
        """The results in order; Stored where a key has an answer. Raises SerializationFailure where somebody else
        took a key meanwhile.
        """
        wishes = [wish_of(item.key.request, now, lanes=self._lanes) for item in asked if item.key]
        found, dead = await look(connection, wishes, now) if wishes else ([], [])
        each = iter(found)
        keys = [next(each) if item.key else None for item in asked]
        free = [(item, key) for item, key in zip(asked, keys, strict=True) if key is None or isinstance(key, Claim)]
        items = [item.make(key.resource if key else item.resource) for item, key in free]
        results = iter(await self._operation(connection, items, now) if items else ())
        book = _Book(self._going)
        answers: _Answers[Result] = [
            book.enter(item, key, next(results)) if key is None or isinstance(key, Claim) else key
            for item, key in zip(asked, keys, strict=True)
        ]
        await book.write(connection, dead)
        return answers


class _Book:
    """What is to be written about the keys of one call."""

    def __init__(self, going: type | tuple[()]) -> None:
        self._going = going
        self._written: list[tuple[Claim, int | None, bytes | None]] = []
        self._refused: list[Claim] = []

    def enter(self, item: Asked[Any, Result], claim: Claim | None, result: Result | Problem) -> Any:
        if claim is None or item.key is None:
            return result
        if isinstance(result, Problem):
            self._refused.append(claim)
            return result
        if isinstance(result, self._going):
            self._written.append((claim, None, None))
            return Going(claim, result)
        self._written.append((claim, *item.key.render(result)))
        return result

    async def write(self, connection: Connection, dead: Sequence[Claim]) -> None:
        """Last of all: whoever works under a key has locked what the work is about, and locks the key after it."""
        refused = {_place(claim) for claim in self._refused}
        await together(
            keep(connection, self._written),
            forget(connection, [claim for claim in dead if _place(claim) in refused]),
        )


def _place(claim: Claim) -> tuple[int, str, str, str]:
    return claim.lane, claim.principal, claim.route, claim.key
