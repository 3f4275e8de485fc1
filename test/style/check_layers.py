# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (layers.txt, as drawn in docs/architecture.md), and one door for each library."""

import re

from source import code_files, finish, read, repository

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def load(name):
    """Rows "LEFT: RIGHT…" as {left: [right…]}."""
    rows = {}
    for line in (repository() / "test/style" / name).read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            left, right = line.split(":")
            rows[left.strip()] = right.split()
    return rows


def layer_of(path, layers):
    """The longest row that the path lies in."""
    found = [layer for layer in layers if path == layer or path.startswith(layer + "/")]
    return max(found, key=len) if found else None


def include_problem(path, target, layers):
    full = target if target.split("/")[0] in ("proto", "runtime", "shim", "engine", "cli") else "lib/" + target
    if "/" not in target:
        return None if target == "version.h" else "an include names its folder"
    if full.split("/")[0] == "lib" and not (repository() / full).exists():
        return "no such file below the repository or lib/"
    mine, other = layer_of(path, layers), layer_of(full, layers)
    if mine is None or other is None:
        return f"{path if mine is None else full} has no row in test/style/layers.txt"
    if mine == other or any(full == a or full.startswith(a + "/") for a in layers[mine]):
        return None
    return f"{mine} may not include {other}"


def door_problem(path, header, doors):
    for prefix, allowed in doors.items():
        if header.startswith(prefix) and not any(path == a or path.startswith(a + "/") for a in allowed):
            return f"<{header}> is only for {' '.join(allowed)}"
    return None


layers, doors = load("layers.txt"), load("doors.txt")
problems = []
for path in map(str, code_files(".c", ".h")):
    if path.startswith("test/"):
        continue
    for number, line in enumerate(read(path).split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        problem = include_problem(path, target, layers) if quoted else door_problem(path, target, doors)
        if problem:
            problems.append(f"{path}:{number}: {problem}")
finish(problems)
