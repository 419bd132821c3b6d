"""Profiles of the tests: the default one is deterministic and quick.

FNX_TEST_PROFILE=deep draws far more and runs slow tests.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, Phase, settings

# Compiled kernels are kept for one run of the tests, and shared by its worker processes.
OWN_CACHE = None if "FNX_CACHE_DIR" in os.environ else tempfile.mkdtemp(prefix="fnx-tests-")
if OWN_CACHE is not None:
    os.environ["FNX_CACHE_DIR"] = OWN_CACHE

PROFILE = os.environ.get("FNX_TEST_PROFILE", "ci")

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("ci", max_examples=20, derandomize=True, database=None, **_COMMON)
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("deep", max_examples=1000, **_COMMON)
settings.register_profile(
    "unshrunk", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(PROFILE)


def pytest_unconfigure() -> None:
    if OWN_CACHE is not None:
        shutil.rmtree(OWN_CACHE, ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected texts under tests/golden anew",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--update-golden")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needs = {
        "slow": (lambda: PROFILE == "deep", "slow: FNX_TEST_PROFILE=deep runs it"),
        "gpu": (_has_device, "needs CuPy and a CUDA device"),
        "peers": (lambda: _has("jax"), "needs JAX and PyTorch: pip install '.[bench]'"),
    }
    for item in items:
        for marker, (is_met, reason) in needs.items():
            if item.get_closest_marker(marker) and not is_met():
                item.add_marker(pytest.mark.skip(reason=reason))


def _has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


@functools.cache
def _has_device() -> bool:
    """Whether CuPy can be imported and sees a device."""
    if not _has("cupy"):
        return False
    import cupy  # noqa: PLC0415  only where tests for a device are collected

    return cupy.is_available()
