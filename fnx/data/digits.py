"""Digits: the UCI handwritten digits that ship with fnx, split for training and testing."""

from __future__ import annotations

import importlib.resources
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Images (n, 64) float32 in [0, 1] and labels (n,) int32."""

    images: np.ndarray
    labels: np.ndarray


def digits(test_fraction: float = 0.2, seed: int = 0) -> tuple[Split, Split]:
    """A training and a held-out test split of 1797 images of 8x8 pixels of the ten digits.

    They are the UCI data set of Alpaydin & Kaynak (1998), under CC BY 4.0.

    Args:
        test_fraction: part of the images held out.
        seed: of the shuffle before the split.
    """
    with importlib.resources.files("fnx.data").joinpath("files/digits.npz").open("rb") as file:
        arrays = np.load(file)
        images, labels = arrays["images"], arrays["labels"]
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(images))
    images = (images.reshape(len(images), -1)[order] / np.float32(16)).astype(np.float32)
    labels = labels[order].astype(np.int32)
    held_out = round(test_fraction * len(images))
    return Split(images[held_out:], labels[held_out:]), Split(images[:held_out], labels[:held_out])
