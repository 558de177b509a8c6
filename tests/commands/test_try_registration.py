"""An account tried by its user: what is sent, and what is told of the answer."""

from dataclasses import dataclass, field
from typing import Any

from gateway.commands.try_registration import A_MINUTE, SECONDS, TryRegistration
from gateway.jid import bare
from gateway.sip.wire import Outgoing
from tests.commands.house import GATEWAY, USER, House, Reply
from tests.commands.memory import MemoryStore
from tests.registration.registrar import ASKS, response

NURSE = bare(USER)


@dataclass
class Registrar:
    """In the place of the SIP port: answers with these statuses, in their order, and then not at all."""

    statuses: list[int]
    sent: list[Outgoing] = field(default_factory=list)
    owners: list[Any] = field(default_factory=list)
    released: list[Any] = field(default_factory=list)

    def send(self, message: Any, owner: Any = None) -> None:
        self.sent.append(message)
        self.owners.append(owner)
        if self.statuses:
            status = self.statuses.pop(0)
            challenge = (("WWW-Authenticate", ASKS.replace("n1", f"n{len(self.sent)}")),)
            owner.put(response(message, status, *(challenge if status == 401 else ())))

    def release(self, owner: Any) -> None:
        self.released.append(owner)


def command(registrar: Registrar, store: MemoryStore) -> TryRegistration:
    ids = iter(range(1, 1000))
    return TryRegistration(
        affairs=store.affairs(), component=GATEWAY, sip=registrar, agent="test", new_id=lambda: f"{next(ids):032x}"
    )


def tried(*statuses: int, **written: str) -> tuple[Reply, Registrar]:
    registrar, store = Registrar(list(statuses)), MemoryStore()
    store.has(NURSE, "home", **written)  # type: ignore[arg-type]
    with House([command(registrar, store)]) as at:
        return at.runs("account-test"), registrar


def test_a_good_account_is_said_to_be_good() -> None:
    reply, registrar = tried(401, 200, proxy="proxy.example:5070", transport="tcp")
    told = "home (alice@sip.example): the server knows the account and accepts the password."
    assert (reply.status, reply.notes) == ("completed", [("info", told)])
    hop = registrar.sent[0].hop
    assert (hop.host, hop.port, hop.transport, hop.fenced) == ("proxy.example", 5070, "TCP", True)
    assert registrar.released == [registrar.owners[0]]


def test_a_wrong_password_is_said_to_be_wrong_and_not_told() -> None:
    reply, _ = tried(401, 401)
    told = "home (alice@sip.example): the server does not accept the user name or the password."
    assert reply.notes == [("error", told)]


def test_a_server_that_is_silent_is_not_waited_for_without_end() -> None:
    registrar, store = Registrar([]), MemoryStore()
    store.has(NURSE, "home")
    with House([command(registrar, store)]) as at:
        asked = at.asks("account-test")
        at.loop.advance(SECONDS - 1)
        assert at.answers(asked) == []
        second = at.runs("account-test")
        assert second.notes == [("error", "an account of yours is being tested already")]
        at.loop.advance(2)
        (reply,) = at.answers(asked)
        assert "does not answer within 12 seconds" in reply.notes[0][1]
    assert len(registrar.released) == 1


def test_the_account_is_chosen_where_there_are_several() -> None:
    registrar, store = Registrar([200]), MemoryStore()
    store.has(NURSE, "house", made_by="file", address="100@pbx.example")
    store.has(NURSE, "home")
    with House([command(registrar, store)]) as at:
        first = at.runs("account-test")
        assert first.actions == ["complete", "complete"]
        reply = at.runs("account-test", "complete", first.session, {"account": "house"})
        assert reply.status == "completed"
    assert registrar.sent[0].request.uri == "sip:pbx.example"


def test_who_has_none_is_told_so() -> None:
    with House([command(Registrar([]), MemoryStore())]) as at:
        assert at.runs("account-test").notes == [("error", "You have no SIP account here.")]


def test_a_provider_is_not_asked_as_often_as_a_user_likes() -> None:
    registrar, store = Registrar([200] * 100), MemoryStore()
    store.has(NURSE, "home")
    with House([command(registrar, store)]) as at:
        outcomes = [at.runs("account-test").notes[0][0] for _ in range(A_MINUTE + 1)]
        assert outcomes == ["info"] * A_MINUTE + ["error"]
        at.loop.advance(60)
        assert at.runs("account-test").notes[0][0] == "info"


def test_cancelling_lets_the_registrar_be() -> None:
    registrar, store = Registrar([]), MemoryStore()
    store.has(NURSE, "home")
    with House([command(registrar, store)]) as at:
        at.asks("account-test")
        at.loop.settle()
        assert at.runs("account-test", "cancel", "id-2").status == "canceled"
        at.loop.settle()
        assert len(registrar.released) == 1
        assert "being tested" not in at.runs("account-test", sender="other@example.net/x").notes[0][1]
