# SPDX-License-Identifier: Apache-2.0
"""The runtime for a user without any privileges: ids mapped alone or by newuidmap, everything below the home."""

import json
import os
import stat

import pytest
from cgroups import V2
from rootless import AS_USER, SANITIZER, SUBIDS, USER, user  # noqa: F401


def test_own_id_alone(user):
    bundle = user.bundle().sh("id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /root/made; echo x > /dev/null")
    result = user.run(bundle)
    assert result.code == 0, result
    assert result.out.split() == ["0", "0", str(USER), "1", "deny"]
    assert os.stat(bundle.rootfs / "root/made").st_uid == USER


def test_example_document_runs_at_once(user):
    bundle = user.bundle()
    assert user("spec", "--rootless", "--bundle", bundle.path).code == 0
    document = json.loads((bundle.path / "config.json").read_text())
    assert document["root"]["readonly"] and {"type": "user"} in document["linux"]["namespaces"]
    document["process"]["args"] = ["/bin/cat", "/proc/self/uid_map"]
    (bundle.path / "config.json").write_text(json.dumps(document))
    result = user("run", "--bundle", bundle.path, user.new_id())
    assert result.code == 0 and result.out.split() == ["0", str(USER), "1"], result


def test_subordinate_ids(user):
    user.allow(65536)
    bundle = user.bundle().sh("id; touch /tmp/made; cat /proc/self/gid_map")
    user.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 100, "additionalGids": [7]}
    os.chmod(bundle.rootfs / "tmp", 0o1777)
    result = user.run(bundle)
    assert result.code == 0, result
    assert result.out.splitlines()[0] == "uid=1000(user) gid=100 groups=7"
    assert result.out.split()[-3:] == ["1", str(SUBIDS), "65536"]
    made = os.stat(bundle.rootfs / "tmp/made")
    assert (made.st_uid, made.st_gid) == (SUBIDS + 999, SUBIDS + 99)


def test_root_may_be_a_subordinate_id(user):
    """Its root cannot enter the user's closed directories; the runtime has opened them before."""
    user.allow(65536)
    closed = user.directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("seen\n")
    user.own(closed)
    bundle = user.bundle().args("/bin/cat", "/mnt/file").mount("/mnt", "bind", str(closed), ["rbind", "ro"])
    user.map(bundle, (0, SUBIDS, 65536))
    os.chmod(closed / "file", 0o644)
    for name in (bundle.rootfs, *bundle.rootfs.iterdir()):
        os.lchown(name, SUBIDS, SUBIDS)
    os.chmod(bundle.path, 0o700)
    os.chmod(closed, 0o755)
    os.chmod(user.directory, 0o700)
    try:
        result = user.run(bundle)
    finally:
        os.chmod(user.directory, 0o755)
    assert result.code == 0 and result.out == "seen\n", result


def test_ids_that_nobody_granted(user):
    user.allow(10)
    bundle = user.bundle()
    user.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    assert user.run(bundle).code == 1
    message = user.last_error()["msg"]
    assert "linux.uidMappings: newuidmap refused it" in message


def test_without_user_namespace(user):
    bundle = user.bundle().drop_namespace("user")
    del bundle.config["linux"]["uidMappings"], bundle.config["linux"]["gidMappings"]
    assert user.run(bundle).code == 1
    assert "rootless container requires user namespaces" in user.last_error()["msg"]


def test_groups_need_subordinate_ids(user):
    bundle = user.bundle()
    bundle.config["process"]["user"]["additionalGids"] = [7]
    assert user.run(bundle).code == 1
    assert "additional groups" in user.last_error()["msg"]


def test_life(user):
    name = user.start(user.bundle().sh("trap 'exit 3' TERM; while :; do sleep 0.05; done"))
    state = user.state(name)
    assert state["status"] == "running"
    assert os.stat(f"/proc/{state['pid']}").st_uid == USER
    rows = json.loads(user.ok("list", "--format", "json").out)
    assert [(row["id"], row["owner"]) for row in rows] == [(name, "somebody")]
    result = user.ok("exec", name, "sh", "-c", "id -u; readlink /proc/self/ns/user; readlink /proc/1/ns/user")
    first, *spaces = result.out.split()
    assert first == "0" and spaces[0] == spaces[1] != os.readlink("/proc/self/ns/user")
    user.ok("kill", name, "TERM")
    user.wait_status(name, "stopped")
    user.ok("delete", name)


def test_exec_as_another_id(user):
    user.allow(65536)
    bundle = user.bundle().args("/bin/sleep", "100")
    user.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    name = user.start(bundle)
    assert user.ok("exec", "--user", "1000:100", name, "id", "-u").out == "1000\n"
    other = user.start(_with_user(user, 1000))
    assert user.ok("exec", other, "id", "-u").out == "1000\n"
    user.ok("delete", "--force", other)
    user.ok("delete", "--force", name)


