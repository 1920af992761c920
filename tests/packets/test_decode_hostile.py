"""Any bytes under any link layer: each record is counted once, and nothing outside it is read."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag import tables
from tests.kernels import interpreted
from tests.packets import frames as f
from tests.packets.conftest import KERNEL

COMPILED = importlib.import_module(KERNEL)
SAMPLES = [*f.LINKS.values(), *((1, layer[0]) for layer in f.LAYERS.values())]
LINK_TYPES = sorted({link for link, _ in SAMPLES} | {147})


def damaged(sample: tuple[int, bytes], edits: list[tuple[int, int]], cut: int) -> tuple[int, bytes]:
    link, frame = sample
    bytes_ = bytearray(frame)
    for at, value in edits:
        bytes_[at % len(bytes_)] = value
    return link, bytes(bytes_[: max(0, len(bytes_) - cut)])


random_frames = st.tuples(st.sampled_from(LINK_TYPES), st.binary(max_size=120))
damaged_frames = st.builds(
    damaged,
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    st.sampled_from([0, 0, 0, 1, 7, 30, 60]),
)
batches = st.lists(random_frames | damaged_frames, min_size=1, max_size=20)


def check(
    packets: list[tuple[int, bytes]], wirelens: list[int], rows: np.ndarray, counted: dict[str, int]
) -> None:
    assert sum(counted.values()) == len(packets)
    assert len(rows) == sum(counted.get(name, 0) for name in ("tcp", "icmp_errors", "dns"))
    starts = np.cumsum([0, *(len(frame) for _, frame in packets)])
    for row in rows:
        first, last = starts[row["frame"] - 1], starts[row["frame"]]
        assert first <= row["payload_off"] <= row["payload_off"] + row["captured_len"] <= last
        assert row["captured_len"] <= row["payload_len"] < 2**31
        assert (row["tunnels"], row["sack_count"], row["wscale"]) <= (8, 4, 14)
        assert row["kind"] in (tables.KIND_TCP, tables.KIND_ICMP, tables.KIND_DNS)
        assert row["wirelen"] == wirelens[row["frame"] - 1]


@settings(max_examples=1500, deadline=None, database=None)
@given(batches, st.integers(0, 2000))
def test_any_bytes_are_decoded_or_counted(packets: list[tuple[int, bytes]], more: int) -> None:
    wirelens = [len(frame) + more for _, frame in packets]
    data, records = f.batch([frame for _, frame in packets], [link for link, _ in packets], wirelens)
    rows, counted = f.run(COMPILED, data, records)
    check(packets, wirelens, rows, counted)


@settings(max_examples=150, deadline=None, database=None)
@given(batches, st.integers(0, 2000))
def test_compiled_and_interpreted_agree(packets: list[tuple[int, bytes]], more: int) -> None:
    wirelens = [len(frame) + more for _, frame in packets]
    data, records = f.batch([frame for _, frame in packets], [link for link, _ in packets], wirelens)
    rows, counted = f.run(COMPILED, data, records)
    other_rows, other_counted = f.run(interpreted(KERNEL), data, records)
    assert counted == other_counted
    assert rows.tolist() == other_rows.tolist()


@pytest.mark.parametrize("link", LINK_TYPES)
def test_every_byte_value_everywhere_in_a_header(link: int) -> None:
    samples = [frame for of, frame in SAMPLES if of == link] or [bytes(40)]
    for frame in samples:
        variants = [
            frame[:at] + bytes([value]) + frame[at + 1 :]
            for at in range(len(frame))
            for value in range(0, 256, 5)
        ]
        _, counted = f.decode(COMPILED, *variants, link=link)
        assert sum(counted.values()) == len(variants)


def test_a_record_that_claims_less_on_the_wire_than_was_captured() -> None:
    rows, counted = f.decode(COMPILED, f.ethernet(f.FOUR), wirelen=0)
    assert counted == {"tcp": 1}
    assert rows["payload_len"][0] == rows["captured_len"][0] == len(f.PAYLOAD)
