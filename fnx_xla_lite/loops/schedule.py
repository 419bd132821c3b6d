"""Schedule: into which parallel chunks long loops are cut.

It depends on shapes alone, never on the number of threads.
"""

from __future__ import annotations

CHUNK = 4096  # elements of one parallel task of a long one-dimensional loop
FEW_TASKS = 16  # with fewer outer iterations than this, a long inner loop is cut into chunks
PARTIAL = 8192  # elements that one task of a split reduction sums


def worth_chunking(extent: int, outer: int) -> bool:
    """Whether a loop inside ``outer`` parallel iterations is cut into parallel chunks."""
    return extent > 2 * CHUNK and outer < FEW_TASKS


PARTIAL_ROWS = 32  # at least so many rows make one partial row of a split column reduction
