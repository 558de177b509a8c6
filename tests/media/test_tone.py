"""The tone of a test call: it is what it seems, in both codecs, and nothing else is."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media import tone
from tests.peers import g711


@pytest.mark.parametrize("payload_type", [tone.PCMU, tone.PCMA])
def test_the_tone_is_heard_and_silence_is_none(payload_type: int) -> None:
    assert tone.is_tone(tone.TONE[payload_type], payload_type)
    assert not tone.is_tone(tone.SILENCE[payload_type], payload_type)
    assert g711.share_of_tone(g711.decode(tone.TONE[payload_type], payload_type), tone.HERTZ) > 0.98


@pytest.mark.parametrize("payload_type", [tone.PCMU, tone.PCMA])
@pytest.mark.parametrize("hertz", [350, 440, 697, 1336, 1633, 2000])
def test_no_other_tone_is_taken_for_it(payload_type: int, hertz: float) -> None:
    assert not tone.is_tone(g711.tone(hertz, payload_type)[: tone.FRAME], payload_type)


def test_it_is_heard_when_it_comes_back_quieter_and_with_noise() -> None:
    noise = random.Random(1)
    samples = [sample * 0.2 + noise.gauss(0, 200) for sample in g711.decode(tone.TONE[tone.PCMA], tone.PCMA)]
    assert tone.is_tone(g711.encode(samples, tone.PCMU), tone.PCMU)
    noisy = g711.encode([noise.gauss(0, 3000) for _ in range(tone.FRAME)], tone.PCMU)
    assert not tone.is_tone(noisy, tone.PCMU)


def test_one_codec_is_not_taken_for_another() -> None:
    assert not tone.is_tone(tone.TONE[tone.PCMU], 111)
    assert not tone.is_tone(tone.TONE[tone.PCMU][:40], tone.PCMU)


@given(st.binary(max_size=400), st.integers(0, 127))
def test_any_bytes_are_the_tone_or_not(payload: bytes, payload_type: int) -> None:
    assert tone.is_tone(payload, payload_type) in (True, False)
