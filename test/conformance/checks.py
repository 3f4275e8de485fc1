# SPDX-License-Identifier: Apache-2.0
"""What people do with an engine, as checks that take a started engine (engine.py). A check returns when all was as it
should be, raises AssertionError when not, and Skip when this engine does not know the thing. Its name says the promise."""

import json
import os
import pathlib
import re
import subprocess
import time

from conformance.engine import Skip, wait_for

CLI, CTR = [], []  # Docker's command line, which podman shares; containerd's


def check(*lists):
    def add(function):
        for rows in lists:
            rows.append(function)
        return function
    return add


def detached(engine, *words, command=("sleep", "300")):
    """The name of a container that runs."""
    name = engine.new_name()
    engine.ok("run", "-d", "--name", name, *words, engine.image, *command)
    return name


def status(engine, name, key="{{.State.Status}}"):
    return engine.ok("inspect", "--type", "container", "-f", key, name)


def sh(engine, script, *words, code=0, **more):
    """Output of a shell script in a new container."""
    result = engine("run", "--rm", *words, engine.image, "sh", "-c", script, **more)
    assert result.code == code, result
    return result.out.strip()


def exec_sh(engine, name, script):
    return engine.ok("exec", name, "sh", "-c", script)


def field(text, name):
    return re.search(rf"^{name}:\s*(\S+)", text, re.M)[1]


# What memory, pids and cpu limits look like inside, in cgroup v1 and v2.
LIMITS = {
    "memory": ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"),
    "pids": ("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"),
    "shares": ("/sys/fs/cgroup/cpu/cpu.shares", "/sys/fs/cgroup/cpu.weight"),
    "quota": ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu.max"),
}


def limit(kind):
    return "cat " + " ".join(LIMITS[kind]) + " 2>/dev/null | head -n 1"


# Docker's command line

@check(CLI)
def run_prints(engine):
    assert sh(engine, "echo out; echo err >&2") == "out"


@check(CLI)
def run_returns_the_exit_status(engine):
    sh(engine, "exit 7", code=7)


@check(CLI)
def run_reads_standard_input(engine):
    assert engine.ok("run", "--rm", "-i", engine.image, "cat", input="one\ntwo\n") == "one\ntwo"


@check(CLI)
def run_at_a_terminal(engine):
    result = engine.terminal("run", "--rm", "-it", engine.image, "sh", "-c", "tty; test -t 0 -a -t 1 && echo yes")
    assert result.code == 0 and "/dev/" in result.out and "yes" in result.out, result


@check(CLI)
def type_at_a_terminal(engine):
    result = engine.terminal("run", "--rm", "-it", engine.image, "sh", input="echo a$((1+1))b; exit 5\n")
    assert result.code == 5 and "a2b" in result.out, result


@check(CLI)
def a_missing_program_is_127(engine):
    result = engine("run", "--rm", engine.image, "no-such-program")
    assert result.code == 127 and "no-such-program" in result.err, result


@check(CLI)
def a_directory_is_no_program_126(engine):
    assert engine("run", "--rm", engine.image, "/etc").code == 126
    assert engine("run", "--rm", engine.image, "/etc/passwd").code == 126


@check(CLI)
def a_missing_working_directory_is_made(engine):
    if engine.name == "podman":
        raise Skip("podman itself refuses it")
    assert sh(engine, "pwd", "-w", "/made/here") == "/made/here"


@check(CLI)
def exec_in_a_container(engine):
    name = detached(engine, "-e", "A=b")
    assert exec_sh(engine, name, "echo $A; cat /proc/1/comm") == "b\nsleep"
    assert engine("exec", name, "sh", "-c", "exit 9").code == 9
    assert engine("exec", name, "no-such-program").code == 127
    assert engine.ok("exec", "-i", name, "cat", input="typed\n") == "typed"
    assert engine.ok("exec", "-u", "1000:50", "-w", "/tmp", "-e", "X=y", name, "sh", "-c",
                     "id -u; id -g; pwd; echo $X").split() == ["1000", "50", "/tmp", "y"]


