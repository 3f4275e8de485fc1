# SPDX-License-Identifier: Apache-2.0
"""A short drive of the engines that Debian has (podman, containerd) with our runtime under them; `engines` does the
long one, with newer engines too."""

import os
import pathlib

import pytest

from conformance import checks, checks_shim, leftovers
from conformance.engine import Containerd, ContainerdShim, Podman, Skip

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
    ContainerdShim: (
        checks.ctr_run, checks.ctr_run_at_a_terminal, checks.ctr_missing_program, checks.ctr_exec,
        checks.ctr_kill_and_delete, checks.ctr_pause_and_resume, checks.ctr_processes, checks.ctr_limits,
        checks.ctr_attach_and_detach, checks.ctr_null_io, checks.ctr_log_file, checks.ctr_log_program, checks.ctr_events,
        *checks_shim.SHIM),
}
ROWS = [(kind, function) for kind, functions in SHORT.items() for function in functions]


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Started engines by class; they are stopped, and what they hold is removed, after the last test."""
    program = pathlib.Path(os.environ["TARE_BUILD"]) / "runtime/tare-runtime"
    started = {}

    def get(kind):
        if not kind.installed():
            pytest.skip(f"{kind.name} is not installed")
        if kind not in started:
            started[kind] = kind(tmp_path_factory.mktemp(kind.name), program)
            started[kind].start()
        return started[kind]
    with leftovers.cleared_up():
        yield get
        for engine in started.values():
            engine.stop()


@pytest.mark.parametrize("kind, function", ROWS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_engine(engines, kind, function):
    try:
        function(engines(kind))
    except Skip as skip:
        pytest.skip(str(skip))
