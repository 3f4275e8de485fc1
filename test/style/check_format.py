# SPDX-License-Identifier: Apache-2.0
"""C sources look as .clang-format says."""

import re
import shutil
import subprocess
import sys

from source import code_files, finish, repository

if not shutil.which("clang-format"):
    print("clang-format is not installed")
    sys.exit(77)

paths = [str(path) for path in code_files(".c", ".h")]
command = ["clang-format", "--dry-run", "--Werror", *paths]
result = subprocess.run(command, cwd=repository(), stderr=subprocess.PIPE, text=True)
bad = sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: error: code should be clang-formatted", result.stderr, re.MULTILINE)))
problems = [f"{path}: not as clang-format writes it (clang-format -i {path})" for path in bad]
if result.returncode and not problems:
    problems = [result.stderr]
finish(problems)
