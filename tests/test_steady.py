"""What runs as long as the gateway outlives an error of ours."""

import asyncio

import pytest

from gateway import steady
from gateway.steady import steadily


async def test_a_turn_that_fails_is_told_and_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "AGAIN_SECONDS", 0.0)
    taken: list[int] = []
    failures: list[str] = []

    async def turn() -> float:
        taken.append(len(taken))
        if len(taken) == 2:
            raise ValueError
        if len(taken) == 4:
            raise asyncio.CancelledError
        return 0.0

    with pytest.raises(asyncio.CancelledError):
        await steadily(turn, lambda: failures.append("told"))
    assert (taken, failures) == ([0, 1, 2, 3], ["told"])
