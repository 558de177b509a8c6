"""The command by which users look at the calls that they have had, the last ones first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import StoreError
from gateway.history import listing
from gateway.history.record import CallRecord
from gateway.jid import bare

from .command import Ask, Done, Outcome, done
from .form import Fault, Field, FieldType, Filled, Form, Option, Report, Table

PAGE: Final = 20
"So many calls are told at a time."

MOST_PAGES: Final = 50

COLUMNS: Final = (
    Field(var="when", label="When"),
    Field(var="way", label="Way"),
    Field(var="number", label="Number"),
    Field(var="length", label="Length"),
    Field(var="outcome", label="What came of it"),
)


class Remembered(Protocol):
    """The calls that were."""

    def knows(self, user: str) -> bool:
        """Whether a user, a bare JID, has had any."""
        ...

    async def count(self, user: str) -> int:
        """How many they are.  StoreError when that cannot be read."""
        ...

    async def of_user(self, user: str, most: int, skip: int = 0) -> Sequence[CallRecord]:
        """Those of that user, the last one first, after so many.  StoreError likewise."""
        ...


@dataclass(frozen=True, slots=True)
class CallHistory:
    """Call history."""

    remembered: Remembered
    node: str = "call-history"
    name: str = "Call history"

    def may(self, jid: str) -> bool:
        """Who has had calls may see them; they are told to nobody else."""
        return self.remembered.knows(jid)

    async def start(self, jid: str) -> Outcome:
        """The calls, or which of them, where they are many."""
        user = bare(jid)
        try:
            number = await self.remembered.count(user)
        except StoreError:
            raise _unread() from None
        if not number:
            return done("No calls of yours are remembered.")
        if number <= PAGE:
            return await self._page(user, 0, number)

        async def chosen(filled: Filled) -> Outcome:
            return await self._page(user, int(filled.text("page")), number)

        starts = range(0, min(number, PAGE * MOST_PAGES), PAGE)
        options = tuple(Option(str(at), _span(at, number)) for at in starts)
        field = Field(
            var="page", type=FieldType.LIST_SINGLE, label="Calls", values=("0",), options=options, required=True
        )
        return Ask(form=Form(title=self.name, instructions=(f"{number} calls; which?",), fields=(field,)), then=chosen)

    async def _page(self, user: str, skip: int, number: int) -> Done:
        try:
            records = await self.remembered.of_user(user, PAGE, skip)
        except StoreError:
            raise _unread() from None
        table = Table(COLUMNS, tuple(listing.row(record) for record in records))
        title = self.name if number <= PAGE else f"{self.name}: {_span(skip, number)}"
        return Done(report=Report(title=title, table=table))


def _span(skip: int, number: int) -> str:
    return f"the last {PAGE}" if not skip else f"{skip + 1} to {min(skip + PAGE, number)}"


def _unread() -> Fault:
    return Fault("the calls cannot be read at present; try again later", condition="resource-constraint")
