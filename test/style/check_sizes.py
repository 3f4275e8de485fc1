# SPDX-License-Identifier: Apache-2.0
"""Files stay small enough to be read: a big one is two concepts. Headers aim at 100 lines."""

from source import code_files, finish, read

LIMITS = {".c": 800, ".h": 120, ".py": 800}

problems = []
for path in code_files(*LIMITS):
    lines = read(path).count("\n")
    if lines > LIMITS[path.suffix]:
        problems.append(f"{path}: {lines} lines, at most {LIMITS[path.suffix]}: split it by concept")
finish(problems)
