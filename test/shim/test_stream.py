# SPDX-License-Identifier: Apache-2.0
"""stdin, stdout, stderr: nothing is lost, and nobody is waited for for ever."""

import fcntl
import os
import struct
import time

from shim.shimclient import RESIZE, STDIN, STDOUT, WANT_ERR, WANT_OUT, readable, spec, wait_for

LINES = 100000


def test_no_line_is_lost(shim):
    out, err, code = shim.run_to_end(spec(["seq", "1", str(LINES)]))
    expected = "".join(f"{n}\n" for n in range(1, LINES + 1))
    assert (out.decode(), err, code) == (expected, b"", 0)
    assert "".join(entry["log"] for entry in shim.log_entries()) == expected


def test_no_line_of_an_exec_is_lost(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["seq", "1", str(LINES)])
    client = shim.attach("e1")
    shim.call("Start", exec_id="e1")
    assert client.read_all()[0].decode() == "".join(f"{n}\n" for n in range(1, LINES + 1))


def test_no_line_on_a_terminal_is_lost(shim):
    out, _, code = shim.run_to_end(spec(["seq", "1", "20000"], terminal=True))
    assert (out.decode(), code) == ("".join(f"{n}\r\n" for n in range(1, 20001)), 0)


def test_slow_reader_gets_everything(shim):
    """A client that reads slowly slows the program down; it is not dropped while it makes progress."""
    shim.create(spec(["seq", "1", "600000"]))
    client = shim.attach()
    shim.call("Start")
    size = 0
    start = time.monotonic()
    while client.take():
        got = len(client.output[STDOUT])
        size, client.output[STDOUT] = size + got, client.output[STDOUT][-20:]
        size -= len(client.output[STDOUT])
        if time.monotonic() - start < 1.5:
            time.sleep(0.05)
    assert client.exit_code == 0 and client.output[STDOUT].endswith(b"\n600000\n")


def test_stalled_reader_is_dropped(shim):
    shim.create(spec(["sh", "-c", "seq 1 1000000; echo end >&2"]))
    stalled = shim.attach()
    shim.call("Start")
    assert shim.call("Wait").exit_status == 0, "the container ends though nobody reads"
    assert sum(entry["log"] != "end\n" for entry in shim.log_entries()) == 1000000
    while stalled.take():
        pass
    assert stalled.exit_code is None and len(stalled.output[STDOUT]) < 6000000


def test_stalled_reader_delays_neither_the_log_nor_others_for_long(shim):
    shim.create(spec(["seq", "1", "600000"]))
    stalled, reader = shim.attach(), shim.attach()
    start = time.monotonic()
    shim.call("Start")
    out, _, code = reader.read_all()
    assert (out.count(b"\n"), code) == (600000, 0)
    assert time.monotonic() - start < 60, "the one that does not read never will"
    stalled.close()


def test_program_waits_for_a_patient_reader(shim):
    shim.create(spec(["seq", "1", "600000"]))
    client = shim.attach(wants=0b10110)
    shim.call("Start")
    time.sleep(3.5)  # longer than others have
    out, _, code = client.read_all()
    assert (out.count(b"\n"), code) == (600000, 0)


def test_late_reader_does_not_delay_the_end_and_gets_everything(shim):
    size = 1048576 + 170000  # about what waits for a client before the program does
    shim.create(spec(["sh", "-c", f"head -c {size} /dev/zero"]))
    client = shim.attach()
    shim.call("Start")
    assert shim.call("Wait").exit_status == 0, "answered before anything is read"
    out, _, code = client.read_all()
    assert (len(out), code) == (size, 0)


def test_every_client_sees_everything(shim):
    shim.create(spec(["seq", "1", "5000"]))
    clients = [shim.attach(wants=WANT_OUT) for _ in range(10)]
    only_errors = shim.attach(wants=WANT_ERR)
    shim.call("Start")
    outputs = {client.read_all() for client in clients}
    assert len(outputs) == 1 and outputs.pop()[0].count(b"\n") == 5000
    assert only_errors.read_all() == (b"", b"", 0)


