# SPDX-License-Identifier: Apache-2.0
"""crun's annotations and mount options that engines and their users rely on."""

import base64
import errno
import os
import socket
import struct
import subprocess

import pytest
from bundle import mapped, reachable


def annotated(bundle, **annotations):
    bundle.config["annotations"] = {"run.oci." + key: value for key, value in annotations.items()}
    return bundle


def listen(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    server.settimeout(60)
    return server


def test_original_groups_are_kept(runtime):
    """podman's --group-add keep-groups: no mapping could give them to the container."""
    bundle = runtime.bundle().args("/bin/id", "-G")
    bundle.config["process"]["user"]["additionalGids"] = [7]
    groups = {"extra_groups": [4321, 4322]}
    assert runtime.run(bundle, **groups).out.split() == ["0", "7"]
    annotated(bundle, keep_original_groups="1")
    assert set(runtime.run(bundle, **groups).out.split()) == {"0", "4321", "4322"}


def test_original_groups_are_kept_in_exec(runtime):
    name = runtime.start(annotated(runtime.bundle().args("/bin/sleep", "100"), keep_original_groups="1"))
    out = runtime.ok("exec", "-u", "5:5", name, "id", "-G", extra_groups=[4321]).out
    assert set(out.split()) == {"5", "4321"}


def test_unknown_system_call_may_be_an_error(runtime):
    bundle = runtime.bundle()
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getpid", "frobnicate"], "action": "SCMP_ACT_ERRNO"}]}
    assert runtime.run(bundle).code == 0
    annotated(bundle, seccomp_fail_unknown_syscall="1")
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"] == 'linux.seccomp.syscalls[0].names[1]: unknown system call "frobnicate"'


@pytest.mark.parametrize("key, value, words", [
    ("run.oci.handler", "krun", "not supported"), ("run.oci.seccomp.plugins", "/lib/x.so", "not supported"),
    ("run.oci.systemd.force_cgroup_v1", "/sys/fs/cgroup", "not supported"),
    ("run.oci.mount_context_type", "nosuch", 'unknown word "nosuch"'),
    ("run.oci.seccomp_bpf_data", "AAA", "expected a seccomp filter"), ("run.oci.seccomp_bpf_data", "AAAAAAA=", "expected a seccomp filter"),
    ("run.oci.seccomp_bpf_data", "", "expected a seccomp filter"), ("run.oci.seccomp_bpf_data", base64.b64encode(bytes(8 * 4097)).decode(), "expected")])
def test_what_is_not_done_is_refused(runtime, key, value, words):
    bundle = runtime.bundle()
    bundle.config["annotations"] = {key: value}
    assert runtime.run(bundle).code == 1
    assert f"annotation {key}" in runtime.last_error()["msg"] and words in runtime.last_error()["msg"]


@pytest.mark.parametrize("word", ["context", "fscontext", "defcontext", "rootcontext"])
def test_types_of_mount_contexts(runtime, word):
    bundle = runtime.bundle()
    bundle.config["annotations"] = {"run.oci.mount_context_type": word}
    bundle.config["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0"
    assert runtime.run(bundle).code == 0 or os.path.exists("/sys/fs/selinux/enforce")


def test_compiled_seccomp_filter(runtime):
    """mkdir(2) and mkdirat(2) are EXDEV, everything else is allowed; linux.seccomp is not looked at."""
    calls = {"x86_64": (83, 258), "aarch64": (34, 34)}[os.uname().machine]
    program = [(0x20, 0, 0, 0), *((0x15, len(calls) - i, 0, nr) for i, nr in enumerate(calls)), (0x06, 0, 0, 0x7FFF0000),
               (0x06, 0, 0, 0x00050000 | errno.EXDEV)]
    bundle = runtime.bundle().sh("mkdir /x; touch /y && echo fine")
    raw = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    bundle.config["annotations"] = {"run.oci.seccomp_bpf_data": base64.b64encode(raw).decode()}
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_NOSUCH"}
    result = runtime.run(bundle)
    assert result.out == "fine\n" and os.strerror(errno.EXDEV) in result.err, result
    name = runtime.start(bundle.sh("sleep 100"))
    assert os.strerror(errno.EXDEV) in runtime("exec", name, "mkdir", "/x").err


def test_pidfd_receiver(runtime):
    server = listen(runtime.directory / "pidfd")
    bundle = annotated(runtime.bundle().args("/bin/sleep", "100"), pidfd_receiver=str(runtime.directory / "pidfd"))
    name = runtime.create(bundle)
    _, fds, _, _ = socket.recv_fds(server.accept()[0], 100, 1)
    pid = open(f"/proc/self/fdinfo/{fds[0]}").read().split("Pid:")[1].split()[0]
    assert int(pid) == runtime.state(name)["pid"]


@pytest.mark.parametrize("with_exec", [False, True])
def test_seccomp_receiver(runtime, with_exec):
    """Where the configuration has no listenerPath, the annotation says it, for later processes, too."""
    path = runtime.directory / "agent"
    server = listen(path)
    bundle = annotated(runtime.bundle().args("/bin/sleep", "100"), **{"seccomp.receiver": str(path)})
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
    name = runtime.start(bundle)
    connections = [server.accept()[0]]
    if with_exec:
        runtime.ok("exec", name, "true")
        connections.append(server.accept()[0])
    for connection in connections:
        text, fds, _, _ = socket.recv_fds(connection, 65536, 1)
        assert len(fds) == 1 and b"seccompFd" in text


def test_copied_symlink(runtime):
    source = runtime.directory / "link"
    os.symlink("over/there", source)
    bundle = runtime.bundle().mount("/made/here", "bind", str(source), ["bind", "copy-symlink"])
    bundle.args("/bin/readlink", "/made/here")
    assert runtime.run(bundle).out == "over/there\n"
    assert runtime.run(bundle).out == "over/there\n"  # the same is there already
    (bundle.rootfs / "made/here").unlink()
    (bundle.rootfs / "made/here").touch()
    assert runtime.run(bundle).code == 1
    assert "cannot make symlink '/made/here' to 'over/there': something else is there" in runtime.last_error()["msg"]


def test_copied_symlink_goes_through_no_link_of_the_image(runtime):
    source = runtime.directory / "link"
    canary = runtime.directory / "canary"
    canary.mkdir()
    os.symlink("x", source)
    bundle = runtime.bundle().mount("/etc/way/new", "bind", str(source), ["bind", "copy-symlink"])
    os.symlink(canary, bundle.rootfs / "etc/way")
    runtime.run(bundle)
    assert os.listdir(canary) == []


def test_copied_symlink_of_a_file_is_a_bind(runtime):
    source = runtime.directory / "file"
    source.write_text("hello\n")
    bundle = runtime.bundle().mount("/here", "bind", str(source), ["bind", "copy-symlink"]).args("/bin/cat", "/here")
    assert runtime.run(bundle).out == "hello\n"


@pytest.mark.parametrize("user", [False, True], ids=["root", "user namespace"])
def test_symlinks_that_are_not_followed(runtime, user):
    reachable(runtime)
    source = runtime.directory / "link"
    os.symlink("to/source", source)
    bundle = runtime.bundle()
    os.symlink("to/destination", bundle.rootfs / "etc/dest")
    if user:
        mapped(bundle)
    bundle.mount("/etc/dest", "bind", str(source), ["bind", "src-nofollow", "dest-nofollow"])
    bundle.args("/bin/readlink", "/etc/dest")
    assert runtime.run(bundle).out == "to/source\n"
    assert os.readlink(bundle.rootfs / "etc/dest") == "to/destination"
    assert not (bundle.rootfs / "etc/to").exists()


def test_copy_symlink_excludes_the_others(runtime):
    bundle = runtime.bundle().mount("/x", "bind", "/etc", ["bind", "copy-symlink", "src-nofollow"])
    assert runtime.run(bundle).code == 1
    assert "copy-symlink cannot be combined" in runtime.last_error()["msg"]


@pytest.mark.parametrize("option, seen", [
    ("idmap=uids=1000-5000-1;gids=1000-6000-1", "5000:6000"),
    ("idmap=uids=0-1-10#1000-70-1;gids=1000-80-1", "70:80"),
    ("ridmap=uids=1000-5000-1;gids=1000-6000-1", "5000:6000"),
])
def test_mapping_in_the_option(runtime, option, seen):
    source = runtime.directory / "source"
    source.mkdir()
    (source / "file").touch()
    os.chown(source / "file", 1000, 1000)
    bundle = runtime.bundle().mount("/m", "bind", str(source), ["rbind", option])
    bundle.args("/bin/stat", "-c", "%u:%g", "/m/file")
    assert runtime.run(bundle).out.strip() == seen


def test_mapping_relative_to_the_container(runtime):
    """The file's 1000 becomes the container's 3, which is the host's 100003."""
    reachable(runtime)
    source = runtime.directory / "source"
    source.mkdir()
    (source / "file").touch()
    os.chown(source / "file", 1000, 1000)
    bundle = mapped(runtime.bundle().mount("/m", "bind", str(source),
                                           ["bind", "idmap=uids=@1000-3-1;gids=@1000-4-1"]))
    assert runtime.run(bundle.args("/bin/stat", "-c", "%u:%g", "/m/file")).out == "3:4\n"


@pytest.mark.parametrize("option", ["idmap=", "idmap=uids=1-2", "idmap=uids=1-2-x;gids=0-0-1", "idmap=sids=0-0-1",
                                    "idmap=uids=0-0-1"])
def test_bad_mappings_in_the_option(runtime, option):
    bundle = runtime.bundle().mount("/m", "bind", "/etc", ["bind", option])
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"].startswith("mounts[7] ('/m'): ")


def test_named_runc_it_speaks_as_runc(runtime, tmp_path):
    """A program in runc's place has users that look for runc's words."""
    runc = tmp_path / "bin/runc"
    runc.parent.mkdir()
    os.symlink(runtime.program, runc)

    def say(*words):
        done = subprocess.run([runc, "--root", runtime.root, *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=60)
        return done.stdout if done.returncode == 0 else done.stderr
    lines = say("--version").splitlines()
    assert lines[0].startswith("runc version ") and lines[1].startswith("commit: ")
    assert lines[2].startswith("spec: 1.") and lines[3].startswith("libseccomp: ")
    assert say("--help").splitlines()[1].startswith("   runc - Open Container Initiative runtime")
    assert say("run", "--help").splitlines()[1].startswith("   runc run - ")
    bundle = runtime.bundle().args("nope")
    bundle.write()
    begin = "unable to start container process: error during container init: exec: \"nope\": "
    for command in ("run", "create"):
        assert say(command, "-b", bundle.path, runtime.new_id()).startswith(f"runc {command} failed: {begin}")
    name = runtime.start(runtime.bundle().args("/bin/sleep", "100"))
    assert say("exec", name, "nope").startswith(f"exec failed: {begin}")
    bundle = runtime.bundle().args("/script")
    (bundle.rootfs / "script").write_text("#!/nowhere\n")
    os.chmod(bundle.rootfs / "script", 0o755)
    bundle.write()
    assert say("run", "-b", bundle.path, runtime.new_id()) == "exec /script: no such file or directory\n"
    assert say("state", "nobody") == "container does not exist: 'nobody'\n"
