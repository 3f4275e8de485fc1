# SPDX-License-Identifier: Apache-2.0
"""Rules B, C and F: leaked descriptors, the runtime's own binary, procfs writes, identity."""

import hashlib
import os
import threading

import pytest
from bundle import compile_static, runtime  # noqa: F401


@pytest.mark.parametrize("fd", [*range(3, 30)])
def test_working_directory_is_not_a_descriptor(runtime, fd):
    """CVE-2024-21626, run."""
    bundle = runtime.bundle().args("/bin/ls", "-la", ".")
    bundle.config["process"]["cwd"] = f"/proc/self/fd/{fd}"
    result = runtime.run(bundle)
    assert result.code == 1 and result.out == ""
    assert "chdir to cwd" in runtime.last_error()["msg"]


def test_working_directory_of_exec_is_not_a_descriptor(runtime):
    """CVE-2024-21626, exec."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for path in [f"/proc/self/fd/{fd}" for fd in range(3, 30)] + ["/proc/1/cwd", "/proc/self/root/.."]:
        result = runtime("exec", "--cwd", path, name, "ls", "-la")
        assert result.code == 1 and result.out == "", path


def test_working_directory_through_a_symlink_to_a_descriptor(runtime):
    bundle = runtime.bundle().args("/bin/ls")
    for fd in range(3, 20):
        os.symlink(f"/proc/self/fd/{fd}", bundle.rootfs / f"x{fd}")
    for fd in range(3, 20):
        bundle.config["process"]["cwd"] = f"/x{fd}"
        assert runtime.run(bundle).code == 1


def test_no_descriptor_leaks(runtime):
    bundle = runtime.bundle().sh("ls /proc/self/fd; sleep 100")
    bundle.sh("for f in /proc/self/fd/*; do echo ${f##*/} $(readlink $f); done")
    numbers = {line.split()[0] for line in runtime.run(bundle).out.splitlines()}
    assert numbers <= {"0", "1", "2", "3"}  # 3: the shell's own glob
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    out = runtime.ok("exec", name, "sh", "-c", "for f in /proc/self/fd/*; do echo ${f##*/} $(readlink $f); done").out
    assert {line.split()[0] for line in out.splitlines()} <= {"0", "1", "2", "3"}
    pid = runtime.state(name)["pid"]
    assert set(os.listdir(f"/proc/{pid}/fd")) <= {"0", "1", "2"}


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


OVERWRITE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
/* Opens every process's executable that is not ours and tries to write to it, again and again. */
int main(void) {
    char path[64], through[64], name[256];
    for (long turn = 0; turn < 4000000; turn++) {
        for (int pid = 1; pid < 40; pid++) {
            snprintf(path, sizeof path, "/proc/%d/exe", pid);
            ssize_t n = readlink(path, name, sizeof name - 1);
            if (n <= 0) continue;
            name[n] = 0;
            if (!strstr(name, "tare-runtime")) continue;
            int fd = open(path, O_RDONLY);
            if (fd < 0) continue;
            write(1, "seen\n", 5);
            snprintf(through, sizeof through, "/proc/self/fd/%d", fd);
            for (int i = 0; i < 20000; i++) {
                int w = open(through, O_WRONLY | O_APPEND);
                if (w >= 0) { write(w, "overwritten", 11); write(1, "WROTE\n", 6); return 0; }
            }
            return 0;
        }
        if (access("/tmp/stop", F_OK) == 0) return 0;
    }
}
"""


ALL = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_SETUID", "CAP_KILL",
       "CAP_SYS_CHROOT"]


def test_runtime_is_not_overwritten_by_its_own_container(runtime):
    """CVE-2019-5736: the program is a script whose interpreter is the runtime itself."""
    before = digest(runtime.program)
    bundle = runtime.bundle().caps(*ALL).args("/evil")
    (bundle.rootfs / "evil").write_text("#!/proc/self/exe --version\n")
    os.chmod(bundle.rootfs / "evil", 0o755)
    runtime.run(bundle)
    assert digest(runtime.program) == before


