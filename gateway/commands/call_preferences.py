"""The command by which users say which calls they want."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import StoreError
from gateway.jid import bare
from gateway.policy.numbering import Numbering
from gateway.policy.permits import Used
from gateway.policy.preference import LONGEST_PATTERN, MOST_BLOCKED, UNSAID, Preference
from gateway.policy.screening import Callers

from .command import Ask, Outcome, done
from .form import Fault, Field, FieldType, Filled, Form, Option

CHOICES: Final = {"default": None, "yes": True, "no": False}
"What may be chosen of what the operator decides otherwise."

BLOCKED: Final = "Callers that do not get through"


class Kept(Protocol):
    """What users want."""

    def of(self, user: str) -> Preference:
        """What a user (bare JID) wants."""
        ...

    async def put(self, user: str, preference: Preference) -> None:
        """A user wants this from now on.  StoreError when it cannot be kept."""
        ...

    @property
    def full(self) -> bool:
        """Whether there is room for no further user."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPreferences:
    """Which calls I want."""

    kept: Kept
    serves: Callable[[str], bool]
    "Whether a user (bare JID) calls, or is called, here."

    numbering: Numbering
    used: Callable[[str], Used]
    "What a user (bare JID) has had today of calls out."

    node: str = "call-preferences"
    name: str = "Which calls I want"

    def may(self, jid: str) -> bool:
        """Whoever has calls here."""
        return self.serves(jid)

    async def start(self, jid: str) -> Outcome:
        """What is wanted now, to be changed."""
        user = bare(jid)
        wanted = self.kept.of(user)
        fields = (
            Field(
                var="do_not_disturb",
                type=FieldType.BOOLEAN,
                label="Do not disturb",
                values=(str(int(wanted.do_not_disturb)),),
                desc="Nobody gets through; callers hear that you cannot be reached.",
            ),
            _choice("anonymous", "Calls from nobody's number", wanted.anonymous),
            _choice("missed_calls", "A message for each call that was missed", wanted.missed_calls),
            Field(
                var="blocked",
                type=FieldType.TEXT_MULTI,
                label=BLOCKED,
                values=wanted.blocked,
                desc="One a line: a number, its first digits and *, an address, *@domain, or anonymous.",
                longest=LONGEST_PATTERN,
                most=MOST_BLOCKED,
            ),
        )

        async def filled_in(filled: Filled) -> Outcome:
            return await self._keep(user, filled)

        used = self.used(user)
        said = (
            f"Today you have called {used.calls} of {used.most_calls} times,"
            f" and talked {used.minutes} of {used.most_minutes} minutes."
        )
        return Ask(form=Form(title=self.name, instructions=(said,), fields=fields), then=filled_in)

    async def _keep(self, user: str, filled: Filled) -> Outcome:
        wanted = Preference(
            blocked=tuple(dict.fromkeys(self._patterns(filled.all("blocked")))),
            anonymous=CHOICES[filled.text("anonymous") or "default"],
            missed_calls=CHOICES[filled.text("missed_calls") or "default"],
            do_not_disturb=filled.flag("do_not_disturb"),
        )
        if self.kept.full and self.kept.of(user) == UNSAID:
            raise Fault("there is no room for what further users want", condition="resource-constraint")
        try:
            await self.kept.put(user, wanted)
        except StoreError:
            raise Fault("it cannot be kept at present; try again later", condition="resource-constraint") from None
        return done("From now on it is so.")

    def _patterns(self, lines: tuple[str, ...]) -> Iterator[str]:
        """What was filled in, line by line, without empty ones."""
        for line in map(str.strip, lines):
            if not line:
                continue
            try:
                Callers([line], self.numbering)
            except ValueError:
                raise Fault(
                    f"{BLOCKED}: expected a number, first digits and *, an address, *@domain or anonymous"
                    f" — got {line[:64]!r}"
                ) from None
            yield line


def _choice(var: str, label: str, value: bool | None) -> Field:
    return Field(
        var=var,
        type=FieldType.LIST_SINGLE,
        label=label,
        values=(next(name for name, meaning in CHOICES.items() if meaning is value),),
        options=(Option("default", "as the operator decides"), Option("yes", "yes"), Option("no", "no")),
    )
