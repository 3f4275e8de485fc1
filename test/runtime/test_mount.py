# SPDX-License-Identifier: Apache-2.0
"""The file system tree: mounts of every kind, devices, masked and read-only paths, propagation."""

import os
import stat
import subprocess

import pytest
from bundle import mapped, reachable


def options_of(out, place):
    """Mount options of the last line for `place` in a /proc/self/mountinfo."""
    lines = [line.split() for line in out.splitlines() if line.split()[4] == place]
    return lines[-1][5].split(",")


MOUNTINFO = ("/bin/cat", "/proc/self/mountinfo")


def test_standard_mounts(runtime):
    out = runtime.run(runtime.bundle().args(*MOUNTINFO)).out
    kinds = {line.split()[4]: line.split(" - ")[1].split()[0] for line in out.splitlines()}
    for place, kind in {"/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs", "/sys": "sysfs",
                        "/dev/mqueue": "mqueue"}.items():
        assert kinds[place] == kind
    assert "/sys/fs/cgroup" in kinds
    assert {"nosuid", "noexec", "nodev"} <= set(options_of(out, "/dev/shm"))
    assert "ro" in options_of(out, "/sys") and "ro" in options_of(out, "/sys/fs/cgroup")


def test_nothing_of_the_host_is_mounted(runtime):
    out = runtime.run(runtime.bundle().args(*MOUNTINFO)).out
    places = [line.split()[4] for line in out.splitlines()]
    assert all(p == "/" or p.split("/")[1] in ("proc", "dev", "sys") for p in places)


@pytest.mark.parametrize("readonly", [True, False])
def test_root(runtime, readonly):
    bundle = runtime.bundle().sh("touch /tmp/x; echo $?; touch /dev/shm/x; echo $?")
    bundle.config["root"]["readonly"] = readonly
    assert runtime.run(bundle).out.split() == ["1" if readonly else "0", "0"]


def test_bind_of_a_directory(runtime):
    source = runtime.directory / "source"
    source.mkdir()
    (source / "file").write_text("hello")
    bundle = runtime.bundle().mount("/made/for/it", "bind", str(source), ["rbind", "rw"])
    bundle.sh("cat /made/for/it/file; echo back > /made/for/it/answer")
    assert runtime.run(bundle).out == "hello"
    assert (source / "answer").read_text() == "back\n"


def test_bind_of_a_file_and_read_only(runtime):
    source = runtime.directory / "file"
    source.write_text("hello")
    bundle = runtime.bundle().mount("/etc/deep/file", None, str(source), ["bind", "ro", "nosuid", "noexec"])
    bundle.sh("cat /etc/deep/file; echo x > /etc/deep/file; cat /proc/self/mountinfo")
    result = runtime.run(bundle)
    assert result.out.startswith("hello") and "Read-only" in result.err
    assert {"ro", "nosuid", "noexec"} <= set(options_of(result.out[5:], "/etc/deep/file"))
    assert source.read_text() == "hello"


def test_relative_bind_source_is_in_the_bundle(runtime):
    bundle = runtime.bundle().mount("/x", "bind", "data", ["bind"]).args("/bin/cat", "/x/file")
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("here")
    assert runtime.run(bundle).out == "here"


@pytest.fixture
def nested(runtime):
    """A tmpfs with another tmpfs inside it."""
    path = runtime.directory / "nested"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    (path / "inner").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path / "inner"], check=True)
    (path / "inner/file").touch()
    yield path
    subprocess.run(["umount", "-R", path], check=True)


def test_bind_and_rbind(runtime, nested):
    bundle = runtime.bundle().mount("/flat", "bind", str(nested), ["bind"])
    bundle.mount("/deep", "bind", str(nested), ["rbind"]).sh("ls /flat/inner; echo --; ls /deep/inner")
    assert runtime.run(bundle).out == "--\nfile\n"


def test_recursive_read_only(runtime, nested):
    script = "touch /m/x; echo $?; touch /m/inner/x; echo $?"
    plain = runtime.bundle().mount("/m", "bind", str(nested), ["rbind", "ro"]).sh(script)
    assert runtime.run(plain).out.split() == ["1", "0"]
    deep = runtime.bundle().mount("/m", "bind", str(nested), ["rbind", "rro"]).sh(script)
    assert runtime.run(deep).out.split() == ["1", "1"]


