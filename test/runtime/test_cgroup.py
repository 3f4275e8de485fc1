# SPDX-License-Identifier: Apache-2.0
"""Limits through cgroupfs, whichever version this machine has."""

import os
import subprocess

import pytest
from bundle import MANAGER, cgroup_lines, cgroup_name, cgroupfs_only, cgroups_of, cgroups_path
from cgroups import V2, limited, read, read_v2, v1_only, v2


def test_every_process_is_in_its_own_cgroup_everywhere(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    lines = cgroup_lines(open(f"/proc/{runtime.state(name)['pid']}/cgroup").read())
    assert lines and all(line.endswith("/" + cgroup_name(name)) for line in lines)
    assert len(cgroups_of(name)) >= len(lines)


@cgroupfs_only
def test_absolute_and_relative_paths(runtime):
    name = f"tt{os.getpid()}"
    runtime.ids.append(name)
    for path, ending in ((f"/{name}-a/deep", f"/{name}-a/deep"), (f"{name}-b", f"/{name}-b"),
                         (f"/../../{name}-c", f"/{name}-c")):
        bundle = runtime.bundle().args("/bin/sleep", "100")
        bundle.config["linux"]["cgroupsPath"] = path
        container = runtime.start(bundle)
        lines = cgroup_lines(open(f"/proc/{runtime.state(container)['pid']}/cgroup").read())
        assert all(line.endswith(ending) for line in lines), lines
        runtime.ok("delete", "--force", container)
        assert not cgroups_of(os.path.basename(ending))
        for leftover in cgroups_of(f"{name}-a"):  # the parent that was made along the way
            os.rmdir(leftover)


@v1_only("memory")
def test_memory_v1(runtime):
    name = runtime.start(limited(runtime, memory={"limit": 64 << 20, "reservation": 32 << 20, "swappiness": 20}))
    pid = runtime.state(name)["pid"]
    assert read(pid, "memory", "memory.limit_in_bytes") == str(64 << 20)
    assert read(pid, "memory", "memory.soft_limit_in_bytes") == str(32 << 20)
    assert read(pid, "memory", "memory.swappiness") == "20"


@v1_only("cpu")
def test_cpu_v1(runtime):
    name = runtime.start(limited(runtime, cpu={"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"}))
    pid = runtime.state(name)["pid"]
    assert read(pid, "cpu", "cpu.shares") == "512"
    assert read(pid, "cpu", "cpu.cfs_quota_us") == "50000" and read(pid, "cpu", "cpu.cfs_period_us") == "100000"
    assert read(pid, "cpuset", "cpuset.cpus") == "0"


@v1_only("pids")
def test_pids_v1(runtime):
    for limit, value in ((17, "17"), (-1, "max"), (0, "1")):
        name = runtime.start(limited(runtime, pids={"limit": limit}))
        assert read(runtime.state(name)["pid"], "pids", "pids.max") == value


@v1_only("hugetlb")
def test_hugetlb_also_limits_reservations(runtime):
    limits = [{"pageSize": "2MB", "limit": 2 << 20}]
    pid = runtime.state(runtime.start(limited(runtime, hugepageLimits=limits)))["pid"]
    for file in ("hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.rsvd.limit_in_bytes"):
        assert read(pid, "hugetlb", file) == str(2 << 20)


@v1_only("devices")
def test_without_rules_only_the_default_devices(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    del bundle.config["linux"]["resources"]["devices"]
    rules = read(runtime.state(runtime.start(bundle))["pid"], "devices", "devices.list").splitlines()
    assert "a *:* rwm" not in rules and "c 1:3 rwm" in rules


def test_a_cgroup_in_use_is_refused(runtime):
    path = cgroups_path(f"tt{os.getpid()}-shared")
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["linux"]["cgroupsPath"] = path
    first = runtime.start(bundle)
    again = runtime.bundle()
    again.config["linux"]["cgroupsPath"] = path
    assert runtime.run(again).code == 1
    assert "container's cgroup is not empty: 1 process(es) found" in runtime.last_error()["msg"]
    assert runtime.state(first)["status"] == "running"


@v1_only("pids")
def test_pids_limit_holds(runtime):
    bundle = limited(runtime, pids={"limit": 3}).sh("sleep 5 & sleep 5 & sleep 5 & sleep 5 & echo no")
    assert "can't fork" in runtime.run(bundle).err


@v1_only("blkio")
def test_throttle_v1(runtime):
    device = os.stat("/tmp").st_dev
    rate = {"major": os.major(device), "minor": os.minor(device), "rate": 1 << 20}
    if not rate["major"]:
        pytest.skip("/tmp is not on a block device")
    name = runtime.start(limited(runtime, blockIO={"throttleReadBpsDevice": [rate]}))
    assert read(runtime.state(name)["pid"], "blkio", "blkio.throttle.read_bps_device").endswith(str(1 << 20))


@v1_only("memory")
def test_out_of_memory_kills(runtime):
    bundle = limited(runtime, memory={"limit": 8 << 20, "swap": 8 << 20}).args("/bin/tail", "/dev/zero")
    assert runtime.run(bundle).code == 137


@v2("memory")
def test_memory_v2(runtime):
    limits = {"limit": 64 << 20, "reservation": 32 << 20, "swap": 80 << 20}
    pid = runtime.state(runtime.start(limited(runtime, memory=limits)))["pid"]
    assert read_v2(pid, "memory.max") == str(64 << 20) and read_v2(pid, "memory.low") == str(32 << 20)
    assert read_v2(pid, "memory.swap.max") == str(16 << 20)
    pid = runtime.state(runtime.start(limited(runtime, memory={"limit": 64 << 20, "swap": -1})))["pid"]
    assert read_v2(pid, "memory.swap.max") == "max"
    bundle = limited(runtime, memory={"limit": 64 << 20, "swap": 32 << 20})
    assert runtime.run(bundle).code == 1
    assert "less than the memory limit" in runtime.last_error()["msg"]


@v2("memory")
def test_out_of_memory_kills_v2(runtime):
    bundle = limited(runtime, memory={"limit": 8 << 20, "swap": 8 << 20}).args("/bin/tail", "/dev/zero")
    assert runtime.run(bundle).code == 137


@v2("cpu")
def test_cpu_v2(runtime):
    limits = {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0"}
    pid = runtime.state(runtime.start(limited(runtime, cpu=limits)))["pid"]
    assert read_v2(pid, "cpu.weight") == "100" and read_v2(pid, "cpu.max") == "50000 100000"
    assert read_v2(pid, "cpuset.cpus") == "0"
    pid = runtime.state(runtime.start(limited(runtime, cpu={"period": 50000})))["pid"]
    assert read_v2(pid, "cpu.max") == "max 50000"


@v2("pids")
def test_pids_v2(runtime):
    pid = runtime.state(runtime.start(limited(runtime, pids={"limit": 17})))["pid"]
    assert read_v2(pid, "pids.max") == "17"


@v2("memory")
def test_unified_v2(runtime):
    limits = {"memory.high": str(32 << 20), "pids.max": "9"}
    pid = runtime.state(runtime.start(limited(runtime, unified=limits)))["pid"]
    assert read_v2(pid, "memory.high") == str(32 << 20) and read_v2(pid, "pids.max") == "9"
    for name, why in (("../memory.high", "no slashes"), ("memory/high", "no slashes"), ("nonsense", "CONTROLLER.PARAMETER")):
        assert runtime.run(limited(runtime, unified={name: "1"})).code == 1
        assert why in runtime.last_error()["msg"]


def test_unified_needs_v2(runtime):
    if V2:
        pytest.skip("this is v2")
    assert runtime.run(limited(runtime, unified={"memory.high": "1"})).code == 1
    assert "linux.resources.unified" in runtime.last_error()["msg"]


@cgroupfs_only  # systemd rounds such a quota up
def test_limit_that_the_kernel_refuses(runtime):
    bundle = limited(runtime, cpu={"quota": 1})
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"].startswith(("linux.resources.cpu.quota: cannot write '1", "linux.resources.cpu.quota: the cgroup has no"))


def test_exec_joins_the_cgroups(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    lines = cgroup_lines(runtime.ok("exec", name, "cat", "/proc/self/cgroup").out)
    assert lines and all(line.endswith("/" + cgroup_name(name)) for line in lines)


@cgroupfs_only
def test_nobody_makes_a_cgroup(runtime):
    """--cgroup-manager disabled (crun): the container stays where its maker is, and lives as any other."""
    own = open("/proc/self/cgroup").read()
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.write()
    name = runtime.new_id()
    assert runtime.quiet("--cgroup-manager", "disabled", "create", "-b", bundle.path, name) == 0
    assert not cgroups_of(name) and open(f"/proc/{runtime.state(name)['pid']}/cgroup").read() == own
    runtime.ok("start", name)
    assert runtime.ok("exec", name, "cat", "/proc/self/cgroup").out == own
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    runtime.ok("delete", name)
    bundle.config["linux"]["resources"]["pids"] = {"limit": 20}
    bundle.write()
    assert runtime("--cgroup-manager", "disabled", "run", "-b", bundle.path, runtime.new_id()).code == 1
    assert runtime.last_error()["msg"].startswith("linux.resources.pids")


def test_managers_and_levels_have_names(runtime):
    assert runtime("--cgroup-manager", "x", "list").err.endswith('invalid cgroup-manager: "x"\n')
    assert runtime("--log-level", "x", "list").err.endswith('invalid log-level: "x"\n')


@v1_only("cpuset")
@pytest.mark.parametrize("file", ["cpuset.cpus", "cpuset.mems"])
def test_an_empty_cpuset_is_said_so(runtime, file):
    """Nobody may enter it, and the kernel speaks of a full device."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    directory = next(d for d in cgroups_of(name) if d.startswith("/sys/fs/cgroup/cpuset/"))
    with open(os.path.join(os.path.dirname(directory), "cgroup.procs"), "w") as parent:
        parent.write(str(runtime.state(name)["pid"]))
    with open(f"{directory}/{file}", "w") as emptied:
        emptied.write("\n")
    assert runtime("exec", name, "true").code == 255
    message = runtime.last_error()["msg"]
    assert message.startswith("cannot enter cgroup") and f"{file} of cgroup '{directory}' is empty" in message, message


def test_all_processes_go_without_a_pid_namespace(runtime):
    bundle = runtime.bundle().drop_namespace("pid").sh("sleep 1000 & sleep 1000 & wait")
    name = runtime.start(bundle)
    directory = next(d for d in cgroups_of(name))
    while len(open(f"{directory}/cgroup.procs").read().split()) < 3:
        pass
    pids = open(f"{directory}/cgroup.procs").read().split()
    runtime.ok("delete", "--force", name)
    assert not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)


DELEGATED = """cd /sys/fs/cgroup/mine && mkdir inner && echo 0 >inner/cgroup.procs && echo +memory >cgroup.subtree_control &&
    mkdir other && echo 1048576 >other/memory.max && cat other/memory.max
    for file in ../pids.max ../cgroup.threads; do (echo 40 >$file) 2>/dev/null && echo $file; done
    grep ^0:: /proc/self/cgroup"""


@v2("memory")
@pytest.mark.parametrize("user", [0, 1000])
def test_a_delegated_cgroup_is_the_containers(runtime, user):
    """run.oci.delegate-cgroup (crun): limits of the container's cgroup stay the runtime's, what is below is its user's."""
    bundle = runtime.bundle().sh(DELEGATED).namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev"])
    bundle.config["process"]["user"] = {"uid": user, "gid": user}
    bundle.config["linux"]["resources"]["memory"] = {"limit": 64 << 20}
    bundle.config["annotations"] = {"run.oci.delegate-cgroup": "mine"}
    out = runtime.run(bundle).out.splitlines()
    assert out[0] == "1048576" and out[-1] == "0::/mine/inner", out
    # root of the machine may, where the hierarchy is not mounted with nsdelegate (cgroups(7)), as systemd does
    assert out[1:-1] in ([[]] if user else [[], ["../pids.max"]]), out


@pytest.mark.skipif(V2, reason="cgroup v2")
def test_delegation_needs_v2(runtime):
    bundle = runtime.bundle()
    bundle.config["annotations"] = {"run.oci.delegate-cgroup": "mine"}
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"] == "annotation run.oci.delegate-cgroup: only with cgroup v2"


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd runs this machine")
def test_systemd_is_missing(runtime):
    bundle = runtime.bundle()
    bundle.write()
    assert runtime("--systemd-cgroup", "run", "--bundle", bundle.path, runtime.new_id()).code == 1
    assert "systemd support for managing cgroups is not available" in runtime.last_error()["msg"]


def test_exec_in_a_cgroup_below(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for directory in cgroups_of(name):
        os.mkdir(f"{directory}/below")
        if os.path.exists(f"{directory}/cpuset.cpus") and not V2:
            for file in ("cpuset.cpus", "cpuset.mems"):
                open(f"{directory}/below/{file}", "w").write(open(f"{directory}/{file}").read())
    lines = cgroup_lines(runtime.ok("exec", "--cgroup", "below", name, "cat", "/proc/self/cgroup").out)
    assert lines and all(line.endswith(f"/{cgroup_name(name)}/below") for line in lines)
    lines = cgroup_lines(runtime.ok("exec", "--cgroup", "/", name, "cat", "/proc/self/cgroup").out)
    assert lines and all(line.endswith(f"/{cgroup_name(name)}") for line in lines)
    for word, text in (("..", "bad sub cgroup path"), ("below/../..", "bad sub cgroup path"),
                       ("nowhere", "adding pid"), ("whaaat:/", "unknown controller"), (":x", "empty <controller>")):
        assert runtime("exec", "--cgroup", word, name, "true").code != 0
        assert text in runtime.last_error()["msg"], word


def test_a_read_only_cgroup_file_system_is_said_so(runtime):
    bundle = runtime.bundle()
    bundle.write()
    script = 'for m in $(awk \'$5 ~ "^/sys/fs/cgroup/" || $5 == "/sys/fs/cgroup" { print $5 }\' /proc/self/mountinfo); do ' \
             'mount -o remount,bind,ro $m || exit 99; done; exec "$@"'
    command = runtime.command("run", "--bundle", bundle.path, runtime.new_id())
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *command], stdin=subprocess.DEVNULL, timeout=60)
    if MANAGER == "systemd" and V2:  # which writes for us
        assert done.returncode == 0
        return
    assert done.returncode == 1
    assert runtime.last_error()["msg"].startswith("unable to apply cgroup configuration: cannot make cgroup '/sys/fs/cgroup")
    assert runtime.last_error()["msg"].endswith("read-only file system")
