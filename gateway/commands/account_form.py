"""A SIP account as a form, and a form filled in as an account; the same in ad-hoc commands and in-band registration.

A password is asked for and never shown: a form that is left without one keeps the one that there is.
"""

from dataclasses import replace
from typing import Final

from gateway.accounts.account import SipAccount, Written
from gateway.accounts.reading import LONGEST_NAME, LONGEST_PASSWORD, LONGEST_USER, MOST_NUMBERS, Unfit
from gateway.secret import Secret

from .form import Fault, Field, FieldType, Filled, Option

FIRST_NAME: Final = "sip"
"What an account is called if its user does not mind."

TRANSPORTS: Final = (
    Option("auto", "As the server says"),
    Option("udp", "UDP"),
    Option("tcp", "TCP"),
    Option("tls", "TLS"),
    Option("ws", "WebSocket"),
    Option("wss", "WebSocket over TLS"),
)

LABELS: Final = {
    "name": "Name of the account",
    "address": "SIP address",
    "password": "Password",
    "user": "User name",
    "registrar": "Registrar",
    "proxy": "Outbound proxy",
    "transport": "Transport",
    "caller_id": "Number that others see",
    "numbers": "Your numbers",
    "register": "Take calls",
}
"Of the fields, by the names that `Written` has for them."


def fields(written: Written | None) -> tuple[Field, ...]:
    """The fields for a new account, or to change one; its name then stays what it is."""
    new = written is None
    shown = written or Written(name=FIRST_NAME, address="")
    return (
        _text("name", shown.name, required=True, longest=LONGEST_NAME, desc="A short word that tells it from others.")
        if new
        else Field(var="name", type=FieldType.HIDDEN, values=(shown.name,)),
        _text("address", shown.address, required=True, desc="user@domain, as your provider wrote it."),
        Field(
            var="password",
            label=LABELS["password"],
            type=FieldType.TEXT_PRIVATE,
            longest=LONGEST_PASSWORD,
            desc="" if new else "Leave it empty to keep the one that there is.",
        ),
        _text("user", shown.user, longest=LONGEST_USER, desc="Only if it is not what stands before the @."),
        _text("caller_id", shown.caller_id, desc="Only if it is not the address, and your provider allows it."),
        Field(
            var="numbers",
            label=LABELS["numbers"],
            type=FieldType.TEXT_MULTI,
            values=shown.numbers,
            most=MOST_NUMBERS,
            desc="Those that you may want to show, one on each line.",
        ),
        Field(var="register", label=LABELS["register"], type=FieldType.BOOLEAN, values=("01"[shown.register],)),
        Field(type=FieldType.FIXED, values=("The rest only if your provider says so.",)),
        _text("proxy", shown.proxy, desc="Host, or host:port."),
        Field(
            var="transport",
            label=LABELS["transport"],
            type=FieldType.LIST_SINGLE,
            options=TRANSPORTS,
            values=(shown.transport,),
        ),
        _text("registrar", shown.registrar, desc="If it is not the domain of the address."),
    )


def _text(var: str, value: str, *, required: bool = False, longest: int = 256, desc: str = "") -> Field:
    values = (value,) if value else ()
    return Field(var=var, label=LABELS[var], values=values, required=required, longest=longest, desc=desc)


def written(filled: Filled, before: Written | None) -> Written:
    """What was filled in; what the form does not ask for stays as it was."""
    password = filled.text("password")
    return replace(
        before or Written(name=filled.text("name"), address=""),
        name=filled.text("name"),
        address=filled.text("address"),
        password=Secret(password) if password else None,
        user=filled.text("user"),
        caller_id=filled.text("caller_id"),
        numbers=tuple(dict.fromkeys(filter(None, map(str.strip, filled.all("numbers"))))),
        register=filled.flag("register"),
        proxy=filled.text("proxy"),
        transport=filled.text("transport") or "auto",
        registrar=filled.text("registrar"),
    )


def fault(unfit: Unfit) -> Fault:
    """What is wrong with an account, in the words of its form."""
    label = LABELS.get(unfit.field)
    return Fault(f"{label}: {unfit.problem}" if label else unfit.problem)


def title(account: SipAccount) -> str:
    """An account in a list of them."""
    return f"{account.name} ({account.written.address})"
