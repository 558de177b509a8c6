"""Where the gateway may be led, as an operator names it."""

from collections.abc import Iterable

from gateway.config.reading import refuse
from gateway.reach import Reach


def reach(where: str, key: str, texts: Iterable[str]) -> Reach:
    """So far; ConfigError where one of them is no such name."""
    known = tuple(texts)
    for index, text in enumerate(known):
        try:
            Reach.read([text])
        except ValueError:
            wanted = "public, private, an address or a network such as 192.0.2.0/24"
            refuse(where, f"{key}[{index}]", f"expected {wanted} — got {text!r}")
    return Reach.read(known)