def test_input_and_half_close(shim):
    shim.create(spec(["cat"]), options=shim.options(open_stdin=True))
    client = shim.attach()
    shim.call("Start")
    client.send(STDIN, b"hello ")
    client.read_until(b"hello ")
    client.send(STDIN, b"world")
    client.send(STDIN)
    assert client.read_all() == (b"hello world", b"", 0)


def test_much_input_is_not_lost(shim):
    shim.create(spec(["sh", "-c", "sleep 0.5; wc -c"]), options=shim.options(open_stdin=True))
    client = shim.attach()
    shim.call("Start")
    for _ in range(200):
        client.send(STDIN, b"x" * 65536)
    client.send(STDIN)
    assert client.read_all()[0] == b"13107200\n"


def test_input_before_start_is_kept(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["cat"])
    client = shim.attach("e1")
    client.send(STDIN, b"early")
    client.send(STDIN)
    shim.call("Start", exec_id="e1")
    assert client.read_all() == (b"early", b"", 0)


def test_stdin_is_empty_without_open_stdin(shim):
    assert shim.run_to_end(spec(["cat"]), options=shim.options())[2] == 0


def test_stdin_once_ends_with_its_client(shim):
    shim.create(spec(["cat"]), options=shim.options(open_stdin=True, stdin_once=True))
    first = shim.attach()
    shim.call("Start")
    first.send(STDIN, b"x")
    first.read_until(b"x")
    first.close()
    assert shim.call("Wait").exit_status == 0


def test_stdin_of_a_terminal_has_no_once(shim):
    """Who detaches comes back and types on."""
    shim.create(spec(["sh", "-c", "read a; read b; echo $a$b"], terminal=True), options=shim.options(open_stdin=True, stdin_once=True))
    first = shim.attach()
    shim.call("Start")
    first.send(STDIN, b"one\n")
    first.read_until(b"one")
    first.send(STDIN, b"")
    first.close()
    second = shim.attach()
    second.send(STDIN, b"two\n")
    out, _, code = second.read_all()
    assert b"onetwo" in out and code == 0


def test_stdin_stays_open_when_a_client_leaves(shim):
    shim.create(spec(["cat"]), options=shim.options(open_stdin=True))
    first = shim.attach()
    shim.call("Start")
    first.send(STDIN, b"x")
    first.read_until(b"x")
    first.close()
    second = shim.attach()
    second.send(STDIN, b"y")
    second.read_until(b"y")
    second.send(STDIN)
    assert second.read_all()[2] == 0


def test_close_io_ends_the_input(shim):
    shim.create(spec(["cat"]), options=shim.options(open_stdin=True))
    shim.call("Start")
    shim.call("CloseIO", stdin=True)
    assert shim.call("Wait").exit_status == 0


def test_terminal_has_a_size_and_takes_new_ones(shim):
    shim.create(spec(["sh", "-c", "trap 'stty size; exit 0' WINCH; stty size; while :; do sleep 0.05; done"], terminal=True),
                options=shim.options(open_stdin=True, terminal_rows=12, terminal_columns=34))
    client = shim.attach()
    shim.call("Start")
    client.read_until(b"12 34")
    client.send(RESIZE, struct.pack(">HH", 50, 132))
    client.read_until(b"50 132")
    assert client.read_all()[2] == 0


def test_terminal_echoes_and_takes_control_characters(shim):
    command = "trap 'exit 130' INT; read line; echo got $line; while :; do sleep 0.05; done"
    shim.create(spec(["sh", "-c", command], terminal=True), options=shim.options(open_stdin=True))
    client = shim.attach()
    shim.call("Start")
    client.send(STDIN, b"hello\n")
    client.read_until(b"hello\r\ngot hello\r\n")
    client.send(STDIN, b"\x03")
    assert client.read_all()[2] == 130


def test_exec_terminal_is_resized_before_it_starts(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["stty", "size"], terminal=True)
    client = shim.attach("e1")
    shim.call("ResizePty", exec_id="e1", height=33, width=77)
    shim.call("Start", exec_id="e1")
    assert client.read_all()[0] == b"33 77\r\n"


