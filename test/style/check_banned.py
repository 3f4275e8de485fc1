# SPDX-License-Identifier: Apache-2.0
"""No source makes a call of banned.txt unless allowed.txt says why; rows of allowed.txt that nothing needs fail too."""

import re

from source import code_files, finish, read, repository, without_comments_and_strings


def rows(name):
    for line in (repository() / "test/style" / name).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield [cell.strip() for cell in line.split("|")]


def is_in(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


banned = {name: (folders.split(), instead) for names, folders, instead in rows("banned.txt") for name in names.split()}
allowed = {(path, name) for path, names, reason in rows("allowed.txt") for name in names.split() if reason}
# Not "driver->mount(", "x.open(", "(*mount)(" nor "file_open(".
call = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")

problems, used = [], set()
for path in map(str, code_files(".c", ".h")):
    if path.startswith("test/"):
        continue
    for number, line in enumerate(without_comments_and_strings(read(path)).split("\n"), 1):
        for name in call.findall(line):
            folders, instead = banned[name]
            if (path, name) in allowed:
                used.add((path, name))
            elif not is_in(path, folders):
                problems.append(f"{path}:{number}: {name}(): {instead}")
problems += [f"test/style/allowed.txt: {path} does not call {name}()" for path, name in sorted(allowed - used)]
finish(problems)
