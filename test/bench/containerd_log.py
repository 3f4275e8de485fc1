# SPDX-License-Identifier: Apache-2.0
"""Containers' output under containerd, with its own shim and with ours: by CRI (the shim passes it on through a FIFO, containerd
writes the log), and by `ctr run --log-uri` (the shim writes a file, or feeds a logging program). Needs containerd 2, its shim, runc
and crictl in $PATH, and cgroup hierarchies as hosts have them (test/isolate test/conformance/hostlike)."""

import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

from oci import compile_c

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "test"), str(REPOSITORY / "test/bench")]

import images  # noqa: E402
from conformance.engine import Containerd  # noqa: E402

NEEDED = ("containerd", "ctr", "crictl", "containerd-shim-runc-v2", "runc")
SHIMS = {"containerd-shim-runc-v2": "io.containerd.runc.v2", "tare": "io.containerd.tare.v2"}
WRITE = ["sh", "-c", "read line </gate/on; exec /writer"]
LOGGER = r"""
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
int main(int argc, char **argv) {
    static char bytes[65536];
    int out = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    close(5);
    for (ssize_t n; (n = read(3, bytes, sizeof bytes)) > 0;)
        if (write(out, bytes, n) < n)
            return 1;
    return 0;
}
"""


def processor_time(pids):
    """Seconds; of those that have ended none."""
    total = 0
    for pid in pids:
        try:
            words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def programs():
    """(pid, path of the executable)"""
    for path in pathlib.Path("/proc").glob("[0-9]*/exe"):
        try:
            yield int(path.parent.name), os.readlink(path)
        except OSError:
            continue


class ContainerdLog(Containerd):
    """One containerd with both shims. work: a directory on tmpfs; writer: the program that writes `size` bytes in lines of 100."""

    @classmethod
    def installed(cls):
        return all(map(shutil.which, NEEDED))

    def __init__(self, work, programs, writer, size):
        work.mkdir()
        super().__init__(work, programs / "tare-runtime")
        self.programs, self.writer, self.size, self.number = programs, writer, size, 0
        self.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        self.socket = work / "containerd.sock"
        self.logger = compile_c(work / "logger", "-static", "-x", "c", "-", text=LOGGER)

    def start(self):
        handlers = "".join(f'[plugins."io.containerd.cri.v1.runtime".containerd.runtimes."{name}"]\nruntime_type = "{kind}"\n' for name, kind in SHIMS.items())
        (self.directory / "containerd.toml").write_text(
            f'version = 3\nroot = "{self.directory}/root"\nstate = "{self.directory}/state"\n'
            'disabled_plugins = ["io.containerd.nri.v1.nri"]\n'  # its socket has a fixed place
            f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{self.socket}.ttrpc"\n'
            f'[plugins."io.containerd.cri.v1.images".pinned_images]\nsandbox = "{self.image}"\n'
            f'[plugins."io.containerd.cri.v1.runtime"]\nrestrict_oom_score_adj = true\n{handlers}')
        self.words = ["-a", str(self.socket), "-n", "k8s.io"]
        self.begin()
        layout = images.Layout(self.directory / "layout")
        writer = images.executable("writer", self.writer.read_bytes())
        layout.image("latest", [images.busybox_tar(), images.tar_bytes([writer])], {"Cmd": ["sleep", "100000"], "Env": ["PATH=/bin"]})
        self.ok("image", "import", "--base-name", self.image.rsplit(":", 1)[0], layout.archive(self.directory / "image.tar"))

    def stop(self):
        super().stop()
        for parent in pathlib.Path("/sys/fs/cgroup").glob("*/k8s.io"):
            with contextlib.suppress(OSError):  # others' containers may be in it
                parent.rmdir()

    def shims(self):
        return [pid for pid, program in programs() if os.path.basename(program) in ("containerd-shim-runc-v2", "containerd-shim-tare-v2")]

    def gate(self):
        """A directory for /gate, whose FIFO lets the program begin."""
        self.number += 1
        gate = self.directory / f"gate{self.number}"
        gate.mkdir()
        os.mkfifo(gate / "on")
        return gate

    def pay(self, gate, identity, log, payers):
        """Seconds by the clock, and of processor time of `payers`, for the whole log."""
        tasks = dict(line.split()[:2] for line in self.ok("task", "ls").splitlines()[1:])
        fd = os.pidfd_open(int(tasks[identity]))
        before, begin = processor_time(payers), time.perf_counter()
        (gate / "on").write_text("\n")
        if not select.select([fd], [], [], 300)[0]:
            raise RuntimeError("the writer has not ended")
        os.close(fd)
        size, last, used = -1, 0, 0
        while size < 0 or time.perf_counter() - last < 0.3:  # what is still on its way
            now = log.stat().st_size if log.exists() else 0
            if now != size:
                size, last, used = now, time.perf_counter(), processor_time(payers)
            time.sleep(0.005)
        with open(log, "rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        assert lines == self.size // 100, f"the log lacks something: it has {lines} lines"
        return last - begin, used - before

    def crictl(self, *words):
        command = ["crictl", "-r", f"unix://{self.socket}", "-t", "60s", *map(str, words)]
        return subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name, document):
        path = self.directory / name
        path.write_text(json.dumps(document))
        return path

    def cri(self, shim):
        """By containerd's CRI service: it pays, and so does the shim."""
        gate = self.gate()
        network_of_host = {"security_context": {"namespace_options": {"network": 2}}}
        pod = self.write("pod.json", {"metadata": {"name": gate.name, "namespace": "default", "uid": gate.name},
                                      "log_directory": str(gate), "linux": network_of_host})
        container = self.write("container.json", {"metadata": {"name": "writer"}, "image": {"image": self.image}, "command": WRITE,
                                                  "mounts": [{"container_path": "/gate", "host_path": str(gate)}],
                                                  "log_path": "log", "linux": network_of_host})
        pod_id = self.crictl("runp", "-r", shim, pod)
        try:
            identity = self.crictl("create", pod_id, container, pod)
            self.crictl("start", identity)
            return self.pay(gate, identity, gate / "log", [self.daemons[-1].pid, *self.shims()])
        finally:
            self.crictl("rmp", "-f", pod_id)
            shutil.rmtree(gate)

    def uri(self, shim, scheme):
        """The shim pays, and with binary:// so does its logging program."""
        gate = self.gate()
        uri = f"file://{gate}/log" if scheme == "file" else f"binary://{self.logger}?{gate}/log"
        self.ok("run", "-d", "--runtime", SHIMS[shim], "--log-uri", uri, "--mount", f"type=bind,src={gate},dst=/gate,options=rbind",
                self.image, gate.name, *WRITE)
        try:
            loggers = [pid for pid, program in programs() if program == str(self.logger)]
            return self.pay(gate, gate.name, gate / "log", self.shims() + loggers)
        finally:
            self.ok("task", "rm", "-f", gate.name)
            self.ok("container", "rm", gate.name)
            shutil.rmtree(gate)

    def contenders(self):
        """{name: function that returns seconds by the clock and of processor time}."""
        found = {}
        for shim in SHIMS:
            found[f"containerd's CRI, {shim}"] = lambda shim=shim: self.cri(shim)
            for scheme in ("file", "binary"):
                found[f"{shim}, {scheme}://"] = lambda shim=shim, scheme=scheme: self.uri(shim, scheme)
        return found
