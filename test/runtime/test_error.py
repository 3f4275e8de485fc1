# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear line, exit code 1, nothing left behind."""

import copy
import json
import os
import shutil
import socket
import struct
import subprocess

import pytest
from bundle import CONFIG, cgroupfs_only, cgroups_of
from cgroups import needs


def fails(runtime, bundle, command="create"):
    """The error of a command that must fail; checks that it left nothing."""
    name = runtime.new_id()
    bundle.write()
    before = len(runtime.errors())
    result = runtime(command, "--bundle", bundle.path, name)
    assert result.code == 1, result
    errors = runtime.errors()[before:]
    assert len(errors) == 1 and errors[0]["msg"] in result.err and len(result.err.splitlines()) == 1
    assert runtime.left() == []
    assert not cgroups_of(name)
    return errors[0]


@pytest.mark.parametrize("command", ["create", "run"])
@pytest.mark.parametrize("program, message, reason", [
    ("nope", 'exec: "nope": executable file not found in $PATH', "COMMAND_NOT_FOUND"),
    ("/nope", 'exec: "/nope": stat /nope: no such file or directory', "COMMAND_NOT_FOUND"),
    ("/etc/passwd", 'exec: "/etc/passwd": permission denied (it has mode 0644: nobody may execute it)',
     "COMMAND_NOT_EXECUTABLE"),
    ("/tmp", 'exec: "/tmp": is a directory', "COMMAND_NOT_EXECUTABLE"),
    ("", 'exec: "": executable file not found in $PATH', "COMMAND_NOT_FOUND"),
])
def test_bad_programs(runtime, command, program, message, reason):
    error = fails(runtime, runtime.bundle().args(program), command)
    assert error["msg"] == message and error["reason"] == reason


def test_bad_programs_in_exec(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("exec", name, "nope").code == 255
    assert runtime.last_error()["msg"] == 'exec: "nope": executable file not found in $PATH'
    assert runtime.last_error()["reason"] == "COMMAND_NOT_FOUND"
    assert runtime("exec", name, "/etc/passwd").code == 255
    assert runtime.last_error()["reason"] == "COMMAND_NOT_EXECUTABLE"


def test_format_error_is_told_by_run_and_start(runtime):
    bundle = runtime.bundle().args("/bad")
    (bundle.rootfs / "bad").write_bytes(b"\x7fELF garbage")
    os.chmod(bundle.rootfs / "bad", 0o755)
    error = fails(runtime, bundle, "run")
    message = "exec /bad: exec format error (it is a damaged program)"
    assert error["msg"] == message and error["reason"] == "COMMAND_NOT_EXECUTABLE"
    name = runtime.create(bundle)
    assert runtime("start", name).code == 1
    assert runtime.last_error()["msg"] == message


def elf(machine, loader=b""):
    """The beginning of a program for x86 (62), ARM (183) and so on, with a PT_INTERP."""
    header = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, machine, 1, 0, 64, 0, 0, 64, 56,
                         1 if loader else 0, 64, 0, 0)
    return header + (struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(loader), len(loader), 1) if loader else b"") + loader


HERE = {"x86_64": 62, "aarch64": 183}[os.uname().machine]
OTHER = {62: (183, "aarch64"), 183: (62, "x86_64")}[HERE]
UNFIT = [
    (b"#!/bin/nosuch -x\n", 0o755, "exec /file: no such file or directory (its interpreter '/bin/nosuch' is not there)",
     "COMMAND_NOT_FOUND"),
    (b"#! /bin/sh\r\n", 0o755,
     "exec /file: no such file or directory (it ends its first line with a carriage return, as on Windows)",
     "COMMAND_NOT_FOUND"),
    (b"#!/script\n", 0o755, "exec /file: no such file or directory (its interpreter '/nowhere\u003f' is not there)",
     "COMMAND_NOT_FOUND"),
    (b"#!/etc/passwd\n", 0o755,
     "exec /file: permission denied (its interpreter '/etc/passwd' has mode 0644: nobody may execute it)",
     "COMMAND_NOT_EXECUTABLE"),
    (elf(HERE, b"/lib/ld-none.so\0"), 0o755,
     "exec /file: no such file or directory (its loader '/lib/ld-none.so' is not there)", "COMMAND_NOT_FOUND"),
    (elf(OTHER[0]), 0o755,
     f"exec /file: exec format error (it is built for {OTHER[1]}, this machine is {os.uname().machine})",
     "COMMAND_NOT_EXECUTABLE"),
    (b"echo hello\n", 0o755,
     "exec /file: exec format error (it is neither a program nor a script that begins with #!)",
     "COMMAND_NOT_EXECUTABLE"),
    (b"", 0o755, "exec /file: exec format error (it is empty)", "COMMAND_NOT_EXECUTABLE"),
    (b"#!/bin/sh\n", 0o700,
     'exec: "/file": permission denied (it has mode 0700 and belongs to 0:0, the process to 7:8)',
     "COMMAND_NOT_EXECUTABLE"),
]


