# SPDX-License-Identifier: Apache-2.0
"""Container engines that other people wrote, each started with a runtime of our choice and a life of its own: its
files are under one directory, its sockets too. They need a private network and mount namespace (test/isolate)."""

import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import time

import images

TIMEOUT = 90
NETAVARK = ("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark")


class Skip(Exception):
    """This engine, or this machine, does not have what is to be checked."""


class Result:
    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __repr__(self):
        return f"{' '.join(self.words)}: exit {self.code}, out {self.out!r}, err {self.err!r}"


def wait_for(condition, seconds=60):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


class Engine:
    """One engine. `words` begin each of its command lines; `image` is the name of a busybox image; `manager` makes the
    cgroups: cgroupfs (the runtime does) or systemd."""

    name = ""
    manager = "cgroupfs"
    program = ""
    image = "tare/busybox"

    def __init__(self, directory, runtime):
        self.directory = pathlib.Path(directory)
        self.runtime = str(runtime)
        self.serial = 0
        self.daemons = []
        self.environment = dict(os.environ)

    @classmethod
    def installed(cls):
        return shutil.which(cls.program) is not None

    def version(self):
        """What answers: the daemon where there is one."""
        return self("--version", plain=True).out.strip()

    def __call__(self, *words, input=None, timeout=TIMEOUT, plain=False):
        """Runs one command of the engine."""
        command = [self.program, *([] if plain else self.words), *map(str, words)]
        done = subprocess.run(command, input=input, stdin=None if input is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=timeout, env=self.environment)
        return Result(command, done.returncode, done.stdout, done.stderr)

    def ok(self, *words, **more):
        result = self(*words, **more)
        assert result.code == 0, result
        return result.out.strip()

    def terminal(self, *words, input="", until=None):
        """Runs one command at a terminal; what it wrote there, and its exit status. input is typed after a prompt, or,
        with `until`, at once; the command is killed when it has written that."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe(self.program, [self.program, *self.words, *map(str, words)], self.environment)
        out, end, sent = b"", time.monotonic() + TIMEOUT, not input
        try:
            while time.monotonic() < end:
                if select.select([fd], [], [], 0.5)[0]:
                    try:
                        data = os.read(fd, 65536)
                    except OSError:
                        break
                    if not data:
                        break
                    out += data
                if until and until.encode() in out.split(input.encode().rstrip(), 1)[-1]:
                    os.kill(pid, signal.SIGKILL)
                    break
                if not sent and (until or b"#" in out):
                    os.write(fd, input.encode())
                    sent = True
            else:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(fd)
        status = os.waitpid(pid, 0)[1]
        return Result(list(words), os.waitstatus_to_exitcode(status), out.decode(errors="replace"), "")

    def new_name(self):
        self.serial += 1
        return f"{self.name}{self.serial}"

    def daemon(self, *words):
        log = open(self.directory / f"{words[0]}.log", "ab")
        process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=self.environment, start_new_session=True)
        self.daemons.append(process)
        return process

    def stop(self):
        for process in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # what an engine leaves mounted below its directory goes with it
        points = [line.split()[4] for line in open("/proc/self/mountinfo")]
        for point in reversed([p for p in points if p.startswith(str(self.directory) + "/")]):
            subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL)


class Podman(Engine):
    name = program = "podman"

    def start(self):
        conf = self.directory / "containers.conf"
        networks = any(map(os.path.exists, NETAVARK))
        conf.write_text('[containers]\ndefault_ulimits = []\n' + ('' if networks else 'netns = "none"\n') +
                        f'[engine]\ncgroup_manager = "{self.manager}"\nevents_logger = "file"\n' +
                        ('[network]\nnetwork_backend = "netavark"\n' if networks else ''))
        policy = self.directory / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.environment.update(CONTAINERS_CONF=str(conf), PODMAN_IGNORE_CGROUPSV1_WARNING="1")
        self.words = ["--root", self.directory / "root", "--runroot", self.directory / "run",
                      "--tmpdir", self.directory / "tmp", "--network-config-dir", self.directory / "networks",
                      "--storage-driver", "overlay", "--runtime", self.runtime, "--log-level", "error"]
        self.words = list(map(str, self.words))
        archive = self.directory / "busybox.tar"
        archive.write_bytes(images.busybox_tar())
        self.ok("import", "--change", 'CMD ["sh"]', archive, self.image)

    def stop(self):
        self("rm", "-f", "-a", "-t", "0")
        self("pod", "rm", "-f", "-a", "-t", "0")
        super().stop()


class Docker(Engine):
    name = program = "docker"

    @classmethod
    def installed(cls):
        return all(map(shutil.which, ("docker", "dockerd", "containerd")))

    def version(self):
        return subprocess.run(["dockerd", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def start(self):
        socket = self.directory / "docker.sock"
        self.words = ["-H", f"unix://{socket}"]
        self.environment["DOCKER_CONFIG"] = str(self.directory / "client")
        self.daemon("dockerd", "--experimental", "--data-root", self.directory / "data",
                    "--exec-root", self.directory / "exec", "--pidfile", self.directory / "pid",
                    "--config-file", self._configuration(), "-H", f"unix://{socket}")
        wait_for(lambda: self("version").code == 0, 60)
        archive = self.directory / "busybox.tar"
        archive.write_bytes(images.busybox_tar())
        self.ok("import", "--change", 'CMD ["sh"]', archive, self.image)

    def _configuration(self):
        path = self.directory / "daemon.json"
        path.write_text('{"runtimes": {"judged": {"path": "%s"}}, "default-runtime": "judged", "exec-opts": '
                        '["native.cgroupdriver=%s"]}' % (self.runtime, self.manager))
        return path

    def stop(self):
        names = self("ps", "-aq").out.split()
        if names:
            self("rm", "-f", *names)
        super().stop()


class Containerd(Engine):
    name, program = "containerd", "ctr"
    image = "docker.io/tare/busybox:latest"

    @classmethod
    def installed(cls):
        return all(map(shutil.which, ("ctr", "containerd")))

    def start(self):
        socket = self.directory / "containerd.sock"
        version = 3 if " v2" in self("--version", plain=True).out or " 2." in self("--version", plain=True).out else 2
        configuration = self.directory / "containerd.toml"
        configuration.write_text(
            f'version = {version}\nroot = "{self.directory}/root"\nstate = "{self.directory}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"]\n'
            f'[grpc]\naddress = "{socket}"\n[ttrpc]\naddress = "{socket}.ttrpc"\n')
        self.words = ["-a", str(socket)]
        self.begin()
        layout = images.Layout(self.directory / "layout")
        layout.image("latest", [images.busybox_tar()], images.BUSYBOX_CONFIG)
        self.ok("image", "import", "--base-name", self.image.rsplit(":", 1)[0],
                layout.archive(self.directory / "busybox.tar"))

    def stop(self):
        for name in self("task", "ls", "-q").out.split():
            self("task", "rm", "-f", name)
        for name in self("container", "ls", "-q").out.split():
            self("container", "rm", name)
        super().stop()

    def begin(self):
        self.daemon("containerd", "--config", self.directory / "containerd.toml")
        wait_for(lambda: self("version").code == 0, 60)

    def kill(self):
        """Without a word of farewell; what it has started goes on. `begin` starts the next one."""
        process = self.daemons.pop()
        process.kill()
        process.wait()

    def runtime_words(self, name):
        words = ["--runc-binary", self.runtime]
        return [*words, "--runc-systemd-cgroup", "--cgroup", f"system.slice:judged:{name}"] if self.manager == "systemd" else words

    def run(self, *options, command=(), name=None, image=None):
        """The words of `ctr run` with our runtime."""
        name = name or self.new_name()
        return ["run", *self.runtime_words(name), *options, image or self.image, name, *command]


class ContainerdShim(Containerd):
    """containerd with our shim, and our runtime below it."""

    name = "containerd-shim"
    shim = "containerd-shim-tare-v2"

    def start(self):
        programs = self.directory / "bin"
        programs.mkdir()
        shutil.copy2(self.runtime, programs / "tare-runtime")
        shutil.copy2(shutil.which(self.shim) or pathlib.Path(self.runtime).parents[1] / "shim" / self.shim, programs)
        shutil.copy2(programs / self.shim, programs / "containerd-shim-runc-v2")  # under the other name it is given other options
        self.environment.update(PATH=f"{programs}:{os.environ['PATH']}", TARE_STATE=str(self.directory / "tare"))
        super().start()

    def runtime_words(self, name):
        return ["--runtime", "io.containerd.tare.v2"]

    def shims(self):
        """The pids of those that run."""
        program = str(self.directory / "bin" / self.shim)
        return sorted(int(path.name) for path in pathlib.Path("/proc").iterdir()
                      if path.name.isdigit() and self._program(path) == program)

    @staticmethod
    def _program(process):
        try:
            return os.readlink(process / "exe")
        except OSError:
            return None


ENGINES = (Podman, Docker, Containerd, ContainerdShim)