def test_missing_bind_source(runtime):
    bundle = runtime.bundle().mount("/x", "bind", "/does/not/exist", ["bind"])
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"] == \
        "mounts[7] ('/x'): cannot bind '/does/not/exist': no such file or directory"


def test_tmpfs_size_and_mode(runtime):
    bundle = runtime.bundle().mount("/t", "tmpfs", "tmpfs", ["size=64k", "mode=1770", "ro"])
    bundle.sh("stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'; touch /t/x; echo $?")
    assert runtime.run(bundle).out.split() == ["1770", "64", "1"]


def test_tmpfs_takes_the_mode_of_what_it_covers(runtime):
    bundle = runtime.bundle().mount("/covered", "tmpfs", "tmpfs").sh("stat -c %a /covered")
    (bundle.rootfs / "covered").mkdir()
    os.chmod(bundle.rootfs / "covered", 0o1751)
    assert runtime.run(bundle).out == "1751\n"


def test_tmpfs_copy_up(runtime):
    bundle = runtime.bundle().mount("/var", "tmpfs", "tmpfs", ["tmpcopyup"])
    (bundle.rootfs / "var/lib").mkdir(parents=True)
    (bundle.rootfs / "var/lib/file").write_text("copied")
    os.symlink("/etc/passwd", bundle.rootfs / "var/link")
    os.chown(bundle.rootfs / "var/lib/file", 5, 6)
    bundle.sh("cat /var/lib/file; readlink /var/link; stat -c %u:%g /var/lib/file; echo x > /var/lib/new")
    assert runtime.run(bundle).out == "copied/etc/passwd\n5:6\n"
    assert not (bundle.rootfs / "var/lib/new").exists()


def test_unknown_option_and_type(runtime):
    bundle = runtime.bundle().mount("/x", "tmpfs", "tmpfs", ["frobnicate=1"])
    assert runtime.run(bundle).code == 1
    message = runtime.last_error()["msg"]
    assert message.startswith("error mounting \"tmpfs\" to rootfs at \"/x\": cannot make 'tmpfs' with option \"frobnicate=1\"")
    assert runtime.run(runtime.bundle().mount("/x", "nosuchfs", "none")).code == 1
    assert "cannot make 'nosuchfs': no such device" in runtime.last_error()["msg"]


def test_default_devices(runtime):
    script = "cd /dev; stat -c '%n %F %t:%T %a' null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do readlink $l; done"
    lines = runtime.run(runtime.bundle().sh(script)).out.splitlines()
    assert lines[0] == "null character special file 1:3 666" and lines[5] == "tty character special file 5:0 666"
    assert lines[6:] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"]


