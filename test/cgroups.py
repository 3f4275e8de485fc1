# SPDX-License-Identifier: Apache-2.0
"""The limits of a container as the kernel has them, on whichever cgroup version this machine has."""

import os
import pathlib

import pytest

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def v1_only(controller):
    return pytest.mark.skipif(V2 or not os.path.isdir(f"/sys/fs/cgroup/{controller}"),
                              reason=f"no v1 controller {controller}")


def v2(controller):
    available = V2 and controller in open("/sys/fs/cgroup/cgroup.controllers").read().split()
    return pytest.mark.skipif(not available, reason=f"no v2 controller {controller}")


def needs(controller):
    return v2(controller) if V2 else v1_only(controller)


def limited(runtime, **resources):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["linux"]["resources"].update(resources)
    return bundle


def read(pid, controller, file):
    """A file of the cgroup that the process is in."""
    for line in open(f"/proc/{pid}/cgroup"):
        _, names, path = line.rstrip("\n").split(":", 2)
        if controller in names.split(","):
            mount = next(m for m in open("/proc/self/mountinfo") if f" /sys/fs/cgroup/{names} " in m)
            root = mount.split()[3]
            inside = os.path.relpath(path, root)
            return (pathlib.Path("/sys/fs/cgroup") / names / inside / file).read_text().strip()
    raise AssertionError(f"no {controller}")


def read_v2(pid, file):
    path = open(f"/proc/{pid}/cgroup").read().strip().removeprefix("0::")
    return pathlib.Path(f"/sys/fs/cgroup{path}/{file}").read_text().strip()


def value(runtime, name, controller, v1_file, v2_file):
    pid = runtime.state(name)["pid"]
    return read_v2(pid, v2_file) if V2 else read(pid, controller, v1_file)
