"""In-band registration at the component's domain, by which old and new clients add a gateway (XEP-0077, XEP-0100 §4).

To register is to have a SIP account of one's own here.  What is filled in is the form of an ad-hoc command; clients
that know no forms give a user name, which is the SIP address, and a password.  Who is registered changes that account
by the same request, and loses all that they have made by themselves by removing it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol
from xml.etree.ElementTree import Element, SubElement

import structlog

from gateway.accounts.account import SipAccount
from gateway.entity.subscription import COMPONENT_RESOURCE
from gateway.errors import PeerError
from gateway.jid import bare, local
from gateway.stanza import Stanza, error, result
from mappings.namespaces import DATA_FORM, REGISTER

from . import account_form, form
from .account_commands import added
from .affairs import Affairs
from .filling import fill
from .form import Field, FieldType, Filled, Form

TAG = f"{{{REGISTER}}}query"

MOST_AT_ONCE = 1000
"Requests that are being worked at; more are told to come later."

INSTRUCTIONS = "Your account with a SIP provider: you are called at it here, and can call through it."
LEGACY = "User name: your SIP address, user@domain."


class XmppPort(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class InBand:
    """All registrations.  To be made inside the event loop."""

    def __init__(self, affairs: Affairs, *, xmpp: XmppPort, part: Callable[[str], None]) -> None:
        """``part`` is told of users who are no contacts of ours any more."""
        self._affairs = affairs
        self._xmpp = xmpp
        self._part = part
        self._running: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    def stanza(self, stanza: Stanza) -> bool:
        """Take a request to the domain about registration; False: it is none."""
        if stanza.kind != "iq" or stanza.type not in ("get", "set") or local(stanza.to) or len(stanza.children) != 1:
            return False
        (query,) = stanza.children
        if query.tag != TAG:
            return False
        if not self._affairs.may_have(bare(stanza.sender)):
            self._xmpp.send(error(stanza, "forbidden", "nobody may register an account for you here"))
        elif len(self._running) >= MOST_AT_ONCE:
            self._xmpp.send(error(stanza, "resource-constraint"))
        elif stanza.type == "get":
            self._do(stanza, self._tell(stanza))
        elif query.find(f"{{{REGISTER}}}remove") is not None:
            self._do(stanza, self._remove(stanza, query))
        else:
            self._do(stanza, self._register(stanza, query))
        return True

    async def stop(self) -> None:
        """Let what is being done be done: the store is quick, or says that it is not."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _do(self, stanza: Stanza, doing: Coroutine[None, None, list[Stanza]]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(stanza, doing))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, stanza: Stanza, doing: Coroutine[None, None, list[Stanza]]) -> None:
        try:
            replies = await doing
        except PeerError as failure:
            replies = [error(stanza, failure.condition, failure.text)]
        except Exception:
            self._log.exception("stanza_failed", kind=stanza.kind, type=stanza.type)
            replies = [error(stanza, "internal-server-error")]
        for reply in replies:
            self._xmpp.send(reply)

    # --------------------------------------------------------------------------------------------------------- requests

    async def _tell(self, stanza: Stanza) -> list[Stanza]:
        """What there is to be filled in, and what is registered (XEP-0077 §3.1)."""
        account = _registered(await self._affairs.own(stanza.sender))
        query = Element(TAG)
        if account is not None:
            SubElement(query, f"{{{REGISTER}}}registered")
        SubElement(query, f"{{{REGISTER}}}instructions").text = f"{INSTRUCTIONS} {LEGACY}"
        username = SubElement(query, f"{{{REGISTER}}}username")
        username.text = None if account is None else account.written.address
        SubElement(query, f"{{{REGISTER}}}password")
        query.append(form.write(_form(account)))
        return [result(stanza, query)]

    async def _register(self, stanza: Stanza, query: Element) -> list[Stanza]:
        account = _registered(await self._affairs.own(stanza.sender))
        jid = bare(stanza.sender)
        filled = _filled(query, account)
        if account is None:
            await _acceptable(added(self._affairs, jid, filled))
            self._log.info("account_registered", peer=jid)
            # The user has asked for it, and their server shall know that they want our presence (XEP-0100 §4.1.1).
            return [result(stanza), Stanza(kind="presence", type="subscribe", sender=bare(stanza.to), to=jid)]
        written = account_form.written(filled, account.written)
        await _acceptable(self._affairs.put(jid, written))
        return [result(stanza)]

    async def _remove(self, stanza: Stanza, query: Element) -> list[Stanza]:
        """Take back all that the user has made (XEP-0077 §3.2, XEP-0100 §4.3)."""
        if len(query) != 1:
            raise PeerError("registration: remove stands alone", condition="bad-request")
        own = await self._affairs.own(stanza.sender)
        if not own:
            raise PeerError("registration: there is none of yours", condition="registration-required")
        jid, us = bare(stanza.sender), bare(stanza.to)
        for account in own:
            await _acceptable(self._affairs.remove(jid, account.name))
        self._log.info("account_unregistered", peer=jid)
        self._part(jid)
        return [
            result(stanza),
            Stanza(kind="presence", type="unsubscribe", sender=us, to=jid),
            Stanza(kind="presence", type="unsubscribed", sender=us, to=jid),
            Stanza(kind="presence", type="unavailable", sender=f"{us}/{COMPONENT_RESOURCE}", to=jid),
        ]


def _registered(own: tuple[SipAccount, ...]) -> SipAccount | None:
    """The account that is shown and changed: the one that dials, or the first."""
    return next((account for account in own if account.dials), next(iter(own), None))


def _form(account: SipAccount | None) -> Form:
    hidden = Field(var="FORM_TYPE", type=FieldType.HIDDEN, values=(REGISTER,))
    fields = account_form.fields(None if account is None else account.written)
    return Form(title="SIP account", instructions=(INSTRUCTIONS,), fields=(hidden, *fields))


def _filled(query: Element, account: SipAccount | None) -> Filled:
    """What was filled in; PeerError not-acceptable where something is missing, or cannot be (XEP-0077 §3.1)."""
    asked = _form(account)
    x = next((child for child in query if child.tag == form.TAG), None)
    if x is None:
        x = _of_old(query, asked)
    try:
        return fill(asked, x)
    except PeerError as failure:
        raise PeerError(failure.text, condition="not-acceptable") from None


def _of_old(query: Element, asked: Form) -> Element:
    """The form as a client fills it in that knows no forms: what it is not asked stays as it is.

    It must fill in all that it was shown, the password too (§3.1).
    """
    address = (query.findtext(f"{{{REGISTER}}}username") or "").strip()
    password = query.findtext(f"{{{REGISTER}}}password") or ""
    if not address or not password:
        missing = "the user name, a SIP address" if not address else "the password"
        raise PeerError(f"registration: {missing} is missing", condition="not-acceptable")
    given = {"address": (address,), "password": (password,)}
    x = Element(form.TAG, {"type": "submit"})
    for each in asked.fields:
        field = SubElement(x, f"{{{DATA_FORM}}}field", {"var": each.var})
        for value in given.get(each.var, each.values):
            SubElement(field, f"{{{DATA_FORM}}}value").text = value
    return x


async def _acceptable(doing: Coroutine[None, None, object]) -> None:
    """What a store does; what it finds wrong with an account is not acceptable."""
    try:
        await doing
    except PeerError as failure:
        if failure.condition == "resource-constraint":
            raise
        raise PeerError(failure.text, condition="not-acceptable") from None
