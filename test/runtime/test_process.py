# SPDX-License-Identifier: Apache-2.0
"""Who the program is: user, groups, capabilities, limits, environment, directory, seccomp."""

import errno
import json
import os
import re
import socket
import threading

import pytest
from bundle import compile_static


def status(text, field):
    return re.search(rf"^{field}:[ \t]*(.*)$", text, re.M).group(1).split()


def test_user_groups_and_umask(runtime):
    bundle = runtime.bundle().sh("cat /proc/self/status; umask; id -G")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7, 1001], "umask": 0o27}
    out = runtime.run(bundle).out
    assert status(out, "Uid") == ["1000"] * 4 and status(out, "Gid") == ["1001"] * 4
    assert status(out, "Groups") == ["7", "1001"]
    assert "0027\n" in out


def test_default_umask_is_022(runtime):
    assert runtime.run(runtime.bundle().sh("umask")).out == "0022\n"


def test_no_groups_are_inherited(runtime):
    assert status(runtime.run(runtime.bundle().args("/bin/cat", "/proc/self/status")).out, "Groups") == []


def test_capabilities_of_root(runtime):
    out = runtime.run(runtime.bundle().caps("CAP_CHOWN", "CAP_KILL").args("/bin/cat", "/proc/self/status")).out
    for field in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status(out, field)[0], 16) == 1 << 0 | 1 << 5
    assert int(status(out, "CapInh")[0], 16) == 0 and int(status(out, "CapAmb")[0], 16) == 0


def test_capabilities_of_others_are_gone_after_exec(runtime):
    bundle = runtime.bundle().args("/bin/cat", "/proc/self/status")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    out = runtime.run(bundle).out
    assert int(status(out, "CapEff")[0], 16) == 0 and int(status(out, "CapBnd")[0], 16) != 0


def test_ambient_capabilities_reach_others(runtime):
    bundle = runtime.bundle().caps("CAP_NET_BIND_SERVICE").args("/bin/cat", "/proc/self/status")
    for kind in ("inheritable", "ambient"):
        bundle.config["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE"]
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert int(status(runtime.run(bundle).out, "CapEff")[0], 16) == 1 << 10


def test_no_capabilities_at_all(runtime):
    bundle = runtime.bundle().args("/bin/cat", "/proc/self/status")
    del bundle.config["process"]["capabilities"]
    out = runtime.run(bundle).out
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status(out, field)[0], 16) == 0


@pytest.mark.parametrize("on", [True, False])
def test_no_new_privileges(runtime, on):
    bundle = runtime.bundle().args("/bin/cat", "/proc/self/status")
    bundle.config["process"]["noNewPrivileges"] = on
    assert status(runtime.run(bundle).out, "NoNewPrivs") == [str(int(on))]


def test_limits(runtime):
    bundle = runtime.bundle().sh("ulimit -n; ulimit -Hn; ulimit -c")
    bundle.config["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 200, "hard": 300}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    assert runtime.run(bundle).out.split() == ["200", "300", "0"]


def test_infinite_limit(runtime):
    bundle = runtime.bundle().sh("ulimit -v")
    bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_AS", "soft": 2**64 - 1, "hard": 2**64 - 1}]
    assert runtime.run(bundle).out == "unlimited\n"


def test_environment_is_exactly_the_configured_one(runtime):
    bundle = runtime.bundle().args("/bin/env")
    bundle.config["process"]["env"] = ["A=1", "B=two words", "A=2", "HOME=/x"]
    assert sorted(runtime.run(bundle).out.splitlines()) == ["A=2", "B=two words", "HOME=/x"]


@pytest.mark.parametrize("uid, home", [(0, "/root"), (1000, "/home/user"), (4242, "/")])
def test_home_comes_from_passwd(runtime, uid, home):
    bundle = runtime.bundle().args("/bin/env")
    bundle.config["process"]["user"] = {"uid": uid, "gid": 0}
    assert f"HOME={home}" in runtime.run(bundle).out.splitlines()


def test_directory(runtime):
    bundle = runtime.bundle().args("/bin/pwd")
    bundle.config["process"]["cwd"] = "/tmp"
    assert runtime.run(bundle).out == "/tmp\n"


def test_missing_directory_is_made(runtime):
    bundle = runtime.bundle().args("/bin/pwd")
    bundle.config["process"]["cwd"] = "/made/just/now"
    assert runtime.run(bundle).out == "/made/just/now\n"


def test_directory_that_only_the_user_may_enter(runtime):
    bundle = runtime.bundle().args("/bin/pwd")
    (bundle.rootfs / "private").mkdir(mode=0o700)
    os.chown(bundle.rootfs / "private", 1000, 1000)
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    bundle.config["process"]["cwd"] = "/private"
    assert runtime.run(bundle).out == "/private\n"


def test_new_session_and_default_signals(runtime):
    bundle = runtime.bundle().sh("cat /proc/self/status; cut -d' ' -f 6 /proc/self/stat")
    out = runtime.run(bundle).out
    assert int(status(out, "SigIgn")[0], 16) == 0 and int(status(out, "SigBlk")[0], 16) == 0
    assert out.splitlines()[-1] == "1"  # the first process leads the session


def test_oom_score(runtime):
    bundle = runtime.bundle().args("/bin/cat", "/proc/self/oom_score_adj")
    bundle.config["process"]["oomScoreAdj"] = 321
    assert runtime.run(bundle).out == "321\n"


def test_personality_and_io_priority_and_scheduler(runtime):
    bundle = runtime.bundle().sh("uname -m; ionice; cut -d' ' -f19 /proc/self/stat")
    bundle.config["linux"]["personality"] = {"domain": "LINUX32"}
    bundle.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    lines = runtime.run(bundle).out.splitlines()
    assert lines[0] in ("i686", "armv8l") and "prio 6" in lines[1] and lines[2] == "5"


# seccomp

def with_filter(bundle, **seccomp):
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                         **seccomp}
    return bundle