def test_configured_devices(runtime):
    bundle = runtime.bundle().sh("stat -c '%n %F %t:%T %a %u:%g' /dev/deep/one /dev/pipe; cat /dev/deep/one | wc -c")
    bundle.config["linux"]["devices"] = [
        {"path": "/dev/deep/one", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]
    out = runtime.run(bundle).out.splitlines()
    assert out[0] == "/dev/deep/one character special file 1:3 640 3:4"
    assert out[1].startswith("/dev/pipe fifo") and out[2] == "0"


def test_device_rules(runtime):
    script = "mknod /tmp/mem c 1 1; cat /tmp/mem > /dev/null; echo $?; echo > /dev/null && echo fine"
    bundle = runtime.bundle().caps("CAP_MKNOD", "CAP_SYS_RAWIO").sh(script)
    result = runtime.run(bundle)
    assert result.out.split() == ["1", "fine"] and "not permitted" in result.err
    bundle = runtime.bundle().caps("CAP_SYSLOG").sh("head -c 1 /dev/kmsg > /dev/null; echo $?")
    bundle.config["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]
    bundle.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"})
    assert runtime.run(bundle).out == "0\n"


def test_masked_paths(runtime):
    bundle = runtime.bundle().sh("cat /secret; ls /hidden; cat /proc/keys; ls /sys/firmware; stat -c %t:%T /secret")
    (bundle.rootfs / "secret").write_text("secret")
    (bundle.rootfs / "hidden").mkdir()
    (bundle.rootfs / "hidden/file").touch()
    bundle.config["linux"]["maskedPaths"] += ["/secret", "/hidden", "/absent", "/secret/below"]
    assert runtime.run(bundle).out == "1:3\n"


def test_readonly_paths(runtime):
    bundle = runtime.bundle().sh("echo 1 > /proc/sys/kernel/domainname; touch /kept/x; touch /tmp/x; echo $?")
    (bundle.rootfs / "kept").mkdir()
    bundle.config["linux"]["readonlyPaths"] += ["/kept", "/absent"]
    result = runtime.run(bundle)
    assert result.out == "0\n" and result.err.count("Read-only") == 2


@pytest.mark.parametrize("path", ["/", "/..", "//."])
def test_the_root_may_be_a_readonly_path(runtime, path):
    bundle = runtime.bundle().sh("touch /x && echo written; touch /dev/shm/x; echo 1 > /proc/sys/kernel/domainname || echo kept")
    bundle.config["linux"]["readonlyPaths"].insert(0, path)
    assert runtime.run(bundle).out == "kept\n" and not (bundle.rootfs / "x").exists()


@pytest.mark.parametrize("word, tag", [("private", ""), ("rshared", "shared:"), ("rslave", "master:"), (None, "")])
def test_root_propagation(runtime, word, tag):
    bundle = runtime.bundle().args(*MOUNTINFO)
    if word:
        bundle.config["linux"]["rootfsPropagation"] = word
    root = next(line for line in runtime.run(bundle).out.splitlines() if line.split()[4] == "/")
    if tag != "master:":  # a slave of a private mount has no master
        assert ("shared:" in root) == (tag == "shared:")


def test_mounts_do_not_reach_the_host(runtime):
    bundle = runtime.bundle().mount("/x", "bind", str(runtime.directory), ["rbind"]).args("/bin/sleep", "100")
    runtime.start(bundle)
    assert str(runtime.directory) not in open("/proc/self/mountinfo").read()


def test_bind_propagation_from_the_host(runtime):
    """rslave: what the host mounts later below the source shows up; the default keeps to itself or follows."""
    source = runtime.directory / "source"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    (source / "later").mkdir()
    try:
        bundle = runtime.bundle().mount("/slave", "bind", str(source), ["rbind", "rslave"])
        bundle.mount("/private", "bind", str(source), ["rbind", "rprivate"]).args("/bin/sleep", "100")
        name = runtime.start(bundle)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "later"], check=True)
        (source / "later/file").touch()
        assert runtime.ok("exec", name, "ls", "/slave/later").out == "file\n"
        assert runtime.ok("exec", name, "ls", "/private/later").out == ""
        runtime.ok("delete", "--force", name)
    finally:
        subprocess.run(["umount", "-R", source], check=True)


def test_mountinfo_lists_mounts_in_the_order_of_the_configuration(runtime):
    """The kernel lists them by age; programs that read it take the later one of two for the upper one."""
    bundle = runtime.bundle().mount("/tmp/one", "bind", "/etc", ["bind"]).mount("/tmp/two", "tmpfs", "x", ["mode=755"])
    bundle.mount("/tmp/three", "bind", "/usr", ["bind"]).mount("/tmp/three", "tmpfs", "y", ["mode=700"])
    places = [line.split()[4] for line in runtime.run(bundle.args(*MOUNTINFO)).out.splitlines()]
    wanted = [m["destination"] for m in bundle.config["mounts"]]
    assert [place for place in places if place in wanted] == wanted


def test_id_mapped_bind(runtime):
    source = runtime.directory / "source"
    source.mkdir()
    (source / "file").touch()
    os.chown(source / "file", 1000, 1000)
    bundle = runtime.bundle().mount("/m", "bind", str(source), ["bind"]).args("/bin/stat", "-c", "%u:%g", "/m/file")
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["mounts"][-1][kind] = [{"containerID": 1000, "hostID": 5000, "size": 1}]
    assert runtime.run(bundle).out == "5000:5000\n"


