"""Tables that kernels fill and that grow as they fill."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Rows a table grows by at the most: small, because growing moves pages, not bytes, and a table half empty
#: would be memory for nothing.
STEP = 32_768


class Growing:
    """An array bound to a kernel under a name; ``grow`` makes room for more rows without a copy.

    ``bind(name, array)`` hands it to the kernel, and to every other that shares it. While the array moves,
    the kernels hold an empty one.
    """

    def __init__(
        self, bind: Callable[[str, np.ndarray], None], name: str, dtype: np.dtype, rows: int
    ) -> None:
        self._binds, self._name = [bind], name
        self.rows = np.zeros(rows, dtype)
        bind(name, self.rows)

    def share(self, bind: Callable[[str, np.ndarray], None]) -> None:
        """Hand it to another kernel too, which knows it under the same name."""
        self._binds.append(bind)
        bind(self._name, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def grow(self, least: int = 0) -> None:
        """More rows: twice as many while small, then STEP more, and at least `least` in all."""
        size = len(self.rows)
        self.resize(max(size + min(max(size, 1024), STEP), least))

    def resize(self, size: int) -> None:
        self._bind(np.zeros(1, self.rows.dtype))
        self.rows.resize(size, refcheck=False)
        self._bind(self.rows)

    def finished(self, count: int) -> np.ndarray:
        """The first `count` rows, the rest given back; the kernel has it no more."""
        self._bind(np.zeros(1, self.rows.dtype))
        self.rows.resize(count, refcheck=False)
        return self.rows

    def _bind(self, rows: np.ndarray) -> None:
        for bind in self._binds:
            bind(self._name, rows)
