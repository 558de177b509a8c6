"""What all commands about users' own accounts have in common: who may, the store, and the choice of an account."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.accounts.account import SipAccount, Written
from gateway.accounts.reading import AccountRules, Unfit
from gateway.accounts.sources import AccountStore
from gateway.errors import PeerError, StoreError
from gateway.jid import bare

from . import account_form
from .command import Ask, Outcome
from .form import Fault, Field, FieldType, Filled, Form, Option

T = TypeVar("T")

NONE: Final = "You have no SIP account here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Affairs:
    """What all these commands need."""

    store: AccountStore
    rules: AccountRules
    has: Callable[[str], bool]
    "Whether a user, a bare JID, has any account."

    state: Callable[[SipAccount], str]
    "How an account's registration stands, in words."

    admits: Callable[[str], bool]
    "Whether a user, a bare JID, may change something now, which then counts: each change may be a registration."

    def may_have(self, jid: str) -> bool:
        """Whether a user may have accounts by themselves."""
        return jid in self.rules.users

    def concern(self, jid: str) -> bool:
        """Whether a user has an account, whoever made it, or may have one."""
        return self.may_have(jid) or self.has(jid)

    async def all(self, jid: str) -> tuple[SipAccount, ...]:
        """A user's accounts; ``jid`` may be full."""
        return await kept(self.store.list(bare(jid)))

    async def own(self, jid: str) -> tuple[SipAccount, ...]:
        """Those that the user may change."""
        return tuple(account for account in await self.all(jid) if account.made_by != "file")

    async def put(self, jid: str, written: Written) -> None:
        """Keep an account of a user's own making; Fault where it cannot be."""
        self._count(jid)
        await kept(self.store.put(bare(jid), written, made_by="user"))

    async def remove(self, jid: str, name: str) -> None:
        """Remove one; Fault where it cannot be."""
        self._count(jid)
        await kept(self.store.remove(bare(jid), name))

    async def choose(self, jid: str, name: str) -> None:
        """Let one dial; Fault where it cannot."""
        self._count(jid)
        await kept(self.store.choose(bare(jid), name))

    def _count(self, jid: str) -> None:
        if not self.admits(bare(jid)):
            text = "accounts have been changed often enough; come again in a minute"
            raise Fault(text, condition="resource-constraint")


async def kept(doing: Awaitable[T]) -> T:
    """What a store does, with what goes wrong as a Fault."""
    try:
        return await doing
    except Unfit as unfit:
        raise account_form.fault(unfit) from None
    except StoreError:
        text = "accounts cannot be read or kept at present; try again later"
        raise Fault(text, condition="resource-constraint") from None
    except PeerError as error:
        raise Fault(error.text) from None


Then = Callable[[SipAccount], Awaitable[Outcome]]


async def choosing(accounts: Iterable[SipAccount], title: str, then: Then, *, last: bool) -> Outcome:
    """Go on with the account that the user chooses; of one there is no choice.  There must be one."""
    by_name = {account.name: account for account in accounts}
    if len(by_name) == 1:
        return await then(*by_name.values())

    async def chosen(filled: Filled) -> Outcome:
        return await then(by_name[filled.text("account")])

    return Ask(form=Form(title=title, fields=(among(by_name.values()),)), then=chosen, last=last)


def among(accounts: Iterable[SipAccount]) -> Field:
    """The field in which one of them is chosen; first it is the one that dials."""
    listed = tuple(accounts)
    return Field(
        var="account",
        label="Account",
        type=FieldType.LIST_SINGLE,
        required=True,
        options=tuple(Option(account.name, account_form.title(account)) for account in listed),
        values=tuple(account.name for account in listed if account.dials) or (listed[0].name,),
    )


async def found(affairs: Affairs, jid: str, name: str) -> SipAccount:
    """An account as it stands now; Fault if it has gone meanwhile."""
    for account in await affairs.all(jid):
        if account.name == name:
            return account
    raise Fault("this account is not there any more")
