"""Which event does what in which phase of a SIP leg: the whole of its machine.

An event without a row changes nothing: a signal, a response or a time is passed over, a request gets 481.  The actions
change the phase; they are `gateway.sip.calling`'s and `gateway.sip.early`'s (up to the ACK), `gateway.sip.called`'s and
`gateway.sip.prack`'s (up to the 200), and inside the call `gateway.sip.reinvite`'s, `gateway.sip.update`'s,
`gateway.sip.refresh`'s, `gateway.sip.info`'s, `gateway.sip.digits`', `gateway.sip.transferring`'s and
`gateway.sip.within`'s.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from gateway.sip import (
    asking,
    called,
    calling,
    digits,
    early,
    info,
    late,
    picture,
    prack,
    refresh,
    reinvite,
    transferring,
    update,
    within,
)
from gateway.sip.state import LegState, Phase, Timer


class Event(StrEnum):
    """What can happen, besides a time that comes (`Timer`)."""

    OFFER = "Offer"
    COMPLETE = "Complete"
    PROGRESS = "Progress"
    ANSWER = "Answer"
    REFUSE = "Refuse"
    CANDIDATES = "Candidates"
    DIGIT = "Digit"
    PICTURE = "Picture"
    TRANSFER = "Transfer"
    TRANSFERRED = "Transferred"
    END = "End"

    INVITE = "INVITE"
    ACK = "ACK"
    CANCEL = "CANCEL"
    BYE = "BYE"
    OPTIONS = "OPTIONS"
    INFO = "INFO"
    PRACK = "PRACK"
    UPDATE = "UPDATE"
    REFER = "REFER"
    NOTIFY = "NOTIFY"
    SUBSCRIBE = "SUBSCRIBE"

    PROVISIONAL = "1xx to the INVITE that is out"
    ACCEPTED = "2xx"
    REJECTED = "3xx-6xx"
    LOST = "no response"
    REPEATED = "2xx to an INVITE that is not out any more"
    BYE_ANSWERED = "response to BYE"
    BYE_LOST = "no response to BYE"
    INFO_ANSWERED = "response to INFO"
    INFO_LOST = "no response to INFO"
    DIGIT_ANSWERED = "response to INFO with a digit"
    DIGIT_LOST = "no response to INFO with a digit"
    PICTURE_ANSWERED = "response to INFO that asks for a picture"
    PICTURE_LOST = "no response to INFO that asks for a picture"
    PRACK_ANSWERED = "response to PRACK"
    PRACK_LOST = "no response to PRACK"
    UPDATE_ANSWERED = "response to UPDATE"
    UPDATE_LOST = "no response to UPDATE"
    REFER_ANSWERED = "response to REFER"
    REFER_LOST = "no response to REFER"
    NOTIFY_ANSWERED = "response to NOTIFY"
    NOTIFY_LOST = "no response to NOTIFY"


Action = Callable[[LegState, Any, float], None]
P, T, X = Phase, Timer, Event

# fmt: off
_ANYTIME: dict[Event | Timer, Action] = {
    X.OPTIONS:      within.options,
    X.INFO:         info.received,
    X.INFO_ANSWERED: info.answered,
    X.INFO_LOST:    info.lost,
    X.CANDIDATES:   info.candidates,
    X.DIGIT:        digits.digit,
    X.DIGIT_ANSWERED: digits.answered,
    X.DIGIT_LOST:   digits.lost,
    X.PICTURE:      picture.wanted,
    X.PICTURE_ANSWERED: picture.answered,
    X.PICTURE_LOST: picture.lost,
    X.REPEATED:     within.repeated,
    X.PRACK:        prack.acknowledged,
    X.PRACK_ANSWERED: early.pracked,
    X.PRACK_LOST:   early.prack_lost,
    X.UPDATE:       update.pending,
}
_IN_CALL: dict[Event | Timer, Action] = {
    **_ANYTIME,
    X.TRANSFER:     transferring.ask,
    X.TRANSFERRED:  transferring.progressed,
    X.REFER:        transferring.referred,
    X.NOTIFY:       transferring.notified,
    X.SUBSCRIBE:    transferring.subscribed,
    X.REFER_ANSWERED: transferring.answered,
    X.REFER_LOST:   transferring.lost,
    X.NOTIFY_ANSWERED: transferring.notify_answered,
    X.NOTIFY_LOST:  transferring.notify_lost,
    X.UPDATE_ANSWERED: refresh.updated,
    X.UPDATE_LOST:  refresh.lost,
    T.REFRESH:      refresh.due,
    T.LAPSED:       refresh.lapsed,
    X.BYE:          within.hung_up,
    X.END:          within.end,
}
_UNANSWERED: dict[Event | Timer, Action] = {
    **_ANYTIME,
    T.REMIND:       info.remind,
    T.REASSURE:     prack.resend,
    T.UNASSURED:    called.unassured,
}

TABLE: dict[Phase, dict[Event | Timer, Action]] = {
    P.IDLE: {
        X.OFFER:        calling.offer,
        X.END:          calling.abandon,
        X.INVITE:       called.invited,
    },

    # Calling
    P.GATHERING: {
        X.COMPLETE:     calling.complete,
        X.CANDIDATES:   calling.candidates,
        X.DIGIT:        digits.digit,
        T.GATHERED:     calling.invite,
        X.END:          calling.abandon,
    },
    P.CALLING: {
        X.PROVISIONAL:  calling.proceed,
        X.ACCEPTED:     calling.accept,
        X.REJECTED:     calling.reject,
        X.LOST:         calling.lost,
        X.CANDIDATES:   info.candidates,
        X.DIGIT:        digits.digit,
        X.END:          calling.withdraw,
    },
    P.PROCEEDING: {
        X.PROVISIONAL:  calling.proceed,
        X.ACCEPTED:     calling.accept,
        X.REJECTED:     calling.reject,
        X.LOST:         calling.lost,
        X.CANDIDATES:   info.candidates,
        X.DIGIT:        digits.digit,
        X.INFO:         early.informed,
        X.INFO_ANSWERED: info.answered,
        X.INFO_LOST:    info.lost,
        X.DIGIT_ANSWERED: digits.answered,
        X.DIGIT_LOST:   digits.lost,
        X.PRACK_ANSWERED: early.pracked,
        X.PRACK_LOST:   early.prack_lost,
        X.UPDATE:       update.early_on,
        T.SILENT:       calling.silent,
        X.END:          calling.cancel,
    },
    P.WAITING: {
        T.RETRY:        calling.collided,
        X.CANDIDATES:   info.candidates,
        X.DIGIT:        digits.digit,
        X.END:          calling.abandon,
    },
    P.WITHDRAWING: {
        X.PROVISIONAL:  calling.cancel_held,
        X.ACCEPTED:     calling.accept_late,
        X.REJECTED:     calling.over,
        X.LOST:         calling.over,
        T.GIVE_UP:      calling.over,
    },
    P.CANCELLING: {
        X.ACCEPTED:     calling.accept_late,
        X.REJECTED:     calling.over,
        X.LOST:         calling.over,
        T.GIVE_UP:      calling.over,
    },

    P.DECIDING: {
        X.ANSWER:       asking.answer,
        X.REFUSE:       asking.refuse,
        X.CANDIDATES:   asking.candidates,
        T.GATHERED:     asking.accept,
        T.UNACKED:      asking.late,
        X.BYE:          asking.left,
        X.END:          asking.refuse,
    },

    # Called
    P.INVITED: {
        **_UNANSWERED,
        X.PROGRESS:     called.progress,
        X.ANSWER:       called.answer,
        X.REFUSE:       called.refuse,
        X.END:          called.refuse,
        X.CANCEL:       called.cancelled,
        X.BYE:          called.left,
        X.INVITE:       reinvite.too_early,
        T.EXPIRED:      called.expired,
    },
    P.RINGING: {
        **_UNANSWERED,
        X.ANSWER:       called.answer,
        X.REFUSE:       called.refuse,
        X.END:          called.refuse,
        X.CANCEL:       called.cancelled,
        X.BYE:          called.left,
        X.INVITE:       reinvite.too_early,
        T.EXPIRED:      called.expired,
    },
    P.ANSWERING: {
        **_UNANSWERED,
        X.CANDIDATES:   called.candidates,
        T.GATHERED:     called.accept,
        X.END:          called.refuse,
        X.CANCEL:       called.cancelled,
        X.BYE:          called.left,
        X.INVITE:       reinvite.too_early,
        T.EXPIRED:      called.accept,
    },
    P.ANSWERED: {
        **_IN_CALL,
        X.TRANSFER:     transferring.refused,
        X.ACK:          reinvite.acked,
        T.RESEND:       reinvite.resend,
        T.UNACKED:      reinvite.unacked,
        X.INVITE:       reinvite.reinvited_unacked,
        X.OFFER:        reinvite.hold_back,
        X.COMPLETE:     reinvite.hold_back,
        X.END:          within.end_unacked,
    },
    P.PROMISED: {
        **_IN_CALL,
        X.ACK:          called.completed,
        T.RESEND:       reinvite.resend,
        T.UNACKED:      reinvite.unacked,
        X.INVITE:       reinvite.too_early,
        X.UPDATE:       update.colliding,
        X.OFFER:        reinvite.hold_back,
        X.COMPLETE:     reinvite.hold_back,
        X.END:          within.end_unacked,
    },
    P.LEAVING: {
        X.ACK:          reinvite.acked_leaving,
        T.RESEND:       reinvite.resend,
        T.UNACKED:      reinvite.leave,
        X.BYE:          within.hung_up,
        X.REPEATED:     within.repeated,
    },

    # In a call
    P.CONFIRMED: {
        **_IN_CALL,
        T.LATE:         late.offer,
        X.OFFER:        reinvite.reinvite,
        X.COMPLETE:     reinvite.reinvite,
        X.INVITE:       reinvite.reinvited,
        X.UPDATE:       update.updated,
    },
    P.REINVITED: {
        **_IN_CALL,
        X.ANSWER:       reinvite.answer,
        X.REFUSE:       reinvite.refuse,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.too_early,
        # No row for CANCEL: the bridge cannot take an offer back, and §9.2 lets the final response come as it will.
    },
    P.REANSWERING: {
        **_IN_CALL,
        X.CANDIDATES:   reinvite.answer_gathers,
        T.GATHERED:     reinvite.answered,
        X.OFFER:        reinvite.hold_back,
        X.INVITE:       reinvite.too_early,
    },
    P.OFFERING: {
        **_IN_CALL,
        X.ACK:          reinvite.learn,
        T.RESEND:       reinvite.resend,
        T.UNACKED:      reinvite.unacked,
        X.INVITE:       reinvite.too_early,
        X.OFFER:        reinvite.hold_back,
        X.END:          within.end_unacked,
        X.UPDATE:       update.colliding,
    },
    P.LEARNING: {
        **_IN_CALL,
        X.ANSWER:       reinvite.learned,
        X.REFUSE:       reinvite.learned,
        X.OFFER:        reinvite.hold_back,
        X.INVITE:       reinvite.too_early,
    },
    P.REGATHERING: {
        **_IN_CALL,
        X.CANDIDATES:   reinvite.regathered,
        T.GATHERED:     reinvite.reinvite_again,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.collide,
        X.UPDATE:       update.colliding,
    },
    P.REINVITING: {
        **_IN_CALL,
        X.PROVISIONAL:  reinvite.reinvite_proceeds,
        X.ACCEPTED:     reinvite.reinvite_accepted,
        X.REJECTED:     reinvite.reinvite_rejected,
        X.LOST:         reinvite.reinvite_lost,
        T.SILENT:       reinvite.reinvite_silent,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.collide,
        X.UPDATE:       update.colliding,
    },
    P.BACKING_OFF: {
        **_IN_CALL,
        T.RETRY:        reinvite.reinvite_again,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.overtaken,
        X.UPDATE:       update.colliding,
    },
    P.UPDATED: {
        **_IN_CALL,
        X.ANSWER:       update.answer,
        X.REFUSE:       update.refuse,
        T.OVERDUE:      update.overdue,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.too_early,
    },
    P.OVERDUE: {
        **_IN_CALL,
        X.ANSWER:       update.answered_late,
        X.REFUSE:       update.refused_late,
        X.OFFER:        reinvite.glare,
        X.INVITE:       reinvite.too_early,
    },
    P.REFRESHING: {
        **_IN_CALL,
        X.PROVISIONAL:  reinvite.reinvite_proceeds,
        X.ACCEPTED:     refresh.accepted,
        X.REJECTED:     refresh.rejected,
        X.LOST:         reinvite.reinvite_lost,
        T.SILENT:       reinvite.reinvite_silent,
        X.OFFER:        reinvite.hold_back,
        X.INVITE:       reinvite.collide,
        X.UPDATE:       update.colliding,
    },
    P.TERMINATING: {
        X.BYE_ANSWERED: within.bye_answered,
        X.BYE_LOST:     within.gone,
        T.GIVE_UP:      within.gone,
        X.BYE:          within.crossed,
        X.REPEATED:     within.repeated,
    },
    P.CLOSED: {},
}
# fmt: on
