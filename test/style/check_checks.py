# SPDX-License-Identifier: Apache-2.0
"""The checks themselves: each finds what it is made for in a small repository full of mistakes."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from source import finish, repository

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
FILES = {
    "lib/base/text.h": SPDX + "#pragma once\n",
    "lib/base/bad.c": SPDX + '#include "runtime/init/init.h"\n',
    "lib/base/door.c": SPDX + "#include <yajl/yajl_tree.h>\n",
    "engine/store/store.h": SPDX + "#pragma once\n",
    "engine/store/store.c": SPDX + '#include "engine/container/container.h"\n#include "store.h"\n',
    "engine/container/container.h": SPDX + "#pragma once\n" + "\n" * 130,
    "runtime/init/init.h": SPDX + "int no_guard;\n",
    "runtime/init/open.c": SPDX + 'void f(void) {\n    open("/x", 0); /* open( */\n    s->mount("open(x)");\n}\n',
    "runtime/init/fine.c": SPDX + '// strcpy(\nvoid f(void) {\n    file_open(0, "strcpy(x)");\n}\n',
    "shim/fork.c": SPDX + "void f(void) {\n    fork();\n}\n",
    "cli/big.c": SPDX + "\n" * 900,
    "cli/utils.c": "int x;\n",
    "cli/ugly.c": SPDX + "int  x ;\n",
    "docs/page.md": "[gone](nowhere.md) and `lib/base/gone.c` and `no_such_function()`\n",
}
FILES["cli/later.c"] = SPDX + "// TO" + "DO: something\n"
EXPECTED = {
    "layers": {"lib/base/bad.c:2", "lib/base/door.c:2", "engine/store/store.c:2", "engine/store/store.c:3"},
    "banned": {"runtime/init/open.c:3", "shim/fork.c:3"},
    "sizes": {"engine/container/container.h", "cli/big.c"},
    "header": {"cli/utils.c:1", "cli/utils.c", "runtime/init/init.h:2", "cli/later.c:2"},
    "documents": {"docs/page.md:1"},
    "format": {"cli/ugly.c"},
}
if not shutil.which("clang-format"):
    del EXPECTED["format"]

problems = []
with tempfile.TemporaryDirectory() as name:
    top = pathlib.Path(name)
    for path, text in FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    shutil.copytree(repository() / "test/style", top / "test/style", ignore=shutil.ignore_patterns("__pycache__"))
    (top / "test/style/allowed.txt").write_text("")
    shutil.copy(repository() / ".clang-format", top)
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    for check, expected in EXPECTED.items():
        command = [sys.executable, "-B", top / f"test/style/check_{check}.py", "--repository", top]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        places = [line.split(": ")[0] for line in result.stdout.splitlines()]
        found = {place for place in places if place in expected}
        extra = [p for p in places if p not in expected and not (check == "format" and p.startswith(("runtime", "shim", "lib", "engine", "cli")))]
        if result.returncode != 1 or found != expected or extra:
            problems.append(f"check_{check}.py: missed {sorted(expected - found)}, invented {extra}")
finish(problems)
