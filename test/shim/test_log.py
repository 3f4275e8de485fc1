# SPDX-License-Identifier: Apache-2.0
"""The log in Docker's json-file format."""

import base64
import contextlib
import gzip
import json
import os
import re
import subprocess

from harness import wait_until
from shim.shimclient import spec


def log(driver="", **options):
    """The message tare.shim.v1.Log; options with _ for -."""
    return {"driver": driver, "options": [{"name": name.replace("_", "-"), "value": value} for name, value in options.items()]}


def run(shim, command, **options):
    shim.create(spec(["sh", "-c", command]), options=shim.options(**options))
    shim.call("Start")
    shim.call("Wait")


def test_entries_look_like_dockers(shim):
    run(shim, r"""printf 'a "quoted"\tline\n'; printf 'bad \377 byte\n' >&2; printf '\n'; printf unfinished""")
    lines = shim.log.read_text().splitlines()
    assert all(re.fullmatch(r'\{"log":".*",("raw":".*",)?"stream":"(stdout|stderr)","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"\}', line)
               for line in lines)
    out = [entry["log"] for entry in shim.log_entries() if entry["stream"] == "stdout"]
    assert out == ['a "quoted"\tline\n', "\n", "unfinished"]
    (error,) = [entry for entry in shim.log_entries() if entry["stream"] == "stderr"]
    assert error["log"] == "bad \ufffd byte\n" and base64.b64decode(error["raw"]) == b"bad \xff byte\n"


def test_long_lines_are_split_at_16_kib(shim):
    run(shim, "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short")
    entries = [entry["log"] for entry in shim.log_entries()]
    assert [len(entry) for entry in entries] == [16384, 16384, 7233, 6]
    assert "".join(entries) == "x" * 40000 + "\nshort\n"


def test_rotation_keeps_the_newest_files(shim):
    run(shim, "seq 1 3000", log=log(max_size="20000", max_file="3"))
    names = sorted(path for path in os.listdir(shim.directory) if path.startswith("log"))
    assert names == ["log", "log.1", "log.2"]
    assert all(os.path.getsize(shim.directory / name) < 20200 for name in names)
    numbers = [int(entry["log"]) for suffix in (".2", ".1", "") for entry in shim.log_entries(suffix)]
    assert numbers == list(range(numbers[0], 3001)), "the newest lines without a gap"


def test_rotation_with_one_file_truncates(shim):
    run(shim, "seq 1 3000", log=log(max_size="20000"))
    assert sorted(path for path in os.listdir(shim.directory) if path.startswith("log")) == ["log"]
    numbers = [int(entry["log"]) for entry in shim.log_entries()]
    assert numbers == list(range(numbers[0], 3001)) and len(numbers) < 3000


def test_full_disk_does_not_stop_the_container(shim):
    disk = shim.directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        filler = disk / "filler"
        shim.create(spec(["sh", "-c", "seq 1 5000; read go; echo after"]),
                    options=shim.options(log_path=str(disk / "log"), open_stdin=True))
        client = shim.attach()
        shim.call("Start")
        client.read_until(b"\n5000\n")
        entries = [json.loads(line) for line in open(disk / "log")]
        assert 0 < len(entries) < 5000, "whole entries only"
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        client.send(0, b"go\n")
        assert client.read_all()[2] == 0
        entries = [json.loads(line)["log"] for line in open(disk / "log")]
        notes = [entry for entry in entries if entry.startswith("tare:")]
        assert notes and all(re.fullmatch(r"tare: \d+ log entries were lost here: No space left on device\n", note) for note in notes)
        lost = sum(int(note.split()[1]) for note in notes)
        assert entries[-1] == "after\n" and lost + len(entries) - len(notes) == 5001
        shim.call("Delete")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_log_goes_on_after_a_restart(shim):
    run(shim, "echo one")
    shim.call("Delete")
    run(shim, "echo two")
    assert [entry["log"] for entry in shim.log_entries()] == ["one\n", "two\n"]


def last_entry(shim):
    """The newest line, or nothing while a rotation has just moved it away."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        return shim.log_entries()[-1]["log"]


def test_rotated_files_are_compressed(shim):
    script = "seq 1 3000; until [ -e /tmp/on ]; do sleep 0.05; done; seq 3001 4000; until [ -e /tmp/end ]; do sleep 0.05; done"
    shim.create(spec(["sh", "-c", script]), options=shim.options(log=log(max_size="40000", max_file="9", compress="true")))
    shim.call("Start")
    for line, word in (("3000", "on"), ("4000", "end")):
        wait_until(lambda: last_entry(shim) == line + "\n", what="the last line")
        wait_until(lambda: not [name for name in os.listdir(shim.directory) if re.fullmatch(r"log\.\d+", name)], what="compression")
        (shim.rootfs / "tmp" / word).touch()
    shim.call("Wait")
    assert any(name.endswith(".gz") for name in os.listdir(shim.directory))
    entries = []
    for number in range(9, -1, -1):
        plain = shim.directory / (f"log.{number}" if number else "log")
        packed = shim.directory / f"log.{number}.gz"
        assert not (plain.exists() and packed.exists())
        text = plain.read_text() if plain.exists() else gzip.open(packed, "rt").read() if packed.exists() else ""
        entries += [json.loads(line)["log"] for line in text.splitlines()]
    assert [int(entry) for entry in entries] == list(range(1, 4001))


def test_cri_format(shim):
    run(shim, r"printf 'one\n\000\377\n' ; head -c 20000 /dev/zero | tr '\0' y; printf err >&2", log=log("cri"))
    lines = [line.split(b" ", 3) for line in shim.log.read_bytes().split(b"\n")[:-1]]
    assert all(re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", line[0]) for line in lines)
    assert [line[2:] for line in lines if line[1] == b"stdout"] == [[b"F", b"one"], [b"F", b"\0\xff"], [b"P", b"y" * 16384], [b"P", b"y" * 3616]]
    assert [line[2:] for line in lines if line[1] == b"stderr"] == [[b"P", b"err"]]