@check(CLI)
def exec_at_a_terminal(engine):
    result = engine.terminal("exec", "-it", detached(engine), "sh", "-c", "tty")
    assert result.code == 0 and "/dev/pts/" in result.out, result


@check(CLI)
def exec_privileged(engine):
    name = detached(engine)
    less = int(field(engine.ok("exec", name, "cat", "/proc/self/status"), "CapEff"), 16)
    more = int(field(engine.ok("exec", "--privileged", name, "cat", "/proc/self/status"), "CapEff"), 16)
    assert less & more == less and more != less


@check(CLI)
def exec_detached(engine):
    name = detached(engine)
    engine.ok("exec", "-d", name, "sh", "-c", "echo done >/tmp/done")
    wait_for(lambda: engine("exec", name, "cat", "/tmp/done").out == "done\n")


@check(CLI)
def stop_asks_first(engine):
    name = detached(engine, command=("sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done"))
    wait_for(lambda: "ready" in engine.ok("logs", name))
    engine.ok("stop", "-t", "20", name)
    assert status(engine, name, "{{.State.ExitCode}}") == "3"


@check(CLI)
def stop_kills_then(engine):
    name = detached(engine)
    engine.ok("stop", "-t", "1", name)
    assert status(engine, name, "{{.State.ExitCode}}") == "137"


@check(CLI)
def stop_signal_of_ones_own(engine):
    name = detached(engine, "--stop-signal", "USR1",
                    command=("sh", "-c", "trap 'exit 4' USR1; echo ready; while :; do sleep 0.1; done"))
    wait_for(lambda: "ready" in engine.ok("logs", name))
    engine.ok("stop", "-t", "20", name)
    assert status(engine, name, "{{.State.ExitCode}}") == "4"


@check(CLI)
def kill_sends_a_signal(engine):
    name = detached(engine, command=("sh", "-c", "trap 'echo got' HUP; echo ready; while :; do sleep 0.1; done"))
    wait_for(lambda: "ready" in engine.ok("logs", name))
    engine.ok("kill", "-s", "HUP", name)
    wait_for(lambda: "got" in engine.ok("logs", name))
    engine.ok("kill", name)
    wait_for(lambda: status(engine, name) == "exited")
    assert status(engine, name, "{{.State.ExitCode}}") == "137"


@check(CLI)
def pause_and_unpause(engine):
    name = detached(engine, command=("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/tmp/i; sleep 0.05; done"))
    wait_for(lambda: engine("exec", name, "cat", "/tmp/i").code == 0)
    pid = status(engine, name, "{{.State.Pid}}")
    file = pathlib.Path(f"/proc/{pid}/root/tmp/i")
    engine.ok("pause", name)
    assert status(engine, name) == "paused"
    before = file.read_text()
    time.sleep(0.5)
    assert file.read_text() == before
    assert engine("exec", name, "true").code != 0
    engine.ok("unpause", name)
    wait_for(lambda: file.read_text() not in ("", before))
    assert status(engine, name) == "running"


@check(CLI)
def update_limits(engine):
    name = detached(engine, "--memory", "64m")
    assert exec_sh(engine, name, limit("memory")) == str(64 << 20)
    engine.ok("update", "--memory", "96m", "--memory-swap", "192m", "--cpu-shares", "512", name)
    assert exec_sh(engine, name, limit("memory")) == str(96 << 20)
    assert exec_sh(engine, name, limit("shares")) in ("512", "20", "59")


@check(CLI)
def update_processes(engine):
    name = detached(engine, "--pids-limit", "50")
    assert exec_sh(engine, name, limit("pids")) == "50"
    engine.ok("update", "--pids-limit", "70", name)
    assert exec_sh(engine, name, limit("pids")) == "70"


