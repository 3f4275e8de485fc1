# SPDX-License-Identifier: Apache-2.0
"""The runtime is killed at each of its system calls: `delete --force` removes whatever is left, and the name can be
used again. When only a child of the runtime is killed, the runtime itself leaves nothing.

Each run kills at some of the system calls, others each time; TARE_TEST_ROUNDS=all kills at every one."""

import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import time

import pytest
from bundle import MANAGER, Runtime, cgroups_of, systemd_only
from cgroups import needs
from rootless import session, user, user_manager  # noqa: F401

POINTS = os.environ.get("TARE_TEST_ROUNDS", "14")
NEVER_CAME = 3
SOURCE = pathlib.Path(__file__).with_name("killat.c")


@pytest.fixture(scope="module")
def killat(temporary):
    program = temporary / "killat"
    subprocess.run(["cc", "-O1", "-std=c17", "-D_GNU_SOURCE", "-o", program, SOURCE], check=True)
    yield program
    program.unlink()


@pytest.fixture
def fast(release_bin_dir, tmp_path):
    """The runtime as users have it: a sanitizer makes system calls of its own and dislikes ptrace."""
    one = Runtime(release_bin_dir / "tare-runtime", tmp_path)
    yield one
    one.clean()


def sleeper(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "1000").namespace("cgroup")
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
    return bundle


