# SPDX-License-Identifier: Apache-2.0
"""What tests run against: engines with their own root, state, configuration and bridge, and Debian's
docker-registry on loopback. Fixtures that hand these out are in conftest.py."""

import contextlib
import dataclasses
import functools
import glob
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import images
from terminal import Terminal


PROGRAMS = ["cli/tare", "engine/tared", "engine/layer/tare-unpack", "engine/layer/tare-pack", "engine/journal/tare-journal", "runtime/tare-runtime", "runtime/tare-systemd", "shim/containerd-shim-tare-v2", "shim/tare-compress", "shim/tare-probe"]


def wait_until(condition, timeout=60, what="condition"):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timed out after {timeout} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@functools.cache
def why_no_criu():
    """The reason why criu cannot work here, or None."""
    program = shutil.which("criu")
    if not program:
        return "no criu in $PATH"
    # a default.conf that somebody left could send the log to a file in the current directory
    words = [program, "check", "--no-default-config", "-v1"]
    check = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    pathlib.Path("/run/criu.kdat").unlink(missing_ok=True)
    lines = check.stdout.strip().splitlines()
    return f"criu check: {lines[-1] if lines else check.returncode}" if check.returncode else None


def install_programs(build, directory, place=os.link):
    """The programs side by side, as installed. Hard links: a symlink would lead back to the build tree."""
    for program in PROGRAMS:
        source = build / program
        if not source.exists():
            continue
        target = directory / source.name
        try:
            place(source, target)
        except OSError:
            shutil.copy2(source, target)
    return directory


def mounts_below(path):
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if (line.split()[4] + "/").startswith(str(path) + "/")]