@pytest.mark.parametrize("new_privileges", [True, False])
def test_seccomp_denies_a_call(runtime, new_privileges):
    bundle = with_filter(runtime.bundle().sh("mkdir /tmp/x; echo $?; grep Seccomp: /proc/self/status"), syscalls=[
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXDEV}])
    bundle.config["process"]["noNewPrivileges"] = not new_privileges
    result = runtime.run(bundle)
    assert "ross-device link" in result.err and result.out.split() == ["1", "Seccomp:", "2"]


def test_seccomp_looks_at_arguments(runtime):
    program = runtime.directory / "probe"
    compile_static(program, """
        #include <stdio.h>
        #include <sys/personality.h>
        int main(void) { printf("%d %d\\n", personality(0xffffffff) >= 0, personality(0x20008) >= 0); }""")
    bundle = with_filter(runtime.bundle().args("/probe"), defaultAction="SCMP_ACT_ERRNO", syscalls=[
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 0xffffffff, "op": "SCMP_CMP_EQ"}]},
        {"names": ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "mprotect", "prlimit64",
                   "readlinkat", "readlink", "getrandom", "newfstatat", "fstat", "write", "exit_group", "mmap"],
         "action": "SCMP_ACT_ALLOW"}])
    program.rename(bundle.rootfs / "probe")
    assert runtime.run(bundle).out == "1 0\n"


@pytest.mark.parametrize("name", ["true", "/bin/true"])
def test_seccomp_may_be_older_than_what_we_call(runtime, name):
    """Without no_new_privs the filter is there before the program is looked for and descriptors are closed."""
    bundle = with_filter(runtime.bundle().args(name), syscalls=[
        {"names": ["faccessat2", "close_range", "openat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}])
    bundle.config["process"]["noNewPrivileges"] = False
    result = runtime.run(bundle)
    assert result.code == 0, result


def test_seccomp_kills(runtime):
    bundle = with_filter(runtime.bundle().sh("mkdir /tmp/x"), syscalls=[
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}])
    assert runtime.run(bundle).code == 128 + 31


def test_seccomp_ignores_names_of_other_machines(runtime):
    bundle = with_filter(runtime.bundle().sh("echo fine"), syscalls=[
        {"names": ["not_a_call", "mkdir"], "action": "SCMP_ACT_ERRNO"}])
    assert runtime.run(bundle).out == "fine\n"


ALLOWED = ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "mprotect", "prlimit64",
           "readlinkat", "readlink", "getrandom", "newfstatat", "fstat", "write", "exit_group", "mmap"]


@pytest.mark.parametrize("explicit", [None, errno.EXDEV])
def test_calls_newer_than_the_profile_look_unknown(runtime, explicit):
    """A C library falls back to older calls on ENOSYS, not on EPERM."""
    bundle = with_filter(runtime.bundle().args("/probe"), defaultAction="SCMP_ACT_ERRNO", syscalls=[
        {"names": ALLOWED, "action": "SCMP_ACT_ALLOW"}])
    if explicit:
        bundle.config["linux"]["seccomp"]["defaultErrnoRet"] = explicit
    compile_static(bundle.rootfs / "probe", """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <stdio.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void) {
            long a = syscall(100000), first = errno, b = syscall(SYS_mkdir, "/tmp/x", 0), second = errno;
            printf("%ld %ld %ld %ld\\n", a, first, b, second); }""")
    assert runtime.run(bundle).out == f"-1 {errno.ENOSYS} -1 {explicit or errno.EPERM}\n"


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_seccomp_notify_hands_the_descriptor_over(runtime, no_new_privileges):
    path = runtime.directory / "notify"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    seen = {}

    def serve():
        peer, _ = server.accept()
        data, fds, _, _ = socket.recv_fds(peer, 65536, 4)
        seen.update(json.loads(data), count=len(fds))
        for fd in fds:
            os.close(fd)  # a call that nobody answers any more fails with ENOSYS

    thread = threading.Thread(target=serve)
    thread.start()
    bundle = with_filter(runtime.bundle().sh("mkdir /tmp/x; echo $?"), listenerPath=str(path), listenerMetadata="meta",
                         syscalls=[{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}])
    bundle.config["process"]["noNewPrivileges"] = no_new_privileges
    result = runtime.run(bundle)
    thread.join(10)
    assert result.out == "1\n" and "not implemented" in result.err
    assert seen["fds"] == ["seccompFd"] and seen["count"] == 1 and seen["metadata"] == "meta"
    assert seen["pid"] == seen["state"]["pid"] > 1 and seen["state"]["bundle"] == str(bundle.path)


def test_seccomp_bad_words(runtime):
    bundle = with_filter(runtime.bundle(), syscalls=[{"names": ["mkdir"], "action": "SCMP_ACT_PERHAPS"}])
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"] == 'linux.seccomp.syscalls[0]: unknown action "SCMP_ACT_PERHAPS"'


def test_null_streams_are_the_containers_own_device(runtime):
    """A stream from outside the container's mounts could not be checkpointed."""
    same = "test $(stat -L -c %d /proc/self/fd/0) = $(stat -c %d /dev/null)"
    assert runtime.run(runtime.bundle().sh(same)).code == 0
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("exec", name, "sh", "-c", same).code == 0
