# SPDX-License-Identifier: Apache-2.0
"""What the machine's administrator has set on a mount stays, even for root of a user namespace with CAP_SYS_ADMIN
(mount_namespaces(7), restrictions on mount namespaces). The canary is a file of the host."""

import os
import subprocess

import pytest
from bundle import runtime  # noqa: F401

CAPS = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID"]


@pytest.fixture
def source(runtime):
    """A mount that is read-only, nosuid, nodev and noexec, with a file hidden beneath another mount."""
    path = runtime.directory
    while str(path) not in ("/", "/tmp"):
        os.chmod(path, os.stat(path).st_mode | 0o755)
        path = path.parent
    source = runtime.directory / "source"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", source], check=True)
    (source / "canary").write_text("alive")
    (source / "covered").mkdir()
    (source / "covered/secret").write_text("secret")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "covered"], check=True)
    os.chmod(source / "canary", 0o666)
    subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,nodev,noexec", source], check=True)
    yield source
    subprocess.run(["umount", "-R", source], check=True)


def attacker(runtime, source, script, options):
    bundle = runtime.bundle().caps(*CAPS).namespace("user").mount("/m", "bind", str(source), options)
    bundle.config["process"]["noNewPrivileges"] = False
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for directory, names, files in os.walk(bundle.rootfs):
        for name in [directory, *(os.path.join(directory, n) for n in names + files)]:
            os.lchown(name, 100000, 100000)
    return runtime.run(bundle.sh(script))


@pytest.mark.parametrize("flags", ["rw", "rw,suid", "ro,suid", "ro,dev", "ro,exec"])
def test_flags_cannot_be_taken_off(runtime, source, flags):
    for options in (["rbind"], ["rbind", "ro"], ["rbind", "nosuid"]):
        result = attacker(runtime, source, f"mount -o remount,bind,{flags} /m /m && echo x > /m/canary; echo done", options)
        assert result.out == "done\n", result
        with open("/proc/self/mountinfo") as file:
            line = next(line for line in file if line.split()[4] == str(source))
        assert line.split()[5].startswith("ro,nosuid,nodev,noexec"), line
        assert (source / "canary").read_text() == "alive"


def test_cover_cannot_be_lifted(runtime, source):
    script = "umount /m/covered; umount -l /m/covered; cat /m/covered/secret; mkdir /t; mount -o bind /m /t && cat /t/covered/secret; echo done"
    result = attacker(runtime, source, script, ["rbind"])
    assert result.out == "done\n", result


def test_words_that_ask_for_more_are_refused(runtime, source):
    for word in ("rw", "suid", "dev", "exec"):
        assert attacker(runtime, source, "true", ["rbind", word]).code == 1
        assert "cannot clear locked flags: operation not permitted" in runtime.last_error()["msg"]
