# SPDX-License-Identifier: Apache-2.0
"""Checks as in checks.py, of what containerd can do with our shim alone."""

import os
import pathlib
import re
import shutil

from conformance.checks import check, ctr_detached, ctr_row, ctr_status, field
from conformance.engine import Skip, wait_for

SHIM = []


def ctr_shim_of(engine, name):
    return int(field(pathlib.Path(f"/proc/{ctr_row(engine, name)[1]}/status").read_text(), "PPid"))


@check(SHIM)
def ctr_pod(engine):
    """Containers of a group: one shim, and each ends by itself."""
    names = [ctr_detached(engine, "--annotation", "io.containerd.runc.v2.group=pod") for _ in range(3)]
    shims = {ctr_shim_of(engine, name) for name in names}
    assert len(shims) == 1, shims
    for name in names[:2]:
        engine.ok("task", "rm", "-f", name)
        engine.ok("container", "rm", name)
    assert ctr_status(engine, names[2]) == "RUNNING"
    assert engine.ok("task", "exec", "--exec-id", "e1", names[2], "echo", "alive") == "alive"
    engine("task", "rm", "-f", names[2])
    wait_for(lambda: not any(os.path.exists(f"/proc/{shim}") for shim in shims))


def ctr_runtime_below(engine, name):
    """containerd selects another OCI runtime below our shim: by a file of options, and by the options of its own shim, which
    ctr gives only to a shim of that name. The runtime keeps its state where it was told to."""
    program = shutil.which(name)
    if not program:
        raise Skip(f"no {name}")
    root, options = engine.directory / f"root-{name}", engine.directory / f"{name}.toml"
    options.write_text(f'BinaryName = "{program}"\nRoot = "{root}"\n')
    for words in (("--runtime", "io.containerd.tare.v2", "--runtime-config-path", options),
                  ("--runtime", "io.containerd.runc.v2", "--runc-binary", program, "--runc-root", root)):
        container = engine.new_name()
        engine.ok("run", *words, "-d", engine.image, container, "sh", "-c", "trap 'exit 5' TERM; sleep 300 & wait")
        assert os.readlink(f"/proc/{ctr_shim_of(engine, container)}/exe").startswith(str(engine.directory / "bin")), "not our shim"
        assert (root / "default" / container).is_dir(), "it is not this runtime that made it"
        assert engine.ok("task", "exec", "--exec-id", "e1", container, "echo", "inside") == "inside"
        engine.ok("task", "pause", container)
        engine.ok("task", "resume", container)
        assert re.search(r"^\d+", engine.ok("task", "ps", container), re.M)
        engine.ok("task", "kill", container)
        wait_for(lambda: ctr_status(engine, container) == "STOPPED")
        removed = engine("task", "rm", container)  # 1.6 tells the code in a warning, others by ending with it
        assert removed.code == 5 or "exit code 5" in removed.err, removed
        engine.ok("container", "rm", container)
        assert not (root / "default" / container).exists()


@check(SHIM)
def ctr_runc_below(engine):
    ctr_runtime_below(engine, "runc")


@check(SHIM)
def ctr_crun_below(engine):
    ctr_runtime_below(engine, "crun")


@check(SHIM)
def ctr_killed_shim(engine):
    """containerd notices, and nothing stays behind."""
    name = ctr_detached(engine)
    pid = ctr_row(engine, name)[1]
    os.kill(ctr_shim_of(engine, name), 9)
    wait_for(lambda: ctr_status(engine, name) in ("", "STOPPED") and not os.path.exists(f"/proc/{pid}/exe"))
    engine("task", "rm", name)
    engine.ok("container", "rm", name)
