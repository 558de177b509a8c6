"""Metrics with bounded labels: what a peer may choose freely is ``other`` when it is none of the words there are.

The child of each label set is looked up once and kept, so that to count is a dict look-up and an addition.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

Bound = Callable[[object], str]
"From what a label is told to what it may hold."

ORIGINS = ("xmpp", "sip")
DIRECTIONS = ("in", "out")


def known(words: Iterable[object]) -> Bound:
    """A label's value when it is one of the words, and otherwise ``other``."""
    texts = frozenset(map(str, words))
    return lambda value: text if (text := str(value)) in texts else "other"


class Series(dict[tuple[object, ...], Metric], Generic[Metric]):
    """The children of a metric by what its labels are told, each bounded to its vocabulary."""

    def __init__(self, metric: Metric, *bounds: Bound) -> None:
        super().__init__()
        self._metric: Metric = metric
        self._bounds = bounds

    def __missing__(self, key: tuple[object, ...]) -> Metric:
        labels = tuple(bound(value) for bound, value in zip(self._bounds, key, strict=True))
        child: Metric = self._metric.labels(*labels)
        if all(label == str(value) for label, value in zip(labels, key, strict=True)):
            self[key] = child  # only what is bounded is kept, or peers could make it grow
        return child


class Maker:
    """Makes metrics with labels in one registry; a label is given with the bound of what it may hold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, help: str, /, **labels: Bound) -> Series[Counter]:
        """A counter."""
        return Series(Counter(f"jinglesip_{name}", help, [*labels], registry=self._registry), *labels.values())

    def gauge(self, name: str, help: str, /, **labels: Bound) -> Series[Gauge]:
        """A gauge."""
        return Series(Gauge(f"jinglesip_{name}", help, [*labels], registry=self._registry), *labels.values())

    def histogram(self, name: str, help: str, buckets: Iterable[float], /, **labels: Bound) -> Series[Histogram]:
        """A histogram."""
        metric = Histogram(f"jinglesip_{name}", help, [*labels], registry=self._registry, buckets=tuple(buckets))
        return Series(metric, *labels.values())
