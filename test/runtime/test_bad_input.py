# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a bundle: the runtime ends with one line that names the field and the reason, and no container is
half left. The same on a kernel that lacks what newer ones have."""

import json
import os
import re
import socket
import subprocess

import pytest
from bundle import cgroupfs_only, cgroups_of, compile_static


def set_at(config, path, value):
    """set_at(c, "linux.namespaces[0].type", 3)"""
    words = [int(w) if w.isdigit() else w for w in re.findall(r"[^.\[\]]+", path)]
    for word in words[:-1]:
        config = config[word]
    config[words[-1]] = value


def refused(runtime, bundle_path, *expected, command="create", **more):
    """One error line, in the log and on standard error; nothing left."""
    name = runtime.new_id()
    before = len(runtime.errors())
    result = runtime(command, "--bundle", bundle_path, name, timeout=30, **more)
    errors = runtime.errors()[before:]
    assert result.code == 1, result
    assert len(errors) == 1 and "\n" not in errors[0]["msg"], errors
    assert len(result.err.splitlines()) == 1, result.err
    for words in expected:
        assert words in errors[0]["msg"], errors[0]["msg"]
    assert runtime.left() == [] and not cgroups_of(name)
    assert runtime("state", name).code == 1
    return errors[0]["msg"]


IDS = [{"containerID": 0, "hostID": 100000, "size": 65536}]

# Field, value, words of the message. A field that does not exist in the bundle is added.
WRONG = [
    # wrong types
    ("ociVersion", 1, "ociVersion: expected a string"),
    ("ociVersion", "2.0.0", "ociVersion"),
    ("ociVersion", "", "ociVersion"),
    ("process", [], "process: expected an object"),
    ("process.args", "sh", "process.args: expected an array of strings"),
    ("process.args", [1], "process.args[0]: expected a string"),
    ("process.args", [], "process.args"),
    ("process.args", [""], "exec"),
    ("process.env", {"A": "b"}, "process.env: expected an array of strings"),
    ("process.env", ["A"], "process.env[0]"),
    ("process.env", ["=x"], "process.env[0]"),
    ("process.cwd", "tmp", "process.cwd"),
    ("process.cwd", "", "process.cwd"),
    ("process.terminal", "yes", "process.terminal: expected true or false"),
    ("process.noNewPrivileges", 1, "process.noNewPrivileges: expected true or false"),
    ("process.user.uid", "0", "process.user.uid: expected"),
    ("process.user.uid", -1, "process.user.uid"),
    ("process.user.uid", 1.5, "process.user.uid"),
    ("process.user.uid", 2**32 - 1, "process.user.uid"),
    ("process.user.gid", 2**64, "process.user.gid"),
    ("process.user.umask", 0o10000, "process.user.umask"),
    ("process.user.additionalGids", [1, 2**40], "process.user.additionalGids"),
    ("process.rlimits", [{"type": "RLIMIT_NO", "hard": 1, "soft": 1}], "RLIMIT_NO"),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "hard": 1}], "process.rlimits[0].soft: expected a value"),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "hard": 1, "soft": 2}], "rlimits[0]"),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "hard": 2**65, "soft": 2}], "process.rlimits[0].hard: expected an integer in range"),
    ("process.oomScoreAdj", 5000, "oomScoreAdj"),
    ("process.oomScoreAdj", "x", "process.oomScoreAdj: expected an integer"),
    ("process.scheduler", {"policy": "SCHED_NONE"}, "SCHED_NONE"),
    ("process.ioPriority", {"class": "IOPRIO_NONE", "priority": 1}, "IOPRIO_NONE"),
    ("process.capabilities", {"bounding": "CAP_KILL"}, "process.capabilities.bounding: expected an array of strings"),
    # root and mounts
    ("root", None, "root"),
    ("root.path", "", "root.path"),
    ("root.path", "nothing-here", "nothing-here"),
    ("root.path", 3, "root.path: expected a string"),
    ("root.path", "config.json", "is no directory"),
    ("root.readonly", "no", "root.readonly: expected true or false"),
    ("mounts", {}, "mounts: expected an array of objects"),
    ("mounts[0]", 3, "mounts[0]: expected an object"),
    ("mounts[0]", {"type": "proc"}, "mounts[0].destination: expected a value"),
    ("mounts[1].type", "nosuchfs", "nosuchfs"),
    ("mounts[1]", {"destination": "/x"}, 'error mounting "" to rootfs at "/x": type: expected a file system type'),
    ("mounts[1]", {"destination": "", "type": "tmpfs"}, "mounts[1] (''): destination: expected a place below '/'"),
    ("mounts[1]", {"destination": "/x/..", "type": "tmpfs"}, "destination: expected a place below '/'"),
    ("mounts[1]", {"destination": "/x", "type": "bind"}, "mounts[1] ('/x'): source: expected a path"),
    ("mounts[1]", {"destination": "/x", "source": "", "options": ["rbind"]}, "mounts[1] ('/x'): source: expected a path"),
    ("mounts[1].options", ["nosuchoption"], "nosuchoption"),
    ("mounts[1].options", ["size=-1"], "size"),
    ("mounts[1].options", "ro", "mounts[1].options: expected an array of strings"),
    ("mounts[1]", {"destination": "/x", "type": "bind", "source": "/nothing/here"}, "/nothing/here"),
    ("mounts[1]", {"destination": "/bin/busybox/x", "type": "tmpfs"}, "/bin/busybox/x"),
    ("mounts[1]", {"destination": "/bin/busybox", "type": "tmpfs"}, "/bin/busybox"),
    ("mounts[1]", {"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind"], "uidMappings": IDS}, "Mappings"),
    # linux
    ("linux", None, "linux"),
    ("linux", "x", "linux: expected an object"),
    ("linux.namespaces", [{"type": "nosuch"}], "nosuch"),
    ("linux.namespaces", [{"path": "/proc/1/ns/net"}], "linux.namespaces[0].type: expected a value"),
    ("linux.namespaces", [{"type": "mount"}, {"type": "mount"}], "mount"),
    ("linux.namespaces[0]", {"type": "pid", "path": "/nothing"}, "/nothing"),
    ("linux.namespaces[0]", {"type": "pid", "path": "/proc/self/ns/net"}, "linux.namespaces"),
    ("linux.namespaces[0]", {"type": "pid", "path": "/etc/passwd"}, "linux.namespaces"),
    ("linux.uidMappings", IDS, "user namespace"),
    ("linux.sysctl", {"kernel.core_pattern": "x"}, "kernel.core_pattern"),
    ("linux.sysctl", {"net.ipv4.nosuch": "1"}, "linux.sysctl"),
    ("linux.sysctl", {"net.ipv4.ip_forward": 1}, "linux.sysctl.net.ipv4.ip_forward: expected a string"),
    ("linux.devices", [{"path": "/dev/x", "type": "z", "major": 1, "minor": 1}], "linux.devices[0]"),
    ("linux.devices", [{"type": "c"}], "linux.devices[0].path: expected a value"),
    ("linux.devices", [{"path": "/", "type": "c", "major": 1, "minor": 3}], "linux.devices[0]: path: expected"),
    ("linux.devices", [{"path": "/etc/passwd", "type": "c", "major": 1, "minor": 3}], "linux.devices[0]: cannot make '/etc/passwd'"),
    ("linux.sysctl", {"kernel.hostname": "x"}, 'conflicts with the OCI "hostname" field'),
    # numbers that would be others in the kernel's fewer bits
    ("linux.devices", [{"path": "/dev/x", "type": "c", "major": 2**32 + 1, "minor": 3}], "linux.devices[0].major: expected an integer in range"),
    ("linux.devices", [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "uid": 2**32}], "linux.devices[0].uid: expected a number up to"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 2**32, "size": 1}], "linux.uidMappings[0].hostID: expected a number up to"),
    ("linux.resources.devices", [{"allow": True, "type": "c", "major": 2**32 + 1, "minor": 3, "access": "r"}],
     "linux.resources.devices[0].major: expected an integer in range"),
    ("linux.resources.devices", [{"allow": True, "type": "c", "major": -5, "minor": 3, "access": "r"}],
     "linux.resources.devices[0]: major: expected a number, or -1 for all"),
    ("linux.resources.network", {"classID": 2**32}, "linux.resources.network.classID: expected a number up to"),
    ("linux.resources.blockIO", {"weight": 2**16 + 500}, "linux.resources.blockIO.weight: expected a number up to 65535"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 2**16 + 1}]}, "syscalls[0].errnoRet: expected a number up to 65535"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "nice": 2**32}, "process.scheduler.nice: expected an integer in range"),
    ("hooks", {"poststop": [{"path": "/bin/true", "timeout": 2**40}]}, "hooks.poststop[0].timeout: expected an integer in range"),
    ("linux.rootfsPropagation", "sideways", "sideways"),
    ("linux.personality", {"domain": "DOS"}, "DOS"),
    ("linux.maskedPaths", [3], "linux.maskedPaths[0]: expected a string"),
    ("linux.timeOffsets", {"monotonic": {"secs": 1}}, "timeOffsets"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_NO"}, "linux.seccomp.defaultAction"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["VAX"]}, "VAX"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["FLAG"]}, "FLAG"),
    ("linux.seccomp", {"syscalls": []}, "linux.seccomp.defaultAction: expected a value"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "NO"}]},
     "linux.seccomp.syscalls[0]"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]},
     "linux.seccomp.syscalls[0].names: expected a value"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}, "index"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "LIKE"}]}]}, "LIKE"),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]},
     "listenerPath"),
    ("linux.resources", [], "linux.resources: expected an object"),
    ("linux.resources.pids", {"limit": "many"}, "linux.resources.pids.limit: expected an integer"),
    ("linux.resources.memory", {"limit": 1e3}, "linux.resources.memory.limit: expected an integer"),
    ("linux.resources.memory", {"limit": 2**63}, "linux.resources.memory.limit: expected an integer in range"),
    ("linux.resources.cpu", {"cpus": "0-4096,x"}, "cpu"),
    ("linux.resources.cpu", {"period": 1}, "cpu"),
    ("linux.resources.devices", [{"allow": True, "type": "z", "access": "rwm"}], "devices[0]"),
    ("linux.resources.devices", [{"allow": True, "type": "c", "access": "xyz"}], "devices[0]"),
    ("linux.resources.devices", [{"allow": "yes", "access": "rwm"}], "linux.resources.devices[0].allow: expected true or false"),
    ("linux.resources.hugepageLimits", [{"pageSize": "3MB", "limit": 1}], "hugepageLimits"),
    ("linux.cgroupsPath", 3, "linux.cgroupsPath: expected a string"),
    ("linux.cgroupsPath", "/", "cgroup"),
    # the rest
    ("hostname", ["x"], "hostname: expected a string"),
    ("hostname", "x" * 65, "hostname"),
    ("annotations", {"a": 1}, "annotations.a: expected a string"),
    ("annotations", [], "annotations: expected an object of strings"),
    ("hooks", {"prestart": [{"args": ["x"]}]}, "hooks.prestart[0].path: expected a value"),
    ("hooks", {"prestart": [{"path": "/bin/true"}, {"path": "x"}]}, "hooks.prestart[1].path: expected an absolute path"),
    ("hooks", {"poststop": [{"path": "/bin/true", "timeout": 0}]}, "hooks.poststop[0].timeout: expected"),
    ("hooks", {"startContainer": [{"path": "/bin/true", "timeout": -1}]}, "hooks.startContainer[0].timeout: expected"),
    ("hooks", {"createRuntime": [{"path": "/nothing"}]}, "/nothing"),
    ("hooks", {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "exit 7"]}]}, "createContainer"),
    ("hooks", {"prestart": [{"path": "/bin/true", "timeout": "1s"}]}, "hooks.prestart[0].timeout: expected an integer"),
]


@pytest.mark.parametrize("field, value, words", WRONG, ids=[f"{i}-{row[0]}" for i, row in enumerate(WRONG)])
def test_wrong_value(runtime, field, value, words):
    bundle = runtime.bundle()
    if field == "linux.namespaces":
        for place, name in ((bundle.config, "hostname"), (bundle.config["linux"], "maskedPaths"), (bundle.config["linux"], "readonlyPaths")):
            del place[name]
    set_at(bundle.config, field, value)
    bundle.write()
    refused(runtime, bundle.path, words)


MISSING = ["ociVersion", "process", "process.args", "process.cwd", "root", "root.path", "linux", "mounts[0].destination",
           "linux.namespaces[0].type", "process.rlimits[0].type", "process.rlimits[0].hard"]


@pytest.mark.parametrize("field", MISSING)
def test_missing_member(runtime, field):
    bundle = runtime.bundle()
    words = [int(w) if w.isdigit() else w for w in re.findall(r"[^.\[\]]+", field)]
    place = bundle.config
    for word in words[:-1]:
        place = place[word]
    del place[words[-1]]
    bundle.write()
    refused(runtime, bundle.path, field.split(".")[-1].split("[")[0])


TEXTS = {
    "empty": ("", "not JSON"),
    "blank": (" \n\n", ""),
    "cut short": ('{"ociVersion": "1.0', "line 1"),
    "no object": ("[1, 2]", "(root): expected an object"),
    "a word": ("true", "(root): expected an object"),
    "two documents": ('{"ociVersion": "1.0.0"} {"ociVersion": "1.0.0"}', "line 1"),
    "comment": ('{\n// here\n"ociVersion": "1.0.0"}', ""),
    "trailing comma": ('{"ociVersion": "1.0.0",}', "line 1"),
    "NUL": ('{"ociVersion": "1.0.0\0"}', "NUL"),
    "escaped NUL": ('{"ociVersion": "1.0.0\\u0000x"}', "NUL"),
    "bare NaN": ('{"process": {"user": {"uid": NaN}}}', "line 1"),
    "hexadecimal": ('{"process": {"user": {"uid": 0x10}}}', "line 1"),
    "deep": ("[" * 100_000 + "]" * 100_000, "nested deeper"),
    "deep objects": ('{"a":' * 5000 + "1" + "}" * 5000, "nested deeper"),
    "deep and unclosed": ("[" * 3_000_000, "nested deeper"),
    "huge number": ('{"ociVersion": "1.0.0", "process": {"user": {"uid": 1' + "0" * 100_000 + '}}}', "process.user.uid"),
    "byte order mark": ('\ufeff{"ociVersion": "1.0.0"}', ""),
    "UTF-16": ('{"ociVersion": "1.0.0"}'.encode("utf-16"), ""),
    "invalid UTF-8": (b'{"ociVersion": "\xff\xfe"}', ""),
    "lone surrogate": ('{"ociVersion": "\\ud800"}', ""),
    "long key": ('{"' + "k" * 3_000_000 + '": 1}', ""),
    "long string": ('{"ociVersion": "' + "v" * 9_000_000 + '"}', ""),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_that_is_no_configuration(runtime, kind):
    text, words = TEXTS[kind]
    bundle = runtime.bundle()
    (bundle.path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refused(runtime, bundle.path, words, "config.json")
    assert len(message) < 1500


def test_text_of_four_gigabytes(runtime):
    """Sparse, and refused by its size alone."""
    bundle = runtime.bundle()
    with open(bundle.path / "config.json", "w") as file:
        file.write('{"ociVersion": "')
        file.truncate(4 << 30)
    refused(runtime, bundle.path, "config.json")


def test_last_of_equal_keys_counts(runtime):
    """As for the reference runtime: whoever checks a document must check what is meant."""
    bundle = runtime.bundle().args("/bin/echo", "last")
    text = json.dumps(bundle.config)
    (bundle.path / "config.json").write_text('{"process": {"args": ["/bin/false"]}, "hostname": 3,' + text[1:])
    result = runtime("run", "-b", bundle.path, runtime.new_id())
    assert result.code == 0 and result.out == "last\n"


def test_many_of_everything(runtime):
    """Long lists are work, not a danger."""
    bundle = runtime.bundle().args("/bin/true")
    bundle.config["annotations"] = {f"a{i}": "x" * 50 for i in range(2000)}
    bundle.config["process"]["env"] += [f"V{i}={i}" for i in range(2000)]
    bundle.config["process"]["user"]["additionalGids"] = list(range(1, 10000))
    bundle.config["linux"]["maskedPaths"] += [f"/nothing/{i}" for i in range(300)]
    assert runtime.run(bundle, timeout=120).code == 0


NOT_FILES = {
    "fifo": os.mkfifo,
    "directory": os.mkdir,
    "device": lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(path),
    "link to itself": lambda path: os.symlink("config.json", path),
    "link to nothing": lambda path: os.symlink("nothing", path),
}


@pytest.mark.parametrize("kind", NOT_FILES)
def test_config_that_is_no_file(runtime, kind, monkeypatch):
    bundle = runtime.bundle()
    monkeypatch.chdir(bundle.path)  # a socket's name is short
    NOT_FILES[kind]("config.json")
    refused(runtime, bundle.path, "config.json")


@pytest.mark.parametrize("path", ["/nothing/here", "/etc/passwd", "/proc", "\x01", "x" * 300, "x/" * 3000])
def test_bundle_that_is_none(runtime, path):
    refused(runtime, path, "config.json" if path in ("/nothing/here", "/proc", "\x01") else "")


IMPOSSIBLE = {
    "overlap inside": ([(0, 100000, 10), (5, 200000, 10)], [(0, 100000, 10)]),
    "overlap outside": ([(0, 100000, 10), (20, 100005, 10)], [(0, 100000, 10)]),
    "size 0": ([(0, 100000, 0)], [(0, 100000, 10)]),
    "beyond the end": ([(0, 4294967290, 100)], [(0, 100000, 10)]),
    "no root": ([(1, 100000, 10)], [(1, 100000, 10)]),
    "too many": ([(i, 100000 + i, 1) for i in range(400)], [(0, 100000, 10)]),
    "no gids": ([(0, 100000, 10)], []),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_impossible_mapping(runtime, kind):
    uids, gids = [[dict(zip(("containerID", "hostID", "size"), row)) for row in rows] for rows in IMPOSSIBLE[kind]]
    bundle = runtime.bundle().namespace("user")
    bundle.config["linux"].update(uidMappings=uids, gidMappings=gids)
    bundle.write()
    refused(runtime, bundle.path)


def test_user_outside_of_the_mapping(runtime):
    for path in (runtime.directory.parent, runtime.directory):
        path.chmod(0o755)
    bundle = runtime.bundle().namespace("user")
    bundle.config["linux"].update(uidMappings=IDS, gidMappings=IDS)
    bundle.config["process"]["user"] = {"uid": 70000, "gid": 0}
    bundle.write()
    refused(runtime, bundle.path, "70000")


@cgroupfs_only  # systemd writes for us
def test_read_only_cgroups(runtime, build):
    """In a mount namespace where nothing in /sys/fs/cgroup can be written."""
    bundle = runtime.bundle()
    bundle.write()
    name = runtime.new_id()
    command = " ".join(runtime.command("create", "-b", bundle.path, name))
    script = "for m in $(awk '$5 ~ \"^/sys/fs/cgroup(/|$)\" { print $5 }' /proc/self/mountinfo); do mount -o remount,bind,ro $m; done; exec "
    result = subprocess.run(["unshare", "-m", "sh", "-c", script + command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, timeout=60)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert "cgroup" in runtime.last_error()["msg"] and "ead-only" in runtime.last_error()["msg"]
    assert runtime.left() == []


# Kernels from 5.15 on have all of these but what they learned later; containers and seccomp filters around us may
# also hide them. Each system call answers as if the kernel had never heard of it.
WITHOUT = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
/* without NUMBER COMMAND...: COMMAND on a kernel without this system call */
int main(int argc, char **argv) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(argv[1]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) return 125;
    execv(argv[2], argv + 2);
    return 125;
}
"""
CALLS = {"openat2": 437, "clone3": 435, "pidfd_open": 434, "pidfd_send_signal": 424, "close_range": 436, "open_tree": 428,
         "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442, "faccessat2": 439,
         "memfd_create": 319, "execveat": 322, "seccomp": 317, "statx": 332, "listmount": 458, "statmount": 457,
         "open_tree_attr": 467, "fchmodat2": 452, "keyctl": 250, "bpf": 321}


