# SPDX-License-Identifier: Apache-2.0
"""The runtime for a user without any privileges: ids mapped alone or by newuidmap, everything below the home. Where systemd
runs the machine, also with containers below the user's own systemd."""

import json
import os
import stat

import pytest
from cgroups import V2
from bundle import systemd_only
from rootless import AS_USER, SANITIZER, SUBIDS, USER, session, user, user_manager  # noqa: F401


@pytest.fixture(params=["user", pytest.param("session", marks=systemd_only)])
def somebody(request):
    return request.getfixturevalue(request.param)


def test_own_id_alone(somebody):
    bundle = somebody.bundle().sh("id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /root/made; echo x > /dev/null")
    result = somebody.run(bundle)
    assert result.code == 0, result
    assert result.out.split() == ["0", "0", str(USER), "1", "deny"]
    assert os.stat(bundle.rootfs / "root/made").st_uid == USER


def test_example_document_runs_at_once(somebody):
    bundle = somebody.bundle()
    assert somebody("spec", "--rootless", "--bundle", bundle.path).code == 0
    document = json.loads((bundle.path / "config.json").read_text())
    assert document["root"]["readonly"] and {"type": "user"} in document["linux"]["namespaces"]
    document["process"]["args"] = ["/bin/cat", "/proc/self/uid_map"]
    (bundle.path / "config.json").write_text(json.dumps(document))
    result = somebody("run", "--bundle", bundle.path, somebody.new_id())
    assert result.code == 0 and result.out.split() == ["0", str(USER), "1"], result


def test_subordinate_ids(somebody):
    somebody.allow(65536)
    bundle = somebody.bundle().sh("id; touch /tmp/made; cat /proc/self/gid_map")
    somebody.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 100, "additionalGids": [7]}
    os.chmod(bundle.rootfs / "tmp", 0o1777)
    result = somebody.run(bundle)
    assert result.code == 0, result
    assert result.out.splitlines()[0] == "uid=1000(user) gid=100 groups=7"
    assert result.out.split()[-3:] == ["1", str(SUBIDS), "65536"]
    made = os.stat(bundle.rootfs / "tmp/made")
    assert (made.st_uid, made.st_gid) == (SUBIDS + 999, SUBIDS + 99)


def test_root_may_be_a_subordinate_id(somebody):
    """Its root cannot enter the user's closed directories; the runtime has opened them before."""
    somebody.allow(65536)
    closed = somebody.directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("seen\n")
    somebody.own(closed)
    bundle = somebody.bundle().args("/bin/cat", "/mnt/file").mount("/mnt", "bind", str(closed), ["rbind", "ro"])
    somebody.map(bundle, (0, SUBIDS, 65536))
    os.chmod(closed / "file", 0o644)
    for name in (bundle.rootfs, *bundle.rootfs.iterdir()):
        os.lchown(name, SUBIDS, SUBIDS)
    os.chmod(bundle.path, 0o700)
    os.chmod(closed, 0o755)
    os.chmod(somebody.directory, 0o700)
    try:
        result = somebody.run(bundle)
    finally:
        os.chmod(somebody.directory, 0o755)
    assert result.code == 0 and result.out == "seen\n", result


def test_ids_that_nobody_granted(somebody):
    somebody.allow(10)
    bundle = somebody.bundle()
    somebody.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    assert somebody.run(bundle).code == 1
    message = somebody.last_error()["msg"]
    assert "linux.uidMappings: newuidmap refused it" in message


def test_without_user_namespace(somebody):
    bundle = somebody.bundle().drop_namespace("user")
    del bundle.config["linux"]["uidMappings"], bundle.config["linux"]["gidMappings"]
    assert somebody.run(bundle).code == 1
    assert "rootless container requires user namespaces" in somebody.last_error()["msg"]


def test_groups_need_subordinate_ids(somebody):
    bundle = somebody.bundle()
    bundle.config["process"]["user"]["additionalGids"] = [7]
    assert somebody.run(bundle).code == 1
    assert "additional groups" in somebody.last_error()["msg"]


def test_life(somebody):
    name = somebody.start(somebody.bundle().sh("trap 'exit 3' TERM; while :; do sleep 0.05; done"))
    state = somebody.state(name)
    assert state["status"] == "running"
    assert os.stat(f"/proc/{state['pid']}").st_uid == USER
    rows = json.loads(somebody.ok("list", "--format", "json").out)
    assert [(row["id"], row["owner"]) for row in rows] == [(name, "somebody")]
    result = somebody.ok("exec", name, "sh", "-c", "id -u; readlink /proc/self/ns/user; readlink /proc/1/ns/user")
    first, *spaces = result.out.split()
    assert first == "0" and spaces[0] == spaces[1] != os.readlink("/proc/self/ns/user")
    somebody.ok("kill", name, "TERM")
    somebody.wait_status(name, "stopped")
    somebody.ok("delete", name)


