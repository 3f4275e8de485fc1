# SPDX-License-Identifier: Apache-2.0
"""test/bundle.py holds the fixture: the attack tests use it too."""

from bundle import runtime  # noqa: F401
