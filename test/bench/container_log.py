# SPDX-License-Identifier: Apache-2.0
"""What logging costs: one container writes as fast as it can, and whoever holds its pipe writes the log, on tmpfs.
Figures: bytes of the program a second, and processor time of the logging process for each megabyte."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import containerd_log
from oci import compile_c

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "shim"))
from shimclient import Shim, spec  # noqa: E402

MEGABYTES = 256
WRITER = r"""
#include <string.h>
#include <unistd.h>
int main(void) {
    static char lines[100 * 640];
    memset(lines, 'x', sizeof lines);
    for (unsigned i = 99; i < sizeof lines; i += 100)
        lines[i] = '\n';
    for (long left = MEGABYTES * 1000000L; left > 0; left -= sizeof lines)
        for (long n = 0, one; n < (long)sizeof lines; n += one)
            if ((one = write(1, lines + n, sizeof lines - n)) < 0)
                return 1;
    return 0;
}
"""


def processor_time(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Logging:
    def __init__(self, programs, work, table):
        self.programs, self.table = programs, table
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="log-", dir=work))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1400m", "tmpfs", self.work], check=True)
        self.rootfs = self.work / "rootfs"
        for folder in ("proc", "dev", "sys", "tmp"):
            (self.rootfs / folder).mkdir(parents=True)
        compile_c(self.rootfs / "writer", "-O2", "-static", f"-DMEGABYTES={MEGABYTES}", "-x", "c", "-", text=WRITER)
        self.number = 0

    def close(self):
        subprocess.run(["umount", "-l", self.work], check=True)

    def directory(self):
        self.number += 1
        return self.work / f"d{self.number}"

    def tare(self, driver):
        shim = Shim(self.programs / "containerd-shim-tare-v2", self.programs / "tare-runtime", self.directory(), self.rootfs).start()
        try:
            shim.create(spec(["/writer"]), options=shim.options(log={"driver": driver, "options": [{"name": "max-size", "value": "-1"}]}))
            before = processor_time(shim.pid)
            begin = time.perf_counter()
            shim.call("Start")
            assert shim.call("Wait").exit_status == 0
            took, used = time.perf_counter() - begin, processor_time(shim.pid) - before
            self.check(shim.log)
            return took, used
        finally:
            shim.close()
            shutil.rmtree(shim.directory)

    def check(self, log):
        assert log.stat().st_size >= MEGABYTES * 1000000, "the log lacks something"

    def conmon(self, fmt):
        directory = self.directory()
        bundle = directory / "b"
        bundle.mkdir(parents=True)
        config = spec(["/writer"])
        config["root"] = {"path": str(self.rootfs), "readonly": True}
        (bundle / "config.json").write_text(json.dumps(config))
        name = f"bench-log-{os.getpid()}-{self.number}"
        log, runtime = directory / "log", self.programs / "tare-runtime"
        words = ["conmon", "-c", name, "-u", name, "-r", runtime, "-b", bundle, "-p", directory / "pid", "-l", f"{fmt}:{log}",
                 "--exit-dir", directory, "--socket-dir-path", directory, "--runtime-arg=--root", f"--runtime-arg={directory}/state", "--sync", "--full-attach"]
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (directory / "pid").exists() or not (directory / "pid").read_text():
                time.sleep(0.02)
            before, last = processor_time(process.pid), 0
            begin = time.perf_counter()
            subprocess.run([runtime, "--root", f"{directory}/state", "start", name], check=True)
            while process.poll() is None and not (directory / name).exists():
                last = processor_time(process.pid)
                time.sleep(0.005)
            took = time.perf_counter() - begin
            process.wait(timeout=60)
            self.check(log)
            return took, last - before
        finally:
            process.kill()
            process.wait()
            subprocess.run([runtime, "--root", f"{directory}/state", "delete", "--force", name], stderr=subprocess.DEVNULL)
            shutil.rmtree(directory)

    def measure(self, rounds):
        contenders = {f"tare ({driver})": lambda driver=driver: self.tare(driver) for driver in ("json-file", "local", "cri")}
        if shutil.which("conmon"):
            contenders["conmon (k8s-file)"] = lambda: self.conmon("k8s-file")
        containerd = None
        if containerd_log.ContainerdLog.installed():
            containerd = containerd_log.ContainerdLog(self.work / "containerd", self.programs, self.rootfs / "writer", MEGABYTES * 1000000)
            containerd.start()
            contenders.update(containerd.contenders())
        try:
            results = self.in_turns(rounds, contenders)
        finally:
            if containerd:
                containerd.stop()
        ours = "tare (cri)"
        self.table.add("log of lines of 100 bytes, on tmpfs: MB a second", {n: [MEGABYTES / took for took, _ in r] for n, r in results.items()}, "MB/s", ours)
        self.table.add("… processor time of who writes it, a GB", {n: [used * 1000 / MEGABYTES for _, used in r] for n, r in results.items()}, "s", ours)

    @staticmethod
    def in_turns(rounds, contenders):
        results = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                results[name].append(contender())
        return results
