"""What is counted of presence."""

from prometheus_client import CollectorRegistry, Gauge


class PresenceMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._subscribers = Gauge(
            "jinglesip_subscribers", "Subscriptions between users and our JIDs that are remembered.", registry=registry
        )
        self._waiting = Gauge("jinglesip_presences_waiting", "Presences that wait for their turn.", registry=registry)

    def subscribers(self, number: int) -> None:
        """So many are remembered."""
        self._subscribers.set(number)

    def presences_waiting(self, number: int) -> None:
        """So many wait."""
        self._waiting.set(number)
