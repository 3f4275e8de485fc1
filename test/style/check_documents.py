# SPDX-License-Identifier: Apache-2.0
"""What the documents name exists: links, `path/names.c` and `function()` in backticks."""

import re

from source import CODE_FOLDERS, code_files, files, finish, read, repository

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
QUOTED = re.compile(r"`([^`\n]+)`")
OURS = CODE_FOLDERS + ("proto", "docs", ".ci")

code = "\n".join(read(path) for path in code_files(".c", ".h", ".py"))
problems = []
for path in files(".md"):
    text = re.sub(r"^```.*?^```", lambda block: "\n" * block.group().count("\n"), read(path), flags=re.DOTALL | re.MULTILINE)
    for number, line in enumerate(text.split("\n"), 1):
        for link in LINK.findall(line):
            if "://" not in link and not (repository() / path.parent / link).exists():
                problems.append(f"{path}:{number}: link to {link}, which does not exist")
        for quoted in QUOTED.findall(line):
            name = quoted.rstrip("/")
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name) and name.split("/")[0] in OURS:
                if not (repository() / name).exists():
                    problems.append(f"{path}:{number}: `{quoted}` does not exist")
            elif re.fullmatch(r"\w+\(\)", name) and not re.search(rf"\b{name[:-2]}\(", code):
                problems.append(f"{path}:{number}: no function {quoted} in the code")
finish(problems)
