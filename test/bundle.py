# SPDX-License-Identifier: Apache-2.0
"""OCI bundles made from busybox, and the runtime under test, for test/runtime and test/attack."""

import copy
import functools
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

CC_TIMEOUT = 60
MANAGER = os.environ.get("TARE_TEST_MANAGER", "cgroupfs")  # who makes cgroups: the runtime, or "systemd"
cgroupfs_only = pytest.mark.skipif(MANAGER != "cgroupfs", reason="systemd decides that")
systemd_only = pytest.mark.skipif(MANAGER != "systemd", reason="systemd is not asked (TARE_TEST_MANAGER)")


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __repr__(self):
        return f"exit {self.code}\nout: {self.out}\nerr: {self.err}"


class Bundle:
    """A directory with rootfs and config.json; change `config`, then `write`."""

    def __init__(self, path, config):
        self.path = path
        self.rootfs = path / "rootfs"
        self.config = config

    def write(self):
        (self.path / "config.json").write_text(json.dumps(self.config))

    def args(self, *words):
        self.config["process"]["args"] = list(words)
        return self

    def sh(self, script):
        return self.args("/bin/sh", "-c", script)

    def namespace(self, kind, **more):
        self.drop_namespace(kind)
        self.config["linux"]["namespaces"].append({"type": kind, **more})
        return self

    def drop_namespace(self, kind):
        spaces = self.config["linux"]["namespaces"]
        self.config["linux"]["namespaces"] = [n for n in spaces if n["type"] != kind]
        return self

    def mount(self, destination, type_=None, source=None, options=()):
        row = {"destination": destination, "options": list(options)}
        row.update({k: v for k, v in (("type", type_), ("source", source)) if v})
        self.config["mounts"].append(row)
        return self

    def drop_mount(self, destination):
        self.config["mounts"] = [m for m in self.config["mounts"] if m["destination"] != destination]
        return self

    def caps(self, *names):
        sets = ("bounding", "effective", "permitted")
        self.config["process"]["capabilities"] = {s: list(names) for s in sets}
        return self


class Runtime:
    def __init__(self, program, directory):
        self.program = program
        self.directory = directory
        self.root = directory / "state"
        self.log = directory / "log.json"
        self.manager = MANAGER
        self.serial = 0
        self.ids = []

    def command(self, *words, under=()):
        """`under`: a program and its arguments, which runs the runtime."""
        manager = ["--systemd-cgroup"] if self.manager == "systemd" else []
        return [*map(str, under), str(self.program), "--root", str(self.root), "--log", str(self.log), "--log-format", "json", *manager,
                *map(str, words)]

    @property
    def is_ours(self):
        return self.program.name == "tare-runtime"

    def refused(self, result, words=""):
        """Whether it failed, and, when it is ours, in these words."""
        return result.code not in (0, None) and (not self.is_ours or words in self.last_error()["msg"])

    def __call__(self, *words, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("timeout", 60)
        return Result(subprocess.run(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True, errors="replace", **more))

    def ok(self, *words, **more):
        result = self(*words, **more)
        assert result.code == 0, result
        return result

    def quiet(self, *words, **more):
        """For commands that leave a process behind: it would keep our pipes open."""
        process = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, timeout=60, **more)
        return process.returncode

    def new_id(self):
        self.serial += 1
        self.ids.append(f"tt{os.getpid()}-{self.serial}")
        return self.ids[-1]

    def bundle(self):
        self.serial += 1
        path = self.directory / f"bundle{self.serial}"
        path.mkdir()
        make_rootfs(path / "rootfs")
        return Bundle(path, copy.deepcopy(CONFIG))

    def run(self, bundle, *options, **more):
        """Runs the bundle in the foreground."""
        bundle.write()
        return self("run", "--bundle", bundle.path, *options, self.new_id(), **more)

    def create(self, bundle, *options, **more):
        bundle.write()
        name = self.new_id()
        code = self.quiet("create", "--bundle", bundle.path, *options, name, **more)
        assert code == 0, self.last_error()
        return name

    def start(self, bundle, *options):
        name = self.create(bundle, *options)
        self.ok("start", name)
        return name

    def state(self, name):
        return json.loads(self.ok("state", name).out)

    def wait_status(self, name, status, seconds=60):
        end = time.monotonic() + seconds
        while self.state(name)["status"] != status:
            assert time.monotonic() < end, self.state(name)
            time.sleep(0.01)

    def errors(self):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [e for e in map(json.loads, lines) if e["level"] == "error"]

    def last_error(self):
        return self.errors()[-1]

    def left(self):
        """What is in the root, besides the runtime's memory of compiled filters."""
        names = os.listdir(self.root) if self.root.exists() else []
        return [name for name in names if not name.startswith(".seccomp-")]

    def clean(self):
        for name in self.ids:
            self.quiet("delete", "--force", name)


