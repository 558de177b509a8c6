"""What is counted of the database; a part of `gateway.metrics`, under the same rules."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.store.database import FAILURES

WORK_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)


class StoreMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "jinglesip_store_seconds",
            "How long work in the database takes, the wait for its turn included.",
            registry=registry,
            buckets=WORK_BUCKETS,
        )
        self._errors = Counter(
            "jinglesip_store_errors", "Work in the database that failed.", ["cause"], registry=registry
        )
        for cause in FAILURES:
            self._errors.labels(cause)

    def store_worked(self, seconds: float) -> None:
        """A piece of work was done."""
        self._seconds.observe(seconds)

    def store_failed(self, cause: str) -> None:
        """A piece of work failed."""
        self._errors.labels(cause if cause in FAILURES else "other").inc()