def _with_user(user, uid):
    bundle = user.bundle().args("/bin/sleep", "100")
    user.map(bundle, (0, USER, 1), (1, SUBIDS, 65536))
    bundle.config["process"]["user"]["uid"] = uid
    return bundle


def test_exec_before_start(user):
    bundle = user.bundle().args("/bin/sleep", "100")
    bundle.config["process"]["oomScoreAdj"] = 500
    name = user.create(bundle)
    assert user.ok("exec", name, "cat", "/proc/self/oom_score_adj").out == "500\n"
    user.ok("start", name)
    assert user.ok("exec", name, "cat", "/proc/1/oom_score_adj").out == "500\n"
    user.ok("delete", "--force", name)


def test_state_is_in_the_users_runtime_directory(user):
    bundle = user.bundle().args("/bin/sleep", "100")
    bundle.write()
    user.root = user.directory / "run/tare-runtime"
    name = user.new_id()
    plain = [str(AS_USER), str(user.directory), *SANITIZER, str(user.program)]
    user.command = lambda *words: [*plain, *map(str, words)]
    assert user.quiet("run", "--detach", "--bundle", bundle.path, name) == 0
    assert user.left() == [name]
    assert stat.S_IMODE(os.stat(user.root).st_mode) == 0o700
    assert user.state(name)["status"] == "running"
    user.ok("delete", "--force", name)


def test_devices_are_the_hosts(user):
    out = user.run(user.bundle().sh("cd /dev; stat -c '%n %F' null zero full random urandom tty ptmx; ls /dev/pts")).out
    assert out.count("character special file") == 6 and "ptmx symbolic link" in out


def test_a_default_device_may_be_asked_for(user):
    """Without a terminal to control, /dev/tty cannot even be opened."""
    bundle = user.bundle().sh("cd /dev; stat -c '%n %t,%T' tty null")
    bundle.config["linux"]["devices"] = [{"path": "/dev/tty", "type": "c", "major": 5, "minor": 0},
                                         {"path": "/dev/null", "type": "c", "major": 1, "minor": 3}]
    assert user.run(bundle).out.splitlines() == ["tty 5,0", "null 1,3"]


def test_no_new_privileges_and_capabilities(user):
    out = user.run(user.bundle().sh("grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")).out
    assert out.split() == ["CapEff:", "0000000020000420", "NoNewPrivs:", "1"]


def test_time_namespace(user):
    bundle = user.bundle().namespace("time").args("/bin/cat", "/proc/self/timens_offsets")
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}
    assert "1000000" in user.run(bundle).out


@pytest.mark.skipif(not V2, reason="no cgroup v2")
def test_cgroup_mount_v2(user):
    """Where /proc/PID/cgroup says, with a cgroup namespace and without; never writable."""
    for kinds in ([], ["cgroup"]):
        bundle = user.bundle().mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "ro"])
        for kind in kinds:
            bundle.namespace(kind)
        out = user.run(bundle.sh("cd /sys/fs/cgroup; grep -x 1 .$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs; mkdir x 2>&1")).out
        assert out.splitlines()[0] == "1" and "Read-only file system" in out, out


@pytest.mark.skipif(V2, reason="this is v2")
def test_cgroup_mounts(user):
    """The container's own cgroups, which are the caller's, with a cgroup namespace and without; never writable."""
    for kinds in ([], ["cgroup"]):
        bundle = user.bundle().mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "ro"])
        for kind in kinds:
            bundle.namespace(kind)
        lines = user.run(bundle.sh("cd /sys/fs/cgroup; for f in */cgroup.procs cgroup.procs; do "
                                   "[ -e $f ] && echo $f: $(cat $f); done; mkdir x pids/x 2>&1")).out.splitlines()
        seen = [line for line in lines if "cgroup.procs:" in line]
        assert seen and all(line.split()[1] == "1" for line in seen), lines
        assert any("Read-only file system" in line for line in lines), lines


def test_warning_for_processes_that_cannot_be_killed(user):
    bundle = user.bundle().drop_namespace("pid").args("/bin/true")
    assert user.run(bundle).code == 0
    warnings = [line for line in user.log.read_text().splitlines() if '"warning"' in line]
    assert len(warnings) == 1 and "no cgroup and no private pid namespace" in warnings[0]


def test_failures_leave_nothing(user):
    bundle = user.bundle().mount("/mnt", "bind", "/nonexistent", ["rbind"])
    assert user.run(bundle).code == 1
    assert "mounts[6] ('/mnt'): cannot bind '/nonexistent'" in user.last_error()["msg"]
    assert user.left() == []
