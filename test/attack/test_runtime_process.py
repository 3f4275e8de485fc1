# SPDX-License-Identifier: Apache-2.0
"""Rule B: leaked descriptors, the runtime's own binary, working directories, terminals."""

import hashlib
import os
import subprocess
import threading

import pytest
from bundle import Runtime, compile_static, runtime  # noqa: F401
from terminal import Terminal


@pytest.mark.parametrize("fd", [*range(3, 30)])
def test_working_directory_is_not_a_descriptor(runtime, fd):
    """CVE-2024-21626, run."""
    bundle = runtime.bundle().args("/bin/ls", "-la", ".")
    bundle.config["process"]["cwd"] = f"/proc/self/fd/{fd}"
    result = runtime.run(bundle)
    assert runtime.refused(result, "chdir to cwd") and result.out == ""


def test_working_directory_of_exec_is_not_a_descriptor(runtime):
    """CVE-2024-21626, exec."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for path in [f"/proc/self/fd/{fd}" for fd in range(3, 30)] + ["/proc/1/cwd", "/proc/self/root/.."]:
        result = runtime("exec", "--cwd", path, name, "ls", "-la")
        assert runtime.refused(result) and result.out == "", path


def test_working_directory_through_a_symlink_to_a_descriptor(runtime):
    bundle = runtime.bundle().args("/bin/ls")
    for fd in range(3, 20):
        os.symlink(f"/proc/self/fd/{fd}", bundle.rootfs / f"x{fd}")
    for fd in range(3, 20):
        bundle.config["process"]["cwd"] = f"/x{fd}"
        assert runtime.refused(runtime.run(bundle))


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
            if (!strstr(name, "tare-runtime") && !strstr(name, "runc") && !strstr(name, "crun") && !strstr(name, "memfd:"))
                continue;
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
    if not runtime.is_ours:
        pytest.skip("others have other ways to the same end")
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


@pytest.mark.parametrize("command", ["run", "exec"])
def test_descriptors_of_the_caller_stay_with_the_caller(runtime, canary, command):
    """CVE-2024-21626 by way of the engine: what the runtime itself inherits goes nowhere, not even as a directory."""
    fds = [os.open(path, os.O_RDONLY) for path in ("/", str(runtime.directory))]
    script = "for f in /proc/self/fd/*; do echo ${f##*/} $(readlink $f); done"
    try:
        if command == "run":
            bundle = runtime.bundle().sh(script)
            bundle.write()
            out = runtime("run", "-b", bundle.path, runtime.new_id(), pass_fds=fds).out
        else:
            name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
            out = runtime("exec", name, "sh", "-c", script, pass_fds=fds).out
            for fd in fds:
                assert runtime.refused(runtime("exec", "--cwd", f"/proc/self/fd/{fd}", name, "ls", pass_fds=fds))
        assert out and {line.split()[0] for line in out.splitlines()} <= {"0", "1", "2", "3"}
    finally:
        for fd in fds:
            os.close(fd)


PEEK = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>
/* Looks for processes that are on their way into the container: traces them, and opens their root, working directory and
 * each of their descriptors. What it can reach of the host's is told. */
static void say(const char *what, int pid) { printf("GOT %s of %d\n", what, pid); fflush(stdout); }
static void enter(const char *path, const char *marker, int pid) {
    char name[256];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) return;
    for (const char *up = ""; strlen(up) < 30; up = up[0] ? "../../../../../../../../" : "../") {
        snprintf(name, sizeof name, "%s%s", up, marker);
        if (faccessat(fd, name, F_OK, 0) == 0) say(path, pid);
        if (strlen(up) > 3) break;
    }
    close(fd);
}
int main(int argc, char **argv) {
    char path[300];
    long seen = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int pid = 2;; pid = pid > 60000 ? 2 : pid + 1) {
        if (pid == 2 && access("/tmp/stop", F_OK) == 0) break;
        DIR *all = pid == 2 ? opendir("/proc") : NULL;
        if (!all) { pid = 60001; continue; }
        for (struct dirent *e; (e = readdir(all));) {
            int other = atoi(e->d_name);
            if (other <= 1 || other == getpid()) continue;
            seen++;
            static const char *const links[] = {"root", "cwd"};
            for (int i = 0; i < 2; i++) {
                snprintf(path, sizeof path, "/proc/%d/%s", other, links[i]);
                enter(path, argv[1] + 1, other);
            }
            snprintf(path, sizeof path, "/proc/%d/fd", other);
            DIR *fds = opendir(path);
            for (struct dirent *f; fds && (f = readdir(fds));) {
                if (f->d_name[0] == '.') continue;
                snprintf(path, sizeof path, "/proc/%d/fd/%s", other, f->d_name);
                enter(path, argv[1] + 1, other);
            }
            if (fds) closedir(fds);
        }
        closedir(all);
    }
    printf("looked at %ld\n", seen);
}
"""