def test_background_process_of_an_exec_does_not_delay_its_exit(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sh", "-c", "echo first; (sleep 1000; echo late) & exit 4"])
    client = shim.attach("e1")
    shim.call("Start", exec_id="e1")
    assert client.read_all() == (b"first\n", b"", 4), "and not after a quarter of an hour"


def test_writing_background_process_does_not_delay_the_exit(shim):
    shim.create(spec(["sleep", "1000"]))
    shim.call("Start")
    shim.exec("e1", ["sh", "-c", "echo first; yes & exit 4"])
    client = shim.attach("e1")
    shim.call("Start", exec_id="e1")
    out, _, code = client.read_all()
    assert out.startswith(b"first\n") and code == 4


def test_attaching_after_the_end_tells_the_code(shim):
    shim.create(spec(["sh", "-c", "exit 6"]))
    shim.call("Start")
    shim.call("Wait")
    assert shim.attach().read_all() == (b"", b"", 6)


def test_fifos_of_containerd(shim):
    paths = {name: shim.directory / name for name in ("stdin", "stdout", "stderr")}
    for path in paths.values():
        os.mkfifo(path)
    out, err = (os.open(paths[name], os.O_RDONLY | os.O_NONBLOCK) for name in ("stdout", "stderr"))
    shim.create(spec(["sh", "-c", "cat; echo bye >&2"]), options=shim.options(log_path="", attach_socket=""),
                **{name: str(path) for name, path in paths.items()})
    shim.call("Start")
    with open(paths["stdin"], "wb", buffering=0) as writer:
        writer.write(b"through the fifo\n")
        wait_for(lambda: readable(out), "output")
        assert os.read(out, 100) == b"through the fifo\n"
        shim.call("CloseIO", stdin=True)
        assert shim.call("State").status == 2, "the client still has the FIFO open"
    assert shim.call("Wait").exit_status == 0
    assert os.read(err, 100) == b"bye\n"
    os.close(out)
    os.close(err)


def test_a_fifo_ends_with_the_program(shim):
    """containerd reads to the end before it asks to delete; a reader that is away misses nothing."""
    path = shim.directory / "stdout"
    os.mkfifo(path)
    away = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    shim.create(spec(["echo", "late"]), options=shim.options(log_path="", attach_socket=""), stdout=f"fifo://{path}", stderr=str(path))
    os.close(away)
    shim.call("Start")
    shim.call("Wait")
    with open(path, "rb") as reader:
        assert reader.read() == b"late\n"
    shim.call("Delete")


def test_the_end_waits_for_a_client_that_has_yet_to_open_its_fifos(shim):
    """On a busy machine ctr opens them late, and no more once it hears of the end."""
    path = shim.directory / "stdout"
    os.mkfifo(path)
    shim.create(spec(["echo", "early"]), options=shim.options(log_path="", attach_socket=""), stdout=str(path))
    pid = shim.call("Start").pid
    waiter = shim.connect()
    call = waiter.send("Wait", id="c1")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the end")
    assert shim.call("State").status == 2
    with open(path, "rb") as reader:
        assert reader.read(6) == b"early\n"
        assert waiter.receive(call).exit_status == 0
    shim.call("Delete")


def test_full_fifo_stops_the_program_and_loses_nothing(shim):
    path = shim.directory / "stdout"
    os.mkfifo(path)
    out = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    shim.create(spec(["seq", "1", str(LINES)]), options=shim.options(log_path="", attach_socket=""), stdout=str(path))
    shim.call("Start")
    time.sleep(0.3)
    assert shim.call("State").status == 2
    data = b""
    waiter = shim.connect()
    call = waiter.send("Wait", id="c1")
    while not data.endswith(b"\n%d\n" % LINES):
        assert readable(out, 60)
        data += os.read(out, 65536)
    assert waiter.receive(call).exit_status == 0
    assert data.decode() == "".join(f"{n}\n" for n in range(1, LINES + 1))
    os.close(out)
