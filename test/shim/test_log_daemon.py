# SPDX-License-Identifier: Apache-2.0
"""Logs that go to a daemon: syslog and systemd's journal, which tests play."""

import array
import os
import re
import socket
import subprocess
import time

import pytest

from shim.shimclient import spec


def log(driver, tag="", **options):
    return {"driver": driver, "tag": tag, "container_name": "name", "image_name": "image:1",
            "options": [{"name": name.replace("_", "-"), "value": value} for name, value in options.items()]}


def run(shim, command, message):
    shim.create(spec(["sh", "-c", command]), options=shim.options(log_path="", log=message))
    shim.call("Start")


def receive(daemon, count):
    daemon.settimeout(60)
    return [daemon.recv(65536) for _ in range(count)]


@pytest.fixture
def journal():
    """The journal's socket; mounts are the tests' own (test/isolate)."""
    made = not os.path.exists("/run/systemd")
    os.makedirs("/run/systemd", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd"], check=True)
    os.mkdir("/run/systemd/journal")
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind("/run/systemd/journal/socket")
    yield daemon
    daemon.close()
    subprocess.run(["umount", "/run/systemd"], check=True)
    if made:
        os.rmdir("/run/systemd")


def test_syslog_over_a_unix_socket(shim):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(shim.directory / "dev-log"))
    run(shim, r"echo one; printf 'two' >&2", log("syslog", "tagged", syslog_address=f"unixgram://{shim.directory}/dev-log", syslog_facility="local1"))
    one, two = sorted(receive(daemon, 2), reverse=True)  # two pipes have no order between them
    assert re.fullmatch(rb"<142>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d tagged\[\d+\]: one", one)
    assert re.fullmatch(rb"<139>.* tagged\[\d+\]: two", two)


def test_syslog_over_udp_and_rfc5424(shim):
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind(("127.0.0.1", 0))
    run(shim, "echo one", log("syslog", syslog_address=f"udp://127.0.0.1:{daemon.getsockname()[1]}", syslog_format="rfc5424micro"))
    host = re.escape(socket.gethostname().encode())
    assert re.fullmatch(rb"<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z " + host + rb" c1 \d+ c1 - one", receive(daemon, 1)[0])


def tcp_server():
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.bind(("127.0.0.1", 0))
    server.listen()
    server.settimeout(60)
    return server, f"tcp://127.0.0.1:{server.getsockname()[1]}"


def read_messages(connection, last):
    connection.settimeout(60)
    data = bytearray()
    while not data.endswith(last):
        data += connection.recv(1 << 20)
    return [line.split(b"]: ", 1)[1].decode() for line in data.splitlines()]


def accept_in_use(server):
    """The first connection only asked whether somebody is there."""
    server.accept()[0].close()
    return server.accept()[0]


def test_a_stalled_tcp_server_holds_the_program_and_loses_nothing(shim):
    server, address = tcp_server()
    run(shim, "seq 1 400000; echo end", log("syslog", syslog_address=address))
    connection = accept_in_use(server)
    time.sleep(1)
    assert shim.call("State").status == 2, "running: it waits"
    assert read_messages(connection, b": end\n") == [str(i) for i in range(1, 400001)] + ["end"]
    assert shim.call("Wait").exit_status == 0


def test_a_stalled_tcp_server_does_not_hold_the_program_in_non_blocking_mode(shim):
    server, address = tcp_server()
    run(shim, "seq 1 400000; echo end", log("syslog", syslog_address=address, mode="non-blocking", max_buffer_size="64k"))
    connection = accept_in_use(server)
    assert shim.call("Wait").exit_status == 0, "without a reader"
    connection.settimeout(60)
    data = bytearray(connection.recv(1 << 20))
    while b"lost here" not in data[-1000:].rsplit(b"\n", 2)[-2]:
        data += connection.recv(1 << 20)
    texts = [line.split(b"]: ", 1)[1].decode() for line in data.splitlines()]
    lost = sum(int(re.match(r"tare: (\d+) log messages \(\d+ bytes\) were lost here", text).group(1)) for text in texts if text.startswith("tare:"))
    assert lost > 0 and lost + sum(text.isdigit() for text in texts) + sum(text == "end" for text in texts) == 400001


def test_a_tcp_server_that_comes_back_gets_the_rest(shim):
    server, address = tcp_server()
    run(shim, "echo 0; until [ -e /tmp/closed ]; do sleep 0.05; done; for i in $(seq 1 40); do echo $i; sleep 0.05; done",
        log("syslog", syslog_address=address))
    connection = accept_in_use(server)
    first = connection.recv(65536)
    connection.close()
    (shim.rootfs / "tmp/closed").touch()
    assert first
    again = server.accept()[0]
    assert read_messages(again, b": 40\n")[-1] == "40"


def test_syslog_that_is_not_there_is_an_error(shim):
    with pytest.raises(Exception, match="cannot connect to syslog at '/nowhere/log'"):
        run(shim, "true", log("syslog", syslog_address="unixgram:///nowhere/log"))


def fields(entry):
    found = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        if b"=" in name:
            name, value = name.split(b"=", 1)
            entry = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            value, entry = rest[8:8 + size], rest[8 + size + 1:]
        found[name.decode()] = value
    return found


def test_journal_entries_have_dockers_fields(shim, journal):
    message = log("journald", "tagged", labels="a.b")
    message["attributes"] = [{"name": "a.b", "value": "c"}]
    run(shim, r"printf 'one\ntwo\0\377\n'; printf 'err' >&2", message)
    entries = [fields(entry) for entry in receive(journal, 3)]
    # two pipes have no order between them
    one, two, err = sorted(entries, key=lambda entry: entry["PRIORITY"] == b"3")
    assert one["MESSAGE"] == b"one" and one["PRIORITY"] == b"6" and two["MESSAGE"] == b"two\0\xff"
    assert one["CONTAINER_ID"] == one["CONTAINER_ID_FULL"] == b"c1" and one["CONTAINER_NAME"] == b"name" and one["IMAGE_NAME"] == b"image:1"
    assert one["CONTAINER_TAG"] == one["SYSLOG_IDENTIFIER"] == b"tagged" and one["A_B"] == b"c"
    assert [entry["CONTAINER_LOG_ORDINAL"] for entry in entries] == [b"1", b"2", b"3"] and "CONTAINER_PARTIAL_MESSAGE" not in two
    assert err["PRIORITY"] == b"3" and err["CONTAINER_PARTIAL_MESSAGE"] == b"true" and err["CONTAINER_PARTIAL_LAST"] == b"false"


def test_large_journal_entries_come_as_descriptors(shim, journal):
    message = log("journald", labels="big")
    message["attributes"] = [{"name": "big", "value": "x" * 300000}]  # more than a datagram holds
    run(shim, "echo one", message)
    journal.settimeout(60)
    data, control, _, _ = journal.recvmsg(65536, socket.CMSG_LEN(4))
    assert data == b"" and control
    fd = array.array("i", control[0][2])[0]
    entry = fields(os.pread(fd, 1 << 20, 0))
    os.close(fd)
    assert entry["MESSAGE"] == b"one" and len(entry["BIG"]) == 300000


def test_a_stopped_journal_holds_the_program_and_loses_nothing(shim, journal):
    run(shim, "seq 1 300000", log("journald"))
    time.sleep(0.5)
    assert shim.call("State").status == 2
    numbers = [int(fields(entry)["MESSAGE"]) for entry in receive(journal, 300000)]
    assert numbers == list(range(1, 300001)) and shim.call("Wait").exit_status == 0
