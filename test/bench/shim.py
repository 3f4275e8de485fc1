# SPDX-License-Identifier: Apache-2.0
"""What a shim costs: ours beside containerd's own, both under one containerd (the one in $PATH), in turns. containerd's
wants a machine whose cgroup hierarchies are all mounted: call test/bench/run by test/conformance/hostlike. Bundles are
on a tmpfs, as on machines whose /run is one."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "test"), str(REPOSITORY / "test/shim")]

from conformance.engine import ContainerdShim  # noqa: E402
from shimclient import Connection, spec  # noqa: E402

OWN = "containerd-shim-runc-v2"
PROCESS = "types.containerd.io/opencontainers/runtime-spec/1/Process"
METRICS = 50
IDLE = 60  # seconds


def rollup(pids, key):
    """KiB of one line of smaps_rollup, all processes together."""
    texts = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1]) for text in texts)


def processor_time(pids):
    """Seconds, of all threads that live: the scheduler's own count, in nanoseconds."""
    paths = (path for pid in pids for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(path.read_text().split()[0]) for path in paths) / 1e9


class Shims:
    """Both shims, and a containerd to start them."""

    def __init__(self, work, rounds, programs, runc, table):
        self.rounds, self.table, self.runc = rounds, table, runc
        directory = work / "containerd"
        directory.mkdir()
        os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
        self.engine = ContainerdShim(directory, programs / "tare-runtime")
        self.words = {"tare": ["--runtime", "io.containerd.tare.v2"], OWN: ["--runc-binary", runc]}
        self.containers = {name: [] for name in self.words}
        self.state = directory / "state"
        self.state.mkdir()

    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "tmpfs", self.state], check=True)
        self.engine.start()
        (self.engine.directory / "bin" / OWN).unlink()  # ours under that name: the one in $PATH is wanted
        return self

    def __exit__(self, *_):
        self.engine.stop()  # which unmounts what is mounted below its directory

    def start(self, name, *options):
        container = f"{name[:4]}{len(self.containers[name])}"
        self.engine.ok("run", "-d", "--null-io", *self.words[name], *options, self.engine.image, container, "sleep", "100000")
        self.containers[name].append(container)
        return container

    def bundle(self, container):
        return self.engine.directory / "state/io.containerd.runtime.v2.task/default" / container

    def shims(self, name):
        program = str(self.engine.directory / "bin" / self.engine.shim) if name == "tare" else OWN
        found = []
        for path in pathlib.Path("/proc").iterdir():
            try:
                target = os.readlink(path / "exe") if path.name.isdigit() else ""
            except OSError:
                continue
            if target == program or os.path.basename(target) == program:
                found.append(int(path.name))
        return found

    def many(self, counts):
        """Living side by side: start, idle, list, measure, stop. counts: how many of each, which a machine's memory bounds."""
        took = {name: {} for name in self.words}

        def turns(work, act, most=None):
            for i in range(max(counts.values())):
                for name in self.words:
                    if i < min(counts[name], most or counts[name]):
                        begin = time.perf_counter()
                        act(name, i)
                        took[name].setdefault(work, []).append((time.perf_counter() - begin) * 1000)

        turns("start", lambda name, i: self.start(name))
        self.idle({name: [count, f"{count} shims"] for name, count in counts.items()})
        turns("metrics", lambda name, i: self.engine.ok("task", "metrics", self.containers[name][i]), METRICS)
        listing = []
        for _ in range(5):
            begin = time.perf_counter()
            assert len(self.engine.ok("task", "ls", "-q").split()) == sum(counts.values())
            listing.append((time.perf_counter() - begin) * 1000)
        turns("stop", lambda name, i: self.stop(self.containers[name][i]))
        self.containers = {name: [] for name in self.words}
        said = ", ".join(f"{count} of {name}" for name, count in counts.items())
        for work, words in (("start", "`ctr run -d`"), ("metrics", "`ctr task metrics`"), ("stop", "`ctr task rm -f`, `ctr container rm`")):
            self.table.add(f"{words}, one after another: {said}", {name: took[name][work] for name in self.words}, "ms")
        self.table.add(f"`ctr task ls` of all {sum(counts.values())}", {"tare": listing}, "ms")

    def pods(self, pods, size):
        """pods: how many of each, with `size` containers."""
        for pod in range(max(pods.values())):
            for name in self.words:
                for _ in range(size if pod < pods[name] else 0):
                    self.start(name, "--annotation", f"io.containerd.runc.v2.group=bench{pod}")
        for name, count in pods.items():
            assert len(self.shims(name)) == count
        self.idle({name: [count * size, f"{count} pods of {size}"] for name, count in pods.items()})
        for name in self.words:
            for container in self.containers[name]:
                self.stop(container)
            self.containers[name] = []

    def idle(self, counts):
        """What all shims together cost, for each container, and what they do in a minute in which nobody asks for anything."""
        pids = {name: self.shims(name) for name in counts}
        before = {name: processor_time(found) for name, found in pids.items()}
        begin = time.monotonic()
        time.sleep(IDLE)
        minutes = (time.monotonic() - begin) / 60
        used = {name: [(processor_time(found) - before[name]) / minutes * 1000 / counts[name][0]] for name, found in pids.items()}
        said = ", ".join(f"{words} of {name}" for name, (_, words) in counts.items())
        each = {name: [rollup(found, "Private_Dirty") / counts[name][0]] for name, found in pids.items()}
        self.table.add(f"private dirty memory of the shims, idle, a container: {said}", each, "KiB")
        for key, words in (("Rss", "resident"), ("Pss", "proportional share (PSS)")):
            self.table.add(f"… {words}", {name: [rollup(found, key) / counts[name][0]] for name, found in pids.items()}, "KiB")
        for folder, words in (("fd", "descriptors"), ("task", "threads")):
            entries = {name: [sum(len(os.listdir(f"/proc/{pid}/{folder}")) for pid in found) / counts[name][0]] for name, found in pids.items()}
            self.table.add(f"… {words}", entries, "")
        self.table.add("… processor time, a minute", used, "ms")

    def stop(self, container):
        self.engine.ok("task", "rm", "-f", container)
        self.engine.ok("container", "rm", container)

    def connection(self, container):
        bundle = self.bundle(container)
        known = {"version": 2}  # containerd 1.6 has the address only
        if (bundle / "bootstrap.json").exists():
            known = json.loads((bundle / "bootstrap.json").read_text())
        address = known.get("address") or (bundle / "address").read_text()
        return Connection(address.removeprefix("unix://"), service=f"containerd.task.v{known['version']}.Task")

    def pod(self, count):
        """Further containers of a group."""
        group = ["--annotation", "io.containerd.runc.v2.group=bench"]
        each = {}
        for name in self.words:
            self.start(name, *group)
            first = rollup(self.shims(name), "Private_Dirty")
            for _ in range(count):
                self.start(name, *group)
            assert len(self.shims(name)) == 1
            each[name] = [(rollup(self.shims(name), "Private_Dirty") - first) / count]
        for name in self.words:
            for container in self.containers[name]:
                self.stop(container)
            self.containers[name] = []
        self.table.add("private dirty memory of each further container of a pod", each, "KiB")

    def exec(self, in_turns):
        """Without containerd: straight to the shims' sockets, and `runc exec`."""
        process = json.dumps(spec(["true"])["process"]).encode()
        contenders, connections, number = {}, [], iter(range(10**9))

        def through(connection, container):
            def run():
                identity = f"e{next(number)}"
                begin = time.perf_counter()
                connection.call("Exec", id=container, exec_id=identity, spec={"type_url": PROCESS, "value": process})
                connection.call("Start", id=container, exec_id=identity)
                status = connection.call("Wait", id=container, exec_id=identity).exit_status
                connection.call("Delete", id=container, exec_id=identity)
                if status:
                    raise RuntimeError(f"exit status {status}")
                return (time.perf_counter() - begin) * 1000

            return run

        for name in self.words:
            container = self.start(name)
            connections.append(self.connection(container))
            contenders[name] = through(connections[-1], container)
        command = [self.runc, "--root", "/run/containerd/runc/default", "exec", container, "true"]

        def runc():
            begin = time.perf_counter()
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            return (time.perf_counter() - begin) * 1000

        contenders["runc exec"] = runc
        self.table.add("`exec` of true through the shim", in_turns(self.rounds, contenders), "ms")
        for connection in connections:
            connection.socket.close()
        for name in self.words:
            self.stop(self.containers[name].pop())
