# SPDX-License-Identifier: Apache-2.0
"""Pull of a large image from a registry on loopback, by engines whose stores are empty.

python3 test/bench/pull.py LAYOUT TREE makes the image: TREE (say, of mmdebstrap) cut into four layers of equal
size, in an OCI layout with the tags gzip and zstd. `test/bench/run --image LAYOUT large` measures.

Every round begins with a new store, and stores are removed when all has been measured: ext4 looks at
each inode that was freed in the last minutes before it takes another, which costs more than the pull.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

LAYERS = 4
INSIDE = []  # what commands of podman and docker begin with, where they are another tree's
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def cut(tree):
    """LAYERS lists of names beneath tree."""
    found = []
    for directory, directories, files in os.walk(tree):
        directories.sort()
        for name in sorted(files) + [name for name in directories if os.path.islink(f"{directory}/{name}")]:
            status = os.lstat(f"{directory}/{name}")
            if not stat.S_ISSOCK(status.st_mode):
                found.append((os.path.relpath(f"{directory}/{name}", tree), status.st_size))
        if directory != tree:
            found.append((os.path.relpath(directory, tree), 0))
    size = sum(size for _, size in found) / LAYERS
    lists, seen = [[] for _ in range(LAYERS)], 0
    for name, bytes_ in found:
        lists[min(LAYERS - 1, int(seen / size))].append(name)
        seen += bytes_
    return lists


def digest_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def make_image(layout, tree):
    import images

    result = images.Layout(layout)
    packed = {"gzip": [], "zstd": []}
    diff_ids = []
    for number, names in enumerate(cut(tree)):
        tar = f"{layout}/{number}.tar"
        command = ["tar", "--numeric-owner", "--hard-dereference", "--no-recursion", "--null", "-C", tree, "-T", "-", "-cf", tar]
        subprocess.run(command, input=b"\0".join(name.encode() for name in names), check=True)
        diff_ids.append(f"sha256:{digest_file(tar)}")
        for kind, command, suffix in (("gzip", ["gzip", "-kn"], "gz"), ("zstd", ["zstd", "-q"], "zst")):
            subprocess.run([*command, tar], check=True)
            digest = digest_file(f"{tar}.{suffix}")
            descriptor = {"mediaType": f"{images.OCI_LAYER}+{kind}", "digest": f"sha256:{digest}", "size": os.path.getsize(f"{tar}.{suffix}")}
            os.rename(f"{tar}.{suffix}", f"{layout}/blobs/sha256/{digest}")
            packed[kind].append(descriptor)
        os.unlink(tar)
    for kind, layers in packed.items():
        document = {"architecture": images.MACHINE, "os": "linux", "config": {"Cmd": ["true"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        result.tag(kind, result.manifest_of(document, layers))


def descendants(pid):
    found = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found += descendants(int(child))
    return found


def memory_of(pids):
    """Proportional set size of processes and all below them, kB."""
    total = 0
    for pid in {p for pid in pids for p in descendants(pid)}:
        with contextlib.suppress(OSError, IndexError):
            total += int(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0])
    return total


class Peak:
    """The most that some processes took together while this context was open."""

    def __init__(self, pids):
        self.pids, self.kilobytes, self.over = list(pids), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(0.05):
            self.kilobytes = max(self.kilobytes, memory_of(self.pids))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Peer:
    """An engine with a store of its own; daemons are the commands that it needs."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.running = []

    def daemon(self, command, ready):
        with open(self.directory / "log", "ab") as log:
            self.running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        end = time.monotonic() + 30
        while subprocess.run(ready, **QUIET).returncode:
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{command[0]} does not start: {(self.directory / 'log').read_text()[-500:]}")
            time.sleep(0.1)

    def stop(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running = []


class Containerd(Peer):
    programs = ("containerd", "ctr")

    def start(self):
        socket = self.directory / "socket"
        config = self.directory / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        self.ctr = ["ctr", "--address", socket]
        self.daemon(["containerd", "--config", config, "--root", self.directory / "root", "--state", self.directory / "state", "--address", socket], [*self.ctr, "version"])

    def pull(self, reference):
        return [*self.ctr, "images", "pull", "--plain-http", reference]

    def load(self, archive):
        return [*self.ctr, "images", "import", archive]


class Podman(Peer):
    programs = ("podman",)

    def start(self):
        self.podman = [*INSIDE, "podman", "--root", self.directory / "root", "--runroot", self.directory / "run", "--storage-driver", "overlay"]

    def pull(self, reference):
        return [*self.podman, "pull", "-q", "--tls-verify=false", reference]

    def load(self, archive):
        return [*self.podman, "load", "-q", "-i", archive]


class Docker(Peer):
    programs = ("dockerd", "docker", "containerd")

    def start(self):
        socket = f"unix://{self.directory}/socket"
        self.docker = [*INSIDE, "docker", "--host", socket]
        (self.directory / "daemon.json").write_text("{}")
        options = {"config-file": "daemon.json", "data-root": "root", "exec-root": "exec", "pidfile": "pid"}
        words = [f"--{name}={self.directory}/{value}" for name, value in options.items()]
        self.daemon([*INSIDE, "dockerd", *words, f"--host={socket}", "--bridge=none", "--iptables=false", "--ip6tables=false"], [*self.docker, "info"])

    def pull(self, reference):
        return [*self.docker, "pull", "-q", reference]

    def load(self, archive):
        return [*self.docker, "load", "-q", "-i", archive]


PEERS = {"containerd": Containerd, "podman": Podman, "docker": Docker}


class Tare(Peer):
    programs = ()

    def start(self):
        from harness import Engine

        self.engine = Engine(self.installed, self.directory / "engine").start()
        self.running = [self.engine.process]
        self.tare = ["env", *(f"{name}={self.engine.environment[name]}" for name in ("TARE_ROOT", "TARE_STATE", "TARE_CONFIG")), self.installed / "tare"]

    def pull(self, reference):
        return [*self.tare, "pull", "-q", reference]

    def load(self, archive):
        return [*self.tare, "load", "-q", "-i", archive]

    def stop(self):
        super().stop()
        subprocess.run(["ip", "link", "delete", self.engine.bridge], **QUIET)


def contenders(programs):
    found = {"tare": type("Installed", (Tare,), {"installed": programs})}
    for name, peer in PEERS.items():
        elsewhere = INSIDE and peer is not Containerd
        absent = [program for program in peer.programs if not elsewhere and not shutil.which(program)]
        if absent:
            print(f"skipped: {name}: no {absent[0]}", file=sys.stderr)
        else:
            found[name] = peer
    return found


def timed(peer, command):
    """(seconds, kB) of one command and of the peer's daemons meanwhile; it must succeed."""
    os.sync()
    with open(peer.directory / "client.log", "wb") as log:
        begin = time.perf_counter()
        client = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with Peak([client.pid, *(process.pid for process in peer.running)]) as peak:
            status = client.wait(300)
        took = time.perf_counter() - begin
    if status:
        raise RuntimeError(f"status {status}: {' '.join(map(str, command))}: {(peer.directory / 'client.log').read_text()[-500:]}")
    return took, peak.kilobytes


def once(peer, act):
    """The same of a peer that is started for it."""
    peer.start()
    try:
        return timed(peer, act(peer))
    finally:
        peer.stop()


def measure(work, rounds, programs, acts, table):
    """acts: {words: function of a peer that gives the command}."""
    stores = pathlib.Path(work) / "stores"
    stores.mkdir()
    everyone = contenders(programs)
    for words, act in acts.items():
        seconds = {name: [] for name in everyone}
        peaks = {name: [] for name in everyone}
        for number in range(rounds):
            for name in list(everyone):
                try:
                    took, peak = once(everyone[name](stores / f"{len(list(stores.iterdir()))}"), act)
                except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
                    print(f"left out: {name}: {problem}", file=sys.stderr)
                    del everyone[name]
                    continue
                print(f"{words}: {name} {took:.2f} s, {peak} kB", file=sys.stderr)
                seconds[name].append(took)
                peaks[name].append(peak)
        table.add(words, seconds, "s")
        table.add("… memory at its peak", {name: [value / 1024 for value in values] for name, values in peaks.items()}, "MB")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    make_image(sys.argv[1], sys.argv[2])