def has_ended(pid):
    """Whether nothing of the process is left but perhaps its number: a dying one loses its command line before its
    files, and its first thread may end before the others, which still hold them."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except OSError:
        return True


def processes_with(text):
    """(pid, command line) of live processes whose command line or directory holds the text."""
    found = []
    for entry in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            command = pathlib.Path(entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            directory = os.readlink(entry + "/cwd") if command else ""
            if command and (text in command or directory.startswith(text)):
                found.append((int(entry[6:]), command.strip()))
    return found


class Engine:
    """A tared of our own. start() and kill() may be called again and again: that is what it is made for."""

    numbers = itertools.count(1)

    def __init__(self, programs, directory, settings=None):
        number = next(Engine.numbers)
        self.programs = pathlib.Path(programs)
        self.directory = pathlib.Path(directory)
        self.root, self.state = self.directory / "root", self.directory / "state"
        self.config, self.log_path = self.directory / "engine.json", self.directory / "engine.log"
        self.bridge = f"tt{os.getpid() % 100000}n{number}"
        self.subnet = f"10.{100 + os.getpid() % 100}.{number % 256}"
        self.socket = self.state / "tared.sock"
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)
        document = {"bridge": self.bridge, "bip": f"{self.subnet}.1/24", "insecure-registries": ["127.0.0.0/8"]}
        self.config.write_text(json.dumps({**document, **(settings or {})}))
        # a named host: no client starts an engine of its own while ours is dead
        self.environment = dict(
            os.environ, TARE_ROOT=str(self.root), TARE_STATE=str(self.state), TARE_CONFIG=str(self.config),
            TARE_HOST=f"unix://{self.socket}",
        )

    def start(self, timeout=60):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [self.programs / "tared"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        wait_until(lambda: self.answers() or self._check_alive(), timeout, "tared to listen")
        return self

    def revive(self):
        """Whatever a test has left of it, it serves."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                return True
            except OSError:
                return False

    def _check_alive(self):
        assert self.process.poll() is None, f"tared ended:\n{self.log()}"
        return False

    def log(self):
        return self.log_path.read_text(errors="replace")[-4000:]

    def kill(self):
        """SIGKILL: what a power cut does to the engine, and the engine alone."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def popen(self, *arguments, **more):
        return subprocess.Popen([self.programs / "tare", *map(str, arguments)], env=self.environment, **more)

    def tare(self, *arguments, code=0, timeout=60, **more):
        """Runs the command line; returns the CompletedProcess. code=None: any exit code will do."""
        command = [str(self.programs / "tare"), *map(str, arguments)]
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", timeout=timeout, **more
        )
        if code is not None and result.returncode != code:
            raise AssertionError(
                f"exit code {result.returncode} instead of {code}: {' '.join(command[1:])}\n"
                f"stdout: {result.stdout[-2000:]}\nstderr: {result.stderr[-2000:]}\nengine: {self.log()[-1500:]}"
            )
        return result

    def fails(self, code, words, *arguments, **more):
        """The command ends with this exit code and says these words in one line."""
        result = self.tare(*arguments, code=code, **more)
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        # what docker, too, prints around the message: a hint at the help, the note before a pull
        said = [line for line in lines if not re.match(r"(See|Run) 'tare|Unable to find image|Usage:", line)]
        assert len(said) == 1, f"not one line: {result.stderr}"
        assert re.search(words, said[0]), f"no {words!r} in {said[0]!r}"
        return said[0]

    def terminal(self, *arguments, **more):
        """The command line under a terminal."""
        return Terminal([self.programs / "tare", *arguments], self.environment, **more)

    def output(self, *arguments, **more):
        return self.tare(*arguments, **more).stdout.strip()

    def remove_all(self):
        for container in self.output("ps", "-aq").split():
            self.tare("rm", "-f", container)

    def leftovers(self):
        """What of this engine is still on the machine; [] is the only good answer after close()."""
        left = [f"mount {path}" for path in mounts_below(self.directory)]
        left += [f"process {pid} {command}" for pid, command in processes_with(str(self.directory))]
        left += [f"link {self.bridge}"] if os.path.exists(f"/proc/sys/net/ipv4/conf/{self.bridge}") else []
        return left

    def close(self):
        """Removes every container, stops the engine and insists that nothing is left behind."""
        self.revive()
        try:
            self.remove_all()
        finally:
            code = self.stop()
        # the bridge belongs to the machine's administrator once it was made: it outlives the engine
        subprocess.run(["ip", "link", "delete", self.bridge], stderr=subprocess.DEVNULL)
        for _ in range(100):
            if not self.leftovers():
                break
            time.sleep(0.05)
        left = self.leftovers()
        subprocess.run(["umount", "-R", "-l", *mounts_below(self.directory)[:1]], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)
        assert not left, left
        assert code == 0, f"tared ended with {code}"


@dataclasses.dataclass
class Registry:
    """Debian's docker-registry on loopback; images are pushed to it once a run."""

    address: str
    storage: pathlib.Path
    credentials: str = None

    def reference(self, name):
        return f"{self.address}/{name}"

    def push(self, layout, tag, name, docker=False):
        images.push(layout, tag, self.reference(name), self.credentials, docker)
        return self.reference(name)


@contextlib.contextmanager
def running_registry(directory, credentials=None):
    directory.mkdir()
    port = free_port()
    document = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if credentials:
        user, password = credentials.split(":")
        import crypt  # newer Pythons have none, and may still run the runtime's tests

        line = f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n"
        (directory / "htpasswd").write_text(line.replace("$2b$", "$2y$"))
        document["auth"] = {"htpasswd": {"realm": "tare-test", "path": str(directory / "htpasswd")}}
    (directory / "config.json").write_text(json.dumps(document))
    log = open(directory / "log", "wb")
    process = subprocess.Popen(
        ["docker-registry", "serve", directory / "config.json"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    log.close()
    try:
        wait_until(lambda: _answers(port), what="docker-registry to listen")
        yield Registry(f"127.0.0.1:{port}", directory / "storage", credentials)
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(directory)


def _answers(port):
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    return False


def fetch(address, port, path="/", timeout=5):
    """GET over HTTP; returns (status, body)."""
    with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=timeout) as response:
        return response.status, response.read().decode(errors="replace")
