"""What each leg says for a signal, and what each request means: signal × state of the leg ↔ Jingle and SIP.

The two legs' own tables carry this out; here it is said once, for both directions, with the documents that say so.  The
states are those that both protocols know.  A row without a signal is answered where it came, and nothing crosses.
"""

from enum import StrEnum
from typing import NamedTuple

from .terms import Action, Info, Initiation, Method


class Said(StrEnum):
    """The signals of `gateway.signals`, by name."""

    OFFER = "Offer"
    COMPLETE = "Complete"
    PROGRESS = "Progress"
    EARLY = "Early"
    ANSWER = "Answer"
    PICKED_UP = "PickedUp"
    REFUSE = "Refuse"
    CANDIDATES = "Candidates"
    DIGIT = "Digit"
    NO_DIGITS = "NoDigits"
    PICTURE = "Picture"
    ATTENDANCE = "Attendance"
    END = "End"
    TRANSFER = "Transfer"
    TRANSFERRED = "Transferred"


class State(StrEnum):
    """Where a leg stands, seen from us."""

    NEW = "new"
    INVITING = "inviting"
    "We have offered a call; it is not answered."

    INVITED = "invited"
    "They have offered a call; we have not answered."

    ESTABLISHED = "established"
    OFFERED = "re-offered"
    "An offer inside the call is out."

    LIVE = "live"
    "Any of the last four."

    ANY = "any"


Word = Action | Info | Initiation | Method | int
"A Jingle action, a session-info payload, a message of initiation, a SIP method or a status."


class Row(NamedTuple):
    """One signal in one state, and how it is said."""

    said: Said | None
    state: State
    jingle: tuple[Word, ...]
    sip: tuple[Word, ...]
    spec: str
    note: str = ""


A, J, N, M, S, T = Action, Initiation, Info, Method, Said, State

_NOT_YET = "nothing: a request gets its result, the description stays"

