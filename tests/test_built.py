"""A kernel that was not compiled is refused."""

from __future__ import annotations

import pytest

from pcapdiag.built import kernel
from pcapdiag.errors import NotBuiltError


@pytest.mark.parametrize("name", ["pcapdiag.built", "pcapdiag.capture._no_such_cy"])
def test_a_kernel_left_uncompiled_is_refused_in_one_line(name):
    with pytest.raises(
        NotBuiltError, match=f"{name} is not compiled: run `python setup.py build_ext --inplace`"
    ) as caught:
        kernel(name)
    assert "\n" not in str(caught.value)


def test_a_compiled_kernel_is_given():
    assert kernel("pcapdiag.capture._pcap_cy").walk