@pytest.mark.parametrize("content, mode, message, reason", UNFIT)
def test_unfit_programs_are_told_apart(runtime, content, mode, message, reason):
    def put(rootfs):
        (rootfs / "script").write_bytes(b"#!/nowhere\x1b\n")
        (rootfs / "file").write_bytes(content)
        os.chmod(rootfs / "script", 0o755)
        os.chmod(rootfs / "file", mode)
    bundle = runtime.bundle().args("/file")
    put(bundle.rootfs)
    user = {"uid": 7, "gid": 8} if mode == 0o700 else {"uid": 0, "gid": 0}
    bundle.config["process"]["user"] = user
    error = fails(runtime, bundle, "run")
    assert error["msg"] == message and error["reason"] == reason
    bundle = runtime.bundle().args("/bin/sleep", "100")
    put(bundle.rootfs)
    name = runtime.start(bundle)
    assert runtime("exec", "--user", f"{user['uid']}:{user['gid']}", name, "/file").code == 255
    assert runtime.last_error()["msg"] == message and runtime.last_error()["reason"] == reason


def test_program_on_a_noexec_mount(runtime):
    bundle = runtime.bundle().args("/mnt/true")
    bundle.mount("/mnt", "bind", str(bundle.rootfs / "bin"), ["bind", "noexec"])
    assert fails(runtime, bundle)["msg"] == \
        'exec: "/mnt/true": permission denied (it is on a file system that is mounted noexec)'
    bundle.config["process"].update(args=["true"], env=["PATH=/mnt"])
    assert fails(runtime, bundle)["msg"] == \
        "exec: \"true\": permission denied ('/mnt/true' is on a file system that is mounted noexec)"


def test_program_that_is_being_written(runtime):
    bundle = runtime.bundle().args("/busy")
    shutil.copy("/bin/busybox", bundle.rootfs / "busy")
    with open(bundle.rootfs / "busy", "r+b"):
        assert fails(runtime, bundle, "run")["msg"] == \
            "exec /busy: text file busy (somebody has it open for writing)"


def test_arguments_that_are_too_long(runtime):
    bundle = runtime.bundle().args("/bin/true", "x" * 200000)
    assert fails(runtime, bundle, "run")["msg"] == \
        "exec /bin/true: argument list too long (arguments have 200011 bytes, the environment 41)"


def test_program_that_is_no_file(runtime):
    bundle = runtime.bundle().args("/pipe")
    os.mkfifo(bundle.rootfs / "pipe", 0o755)
    assert "(it is not a regular file)" in fails(runtime, bundle, "run")["msg"]


@cgroupfs_only
@needs("pids")
def test_full_cgroup_is_named(runtime):
    bundle = runtime.bundle().args("/bin/sleep", "100")
    bundle.config["linux"]["resources"]["pids"] = {"limit": 1}
    name = runtime.start(bundle)
    assert runtime("exec", name, "true").code == 255
    message = runtime.last_error()["msg"]
    assert message.startswith("cannot clone the container's process: resource temporarily unavailable (the limit of "
                              "processes is reached: pids.max of cgroup '/sys/fs/cgroup/")
    assert message.endswith(f"/{name}' is 1)")


@cgroupfs_only
@needs("memory")
def test_memory_limit_that_is_too_low_is_named(runtime):
    bundle = runtime.bundle()
    bundle.config["linux"]["resources"]["memory"] = {"limit": 65536}
    for command in ("create", "run"):
        assert fails(runtime, bundle, command)["msg"].startswith(
            "container init was OOM-killed (memory limit too low?): memory.")


