"""What is asked for, what becomes of it, and what a room must say of a kind of it."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from topup.platform.database import Connection, Transaction
from topup.work.states import ApprovalState

CONCERNED: Final = "concerned"
"""Under this name the facts of a request have the ids of those whose own doing it is about: they may ask, and do not
decide, alone or for another.
"""


class Actor(Protocol):
    """Somebody who is known, and what the table of permissions lets them do."""

    @property
    def id(self) -> str:
        """The id of staff, `key:<id>` of a key, or `cli`."""
        ...

    @property
    def role(self) -> str:
        """The role, which says how much one may do alone."""
        ...

    def may(self, permission: str) -> bool:
        """Whether they may."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `facts` is what they typed; the kind makes of it what would be done, exactly.

    `form` is what the form carried that it was filled in on, new each time one is shown: the same sent again, by a
    double click or a reload, is the same request. Empty: each is another.
    """

    kind: str
    subject: str
    facts: Mapping[str, str]
    reason: str
    item_id: str | None = None
    form: str = ""

    @property
    def form_mark(self) -> bytes | None:
        """The form with what it said: one that was gone back to and changed is another wish. None without a form."""
        if not self.form:
            return None
        said = [self.form, self.kind, self.subject, sorted(self.facts.items()), self.reason.strip(), self.item_id]
        return hashlib.sha256(json.dumps(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and what became of it."""

    lane: int
    id: str
    kind: str
    subject: str
    facts: Mapping[str, Any]
    reason: str
    item_id: str | None
    state: ApprovalState
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    outcome: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", ApprovalState(self.state))

    @property
    def concerned(self) -> Sequence[str]:
        """The ids of those whose own doing it is about."""
        return [str(one) for one in self.facts.get(CONCERNED, ())]


Prepare = Callable[[Connection, Wish, datetime], Awaitable[Mapping[str, Any]]]
"""Checks a wish while nothing is decided: gives the facts to be kept; raises a Problem where it cannot be."""
Execute = Callable[[Transaction, Approval], Awaitable[Mapping[str, Any]]]
"""Does it, in the approving transaction: gives what came of it; raises a Problem where it cannot be done any more."""


def _always(evidence: Mapping[str, Any]) -> bool:  # noqa: ARG001 - a kind's `fits`
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that needs two people: who may ask, who may decide, which items of the work list it settles.

    With a `limit`, the name of a row of the table of limits (`work.limits`), one person decides alone up to there: its
    facts then have `amount_minor` and `currency`.
    """

    name: str
    request: str
    approve: str
    prepare: Prepare
    execute: Execute
    items: frozenset[str] = field(default_factory=frozenset)
    limit: str = ""
    then: Callable[[Approval], Awaitable[None]] | None = None
    """What follows once it is committed, and a sweep would do a little later: it may fail without harm."""
    fits: Callable[[Mapping[str, Any]], bool] = _always
    """Whether it can settle an item of those kinds, by its evidence."""