def test_exec_as_another_id(somebody):
    somebody.allow(65536)
    bundle = somebody.bundle().args("/bin/sleep", "100")
    somebody.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    name = somebody.start(bundle)
    assert somebody.ok("exec", "--user", "1000:100", name, "id", "-u").out == "1000\n"
    other = somebody.start(_with_user(somebody, 1000))
    assert somebody.ok("exec", other, "id", "-u").out == "1000\n"
    somebody.ok("delete", "--force", other)
    somebody.ok("delete", "--force", name)


def _with_user(somebody, uid):
    bundle = somebody.bundle().args("/bin/sleep", "100")
    somebody.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    bundle.config["process"]["user"]["uid"] = uid
    return bundle


def test_exec_before_start(somebody):
    bundle = somebody.bundle().args("/bin/sleep", "100")
    bundle.config["process"]["oomScoreAdj"] = 500
    name = somebody.create(bundle)
    assert somebody.ok("exec", name, "cat", "/proc/self/oom_score_adj").out == "500\n"
    somebody.ok("start", name)
    assert somebody.ok("exec", name, "cat", "/proc/1/oom_score_adj").out == "500\n"
    somebody.ok("delete", "--force", name)


def test_state_is_in_the_users_runtime_directory(somebody):
    bundle = somebody.bundle().args("/bin/sleep", "100")
    bundle.write()
    somebody.root = somebody.directory / "run/tare-runtime"
    name = somebody.new_id()
    plain = [str(AS_USER), str(somebody.directory), *SANITIZER, str(somebody.program)]
    somebody.command = lambda *words: [*plain, *map(str, words)]
    assert somebody.quiet("run", "--detach", "--bundle", bundle.path, name) == 0
    assert somebody.left() == [name]
    assert stat.S_IMODE(os.stat(somebody.root).st_mode) == 0o700
    assert somebody.state(name)["status"] == "running"
    somebody.ok("delete", "--force", name)


def test_devices_are_the_hosts(somebody):
    result = somebody.run(somebody.bundle().sh("cd /dev; stat -c '%n %F' null zero full random urandom tty ptmx; ls /dev/pts"))
    assert result.code == 0, (result, somebody.errors())
    assert result.out.count("character special file") == 6 and "ptmx symbolic link" in result.out, result


def test_a_default_device_may_be_asked_for(somebody):
    """Without a terminal to control, /dev/tty cannot even be opened."""
    bundle = somebody.bundle().sh("cd /dev; stat -c '%n %t,%T' tty null")
    bundle.config["linux"]["devices"] = [{"path": "/dev/tty", "type": "c", "major": 5, "minor": 0},
                                         {"path": "/dev/null", "type": "c", "major": 1, "minor": 3}]
    assert somebody.run(bundle).out.splitlines() == ["tty 5,0", "null 1,3"]


def test_no_new_privileges_and_capabilities(somebody):
    out = somebody.run(somebody.bundle().sh("grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")).out
    assert out.split() == ["CapEff:", "0000000020000420", "NoNewPrivs:", "1"]


def test_time_namespace(somebody):
    bundle = somebody.bundle().namespace("time").args("/bin/cat", "/proc/self/timens_offsets")
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}
    assert "1000000" in somebody.run(bundle).out


@pytest.mark.skipif(not V2, reason="no cgroup v2")
def test_cgroup_mount_v2(somebody):
    """Where /proc/PID/cgroup says, with a cgroup namespace and without; never writable."""
    for kinds in ([], ["cgroup"]):
        bundle = somebody.bundle().mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "ro"])
        for kind in kinds:
            bundle.namespace(kind)
        out = somebody.run(bundle.sh("cd /sys/fs/cgroup; grep -x 1 .$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs; mkdir x 2>&1")).out
        assert out.splitlines()[0] == "1" and "Read-only file system" in out, out


@pytest.mark.skipif(V2, reason="this is v2")
def test_cgroup_mounts(somebody):
    """The container's own cgroups, which are the caller's, with a cgroup namespace and without; never writable."""
    for kinds in ([], ["cgroup"]):
        bundle = somebody.bundle().mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "ro"])
        for kind in kinds:
            bundle.namespace(kind)
        lines = somebody.run(bundle.sh("cd /sys/fs/cgroup; for f in */cgroup.procs cgroup.procs; do "
                                   "[ -e $f ] && echo $f: $(cat $f); done; mkdir x pids/x 2>&1")).out.splitlines()
        seen = [line for line in lines if "cgroup.procs:" in line]
        assert seen and all(line.split()[1] == "1" for line in seen), lines
        assert any("Read-only file system" in line for line in lines), lines


def test_warning_for_processes_that_cannot_be_killed(somebody):
    bundle = somebody.bundle().drop_namespace("pid").args("/bin/true")
    assert somebody.run(bundle).code == 0
    warnings = [line for line in somebody.log.read_text().splitlines() if '"warning"' in line]
    assert len(warnings) == (somebody.manager != "systemd")
    assert all("no cgroup and no private pid namespace" in line for line in warnings)


def test_failures_leave_nothing(somebody):
    bundle = somebody.bundle().mount("/mnt", "bind", "/proc/nonexistent", ["rbind"])
    assert somebody.run(bundle).code == 1
    assert "mounts[6] ('/mnt'): cannot bind '/proc/nonexistent'" in somebody.last_error()["msg"]
    assert somebody.left() == []
