# SPDX-License-Identifier: Apache-2.0
"""Output to files and to logging programs, as `ctr run --log-uri` asks for it."""

import json
import os
import pathlib
import time
import urllib.parse

import pytest

from shim.shimclient import CallError, spec, wait_for


def program(directory, script, name="logger"):
    """A logging program, and its URI."""
    path = directory / name
    path.write_text(f"#!/bin/sh\ncd {directory}\n{script}")
    os.chmod(path, 0o755)
    return f"binary://{path}"


SAVE = """echo "$@" >words; tr '\\0' '\\n' </proc/$$/environ | sort >environment; echo $$ >>pids
exec 5>&-
cat <&3 >>out & cat <&4 >>err; wait; : >end
"""


def run(shim, args, uri, **more):
    shim.create(spec(args), stdout=uri, stderr=uri, options=shim.options(log_path="", attach_socket=""), **more)
    shim.call("Start")


def read(directory, name):
    try:
        return (directory / name).read_text()
    except FileNotFoundError:
        return ""


def test_a_program_takes_both_streams(shim):
    uri = program(shim.directory, SAVE)
    run(shim, ["sh", "-c", "echo out; echo err >&2; exit 4"], uri + "?-a=b%20c&d=e+f&g")
    assert shim.call("Wait").exit_status == 4
    shim.call("Delete")
    wait_for((shim.directory / "end").exists, "the program's end")
    assert (read(shim.directory, "out"), read(shim.directory, "err")) == ("out\n", "err\n")
    assert read(shim.directory, "words") == "-a b c d e f g \n"
    lines = [line for line in read(shim.directory, "environment").split("\n") if not line.startswith(("PWD=", "OLDPWD=", "SHLVL=", "_="))]
    assert lines == ["", "CONTAINER_ID=c1", "CONTAINER_NAMESPACE=test"] or lines == ["CONTAINER_ID=c1", "CONTAINER_NAMESPACE=test", ""]


def test_much_output_is_whole(shim):
    run(shim, ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"], program(shim.directory, SAVE))
    shim.call("Wait")
    shim.call("Delete")
    wait_for((shim.directory / "end").exists, "the program's end")
    assert read(shim.directory, "out") == "".join(f"line {i}\n" for i in range(20000))


def test_an_exec_has_a_program_of_its_own(shim):
    (shim.directory / "exec").mkdir()
    run(shim, ["sleep", "1000"], program(shim.directory, SAVE))
    uri = program(shim.directory / "exec", SAVE)
    process = spec(["echo", "inside"])["process"]
    shim.call("Exec", exec_id="e1", stdout=uri, stderr=uri,
              spec={"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Process", "value": json.dumps(process).encode()})
    shim.call("Start", exec_id="e1")
    shim.call("Wait", exec_id="e1")
    shim.call("Delete", exec_id="e1")
    wait_for((shim.directory / "exec/end").exists, "the program's end")
    assert read(shim.directory / "exec", "out") == "inside\n"
    assert "CONTAINER_ID=e1\n" in read(shim.directory / "exec", "environment")
    assert "CONTAINER_ID=c1\n" in read(shim.directory, "environment")


def test_a_terminal_goes_to_a_program(shim):
    uri = program(shim.directory, SAVE)
    shim.create(spec(["sh", "-c", "tty"], terminal=True), stdout=uri, options=shim.options(log_path=""))
    shim.call("Start")
    shim.call("Wait")
    shim.call("Delete")
    wait_for((shim.directory / "end").exists, "the program's end")
    assert read(shim.directory, "out").startswith("/dev/")


def test_a_program_that_dies_is_started_anew_and_nothing_is_lost(shim):
    """It reads bytes one by one, so that what it has read is what it has written when it is killed."""
    byte_by_byte = "echo $$ >>pids\nexec 5>&- 4<&-\nwhile IFS= read -r line <&3; do echo \"$line\" >>out; done; : >end\n"
    script = "i=0; while [ $i -lt 60 ]; do echo line $i; [ $i != 10 ] || until [ -e /tmp/on ]; do sleep 0.02; done; i=$((i+1)); done"
    run(shim, ["sh", "-c", script], program(shim.directory, byte_by_byte))
    wait_for(lambda: "line 10\n" in read(shim.directory, "out"), "the first lines")
    # between two lines: the program writes none, and the logger has nothing that it has not written
    os.kill(int(read(shim.directory, "pids").split()[0]), 9)
    (shim.rootfs / "tmp/on").touch()
    shim.call("Wait")
    shim.call("Delete")
    wait_for((shim.directory / "end").exists, "the program's end")
    assert len(read(shim.directory, "pids").split()) == 2
    assert read(shim.directory, "out").splitlines() == [f"line {i}" for i in range(60)]
    assert "is started anew" in (shim.bundle / "shim.log").read_text()


def test_a_program_that_always_dies_is_given_up(shim):
    run(shim, ["sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; exit 3"],
        program(shim.directory, "echo $$ >>pids\n"))
    assert shim.call("Wait").exit_status == 3, "a pipe's capacity does not stop the program for ever"
    assert len(read(shim.directory, "pids").split()) == 5
    assert "output is dropped" in (shim.bundle / "shim.log").read_text()


def test_readiness(new_shim):
    shim = new_shim()
    strict = program(shim.directory, "exit 1\n").replace("binary", "binary-v2")
    with pytest.raises(CallError, match="did not say that it is ready"):
        run(shim, ["true"], strict)
    with pytest.raises(CallError, match="no such file"):
        run(shim, ["true"], "binary:///no/such/program")
    with pytest.raises(CallError, match="is not an absolute path"):
        run(shim, ["true"], "binary://program")
    with pytest.raises(CallError, match="is not supported"):
        run(shim, ["true"], "carrier-pigeon:///x")
    (shim.directory / "end").unlink(missing_ok=True)
    run(shim, ["echo", "ready"], program(shim.directory, "printf x >&5\n" + SAVE).replace("binary", "binary-v2"))
    shim.call("Wait")
    shim.call("Delete")
    wait_for((shim.directory / "end").exists, "the program's end")
    assert read(shim.directory, "out") == "ready\n"


def test_a_program_that_does_not_end_is_ended(shim):
    run(shim, ["true"], program(shim.directory, "echo $$ >pids\nexec 5>&-\ntrap '' TERM\nwhile :; do sleep 1; done\n"))
    shim.call("Wait")
    pid = int(read(shim.directory, "pids"))
    shim.call("Delete")
    start = time.monotonic()
    shim.call("Shutdown")
    wait_for(lambda: not shim.alive(), "the shim's end")
    assert not pathlib.Path(f"/proc/{pid}").exists() or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]
    assert 6 <= time.monotonic() - start


def test_a_file_takes_both_streams(shim):
    path = shim.directory / "new folder" / "log"
    run(shim, ["sh", "-c", "echo out; echo err >&2"], f"file://{urllib.parse.quote(str(path))}")
    shim.call("Wait")
    assert sorted(path.read_text().splitlines()) == ["err", "out"]
    shim.call("Delete")
