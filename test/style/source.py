# SPDX-License-Identifier: Apache-2.0
"""What every style check needs: the repository's own files, C without comments and strings, and a verdict."""

import pathlib
import re
import subprocess
import sys

CODE_FOLDERS = ("lib", "runtime", "shim", "engine", "cli", "contrib", "test")


def repository():
    return pathlib.Path(sys.argv[sys.argv.index("--repository") + 1])


def files(*suffixes):
    """Paths relative to the repository: tracked files and new ones that are not ignored."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=repository(), stdout=subprocess.PIPE, check=True, text=True).stdout
    found = [pathlib.PurePath(line) for line in listed.splitlines()]
    return sorted(p for p in found if (not suffixes or p.suffix in suffixes) and (repository() / p).is_file())


def code_files(*suffixes):
    return [p for p in files(*suffixes) if p.parts[0] in CODE_FOLDERS]


def read(path):
    return (repository() / path).read_text(errors="replace")


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def without_comments_and_strings(text):
    """Same line numbers; comments vanish, strings become empty ones."""

    def blank(match):
        token = match.group()
        lines = "\n" * token.count("\n")
        return lines if token.startswith("/") else token[0] * 2

    return TOKEN.sub(blank, text)


def finish(problems):
    """One problem a line, then the verdict as an exit code."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
