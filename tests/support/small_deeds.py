"""Something small that is done, and done again by who is killed in the midst of it."""

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta

from tests.support.desk import Shop

Rows = list[list[str]]


@dataclass
class Deed(ABC):
    """Something that is done, and done again. `known` outlives whoever does it."""

    shop: Shop
    known: dict[str, str]

    async def prepare(self) -> None:  # noqa: B027 - nothing stands before most of them
        """What stands before it."""

    @abstractmethod
    async def do(self) -> None:
        """Do it, or do it again."""

    @abstractmethod
    async def look(self) -> Rows:
        """What is there of it."""

    async def rows(self, sql: str, *parameters: object) -> Rows:
        async with self.shop.database.read() as transaction:
            cursor = await transaction.connection.execute(sql, parameters)
            return [[str(value) for value in row] for row in await cursor.fetchall()]

    @contextlib.asynccontextmanager
    async def much_later(self):
        self.shop.database.clock_offset = timedelta(days=90)
        yield
        self.shop.database.clock_offset = timedelta()
