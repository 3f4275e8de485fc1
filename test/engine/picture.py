# SPDX-License-Identifier: Apache-2.0
"""A picture of all that an engine has on the machine: two are equal when nothing was left or lost in between."""

import os
import pathlib
import subprocess

from harness import mounts_below, processes_with, wait_until

SHIM = "containerd-shim-tare-v2"
# what an engine keeps for itself, in whatever state its containers are
OWN = ("tare.db", "tared.", "launch.lock", "lock", "runtime/.seccomp-")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()


def files_below(directory, depth):
    """Names down to a depth; what is inside of a snapshot or blob is not of interest here."""
    found = []
    for path, folders, files in os.walk(directory):
        relative = os.path.relpath(path, directory)
        found += [os.path.normpath(f"{relative}/{name}") for name in folders + files]
        if relative.count("/") >= depth - 1:
            folders.clear()
    return [name for name in found if not name.startswith(OWN)]


def cgroups():
    return [path for path, _, _ in os.walk("/sys/fs/cgroup")]


def picture(engine):
    lines = [f"mount {path}" for path in mounts_below(engine.directory)]
    lines += [f"process {command}" for pid, command in processes_with(str(engine.directory))
              if not engine.process or pid != engine.process.pid]
    lines += [f"root {name}" for name in files_below(engine.root, 3)]
    lines += [f"state {name}" for name in files_below(engine.state, 3)]
    lines += [f"link {line.split(':')[1].split('@')[0]}" for line in run("ip", "-o", "link")]
    lines += [f"nft {line.strip()}" for line in run("nft", "-s", "list", "ruleset")]
    lines += [f"cgroup {path}" for path in cgroups()]
    return sorted(lines)


def tared_and_shims(engine):
    return [engine.process.pid] + [pid for pid, command in processes_with(str(engine.directory)) if SHIM in command]


def picture_after_one(engine, *run):
    """Of the engine when it has had a container, of `run` with these words, and has none."""
    clean = [line for line in picture(engine) if line.startswith("root ")]
    engine.tare("run", "--rm", *run)
    # snapshots are removed in the background
    wait_until(lambda: [line for line in picture(engine) if line.startswith("root ")] == clean)
    wait_until(lambda: tared_and_shims(engine) == [engine.process.pid])
    return picture(engine)


def differences(before, after):
    return [f"- {line}" for line in before if line not in after] + [f"+ {line}" for line in after if line not in before]


def wait_for_picture(engine, before, where, timeout=60):
    """A shim ends by itself, a moment after it was told."""
    def same():
        return not differences(before, picture(engine))

    try:
        wait_until(same, timeout)
    except AssertionError:
        raise AssertionError(f"{where}: {differences(before, picture(engine))}\n{engine.log()[-600:]}") from None
