# SPDX-License-Identifier: Apache-2.0
"""On cgroup v2 a limit is more than a number in a file: the kernel holds the container to it."""

import contextlib
import os
import pathlib
import signal
import time

import pytest
from bundle import own_cgroup
from cgroups import CONTROLLERS, FUSE, OPEN, V2, disk_of
from harness import wait_until

MEBI = 1 << 20

pytestmark = pytest.mark.skipif(not V2, reason="no cgroup v2")


def needs(controller):
    return pytest.mark.skipif(controller not in CONTROLLERS, reason=f"no v2 controller {controller}")


def limited(runtime, **resources):
    bundle = runtime.bundle().args("/bin/sleep", "1000")
    bundle.config["linux"]["resources"].update(resources)
    return bundle


def directory(runtime, name):
    return own_cgroup(runtime.state(name)["pid"])


def counters(file):
    """A file of "name number" lines."""
    return {name: int(value) for name, value in (line.split() for line in file.read_text().splitlines())}


@needs("memory")
@pytest.mark.guest_smoke
def test_memory_out_of_it_the_program_is_killed(runtime):
    bundle = limited(runtime, memory={"limit": 16 * MEBI, "swap": 16 * MEBI})
    assert runtime.run(bundle.args("/bin/tail", "/dev/zero")).code == 128 + signal.SIGKILL
    assert runtime.run(bundle.sh("head -c 4000000 /dev/zero | wc -c")).out == "4000000\n"


@needs("memory")
def test_memory_kill_of_a_child_is_counted(runtime):
    bundle = limited(runtime, memory={"limit": 16 * MEBI, "swap": 16 * MEBI})
    name = runtime.start(bundle.sh("tail /dev/zero; echo $? > /tmp/status; sleep 1000"))
    status = bundle.rootfs / "tmp/status"
    wait_until(lambda: status.exists() and status.read_text(), what="the child's end")
    assert status.read_text() == "137\n"
    assert counters(directory(runtime, name) / "memory.events")["oom_kill"] == 1
    assert runtime.state(name)["status"] == "running"


@needs("memory")
def test_memory_given_in_the_unified_map_is_held(runtime):
    bundle = limited(runtime, unified={"memory.max": str(16 * MEBI), "memory.swap.max": "0", "memory.oom.group": "1"})
    assert runtime.run(bundle.sh("sleep 1000 & tail /dev/zero; echo alive")).code == 128 + signal.SIGKILL


@needs("pids")
@pytest.mark.guest_smoke
def test_processes_beyond_the_limit_cannot_be_forked(runtime):
    script = "for i in 1 2 3 4 5; do sleep 1000 & done; echo five"
    assert "can't fork" in runtime.run(limited(runtime, pids={"limit": 4}).sh(script)).err
    assert runtime.run(limited(runtime, pids={"limit": 20}).sh(script)).out == "five\n"


@needs("cpu")
@pytest.mark.guest_smoke
def test_processor_time_is_rationed(runtime):
    bundle = limited(runtime, cpu={"quota": 10000, "period": 100000}).sh("while :; do :; done")
    name = runtime.start(bundle)
    file = directory(runtime, name) / "cpu.stat"
    before, start = counters(file), time.monotonic()
    time.sleep(2)
    wait_until(lambda: counters(file)["nr_throttled"] > before["nr_throttled"], what="the program to be stopped for a while")
    after, seconds = counters(file), time.monotonic() - start
    assert (after["usage_usec"] - before["usage_usec"]) / 1e6 / seconds < 0.2


@needs("cpuset")
def test_processors_are_the_ones_given(runtime):
    bundle = limited(runtime, cpu={"cpus": "1", "mems": "0"}).sh("grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status")
    if os.cpu_count() < 2:
        pytest.skip("one processor")
    assert runtime.run(bundle).out.split() == ["Cpus_allowed_list:", "1", "Mems_allowed_list:", "0"]


@needs("io")
def test_writing_to_a_disk_is_slowed_down(runtime):
    major, minor = disk_of(runtime.directory)
    rate = {"major": major, "minor": minor, "rate": 2 * MEBI}
    write = "dd if=/dev/zero of=/tmp/file bs=64k count=96 oflag=direct 2>/dev/null; stat -c %s /tmp/file"
    start = time.monotonic()
    assert runtime.run(limited(runtime, blockIO={"throttleWriteBpsDevice": [rate]}).sh(write)).out == f"{6 * MEBI}\n"
    assert time.monotonic() - start > 2.5


@contextlib.contextmanager
def huge_pages(n):
    file = pathlib.Path("/proc/sys/vm/nr_hugepages")
    before = file.read_text()
    file.write_text(str(n))
    try:
        if int(file.read_text()) < n:
            pytest.skip("the kernel has no huge pages to give")
        yield
    finally:
        file.write_text(before)