@check(CLI)
def stats_of_a_container(engine):
    name = detached(engine, command=("sh", "-c", "while :; do :; done"))
    row = engine.ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name)
    assert re.match(r"[1-9].* / .* [1-9]", row), row


@check(CLI)
def top_of_a_container(engine):
    assert "sleep 300" in engine.ok("top", detached(engine))


@check(CLI)
def logs_of_both_streams(engine):
    name = detached(engine, command=("sh", "-c", "echo out; echo err >&2; sleep 300"))
    wait_for(lambda: "out" in engine.ok("logs", name))
    result = wait_for(lambda: (r := engine("logs", name)) and r.err and r)
    assert result.out == "out\n" and result.err == "err\n", result
    assert len(engine.ok("logs", "--tail", "1", name).splitlines()) <= 1


@check(CLI)
def restart_a_container(engine):
    name = detached(engine)
    before = status(engine, name, "{{.State.Pid}}")
    exec_sh(engine, name, "echo kept >/kept")
    engine.ok("restart", "-t", "0", name)
    assert status(engine, name, "{{.State.Pid}}") not in (before, "0")
    assert exec_sh(engine, name, "cat /kept") == "kept"


@check(CLI)
def restart_on_failure(engine):
    name = detached(engine, "--restart", "on-failure:2", command=("sh", "-c", "exit 3"))
    wait_for(lambda: status(engine, name) == "exited" and status(engine, name, "{{.RestartCount}}") == "2")


@check(CLI)
def wait_for_the_end(engine):
    assert engine.ok("wait", detached(engine, command=("sh", "-c", "sleep 1; exit 6"))) == "6"


@check(CLI)
def create_then_start_attached(engine):
    name = engine.new_name()
    engine.ok("create", "--name", name, engine.image, "sh", "-c", "echo later; exit 2")
    result = engine("start", "-a", name)
    assert result.code == 2 and result.out == "later\n", result


@check(CLI)
def copy_in_and_out(engine):
    name = detached(engine)
    path = engine.directory / "copied"
    path.write_text("text\n")
    engine.ok("cp", path, f"{name}:/tmp/here")
    assert exec_sh(engine, name, "cat /tmp/here") == "text"
    engine.ok("cp", f"{name}:/tmp/here", engine.directory / "back")
    assert (engine.directory / "back").read_text() == "text\n"


@check(CLI)
def health_of_a_container(engine):
    name = detached(engine, "--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1")
    run = (lambda: engine("healthcheck", "run", name)) if engine.name == "podman" else (lambda: None)
    wait_for(lambda: run() and False or status(engine, name, "{{.State.Health.Status}}") == "unhealthy")
    exec_sh(engine, name, "touch /tmp/well")
    wait_for(lambda: run() and False or status(engine, name, "{{.State.Health.Status}}") == "healthy")


@check(CLI)
def checkpoint_and_restore(engine):
    if not any(os.access(f"{d}/criu", os.X_OK) for d in os.environ["PATH"].split(":")):
        raise Skip("no criu")
    # podman and criu want a network they can lock; none has nothing to lock
    name = detached(engine, "--network", "none", "--security-opt", "seccomp=unconfined",
                    command=("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"))
    wait_for(lambda: "10" in engine.ok("logs", name).split())
    if engine.name == "podman":
        result = engine("container", "checkpoint", name)
        if "does not support checkpoint" in result.err:
            raise Skip(result.err.strip())
        assert result.code == 0, result
        last = int(engine.ok("logs", "--tail", "1", name))
        engine.ok("container", "restore", name)
    else:
        engine.ok("checkpoint", "create", name, "first")
        wait_for(lambda: status(engine, name) == "exited")
        last = int(engine.ok("logs", "--tail", "1", name))
        result = engine("start", "--checkpoint", "first", name)
        if "/proc/0/ns/net" in result.err:
            raise Skip("checkpoint made; dockerd 28 looks for the network of pid 0 in restore, with any runtime")
        assert result.code == 0, result
    wait_for(lambda: int(engine.ok("logs", "--tail", "1", name)) > last + 3)
    numbers = list(map(int, engine.ok("logs", name).split()))
    assert numbers == sorted(set(numbers)), "the count went on where it was"


