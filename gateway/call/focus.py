"""Whether the SIP side of a call is a conference's focus, told where it matters (RFC 4579 §5.1)."""

from collections.abc import Callable


class Focus:
    """One call's."""

    def __init__(self, call: str, tell: Callable[[str, str | None], None]) -> None:
        """``tell`` gets the call's name with the focus's address, or with None when it is none any more."""
        self._call = call
        self._tell = tell
        self._address: str | None = None

    def seen(self, address: str | None) -> None:
        """The SIP side is the focus of that address now, or none."""
        if address != self._address:
            self._address = address
            self._tell(self._call, address)

    def repeat(self) -> None:
        """Somebody else sits on the other side now, who has been told nothing."""
        if self._address is not None:
            self._tell(self._call, self._address)

    def over(self) -> None:
        """The call is."""
        if self._address is not None:
            self._tell(self._call, None)