def hooked(runtime):
    bundle = sleeper(runtime)
    hook = [{"path": "/bin/sh", "args": ["sh", "-c", "exit 0"]}]
    bundle.config["hooks"] = {kind: hook for kind in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")}
    return bundle


def in_user_namespace(runtime):
    bundle = sleeper(runtime).namespace("user")
    ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"].update(uidMappings=ids, gidMappings=ids)
    for path in bundle.rootfs, runtime.directory, runtime.directory.parent, bundle.path:
        path.chmod(0o755)
    for directory, names, files in os.walk(bundle.rootfs):
        for name in [".", *names, *files]:
            os.chown(os.path.join(directory, name), 100000, 100000, follow_symlinks=False)
    return bundle


def with_mapped_mount(runtime):
    ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle = sleeper(runtime).mount("/mapped", "bind", str(runtime.directory), ["bind"])
    bundle.config["mounts"][-1].update(uidMappings=ids, gidMappings=ids)
    return bundle


def short(runtime):
    return sleeper(runtime).args("/bin/true")


def nothing(runtime, path):
    return runtime.new_id()


def created(runtime, path):
    name = runtime.new_id()
    assert runtime.quiet("create", "-b", path, name) == 0, runtime.last_error()
    return name


def running(runtime, path):
    name = created(runtime, path)
    assert runtime.quiet("start", name) == 0, runtime.last_error()
    return name


def paused(runtime, path):
    name = running(runtime, path)
    assert runtime.quiet("pause", name) == 0
    return name


# name: bundle, state before, command ("B" is the bundle, "I" the id), how many processes of the runtime it has
SWEEPS = {
    "create": (sleeper, nothing, "create -b B I", 2),
    "create-hooks": (hooked, nothing, "create -b B I", 2),
    "create-userns": (in_user_namespace, nothing, "create -b B I", 2),
    "create-idmap": (with_mapped_mount, nothing, "create -b B I", 3),
    "run": (short, nothing, "run -b B I", 2),
    "run-detached": (sleeper, nothing, "run -d -b B I", 2),
    "start": (sleeper, created, "start I", 1),
    "exec": (sleeper, running, "exec I true", 3),
    "exec-detached": (sleeper, running, "exec -d I sleep 1000", 3),
    "kill": (sleeper, running, "kill I KILL", 1),
    "delete": (hooked, running, "delete --force I", 1),
    "delete-created": (sleeper, created, "delete I", 1),
    "pause": (sleeper, running, "pause I", 1),
    "resume": (sleeper, paused, "resume I", 1),
    "update": (sleeper, running, "update --pids-limit 50 I", 1),
}
# one more process talks to systemd
ASKS_SYSTEMD = ("create", "run", "delete", "update") if MANAGER == "systemd" else ()


def processes(command):
    return SWEEPS[command][3] + (command.split("-")[0] in ASKS_SYSTEMD)


def sweeps(*verbs):
    return [pytest.param(name, marks=needs("pids") if name == "update" else ())
            for name in SWEEPS if not verbs or name.split("-")[0] in verbs]


def with_children(*verbs):
    return [row for row in sweeps(*verbs) if processes(row.values[0]) > 1]


def needs_command(runtime, word):
    if f"  {word} " not in runtime("help").out:
        pytest.skip(f"this runtime has no command {word}")


def words(runtime, command, path, name, *under):
    return runtime.command(*[{"B": path, "I": name}.get(word, word) for word in command.split()], under=under)


def mounts():
    return open("/proc/self/mountinfo").read()


def processes_of(name):
    """Those of the runtime have the id on their command line, those of the container are in its cgroups."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if name.encode() in open(f"/proc/{pid}/cmdline", "rb").read() or f"/{name}\n" in open(f"/proc/{pid}/cgroup").read():
                found.append((pid, open(f"/proc/{pid}/comm").read(), open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1][1]))
        except OSError:
            pass
    return [process for process in found if process[2] not in "ZX"]


def nothing_left(runtime, name, before, where):
    end = time.monotonic() + 60
    while processes_of(name):
        assert time.monotonic() < end, (where, processes_of(name))
        time.sleep(0.005)
    assert not cgroups_of(name), where
    left = [entry for entry in os.listdir(runtime.root) if not entry.removeprefix(".seccomp-").isdigit()]
    assert left == [], where
    assert mounts() == before, where


def counts(killat, runtime, command, prepare, path):
    name = prepare(runtime, path)
    result = subprocess.run(words(runtime, command, path, name, killat, "count"), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and lines[-1] == "status 0", result.stdout
    assert runtime.quiet("delete", "--force", name) == 0
    return [int(line) for line in lines[:-1]]


def chosen(total, seed):
    if POINTS == "all":
        return list(range(total))
    step = max(1, total // int(POINTS))
    return list(range(random.Random(seed).randrange(step), total, step))


def sweep(killat, runtime, name_of_sweep, process, victim, check):
    make, prepare, command, _ = SWEEPS[name_of_sweep]
    bundle = make(runtime)
    bundle.write()
    calls = counts(killat, runtime, command, prepare, bundle.path)
    seed = random.randrange(1 << 30)
    before = mounts()
    for point in chosen(calls[process], seed):
        name = prepare(runtime, bundle.path)
        where = f"{name_of_sweep}: {victim} killed at call {point} of {calls[process]} of process {process}"
        result = subprocess.run(words(runtime, command, bundle.path, name, killat, process, point, victim),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                timeout=60)
        assert result.returncode in (0, NEVER_CAME), where
        check(runtime, bundle, name, before, where, result.stdout == "status 0\n")


def deleted_and_made_again(runtime, bundle, name, before, where, fine):
    result = runtime("delete", "--force", name)
    assert result.code == 0, (where, result)
    nothing_left(runtime, name, before, where)
    assert runtime.quiet("delete", "--force", name) == 0, where
    if random.random() < 0.2:
        assert runtime.quiet("create", "-b", bundle.path, name) == 0, (where, runtime.last_error())
        assert runtime.quiet("delete", "--force", name) == 0, where
        nothing_left(runtime, name, before, where)


def cleaned_by_itself(runtime, bundle, name, before, where, fine):
    """A child that dies once all is ready is a container that ends at once: that is no failure."""
    if not fine:
        nothing_left(runtime, name, before, where)
    assert runtime.quiet("delete", "--force", name) == 0, where


def container_unharmed(runtime, bundle, name, before, where, fine):
    assert runtime.state(name)["status"] == "running", where
    deleted_and_made_again(runtime, bundle, name, before, where, fine)


def status_is_the_truth(runtime, bundle, name, before, where, fine):
    """What says "created" can be started, or has just ended; what says "running" runs the user's program or ends."""
    end = time.monotonic() + 60
    if runtime.state(name)["status"] == "created" and runtime.quiet("start", name) != 0:
        runtime.wait_status(name, "stopped")
    while (state := runtime.state(name))["status"] == "running":
        with contextlib.suppress(OSError):  # it has ended since
            if open(f"/proc/{state['pid']}/comm").read() == "sleep\n":
                break
        assert time.monotonic() < end, (where, state)
        time.sleep(0.005)
    deleted_and_made_again(runtime, bundle, name, before, where, fine)


def test_status_after_start_was_killed(killat, fast):
    sweep(killat, fast, "start", 0, "self", status_is_the_truth)


@pytest.mark.parametrize("command", sweeps())
def test_the_runtime_is_killed(killat, fast, command):
    needs_command(fast, command.split("-")[0])
    sweep(killat, fast, command, 0, "self", deleted_and_made_again)


@pytest.mark.parametrize("command", with_children())
def test_the_runtime_is_killed_while_its_children_work(killat, fast, command):
    for process in range(1, processes(command)):
        sweep(killat, fast, command, process, "first", deleted_and_made_again)


@pytest.mark.parametrize("command", with_children("create", "run"))
def test_a_child_of_the_runtime_is_killed(killat, fast, command):
    for process in range(1, processes(command)):
        sweep(killat, fast, command, process, "self", cleaned_by_itself)


@pytest.mark.parametrize("command", with_children("exec", "update"))
def test_a_child_of_a_command_on_a_container_is_killed(killat, fast, command):
    for process in range(1, processes(command)):
        sweep(killat, fast, command, process, "self", container_unharmed)


@pytest.mark.parametrize("command", with_children("delete"))
def test_a_child_of_delete_is_killed(killat, fast, command):
    sweep(killat, fast, command, 1, "self", deleted_and_made_again)


@systemd_only
@pytest.mark.parametrize("victim", ["self", "first"])
@pytest.mark.parametrize("command", ["create", "run-detached", "start", "exec", "kill", "delete", "pause", "resume"])
def test_a_users_runtime_or_child_is_killed(killat, session, command, victim):  # noqa: F811
    """Below the user's own systemd. "first" by itself is "self"."""
    user_killat = session.directory / "killat"
    shutil.copy(killat, user_killat)
    for process in range(victim == "first", processes(command)):
        sweep(user_killat, session, command, process, victim, deleted_and_made_again)
