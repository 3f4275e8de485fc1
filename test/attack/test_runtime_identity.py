# SPDX-License-Identifier: Apache-2.0
"""Rule F: numbers are numbers, names come from nowhere else, and no privilege is left over."""

import os
import re
import resource

import pytest
from bundle import runtime  # noqa: F401


def test_no_inheritable_capabilities(runtime):
    """CVE-2022-29162 and its siblings."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    out = runtime.ok("exec", "--cap", "CAP_NET_RAW", name, "cat", "/proc/self/status").out
    fields = dict(line.split(":\t", 1) for line in out.splitlines() if line.startswith("Cap"))
    assert int(fields["CapInh"], 16) == 0 and int(fields["CapAmb"], 16) == 0
    assert int(fields["CapEff"], 16) >> 13 & 1


def test_numeric_users_only_and_in_range(runtime):
    """CVE-2024-40635, CVE-2026-30892, CVE-2026-46680."""
    for uid in (2**32 - 1, 2**32, 2**63, 2**64 - 1):
        bundle = runtime.bundle()
        bundle.config["process"]["user"] = {"uid": uid, "gid": 0}
        assert runtime.refused(runtime.run(bundle))
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime.ok("exec", "-u", "1", name, "id", "-u").out == "1\n"


# What `exec --user` may be given, with the uid:gid that it means; None: refused.
FORMS = {"0": "0:0", "1": "1:0", "1000": "1000:0", "1000:1000": "1000:1000", "0:1000": "0:1000", "4294967294": "4294967294:0",
         "2147483648:2147483648": "2147483648:2147483648", "4294967295": None, "4294967296": None, "4294967297": None,
         "18446744073709551616": None, "-1": None, "1:4294967295": None, "1:4294967296": None, "1:-1": None, "0x1": None,
         "1e3": None, "1:": None, ":1": None, "1:1:1": None, "1 ": None, " 1": None, "1\n": None, "nobody-of-this-name": None}


@pytest.mark.parametrize("form", FORMS)
def test_users_of_exec(runtime, form):
    """CVE-2026-30892 (crun: "-u 1" became root), CVE-2026-46680, CVE-2024-40635: a user is what it says, or refused."""
    bundle = runtime.bundle().args("/bin/sleep", "100")
    (bundle.rootfs / "etc/passwd").write_text("".join(
        f"{name}:x:0:0::/:/bin/sh\n" for name in ("root", "1000", "4294967296", "4294967295", "-1", "0x1", "1e3")))
    (bundle.rootfs / "etc/group").write_text("".join(f"{name}:x:0:\n" for name in ("root", "1000", "4294967296", "-1")))
    name = runtime.start(bundle)
    result = runtime("exec", "--user", form, name, "sh", "-c", "echo $(id -u):$(id -g)")
    if FORMS[form] is None:
        assert runtime.refused(result) and result.out == ""
    else:
        assert result.out == FORMS[form] + "\n"


def test_names_that_look_like_numbers(runtime):
    """CVE-2016-3697: a line of the image's passwd changes no number."""
    bundle = runtime.bundle().sh("id -u; id -g; echo $HOME")
    (bundle.rootfs / "etc/passwd").write_text("1000:x:0:0:evil:/evil:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000, "username": "root"}
    assert runtime.run(bundle).out == "1000\n1000\n/home/user\n"


@pytest.mark.parametrize("kind", ["sparse", "long line", "many lines", "fifo", "zero", "directory"])
def test_big_passwd(runtime, kind):
    """CVE-2026-47262, CVE-2025-4437: reading it takes neither time nor memory nor the process."""
    bundle = runtime.bundle().args("/bin/busybox", "env")
    for name in ("passwd", "group"):
        path = bundle.rootfs / "etc" / name
        path.unlink(missing_ok=True)
        if kind == "sparse":
            path.touch()
            os.truncate(path, 2 << 30)
        elif kind == "long line":
            path.write_bytes(b"a" * (9 << 20) + b":x:0:0::/:/bin/sh\n")
        elif kind == "many lines":
            path.write_bytes(b"u:x:7:7::/:/bin/sh\n" * 400_000)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "zero":
            os.symlink("/dev/zero", path)
        else:
            path.mkdir()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    result = runtime.run(bundle, timeout=30)
    grown = max(0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - max(before, 200_000))
    assert "HOME=/" in result.out.splitlines()
    assert grown < 100_000  # kilobytes


def status_of(text):
    return dict(re.findall(r"^(\w+):\t(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("command", ["run", "exec"])
def test_nothing_is_left_for_ordinary_users(runtime, command):
    """CVE-2018-10856: who is not root has no capability, unless config.json makes it an ambient one."""
    bundle = runtime.bundle().caps("CAP_KILL", "CAP_CHOWN", "CAP_SETUID").args("/bin/cat", "/proc/self/status")
    bundle.config["process"]["capabilities"].pop("permitted")
    bundle.config["process"]["capabilities"].pop("effective")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    if command == "run":
        found = status_of(runtime.run(bundle).out)
    else:
        name = runtime.start(bundle.args("/bin/sleep", "100"))
        found = status_of(runtime.ok("exec", "--user", "1000:1000", name, "cat", "/proc/self/status").out)
    for kind in ("Inh", "Prm", "Eff", "Amb"):
        assert int(found["Cap" + kind], 16) == 0, kind
    assert int(found["CapBnd"], 16) == 1 << 5 | 1 << 0 | 1 << 7
    assert found["Uid"].split() == found["Gid"].split() == ["1000"] * 4


@pytest.mark.parametrize("command", ["run", "exec"])
def test_groups_that_are_denied_stay_denied(runtime, command):
    """CVE-2022-36109, CVE-2023-25173: a file that a group may not read, others may; its members are kept out."""
    bundle = runtime.bundle().args("/bin/cat", "/denied")
    denied = bundle.rootfs / "denied"
    denied.write_text("secret")
    os.chown(denied, 0, 3000)
    denied.chmod(0o604)
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [3000]}
    if command == "run":
        result = runtime.run(bundle)
        assert result.code == 1 and result.out == ""
        assert runtime.run(bundle.sh("id -G")).out.split() == ["1000", "3000"]
    else:
        name = runtime.start(bundle.args("/bin/sleep", "100"))
        assert runtime("exec", name, "cat", "/denied").out == ""
        assert runtime("exec", name, "id", "-G").out.split() == ["1000", "3000"]


def test_groups_of_the_caller_are_dropped(runtime):
    """What root on the host belongs to is nobody's business in the container."""
    before = os.getgroups()
    os.setgroups([4, 20, 999])
    try:
        bundle = runtime.bundle().args("/bin/id", "-G")
        assert runtime.run(bundle).out.split() == ["0"]
        name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
        assert runtime.ok("exec", "--user", "1000:1000", name, "id", "-G").out.split() == ["1000"]
    finally:
        os.setgroups(before)


def test_environment_makes_no_line(runtime):
    """CVE-2022-4318: a newline in HOME stays in HOME; the image's passwd is not written to at all."""
    bundle = runtime.bundle().args("/bin/cat", "/etc/passwd")
    before = (bundle.rootfs / "etc/passwd").read_bytes()
    bundle.config["process"]["env"].append("HOME=/\nroot2::0:0::/:/bin/sh")
    bundle.config["process"]["user"] = {"uid": 4242, "gid": 4242}
    assert runtime.run(bundle).out.encode() == before
    assert (bundle.rootfs / "etc/passwd").read_bytes() == before
