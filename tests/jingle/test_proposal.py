"""Message initiation: the messages around a session, read and written."""

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from gateway.errors import PeerError
from gateway.jingle import proposal
from gateway.jingle.proposal import MAX_KINDS, read
from gateway.jingle.request import MAX_SID
from gateway.signals import End
from gateway.stanza import Stanza
from mappings.reasons import EndReason
from mappings.terms import Initiation

from .ladder import LOCAL, NUMBER, PHONE, SID, User, check, jmi_reason

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
nora = User()


def sent(children: tuple[object, ...]) -> proposal.Proposal:
    stanza = Stanza(kind="message", type="chat", id="m", sender=LOCAL, to=PHONE, children=children)  # type: ignore[arg-type]
    check(stanza)
    found = read(stanza)
    assert found is not None
    return found


def test_a_propose_names_the_media_it_wants() -> None:
    found = read(nora.propose("audio", "video"))
    assert found is not None
    assert (found.kind, found.id, found.sender, found.media) == (Initiation.PROPOSE, SID, PHONE, ("audio", "video"))


def test_a_propose_for_something_else_names_no_media() -> None:
    files = "<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>"
    found = read(nora.message("propose", files))
    assert found is not None
    assert found.media == ()


def test_media_are_counted_once_and_not_without_end() -> None:
    found = read(nora.propose(*["audio"] * 3, *(f"m{number}" for number in range(50))))
    assert found is not None
    assert found.media[0] == "audio"
    assert len(found.media) <= MAX_KINDS


@pytest.mark.conformance("JMI-09")
@pytest.mark.parametrize("to", [NUMBER, LOCAL])
def test_a_reject_counts_whichever_of_our_jids_it_is_sent_to(to: str) -> None:
    found = read(nora.message("reject", jmi_reason("busy", "Busy"), to=to))
    assert found is not None
    assert found.reason is not None
    assert (found.reason.reason, found.reason.text, found.tie_break) == (EndReason.BUSY, "Busy", False)


def test_a_tie_break_is_seen() -> None:
    found = read(nora.message("reject", jmi_reason("expired") + "<tie-break/>"))
    assert found is not None
    assert found.tie_break


def test_a_finish_tells_which_call_goes_on_instead() -> None:
    found = read(nora.message("finish", jmi_reason("expired") + "<migrated to='other'/>"))
    assert found is not None
    assert found.migrated == "other"


@pytest.mark.conformance("JMI-29")
@pytest.mark.parametrize("type", ["groupchat", "headline", "error"])
def test_messages_of_rooms_and_errors_are_no_initiation(type: str) -> None:
    assert read(nora.message("propose", type=type)) is None


@pytest.mark.parametrize("type", ["chat", "normal", ""])
def test_other_messages_are(type: str) -> None:
    assert read(nora.message("ringing", type=type)) is not None


@pytest.mark.conformance("JMI-29")
@pytest.mark.parametrize(
    "copy",
    [
        "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></sent>",
        "<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'/></result>",
        "<forwarded xmlns='urn:xmpp:forward:0'/>",
    ],
)
def test_copies_of_messages_to_others_are_no_initiation(copy: str) -> None:
    assert read(nora.message("propose", more=copy)) is None


def test_what_is_inside_a_copy_is_not_looked_at() -> None:
    inner = "<forwarded xmlns='urn:xmpp:forward:0'><propose xmlns='urn:xmpp:jingle-message:0' id='a'/></forwarded>"
    wrapped = fromstring(f"<sent xmlns='urn:xmpp:carbons:2'>{inner}</sent>")
    stanza = Stanza(kind="message", type="chat", id="m", sender=PHONE, to=LOCAL, children=(wrapped,))
    assert read(stanza) is None


def test_an_iq_or_a_message_about_something_else_is_no_initiation() -> None:
    assert read(nora.set("session-info")) is None
    assert read(nora.message("invented")) is None


@pytest.mark.parametrize("id", ["", "x" * (MAX_SID + 1)])
def test_an_initiation_needs_an_id_of_reasonable_length(id: str) -> None:
    with pytest.raises(PeerError):
        read(nora.message("propose", sid=id))


@pytest.mark.conformance("JMI-21")
@pytest.mark.parametrize(
    ("stamp", "stale"),
    [
        ("2026-11-03T10:00:30Z", False),
        ("2026-11-03T10:00:29.500+00:00", False),
        ("2026-11-03T09:58:00Z", True),
        ("2026-11-03T10:00:00", True),
        ("yesterday", True),
        ("", True),
    ],
)
def test_a_stored_propose_is_stale_after_the_time_that_it_would_ring(stamp: str, stale: bool) -> None:
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}' from='example.net'/>"
    found = read(nora.message("propose", more=delay))
    assert found is not None
    assert found.stale(1793700060.0, 90.0) is stale


def test_a_fresh_propose_is_not_stale() -> None:
    found = read(nora.propose())
    assert found is not None
    assert not found.stale(1793700060.0, 90.0)


@pytest.mark.conformance("JMI-01", "JMI-02")
def test_a_propose_of_ours_names_its_media_in_order() -> None:
    assert sent(proposal.propose(SID, ["audio", "video"])).media == ("audio", "video")


@pytest.mark.conformance("JMI-31")
def test_a_propose_of_ours_carries_the_callers_name() -> None:
    children = proposal.propose(SID, ["audio"], nick="Bob\n the\x07 Builder")
    sent(children)
    (nick,) = (child for child in children if child.tag == "{http://jabber.org/protocol/nick}nick")
    assert nick.text == "Bob the Builder"
    assert len(proposal.propose(SID, ["audio"], nick="  ")) == 2


@pytest.mark.parametrize(
    ("children", "kind"),
    [(proposal.proceed(SID), Initiation.PROCEED), (proposal.ringing(SID), Initiation.RINGING)],
)
def test_short_messages_of_ours_hold_the_id_alone(children: tuple[object, ...], kind: Initiation) -> None:
    found = sent(children)
    assert (found.kind, found.id, found.reason) == (kind, SID, None)


@pytest.mark.parametrize("tie_break", [True, False])
def test_a_reject_and_a_retract_of_ours_give_their_reason(tie_break: bool) -> None:
    end = End(EndReason.DECLINE, None, 603, "Decline")
    for children in (proposal.reject(SID, end, tie_break=tie_break), proposal.retract(SID, end, tie_break=tie_break)):
        found = sent(children)
        assert found.tie_break is tie_break
        assert found.reason is not None
        assert (found.reason.reason, found.reason.text) == (EndReason.DECLINE, "603 Decline")


def test_a_finish_of_ours_gives_its_reason() -> None:
    found = sent(proposal.finish(SID, End(EndReason.SUCCESS)))
    assert found.reason is not None
    assert found.reason.reason is EndReason.SUCCESS


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*jmi*.xml")), ids=lambda path: path.stem)
def test_what_real_clients_send_is_read(path: Path) -> None:
    root = fromstring(path.read_text())
    children = tuple(root) if root.tag.endswith("message") else (root,)
    type = root.get("type", "chat") if root.tag.endswith("message") else "chat"
    stanza = Stanza(kind="message", type=type, id="m", sender=PHONE, to=LOCAL, children=children)
    if any(child.tag.startswith("{urn:xmpp:jingle-message:0}") and child.get("id") for child in children):
        found = read(stanza)
        assert found is not None
        assert found.kind.value in path.stem
    else:
        with pytest.raises(PeerError):
            read(stanza)
