# SPDX-License-Identifier: Apache-2.0
"""What an OCI runtime costs: tare-runtime beside crun, runc and the floor, in turns. Every runtime keeps its
state on a tmpfs of ours, as on machines whose /run is one; bundles are on disk.

Programs that are compared are copies, made alike, in one folder: what a linker has just written lies in the page cache as
single pages, what a copy wrote in pieces of 64 KiB, and mapping the first takes more page faults (a start of ours: 46
instead of 40)."""

import copy
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import time

FOLDER = pathlib.Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
TRUE = "int main(void) { return 0; }"
PAUSE = "#include <unistd.h>\nint main(void) { for (;;) pause(); }"
MOUNTS = 50
FIRST_ID = 100000  # of the user namespace
LIMIT_TRIES = 5
PR_SET_CHILD_SUBREAPER = 36


def compile_c(output, *words, text=None):
    linked = output.with_suffix(".linked")
    options = ["-O2", "-D_GNU_SOURCE", "-std=c17", "-o", linked]
    subprocess.run(["cc", *options, *words], input=text, text=True, check=True)
    shutil.copy(linked, output)
    linked.unlink()
    return output


def with_seccomp(config, profile):
    config["linux"]["seccomp"] = profile


def with_mounts(config, source):
    for i in range(MOUNTS):
        mount = {"destination": f"/mnt/{i}", "type": "bind", "source": str(source), "options": ["rbind", "rprivate"]}
        config["mounts"].append(mount)


