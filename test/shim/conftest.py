# SPDX-License-Identifier: Apache-2.0
"""Shims in directories of their own. The runtime is ours if it is built, else runc."""

import itertools
import os
import shutil
import subprocess

import pytest

from shim.shimclient import Shim


numbers = itertools.count(1)


@pytest.fixture(scope="session")
def runtime(bin_dir):
    own = bin_dir / "tare-runtime"
    return os.environ.get("TARE_TEST_RUNTIME") or (own if own.exists() else shutil.which("runc"))


@pytest.fixture(scope="session")
def lower(temporary):
    """A layer with busybox and nothing else."""
    path = temporary / "lower"
    for folder in ("bin", "proc", "dev", "tmp", "sys"):
        (path / folder).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox"), path / "bin" / "busybox")
    for name in subprocess.check_output([path / "bin" / "busybox", "--list"], text=True).split():
        if name != "busybox":
            (path / "bin" / name).symlink_to("busybox")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def new_shim(bin_dir, runtime, temporary, lower):
    """new_shim() makes a shim of the test's own, started; what is left of it fails the test."""
    made = []

    def make(start=True, **more):
        directory = temporary / f"shim{next(numbers)}"
        shim = Shim(bin_dir / "containerd-shim-tare-v2", more.pop("runtime", runtime), directory, lower, **more)
        made.append(shim)
        return shim.start() if start else shim

    yield make
    for shim in made:
        shim.close()
        shutil.rmtree(shim.directory)


@pytest.fixture
def shim(new_shim):
    return new_shim()