@check(CLI)
def privileged(engine):
    text = sh(engine, "cat /proc/self/status; mkdir /m; mount -t tmpfs x /m && echo mounted", "--privileged")
    ours = field(pathlib.Path("/proc/self/status").read_text(), "CapEff")
    assert field(text, "CapEff") == ours and field(text, "Seccomp") == "0" and "mounted" in text


@check(CLI)
def unprivileged(engine):
    text = sh(engine, "cat /proc/self/status; mkdir /m; mount -t tmpfs x /m 2>/dev/null || echo refused; "
              "echo 1 2>/dev/null >/proc/sys/kernel/domainname || echo protected")
    assert "refused" in text and "protected" in text and field(text, "Seccomp") == "2"
    assert not int(field(text, "CapEff"), 16) & 1 << 21, "CAP_SYS_ADMIN"


@check(CLI)
def drop_and_add_capabilities(engine):
    assert int(field(sh(engine, "cat /proc/self/status", "--cap-drop", "ALL"), "CapEff"), 16) == 0
    text = sh(engine, "cat /proc/self/status", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN")
    assert int(field(text, "CapEff"), 16) == 1 << 12
    assert int(field(sh(engine, "cat /proc/self/status", "-u", "1000"), "CapEff"), 16) == 0


@check(CLI)
def no_new_privileges(engine):
    assert field(sh(engine, "cat /proc/self/status", "--security-opt", "no-new-privileges"), "NoNewPrivs") == "1"


@check(CLI)
def seccomp_profile_of_ones_own(engine):
    path = engine.directory / "seccomp.json"
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18}]}))
    assert "ross-device" in sh(engine, "mkdir /tmp/x 2>&1 || true", "--security-opt", f"seccomp={path}")
    assert field(sh(engine, "cat /proc/self/status", "--security-opt", "seccomp=unconfined"), "Seccomp") == "0"


@check(CLI)
def read_only_root(engine):
    text = sh(engine, "touch /x 2>&1; touch /t/x && echo fine", "--read-only", "--tmpfs", "/t:size=1m")
    assert "ead-only" in text and "fine" in text


@check(CLI)
def user_namespace(engine):
    if engine.name != "podman":
        raise Skip("docker maps users per daemon only")
    text = sh(engine, "cat /proc/self/uid_map; id -u; touch /tmp/x; stat -c %u /tmp/x",
              "--uidmap", "0:200000:5000", "--gidmap", "0:200000:5000")
    assert text.split() == ["0", "200000", "5000", "0", "0"], text