def with_user_namespace(config):
    config["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        config["linux"][kind] = [{"containerID": 0, "hostID": FIRST_ID, "size": 65536}]


class Runtimes:
    """runtimes: {name: program}; the first is ours. table: has add(work, {name: values}, unit)."""

    def __init__(self, work, rounds, runtimes, build, table):
        self.work, self.rounds, self.runtimes, self.build, self.table = work, rounds, runtimes, build, table
        work.chmod(0o711)  # the root of a user namespace looks for its rootfs here
        self.state = work / "state"
        self.data = work / "data"
        self.folders = {}

    def __enter__(self):
        for folder in (self.state, self.data):
            folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", self.state], check=True)
        self.measure = compile_c(self.work / "measure", "-static", FOLDER / "measure.c")
        self.floor = compile_c(self.work / "floor", "-static", FOLDER / "floor.c")
        self.true = compile_c(self.work / "true", "-static", "-x", "c", "-", text=TRUE)
        self.pause = compile_c(self.work / "pause", "-static", "-x", "c", "-", text=PAUSE)
        self.rootfs = self.make_rootfs("rootfs")
        self.configs = {name: self.default_config(name, program) for name, program in self.runtimes.items()}
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.state])

    def make_rootfs(self, name):
        rootfs = self.work / name
        for folder in ("proc", "dev", "sys", *(f"mnt/{i}" for i in range(MOUNTS))):
            (rootfs / folder).mkdir(parents=True)
        for program in (self.true, self.pause):
            shutil.copy2(program, rootfs / program.name)
        return rootfs

    def default_config(self, name, program):
        folder = self.work / f"spec-{name}"
        folder.mkdir()
        subprocess.run([program, "spec"], cwd=folder, check=True)
        config = json.loads((folder / "config.json").read_text())
        config["process"].update(args=["/true"], terminal=False)
        config["root"]["path"] = str(self.rootfs)
        return config

    def bundle(self, name, kind, change=None):
        """Of the runtime's own default specification, changed."""
        folder = self.work / f"bundle-{kind}-{name}"
        folder.mkdir(exist_ok=True)
        config = copy.deepcopy(self.configs[name])
        if change:
            change(config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def command(self, name, *words):
        return [str(word) for word in (self.runtimes[name], "--root", self.state / name, *words)]

    def container(self, name):
        return f"bench-{name}-{os.getpid()}"

    # --- the works

    def in_turns(self, work, contenders, rounds=None):
        """contenders: {name: [step, …]}, a step being a list of words."""
        words = [str(self.measure), str(rounds or self.rounds)]
        for name, steps in contenders.items():
            words += ["--", name]
            for i, step in enumerate(steps):
                words += ["+"] * (i > 0) + [str(word) for word in step]
        lines = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        rows = [line.split("\t") for line in lines]
        for column, kind, unit, scale in ((1, "", "ms", 1000), (2, ": processor time", "ms", 1000), (3, ": largest process", "kB", 1)):
            values = {name: [int(row[column]) / scale for row in rows if row[0] == name] for name in contenders}
            self.table.add(work + kind, values, unit)

    def run(self, work, kind, change=None, floor=None):
        contenders = {}
        for name in self.runtimes:
            bundle = self.bundle(name, kind, change)
            contenders[name] = [self.command(name, "run", "--bundle", bundle, self.container(name))]
        if floor:
            contenders["floor (bare system calls)"] = [[self.floor, self.rootfs, "/true", *floor[1:]]]
        self.in_turns(work, contenders)

    def seccomp_profile(self):
        libraries = [self.build / "lib/oci/liboci.a", self.build / "lib/libbase.a"]
        sources = [FOLDER / "seccomp.c", REPOSITORY / "engine/container/spec/seccomp.c"]
        includes = ["-I", REPOSITORY, "-I", REPOSITORY / "lib"]
        program = compile_c(self.work / "seccomp", *includes, *sources, *libraries, "-lyajl")
        return json.loads(subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout)

    def runs(self):
        self.run("OCI `run` of a static true, default spec", "plain", floor=[True])
        profile = self.seccomp_profile()
        self.run("… with Docker's seccomp profile", "seccomp", lambda config: with_seccomp(config, profile))
        self.run(f"… with {MOUNTS} bind mounts", "mounts", lambda config: with_mounts(config, self.data), floor=[True, self.data])
        mapped = self.make_rootfs("rootfs-mapped")
        subprocess.run(["chown", "-R", f"{FIRST_ID}:{FIRST_ID}", mapped], check=True)

        def change(config):
            with_user_namespace(config)
            config["root"]["path"] = str(mapped)

        self.run("… in a user namespace", "user", change)

    def create_start_delete(self):
        contenders = {}
        for name in self.runtimes:
            bundle, container = self.bundle(name, "steps"), self.container(name)
            log = ["--log", self.work / f"log-{name}.json", "--log-format", "json"]
            create = ["create", "--bundle", bundle, "--pid-file", self.work / f"pid-{name}", container]
            contenders[name] = [
                self.command(name, *log, *create),
                self.command(name, *log, "start", container),
                ["@reap"],
                self.command(name, *log, "delete", container),
            ]
        self.in_turns("`create`, `start`, `delete` of a static true, as a shim calls them", contenders)

    def exec(self):
        contenders = {}
        for name in self.runtimes:
            bundle = self.bundle(name, "pause", lambda config: config["process"].update(args=["/pause"]))
            self.start(name, bundle, self.container(name))
            contenders[name] = [self.command(name, "exec", self.container(name), "/true")]
        try:
            self.in_turns("`exec` of a static true", contenders)
        finally:
            for name in self.runtimes:
                self.delete(name, self.container(name))

    def start(self, name, bundle, container):
        command = self.command(name, "run", "--detach", "--bundle", bundle, container)
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def delete(self, name, container):
        subprocess.run(self.command(name, "delete", "--force", container), stdout=subprocess.DEVNULL)

    def many(self, count):
        """Living side by side; the whole thing once for each runtime. We reap, as a shim would."""
        began, ended = {}, {}
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for name in self.runtimes:
            bundle = self.bundle(name, "pause", lambda config: config["process"].update(args=["/pause"]))
            containers = [f"{self.container(name)}-{i}" for i in range(count)]
            begin = time.perf_counter()
            for container in containers:
                self.start(name, bundle, container)
            middle = time.perf_counter()
            for container in containers:
                self.delete(name, container)
                os.waitpid(-1, os.WNOHANG)
            began[name], ended[name] = [middle - begin], [time.perf_counter() - middle]
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        self.table.add(f"start of {count} containers, one after another", began, "s")
        self.table.add("… their `delete --force`", ended, "s")

    def works_with_limit(self, name, kilobytes):
        def change(config):
            config["linux"].setdefault("resources", {})["memory"] = {"limit": kilobytes * 1024}

        bundle = self.bundle(name, "limit", change)
        for _ in range(LIMIT_TRIES):
            command = self.command(name, "run", "--bundle", bundle, self.container(name))
            try:
                quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                good = subprocess.run(command, timeout=20, **quiet).returncode == 0
            except subprocess.TimeoutExpired:
                good = False
            if not good:
                self.delete(name, self.container(name))
                return False
        return True

    def smallest_limits(self):
        found = {}
        for name in self.runtimes:
            low, high = 0, 65536  # fails, works
            while high - low > max(4, high // 64):
                middle = (low + high) // 2 // 4 * 4
                low, high = (low, middle) if self.works_with_limit(name, middle) else (middle, high)
            found[name] = [high]
        self.table.add(f"smallest memory limit with which `run` works {LIMIT_TRIES} times of {LIMIT_TRIES}", found, "kB")
