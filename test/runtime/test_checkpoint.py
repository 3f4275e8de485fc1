# SPDX-License-Identifier: Apache-2.0
"""Checkpoint and restore through criu, which must be in $PATH and fit this kernel."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from console import Console, terminal

# counts in memory, on a tmpfs, so that a restart would begin anew
COUNT = "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; sleep 0.02; done"


@functools.cache
def why_not():
    """The reason why criu cannot work here, or None."""
    program = shutil.which("criu")
    if not program:
        return "no criu in $PATH"
    check = subprocess.run([program, "check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = check.stdout.strip().splitlines()
    return f"criu check: {lines[-1] if lines else check.returncode}" if check.returncode else None


@pytest.fixture(autouse=True)
def criu():
    if why_not():
        pytest.skip(why_not())
    yield
    pathlib.Path("/run/criu.kdat").unlink(missing_ok=True)  # what criu found out about the kernel


def counting(runtime):
    return runtime.bundle().sh(COUNT).mount("/tmp", "tmpfs", "tmpfs")


def count(runtime, name):
    return int(runtime.ok("exec", name, "cat", "/tmp/count").out or 0)


def wait_for(condition, seconds=10):
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
    before = count(runtime, name)
    assert before > 3
    wait_counting(runtime, name, before)