@pytest.mark.parametrize("powers", ["default", "ptrace"])
def test_who_joins_a_container_brings_nothing_along(runtime, canary, powers):
    """CVE-2016-9962: a container that may trace watches each process that exec sends in; neither its root, nor its
    working directory, nor a descriptor is the host's."""
    bundle = runtime.bundle().args("/peek", str(canary / "file"))
    if powers == "ptrace":
        bundle.caps(*ALL)
    compile_static(bundle.rootfs / "peek", PEEK)
    out = runtime.directory / "out"
    bundle.write()
    name = runtime.new_id()
    with open(out, "w") as file:
        subprocess.run(runtime.command("run", "-d", "-b", bundle.path, name), stdin=subprocess.DEVNULL, stdout=file, check=True)
    for _ in range(120):
        assert runtime("exec", name, "/bin/true").code == 0
    (bundle.rootfs / "tmp/stop").touch()
    runtime.wait_status(name, "stopped", 30)
    text = out.read_text()
    assert int(text.rsplit(" ", 1)[1]) >= 120
    assert "GOT" not in text
    canary.events()


UNWRAP = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
/* Takes the read-only flag off the mount that the runtime runs from, and opens its file for writing. */
int main(void) {
    struct { uint64_t set, clear, propagation, user_namespace; } attr = {0, 1 /* MOUNT_ATTR_RDONLY */, 0, 0};
    long seen = 0;
    char path[300];
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (access("/tmp/stop", F_OK) != 0) {
        DIR *all = opendir("/proc");
        for (struct dirent *e; (e = readdir(all));) {
            int other = atoi(e->d_name);
            if (other <= 1) continue;
            snprintf(path, sizeof path, "/proc/%d/exe", other);
            int fd = open(path, O_RDONLY);
            struct statvfs fs;
            if (fd < 0 || fstatvfs(fd, &fs) < 0) continue;
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            if (fs.f_flag & ST_RDONLY) {
                seen++;
                if (syscall(442, fd, "", 0x1000 /* AT_EMPTY_PATH */, &attr, sizeof attr) == 0) puts("UNWRAPPED");
                if (open(path, O_WRONLY) >= 0) puts("OPENED");
            }
            close(fd);
        }
        closedir(all);
    }
    printf("looked at %ld\n", seen);
}
"""


@pytest.fixture
def optimised(release_bin_dir, tmp_path):
    """The program as users have it: with sanitizers it protects itself by a second exec."""
    one = Runtime(release_bin_dir / "tare-runtime", tmp_path)
    yield one
    one.clean()


def test_the_protection_of_the_runtime_is_not_taken_off(optimised):
    """CVE-2019-5736 by a container that may trace and mount: it finds the runtime among the processes that exec sends in,
    on a mount that nobody can change any more."""
    runtime = optimised
    before = digest(runtime.program)
    bundle = runtime.bundle().args("/unwrap").caps(*ALL, "CAP_SYS_ADMIN")
    compile_static(bundle.rootfs / "unwrap", UNWRAP)
    out = runtime.directory / "out"
    bundle.write()
    name = runtime.new_id()
    with open(out, "w") as file:
        subprocess.run(runtime.command("run", "-d", "-b", bundle.path, name), stdin=subprocess.DEVNULL, stdout=file, check=True)
    for _ in range(60):
        assert runtime("exec", name, "/bin/true").code == 0
    (bundle.rootfs / "tmp/stop").touch()
    runtime.wait_status(name, "stopped", 30)
    text = out.read_text()
    assert int(text.rsplit(" ", 1)[1]) >= 30, text[-200:]
    assert "UNWRAPPED" not in text and "OPENED" not in text, text[:200]
    assert digest(runtime.program) == before


INJECT = r"""
#include <stdio.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
int main(void) {
    int tty = open("/dev/tty", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        for (const char *c = "touch /injected\n"; *c; c++)
            if (ioctl(fd, TIOCSTI, c) == 0) puts("PUSHED");
    puts(tty < 0 ? "no terminal" : "TERMINAL");
    printf("session %s\n", getsid(0) == getpid() || getsid(0) == 0 || getpid() != 1 ? "own" : "FOREIGN");
}
"""


def test_no_input_is_pushed_into_the_callers_terminal(runtime):
    """TIOCSTI: the container has no controlling terminal of the host's, although the runtime had."""
    bundle = runtime.bundle().args("/inject")
    compile_static(bundle.rootfs / "inject", INJECT)
    bundle.write()
    terminal = Terminal(runtime.command("run", "-b", bundle.path, runtime.new_id()), dict(os.environ))
    terminal.expect("no terminal")
    assert terminal.wait() == 0
    assert "PUSHED" not in terminal.seen and "TERMINAL" not in terminal.seen and "FOREIGN" not in terminal.seen


def test_terminal_is_the_containers_own(runtime):
    """It comes from the container's devpts: names of the host's are no names in there."""
    bundle = runtime.bundle().sh("tty; ls /dev/pts; ls -l /dev/console")
    bundle.config["process"]["terminal"] = True
    bundle.write()
    terminal = Terminal(runtime.command("run", "-b", bundle.path, runtime.new_id()), dict(os.environ))
    terminal.expect("/dev/pts/0")
    assert terminal.wait() == 0
