"""What is counted of the calls' history."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class HistoryMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._written = Counter("jinglesip_history_records", "Records of calls that were written.", registry=registry)
        self._dropped = Counter(
            "jinglesip_history_dropped", "Records of calls that were lost, since too many waited.", registry=registry
        )
        self._waiting = Gauge(
            "jinglesip_history_waiting", "Records of calls that wait to be written.", registry=registry
        )

    def history_written(self, records: int) -> None:
        """So many are in the table."""
        self._written.inc(records)

    def history_dropped(self) -> None:
        """One is lost."""
        self._dropped.inc()

    def history_waiting(self, records: int) -> None:
        """So many wait."""
        self._waiting.set(records)