@pytest.mark.parametrize("call", CALLS)
def test_kernel_without_a_system_call(runtime, temporary, call):
    """It works all the same, or one line says what is missing."""
    program = runtime.directory / "without"
    compile_static(program, WITHOUT)
    bundle = runtime.bundle().args("/bin/echo", "works")
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.config["process"]["noNewPrivileges"] = False
    bundle.write()
    name = runtime.new_id()
    before = len(runtime.errors())
    result = subprocess.run([program, str(CALLS[call]), *runtime.command("run", "-b", bundle.path, name)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    errors = runtime.errors()[before:]
    if result.returncode == 0:
        assert result.stdout == "works\n" and not errors
    else:
        assert result.returncode == 1 and len(errors) == 1 and len(result.stderr.splitlines()) == 1, result
        assert "not implemented" in errors[0]["msg"], errors
    assert runtime.left() == [] and not cgroups_of(name)
    print(call, errors)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"args": 3}', '{"args": []}', '{"args": ["true"], "cwd": "x"}', '{"cwd": "/"}',
                                  '{"args": ["true"], "cwd": "/", "user": {"uid": -1}}', "[" * 100_000,
                                  '{"args": ["true"], "cwd": "/", "env": ["\\u0000"]}'])
def test_process_file(runtime, text):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    path = runtime.directory / "process.json"
    path.write_text(text)
    before = len(runtime.errors())
    result = runtime("exec", "--process", path, name)
    assert result.code == 1 or result.code == 255
    assert len(runtime.errors()) == before + 1 and len(result.err.splitlines()) == 1
    assert runtime.state(name)["status"] == "running"


def test_state_file(runtime):
    """A state.json that somebody spoiled: every command says so and touches nothing; with the good one back, all is well."""
    bundle = runtime.bundle().args("/bin/sleep", "100")
    for text in ("", "{", "[]", '{"id": 3}', "x" * 3_000_000, "{" * 1000):
        name = runtime.start(bundle)
        pid = runtime.state(name)["pid"]
        record = runtime.root / name / "state.json"
        good = record.read_text()
        record.write_text(text)
        for command in (["state", name], ["kill", name, "KILL"], ["exec", name, "true"], ["start", name]):
            assert runtime(*command).code == (255 if command[0] == "exec" else 1), command
        assert runtime("list").code == 0
        record.write_text(good)
        runtime.ok("delete", "--force", name)
        assert not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] in "ZX"


def test_force_may_be_repeated(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for _ in range(3):
        assert runtime.ok("delete", "--force", name).err == ""
    assert runtime("delete", name).code == 1
    assert runtime.ok("delete", "--force", "never-was").out == ""
