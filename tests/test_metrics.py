"""What is counted, and that nobody can make it count without end."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gateway.metrics import Metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    """A fresh registry."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    """Metrics on it."""
    return Metrics(registry, trunks=["pbx"])


def test_a_call_is_counted_from_its_beginning_to_its_end(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.calls.call_opened("xmpp")
    metrics.calls.call_opened("sip")
    assert registry.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 1
    metrics.calls.call_answered("xmpp", 2.5)
    metrics.calls.call_ended("xmpp", "success", "caller", 60.0)
    metrics.calls.call_ended("sip", "busy", "callee", None)
    for origin in ("xmpp", "sip"):
        assert registry.get_sample_value("jinglesip_calls_active", {"origin": origin}) == 0
        assert registry.get_sample_value("jinglesip_calls_opened_total", {"origin": origin}) == 1
    ended = {"origin": "xmpp", "reason": "success", "ended_by": "caller"}
    assert registry.get_sample_value("jinglesip_calls_ended_total", ended) == 1
    assert registry.get_sample_value("jinglesip_call_setup_seconds_sum", {"origin": "xmpp"}) == 2.5
    assert registry.get_sample_value("jinglesip_call_duration_seconds_count", {"origin": "xmpp"}) == 1
    assert registry.get_sample_value("jinglesip_call_duration_seconds_count", {"origin": "sip"}) == 0


def test_every_fact_has_its_metric(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.calls.call_refused("sip", "limit")
    metrics.calls.out_of_order("caller", "Answer")
    metrics.calls.dropped("sdp", "rtcp-rsize")
    metrics.calls.dropped("sdp", "candidate network-cost")
    metrics.calls.dropped("sdp", "m=image")
    metrics.calls.dropped("jingle", "payload-type@colour")
    metrics.calls.inbox_wait(0.002)
    metrics.xmpp.text("sip", "delivered")
    metrics.xmpp.notice("missed")
    metrics.xmpp.command_ended("wizard", "completed")
    metrics.xmpp.xmpp_connected(True)
    metrics.xmpp.xmpp_reconnected()
    metrics.xmpp.stanza("in", "iq")
    metrics.calls.jingle_request("in", "session-initiate")
    metrics.calls.jingle_request("out", "propose")
    metrics.calls.jingle_error("out", "item-not-found")
    metrics.sip.request_received("INVITE")
    metrics.sip.request_sent("BYE")
    metrics.sip.response_received("INVITE", 180)
    metrics.sip.response_sent("BYE", 200)
    metrics.sip.retransmitted("INVITE")
    metrics.sip.transaction_timed_out("OPTIONS")
    metrics.sip.malformed("UDP")
    metrics.sip.refused("unknown_source")
    metrics.sip.name_asked("stale")
    metrics.sip.failed_over("timeout")
    metrics.trunks.trunk_probed("pbx", True, 0.02)
    counted = [
        ("calls_refused_total", {"origin": "sip", "cause": "limit"}),
        ("out_of_order_total", {"side": "caller", "signal": "Answer"}),
        ("translation_dropped_total", {"spelling": "sdp", "name": "rtcp-rsize"}),
        ("translation_dropped_total", {"spelling": "sdp", "name": "candidate"}),
        ("translation_dropped_total", {"spelling": "sdp", "name": "m="}),
        ("translation_dropped_total", {"spelling": "jingle", "name": "payload-type"}),
        ("inbox_wait_seconds_count", {}),
        ("texts_total", {"origin": "sip", "result": "delivered"}),
        ("notices_total", {"kind": "missed"}),
        ("xmpp_connected", {}),
        ("xmpp_reconnects_total", {}),
        ("xmpp_stanzas_total", {"direction": "in", "kind": "iq"}),
        ("jingle_requests_total", {"direction": "in", "action": "session-initiate"}),
        ("jingle_requests_total", {"direction": "out", "action": "propose"}),
        ("jingle_errors_total", {"direction": "out", "condition": "item-not-found"}),
        ("sip_requests_total", {"direction": "in", "method": "INVITE"}),
        ("sip_requests_total", {"direction": "out", "method": "BYE"}),
        ("sip_responses_total", {"direction": "in", "method": "INVITE", "status": "180"}),
        ("sip_responses_total", {"direction": "out", "method": "BYE", "status": "200"}),
        ("sip_retransmissions_total", {"method": "INVITE"}),
        ("sip_transaction_timeouts_total", {"method": "OPTIONS"}),
        ("sip_malformed_total", {"transport": "UDP"}),
        ("sip_refused_total", {"cause": "unknown_source"}),
        ("dns_lookups_total", {"outcome": "stale"}),
        ("sip_failovers_total", {"cause": "timeout"}),
        ("trunk_up", {"trunk": "pbx"}),
        ("trunk_probe_seconds_count", {"trunk": "pbx"}),
    ]
    for name, labels in counted:
        assert registry.get_sample_value(f"jinglesip_{name}", labels) == 1, name


def test_what_a_peer_may_choose_freely_makes_no_new_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    for number in range(100):
        word = f"X{number}"
        metrics.sip.request_received(word)
        metrics.sip.response_received(word, 700 + number)
        metrics.sip.response_received("INVITE", 450 + number % 10)
        metrics.calls.jingle_request("in", word)
        metrics.calls.jingle_error("in", word)
        metrics.calls.dropped("sdp", word)
        metrics.calls.call_ended("xmpp", word, word, None)
        metrics.sip.malformed(word)
        metrics.sip.refused(word)
    series = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert len(series) < 170
    assert not [line for line in series if '"X' in line]
    assert registry.get_sample_value("jinglesip_sip_requests_total", {"direction": "in", "method": "other"}) == 100
    of_no_name = {"direction": "in", "method": "INVITE", "status": "4xx"}
    assert registry.get_sample_value("jinglesip_sip_responses_total", of_no_name) == 100
    assert registry.get_sample_value("jinglesip_translation_dropped_total", {"spelling": "sdp", "name": "other"}) == 100


def test_names_are_prefixed_and_have_base_units(registry: CollectorRegistry, metrics: Metrics) -> None:
    for family in registry.collect():
        assert family.name.startswith("jinglesip_")
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_ratio", "_mos"))
    assert "_created" not in generate_latest(registry).decode()


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    Metrics(one).calls.call_opened("xmpp")
    Metrics(other)
    assert one.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 1
    assert other.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 0
