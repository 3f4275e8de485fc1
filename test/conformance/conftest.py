# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the runtime under test, and engines that use it."""

from bundle import runtime  # noqa: F401
