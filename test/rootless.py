# SPDX-License-Identifier: Apache-2.0
"""The runtime as a user without any privileges runs it: ids mapped alone or by newuidmap, all files below the home."""

import copy
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from bundle import CONFIG, Bundle, Runtime, make_rootfs, runtime_program
from cgroups import V2

USER = 23450
SUBIDS = 500000
# the user cannot write reports where root's go
SANITIZER = ["env", "ASAN_OPTIONS=detect_leaks=0", "UBSAN_OPTIONS=halt_on_error=1"]
AS_USER = pathlib.Path(__file__).with_name("runtime") / "as_user"


def command(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=300).stdout


class UserRuntime(Runtime):
    """Bundles belong to the user; all commands run as that one, who has no systemd unless `manager` says so."""

    def __init__(self, program, directory):
        super().__init__(program, directory)
        self.manager = "cgroupfs"
        self.environment = []

    def command(self, *words, **more):
        return [str(AS_USER), str(self.directory), *SANITIZER, *self.environment, *super().command(*words, **more)]

    def allow(self, count):
        for name in ("subuid", "subgid"):
            (self.directory / "etc" / name).write_text(f"somebody:{SUBIDS}:{count}\n")

    def bundle(self):
        self.serial += 1
        path = self.directory / f"bundle{self.serial}"
        path.mkdir()
        make_rootfs(path / "rootfs")
        bundle = Bundle(path, copy.deepcopy(CONFIG))
        bundle.namespace("user").drop_namespace("network")
        bundle.drop_mount("/sys").drop_mount("/sys/fs/cgroup")
        bundle.mount("/sys", "none", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"])
        del bundle.config["linux"]["resources"]
        self.map(bundle, (0, USER, 1))
        self.own(path)
        return bundle

    def map(self, bundle, *rows):
        for kind in ("uidMappings", "gidMappings"):
            bundle.config["linux"][kind] = [
                {"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in rows]

    def own(self, path):
        for directory, names, files in os.walk(path):
            for name in [directory, *(os.path.join(directory, n) for n in names + files)]:
                os.lchown(name, USER, USER)


@pytest.fixture
def user(build, temporary):
    """The home is not below pytest's own directory, which each further pytest that starts on this machine closes to others."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="user", dir=temporary))
    for path in (home, *home.parents[:2]):
        path.chmod(path.stat().st_mode | 0o755)
    shutil.copy(runtime_program(build), home / "tare-runtime")
    beside = runtime_program(build).with_name("tare-systemd")
    if beside.exists():
        shutil.copy(beside, home)
    (home / "etc").mkdir()
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", home / "etc" / name)
    with open(home / "etc/passwd", "a") as file:
        file.write(f"somebody:x:{USER}:{USER}::{home}:/bin/sh\n")
    one = UserRuntime(home / "tare-runtime", home)
    one.allow(0)
    (home / "run").mkdir(mode=0o700)
    for path in (home, home / "run"):
        os.chown(path, USER, USER)
    yield one
    one.clean()
    left = one.left()
    shutil.rmtree(home)
    assert left == []


@pytest.fixture(scope="module")
def user_manager():
    """The user's systemd, as a login or lingering starts it. For machines that are forgotten, which then know the user."""
    if not os.path.isdir("/run/guest"):
        pytest.skip("not in a guest (test/guest)")
    if not V2:
        pytest.skip("a user's systemd has no cgroups of v1")
    command("useradd", "-m", "-u", str(USER), "somebody")
    command("systemctl", "start", f"user@{USER}.service")
    yield
    command("systemctl", "stop", f"user@{USER}.service", f"user-runtime-dir@{USER}.service")
    command("userdel", "-r", "somebody")


@pytest.fixture
def session(user_manager, user):
    """The runtime of a user whose containers are scopes below the user's own systemd."""
    user.manager = "systemd"
    user.environment = [f"XDG_RUNTIME_DIR=/run/user/{USER}"]
    return user