@check(CLI)
def limit_of_processes(engine):
    # busybox' shell forks each of these; beyond the limit it says so
    text = sh(engine, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done 2>&1; wait", "--pids-limit", "6", code=2)
    assert "fork" in text, text


@check(CLI)
def out_of_memory_is_told(engine):
    name = detached(engine, "--memory", "32m", "--memory-swap", "32m", command=("sh", "-c", "tail /dev/zero"))
    wait_for(lambda: status(engine, name) == "exited")
    assert status(engine, name, "{{.State.ExitCode}} {{.State.OOMKilled}}") == "137 true"


@check(CLI)
def limits_of_cpu(engine):
    assert sh(engine, limit("quota"), "--cpus", "0.5").split()[0] == "50000"
    assert field(sh(engine, "cat /proc/self/status", "--cpuset-cpus", "0"), "Cpus_allowed_list") == "0"


@check(CLI)
def resource_limits(engine):
    assert sh(engine, "ulimit -n; ulimit -Hn", "--ulimit", "nofile=100:200").split() == ["100", "200"]


@check(CLI)
def kernel_parameters(engine):
    assert sh(engine, "cat /proc/sys/net/ipv4/ip_default_ttl", "--sysctl", "net.ipv4.ip_default_ttl=99") == "99"
    assert engine("run", "--rm", "--sysctl", "kernel.panic=1", engine.image, "true").code != 0


@check(CLI)
def no_network(engine):
    assert sh(engine, "ls /sys/class/net", "--network", "none") == "lo"


@check(CLI)
def network_of_the_host(engine):
    assert sh(engine, "readlink /proc/self/ns/net", "--network", "host") == os.readlink("/proc/self/ns/net")


@check(CLI)
def bridge_network(engine):
    assert "eth0" in sh(engine, "ls /sys/class/net").split()
    sh(engine, "ping -c 1 -W 5 $(ip route | awk '/^default/ { print $3 }')", "--cap-add", "NET_RAW")


@check(CLI)
def network_of_another_container(engine):
    name = detached(engine)
    there = engine.ok("exec", name, "readlink", "/proc/self/ns/net")
    assert sh(engine, "readlink /proc/self/ns/net", "--network", f"container:{name}") == there


@check(CLI)
def published_port(engine):
    import urllib.request
    detached(engine, "-p", "127.0.0.1:18080:80",
             command=("sh", "-c", "mkdir /w; echo page >/w/index.html; exec httpd -f -p 80 -h /w"))

    def fetch():
        try:
            return urllib.request.urlopen("http://127.0.0.1:18080/", timeout=3).read()
        except OSError:
            return None
    assert wait_for(fetch) == b"page\n"


@check(CLI)
def named_volume(engine):
    engine.ok("volume", "create", "kept")
    sh(engine, "echo text >/v/file", "-v", "kept:/v")
    assert sh(engine, "cat /v/file; touch /v/x 2>&1", "-v", "kept:/v:ro", code=1).startswith("text")


@check(CLI)
def bind_mount(engine):
    (engine.directory / "bound").mkdir(exist_ok=True)
    sh(engine, "echo text >/v/file", "-v", f"{engine.directory}/bound:/v")
    assert (engine.directory / "bound/file").read_text() == "text\n"
    option = f"type=bind,source={engine.directory}/bound/file,target=/etc/file,readonly"
    assert sh(engine, "cat /etc/file; echo x 2>/dev/null >/etc/file || echo refused", "--mount", option) == "text\nrefused"


@check(CLI)
def init_reaps(engine):
    try:
        text = sh(engine, "cat /proc/1/comm; (sleep 0.1 &) ; sleep 1; ps -o stat | grep -c Z || true", "--init")
    except AssertionError as error:
        if "init" in str(error) and "not found" in str(error) or "no such file" in str(error):
            raise Skip("no init program installed") from error
        raise
    assert text.split()[0] in ("docker-init", "catatonit", "podman-init", "tini") and text.split()[-1] == "0", text


@check(CLI)
def names_and_hosts(engine):
    text = sh(engine, "hostname; cat /etc/hosts /etc/resolv.conf", "--hostname", "named", "--add-host", "other:192.0.2.7",
              "--dns", "192.0.2.8")
    assert text.startswith("named\n") and re.search(r"192.0.2.7\s+other", text) and "nameserver 192.0.2.8" in text


@check(CLI)
def namespaces_of_the_host(engine):
    for kind in ("pid", "ipc", "uts"):
        assert sh(engine, f"readlink /proc/self/ns/{kind}", f"--{kind}", "host") == os.readlink(f"/proc/self/ns/{kind}")


@check(CLI)
def user_and_groups(engine):
    assert sh(engine, "id -u; id -g; id -G", "-u", "1000:50", "--group-add", "7").split()[:2] == ["1000", "50"]
    assert "7" in sh(engine, "id -G", "-u", "1000:50", "--group-add", "7").split()
    assert sh(engine, "id -un; echo $HOME", "-u", "user").split() == ["user", "/home/user"]


@check(CLI)
def devices(engine):
    assert sh(engine, "ls -l /dev/another; head -c 4 /dev/another | wc -c", "--device", "/dev/zero:/dev/another").endswith("4")
    assert "refused" in sh(engine, "mknod /tmp/d b 7 0; cat /tmp/d 2>/dev/null || echo refused")


@check(CLI)
def shared_memory(engine):
    assert sh(engine, "df -k /dev/shm | tail -1 | awk '{ print $2 }'", "--shm-size", "8m") == "8192"


@check(CLI)
def oom_score(engine):
    assert sh(engine, "cat /proc/self/oom_score_adj", "--oom-score-adj", "321") == "321"


@check(CLI)
def twenty_at_once(engine):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        results = list(pool.map(lambda i: engine("run", "--rm", engine.image, "echo", i), range(20)))
    assert [r.out.strip() for r in results] == [str(i) for i in range(20)], results


@check(CLI)
def remove_by_force(engine):
    name = detached(engine)
    pid = status(engine, name, "{{.State.Pid}}")
    engine.ok("rm", "-f", name)
    assert engine("inspect", "--type", "container", name).code != 0
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))