@pytest.mark.parametrize("path, value, message", [
    ("ociVersion", 1, "ociVersion: expected a string"),
    ("process.args", "sh", "process.args: expected an array of strings"),
    ("process.args", [], "process.args: expected at least one word"),
    ("process.args", ["sh", 1], "process.args[1]: expected a string"),
    ("process.cwd", "relative", "process.cwd: expected an absolute path"),
    ("process.cwd", "", "process.cwd: expected an absolute path"),
    ("process.user.uid", -1, "process.user.uid: expected a non-negative integer"),
    ("process.user.uid", 2**32 - 1, "process.user.uid: expected a number up to 4294967294"),
    ("process.user.uid", 2**32, "process.user.uid: expected a number up to 4294967294"),
    ("process.user.gid", 2**40, "process.user.gid: expected a number up to 4294967294"),
    ("process.user.additionalGids", [1, 2**32], "process.user.additionalGids: expected numbers"),
    ("process.user.umask", 0o7777, "process.user.umask: expected"),
    ("process.noNewPrivileges", "yes", "process.noNewPrivileges: expected true or false"),
    ("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": "many"}],
     "process.rlimits[0].hard: expected a non-negative integer"),
    ("process.rlimits", [{"type": "RLIMIT_MAGIC", "soft": 1, "hard": 1}],
     'process.rlimits[0].type: unknown limit "RLIMIT_MAGIC"'),
    ("process.env", ["PATH=/bin", "nonsense"], 'process.env[1]: expected "NAME=value"'),
    ("process", None, "process: expected a value"),
    ("root", None, "root.path: expected a path"),
    ("linux", None, "linux: expected a value"),
    ("mounts", [{"type": "tmpfs"}], "mounts[0].destination: expected a value"),
    ("linux.resources.memory", {"limit": "1g"}, "linux.resources.memory.limit: expected an integer"),
    ("linux.rootfsPropagation", "sideways", 'linux.rootfsPropagation: unknown word "sideways"'),
    ("linux.resources.devices", [{"allow": True, "access": "x"}], 'expected some of "rwm", not "x"'),
    ("linux.timeOffsets", {"boottime": {"secs": 1}}, "linux.timeOffsets: expected a time namespace"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 1, "size": 1}], "expected a user namespace"),
])
def test_bad_configuration_names_the_field(runtime, path, value, message):
    bundle = runtime.bundle()
    *parents, last = path.split(".")
    at = bundle.config
    for name in parents:
        at = at[name]
    at[last] = value
    assert message in fails(runtime, bundle)["msg"]


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00", '{"ociVersion":"1.0.0"', "[" * 10000, "{}"])
def test_bad_json(runtime, text):
    bundle = runtime.bundle()
    bundle.write()
    (bundle.path / "config.json").write_text(text)
    result = runtime("create", "-b", bundle.path, runtime.new_id())
    assert result.code == 1 and "config.json" in runtime.last_error()["msg"]


def test_missing_config(runtime):
    assert runtime("run", "-b", runtime.directory, "x").code == 1
    assert "config.json not found" in runtime.last_error()["msg"]
    assert runtime("run", "-b", "/does/not/exist", "x").code == 1


def test_hostname_needs_a_namespace(runtime):
    error = fails(runtime, runtime.bundle().drop_namespace("uts"))
    assert "unable to set hostname without a private UTS namespace" in error["msg"]


def test_missing_directory_of_exec(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("exec", "--cwd", "/does/not/exist", name, "true").code == 255
    assert runtime.last_error()["msg"].startswith('chdir to cwd ("/does/not/exist")')


@pytest.mark.parametrize("words", [
    ("frobnicate",), ("run",), ("run", "a", "b"), ("run", "--nope", "x"), ("kill",), ("kill", "x", "9", "10"),
    ("state",), ("exec", "x"), ("--nope",), ("list", "x"), ("--log-format", "xml", "list")])
def test_bad_command_lines(runtime, words):
    result = runtime(*words)
    assert result.code == (255 if words[0] == "exec" else 1) and len(result.err.splitlines()) >= 1


def test_bad_signal(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert runtime("kill", name, "SIGNOPE").code == 1
    assert "SIGNOPE" in runtime.last_error()["msg"]


def test_log_formats(runtime):
    log = runtime.directory / "text.log"
    words = [str(runtime.program), "--root", str(runtime.root), "--log", str(log), "state", "nobody"]
    assert subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 1
    assert "does not exist" in log.read_text()
    words[4] = str(runtime.directory / "absent/log")
    result = subprocess.run(words, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1 and words[4] in result.stderr
    assert runtime("state", "nobody").code == 1
    last = runtime.last_error()
    assert set(last) >= {"level", "msg", "time", "code"} and last["code"] == 5


def test_log_of_the_journal(runtime):
    directory = "/run/systemd/journal"
    if os.path.lexists(f"{directory}/socket"):
        pytest.skip("this machine has its own journald")
    words = [str(runtime.program), "--root", str(runtime.root), "--log", "journald:me", "state", "nobody"]
    made = [path for path in (directory, os.path.dirname(directory)) if not os.path.exists(path)]
    os.makedirs(directory, exist_ok=True)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(f"{directory}/socket")
            result = subprocess.run(words, stderr=subprocess.PIPE, text=True)
            assert result.returncode == 1 and result.stderr == "container does not exist: 'nobody'\n"
            assert daemon.recv(4096) == b"PRIORITY=3\nSYSLOG_IDENTIFIER=me\nMESSAGE=container does not exist: 'nobody'\n"
    finally:
        os.unlink(f"{directory}/socket")
        for path in made:
            os.rmdir(path)
    result = subprocess.run(words, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and "cannot connect to" in result.stderr


def test_log_of_a_file_by_its_backend(runtime):
    log = runtime.directory / "by-backend.log"
    assert subprocess.run([str(runtime.program), "--log", f"file:{log}", "--root", str(runtime.root), "state", "nobody"],
                          stderr=subprocess.DEVNULL).returncode == 1
    assert "does not exist" in log.read_text()


def test_exec_takes_only_numeric_users(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    for user in ("root", "0x0", "4294967296", "4294967295", "-1", "1:", ":1", "1:4294967295", " 1", "1 "):
        assert runtime("exec", "--user", user, name, "true").code == 255, user
    for user, ids in (("1", "1 0"), ("1:2", "1 2"), ("0", "0 0"), ("4294967294:3", "4294967294 3")):
        assert runtime.ok("exec", "-u", user, name, "sh", "-c", "echo $(id -u) $(id -g)").out.strip() == ids


def test_empty_texts_are_options_that_were_not_given(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    empty = [f"--{option}=" for option in ("user", "cwd", "process", "console-socket", "pid-file", "apparmor", "process-label")]
    assert runtime.ok("exec", *empty, name, "sh", "-c", "id -u; pwd").out.split() == ["0", "/"]
    runtime.ok("update", "--memory=", "--resources=", name)
    runtime.ok("kill", name, "")
    runtime.wait_status(name, "running")  # init of a pid namespace has no handler for SIGTERM


def test_exec_process_file(runtime):
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    process = copy.deepcopy(CONFIG["process"])
    process.update(args=["/bin/sh", "-c", "id -u; pwd; echo $X"], cwd="/tmp", env=["X=y", "PATH=/bin"],
                   user={"uid": 5, "gid": 6})
    path = runtime.directory / "process.json"
    path.write_text(json.dumps(process))
    assert runtime.ok("exec", "--process", path, name).out.split() == ["5", "/tmp", "y"]
    path.write_text('{"args": 1}')
    assert runtime("exec", "-p", path, name).code == 255
    assert "args: expected an array of strings" in runtime.last_error()["msg"]


def test_exec_in_a_stopped_container(runtime):
    name = runtime.start(runtime.bundle())
    runtime.wait_status(name, "stopped")
    assert runtime("exec", name, "true").code == 255
    assert runtime.last_error()["msg"] == "cannot exec in a stopped container"


def test_rootfs_that_vanished(runtime):
    bundle = runtime.bundle()
    shutil.rmtree(bundle.rootfs)
    assert "root.path" in fails(runtime, bundle)["msg"]
