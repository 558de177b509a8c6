"""What is counted of trunks: whether they are there, and the registrations with them and with users' registrars."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram

from gateway.metrics.series import Maker, known

STANDINGS = ("pending", "registered", "failing", "refused")
REGISTRATION_CAUSES = ("credentials", "refused", "interval", "server", "timeout", "transport")
REGISTRATION_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 40)
PROBE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4)


class TrunkMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry, trunks: Iterable[str]) -> None:
        """``trunks`` are the names that the operator has given to them."""
        make, trunk = Maker(registry), known(trunks)
        self._up = make.gauge("trunk_up", "Whether a trunk answers OPTIONS.", trunk=trunk)
        self._probes = make.histogram("trunk_probe_seconds", "How long it takes to.", PROBE_BUCKETS, trunk=trunk)
        self._registrations = make.gauge("registrations", "Registrations with SIP registrars.", state=known(STANDINGS))
        self._seconds = Histogram(
            "jinglesip_registration_seconds",
            "From the first request to the grant.",
            registry=registry,
            buckets=REGISTRATION_BUCKETS,
        )
        self._failures = make.counter(
            "registration_failures", "Registrations that were not granted.", cause=known(REGISTRATION_CAUSES)
        )
        for standing in STANDINGS:
            _ = self._registrations[standing,]

    def trunk_probed(self, trunk: str, up: bool, seconds: float | None) -> None:
        """A trunk was asked whether it is there: what is believed now, and how long its answer took."""
        self._up[trunk,].set(up)
        if seconds is not None:
            self._probes[trunk,].observe(seconds)

    def registration_stands(self, before: str | None, after: str | None) -> None:
        """A registration is in another state; None: it is new, or gone."""
        if before is not None:
            self._registrations[before,].dec()
        if after is not None:
            self._registrations[after,].inc()

    def registration_granted(self, seconds: float) -> None:
        """A registrar said yes."""
        self._seconds.observe(seconds)

    def registration_failed(self, cause: str) -> None:
        """An attempt to register failed."""
        self._failures[cause,].inc()
