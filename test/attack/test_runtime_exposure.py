# SPDX-License-Identifier: Apache-2.0
"""Rules G, I, J, N and O, as far as they touch a runtime: annotations, sockets, sizes, state on disk, hooks, cgroups."""

import json
import os
import stat
import subprocess

import pytest
from bundle import cgroup_lines, cgroups_of, runtime  # noqa: F401


def sockets():
    return {line.split()[-1] for line in open("/proc/net/unix").read().splitlines()[1:] if len(line.split()) > 7}


def test_no_abstract_sockets(runtime):
    """CVE-2020-15257: whoever shares the host's network finds no door there."""
    before = sockets()
    runtime.create(runtime.bundle().args("/bin/sleep", "100").drop_namespace("network"))
    assert not {name for name in sockets() - before if name.startswith("@")}


def test_state_is_roots_alone(runtime):
    """CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: under any umask."""
    old = os.umask(0)
    try:
        name = runtime.create(runtime.bundle().args("/bin/sleep", "100"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(runtime.root).st_mode) & 0o077 == 0
    if not runtime.is_ours:
        return
    assert stat.S_IMODE(os.stat(runtime.root / name).st_mode) == 0o700
    for entry in os.scandir(runtime.root / name):
        assert stat.S_IMODE(entry.stat().st_mode) & 0o077 == 0, entry.name


def test_state_directory_of_somebody_else(runtime, canary):
    """A name that is already a symlink or a file in the root is no container."""
    runtime.root.mkdir(mode=0o700)
    os.symlink(str(canary), runtime.root / "evil")
    bundle = runtime.bundle()
    bundle.write()
    assert runtime.refused(runtime("run", "-b", bundle.path, "evil"))
    assert os.path.islink(runtime.root / "evil")
    os.unlink(runtime.root / "evil")


@pytest.mark.parametrize("name", ["../escape", "a/b", "/etc", "..", ".", "a\nb", "", "%2e%2e", "a b", "ä"])
def test_names_of_containers_are_names(runtime, name):
    """CVE-2025-0750: an id is one component of a path, in every command."""
    bundle = runtime.bundle()
    bundle.write()
    for words in (["run", "-b", bundle.path, name], ["create", "-b", bundle.path, name], ["state", name], ["delete", "--force", name],
                  ["kill", name], ["exec", name, "true"]):
        result = runtime(*words)
        assert runtime.refused(result), words
    assert not (runtime.root.parent / "escape").exists()


@pytest.mark.parametrize("path", ["/../../../escape", "../../../escape", "/a/../../escape", "a/../../../escape"])
def test_cgroup_paths_stay_in_the_hierarchy(runtime, path):
    """CVE-2023-6476: no word of the configuration leads out of it."""
    bundle = runtime.bundle().sh("true")
    bundle.config["linux"]["cgroupsPath"] = path
    before = set(os.listdir("/")) | set(os.listdir("/sys/fs"))
    runtime.run(bundle)
    assert set(os.listdir("/")) | set(os.listdir("/sys/fs")) == before
    assert cgroups_of("escape") == []


@pytest.mark.parametrize("size", ["../../../../memory.max", "2MB/../../x", ".", "2MB\n1"])
def test_names_of_limits_are_names(runtime, size):
    bundle = runtime.bundle()
    bundle.config["linux"]["resources"]["hugepageLimits"] = [{"pageSize": size, "limit": 0}]
    assert runtime.refused(runtime.run(bundle))


def test_every_process_is_in_the_containers_cgroup(runtime):
    """CVE-2025-47291: with a user namespace and without, started and joined, in each hierarchy."""
    for mapped in (False, True):
        bundle = runtime.bundle().args("/bin/sleep", "100")
        if mapped:
            ids = [{"containerID": 0, "hostID": 0, "size": 65536}]
            bundle.namespace("user").config["linux"].update(uidMappings=ids, gidMappings=ids)
        name = runtime.start(bundle)
        pid = runtime.state(name)["pid"]
        paths = cgroup_lines(open(f"/proc/{pid}/cgroup").read())
        assert paths and all(name in path for path in paths)
        for path in cgroup_lines(runtime.ok("exec", name, "cat", "/proc/self/cgroup").out):
            assert name in path


RESERVED = {"org.systemd.property.ExecStartPre": "['/bin/sh', '-c', 'touch /evil']", "run.oci.hooks.stdout": "/evil",
            "run.oci.hooks.stderr": "/evil", "run.oci.handler": "krun", "run.oci.mount_context_type": "rootcontext",
            "run.oci.systemd.subgroup": "../../evil", "run.oci.seccomp_fail_unknown_syscall": "1",
            "run.oci.seccomp.receiver": "/evil", "run.oci.seccomp_bpf_data": "AAAA", "run.oci.pidfd_receiver": "/evil",
            "module.wasm.image/variant": "compat", "io.katacontainers.config.hypervisor.path": "/bin/sh"}


@pytest.mark.parametrize("key", RESERVED)
def test_annotations_are_no_commands(runtime, canary, key):
    """CVE-2024-3154, CVE-2026-53488: what an image's labels become opens, makes and runs nothing of the host's."""
    bundle = runtime.bundle()
    value = RESERVED[key].replace("/evil", str(canary / "file"))
    bundle.config["annotations"] = {key: value}
    runtime.run(bundle)
    if key.startswith("run.oci.systemd"):
        assert cgroups_of("evil") == []


@pytest.mark.parametrize("kind", ["createContainer", "startContainer", "createRuntime", "poststop"])
def test_hooks_get_the_environment_that_they_are_given(runtime, kind):
    """CVE-2025-23266: neither the container's nor the caller's words reach the loader of a hook."""
    bundle = runtime.bundle()
    script = "/bin/busybox env >/tmp/seen" if kind == "startContainer" else f"/bin/busybox env >{bundle.path}/seen"
    bundle.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["A=b"]}]}
    bundle.config["process"]["env"] += ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/evil"]
    assert runtime.run(bundle, env={**os.environ, "LD_AUDIT": "", "EVIL": "1"}).code == 0
    seen = bundle.rootfs / "tmp/seen" if kind == "startContainer" else bundle.path / "seen"
    words = {line.split("=")[0] for line in seen.read_text().splitlines()}
    assert "A" in words and not words & {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "EVIL"}


