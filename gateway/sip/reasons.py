"""Why a call ended, read from and written into SIP: status, phrase, Warning and Reason header.

The table is `mappings.reasons`; here it is only spelled.  Reading a final response: a Warning tells the 488s apart,
then a Reason header refines what the status says (RFC 6432), then the status, then its class (RFC 3261 §8.1.3.2).
"""

import re
from typing import NamedTuple

from gateway.errors import PeerError
from gateway.signals import End, Refuse
from gateway.sip.address import NameAddr, Uri
from gateway.sip.message import PHRASES, Header, SipRequest, SipResponse, quote, unquote
from gateway.sip.wire import Failed
from mappings.reasons import (
    BY_Q850,
    BY_REASON,
    BY_SIP_CAUSE,
    BY_STATUS,
    BY_WARNING,
    CLASSES,
    NO_CAUSE,
    Q850_WORDS,
    TRANSFERRED,
    WARNED,
    Cause,
    EndReason,
)

AGENT = "jingle-sip"
"The warn-agent of our Warning headers: a pseudonym (RFC 3261 §20.43)."

MAX_TEXT = 200
"So much of a text goes into a header, in characters."

WARNING_TEXTS = {
    302: "Incompatible transport protocol",
    304: "Media type not available",
    305: "Incompatible media format",
    370: "The media application failed",
    380: "SIPS Not Allowed",
}

EXPLAINED = WARNED | {400}
"Refusals whose text goes into a Warning (399), where the reason has no Warning code of its own."

NO_CHALLENGE = frozenset({401, 407})
"Never sent for a cause on the other side: they would need a challenge (conformance reference 1.6)."