# fmt: off
ROWS: tuple[Row, ...] = (
    # The call
    Row(S.OFFER, T.NEW, (J.PROPOSE, J.PROCEED, A.SESSION_INITIATE), (M.INVITE,), "XEP-0166 §6.2, 0353 §3; RFC 3261 §13",
        "without XEP-0353, the session-initiate goes to a full JID at once; 100 and the IQ result say 'received'"),
    Row(S.COMPLETE, T.LIVE, (A.SESSION_INITIATE,), (M.ACK,), "XEP-0353 §3; RFC 3261 §13.2.1",
        "the description that an offer owed, where media are anchored: after a propose, and after an INVITE without one, which gets 488 else"),
    Row(S.PROGRESS, T.INVITED, (J.RINGING, N.RINGING), (180,), "XEP-0167 §8.4, 0353 §3.2; draft-ietf-stox-media-07 §11",
        "once a call, however many devices ring; 183 with a description is a `<ringing/>` message, else nothing"),
    Row(S.EARLY, T.INVITED, (J.PROCEED, A.SESSION_ACCEPT), (180, 183, M.UPDATE), "RFC 3960, 5009, 6228",
        "from SIP only, with a description: where media are anchored and the trunk's `early_media` is hear; a client hears nothing unless it is answered"),
    Row(S.ANSWER, T.INVITED, (A.SESSION_ACCEPT,), (200,), "XEP-0166 §6.4; RFC 3261 §13.3.1.4",
        "a 200 that we get is acknowledged at once (ACK), before the client has the session-accept; one without ICE for an offer of ICE is a transport-replace first (XEP-0176 §6)"),
    Row(S.PICKED_UP, T.INVITED, (J.PROCEED,), (), "XEP-0353 §3.3",
        "an offer that the anchor made was answered, while the caller's own description is still owed"),
    Row(S.CANDIDATES, T.LIVE, (A.TRANSPORT_INFO,), (M.INFO,), "XEP-0176 §5.6; RFC 8840 §4.4",
        "to a peer that cannot trickle, candidates are waited for before the INVITE leaves; later ones make a re-INVITE, once, where they change the default address"),
    Row(S.DIGIT, T.LIVE, (A.SESSION_INFO,), (M.INFO,), "XEP-0181; RFC 6086 §2",
        "`<dtmf/>`, to clients that announce it; application/dtmf-relay, when the call is up; digits in the sound (RFC 4733) pass unseen"),
    Row(S.NO_DIGITS, T.LIVE, (), (405, 415, 489, 501), "XEP-0181", "or an Allow header without INFO; then a `<dtmf/>` is not-acceptable"),
    Row(S.PICTURE, T.LIVE, (), (M.INFO,), "RFC 5168; RFC 6086 §2",
        "application/media_control+xml, where media are anchored; a client is asked and asks by PLI or FIR (RFC 4585, 5104)"),

    # Inside the call
    Row(S.OFFER, T.ESTABLISHED,
        (A.CONTENT_ADD, A.CONTENT_MODIFY, A.CONTENT_REMOVE, A.TRANSPORT_REPLACE, A.DESCRIPTION_INFO, N.HOLD, N.UNHOLD, N.ACTIVE),
        (M.INVITE, M.UPDATE), "RFC 3264 §8; XEP-0166 §7.2, 0167 §8; draft-ietf-stox-media-07 §7",
        "Jingle says the difference of two whole descriptions; UPDATE is taken, and ours only refresh the session; one that adds a medium gets 504"),
    Row(S.ANSWER, T.OFFERED, (A.CONTENT_ACCEPT, A.TRANSPORT_ACCEPT), (200,), "XEP-0166 §7.2.1; RFC 3261 §14.2", "a content-modify is answered by its result alone, an ICE restart by a transport-info"),
    Row(S.REFUSE, T.OFFERED, (A.CONTENT_REJECT, A.TRANSPORT_REJECT), (488, 491), "XEP-0166 §7.2.4, §7.2.16; RFC 3261 §14", "glare: 491, and conflict with tie-break"),

    Row(S.ATTENDANCE, T.ESTABLISHED, (A.SESSION_INFO,), (M.NOTIFY,), "XEP-0298; RFC 4575, 4579",
        "from SIP only: `isfocus` in a Contact, then the conference's state, to clients that announce COIN; the subscription is beside the call"),
    Row(S.TRANSFER, T.ESTABLISHED, (A.SESSION_INFO,), (M.REFER,), "XEP-0251; RFC 3515, 3892, 5589",
        "a client that does not know XEP-0251 is handed on by the gateway, which calls the target and changes sides"),
    Row(S.TRANSFERRED, T.ESTABLISHED, (A.SESSION_INFO,), (202, M.NOTIFY), "XEP-0251; RFC 3515 §2.4.4, 4488",
        "under way: the IQ result; failed: an IQ error, or later a session-info with the status; done: success with transferred, then BYE"),

    # The end
    Row(S.END, T.INVITING, (J.RETRACT, A.SESSION_TERMINATE), (M.CANCEL,), "XEP-0166 §6.7, 0353 §3.4; RFC 3261 §9",
        "a 200 that crosses the CANCEL gets ACK and BYE"),
    Row(S.END, T.INVITED, (J.REJECT, A.SESSION_TERMINATE), (487, 488, 480, 486, 603), "XEP-0166 §6.7, 0353 §3.3; RFC 3261 §13.3.1.3", "the status is the reason's"),
    Row(S.END, T.ESTABLISHED, (A.SESSION_TERMINATE, J.FINISH), (M.BYE,), "XEP-0166 §6.7, 0353 §3.6; RFC 3261 §15, 3326", "a BYE has a Reason header"),

    # Answered where they came
    Row(None, T.INVITED, (), (M.ACK,), "RFC 3261 §13.2.2.4", "ends the wait for it; without one in 64*T1, BYE"),
    Row(None, T.LIVE, (A.SESSION_INFO,), (M.OPTIONS,), "XEP-0166 §6.8; RFC 3261 §11", "empty: result, 200; unknown inside: unsupported-info"),
    Row(None, T.LIVE, (N.MUTE, N.UNMUTE), (), "XEP-0167 §8.5", "SDP has no word for it: result"),
    Row(None, T.LIVE, (A.SECURITY_INFO,), (), "XEP-0166 §7.2.7", "unsupported-info"),
    Row(None, T.ANY, (J.ACCEPT,), (), "XEP-0353 before 0.8", "picked up elsewhere: passed over"),
    Row(None, T.LIVE, (), (M.PRACK,), "RFC 3262", "200, or 481 for a provisional response that is not waiting for it"),
    Row(None, T.ANY, (), (M.SUBSCRIBE,), "RFC 6665", "489 with Allow-Events, but for what a REFER of the peer's has subscribed it to"),
    Row(None, T.ANY, (), (M.MESSAGE, M.PUBLISH, M.REGISTER), "RFC 3428, 3903, 3261 §10", "405 with Allow"),
)
# fmt: on
