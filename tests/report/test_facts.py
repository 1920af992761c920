from __future__ import annotations

import numpy as np
import pytest

from pcapdiag.report.facts import fact_name, fact_value


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("backend_idle_timeout_s", 5.0, "backend idle timeout: 5 s"),
        ("median_wait_ms", 51.234, "median wait: 51.2 ms"),
        ("largest_passed_bytes", 1400, "largest segment that passed: 1,400 bytes"),
        ("loss_percent", 0.5, "loss: 0.5 %"),
        ("retries", np.uint32(12345), "retries: 12,345"),
        ("targets", ["/a", "/b"], "targets: /a, /b"),
        ("alb_timeout_s", None, "ALB timeout: none"),
        ("server_name", "", "server name: none"),
        ("throughput_bps", 372_918, "throughput: 373 kbit/s"),
        ("last_acks_dropped", 4, "last ACKs dropped: 4"),
        ("clustered", True, "clustered: yes"),
        ("waits_cluster", True, "waited alike: yes"),
        ("usual_percentile_95_s", 1.8, "95 % usually wait at most: 1.8 s"),
        ("others_median_rtt_ms", 0.021, "median RTT of others: 21 µs"),
        ("offset_s", -2.5, "clocks apart by: -2.5 s"),
    ],
)
def test_a_fact_reads_as_words_with_its_unit(name: str, value: object, said: str) -> None:
    assert f"{fact_name(name)}: {fact_value(name, value)}" == said
