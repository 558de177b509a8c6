"""What is counted of the database, and of the accounts in it."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.accounts.account import MadeBy
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
        self._accounts = Gauge(
            "jinglesip_accounts", "Users' own accounts, by who has made them.", ["made_by"], registry=registry
        )
        for made_by in get_args(MadeBy):
            self._accounts.labels(made_by)

    def store_worked(self, seconds: float) -> None:
        """A piece of work was done."""
        self._seconds.observe(seconds)

    def store_failed(self, cause: str) -> None:
        """A piece of work failed."""
        self._errors.labels(cause if cause in FAILURES else "other").inc()

    def accounts_known(self, made_by: MadeBy, number: int) -> None:
        """So many accounts there are that the file, the operator or users have made."""
        self._accounts.labels(made_by).set(number)