def test_only_listed_devices_can_be_opened(runtime):
    """GHSA-g54h-m393-cpwq: a list that only allows does not allow the rest."""
    bundle = runtime.bundle().caps("CAP_MKNOD", "CAP_DAC_OVERRIDE")
    bundle.sh("mknod /tmp/kmsg c 1 11; mknod /tmp/mem c 1 1; mknod /tmp/null c 1 3; mknod /tmp/loop b 7 0;"
              "for f in kmsg mem loop; do true </tmp/$f && echo OPEN $f; done 2>/dev/null; true </tmp/null && echo null")
    for devices in ([], [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
                    [{"allow": False, "access": "rwm"}]):
        bundle.config["linux"]["resources"]["devices"] = devices
        assert runtime.run(bundle).out == "null\n", devices


def test_output_of_a_failing_hook_is_bounded(runtime):
    """Rule J: a hook that talks without end fills no log."""
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "yes evil | head -c 3000000; exit 3"]}]}
    assert runtime.refused(runtime.run(bundle), "exit status 3")
    if runtime.is_ours:
        assert runtime.log.stat().st_size < 16384
        json.loads(runtime.log.read_text().splitlines()[-1])


def test_list_tells_one_line_each(runtime):
    """Words of the bundle make no rows of a table of others."""
    path = runtime.directory / "bun\ndle"
    bundle = runtime.bundle()
    bundle.write()
    bundle.path.rename(path)
    subprocess.run(runtime.command("create", "-b", path, runtime.new_id()), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    names = {row["id"] for row in json.loads(runtime.ok("list", "--format", "json").out) or []}
    assert names <= set(runtime.ids)