@pytest.mark.parametrize("kind", ["bind", "rbind"])
def test_id_mapped_bind_of_a_place_in_the_tree_in_a_user_namespace(runtime, kind):
    """Only the runtime may map ids there, and only init can see the place: they help each other."""
    source = runtime.directory / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").touch()
    os.chown(source / "sub/file", 7, 7)
    reachable(runtime)
    bundle = mapped(runtime.bundle().mount("/m", "bind", str(source), ["bind"]))
    bundle.mount("/n", "bind", str(bundle.rootfs / "m/sub"), [kind, "idmap"])
    bundle.sh("stat -c %u:%g /m/sub/file /n/file")
    assert runtime.run(bundle).out.split() == ["65534:65534", "7:7"]


def test_no_pivot(runtime):
    result = runtime.run(runtime.bundle().sh("ls /; cat /proc/self/mountinfo | wc -l"), "--no-pivot")
    assert result.code == 0 and "bin" in result.out.split()


@pytest.mark.parametrize("covered", [False, True], ids=["seen", "covered"])
@pytest.mark.parametrize("kind, secret", [("proc", "sysrq-trigger"), ("sysfs", "kernel")])
def test_no_pivot_and_no_whole_proc_of_the_host(runtime, tmp_path, kind, secret, covered):
    """Wherever the host has one, a user namespace in the container could mount another, where nothing is masked."""
    point = tmp_path / "covered/host"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", kind, kind, point], check=True)
    if covered:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point.parent], check=True)
    try:
        for hooks in ({}, {"prestart": [{"path": "/bin/true"}]}):
            bundle = runtime.bundle().sh(f"unshare -mnrpf sh -c 'mount -t {kind} none /tmp && ls /tmp'").caps("CAP_SETFCAP")
            bundle.config["hooks"] = hooks
            bundle.config["linux"]["maskedPaths"] = ["/proc/kcore", "/sys/firmware"]
            result = runtime.run(bundle, "--no-pivot")
            assert secret not in result.out and "ermission denied" in result.err, result
    finally:
        if covered:
            subprocess.run(["umount", point.parent], check=True)
        subprocess.run(["umount", point], check=True)


def test_sysctls(runtime):
    bundle = runtime.bundle().sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni")
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel/shmmni": "1234"}
    assert runtime.run(bundle).out.split() == ["1", "1234"]


def test_sysctls_of_the_host_are_refused(runtime):
    for name in ("kernel.core_pattern", "vm.swappiness", "kernel/../net/../kernel/core_pattern"):
        bundle = runtime.bundle()
        bundle.config["linux"]["sysctl"] = {name: "x"}
        assert runtime.run(bundle).code == 1
        assert "linux.sysctl" in runtime.last_error()["msg"]
    bundle = runtime.bundle().drop_namespace("network")
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert runtime.run(bundle).code == 1
    assert "network namespace of its own" in runtime.last_error()["msg"]


def test_cgroup_files_show_the_containers_own(runtime):
    out = runtime.run(runtime.bundle().sh("cat /sys/fs/cgroup/*/tasks /sys/fs/cgroup/cgroup.procs | sort -u")).out
    if os.path.isdir("/sys/fs/cgroup/pids"):
        assert "1" in out.split()


def test_rootfs_may_be_a_symlink_and_must_exist(runtime):
    bundle = runtime.bundle().sh("echo fine")
    bundle.rootfs.rename(bundle.path / "real")
    os.symlink("real", bundle.rootfs)
    assert runtime.run(bundle).out == "fine\n"
    bundle.config["root"]["path"] = "missing"
    assert runtime.run(bundle).code == 1
    assert runtime.last_error()["msg"].startswith("root.path: cannot bind")
    assert not stat.S_ISDIR(os.lstat(bundle.rootfs).st_mode)


def cgroup_files(bundle):
    """Prints each cgroup mount that the container sees, with the processes at its root."""
    return bundle.sh("cd /sys/fs/cgroup; for f in */cgroup.procs cgroup.procs; do "
                     "[ -e $f ] && echo $f: $(cat $f); done; mkdir $f/x pids/x 2>&1")


def test_cgroup_namespace_mounts_its_own_view(runtime):
    bundle = cgroup_files(runtime.bundle().namespace("cgroup"))
    lines = runtime.run(bundle).out.splitlines()
    seen = [line for line in lines if "cgroup.procs:" in line]
    assert seen and all(line.split()[1] == "1" for line in seen), lines
    assert any("Read-only file system" in line for line in lines) or os.path.exists("/sys/fs/cgroup/cgroup.procs")


