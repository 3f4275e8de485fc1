# SPDX-License-Identifier: Apache-2.0
"""The limits of a container as the kernel has them, on whichever cgroup version this machine has."""

import os
import pathlib

import pytest

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
CONTROLLERS = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split() if V2 else []
FUSE = {"type": "c", "major": 10, "minor": 229}  # a device in no default rule, and opening it does nothing
OPEN = "mknod /tmp/device c 10 229; (: </tmp/device) 2>/dev/null && echo read; (: >>/tmp/device) 2>/dev/null && echo write"


def v1_only(controller):
    return pytest.mark.skipif(V2 or not os.path.isdir(f"/sys/fs/cgroup/{controller}"),
                              reason=f"no v1 controller {controller}")


def v2(controller):
    return pytest.mark.skipif(controller not in CONTROLLERS, reason=f"no v2 controller {controller}")


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


def disk_of(path):
    """Major and minor of the whole disk: io.max takes no partitions."""
    device = os.stat(path).st_dev
    if not os.major(device):
        pytest.skip(f"{path} is not on a disk")
    link = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    link = link.parent if (link / "partition").exists() else link
    return tuple(map(int, (link / "dev").read_text().split(":")))
