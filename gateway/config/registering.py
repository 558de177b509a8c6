"""What a trunk's keys about registration mean."""

from dataclasses import replace

from gateway import rules
from gateway.config.reading import refuse
from gateway.config.trunk_tables import Trunk
from gateway.registration.registrant import Registrant, contact_user, instance
from gateway.sip.address import escape_user, hostport


def registering(where: str, table: Trunk, trunk: rules.Trunk, *, component: str, registrar: str) -> rules.Trunk:
    """The trunk with how it registers, if it does; ConfigError when there is nobody to be registered."""
    if not table.register:
        return trunk
    user = table.register_user or (trunk.account.user if trunk.account else None)
    if user is None:
        refuse(where, "register_user", "missing — who is to be registered stands there, or in user")
    registrant = Registrant(
        name=trunk.name,
        aor=f"sip:{escape_user(user)}@{hostport(trunk.domain)}",
        registrar=f"sip:{hostport(registrar)}",
        hop=trunk.hop,
        credentials=trunk.credentials(),
        expires_seconds=table.register_expires_seconds,
        contact_user=contact_user(component, trunk.name),
        instance=instance(component, trunk.name),
    )
    return replace(trunk, registrant=registrant)
