"""The commands by which users look after their own SIP accounts: add, change, remove, list, and choose among them.

Who may have accounts by themselves is the operator's word (`AccountRules.users`).  Who has one from the operator may
see it, and choose by which one they call; what stands in the configuration nobody changes from here.
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway.accounts.account import SipAccount
from gateway.accounts.reading import Unfit, account_name
from gateway.jid import bare

from . import account_form
from .affairs import NONE, Affairs, among, choosing, found
from .command import Ask, Command, Done, Note, Outcome, done, failed
from .form import Fault, Field, FieldType, Filled, Form, Option, Report, Table

ADDRESS: Final = "the address"
"In a list of numbers; no number has a blank. Some clients leave out what is empty."

NONE_OF_YOURS: Final = "You have no SIP account that you could change; what the operator has set up stays as it is."


# ------------------------------------------------------------------------------------- what users make by themselves


@dataclass(frozen=True, slots=True)
class AddAccount:
    """A new account."""

    affairs: Affairs
    node: str = "account-add"
    name: str = "Add a SIP account"

    def may(self, jid: str) -> bool:
        """Who may have accounts by themselves."""
        return self.affairs.may_have(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask for everything."""
        if len(await self.affairs.own(jid)) >= self.affairs.rules.most:
            return failed(f"You have {self.affairs.rules.most} accounts, and there is no room for another.")

        async def add(filled: Filled) -> Outcome:
            account = await added(self.affairs, bare(jid), filled)
            calls = " You call through it." if account.dials else ""
            return done(f"The account {account_form.title(account)} is added.{calls}")

        form = Form(
            title=self.name,
            instructions=("You are called at this account's address here, and can call through it.",),
            fields=account_form.fields(None),
        )
        return Ask(form=form, then=add)


