# SPDX-License-Identifier: Apache-2.0
"""Checkpoint and restore through criu, which must be in $PATH and fit this kernel."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from bundle import cgroup_lines, cgroup_name, cgroups_of, cgroupfs_only
from console import Console, terminal
from terminal import Terminal

# counts in memory, on a tmpfs, so that a restart would begin anew; no reader sees the file empty once it is there
COUNT = "i=0; while :; do i=$((i+1)); echo $i >>/tmp/count; sleep 0.02; done"

pytestmark = pytest.mark.usefixtures("criu")


def counting(runtime):
    return runtime.bundle().sh(COUNT).mount("/tmp", "tmpfs", "tmpfs")


def count(runtime, name):
    return int(runtime.ok("exec", name, "sh", "-c", "[ ! -s /tmp/count ] || tail -n 1 /tmp/count").out or 0)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_counting(runtime, name, beyond=0):
    wait_for(lambda: count(runtime, name) > beyond)


def images(runtime):
    return runtime.directory / "images"


def checkpoint(runtime, name, *options):
    code = runtime.quiet("checkpoint", "--image-path", images(runtime), *options, name)
    assert code == 0, f'{runtime.errors()[-1:]}\n{log_end(runtime, "dump.log")}'


def restore(runtime, bundle, *options, name=None, **more):
    name = name or runtime.new_id()
    code = runtime.quiet("restore", "--detach", "--image-path", images(runtime), "--bundle", bundle.path, *options, name,
                         **more)
    assert code == 0, f'{runtime.errors()[-1:]}\n{log_end(runtime, "restore.log")}'
    return name


def log_end(runtime, name):
    path = images(runtime) / name
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join([line for line in lines if "Error" in line or "Warn" in line] + ["…"] + lines[-15:])


def test_a_program_goes_on_where_it_was(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    wait_counting(runtime, name, 3)
    checkpoint(runtime, name)
    assert "does not exist" in runtime("state", name).err
    restore(runtime, bundle, name=name)
    assert runtime.state(name)["status"] == "running"
    assert sorted(os.listdir(runtime.root / name)) == ["config.json", "state.json"]
    before = count(runtime, name)
    assert before > 3
    wait_counting(runtime, name, before)


def test_leave_running(runtime):
    name = runtime.start(counting(runtime))
    wait_counting(runtime, name)
    checkpoint(runtime, name, "--leave-running")
    assert runtime.state(name)["status"] == "running"
    wait_counting(runtime, name, count(runtime, name))
    assert (images(runtime) / "inventory.img").exists() and (images(runtime) / "dump.log").exists()
    assert (images(runtime).stat().st_mode & 0o777) == 0o700


def test_restore_under_another_name(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    wait_counting(runtime, name)
    checkpoint(runtime, name)
    pid_file = runtime.directory / "pid"
    other = restore(runtime, bundle, "--pid-file", pid_file, "--work-path", runtime.directory / "work")
    pid = runtime.state(other)["pid"]
    assert int(pid_file.read_text()) == pid
    assert all(path.endswith(cgroup_name(other)) for path in cgroup_lines(pathlib.Path(f"/proc/{pid}/cgroup").read_text()))
    assert (runtime.directory / "work/restore.log").exists()
    assert runtime("kill", other, "KILL").code == 0
    runtime.wait_status(other, "stopped")


def test_checkpoint_again_and_again(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    for _ in range(3):
        before = count(runtime, name)
        checkpoint(runtime, name)
        restore(runtime, bundle, name=name)
        assert count(runtime, name) >= before
        runtime.ok("exec", name, "sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 &")
    wait_for(lambda: runtime("exec", name, "sh", "-c", "cat /proc/[0-9]*/cmdline").out.count("1000") == 3)


def test_terminal(runtime):
    script = "trap 'echo interrupted' INT; while read word; do echo got $word; [ $word = one ] || while :; do sleep 0.1; done; done"
    bundle = terminal(runtime.bundle(), script)
    console = Console(runtime.directory / "console")
    name = runtime.create(bundle, "--console-socket", console.path)
    runtime.ok("start", name)
    os.write(console.master, b"one\n")
    console.read_until(b"got one")
    checkpoint(runtime, name)
    again = Console(runtime.directory / "again")
    restore(runtime, bundle, "--console-socket", again.path, name=name)
    again.thread.join(10)
    os.write(again.master, b"two\n")
    again.read_until(b"got two")
    os.write(again.master, b"\x03")
    again.read_until(b"interrupted")


def test_terminal_needs_a_console_socket(runtime):
    bundle = terminal(runtime.bundle(), "read word")
    name = runtime.create(bundle, "--console-socket", Console(runtime.directory / "console").path)
    runtime.ok("start", name)
    checkpoint(runtime, name)
    assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == 1
    assert "without setting console socket" in runtime.last_error()["msg"]


def test_foreground_with_a_terminal(runtime):
    bundle = terminal(runtime.bundle(), "read word; echo got $word; exit 7")
    name = runtime.create(bundle, "--console-socket", Console(runtime.directory / "console").path)
    runtime.ok("start", name)
    checkpoint(runtime, name)
    command = runtime.command("restore", "--image-path", images(runtime), "-b", bundle.path, name)
    with Terminal(command, dict(os.environ)) as screen:
        screen.send("word\n")
        screen.expect("got word")
        assert screen.wait() == 7
    assert runtime.left() == []


def test_pipes_are_connected_again(runtime):
    bundle = runtime.bundle().sh("while read word; do echo got $word; echo also $word >&2; done; exit 3")
    bundle.write()
    name = runtime.new_id()

    def pipes(process):
        process.stdin.write("one\n")
        process.stdin.flush()
        return process.stdout.readline(), process.stderr.readline()

    more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(runtime.command("run", "-b", bundle.path, name), **more) as first:
        assert pipes(first) == ("got one\n", "also one\n")
        checkpoint(runtime, name)
        first.stdin.close()
        assert first.wait(60) != 0
    words = runtime.command("restore", "--image-path", images(runtime), "-b", bundle.path, name)
    with subprocess.Popen(words, **more) as second:
        assert pipes(second) == ("got one\n", "also one\n")
        second.stdin.close()
        assert second.wait(60) == 3
    assert runtime.left() == []


OPEN_FILES = "ls -l /proc/[0-9]*/fd/3 2>/dev/null | sed 's/.*proc/proc/' | grep /tmp/open | sort"


def test_many_processes(runtime):
    script = "for i in $(seq 20); do (exec 3>/tmp/open$i; while :; do sleep 5; done) & done; wait"
    bundle = runtime.bundle().sh(script).mount("/tmp", "tmpfs", "tmpfs")
    name = runtime.start(bundle)

    def files():
        """Of the shells, and of the sleeps that come and go."""
        lines = runtime("exec", name, "sh", "-c", OPEN_FILES).out.splitlines()
        return {line.split()[-1] for line in lines if "/tmp/open" in line}

    wait_for(lambda: len(files()) == 20)
    checkpoint(runtime, name)
    restore(runtime, bundle, name=name)
    wait_for(lambda: len(files()) == 20)


def test_bind_mounts_show_what_is_there_now(runtime):
    (runtime.directory / "data/inner").mkdir(parents=True)
    (runtime.directory / "file").write_text("old")
    bundle = counting(runtime)
    (bundle.rootfs / "real").mkdir()
    os.symlink("/real", bundle.rootfs / "link")
    bundle.mount("/data", "bind", str(runtime.directory / "data"), ["rbind", "rw"])
    bundle.mount("/data/for/nested", "bind", str(runtime.directory / "data/inner"), ["bind", "ro"])
    bundle.mount("/etc/file", "bind", str(runtime.directory / "file"), ["bind"])
    bundle.mount("/link/deep", "bind", "rootfs/../", ["bind"])
    name = runtime.start(bundle)
    wait_counting(runtime, name)
    checkpoint(runtime, name)
    shutil.rmtree(runtime.directory / "data")
    (runtime.directory / "data/inner").mkdir(parents=True)
    (runtime.directory / "data/inner/new").touch()
    (runtime.directory / "file").write_text("new")
    restore(runtime, bundle, name=name)
    script = "cat /etc/file; ls /data/for/nested; touch /data/mine; touch /data/for/nested/x; ls /real/deep/config.json"
    result = runtime("exec", name, "sh", "-c", script)
    assert result.out == "newnew\n/real/deep/config.json\n" and "Read-only" in result.err, result
    assert (runtime.directory / "data/mine").exists()


def test_mounts_below_a_recursive_bind(runtime):
    outer = runtime.directory / "outer"
    (outer / "inner").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", outer / "inner"], check=True)
    try:
        (outer / "inner/file").write_text("below")
        bundle = counting(runtime).mount("/data", "bind", str(outer), ["rbind"])
        name = runtime.start(bundle)
        checkpoint(runtime, name)
        restore(runtime, bundle, name=name)
        assert runtime.ok("exec", name, "cat", "/data/inner/file").out == "below"
        runtime.quiet("delete", "--force", name)
    finally:
        subprocess.run(["umount", outer / "inner"], check=True)


CONNECTION = """
nc -l -p 1234 -e sh -c 'while read word; do echo got $word; done' &
until grep -q ':04D2 .* 0A ' /proc/net/tcp*; do sleep 0.05; done
(while :; do echo $((i++)); sleep 0.05; done) | nc 127.0.0.1 1234 >/tmp/answers
"""


def answers(runtime, name):
    return runtime("exec", name, "cat", "/tmp/answers").out.splitlines()


def test_tcp_connections(runtime):
    bundle = runtime.bundle().sh(CONNECTION).mount("/tmp", "tmpfs", "tmpfs")
    name = runtime.start(bundle)
    wait_for(lambda: len(answers(runtime, name)) > 5)
    assert runtime.quiet("checkpoint", "--image-path", images(runtime), name) == 1
    log = str(images(runtime) / "dump.log")
    error = runtime.last_error()["msg"]
    assert error.startswith("criu failed: type DUMP") and error.endswith(f"(log file: {log})")
    assert "Connected TCP socket" in error
    lines = [json.loads(line) for line in runtime.log.read_text().splitlines()]
    warnings = [line["msg"] for line in lines if line["level"] == "warning"]
    assert f'--- Quoting "{log}"' in warnings and any("Error" in line for line in warnings)
    assert runtime.state(name)["status"] == "running"
    before = len(answers(runtime, name))
    wait_for(lambda: len(answers(runtime, name)) > before)
    checkpoint(runtime, name, "--tcp-established")
    restore(runtime, bundle, "--tcp-established", name=name)
    before = len(answers(runtime, name))
    wait_for(lambda: len(answers(runtime, name)) > before + 5)
    assert answers(runtime, name)[:3] == ["got 0", "got 1", "got 2"]


def test_listening_socket(runtime):
    script = "nc -l -p 1234 -e cat & until grep -q ':04D2 .* 0A ' /proc/net/tcp*; do sleep 0.05; done; touch /tmp/ready; wait; sleep 100"
    bundle = runtime.bundle().sh(script).mount("/tmp", "tmpfs", "tmpfs")
    name = runtime.start(bundle)
    wait_for(lambda: runtime("exec", name, "test", "-e", "/tmp/ready").code == 0)
    checkpoint(runtime, name)
    restore(runtime, bundle, name=name)
    assert runtime.ok("exec", name, "sh", "-c", "echo hello | nc -w 30 127.0.0.1 1234").out == "hello\n"


def test_user_namespace(runtime):
    bundle = counting(runtime).namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
    subprocess.run(["chmod", "0755", runtime.directory, runtime.directory.parent], check=True)
    name = runtime.start(bundle)
    wait_counting(runtime, name)
    if runtime.quiet("checkpoint", "--image-path", images(runtime), name) != 0:
        assert "/proc doesn't belong to it" in runtime.last_error()["msg"]
        pytest.skip("criu cannot dump a user namespace on this machine: " + runtime.last_error()["msg"])
    restore(runtime, bundle, name=name)
    before = count(runtime, name)
    wait_counting(runtime, name, before)
    pid = runtime.state(name)["pid"]
    assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "100000", "65536"]


def test_paused_container(runtime):
    name = runtime.start(counting(runtime))
    wait_counting(runtime, name)
    for path in cgroups_of(name):
        for file, word in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
            if os.path.exists(f"{path}/{file}") and (file != "cgroup.freeze" or "freezer" not in str(cgroups_of(name))):
                pathlib.Path(path, file).write_text(word)
    runtime.wait_status(name, "paused")
    checkpoint(runtime, name, "--leave-running")
    assert runtime.state(name)["status"] == "paused"
    checkpoint(runtime, name)
    assert "does not exist" in runtime("state", name).err


def test_wrong_states(runtime):
    bundle = runtime.bundle().args("/bin/true")
    name = runtime.create(bundle)
    words = ("checkpoint", "--image-path", images(runtime), name)
    assert "cannot be checkpointed in created state" in runtime(*words).err
    runtime.ok("start", name)
    runtime.wait_status(name, "stopped")
    assert "cannot be checkpointed in stopped state" in runtime(*words).err
    assert "container does not exist" in runtime("checkpoint", "nobody").err


def test_restore_refuses_a_name_in_use(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name, "--leave-running")
    result = runtime("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name)
    assert result.code == 1 and "container with given ID already exists" in result.err
    assert runtime.state(name)["status"] == "running"


def namespace_of(pid, kind):
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def test_existing_namespaces(runtime):
    holder = subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "sleep", "1000"])
    try:
        wait_for(lambda: namespace_of(holder.pid, "uts") != namespace_of("self", "uts"))
        bundle = counting(runtime)
        for kind, file in (("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
            bundle.namespace(kind, path=f"/proc/{holder.pid}/ns/{file}")
        del bundle.config["hostname"]
        name = runtime.start(bundle)
        checkpoint(runtime, name)
        restore(runtime, bundle, name=name)
        pid = runtime.state(name)["pid"]
        for file in ("net", "ipc", "uts"):
            assert namespace_of(pid, file) == namespace_of(holder.pid, file), file
    finally:
        holder.kill()
        holder.wait()


def test_existing_pid_namespace(runtime):
    # whose init reaps: a zombie keeps the number of its session in use
    reaper = ["bash", "-c", "while :; do sleep 0.1; done"]
    holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *reaper])
    try:
        children = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
        wait_for(lambda: children.read_text())
        init = children.read_text().strip()
        bundle = counting(runtime).namespace("pid", path=f"/proc/{init}/ns/pid")
        name = runtime.start(bundle)
        wait_counting(runtime, name)
        first = runtime.state(name)["pid"]
        checkpoint(runtime, name)
        wait_for(lambda: not os.path.exists(f"/proc/{first}"))
        time.sleep(0.5)
        restore(runtime, bundle, name=name)
        wait_counting(runtime, name, count(runtime, name))
        assert namespace_of(runtime.state(name)["pid"], "pid") == namespace_of(init, "pid")
        runtime.quiet("delete", "--force", name)
    finally:
        holder.kill()
        holder.wait()


def test_images_cannot_bring_a_namespace_of_the_host(runtime):
    """They could have been made from any process."""
    bundle = counting(runtime).drop_namespace("network")
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    bundle.namespace("network").write()
    assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == 1
    assert "is in the network namespace of the host" in runtime.last_error()["msg"]
    assert runtime.left() == [] and cgroups_of(name) == []


HOOK = """#!/bin/sh
cat >{log}/{kind}.json
cp /proc/self/mountinfo {log}/{kind}.mounts
"""


def add_hooks(bundle, log, **scripts):
    for kind, script in scripts.items():
        path = log / f"{kind}.sh"
        path.write_text(script.format(log=log, kind=kind))
        path.chmod(0o755)
        bundle.config.setdefault("hooks", {})[kind] = [{"path": str(path)}]


def test_hooks(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    add_hooks(bundle, runtime.directory, prestart=HOOK, createRuntime=HOOK)
    bundle.write()
    restore(runtime, bundle, name=name)
    for kind in ("prestart", "createRuntime"):
        state = json.loads((runtime.directory / f"{kind}.json").read_text())
        assert state["id"] == name and state["pid"] == runtime.state(name)["pid"]
        # nothing that was mounted for criu shows on the host
        assert "criu" not in (runtime.directory / f"{kind}.mounts").read_text()


def test_failed_hook_takes_everything_back(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    add_hooks(bundle, runtime.directory, createRuntime="#!/bin/sh\necho no luck >&2\nexit 4\n")
    bundle.write()
    assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == 1
    error = runtime.last_error()["msg"]
    assert "createRuntime" in error and "no luck" in error
    assert runtime.left() == [] and cgroups_of(name) == []


def test_killed_while_it_restores(runtime):
    """criu notices that we are gone; delete --force removes the rest."""
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    add_hooks(bundle, runtime.directory, createRuntime="#!/bin/sh\nkill -9 $PPID\n")
    bundle.write()
    assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == -9
    assert runtime.state(name)["status"] == "creating"
    runtime.ok("delete", "--force", name)
    assert runtime.left() == [] and cgroups_of(name) == []
    assert "criu-root" not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_failure_after_the_restore_takes_everything_back(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    words = ("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, "--pid-file", "/nowhere/pid", name)
    assert runtime.quiet(*words) == 1
    assert "/nowhere/pid" in runtime.last_error()["msg"]
    assert runtime.left() == [] and cgroups_of(name) == []


def test_poststop_hooks_run_after_a_checkpoint(runtime):
    bundle = counting(runtime)
    add_hooks(bundle, runtime.directory, poststop=HOOK)
    checkpoint(runtime, runtime.start(bundle))
    assert json.loads((runtime.directory / "poststop.json").read_text())["status"] == "stopped"


def test_limits_are_those_of_the_bundle(runtime):
    bundle = counting(runtime)
    unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    if not os.path.isdir("/sys/fs/cgroup/pids") and not (unified.exists() and "pids" in unified.read_text()):
        pytest.skip("no pids controller")
    bundle.config["linux"]["resources"]["pids"] = {"limit": 50}
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    bundle.config["linux"]["resources"]["pids"] = {"limit": 60}
    bundle.write()
    restore(runtime, bundle, "--manage-cgroups-mode", "ignore", name=name)
    limits = [pathlib.Path(path, "pids.max") for path in cgroups_of(name)]
    assert [path.read_text().strip() for path in limits if path.exists()] == ["60"]


@cgroupfs_only
def test_cgroup_of_the_host_is_gone(runtime):
    bundle = counting(runtime)
    bundle.config["linux"]["cgroupsPath"] = f"/tare-gone-{os.getpid()}/deep"
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    for directory, _, _ in list(os.walk("/sys/fs/cgroup", topdown=False)):
        if directory.endswith(f"tare-gone-{os.getpid()}"):
            os.rmdir(directory)
    restore(runtime, bundle, name=name)
    wait_counting(runtime, name, count(runtime, name))
    runtime.ok("delete", "--force", name)
    for directory, _, _ in list(os.walk("/sys/fs/cgroup", topdown=False)):
        if directory.endswith(f"tare-gone-{os.getpid()}"):
            os.rmdir(directory)


def test_mount_that_the_bundle_no_longer_has(runtime):
    bundle = counting(runtime).mount("/data", "bind", str(runtime.directory), ["bind"])
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    bundle.drop_mount("/data").write()
    assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == 1
    assert "No mapping for" in runtime.last_error()["msg"]
    assert runtime.left() == [] and cgroups_of(name) == []


def test_images_that_are_missing_or_damaged(runtime):
    bundle = counting(runtime)
    bundle.write()

    def refused(word):
        name = runtime.new_id()
        assert runtime.quiet("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, name) == 1
        assert word in runtime.last_error()["msg"], runtime.last_error()
        assert runtime.left() == [] and cgroups_of(name) == []

    refused("image-path")
    images(runtime).mkdir()
    refused("descriptors.json")
    (images(runtime) / "descriptors.json").write_text("[1]")
    refused("descriptors.json")
    (images(runtime) / "descriptors.json").write_text('["","",""]')
    refused("criu failed: type RESTORE")
    (images(runtime) / "inventory.img").write_bytes(b"\xff" * 100)
    refused("log file: ")
    (images(runtime) / "descriptors.json").write_text("[" + '"pipe:[1]",' * 100000 + '""]')
    refused("descriptors.json")


@pytest.mark.parametrize("name", ["restore.log", "core-1.img", "descriptors.json", "stats-restore", "pages-1.img"])
def test_links_among_images_lead_nowhere(runtime, name):
    """criu and we run as root, and write by these names (rule H)."""
    bundle = counting(runtime)
    bundle.write()
    images(runtime).mkdir()
    canary = runtime.directory / "canary"
    canary.write_text("untouched")
    (images(runtime) / "descriptors.json").write_text("[]")
    (images(runtime) / name).unlink(missing_ok=True)
    os.symlink(canary, images(runtime) / name)
    assert runtime("restore", "-d", "--image-path", images(runtime), "-b", bundle.path, runtime.new_id()).code == 1
    assert f"{name}' is not a regular file" in runtime.last_error()["msg"]
    running = runtime.start(bundle)
    assert runtime("checkpoint", "--image-path", images(runtime), running).code == 1
    assert f"{name}' is not a regular file" in runtime.last_error()["msg"]
    assert canary.read_text() == "untouched" and runtime.state(running)["status"] == "running"


def test_configuration_file_of_criu(runtime):
    config = runtime.directory / "criu.conf"
    config.write_text("log-file=other.log\n")
    bundle = counting(runtime)
    bundle.config["annotations"] = {"org.criu.config": str(config)}
    name = runtime.start(bundle)
    checkpoint(runtime, name)
    assert (images(runtime) / "other.log").exists() and not (images(runtime) / "dump.log").exists()


def test_no_criu(runtime):
    name = runtime.start(counting(runtime))
    environment = {**os.environ, "PATH": str(runtime.directory)}
    assert runtime("checkpoint", "--image-path", images(runtime), name, env=environment).code == 1
    assert 'exec: "criu": executable file not found in $PATH' in runtime.last_error()["msg"]


def test_parent_path(runtime):
    name = runtime.start(counting(runtime))
    words = ("checkpoint", "--image-path", images(runtime), "--parent-path")
    assert "--parent-path must be relative" in runtime(*words, "/tmp", name).err
    assert "invalid --parent-path" in runtime(*words, "../nothing", name).err
    assert runtime.state(name)["status"] == "running"


def test_memory_in_two_steps(runtime):
    bundle = counting(runtime)
    name = runtime.start(bundle)
    wait_counting(runtime, name)
    parent = runtime.directory / "parent"
    if runtime.quiet("checkpoint", "--pre-dump", "--image-path", parent, name) != 0:
        assert "missing features: [MemTrack]" in runtime.last_error()["msg"]
        assert runtime.state(name)["status"] == "running"
        pytest.skip("this kernel does not track dirty memory")
    assert runtime.state(name)["status"] == "running"
    before = count(runtime, name)
    checkpoint(runtime, name, "--parent-path", "../parent")
    assert os.readlink(images(runtime) / "parent") == "../parent"
    restore(runtime, bundle, name=name)
    wait_counting(runtime, name, before)


@pytest.mark.parametrize("words, text", [
    (["--page-server", "1234"], "Use --page-server ADDRESS:PORT"),
    (["--page-server", "a:b"], "Invalid port number"),
    (["--empty-ns", "mount"], 'namespace "mount" is not supported'),
    (["--manage-cgroups-mode", "odd"], "invalid manage-cgroups-mode"),
    (["--status-fd", "77"], "invalid --status-fd argument 77"),
])
def test_wrong_options(runtime, words, text):
    name = runtime.start(counting(runtime))
    result = runtime("checkpoint", "--image-path", images(runtime), *words, name)
    assert result.code == 1 and text in result.err
    assert runtime.state(name)["status"] == "running"


def test_words_of_engines(runtime):
    """go-runc writes one dash; podman asks in these ways what a runtime can do."""
    bundle = counting(runtime)
    name = runtime.start(bundle)
    checkpoint(runtime, name, "--file-locks", "--ext-unix-sk", "--shell-job", "--empty-ns", "network",
               "--manage-cgroups-mode", "soft")
    restore(runtime, bundle, "--file-locks", "--ext-unix-sk", "--shell-job", "--no-pivot", "-no-subreaper", name=name)
    assert runtime("checkpoint", "--help").code == 0 and runtime("restore", "--help").code == 0
    assert "flag needs an argument" in runtime("restore", "--lsm-mount-context").err
