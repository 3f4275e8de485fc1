# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the command line alone: against an engine and a shim that a test scripts."""

import itertools
import os
import subprocess

import pytest

from cli import fake_engine
from terminal import Terminal


@pytest.fixture(scope="session")
def messages(temporary):
    """The modules of tare.v1's messages: container, image, system."""
    directory = temporary / "python"
    directory.mkdir()
    return fake_engine.load_messages(directory)


class CommandLine:
    """tare, told to talk to a host of the test's."""

    def __init__(self, program, host=None, environment=None):
        self.program = program
        self.environment = dict(os.environ, **(environment or {}))
        if host:
            self.environment["TARE_HOST"] = host

    def run(self, *arguments, code=0, **more):
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        command = [self.program, *map(str, arguments)]
        more.setdefault("stdout", subprocess.PIPE)
        result = subprocess.run(command, env=self.environment, stderr=subprocess.PIPE, timeout=60, **{"text": True, **more})
        assert code is None or result.returncode == code, f"{result.returncode}: {result.stderr}"
        return result

    def popen(self, *arguments, **more):
        return subprocess.Popen([self.program, *map(str, arguments)], env=self.environment, **more)

    def terminal(self, *arguments, **more):
        return Terminal([str(self.program), *map(str, arguments)], self.environment, **more)


@pytest.fixture
def alone(bin_dir, temporary):
    """tare without any engine to be found."""
    return CommandLine(bin_dir / "tare", f"unix://{temporary}/no.sock")


@pytest.fixture(scope="session")
def fake_numbers():
    return itertools.count(1)


@pytest.fixture
def fake(messages, temporary, fake_numbers):
    """An engine that knows nothing but what the test teaches it."""
    engine = fake_engine.FakeEngine(messages, temporary / f"fake{next(fake_numbers)}.sock")
    yield engine
    engine.close()


@pytest.fixture
def tare(bin_dir, fake):
    """tare, talking to `fake`."""
    return CommandLine(bin_dir / "tare", f"unix://{fake.socket}")


@pytest.fixture
def container(fake, temporary, fake_numbers):
    """container(script, …) makes a container of which script(peer) is the shim; run, start, attach and exec
    find it whatever they call it. terminal, open_stdin: as it was created."""
    shims = []

    def make(script, terminal=False, open_stdin=True, on_start=None, identity="c" * 64):
        pb = fake.messages["container"]
        path = temporary / f"shim{next(fake_numbers)}.sock"
        shims.append(fake_engine.FakeShim(path, script))
        state = '{"State":{"Running":true}}'
        fake.on("Containers", "Create", lambda request: pb.CreateContainerResponse(id=identity))
        fake.on("Containers", "Inspect", lambda request: pb.InspectResponse(json=state))
        fake.on(
            "Containers", "Attach",
            lambda request: pb.AttachResponse(socket=str(path), terminal=terminal, open_stdin=open_stdin),
        )
        fake.on("Containers", "ExecCreate", lambda request: pb.ExecCreateResponse(exec_id="e1", socket=str(path)))
        for method in ("Start", "ExecStart"):
            fake.on("Containers", method, on_start or (lambda request: pb.ContainerEmpty()))
        fake.on("Containers", "Kill", lambda request: pb.ContainerEmpty())
        return shims[-1]

    yield make
    for shim in shims:
        shim.finish()
