# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the runtime under test, and engines that use it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bundle import runtime  # noqa: E402,F401
