# SPDX-License-Identifier: Apache-2.0
"""Rules C and D: privileged writes to procfs and sysfs go where they are meant to go, and what the host tells there is
covered."""

import json
import os
import subprocess

import pytest
from bundle import Bundle, runtime  # noqa: F401

PATTERN = "/proc/sys/kernel/core_pattern"


@pytest.fixture
def core_pattern(runtime):
    """A failing test must not leave the machine open."""
    before = open(PATTERN).read()
    yield
    after = open(PATTERN).read()
    if after != before:
        open(PATTERN, "w").write(before)
    assert after == before


@pytest.mark.parametrize("name", ["net.ipv4.ip_forward+kernel.core_pattern", "net/ipv4/../../kernel/core_pattern",
                                  "net.ipv4.ip_forward=1\nkernel.core_pattern", "net..ipv4", "../sysrq-trigger",
                                  "net/../../sysrq-trigger"])
def test_sysctl_names_cannot_leave_their_namespace(runtime, name):
    """CVE-2022-0811."""
    path = "/proc/sys/kernel/core_pattern"
    before = open(path).read()
    bundle = runtime.bundle()
    bundle.config["linux"]["sysctl"] = {name: "|/evil"}
    result = runtime.run(bundle)
    after = open(path).read()
    if after != before:  # a failing test must not leave the machine open
        open(path, "w").write(before)
    assert runtime.refused(result) and after == before


def test_sysctls_are_not_written_into_the_images_proc(runtime):
    """A volume at /proc/sys with symlinks to other places catches nothing (CVE-2025-52881)."""
    trap = runtime.directory / "trap"
    (trap / "ipv4").mkdir(parents=True)
    victim = runtime.directory / "victim"
    victim.write_text("0")
    os.symlink(victim, trap / "ipv4/ip_forward")
    bundle = runtime.bundle().mount("/proc/sys/net", "bind", str(trap), ["bind"])
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    assert runtime.refused(runtime.run(bundle))
    assert victim.read_text() == "0"


@pytest.mark.parametrize("value", ["1+kernel.core_pattern=|/evil", "1,kernel.core_pattern=|/evil",
                                   "1\nkernel.core_pattern=|/evil", "1 kernel.core_pattern=|/evil", "|/evil"])
def test_sysctl_values_are_values(runtime, core_pattern, value):
    """CVE-2022-0811: no list of sysctls is ever joined into one string."""
    bundle = runtime.bundle()
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": value}
    runtime.run(bundle)


@pytest.mark.parametrize("kind, name", [("network", "net.ipv4.ip_forward"), ("ipc", "kernel.shmmni"),
                                        ("ipc", "fs.mqueue.msg_max"), ("uts", "kernel.domainname")])
@pytest.mark.parametrize("how", ["absent", "path"])
def test_sysctls_of_the_hosts_namespaces(runtime, kind, name, how):
    """GHSA-w2j5-3rcx-vx7x: also when the namespace is named, and turns out to be the host's."""
    path = "/proc/sys/" + name.replace(".", "/")
    before = open(path).read()
    bundle = runtime.bundle().drop_namespace(kind)
    if how == "path":
        file = {"network": "net"}.get(kind, kind)
        bundle.namespace(kind, path=f"/proc/{os.getpid()}/ns/{file}")
    bundle.config["linux"]["sysctl"] = {name: "4321" if kind == "ipc" else "1"}
    if kind == "uts":
        del bundle.config["hostname"]
    result = runtime.run(bundle)
    after = open(path).read()
    if after != before:
        open(path, "w").write(before)
    assert runtime.refused(result) and after == before


@pytest.mark.parametrize("field", ["hostname", "domainname"])
def test_names_of_the_host(runtime, field):
    """A uts namespace that is named, and turns out to be the host's, keeps its names."""
    before = os.uname().nodename, open("/proc/sys/kernel/domainname").read()
    bundle = runtime.bundle().namespace("uts", path="/proc/self/ns/uts")
    bundle.config.pop("hostname")
    bundle.config[field] = "evil"
    result = runtime.run(bundle)
    after = os.uname().nodename, open("/proc/sys/kernel/domainname").read()
    assert after == before and runtime.refused(result)