@functools.cache
def applets():
    return subprocess.check_output(["/bin/busybox", "--list"], text=True).split()


def make_rootfs(path):
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root"):
        (path / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for name in applets():
        if name != "busybox":
            os.symlink("busybox", path / "bin" / name)
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")


def cgroup_name(name):
    """The last part of the path of a container's cgroup."""
    return f"tare-{name}.scope" if MANAGER == "systemd" else name


def cgroups_path(name):
    """A value of linux.cgroupsPath."""
    return f":tare:{name}" if MANAGER == "systemd" else f"/{name}"


def cgroups_of(name):
    """Directories that a container of this name has in any hierarchy."""
    found = []
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(directory, one) for one in {name, cgroup_name(name)} if one in names]
    return found


def own_cgroup(pid):
    """The directory of the cgroup v2 that the process is in."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return pathlib.Path("/sys/fs/cgroup" + line[3:])
    raise AssertionError(f"process {pid} has no cgroup v2")


def cgroup_lines(text):
    """Lines of a /proc/PID/cgroup for the hierarchies that are mounted here: others may exist elsewhere."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    unified = " - cgroup2 " in pathlib.Path("/proc/self/mountinfo").read_text()
    return [path for _, names, path in lines
            if (unified if not names else os.path.ismount(f"/sys/fs/cgroup/{names.removeprefix('name=')}"))]


def compile_static(path, source):
    subprocess.run(["cc", "-static", "-O1", "-w", "-x", "c", "-", "-o", str(path)], input=source, text=True, check=True,
                   timeout=CC_TIMEOUT)


def mapped(bundle, host=100000, size=65536):
    """In a user namespace, whose root owns the rootfs."""
    bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": host, "size": size}]
    os.chmod(bundle.path, 0o755)
    for directory, names, files in os.walk(bundle.rootfs):
        for name in [directory, *(os.path.join(directory, n) for n in names + files)]:
            os.lchown(name, host, host)
    return bundle


def reachable(runtime):
    """pytest's directories are closed to others; a user namespace's root is one."""
    path = runtime.directory
    while str(path) not in ("/", "/tmp"):
        os.chmod(path, os.stat(path).st_mode | 0o755)
        path = path.parent


CONFIG = {
    "ociVersion": "1.3.0",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/true"],
        "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {s: ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
                         for s in ("bounding", "effective", "permitted")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "tare-test",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware",
                        "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


def runtime_program(build):
    """TARE_TEST_RUNTIME names another runtime to put to the test, as in test/attack."""
    return pathlib.Path(os.environ.get("TARE_TEST_RUNTIME") or pathlib.Path(build) / "runtime/tare-runtime")


@pytest.fixture
def runtime(build, tmp_path):
    """The runtime with a root of its own; whatever a test leaves is removed, and nothing may stay."""
    one = Runtime(runtime_program(build), tmp_path)
    yield one
    one.clean()
    assert one.left() == []
    assert not [path for name in one.ids for path in cgroups_of(name)]