async def added(affairs: Affairs, jid: str, filled: Filled) -> SipAccount:
    """The account that a form for a new one asks for; Fault where that cannot be."""
    written = account_form.written(filled, None)
    try:
        name = account_name(written.name)
    except Unfit as unfit:
        raise account_form.fault(unfit) from None
    if any(account.name == name for account in await affairs.all(jid)):
        raise Fault(f"{account_form.LABELS['name']}: you have an account of that name")
    await affairs.put(jid, written)
    return await found(affairs, jid, name)


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Another password, and whatever else."""

    affairs: Affairs
    node: str = "account-change"
    name: str = "Change a SIP account"

    def may(self, jid: str) -> bool:
        """Who may have accounts by themselves."""
        return self.affairs.may_have(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask which, and then for everything."""
        own = await self.affairs.own(jid)

        async def ask(account: SipAccount) -> Outcome:
            async def change(filled: Filled) -> Outcome:
                after = account_form.written(filled, (await found(self.affairs, jid, account.name)).written)
                await self.affairs.put(jid, after)
                return done(f"The account {account.name} is changed. A call that is going on is not touched.")

            form = Form(title=f"{self.name}: {account.name}", fields=account_form.fields(account.written))
            return Ask(form=form, then=change)

        return await choosing(own, self.name, ask, last=False) if own else failed(NONE_OF_YOURS)


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    """No such account any more."""

    affairs: Affairs
    node: str = "account-remove"
    name: str = "Remove a SIP account"

    def may(self, jid: str) -> bool:
        """Who may have accounts by themselves."""
        return self.affairs.may_have(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask which, and whether it is meant."""
        own = await self.affairs.own(jid)

        async def ask(account: SipAccount) -> Outcome:
            async def remove(filled: Filled) -> Outcome:
                await self.affairs.remove(jid, account.name)
                return done(f"The account {account.name} is removed.")

            text = (
                f"{account_form.title(account)} is forgotten, with its password. Calls to it do not come here any more."
            )
            return Ask(form=Form(title=f"{self.name}?", instructions=(text,)), then=remove)

        return await choosing(own, self.name, ask, last=False) if own else failed(NONE_OF_YOURS)


@dataclass(frozen=True, slots=True)
class ChooseNumber:
    """Which number others see."""

    affairs: Affairs
    node: str = "account-number"
    name: str = "Choose the number that others see"

    def may(self, jid: str) -> bool:
        """Who may have accounts by themselves."""
        return self.affairs.may_have(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask for which account, and then for the number."""
        own = await self.affairs.own(jid)

        async def ask(account: SipAccount) -> Outcome:
            async def show(filled: Filled) -> Outcome:
                number = filled.text("another") or filled.text("number")
                number = "" if number == ADDRESS else number
                after = replace(account.written, caller_id=number, password=None)
                await self.affairs.put(jid, after)
                return done(f"Others see {number or account.user} when you call through {account.name}.")

            numbers = dict.fromkeys(filter(None, (account.written.caller_id, *account.written.numbers)))
            options = (Option(ADDRESS, f"The address: {account.user}"), *(Option(number, number) for number in numbers))
            fields = (
                Field(
                    var="number",
                    label="Number",
                    type=FieldType.LIST_SINGLE,
                    options=options,
                    values=(account.written.caller_id or ADDRESS,),
                ),
                Field(var="another", label="Another number", longest=64, desc="If it is none of these."),
            )
            text = "Your provider decides which numbers it lets you show."
            return Ask(form=Form(title=self.name, instructions=(text,), fields=fields), then=show)

        return await choosing(own, self.name, ask, last=False) if own else failed(NONE_OF_YOURS)


# ------------------------------------------------------------------------------------------- for whoever has an account


@dataclass(frozen=True, slots=True)
class MyAccounts:
    """What there is, and how it is."""

    affairs: Affairs
    node: str = "accounts"
    name: str = "My SIP accounts"

    def may(self, jid: str) -> bool:
        """Who has an account, or may have one."""
        return self.affairs.concern(jid)

    async def start(self, jid: str) -> Outcome:
        """Tell."""
        accounts = await self.affairs.all(jid)
        if not accounts:
            return done(NONE)
        columns = (
            Field(var="name", label="Account"),
            Field(var="address", label="Address"),
            Field(var="state", label="Registration"),
            Field(var="calls", label="Your calls go through it"),
            Field(var="number", label="Others see"),
            Field(var="made_by", label="Set up by"),
        )
        rows = tuple(
            (
                account.name,
                account.written.address,
                self.affairs.state(account),
                "yes" if account.dials else "no",
                account.caller_id or account.user,
                "you" if account.made_by == "user" else "the operator",
            )
            for account in accounts
        )
        # COMPAT(Converse): it shows no report, but notes.
        note = Note(" ".join(f"{name}: {state}." for name, _, state, *_ in rows))
        return Done(notes=(note,), report=Report(title=self.name, table=Table(columns, rows)))


@dataclass(frozen=True, slots=True)
class ChooseDialling:
    """Which account calls go through."""

    affairs: Affairs
    node: str = "account-dials"
    name: str = "Choose the account for your calls"

    def may(self, jid: str) -> bool:
        """Who has an account, or may have one."""
        return self.affairs.concern(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask which."""
        accounts = await self.affairs.all(jid)
        if not accounts:
            return failed(NONE)

        async def choose(filled: Filled) -> Outcome:
            name = filled.text("account")
            await self.affairs.choose(jid, name)
            return done(f"Your calls go through {name} from now on. You are called at all of your accounts.")

        return Ask(form=Form(title=self.name, fields=(among(accounts),)), then=choose)


def commands(affairs: Affairs) -> tuple[Command, ...]:
    """All of them, in the order in which users see them."""
    return (
        MyAccounts(affairs),
        AddAccount(affairs),
        ChangeAccount(affairs),
        RemoveAccount(affairs),
        ChooseDialling(affairs),
        ChooseNumber(affairs),
    )