def test_relative_destination_begins_at_the_root_and_is_warned_of(runtime):
    bundle = runtime.bundle().mount("made/here", "tmpfs", "tmpfs").sh("grep ' /made/here ' /proc/mounts")
    assert runtime.run(bundle).out.startswith("tmpfs /made/here tmpfs")
    assert "mount destination made/here is not absolute" in runtime.log.read_text()


def test_destination_may_be_a_path_of_the_host(runtime):
    bundle = runtime.bundle()
    bundle.mount(str(bundle.rootfs / "there"), "tmpfs", "tmpfs").sh("grep -c ' /there ' /proc/mounts")
    assert runtime.run(bundle).out == "1\n"


def test_source_in_the_rootfs_is_what_earlier_mounts_made_of_it(runtime):
    source = runtime.directory / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").write_text("seen\n")
    bundle = runtime.bundle().args("/bin/cat", "/second/file")
    bundle.mount("/first", "bind", str(source), ["rbind"])
    bundle.mount("/second", "bind", str(bundle.rootfs / "first/sub"), ["rbind"])
    assert runtime.run(bundle).out == "seen\n"


def test_destination_through_dangling_symlinks(runtime):
    source = runtime.directory / "source"
    source.write_text("seen\n")
    bundle = runtime.bundle().args("/bin/cat", "/new/place/hosts").mount("/etc/hosts", "bind", str(source), ["bind"])
    os.symlink("/new/place", bundle.rootfs / "jump")
    os.symlink("/jump/hosts", bundle.rootfs / "etc/hosts")
    assert runtime.run(bundle).out == "seen\n"
    assert not os.path.exists("/new")


def test_five_hundred_mounts(runtime):
    source = runtime.directory / "source"
    source.mkdir()
    bundle = runtime.bundle().sh("grep -c ' /m/' /proc/mounts")
    for i in range(500):
        bundle.mount(f"/m/{i}", "bind", str(source), ["rbind", "ro"])
    assert runtime.run(bundle).out == "500\n"


@pytest.mark.parametrize("word, expected", [
    ("private", ""), ("rprivate", ""), ("shared", "shared"), ("rshared", "shared"), ("slave", "master"),
    ("rslave", "master"), ("unbindable", "unbindable"), ("runbindable", "unbindable")])
def test_propagation_of_the_root(runtime, word, expected):
    bundle = runtime.bundle().args("/bin/grep", " / / \\| /[^ ]* / ", "/proc/self/mountinfo")
    bundle.config["linux"]["rootfsPropagation"] = word
    result = runtime.run(bundle)
    assert result.code == 0, result
    fields = result.out.splitlines()[0].split()
    optional = [field.split(":")[0] for field in fields[6:fields.index("-")]]
    assert optional == ([expected] if expected else []), result.out


def test_bind_has_the_flags_that_it_names_and_no_other(runtime):
    source = runtime.directory / "source"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source], check=True)
    subprocess.run(["mount", "-o", "remount,bind,nosuid,nodev,noexec,noatime", source], check=True)
    try:
        for options, flags in ((["rbind"], "rw,nosuid,nodev,noexec,noatime"), (["rbind", "ro"], "ro,noatime"),
                               (["rbind", "dev"], "rw,noatime"), (["rbind", "nosuid", "relatime"], "rw,nosuid,relatime")):
            bundle = runtime.bundle().mount("/m", "bind", str(source), options).sh("grep ' /m ' /proc/mounts")
            got = runtime.run(bundle).out.split()[3]
            assert [f for f in got.split(",") if not f.startswith("inode")] == flags.split(","), options
    finally:
        subprocess.run(["umount", source], check=True)


@pytest.mark.skipif(os.path.exists("/sys/fs/selinux/enforce"), reason="SELinux is on")
def test_mount_label_without_selinux(runtime):
    bundle = runtime.bundle().args("/bin/grep", "-c", "context=", "/proc/mounts")
    bundle.config["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"
    assert runtime.run(bundle).out == "0\n"
