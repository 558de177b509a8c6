"""Packets that come out of order, twice, late and never: what passes, what is counted, and how it sounds."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.media.anchor import PHONE, WEB, DigitHeard
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.quality import Meter, mos
from gateway.media.embedded.srtp import REPLAY_WINDOW
from gateway.signals import Side
from tests.media.rig import EVENTS, PCMU, BackToBack, Phone, rigged, rtp
from tests.media.test_digits import event
from tests.media.weather import Weather
from tests.peers.program import until

CALLER, CALLEE = Side
FIRST = 65_300
"So that the numbers begin anew on the way."


def numbers(count: int) -> list[int]:
    """So many sequence numbers, one after the other."""
    return [(FIRST + index) % 0x10000 for index in range(count)]


async def speaks(phone: Phone, weather: Weather, packets: Iterable[bytes]) -> None:
    """Let a phone send them no faster than they pass."""
    for count, packet in enumerate(packets, weather.seen + 1):
        phone.speak(packet)
        if count % 32 == 0:
            await until(lambda count=count: weather.seen >= count, "what was sent passes")  # type: ignore[misc]


def once(passed: Iterable[int]) -> list[int]:
    """Each number where it stands first."""
    return list(dict.fromkeys(passed))


def meter(anchor: EmbeddedAnchor) -> Meter:
    """What is counted of the caller's packets, without whatever else comes to its port."""
    return anchor._lines._lines[CALLER, 0].meter


@pytest.mark.conformance("MED-05")
async def test_what_comes_late_passes_where_it_stands_and_what_comes_twice_once() -> None:
    count = REPLAY_WINDOW + 200
    sent = numbers(count)
    swapped = {sent[index]: 1 + index % 7 for index in range(5, count - 10, 11)}
    late, too_late = {sent[2]: REPLAY_WINDOW - 10}, {sent[3]: REPLAY_WINDOW + 50}
    twice, lost = set(sent[7::50]) - swapped.keys(), set(sent[8:1000:90]) - swapped.keys()
    async with rigged() as rig:
        weather = Weather(await rig.ear(), await rig.ear(), held=swapped | late | too_late, twice=twice, lost=lost)
        pair = BackToBack(rig)
        offer = weather.of_near(await pair.offer(codecs=(PCMU,)))
        answer = weather.of_far(await pair.answer(offer, (PCMU,)))
        await pair.finish(answer)
        for told in (pair.one_told, pair.two_told):
            for side in Side:
                await told.connected(side)
        await speaks(pair.near, weather, (rtp(number, ssrc=1) for number in sent))
        await until(lambda: len(weather.passed) == count - len(lost) + len(twice), "all that is held passes")
        heard = [number for number in once(weather.passed) if number not in too_late]
        assert heard != sorted(heard, key=sent.index)
        assert await pair.far.speech.hears(len(heard)) == [rtp(number, ssrc=1) for number in heard]
        (counted,) = (await pair.two.statistics())[CALLER]
        assert (counted.packets, counted.lost) == (len(heard), len(lost) + len(too_late))
        assert meter(pair.two).dropped == len(twice) + len(too_late)
        whole = meter(pair.one)
        assert (whole.packets, whole.lost, whole.dropped) == (count, 0, 0)


async def test_a_phones_packets_are_protected_in_the_order_in_which_they_come() -> None:
    sent = numbers(600)
    swapped = {sent[index]: 1 + index % 5 for index in range(5, 590, 7)}
    twice, lost = set(sent[8::60]) - swapped.keys(), set(sent[9:500:80]) - swapped.keys()
    async with rigged() as rig:
        weather = Weather(await rig.ear(), await rig.ear(), held=swapped, twice=twice, lost=lost)
        pair = BackToBack(rig)
        pair.near, pair.far = await rig.phone(), await rig.phone()
        web = replace(WEB, foreign=False)
        pair.one, pair.one_told = await rig.anchor(PHONE, web)
        pair.two, pair.two_told = await rig.anchor(web, PHONE)
        await pair.one.take_offer(CALLER, weather.of_near(pair.near.description(PCMU)))
        answer = await pair.answer(await pair.one.make_offer(CALLEE), (PCMU,))
        await pair.one.take_answer(CALLEE, answer)
        pair.near.told(weather.of_far(await pair.one.make_answer(CALLER)))
        await pair.one_told.connected(CALLEE)
        await pair.two_told.connected(CALLER)
        await speaks(pair.near, weather, (rtp(number, ssrc=1) for number in sent))
        heard = once(number for number in sent if number not in lost)
        await until(lambda: len(weather.passed) == len(heard) + len(twice), "all that is held passes")
        heard = once(weather.passed)
        assert await pair.far.speech.hears(len(heard)) == [rtp(number, ssrc=1) for number in heard]
        there, here = meter(pair.two), meter(pair.one)
        assert (there.packets, there.lost, there.dropped) == (len(heard), len(lost), 0)
        assert here.packets == len(heard) + len(twice)
        assert here.dropped == len(twice)  # the same index is never used for two packets (RFC 3711 §9.1)


