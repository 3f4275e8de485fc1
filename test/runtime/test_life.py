# SPDX-License-Identifier: Apache-2.0
"""create, start, state, kill, delete, list, run, exec: what the shim and people rely on."""

import json
import os
import signal
import subprocess
import time

from bundle import cgroups_of


def test_create_waits_for_start(runtime):
    bundle = runtime.bundle().sh("echo ran > /tmp/mark; sleep 100")
    name = runtime.create(bundle)
    state = runtime.state(name)
    assert state["status"] == "created" and state["pid"] > 0
    assert state["bundle"] == str(bundle.path) and state["rootfs"] == str(bundle.rootfs)
    assert state["id"] == name and state["ociVersion"] == "1.3.0" and state["owner"] == "root"
    time.sleep(0.1)
    assert not (bundle.rootfs / "tmp/mark").exists()
    runtime.ok("start", name)
    assert runtime.state(name)["status"] == "running"


def test_killed_container_is_stopped_and_can_be_deleted(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    assert runtime.state(name)["pid"] == 0
    runtime.ok("delete", name)
    assert runtime("state", name).code == 1
    assert "does not exist" in runtime.last_error()["msg"]
    assert not cgroups_of(name)


def test_default_signal_is_term(runtime):
    bundle = runtime.bundle().sh("trap 'exit 0' TERM; touch /tmp/ready; while :; do sleep 0.05; done")
    name = runtime.start(bundle)
    while not (bundle.rootfs / "tmp/ready").exists():
        time.sleep(0.01)
    runtime.ok("kill", name)
    runtime.wait_status(name, "stopped")


def test_signal_names_and_numbers(runtime):
    for word in ("SIGKILL", "kill", "9"):
        name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
        runtime.ok("kill", name, word)
        runtime.wait_status(name, "stopped")


def test_regular_expressions_name_containers(runtime):
    """As crun: kill --regex and delete --regex."""
    names = [runtime.start(runtime.bundle().args("/bin/sleep", "100")) for _ in range(3)]
    runtime.ok("kill", "--regex", f"^({names[0]}|{names[1]})$", "KILL")
    for name in names[:2]:
        runtime.wait_status(name, "stopped")
    assert runtime.state(names[2])["status"] == "running"
    assert runtime("delete", "--regex", "^tt").code == 1  # the last one runs; the others go
    assert runtime.last_error()["msg"].startswith(f"container {names[2]}: cannot delete container")
    assert runtime.left() == [names[2]]
    runtime.ok("delete", "-f", "-r", "^tt")
    assert runtime.left() == []
    runtime.ok("delete", "-r", "nobody")
    assert runtime("kill", "-r", "(", "KILL").code == 1
    assert "invalid regular expression '('" in runtime.last_error()["msg"]


def test_running_container_is_not_deleted_without_force(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("delete", name).code == 1
    assert runtime.last_error()["msg"] == f"cannot delete container {name} that is not stopped: running"
    runtime.ok("delete", "--force", name)
    assert not cgroups_of(name)


def test_created_container_is_deleted_without_force(runtime):
    name = runtime.create(runtime.bundle())
    runtime.ok("delete", name)
    assert not cgroups_of(name)


def test_force_delete_of_nothing_is_fine(runtime):
    runtime.ok("delete", "--force", "nobody")
    assert runtime("delete", "nobody").code == 1


def test_kill_of_stopped_container(runtime):
    name = runtime.start(runtime.bundle().args("/bin/true"))
    runtime.wait_status(name, "stopped")
    assert runtime("kill", name, "KILL").code == 1
    assert runtime.last_error()["msg"] == "container not running"


def test_signal_zero_asks_whether_it_runs(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    runtime.ok("kill", name, "0")
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    assert runtime("kill", name, "0").code == 1 and runtime.last_error()["msg"] == "container not running"


def test_kill_reaches_what_outlived_init_in_the_hosts_pid_namespace(runtime):
    name = runtime.start(runtime.bundle().drop_namespace("pid").args("/bin/sleep", "100"))
    pid = runtime.state(name)["pid"]
    assert runtime.quiet("exec", "--detach", name, "/bin/sleep", "1000") == 0
    others = [int(p) for p in runtime.ok("ps", "--format", "json", name).out.strip("[]\n ").split(",") if int(p) != pid]
    os.kill(pid, signal.SIGKILL)
    runtime.wait_status(name, "stopped")
    assert others and all(os.path.exists(f"/proc/{p}") for p in others)
    runtime.ok("kill", name, "KILL")
    end = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{p}") for p in others):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert runtime("kill", name, "KILL").code == 1


def test_start_twice(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("start", name).code == 1
    assert "cannot start an already running container" in runtime.last_error()["msg"]
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    assert runtime("start", name).code == 1
    assert "stopped" in runtime.last_error()["msg"]


def test_equal_ids(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    name = runtime.create(bundle)
    assert runtime("create", "--bundle", bundle.path, name).code == 1
    assert "already exists" in runtime.last_error()["msg"]
    assert runtime.state(name)["status"] == "created"


def test_bad_ids(runtime):
    bundle = runtime.bundle()
    bundle.write()
    for name in ("", ".", "..", "../x", "a/b", "a b"):
        assert runtime("run", "--bundle", bundle.path, name).code == 1
        assert "invalid container ID format" in runtime.last_error()["msg"]


def test_list(runtime):
    assert runtime("list").code == 1  # as runc: a root that was asked for and is not there
    runtime.root.mkdir()
    assert runtime.ok("list", "--format", "json").out.strip() == "null"
    names = sorted(runtime.start(runtime.bundle().args("/bin/sleep", "100")) for _ in range(2))
    assert runtime.ok("list", "-q").out.split() == names
    listed = json.loads(runtime.ok("list", "-f", "json").out)
    assert [c["id"] for c in listed] == names and all(c["status"] == "running" for c in listed)
    table = runtime.ok("list").out.splitlines()
    assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert [line.split()[0] for line in table[1:]] == names
    assert runtime("list", "--format", "xml").code == 1


def test_exit_codes(runtime):
    assert runtime.run(runtime.bundle().sh("exit 42")).code == 42
    bundle = runtime.bundle().sh("exit 7")
    assert runtime.run(bundle).code == 7
    assert runtime.left() == []


def test_run_forwards_signals(runtime):
    bundle = runtime.bundle().sh("trap 'exit 33' INT; touch /tmp/ready; while :; do sleep 0.05; done")
    bundle.write()
    process = subprocess.Popen(runtime.command("run", "-b", bundle.path, runtime.new_id()), stdin=subprocess.DEVNULL)
    while not (bundle.rootfs / "tmp/ready").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 33


def test_run_detached_and_keep(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.write()
    name = runtime.new_id()
    assert runtime.quiet("run", "--detach", "-b", bundle.path, name) == 0
    assert runtime.state(name)["status"] == "running"
    kept = runtime.new_id()
    short = runtime.bundle()
    short.write()
    runtime.ok("run", "--keep", "-b", short.path, kept)
    assert runtime.state(kept)["status"] == "stopped"


def test_pid_file(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    path = bundle.path / "pid"
    name = runtime.start(bundle, "--pid-file", path)
    assert int(path.read_text()) == runtime.state(name)["pid"]
    assert os.path.exists(f"/proc/{path.read_text()}")


def test_bundle_is_the_current_directory_by_default(runtime):
    bundle = runtime.bundle().sh("echo here")
    bundle.write()
    assert runtime.ok("run", runtime.new_id(), cwd=bundle.path).out == "here\n"


def test_annotations_come_back_in_state(runtime):
    bundle = runtime.bundle()
    bundle.config["annotations"] = {"org.example": "value"}
    assert runtime.state(runtime.create(bundle))["annotations"] == {"org.example": "value"}


def test_spec_writes_a_config_that_runs(runtime):
    bundle = runtime.bundle()
    runtime.ok("spec", "--bundle", bundle.path)
    bundle.config = json.loads((bundle.path / "config.json").read_text())
    assert bundle.config["process"]["args"] == ["sh"] and bundle.config["root"]["readonly"]
    assert runtime("spec", "--bundle", bundle.path).code == 1
    assert runtime.last_error()["msg"] == "File config.json exists. Remove it first"
    bundle.config["process"]["terminal"] = False
    assert runtime.run(bundle.sh("echo fine")).out == "fine\n"


def test_features_and_version(runtime):
    features = json.loads(runtime.ok("features").out)
    assert features["ociVersionMax"] == "1.3.0" and "createContainer" in features["hooks"]
    assert {"rro", "rbind", "tmpcopyup"} <= set(features["mountOptions"])
    assert features["linux"]["seccomp"]["enabled"] is True and "time" in features["linux"]["namespaces"]
    linux = features["linux"]
    assert linux["netDevices"]["enabled"] and linux["intelRdt"]["monitoring"] and linux["cgroup"]["systemd"]
    assert "MPOL_BIND" in linux["memoryPolicy"]["modes"] and "MPOL_F_STATIC_NODES" in linux["memoryPolicy"]["flags"]
    assert "org.systemd.property." in features["potentiallyUnsafeConfigAnnotations"]
    lines = runtime.ok("--version").out.splitlines()
    assert lines[0].startswith("tare-runtime version ") and lines[2] == "spec: 1.3.0"


def test_help_of_everything(runtime):
    text = runtime.ok("--help").out
    for word in ("create", "start", "run", "exec", "state", "kill", "delete", "list", "spec", "features"):
        assert word in text
        assert f"NAME:\n   tare-runtime {word} - " in runtime.ok(word, "--help").out


def test_delete_cleans_up_after_a_maker_that_was_killed(runtime):
    (runtime.root / "half").mkdir(parents=True)
    runtime("delete", "half")
    assert not (runtime.root / "half").exists()
    runtime.ok("delete", "--force", "half")


def test_process_identity_is_pid_and_start_time(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    path = runtime.root / name / "state.json"
    record = json.loads(path.read_text())
    pid = record["pid"]
    record["processStartTime"] -= 1
    path.write_text(json.dumps(record))
    assert runtime.state(name)["status"] == "stopped"
    assert runtime("kill", name, "KILL").code == 1
    assert os.path.exists(f"/proc/{pid}"), "a stranger with a reused pid was killed"
    record["processStartTime"] += 1
    path.write_text(json.dumps(record))


def test_preserved_descriptors(runtime):
    read, write = os.pipe()
    bundle = runtime.bundle().sh("echo through >&3; ls /proc/self/fd")
    bundle.write()
    process = subprocess.run(
        ["/bin/bash", "-c", f'exec "$@" 3>&{write}', "bash",
         *runtime.command("run", "--preserve-fds", "1", "-b", bundle.path, runtime.new_id())],
        pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=30)
    os.close(write)
    assert process.returncode == 0
    assert os.read(read, 100) == b"through\n"
    assert set(process.stdout.split()) == {"0", "1", "2", "3", "4"}  # 4: the directory itself
    assert runtime("run", "--preserve-fds", "20", "-b", bundle.path, runtime.new_id()).code == 1
