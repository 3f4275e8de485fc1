# SPDX-License-Identifier: Apache-2.0
"""Every source begins with its licence; headers are guarded by #pragma once; nothing waits without an issue."""

import re

from source import code_files, files, finish, read

LICENCE = "SPDX-License-Identifier: Apache-2.0"
# A promise without a number is forgotten.
LOOSE_END = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b(?!\s*\(?#\d+)")
VAGUE_NAMES = re.compile(r"(^|[_-])(util|utils|misc|common|helper|helpers)([_.-]|$)")

problems = []
for path in code_files(".c", ".h", ".py"):
    lines = read(path).split("\n")
    first = 1 if lines[0].startswith("#!") else 0
    if LICENCE not in lines[first]:
        problems.append(f"{path}:{first + 1}: the first line must be {LICENCE}")
    if path.suffix == ".h" and "#pragma once" not in lines[1]:
        problems.append(f"{path}:2: #pragma once must follow the licence")
for path in files():
    if VAGUE_NAMES.search(path.name):
        problems.append(f"{path}: the name says nothing; name the concept")
    if path.name == "LICENSE" or path.suffix in (".tar", ".bin"):
        continue
    for number, line in enumerate(read(path).split("\n"), 1):
        if LOOSE_END.search(line):
            problems.append(f"{path}:{number}: a loose end needs an issue's number")
finish(problems)
