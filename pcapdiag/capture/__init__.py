"""Files -> raw records; where and why a file is damaged.

Reading never fails half-way: what cannot be opened as a capture raises CaptureError at once, and damage met
later ends the records early and is told in ``CaptureFile.info.damage``.
"""

from pcapdiag.capture.file import CaptureFile
from pcapdiag.capture.reader import Batch
from pcapdiag.capture.rotation import open_captures
from pcapdiag.capture.window import KEPT

__all__ = ["KEPT", "Batch", "CaptureFile", "open_captures"]
