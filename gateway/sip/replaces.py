"""The Replaces header: which dialog an INVITE takes the place of (RFC 3891)."""

from dataclasses import dataclass

from gateway.errors import PeerError
from gateway.sip.address import Parameters
from gateway.sip.dialog import Dialog
from gateway.sip.grammar import BLANKS, TOKEN, shown
from gateway.sip.message import SipRequest

TAG = "replaces"
"The option tag (RFC 3891 §6.2)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaces:
    """A dialog, as whoever reads it knows it: ``to_tag`` is the reader's own tag."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False
    "Only as long as nobody has answered."

    @classmethod
    def parse(cls, text: str) -> "Replaces":
        """Read a value of the header; PeerError (400) for anything else (§6.1)."""
        call_id, semicolon, rest = text.partition(";")
        call_id = call_id.strip(BLANKS)
        parameters = Parameters.parse(semicolon + rest)
        to_tag, from_tag = parameters.get("to-tag"), parameters.get("from-tag")
        if not call_id or set(call_id) & set(" \t,") or not to_tag or not from_tag:
            raise PeerError(f"Replaces: cannot read {shown(text)}")
        return cls(call_id=call_id, to_tag=to_tag, from_tag=from_tag, early_only="early-only" in parameters)

    @classmethod
    def of(cls, request: SipRequest) -> "Replaces | None":
        """What an INVITE replaces, or None; PeerError (400) where that cannot be read, or Join asks for more (§3)."""
        text = request.first("Replaces")
        if text is None:
            return None
        if request.first("Join") is not None:
            raise PeerError("Replaces: stands beside Join")
        return cls.parse(text)

    @classmethod
    def naming(cls, dialog: Dialog) -> "Replaces":
        """A dialog of ours, as its peer knows it. PeerError (500) when its tags cannot stand in the header."""
        if not TOKEN.fullmatch(dialog.remote_tag):
            raise PeerError("Replaces: the dialog has no tag that can be written", status=500)
        return cls(call_id=dialog.call_id, to_tag=dialog.remote_tag, from_tag=dialog.local_tag)

    def names(self, dialog: Dialog) -> bool:
        """Whether it is this dialog of ours that is meant."""
        return (self.call_id, self.to_tag, self.from_tag) == (dialog.call_id, dialog.local_tag, dialog.remote_tag)

    def __str__(self) -> str:
        flag = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{flag}"