@check(CLI)
def build_with_a_step(engine):
    if engine.name != "podman":
        raise Skip("docker's builder brings a runtime of its own")
    directory = engine.directory / "context"
    directory.mkdir(exist_ok=True)
    (directory / "Containerfile").write_text(f"FROM {engine.image}\nRUN echo built >/built && id -u >>/built\n")
    engine.ok("build", "--network", "none", "--ulimit", "nofile=1024:1024",
              "--ulimit", "nproc=1000:1000", "-t", "made", directory)
    assert engine.ok("run", "--rm", "made", "cat", "/built").split() == ["built", "0"]


@check(CLI)
def pod_of_two(engine):
    if engine.name != "podman":
        raise Skip("only podman has pods")
    result = engine("pod", "create", "--name", "pod1", "--infra-image", engine.image, "--infra-command", "sleep 300")
    assert result.code == 0, result
    one, two = (detached(engine, "--pod", "pod1") for _ in range(2))
    spaces = [engine.ok("exec", name, "readlink", "/proc/self/ns/net") for name in (one, two)]
    assert spaces[0] == spaces[1]
    engine.ok("pod", "rm", "-f", "-t", "0", "pod1")


@check(CLI)
def compose_two_services(engine):
    if engine.name != "docker" or engine("compose", "version").code != 0:
        raise Skip("no compose")
    directory = engine.directory / "project"
    directory.mkdir(exist_ok=True)
    (directory / "compose.yaml").write_text(f"""
services:
  web:
    image: {engine.image}
    command: sh -c 'mkdir /w; echo served >/w/index.html; exec httpd -f -p 80 -h /w'
    volumes: [data:/data]
    healthcheck: {{test: [CMD, wget, -qO-, "http://127.0.0.1/"], interval: 1s}}
  client:
    image: {engine.image}
    command: sh -c 'wget -qO- http://web/ >/data/got; sleep 300'
    depends_on: {{web: {{condition: service_healthy}}}}
    volumes: [data:/data]
volumes: {{data: }}
""")
    words = ("compose", "--project-directory", directory, "-f", directory / "compose.yaml")
    engine.ok(*words, "up", "-d", timeout=120)
    wait_for(lambda: engine(*words, "exec", "-T", "web", "cat", "/data/got").out == "served\n")
    engine.ok(*words, "down", "-v", "-t", "0")


# containerd's ctr

def ctr_detached(engine, *options, command=("sleep", "300")):
    name = engine.new_name()
    engine.ok(*engine.run("-d", *options, name=name, command=command))
    return name


def ctr_sh(engine, script, *options, code=0):
    result = engine(*engine.run("--rm", *options, command=("sh", "-c", script)))
    assert result.code == code, result
    return result.out.strip()


def ctr_row(engine, name):
    """name, pid and status; or None"""
    rows = [line.split() for line in engine.ok("task", "ls").splitlines()]
    return next((row for row in rows if row[0] == name), None)


