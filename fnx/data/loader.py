"""DataLoader: batches of arrays, shuffled by a key and prepared ahead by a background thread.

What an epoch gives is a pure function of the key and the epoch's number.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fnx import tree
from fnx.errors import FnxTypeError, FnxValueError

_END = object()


class DataLoader:
    """Iterates over batches of a pytree of arrays that share their leading axis.

    The order of an epoch depends on ``key`` and the epoch's number alone, never on timing:
    ``loader.epoch(3)`` gives the same batches whenever it is called.

    >>> loader = DataLoader({"x": np.arange(5)}, batch_size=2)
    >>> [batch["x"].tolist() for batch in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        arrays: Any,
        batch_size: int,
        *,
        key: Any = None,
        drop_last: bool = False,
        transform: Callable[[Any], Any] | None = None,
        prefetch: int = 2,
    ) -> None:
        """Prepare to iterate; nothing is read yet.

        Args:
            arrays: a pytree of NumPy (or fnx) arrays, each (examples, ...).
            batch_size: examples in a batch; the last one may be smaller.
            key: shuffles each epoch anew; a key of ``fnx.random`` or an int. None keeps the order.
            drop_last: leave out a last batch that is smaller.
            transform: applied to every batch, in the background thread.
            prefetch: batches prepared ahead; 0 prepares them in the caller's thread.

        Raises:
            FnxTypeError: there is no array, or one has no leading axis.
            FnxValueError: the leading axes differ, or a size is out of range.
        """
        leaves, self._structure = tree.flatten(arrays)
        self._leaves = [np.asarray(leaf) for leaf in leaves]
        self._examples = _examples(self._leaves)
        if batch_size < 1 or prefetch < 0:
            raise FnxValueError(
                f"DataLoader: batch_size must be at least 1 and prefetch at least 0, got "
                f"{batch_size} and {prefetch}.",
                hint="Write batch_size=len(x) for one batch of everything.",
            )
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._seed = None if key is None else np.asarray(key).astype(np.uint32).ravel().tolist()
        self._transform = transform
        self._prefetch = prefetch

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self._examples, self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[Any]:
        """The batches of epoch 0."""
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches of one epoch, in an order that (key, number) decides."""
        batches = (self._batch(indices) for indices in self._order(number))
        return _ahead(batches, self._prefetch) if self._prefetch else batches

    def _order(self, number: int) -> list[np.ndarray]:
        indices = np.arange(self._examples)
        if self._seed is not None:
            bits = np.random.Philox(np.random.SeedSequence([*self._seed, number]))
            indices = np.random.Generator(bits).permutation(self._examples)
        size = self.batch_size
        return [indices[i * size : (i + 1) * size] for i in range(len(self))]

    def _batch(self, indices: np.ndarray) -> Any:
        batch = tree.unflatten(self._structure, [leaf[indices] for leaf in self._leaves])
        return batch if self._transform is None else self._transform(batch)


def _examples(leaves: list[np.ndarray]) -> int:
    if not leaves or any(leaf.ndim == 0 for leaf in leaves):
        raise FnxTypeError(
            "DataLoader: every array needs a leading axis of examples, and there must be one array "
            f"at least, got shapes {[leaf.shape for leaf in leaves]}.",
            hint="Numbers that are the same for all examples do not belong into the data: pass\n"
            "them to the training step, or repeat them with fnx.numpy.full(len(x), value).",
        )
    sizes = {len(leaf) for leaf in leaves}
    if len(sizes) > 1:
        raise FnxValueError(
            "DataLoader: arrays must have equally many examples, "
            f"got {[leaf.shape for leaf in leaves]}.",
            hint="The leading axis counts the examples: cut or transpose the arrays.",
        )
    return sizes.pop()


def _ahead(batches: Iterator[Any], depth: int) -> Iterator[Any]:
    """The same batches, prepared up to ``depth`` ahead by a thread.

    The thread ends with the iteration, however that ends.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(
        target=_fill, args=(ready, stop, batches), name="fnx-loader", daemon=True
    )
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is _END:
                return
            yield batch
    finally:
        stop.set()
        thread.join()


def _fill(ready: queue.Queue[Any], stop: threading.Event, batches: Iterator[Any]) -> None:
    """Put pairs (batch, None) in the queue, and at last the end with the error that made it."""
    try:
        for batch in batches:
            if not _put(ready, stop, (batch, None)):
                return
        _put(ready, stop, (_END, None))
    except BaseException as error:
        _put(ready, stop, (_END, error))


def _put(ready: queue.Queue[Any], stop: threading.Event, item: Any) -> bool:
    """Wait for room in the queue; False where the iteration ended first."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
            return True
        except queue.Full:
            continue
    return False
