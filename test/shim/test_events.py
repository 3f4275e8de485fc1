# SPDX-License-Identifier: Apache-2.0
"""containerd hears of everything, and cannot stop anything."""

import os
import socket
import struct
import threading

from shim.shimclient import MESSAGES, spec, wait_for

LIFE = ["/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit", "/tasks/exit", "/tasks/delete"]


def live(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sh", "-c", "exit 5"])
    shim.call("Start", exec_id="e1")
    shim.call("Wait", exec_id="e1")
    shim.call("Kill", signal=9)
    shim.call("Wait")
    shim.call("Delete")


class Containerd(threading.Thread):
    """Its ttrpc socket: keeps the envelopes of Forward calls and answers them."""

    def __init__(self, path, break_off=0):
        super().__init__(daemon=True)
        self.envelopes, self.break_off = [], break_off
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as stream:
                while len(header := stream.read(10)) == 10:
                    length, number, _, _ = struct.unpack(">IIBB", header)
                    request = MESSAGES.type("ttrpc.Request").FromString(stream.read(length))
                    if self.break_off:
                        self.break_off -= 1
                        break
                    assert (request.service, request.method) == ("containerd.services.events.ttrpc.v1.Events", "Forward")
                    forward = MESSAGES.type("containerd.services.events.ttrpc.v1.ForwardRequest")
                    self.envelopes.append(forward.FromString(request.payload).envelope)
                    connection.sendall(struct.pack(">IIBB", 0, number, 2, 0))


def topics(containerd):
    return [envelope.topic for envelope in containerd.envelopes]


def check_events(containerd):
    wait_for(lambda: len(containerd.envelopes) == len(LIFE), "all events")
    assert topics(containerd) == LIFE
    assert {envelope.namespace for envelope in containerd.envelopes} == {"test"}
    exits = [MESSAGES.type("containerd.events.TaskExit").FromString(envelope.event.value)
             for envelope in containerd.envelopes if envelope.topic == "/tasks/exit"]
    assert [(event.container_id, event.id, event.exit_status) for event in exits] == [("c1", "e1", 5), ("c1", "c1", 137)]
    assert containerd.envelopes[0].event.type_url == "containerd.events.TaskCreate"


def test_events_go_to_containerds_socket(new_shim, temporary):
    path = temporary / "events1"
    containerd = Containerd(path)
    live(new_shim(environment={"TTRPC_ADDRESS": str(path)}))
    check_events(containerd)


def test_events_survive_broken_connections(new_shim, temporary):
    path = temporary / "events2"
    containerd = Containerd(path, break_off=1)
    live(new_shim(environment={"TTRPC_ADDRESS": f"unix://{path}"}))
    check_events(containerd)


def test_nobody_waits_for_events(new_shim, temporary):
    """A socket that is not there, and one that never answers."""
    live(new_shim(environment={"TTRPC_ADDRESS": str(temporary / "nobody")}))
    path = temporary / "mute"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(0)
    live(new_shim(environment={"TTRPC_ADDRESS": str(path)}))
    listener.close()


def test_events_go_through_the_publish_binary(new_shim, temporary):
    binary, heard = temporary / "publish", temporary / "heard"
    binary.write_text(f'#!/bin/sh\necho "$@" >>{heard}\ncat >>{heard}.bytes\n')
    os.chmod(binary, 0o755)
    live(new_shim(flags=["-publish-binary", str(binary)]))
    wait_for(lambda: heard.exists() and heard.read_text().count("\n") == len(LIFE), "all events")
    lines = heard.read_text().splitlines()
    assert [line.split("--topic ")[1].split()[0] for line in lines] == LIFE
    assert all(line.startswith("--address ") and line.endswith(" --namespace test") and " publish --topic " in line for line in lines)
    assert b"containerd.events.TaskExecStarted" in (temporary / "heard.bytes").read_bytes()
