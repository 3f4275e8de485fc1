# SPDX-License-Identifier: Apache-2.0
"""What a start costs is counted here, not timed: system calls, processes and programs of an ordinary `run`.
Who makes it dearer notices; who makes it cheaper lowers the bounds. Times are test/bench/run's."""

import collections
import os
import re
import subprocess

import pytest
from bundle import Runtime, cgroup_lines, cgroupfs_only, mapped, reachable

pytestmark = cgroupfs_only
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)")


@pytest.fixture
def optimised(release_bin_dir, tmp_path):
    """As users have it: sanitizers make calls of their own."""
    one = Runtime(release_bin_dir / "tare-runtime", tmp_path)
    yield one
    one.clean()


def calls_of(runtime, *words):
    """{name: number} of the runtime's and init's system calls, those of the container's program left out."""
    trace = runtime.directory / "trace"
    command = ["strace", "-f", "-o", trace, *runtime.command(*words)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)
    lines = trace.read_text().splitlines()
    program = next(line.split()[0] for line in lines if 'execve("/bin/true"' in line)
    calls, running = collections.Counter(), False
    for line in lines:
        ours = not (running and line.startswith(program + " "))
        running = running or 'execve("/bin/true"' in line
        if ours and "resumed>" not in line and (match := CALL.match(line)):
            calls[match.group(1)] += 1
    print(sum(calls.values()), calls)
    return calls


def hierarchies():
    return len(cgroup_lines(open("/proc/self/cgroup").read()))


def test_run_is_one_program_and_one_more_process(optimised):
    bundle = optimised.bundle()
    bundle.write()
    calls = calls_of(optimised, "run", "--bundle", bundle.path, optimised.new_id())
    assert calls["clone3"] + calls["clone"] + calls["fork"] + calls["vfork"] == 1
    assert calls["execve"] + calls["execveat"] == 2  # the runtime's own, and the container's


def test_init_makes_its_network_while_the_runtime_makes_the_cgroup(optimised):
    if not any(os.path.exists(f"/sys/fs/cgroup/{name}/tasks") for name in ("memory", "pids", "systemd")):
        pytest.skip("no cgroup v1: the one directory of v2 is there before init, which clone3 puts into it")
    bundle = optimised.bundle()
    bundle.write()
    calls = calls_of(optimised, "run", "--bundle", bundle.path, optimised.new_id())
    trace = (optimised.directory / "trace").read_text().splitlines()
    clone = next(i for i, line in enumerate(trace) if "clone3(" in line)
    makes = [i for i, line in enumerate(trace) if re.search(r'mkdir.*"/sys/fs/cgroup/(?!unified)', line)]
    assert "CLONE_NEWNET" not in trace[clone] and calls["unshare"] >= 1
    assert makes and min(makes) > clone


def test_user_namespace_costs_no_process(optimised):
    reachable(optimised)
    bundle = mapped(optimised.bundle())
    bundle.write()
    calls = calls_of(optimised, "run", "--bundle", bundle.path, optimised.new_id())
    assert calls["clone3"] + calls["clone"] + calls["fork"] + calls["vfork"] == 1


def test_run_makes_few_system_calls(optimised):
    """A cgroup v1 hierarchy costs a directory, its files and a mount, all by itself; a controller that has none is
    looked for in the unified one."""
    bundle = optimised.bundle()
    bundle.write()
    calls = calls_of(optimised, "run", "--bundle", bundle.path, optimised.new_id())
    assert sum(calls.values()) <= 632 + 11 * hierarchies()
    assert calls["rename"] + calls["renameat"] <= 2  # state.json before and after the process is there
    assert calls["read"] + calls["pread64"] <= 36


def test_exec_makes_few_system_calls(optimised):
    bundle = optimised.bundle().args("/bin/sleep", "100")
    name = optimised.start(bundle)
    calls = calls_of(optimised, "exec", name, "/bin/true")
    assert calls["clone3"] + calls["clone"] <= 2  # a pid namespace is entered only by children
    assert calls["execve"] + calls["execveat"] == 2
    assert calls["setns"] == 1
    assert sum(calls.values()) <= 304 + 4 * hierarchies()
