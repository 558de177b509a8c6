"""What is counted of the operator's policy."""

from prometheus_client import CollectorRegistry, Counter, Gauge

EMERGENCY = ("refuse", "route")


class PolicyMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._emergency = Counter(
            "jinglesip_emergency_calls", "Calls to emergency numbers.", ["action"], registry=registry
        )
        self._talked = Counter(
            "jinglesip_talked_seconds", "What was talked in calls out, as it goes.", registry=registry
        )
        self._near = Gauge(
            "jinglesip_users_near_limit",
            "Users that have used most of their calls or minutes of today.",
            registry=registry,
        )
        for action in EMERGENCY:
            self._emergency.labels(action)

    def emergency_called(self, action: str) -> None:
        """Somebody called an emergency number, and that became of it."""
        self._emergency.labels(action if action in EMERGENCY else "refuse").inc()

    def talked(self, seconds: float) -> None:
        """So much was talked since this was last said."""
        self._talked.inc(seconds)

    def near_limit(self, users: int) -> None:
        """So many users have used most of what they have today."""
        self._near.set(users)
