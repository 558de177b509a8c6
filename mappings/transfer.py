"""What a client says to hand a call on (XEP-0251 0.2)."""

from typing import Annotated

from .namespaces import TRANSFER
from .record import Word, record

Address = Annotated[str, Word(r"[^\x00-\x1f]{1,3071}")]
"A JID: its resource may have blanks."
Sid = Annotated[str, Word(r"[^\x00-\x20]{1,1024}")]


@record(f"{{{TRANSFER}}}transfer")
class TransferTo:
    """A call is handed on: in a session-info the order, in a session-initiate the news (XEP-0251)."""

    to: Address | None = None
    "Whom to call."

    from_: Address | None = None
    "Who hands on."

    sid: Sid | None = None
    "The session between the two, which the new one takes the place of."