_CAUSE = re.compile(r"\s*([\w.!%*+`'~-]++)\s*+((?:;.*)?)", re.DOTALL)
_PARAMETER = re.compile(r""";\s*+([\w-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;\s"]*+)""", re.DOTALL)
_WARNING = re.compile(r"\s*(\d{3})\s")
_WARNING_TEXT = re.compile(r"\s*\d{3}\s++\S++\s++(\"(?:[^\"\\]|\\.)*+\")", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
"What stands for bytes that are no UTF-8, and what else XML has no place for."


class Refusal(NamedTuple):
    """A final response in the making: everything in it that says why."""

    status: int
    phrase: str | None
    headers: tuple[Header, ...]


# -------------------------------------------------------------------------------------------------------------- reading


def end_of_response(response: SipResponse, *, rang: bool) -> End:
    """What a 3xx-6xx to our INVITE means (1.7.2); ``rang``: a 180 was seen before."""
    status, phrase, text = status_line(response)
    redirect = _clean(str(found[0])) if status < 400 and (found := redirects(response)) else None
    if redirect is not None:
        text = f"{text}: {redirect}"
    return End(_reason(response, rang=rang), text, status, phrase, redirect)


def refuse_of_response(response: SipResponse) -> Refuse:
    """What a 3xx-6xx to our re-INVITE means: the call goes on."""
    status, _, text = status_line(response)
    return Refuse(_reason(response, rang=False), text, glare=status == 491)


def end_of_failure(failed: Failed) -> End:
    """What it means that a request could not be sent, or was never answered."""
    if failed.cause == "timeout":
        return End(EndReason.TIMEOUT, failed.text or f"no answer to {failed.method}")
    return End(EndReason.CONNECTIVITY_ERROR, failed.text or f"{failed.method} could not be sent")


def end_of_error(error: PeerError) -> End:
    """What it means that a description in a 2xx, or for our own INVITE, cannot be used."""
    return End(error.reason, error.text)


def end_of_bye(request: SipRequest) -> End:
    """Why the peer hangs up, by its Reason header (1.7.3); without one it is the normal end."""
    causes = [cause for cause in read_causes(request) if not _says_nothing(cause)]
    if not causes:
        return End(EndReason.SUCCESS)
    for cause in causes:
        if (cause.protocol, cause.code) == (TRANSFERRED.protocol, TRANSFERRED.code):
            return End(EndReason.SUCCESS, cause.text, transferred=True)
        reason = _reason_of_cause(cause)
        if reason is EndReason.CANCEL:  # a cause that only means something before the answer
            reason = EndReason.SUCCESS
        if reason is not None:
            return End(reason, _told(cause))
    return End(EndReason.UNSPECIFIED, _told(causes[0]))


def end_of_cancel(request: SipRequest) -> End:
    """Why the caller gives up before the answer: the reason is always cancel, the header's text says more (END-35)."""
    causes = read_causes(request)
    text = next((cause.text for cause in causes if cause.text), None)
    return End(EndReason.CANCEL, text, elsewhere=any((one.protocol, one.code) == ("SIP", 200) for one in causes))


def read_causes(message: SipRequest | SipResponse) -> tuple[Cause, ...]:
    """The values of the Reason headers (RFC 3326); unreadable ones are left out."""
    return tuple(cause for value in _values(message, "Reason") if (cause := _read_cause(value)) is not None)


def status_line(response: SipResponse) -> tuple[int, str, str]:
    """The status, its phrase and both as one text, with what a Warning says besides (RFC 3261 §20.43)."""
    phrase = _clean(response.phrase) or PHRASES.get(response.status, "")
    text = f"{response.status} {phrase}".rstrip()
    said = (_WARNING_TEXT.match(value) for value in _values(response, "Warning"))
    warned = next((_clean(unquote(match[1]))[:MAX_TEXT] for match in said if match), "")
    return response.status, phrase, f"{text}: {warned}" if warned else text


def redirects(response: SipResponse) -> list[Uri]:
    """The addresses of a 3xx, the preferred one first (RFC 3261 §8.1.3.4)."""
    found: list[tuple[float, Uri]] = []
    for value in _values(response, "Contact"):
        try:
            contact = NameAddr.parse(value)
        except PeerError:
            continue
        found.append((-_preference(contact.params.get("q")), contact.uri))
    found.sort(key=lambda item: item[0])
    return [uri for _, uri in found]


def _values(message: SipRequest | SipResponse, name: str) -> tuple[str, ...]:
    """The values of a header that only explains: unreadable, it explains nothing, and the message counts as it is."""
    try:
        return message.values(name)
    except PeerError:
        return ()


def _reason(response: SipResponse, *, rang: bool) -> EndReason:
    status = response.status
    if status in WARNED:
        for value in _values(response, "Warning"):
            if (code := _WARNING.match(value)) and (warned := BY_WARNING.get(int(code[1]))) is not None:
                return warned
    causes = read_causes(response)
    for cause in causes:
        refined = _reason_of_cause(cause)
        # "Normal clearing" is no news about a call that never was, and neither is that it was cancelled elsewhere.
        if refined not in (None, EndReason.SUCCESS, EndReason.CANCEL):
            return refined
    # COMPAT(Asterisk): 603 is its answer, too, where its dialplan has come to an end and nobody has declined.
    if status == 480 or (status == 603 and any(map(_says_nothing, causes))):
        return EndReason.TIMEOUT if rang else EndReason.GONE
    return BY_STATUS.get(status) or CLASSES.get(status // 100, EndReason.GENERAL_ERROR)


def _told(cause: Cause) -> str | None:
    """Its text, or what its number means."""
    return cause.text or (Q850_WORDS.get(cause.code) if cause.protocol == "Q.850" else None)


def _says_nothing(cause: Cause) -> bool:
    return (cause.protocol, cause.code) == (NO_CAUSE.protocol, NO_CAUSE.code)


def _reason_of_cause(cause: Cause) -> EndReason | None:
    if cause.protocol == "Q.850":
        return BY_Q850.get(cause.code)
    if cause.protocol == "SIP":
        # The cause is a status; where no row names it, it says what a response of that status would.
        return BY_SIP_CAUSE.get(cause.code) or BY_STATUS.get(cause.code) or CLASSES.get(cause.code // 100)
    return None


def _read_cause(value: str) -> Cause | None:
    head = _CAUSE.fullmatch(value)
    if head is None:
        return None
    code, text = None, None
    for name, written in _PARAMETER.findall(head[2]):
        if name.lower() == "cause" and written.isascii() and written.isdigit() and len(written) < 5:
            code = int(written)
        elif name.lower() == "text":
            text = _clean(unquote(written)) or None
    protocol = head[1].upper()
    return None if code is None else Cause(protocol, code, text)


def _preference(q: str | None) -> float:
    try:
        return min(max(float(q), 0.0), 1.0) if q else 1.0
    except ValueError:
        return 1.0


# -------------------------------------------------------------------------------------------------------------- writing


def refusal(signal: End | Refuse, *, rang: bool) -> Refusal:
    """The final response to an INVITE that says this (1.7.1); ``rang``: a 180 was sent before."""
    row = BY_REASON[signal.reason]
    status, phrase, cause = row.refusal, None, row.refusal_cause
    headers: list[Header] = []
    if signal.reason is EndReason.TIMEOUT and rang:
        status, cause = 480, Cause("Q.850", 19)
    if isinstance(signal, End):
        if signal.redirect is not None and _may_redirect(signal.redirect):
            status = signal.status if signal.status is not None and 300 <= signal.status < 400 else 302
            headers.append(("Contact", f"<{signal.redirect}>"))
        elif signal.status is not None and 400 <= signal.status < 700:
            status = 403 if signal.status in NO_CHALLENGE else signal.status
            phrase = _clean(signal.phrase) if signal.phrase and status == signal.status else None
    elif signal.glare:
        status, cause = 491, None
    if row.warning is not None and status in WARNED:
        headers.append(warning(row.warning, signal.text))
    elif signal.text and status in EXPLAINED:
        headers.append(warning(399, signal.text))
    if cause is not None:
        headers.append(("Reason", write_cause(cause)))
    return Refusal(status, phrase, tuple(headers))


def refusal_of_error(error: PeerError) -> Refusal:
    """The final response to a request that cannot be read or used, or that the operator's rules are against."""
    made = refusal(End(error.reason, error.text, error.status), rang=False)
    headers = list(made.headers)
    if (error.cause is not None or made.status == 480) and all(name != "Warning" for name, _ in headers):
        headers.append(warning(399, error.text))
    if error.retry_after is not None:
        headers.append(("Retry-After", str(error.retry_after)))
    return made._replace(headers=tuple(headers))


def bye_reason(end: End) -> Header:
    """The Reason header of the BYE that ends an answered call (1.7.3)."""
    if end.transferred:
        return "Reason", write_cause(TRANSFERRED)
    cause = BY_REASON[end.reason].bye or BY_REASON[EndReason.GENERAL_ERROR].bye
    assert cause is not None
    return "Reason", write_cause(cause, end.text)


def cancel_reason(end: End) -> Header:
    """The Reason header of the CANCEL that gives up a call before its answer.

    A time-out here is a phone that nobody picked up, not media that stopped: that row's BYE would say so.
    """
    row = BY_REASON[end.reason]
    cause = Cause("Q.850", 19) if end.reason is EndReason.TIMEOUT else row.bye
    assert cause is not None
    return "Reason", write_cause(cause, end.text)


def write_cause(cause: Cause, text: str | None = None) -> str:
    """One value of a Reason header; ``text`` stands in for the table's own."""
    written = _clean(text)[:MAX_TEXT] if text else cause.text
    value = f"{cause.protocol};cause={cause.code}"
    return f"{value};text={quote(written)}" if written else value


def warning(code: int, text: str | None = None) -> Header:
    """A Warning header (RFC 3261 §20.43)."""
    written = _clean(text)[:MAX_TEXT] if text else ""
    return "Warning", f"{code} {AGENT} {quote(written or WARNING_TEXTS.get(code, 'Miscellaneous warning'))}"


def _may_redirect(uri: str) -> bool:
    """Whether a SIP caller can be sent there: the address is in SIP's words and cannot break out of its brackets."""
    return uri.lower().startswith(("sip:", "sips:", "tel:")) and not set('<>" \t\r\n\x00').intersection(uri)


def _clean(text: str) -> str:
    """A text from the other side on one line: neither header nor XML can carry its control characters."""
    return _NO_XML.sub("\ufffd", _UNPRINTABLE.sub(" ", text)).strip()
