# SPDX-License-Identifier: Apache-2.0
"""A short drive of the engines that Debian has (podman, containerd) with our runtime under them; `engines` does the
long one, with newer engines too."""

import os
import pathlib
import shutil
import subprocess

import checks
import pytest
from engine import Containerd, Podman, Skip

SHORT = {
    Podman: (
        checks.run_prints, checks.run_returns_the_exit_status, checks.run_reads_standard_input, checks.run_at_a_terminal,
        checks.a_missing_program_is_127, checks.a_directory_is_no_program_126, checks.exec_in_a_container,
        checks.exec_at_a_terminal, checks.stop_asks_first, checks.kill_sends_a_signal, checks.pause_and_unpause,
        checks.update_limits, checks.logs_of_both_streams, checks.restart_a_container, checks.unprivileged,
        checks.drop_and_add_capabilities, checks.seccomp_profile_of_ones_own, checks.read_only_root,
        checks.user_namespace, checks.limit_of_processes, checks.bind_mount, checks.remove_by_force),
    Containerd: (
        checks.ctr_run, checks.ctr_run_at_a_terminal, checks.ctr_missing_program, checks.ctr_exec,
        checks.ctr_kill_and_delete, checks.ctr_pause_and_resume, checks.ctr_processes, checks.ctr_limits,
        checks.ctr_security, checks.ctr_mounts_and_namespaces),
}
ROWS = [(kind, function) for kind, functions in SHORT.items() for function in functions]


# What engines leave behind on the machine, whatever their own directories are.
LEFT_IN_RUN = ("containerd", "containers", "netns", "tare-runtime")
LEFT_CGROUPS = ("default", "libpod_parent", "machine.slice")
LEFT_TABLES = ("ip filter", "ip nat", "ip6 filter", "ip6 nat", "inet netavark")


def left_behind():
    places = [pathlib.Path("/run", name) for name in LEFT_IN_RUN]
    places += [point / name for point in pathlib.Path("/sys/fs/cgroup").iterdir() for name in LEFT_CGROUPS]
    return {place for place in places if place.exists()}


def remove(place):
    if str(place).startswith("/run/"):
        subprocess.run(["umount", "-R", place], stderr=subprocess.DEVNULL)
        shutil.rmtree(place)
        return
    for directory, _, _ in os.walk(place, topdown=False):
        os.rmdir(directory)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Started engines by class; they are stopped, and what they hold is removed, after the last test."""
    program = pathlib.Path(os.environ["TARE_BUILD"]) / "runtime/tare-runtime"
    started, before = {}, left_behind()

    def get(kind):
        if not kind.installed():
            pytest.skip(f"{kind.name} is not installed")
        if kind not in started:
            started[kind] = kind(tmp_path_factory.mktemp(kind.name), program)
            started[kind].start()
        return started[kind]
    yield get
    for engine in started.values():
        engine.stop()
    for place in left_behind() - before:
        remove(place)
    for table in LEFT_TABLES if started else ():
        subprocess.run(["nft", "delete", "table", *table.split()], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("kind, function", ROWS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_engine(engines, kind, function):
    try:
        function(engines(kind))
    except Skip as skip:
        pytest.skip(str(skip))