def test_runtime_is_not_overwritten_during_exec(runtime):
    """CVE-2019-5736, CVE-2016-9962: a container with CAP_SYS_PTRACE watches processes that join it."""
    before = digest(runtime.program)
    bundle = runtime.bundle().caps(*ALL).args("/overwrite")
    bundle.config["process"]["noNewPrivileges"] = False
    compile_static(bundle.rootfs / "overwrite", OVERWRITE)
    (bundle.rootfs / "evil").write_text("#!/proc/self/exe --version\n")
    os.chmod(bundle.rootfs / "evil", 0o755)
    name = runtime.start(bundle)
    for i in range(30):
        runtime("exec", name, "/evil" if i % 2 else "/bin/true")
    (bundle.rootfs / "tmp/stop").touch()
    runtime.wait_status(name, "stopped", 30)
    assert digest(runtime.program) == before


def test_executable_is_on_a_read_only_mount(runtime):
    """Whoever gets hold of the runtime's /proc/PID/exe cannot open it for writing."""
    bundle = runtime.bundle().args("/bin/sleep", "100")
    name = runtime.create(bundle)
    pid = runtime.state(name)["pid"]
    with pytest.raises(OSError):
        os.open(f"/proc/{pid}/exe", os.O_WRONLY)
    fd = os.open(f"/proc/{pid}/exe", os.O_RDONLY)
    assert os.fstatvfs(fd).f_flag & os.ST_RDONLY
    for part in os.scandir(f"/proc/{pid}/map_files"):  # its code and variables are other ways to the same file
        if os.path.sameopenfile(fd, mapped := os.open(part.path, os.O_RDONLY)):
            assert os.fstatvfs(mapped).f_flag & os.ST_RDONLY, part.name
        os.close(mapped)
    runtime.ok("delete", "--force", name)
    with pytest.raises(OSError):
        os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
    os.close(fd)


def test_init_is_not_traceable_before_its_program_runs(runtime):
    name = runtime.create(runtime.bundle().args("/bin/sleep", "100"))
    pid = runtime.state(name)["pid"]
    assert os.stat(f"/proc/{pid}/fd").st_uid == 0
    maps = os.stat(f"/proc/{pid}/maps")
    assert maps.st_uid == 0  # a process that is not dumpable belongs to root


@pytest.mark.parametrize("name", ["net.ipv4.ip_forward+kernel.core_pattern", "net/ipv4/../../kernel/core_pattern",
                                  "net.ipv4.ip_forward=1\nkernel.core_pattern", "net..ipv4", "../sysrq-trigger",
                                  "net/../../sysrq-trigger"])
def test_sysctl_names_cannot_leave_their_namespace(runtime, name):
    """CVE-2022-0811."""
    path = "/proc/sys/kernel/core_pattern"
    before = open(path).read()
    bundle = runtime.bundle()
    bundle.config["linux"]["sysctl"] = {name: "|/evil"}
    code = runtime.run(bundle).code
    after = open(path).read()
    if after != before:  # a failing test must not leave the machine open
        open(path, "w").write(before)
    assert code == 1 and after == before


def test_sysctls_are_not_written_into_the_images_proc(runtime):
    """A volume at /proc/sys with symlinks to other places catches nothing (CVE-2025-52881)."""
    trap = runtime.directory / "trap"
    (trap / "ipv4").mkdir(parents=True)
    victim = runtime.directory / "victim"
    victim.write_text("0")
    os.symlink(victim, trap / "ipv4/ip_forward")
    bundle = runtime.bundle().mount("/proc/sys/net", "bind", str(trap), ["bind"])
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert runtime.run(bundle).code == 1
    assert victim.read_text() == "0"


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
        assert runtime.run(bundle).code == 1
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime.ok("exec", "-u", "1", name, "id", "-u").out == "1\n"


def test_writer_of_proc_self_exe_from_outside_cannot_race(runtime):
    """Many short containers with a script interpreter that is the runtime, side by side."""
    before = digest(runtime.program)
    bundle = runtime.bundle().caps(*ALL).args("/evil")
    (bundle.rootfs / "evil").write_text("#!/proc/self/exe features\n")
    os.chmod(bundle.rootfs / "evil", 0o755)
    bundle.write()
    names = [runtime.new_id() for _ in range(8)]
    threads = [threading.Thread(target=runtime, args=("run", "-b", bundle.path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digest(runtime.program) == before
