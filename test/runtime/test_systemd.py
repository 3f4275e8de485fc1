# SPDX-License-Identifier: Apache-2.0
"""systemd as the manager of cgroups, in a guest that systemd runs (test/guest). It has cgroup v2 without controllers,
so limits are read from the unit's properties."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from bundle import CONFIG, make_rootfs, runtime_program

GUEST = pathlib.Path(__file__).resolve().parent.parent / "guest/systemd-namespace"
UNAVAILABLE = 125


class Guest:
    """A directory that the guest sees as well, with our programs and a bundle."""

    def __init__(self, build, directory):
        self.directory = directory
        for program in ("tare-runtime", "tare-systemd"):
            shutil.copy(runtime_program(build).with_name(program), directory)
        (directory / "bundle").mkdir()
        make_rootfs(directory / "bundle/rootfs")

    def write(self, cgroups_path=None, annotations=None, namespaces=(), **resources):
        config = json.loads(json.dumps(CONFIG))
        config["process"]["args"] = ["/bin/sleep", "100"]
        config["linux"]["resources"].update(resources)
        if cgroups_path:
            config["linux"]["cgroupsPath"] = cgroups_path
        config["linux"]["namespaces"] += [{"type": kind} for kind in namespaces]
        config["annotations"] = annotations or {}
        (self.directory / "bundle/config.json").write_text(json.dumps(config))

    def run(self, script):
        """The script's output, and what $R (our runtime) said."""
        text = f"""R="{self.directory}/tare-runtime --systemd-cgroup --root /run/tt"
            show() {{ systemctl show "$@"; }}
            cd {self.directory}/bundle; {script}"""
        done = subprocess.run([GUEST, "-s", self.directory, text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode == UNAVAILABLE:
            pytest.skip(f"no systemd in namespaces here: {done.stdout[-200:]}")
        return done.stdout


@pytest.fixture
def guest(build):
    with tempfile.TemporaryDirectory(prefix="tare-systemd-", dir="/var/tmp") as directory:
        yield Guest(build, pathlib.Path(directory))


def test_the_container_is_a_scope_from_create_to_delete(guest):
    guest.write()
    out = guest.run("""$R run -d c1; show tare-c1.scope -p ControlGroup,Delegate,DevicePolicy,ActiveState
        cat /proc/$($R state c1 | sed -n 's/.*"pid": //p' | tr -d ,)/cgroup | grep ^0::
        $R exec c1 cat /proc/self/cgroup | grep ^0::; pgrep -c tare-systemd
        $R delete -f c1; systemctl status tare-c1.scope; echo status $?; find /sys/fs/cgroup -name '*c1*'""")
    assert out.count("0::/system.slice/tare-c1.scope") == 2, out
    for line in ("ControlGroup=/system.slice/tare-c1.scope", "Delegate=yes", "DevicePolicy=strict", "ActiveState=active",
                 "status 4"):
        assert line in out.splitlines(), out
    assert out.splitlines()[-1] == "status 4" and "\n0\n" in out


def test_the_path_names_slice_and_scope(guest):
    guest.write("a-b.slice:pre:name")
    out = guest.run("""$R run -d c1; show pre-name.scope -p Slice,ControlGroup; $R run c2; $R delete -f c1""")
    assert "ControlGroup=/a.slice/a-b.slice/pre-name.scope" in out.splitlines() and "Slice=a-b.slice" in out
    assert "container's cgroup is not empty: 1 process(es) found" in out
    guest.write("-.slice:pre:name")
    assert "ControlGroup=/pre-name.scope" in guest.run("$R run -d c1; show pre-name.scope -p ControlGroup; $R delete -f c1")


def test_a_plain_path_is_refused(guest):
    guest.write("/a/b")
    assert 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/a/b"' in guest.run("$R run c1")


def test_devices_and_annotations_become_properties(guest):
    guest.write(annotations={"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.CollectMode": "'inactive-or-failed'",
                             "org.example.other": "x"},
                devices=[{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}])
    out = guest.run("$R run -d c1; show tare-c1.scope -p TimeoutStopUSec,CollectMode,DeviceAllow; $R delete -f c1")
    for line in ("TimeoutStopUSec=7s", "CollectMode=inactive-or-failed", "DeviceAllow=/dev/char/1:11 r", "DeviceAllow=/dev/char/1:3 rwm"):
        assert line in out.splitlines(), out


@pytest.mark.parametrize("name, value", [("FailureAction", "'reboot'"), ("OnFailure", "['x.service']"), ("Slice", "'x.slice'")])
def test_annotations_cannot_make_systemd_do_things(guest, name, value):
    guest.write(annotations={f"org.systemd.property.{name}": value})
    out = guest.run("$R run c1; systemctl status tare-c1.scope; echo status $?")
    assert "the property may not be set by an annotation" in out and "status 4" in out


PID = """$($R state c1 | sed -n 's/.*"pid": //p' | tr -d ,)"""


def test_a_subgroup_of_the_scope(guest):
    """run.oci.systemd.subgroup: the container's cgroup lies below systemd's own."""
    guest.write(annotations={"run.oci.systemd.subgroup": "sub"}, namespaces=["cgroup"])
    out = guest.run(f"""$R run -d c1; echo run $?; grep ^0:: /proc/{PID}/cgroup; echo exec $($R exec c1 grep ^0:: /proc/self/cgroup)
        cat /sys/fs/cgroup/system.slice/tare-c1.scope/cgroup.procs; $R ps -f json c1 | tr -d '[]' | grep -c .
        $R delete -f c1; echo deleted $?; systemctl status tare-c1.scope; echo status $?; find /sys/fs/cgroup -name '*c1*'; echo end""")
    for line in ("run 0", "0::/system.slice/tare-c1.scope/sub", "exec 0::/", "deleted 0", "status 4"):
        assert line in out.splitlines(), out
    assert out.splitlines()[-2:] == ["status 4", "end"], out


def test_a_delegated_cgroup(guest):
    """run.oci.delegate-cgroup: the cgroup namespace begins above the cgroup that the container may do with as it likes."""
    guest.write(annotations={"run.oci.systemd.subgroup": "sub", "run.oci.delegate-cgroup": "a/b"}, namespaces=["cgroup"])
    out = guest.run(f"""$R run -d c1; echo run $?; grep ^0:: /proc/{PID}/cgroup; echo inside $($R exec c1 grep ^0:: /proc/1/cgroup)
        $R exec c1 true; echo exec $?; $R kill c1 0; echo kill $?; $R pause c1; $R state c1 | grep status; $R resume c1
        $R delete -f c1; echo deleted $?; systemctl status tare-c1.scope; echo status $?; find /sys/fs/cgroup -name '*c1*'; echo end""")
    for line in ("run 0", "0::/system.slice/tare-c1.scope/sub/a/b", "inside 0::/a/b", "exec 0", "kill 0", "deleted 0"):
        assert line in out.splitlines(), out
    assert '"status": "paused"' in out and out.splitlines()[-2:] == ["status 4", "end"], out


def test_a_subgroup_of_a_killed_runtime_is_found(guest):
    guest.write(annotations={"run.oci.systemd.subgroup": "sub", "run.oci.delegate-cgroup": "below"})
    out = guest.run("""for signal_at in 0.01 0.02 0.03 0.04 0.05 0.06 0.08 0.1; do
            (timeout -s KILL $signal_at $R run -d c2; true) >/dev/null 2>&1; $R delete -f c2; [ -e /run/tt/c2 ] && echo left
        done; sleep 0.3; systemctl list-units --all --plain --no-legend 'tare-*'; find /sys/fs/cgroup -name '*-c2.scope'; echo end""")
    assert [line for line in out.splitlines() if "Killed" not in line] == ["end"], out


@pytest.mark.parametrize("key, value, words", [
    ("systemd.subgroup", "a/b", 'run.oci.systemd.subgroup: expected the name of one cgroup, got "a/b"'),
    ("systemd.subgroup", "..", "run.oci.systemd.subgroup: expected the name of one cgroup"),
    ("delegate-cgroup", "a/../../b", "run.oci.delegate-cgroup: invalid `..` component"),
    ("delegate-cgroup", "/./", "run.oci.delegate-cgroup: expected a cgroup's name"),
])
def test_annotations_lead_nowhere_else(guest, key, value, words):
    guest.write(annotations={f"run.oci.{key}": value})
    out = guest.run("$R run c1; systemctl status tare-c1.scope; echo status $?; ls /run/tt")
    assert words in out and out.splitlines()[-1] == "status 4", out


def test_a_failed_unit_is_forgotten(guest):
    guest.write(annotations={"org.systemd.property.RuntimeMaxSec": "1", "org.systemd.property.TimeoutStopSec": "1"})
    out = guest.run("""$R run -d c1; for i in $(seq 60); do sleep 0.1; show tare-c1.scope -p ActiveState | grep -q failed && break; done
        show tare-c1.scope -p ActiveState; $R delete -f c1; systemctl status tare-c1.scope; echo status $?
        $R run -d c1; echo again $?; $R delete -f c1""")
    assert "ActiveState=failed" in out and "status 4" in out and "again 0" in out, out


def test_no_half_container_when_systemd_refuses(guest):
    guest.write(annotations={"org.systemd.property.CollectMode": "'nonsense'"})
    out = guest.run("$R run c1; $R list; ls /run/tt; find /sys/fs/cgroup -name '*c1*'")
    assert "cannot start systemd unit 'tare-c1.scope'" in out and "c1" not in out.splitlines()[-1], out


def test_the_program_is_missing(guest):
    (guest.directory / "tare-systemd").unlink()
    guest.write()
    assert "cannot find tare-systemd" in guest.run("$R run c1")


def test_the_program_dies_when_it_shall_stop_a_scope(guest):
    """The cgroup is left to systemd, or the scope, and its name, would stay for ever. A scope that systemd has seen
    empty by then is gone, so that the first delete may succeed."""
    program = guest.directory / "tare-systemd"
    program.rename(guest.directory / "whole")
    program.write_text("""#!/bin/bash
        read -r line
        [[ $line != *'"stop"'* || ! -e %s/dies ]] || exit 1
        exec %s/whole < <(echo "$line"; exec cat)""" % (guest.directory, guest.directory))
    program.chmod(0o755)
    guest.write()
    out = guest.run("""for i in 1 2 3 4 5 6 7 8; do
        $R create c$i; touch ../dies; $R delete -f c$i; rm ../dies; $R delete -f c$i; echo deleted $?
        $R create c$i; echo again $?; $R delete -f c$i; done; find /sys/fs/cgroup -name '*c1*'; echo end""")
    kept = [line for line in out.splitlines() if "without a word" not in line]
    assert kept == ["deleted 0", "again 0"] * 8 + ["end"], out


def test_pause_kill_and_a_crash(guest):
    guest.write()
    out = guest.run("""$R run -d c1; $R pause c1; $R state c1 | grep status; $R kill c1 KILL; sleep 0.3; $R delete c1; echo deleted $?
        for signal_at in 0.01 0.02 0.03 0.04 0.05 0.06 0.08; do
            (timeout -s KILL $signal_at $R run -d c2; true) >/dev/null 2>&1; $R delete -f c2; [ -e /run/tt/c2 ] && echo left
        done; sleep 0.3; systemctl list-units --all --plain --no-legend 'tare-*'; find /sys/fs/cgroup -name '*-c2.scope'; echo end""")
    assert '"status": "paused"' in out and "deleted 0" in out
    kept = [line for line in out.splitlines() if "Killed" not in line]  # bash's own words
    assert kept[-2:] == ["deleted 0", "end"], out


def test_a_user_has_scopes_below_the_users_manager(guest):
    guest.write("user.slice:pre:name")
    script = """cd ~/bundle; R="$HOME/tare-runtime --systemd-cgroup --root $XDG_RUNTIME_DIR/tt"
        cp config.json ours.json; rm config.json; $R spec --rootless; sed -i 's/"terminal": true/"terminal": false/
            s/"sh"/"sleep", "100"/; s/"linux": {/"linux": { "cgroupsPath": "user.slice:pre:name",/' config.json
        $R run -d c1 </dev/null; echo run $?; p=$($R state c1 | sed -n 's/.*"pid": //p' | tr -d ,); grep ^0:: /proc/$p/cgroup
        systemctl --user show pre-name.scope -p Delegate,ActiveState; echo exec $($R exec c1 grep ^0:: /proc/self/cgroup)
        $R pause c1; $R state c1 | grep status; $R delete -f c1; systemctl --user status pre-name.scope; echo status $?"""
    (guest.directory / "user.sh").write_text(script)
    out = guest.run(f"""useradd -m tester; systemctl start user@$(id -u tester).service
        cp -a {guest.directory}/. ~tester/; chown -R tester: ~tester
        su tester -c "XDG_RUNTIME_DIR=/run/user/$(id -u tester) bash ~tester/user.sh" </dev/null""")
    lines = out.splitlines()
    assert "run 0" in lines, out
    assert any(re.fullmatch(r"0::/user.slice/user-\d+.slice/user@\d+.service/user.slice/pre-name.scope", l) for l in lines), out
    for line in ("Delegate=yes", "ActiveState=active", "exec 0::/", "status 4"):
        assert line in lines, out
    assert '"status": "paused"' in out
