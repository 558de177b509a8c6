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
    metrics.call_opened("xmpp")
    metrics.call_opened("sip")
    assert registry.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 1
    metrics.call_answered("xmpp", 2.5)
    metrics.call_ended("xmpp", "success", "caller", 60.0)
    metrics.call_ended("sip", "busy", "callee", None)
    for origin in ("xmpp", "sip"):
        assert registry.get_sample_value("jinglesip_calls_active", {"origin": origin}) == 0
        assert registry.get_sample_value("jinglesip_calls_opened_total", {"origin": origin}) == 1
    ended = {"origin": "xmpp", "reason": "success", "ended_by": "caller"}
    assert registry.get_sample_value("jinglesip_calls_ended_total", ended) == 1
    assert registry.get_sample_value("jinglesip_call_setup_seconds_sum", {"origin": "xmpp"}) == 2.5
    assert registry.get_sample_value("jinglesip_call_duration_seconds_count", {"origin": "xmpp"}) == 1
    assert registry.get_sample_value("jinglesip_call_duration_seconds_count", {"origin": "sip"}) == 0


def test_every_fact_has_its_metric(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.call_refused("sip", "limit")
    metrics.out_of_order("caller", "Answer")
    metrics.dropped("sdp", "rtcp-rsize")
    metrics.dropped("sdp", "candidate network-cost")
    metrics.dropped("sdp", "m=image")
    metrics.dropped("jingle", "payload-type@colour")
    metrics.inbox_wait(0.002)
    metrics.text("sip", "delivered")
    metrics.notice("missed")
    metrics.command_ended("wizard", "completed")
    metrics.xmpp_connected(True)
    metrics.xmpp_reconnected()
    metrics.stanza("in", "iq")
    metrics.jingle_request("in", "session-initiate")
    metrics.jingle_request("out", "propose")
    metrics.jingle_error("out", "item-not-found")
    metrics.request_received("INVITE")
    metrics.request_sent("BYE")
    metrics.response_received("INVITE", 180)
    metrics.response_sent("BYE", 200)
    metrics.retransmitted("INVITE")
    metrics.transaction_timed_out("OPTIONS")
    metrics.malformed("UDP")
    metrics.refused("unknown_source")
    metrics.name_asked("stale")
    metrics.failed_over("timeout")
    metrics.trunk_probed("pbx", True, 0.02)
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
        metrics.request_received(word)
        metrics.response_received(word, 700 + number)
        metrics.response_received("INVITE", 450 + number % 10)
        metrics.jingle_request("in", word)
        metrics.jingle_error("in", word)
        metrics.dropped("sdp", word)
        metrics.call_ended("xmpp", word, word, None)
        metrics.malformed(word)
        metrics.refused(word)
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
    Metrics(one).call_opened("xmpp")
    Metrics(other)
    assert one.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 1
    assert other.get_sample_value("jinglesip_calls_active", {"origin": "xmpp"}) == 0
