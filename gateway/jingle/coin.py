"""A conference on the other side, as a client is told of it: that there is a focus, and who is in it (XEP-0298).

Both in a session-info of the session: the element of COIN, and the document of RFC 4575 that XEP-0298 §3 carries.  The
specification puts the document beside an empty <jingle/>, which no iq may have (conformance reference, COIN); inside
one, clients find it.  Only clients that announce COIN are told anything.
"""

from xml.etree.ElementTree import Element, SubElement

from gateway.attendance import Attendee, News
from gateway.signals import Attendance
from mappings.namespaces import COIN, CONFERENCE_INFO
from mappings.terms import Action

from .phases import Phase
from .session import Out, Session

_NS = f"{{{CONFERENCE_INFO}}}"


def attended(session: Session, attendance: Attendance, now: float) -> Out:
    """Tell the client, once it has the session."""
    if session.phase is not Phase.ACTIVE or not session.knows(session.peer, COIN):
        return []
    news = attendance.news
    element = focus(there=attendance.focus) if news is None else document(news)
    return [session.ask(Action.SESSION_INFO, [element], now)]


def focus(*, there: bool) -> Element:
    """Whether who speaks is a focus."""
    return Element(f"{{{COIN}}}conference-info", {"isfocus": "true" if there else "false"})


def document(news: News) -> Element:
    """What is new, as RFC 4575 says it."""
    state = "full" if news.full else "partial"
    root = Element(f"{_NS}conference-info", {"entity": news.entity, "state": state, "version": str(news.version)})
    if news.title:
        _add(SubElement(root, f"{_NS}conference-description"), "display-text", news.title)
    if news.count is not None:
        _add(SubElement(root, f"{_NS}conference-state"), "user-count", str(news.count))
    users = SubElement(root, f"{_NS}users", {"state": state})
    for attendee in news.came:
        _user(users, attendee)
    for entity in news.left:
        SubElement(users, f"{_NS}user", {"entity": entity, "state": "deleted"})
    return root


def _user(users: Element, attendee: Attendee) -> None:
    user = SubElement(users, f"{_NS}user", {"entity": attendee.entity, "state": "full"})
    _add(user, "display-text", attendee.name)
    for endpoint in attendee.endpoints:
        element = SubElement(user, f"{_NS}endpoint", {"entity": endpoint.entity, "state": "full"})
        _add(element, "display-text", endpoint.name)
        _add(element, "status", endpoint.status)
        for stream in endpoint.streams:
            media = SubElement(element, f"{_NS}media", {"id": stream.id})
            _add(media, "type", stream.kind)
            _add(media, "status", stream.status)


def _add(parent: Element, name: str, text: str) -> None:
    if text:
        SubElement(parent, f"{_NS}{name}").text = text