@needs("hugetlb")
def test_huge_pages_beyond_the_limit_are_refused(runtime):
    script = "for size in 2 4; do fallocate -l ${size}M /huge/$size && echo $size; rm /huge/$size; done"

    def run(mebibytes):
        limit = {"pageSize": "2MB", "limit": mebibytes * MEBI}
        bundle = limited(runtime, hugepageLimits=[limit]).sh(script)
        return runtime.run(bundle.mount("/huge", "hugetlbfs", "hugetlbfs", ["pagesize=2M"])).out.split()

    with huge_pages(4):
        assert run(6) == ["2", "4"]
        assert run(2) == ["2"]


def with_rules(runtime, *rules):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse")
    bundle = runtime.bundle().caps("CAP_MKNOD").sh(OPEN)
    bundle.config["linux"]["resources"]["devices"] += rules
    return bundle


@pytest.mark.guest_smoke
@pytest.mark.parametrize("access, expected", [("", []), ("r", ["read"]), ("w", ["write"]), ("rw", ["read", "write"])])
def test_devices_open_as_far_as_the_rules_allow(runtime, access, expected):
    rules = [{"allow": True, **FUSE, "access": access}] if access else []
    result = runtime.run(with_rules(runtime, *rules))
    assert result.out.split() == expected, result


def test_device_rules_the_last_that_matches_decides(runtime):
    rules = [{"allow": True, "type": "c", "major": 10, "access": "rwm"}, {"allow": False, **FUSE, "access": "w"}]
    assert runtime.run(with_rules(runtime, *rules)).out.split() == ["read"]


@pytest.mark.guest_smoke
def test_paused_programs_do_not_run(runtime):
    bundle = runtime.bundle().sh("i=0; while :; do i=$((i + 1)); echo $i > /tmp/count; sleep 0.01; done")
    name = runtime.start(bundle)
    count = bundle.rootfs / "tmp/count"
    wait_until(lambda: count.exists() and count.read_text(), what="the first count")
    runtime.ok("pause", name)
    assert runtime.state(name)["status"] == "paused"
    assert counters(directory(runtime, name) / "cgroup.events")["frozen"] == 1
    seen = count.read_text()
    time.sleep(0.5)
    assert count.read_text() == seen
    runtime.ok("resume", name)
    wait_until(lambda: count.read_text() not in (seen, ""), what="the next count")


def test_paused_containers_can_be_removed(runtime):
    name = runtime.start(runtime.bundle().sh("sleep 1000 & sleep 1000 & wait"))
    runtime.ok("pause", name)
    runtime.ok("delete", "--force", name)
    assert runtime.left() == []


def test_whatever_moved_into_cgroups_below_is_killed(runtime):
    """A container that may write its cgroups makes some below its own; its end is theirs."""
    bundle = runtime.bundle().namespace("cgroup").drop_namespace("pid").drop_mount("/sys/fs/cgroup").sh(
        "mkdir /sys/fs/cgroup/below && sh -c 'echo $$ > /sys/fs/cgroup/below/cgroup.procs; exec sleep 1000' & sleep 1000")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw", "nosuid", "noexec", "nodev"])
    name = runtime.start(bundle)
    below = directory(runtime, name) / "below"
    wait_until(lambda: below.exists() and (below / "cgroup.procs").read_text().split(), what="the process below")
    pid = int((below / "cgroup.procs").read_text())
    runtime.ok("kill", name, "KILL")
    runtime.wait_status(name, "stopped")
    runtime.ok("delete", name)
    wait_until(lambda: not alive(pid), what=f"the end of {pid}")
    assert not below.parent.exists()


def alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@needs("pids")
def test_a_container_makes_cgroups_with_controllers_of_its_own(runtime):
    """As an init system in it does: move out of the root of the namespace, then hand controllers down."""
    bundle = runtime.bundle().namespace("cgroup").drop_mount("/sys/fs/cgroup").sh(
        "cd /sys/fs/cgroup && mkdir init work && echo 1 > init/cgroup.procs && echo +pids > cgroup.subtree_control &&"
        " echo 3 > work/pids.max && cat work/pids.max")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw", "nosuid", "noexec", "nodev"])
    result = runtime.run(bundle)
    assert result.out == "3\n", result


@needs("memory")
@pytest.mark.guest_smoke
def test_limits_are_updated_while_it_runs(runtime):
    bundle = limited(runtime, memory={"limit": 64 * MEBI}, pids={"limit": 20})
    name = runtime.start(bundle)
    for flags in (["--memory", str(16 * MEBI), "--memory-swap", str(16 * MEBI)], ["--pids-limit", "3"]):
        runtime.ok("update", *flags, name)
    inside = directory(runtime, name)
    assert (inside / "memory.max").read_text() == f"{16 * MEBI}\n" and (inside / "pids.max").read_text() == "3\n"
    assert runtime("exec", name, "tail", "/dev/zero").code == 137
    assert "can't fork" in runtime("exec", name, "sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1").err
