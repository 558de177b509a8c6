"""Who is registered: what the shell that keeps the bindings writes, and those who route calls read."""

from collections.abc import Iterable

from gateway.registration.grant import Grant
from gateway.registration.registrant import Registrant
from gateway.sip.address import Uri
from gateway.sip.auth import Nonces

MAX_HOSTS = 8
"Addresses of one registrar from which its calls are taken."


class Book:
    """What the registrars have granted, and what trunks have asked, by the trunk's name."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        "By the user that is called: of the Contact, and of the address-of-record."
        self._domains: dict[str, str] = {}
        "Of the addresses-of-record."
        self._hosts: dict[str, tuple[str, ...]] = {}
        "Where grants have come from, those of late first."
        self._nonces: dict[str, Nonces] = {}

    def write(self, registrant: Registrant, grant: Grant | None) -> None:
        """This is so from now on; None: it is not registered, and calls that come all the same are still its own."""
        name = registrant.name
        self._domains[name] = Uri.parse(registrant.aor).host.lower()
        for user in _users(registrant):
            known = self._names.get(user, ())
            if name not in known:
                self._names[user] = (*known, name)
        if grant is None:
            self._grants.pop(name, None)
            return
        self._grants[name] = grant
        if grant.flow is not None:
            host, hosts = grant.flow.host, self._hosts.get(name, ())
            if hosts[:1] != (host,):
                self._hosts[name] = (host, *[other for other in hosts if other != host])[:MAX_HOSTS]

    def erase(self, registrant: Registrant) -> None:
        """Nothing of it is kept."""
        self._grants.pop(registrant.name, None)
        for user in _users(registrant):
            left = tuple([name for name in self._names.get(user, ()) if name != registrant.name])
            if left:
                self._names[user] = left
            else:
                self._names.pop(user, None)
        self._domains.pop(registrant.name, None)
        self._hosts.pop(registrant.name, None)
        self._nonces.pop(registrant.name, None)

    def nonces(self, name: str) -> Nonces:
        """What that trunk has asked for our calls' sake; each call answers it, and none twice with one count."""
        return self._nonces.setdefault(name, Nonces())

    def grant(self, name: str) -> Grant | None:
        """What that trunk's registrar has granted."""
        return self._grants.get(name)

    def trunk_at(self, user: str | None, host: str, domains: Iterable[str] = ()) -> str | None:
        """The trunk whose registration is called, from an address of its registrar; None for anybody else.

        Of several with one user at registrars on one host it is the one whose address is of the first of ``domains``,
        which the request names (Request-URI, To), that is any's, and else the first.
        """
        found = [name for name in self._names.get(user or "", ()) if host in self._hosts.get(name, ())]
        if len(found) > 1:
            for domain in domains:
                for name in found:
                    if self._domains[name] == domain.lower():
                        return name
        return found[0] if found else None


def _users(registrant: Registrant) -> tuple[str, str]:
    # COMPAT(registrars that call the address-of-record where we registered, and not what we registered)
    return registrant.contact_user, Uri.parse(registrant.aor).user or ""