def test_sysctls_in_a_mount_namespace_of_the_attacker(runtime, canary, core_pattern):
    """CVE-2025-52881: a container joins the mount namespace of another, which has put a tmpfs with symlinks over
    /proc/sys. The write goes to a real sysctl of the new network namespace, or the start fails; never to the symlink."""
    name = runtime.start(runtime.bundle().args("/bin/sleep", "1000"))
    pid = runtime.state(name)["pid"]
    nsenter = ["nsenter", "-t", str(pid), "-m", "/bin/sh", "-c",
               "mount -t tmpfs none /proc/sys && mkdir -p /proc/sys/net/ipv4 /proc/sys/kernel && "
               "ln -s /proc/1/root/victim /proc/sys/net/ipv4/ip_forward && echo 0 >/victim"]
    assert subprocess.run(nsenter).returncode == 0
    bundle = runtime.bundle().namespace("mount", path=f"/proc/{pid}/ns/mnt").args("/bin/cat", "/victim")
    bundle.config["linux"].update(maskedPaths=[], readonlyPaths=[], sysctl={"net.ipv4.ip_forward": "1"})
    bundle.config["mounts"] = []
    result = runtime.run(bundle)
    assert result.out == "0\n" if result.code == 0 else runtime.refused(result)


def test_label_is_applied_or_the_start_fails(runtime):
    """CVE-2019-16884, CVE-2023-28642: a label that cannot be written ends the start; it is never left out."""
    for field in ("apparmorProfile", "selinuxLabel"):
        if os.path.exists({"apparmorProfile": "/sys/kernel/security/apparmor", "selinuxLabel": "/sys/fs/selinux"}[field]):
            continue
        bundle = runtime.bundle()
        bundle.config["process"][field] = "nosuchlabel"
        assert runtime.refused(runtime.run(bundle)), field


def test_no_way_to_the_roots_of_cgroups(runtime):
    """CVE-2022-0492, CVE-2023-25809: what is mounted is the container's own directory, without release_agent."""
    bundle = runtime.bundle().caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    bundle.sh("find /sys/fs/cgroup -name release_agent; find /sys/fs/cgroup -name notify_on_release -maxdepth 2 | head -n 1 | "
              "while read f; do echo 1 >$f && echo WRITTEN; done 2>&-; ls -d /sys/fs/cgroup/*/harness 2>&-; true")
    assert runtime.run(bundle).out == ""


# Of moby v29, containerd 2.3 and runc 1.5 (default configurations); a row may be absent on this machine.
MASKED = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
          "/sys/firmware"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def example(runtime):
    """A bundle with what `spec` writes."""
    bundle = runtime.bundle()
    (bundle.path / "config.json").unlink(missing_ok=True)
    runtime.ok("spec", "--bundle", bundle.path)
    bundle = Bundle(bundle.path, json.loads((bundle.path / "config.json").read_text()))
    bundle.config["process"]["terminal"] = False
    bundle.config["root"]["readonly"] = False
    return bundle


def test_default_lists_are_those_of_the_field(runtime):
    """Rule D: CVE-2020-8694, GHSA-jq35-85cj-fj4p, GHSA-6fw5-f8r9-fgfm."""
    if not runtime.is_ours:
        pytest.skip("about our own default")
    config = example(runtime).config["linux"]
    assert set(MASKED) <= set(config["maskedPaths"])
    assert set(READONLY) <= set(config["readonlyPaths"])


def test_masked_is_empty_and_readonly_is_not_written(runtime):
    bundle = example(runtime)
    bundle.config["process"]["capabilities"] = {s: ["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"] for s in
                                                ("bounding", "effective", "permitted")}
    masked, readonly = bundle.config["linux"]["maskedPaths"], bundle.config["linux"]["readonlyPaths"]
    bundle.sh(f"""for p in {' '.join(masked)}; do
            [ -e $p ] || continue
            [ -d $p ] && [ -n "$(ls -A $p)" ] && echo $p is not empty
            [ -d $p ] || [ -z "$(head -c 1 $p | wc -c | grep -v '^0')" ] || echo $p can be read
        done
        for p in {' '.join(readonly)}; do
            [ -e $p ] || continue
            f=$(find $p -type f | head -n 1)
            [ -z "$f" ] || ! echo 1 2>&- >>$f || echo $f can be written
        done 2>/dev/null; true""")
    result = runtime.run(bundle)
    assert result.code == 0 and result.out == ""