def ctr_status(engine, name):
    row = ctr_row(engine, name)
    return row[2] if row else ""


@check(CTR)
def ctr_run(engine):
    assert ctr_sh(engine, "echo out; echo $A; pwd", "--env", "A=b", "--cwd", "/tmp") == "out\nb\n/tmp"
    ctr_sh(engine, "exit 7", code=7)
    if "--user" in engine("run", "--help").out:  # containerd 1.6 has no such option
        assert ctr_sh(engine, "id -u", "--user", "1000") == "1000"


@check(CTR)
def ctr_run_at_a_terminal(engine):
    # ctr drops what it has not read when the program ends, so that waits a little
    result = engine.terminal(*engine.run("--rm", "-t", command=("sh", "-c", "tty; sleep 1")))
    assert result.code == 0 and "/dev/" in result.out, result


@check(CTR)
def ctr_missing_program(engine):
    result = engine(*engine.run("--rm", command=("no-such-program",)))
    assert result.code != 0 and "no-such-program" in result.err and "not found" in result.err, result


@check(CTR)
def ctr_exec(engine):
    name = ctr_detached(engine)
    assert engine.ok("task", "exec", "--exec-id", "e1", name, "cat", "/proc/1/comm") == "sleep"
    assert engine("task", "exec", "--exec-id", "e2", name, "sh", "-c", "exit 4").code == 4
    result = engine.terminal("task", "exec", "-t", "--exec-id", "e3", name, "tty")
    assert "/dev/pts/" in result.out, result


@check(CTR)
def ctr_kill_and_delete(engine):
    name = ctr_detached(engine)
    engine.ok("task", "kill", "-s", "SIGKILL", name)
    wait_for(lambda: ctr_status(engine, name) == "STOPPED")
    engine("task", "rm", name)
    engine.ok("container", "rm", name)


@check(CTR)
def ctr_pause_and_resume(engine):
    name = ctr_detached(engine)
    engine.ok("task", "pause", name)
    assert ctr_status(engine, name) == "PAUSED"
    engine.ok("task", "resume", name)
    assert ctr_status(engine, name) == "RUNNING"


@check(CTR)
def ctr_metrics(engine):
    name = ctr_detached(engine)
    text = engine.ok("task", "metrics", name)
    assert re.search(r"memory\.usage(_in_bytes)?\s+[1-9]|memory.usage\s+[1-9]", text) or "memory" in text, text
    assert re.search(r"pids.current\s+1\b", text), text


@check(CTR)
def ctr_processes(engine):
    assert re.search(r"^\d+", engine.ok("task", "ps", ctr_detached(engine)), re.M)


@check(CTR)
def ctr_limits(engine):
    name = ctr_detached(engine, "--memory-limit", str(48 << 20), "--pids-limit", "33") if "--pids-limit" in \
        engine("run", "--help").out else ctr_detached(engine, "--memory-limit", str(48 << 20))
    pid = next(r.split()[1] for r in engine.ok("task", "ls").splitlines() if r.split()[0] == name)
    groups = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    one = re.search(r"^\d+:memory:(.*)$", groups, re.M)
    path = f"/sys/fs/cgroup/memory{one[1]}/memory.limit_in_bytes" if one else \
        "/sys/fs/cgroup" + re.search(r"^0::(.*)$", groups, re.M)[1] + "/memory.max"
    assert pathlib.Path(path).read_text().strip() == str(48 << 20)


@check(CTR)
def ctr_security(engine):
    text = ctr_sh(engine, "cat /proc/self/status", "--cap-drop", "CAP_CHOWN", "--seccomp")
    assert not int(field(text, "CapEff"), 16) & 1 and field(text, "Seccomp") == "2"
    assert field(ctr_sh(engine, "cat /proc/self/status", "--privileged"), "CapEff") == \
        field(pathlib.Path("/proc/self/status").read_text(), "CapEff")
    assert "ead-only" in ctr_sh(engine, "touch /x 2>&1; true", "--read-only")


