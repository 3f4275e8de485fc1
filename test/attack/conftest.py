# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the attacks on the runtime."""

import pytest
from attack.canary import SWAPPER, Canary
from bundle import compile_static


@pytest.fixture
def canary(runtime):
    """A directory of the host that no container may change or look into."""
    one = Canary(runtime.directory / "canary")
    yield one
    one.check()
    one.close()


@pytest.fixture(scope="session")
def swapper(temporary):
    program = temporary / "swap"
    compile_static(program, SWAPPER)
    yield program
    program.unlink()