async def test_digits_are_heard_once_whatever_becomes_of_their_packets() -> None:
    def pressed(first: int, sign: str, timestamp: int) -> list[bytes]:
        shown = [
            event(first + index, sign, 160 * (index + 1), first=index == 0, timestamp=timestamp) for index in range(5)
        ]
        ends = [event(first + 5 + index, sign, 960, end=True, timestamp=timestamp) for index in range(3)]
        return shown + ends

    packets = [*pressed(1, "5", 8000), *pressed(9, "5", 16_000), *pressed(17, "#", 24_000), *pressed(25, "0", 32_000)]
    async with rigged() as rig:
        # Of the first the beginning is lost and an end comes after the second has begun; of the third two ends are
        # lost and the last one comes first; of the last one the ends come among its other packets.
        weather = Weather(
            await rig.ear(), await rig.ear(),
            held={7: 4, 20: 4, 21: 5, 28: 3, 29: 4, 8: 6}, twice={6, 14, 24, 30}, lost={1, 2, 22, 23},
        )  # fmt: skip
        near, far = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, weather.of_near(near.description(PCMU, EVENTS)))
        far.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, far.description(PCMU, EVENTS))
        near.told(weather.of_far(await anchor.make_answer(CALLER)))
        await speaks(near, weather, packets)
        near.speak(rtp(40, ssrc=0x1234))
        await until(lambda: 40 in weather.passed, "the last packet passes")
        await far.speech.hears(len(weather.passed))
        digits = [one for one in told if isinstance(one, DigitHeard)]
        assert [(one.digit, one.duration, one.carried) for one in digits] == [
            (sign, 120, True) for sign in ("5", "5", "#", "0")
        ]


def heard(arrivals: Iterable[tuple[float, int]]) -> Meter:
    """What is counted of packets of 20 ms that come at these times, seconds, by their numbers."""
    counted = Meter("audio")
    for now, number in sorted(arrivals):
        counted.take(rtp(number), 8000, now)
    return counted


def score(counted: Meter) -> float:
    """How that sounds."""
    found = mos("PCMU", counted.packets, counted.lost, counted.jitter, 0.0)
    assert found is not None
    return found


def test_the_later_packets_come_the_worse_it_sounds_and_none_is_lost_for_that() -> None:
    told = [
        heard((number / 50 + (delay if number % 5 == 0 else 0.0), number) for number in range(1, 1000))
        for delay in (0.0, 0.03, 0.09, 0.25)
    ]
    assert [one.lost for one in told] == [0, 0, 0, 0]
    assert told[0].jitter == pytest.approx(0.0, abs=1e-9)
    assert told[1].jitter == pytest.approx(0.012, rel=0.4)  # 30 ms there and back for one of five
    scores = list(map(score, told))
    assert all(better > worse for better, worse in pairwise(scores))
    assert scores[0] > 4.3
    assert 2.5 < scores[-1] < 4.2


def test_what_is_lost_is_heard_more_than_what_is_late() -> None:
    late = heard((number / 50 + (0.03 if number % 20 == 0 else 0.0), number) for number in range(1, 1000))
    lost = heard((number / 50, number) for number in range(1, 1000) if number % 20)
    assert (late.lost, lost.lost) == (0, 49)
    assert score(lost) < score(late)
    assert 3.0 < score(lost) < 3.9  # 5 % of G.711 with concealment (ITU-T G.113)