@check(CTR)
def ctr_mounts_and_namespaces(engine):
    path = engine.directory / "bound"
    path.mkdir(exist_ok=True)
    ctr_sh(engine, "echo text >/m/file", "--mount", f"type=bind,src={path},dst=/m,options=rbind:rw")
    assert (path / "file").read_text() == "text\n"
    assert ctr_sh(engine, "readlink /proc/self/ns/net", "--net-host") == os.readlink("/proc/self/ns/net")
    name = ctr_detached(engine)
    pid = next(r.split()[1] for r in engine.ok("task", "ls").splitlines() if r.split()[0] == name)
    assert ctr_sh(engine, "readlink /proc/self/ns/ipc", "--with-ns", f"ipc:/proc/{pid}/ns/ipc") == \
        os.readlink(f"/proc/{pid}/ns/ipc")


@check(CTR)
def ctr_checkpoint_and_restore(engine):
    if not any(os.access(f"{d}/criu", os.X_OK) for d in os.environ["PATH"].split(":")):
        raise Skip("no criu")
    name = ctr_detached(engine, command=("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/tmp/i; sleep 0.1; done"))
    read = ("sh", "-c", "cat /tmp/i")
    time.sleep(1)
    engine.ok("container", "checkpoint", "--rw", "--image", "--task", name, "example.org/checkpoint:1", timeout=60)
    last = int(engine.ok("task", "exec", "--exec-id", "r1", name, *read))
    engine.ok("task", "kill", "-s", "SIGKILL", name)
    wait_for(lambda: ctr_status(engine, name) in ("STOPPED", ""))
    engine("task", "rm", name)
    other = engine.new_name()
    engine.ok("container", "restore", "--rw", "--live", other, "example.org/checkpoint:1", timeout=60)
    assert int(engine.ok("task", "exec", "--exec-id", "r2", other, *read)) <= last + 50


@check(CTR)
def ctr_attach_and_detach(engine):
    script = "while read x; do echo got $x; done"
    name = engine.new_name()
    engine.terminal(*engine.run("-d", "-t", name=name, command=("sh", "-c", script)))
    engine.terminal("task", "attach", name, input="word\n", until="got word")
    assert ctr_status(engine, name) == "RUNNING"


@check(CTR)
def ctr_null_io(engine):
    ctr_sh(engine, "echo nowhere", "--null-io")


@check(CTR)
def ctr_log_file(engine):
    path = engine.directory / "logs" / "file"
    engine.ok(*engine.run("-d", "--log-uri", f"file://{path}", command=("sh", "-c", "echo out; echo err >&2")))
    wait_for(lambda: path.exists() and sorted(path.read_text().split()) == ["err", "out"])


@check(CTR)
def ctr_log_program(engine):
    program, path = engine.directory / "logger", engine.directory / "logged"
    program.write_text(f"#!/bin/sh\nexec 5>&-\necho $CONTAINER_ID $CONTAINER_NAMESPACE $1 >{path}\ncat <&3 >>{path}\n")
    program.chmod(0o755)
    name = engine.new_name()
    engine.ok(*engine.run("-d", "--log-uri", f"binary://{program}?word", name=name, command=("echo", "logged")))
    wait_for(lambda: path.exists() and path.read_text() == f"{name} default word\nlogged\n")


@check(CTR)
def ctr_events(engine):
    listener = subprocess.Popen([engine.program, *engine.words, "events"], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        name = engine.new_name()
        engine.ok(*engine.run("--rm", name=name, command=("true",)))
        wanted = ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]
        while wanted:
            line = listener.stdout.readline()
            if name in line and wanted[0] in line:
                wanted.pop(0)
    finally:
        listener.kill()
        listener.wait()


CHECKS = {"podman": CLI, "docker": CLI, "containerd": CTR, "containerd-shim": CTR}
