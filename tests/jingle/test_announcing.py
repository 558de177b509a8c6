"""Directed presence, and when it is taken back."""

from gateway.jingle.announcing import Announcements

from .ladder import LAPTOP, LOCAL, PHONE, USER


def test_presence_is_taken_back_from_whom_it_was_directed_to_when_the_last_session_is_over() -> None:
    announcements = Announcements()
    for to in (PHONE, LAPTOP, PHONE):
        announcements.tell(LOCAL, to)
    assert announcements.take_back(LOCAL, PHONE) == []
    assert announcements.take_back(LOCAL, LAPTOP) == []
    assert announcements.take_back(LOCAL, PHONE) == [LAPTOP, PHONE]
    assert not len(announcements)


def test_a_bare_jid_stands_for_all_devices() -> None:
    announcements = Announcements()
    announcements.tell(LOCAL, USER)
    announcements.tell(LOCAL, PHONE)
    assert announcements.take_back(LOCAL, USER) == []
    assert announcements.take_back(LOCAL, PHONE) == [USER]


def test_each_of_our_jids_is_announced_for_itself() -> None:
    announcements = Announcements()
    announcements.tell(LOCAL, USER)
    announcements.tell("other@phones.example.org/sip", USER)
    assert announcements.take_back(LOCAL, USER) == [USER]
    assert len(announcements) == 1
