# SPDX-License-Identifier: Apache-2.0
"""The whole job in order, as a user meets it: from a registry to a running container and back to nothing.
Details of single commands are test/cli's."""

import json
import os
import re
import subprocess
import time

import pytest

from harness import fetch, free_port, processes_with, wait_until


@pytest.fixture(scope="module")
def images(engine, registry):
    """Reference by short name."""
    return registry.reference


def test_the_engine_answers(engine):
    assert re.search(r"Version:\s+\d+\.\d+", engine.output("version"))
    info = engine.output("info")
    assert str(engine.root) in info


def test_pull_prints_plain_lines_and_the_digest(engine, images):
    out = engine.output("pull", images("busybox")).splitlines()
    assert out[0] == "Using default tag: latest"
    assert out[1] == "latest: Pulling from busybox"
    assert any(re.fullmatch(r"[0-9a-f]{12}: Pull complete", line) for line in out)
    assert re.fullmatch(r"Digest: sha256:[0-9a-f]{64}", out[-3])
    assert out[-2] == f"Status: Downloaded newer image for {images('busybox:latest')}"
    assert out[-1] == images("busybox:latest")


def test_pull_again_finds_it_up_to_date(engine, images):
    assert f"Status: Image is up to date for {images('busybox:latest')}" in engine.output("pull", images("busybox"))


@pytest.mark.parametrize("name", ["busybox-zstd", "busybox-docker", "multi", "debian", "nginx", "nginx-docker", "configured"])
def test_pull_of_every_kind_of_image(engine, images, name):
    out = engine.output("pull", images(name), timeout=300)
    assert images(name) in engine.output("images")
    if name == "nginx":  # stands on debian's layer
        assert re.search(r"^[0-9a-f]{12}: Already exists$", out, re.MULTILINE)


def test_images_are_listed_with_repository_tag_and_id(engine, images):
    header, *rows = engine.output("images").splitlines()
    assert header.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    row = next(row for row in rows if row.startswith(images("busybox") + " ")).split()
    assert row[1] == "latest" and re.fullmatch("[0-9a-f]{12}", row[2])
    assert re.search(r"[kM]B$", row[-1])


def test_the_index_gives_this_machines_image(engine, images):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    assert engine.output("run", "--rm", images("multi"), "cat", "/etc/arch") == machine


@pytest.mark.parametrize("name", ["busybox", "busybox-zstd", "busybox-docker"])
def test_run_a_command(engine, images, name):
    assert engine.output("run", "--rm", images(name), "echo", "hello", "world") == "hello world"


def test_debian_runs_its_own_programs(engine, images):
    assert 'VERSION_CODENAME=bookworm' in engine.output("run", "--rm", images("debian"), "cat", "/etc/os-release")
    assert engine.output("run", "--rm", images("debian"), "perl", "-e", "print 6*7") == "42"


def test_a_missing_image_is_pulled_first(engine, images):
    engine.tare("rmi", images("busybox-zstd"))
    result = engine.tare("run", "--rm", images("busybox-zstd"), "echo", "there")
    assert result.stdout == "there\n"
    assert f"Unable to find image '{images('busybox-zstd:latest')}' locally" in result.stderr


def test_the_images_own_settings_are_obeyed(engine, images):
    lines = engine.output("run", "--rm", images("configured")).splitlines()
    assert lines == ["entrypoint from cmd", "1000", "1000", "/work", "blue round"]
    lines = engine.output("run", "--rm", images("configured"), "mine").splitlines()
    assert lines[0].split() == ["entrypoint", "mine"]


def test_and_the_users_settings_win(engine, images):
    options = ["-e", "COLOUR=red", "-w", "/tmp", "-u", "0", "--entrypoint", "/bin/sh"]
    command = ["-c", "id -u; pwd; echo $COLOUR $SHAPE"]
    lines = engine.output("run", "--rm", *options, images("configured"), *command).splitlines()
    assert lines == ["0", "/tmp", "red round"]


def test_environment_from_files_and_from_here(engine, images, tmp_path):
    (tmp_path / "env").write_text("# comment\nA=1\nB=two words\nFROM_HERE\n")
    environment = dict(engine.environment, FROM_HERE="yes")
    result = subprocess.run(
        [engine.programs / "tare", "run", "--rm", "--env-file", tmp_path / "env", "-e", "A=3", images("busybox"), "env"],
        env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60,
    )
    lines = result.stdout.splitlines()
    assert {"A=3", "B=two words", "FROM_HERE=yes"} <= set(lines)


def test_volumes_read_write_and_read_only(engine, images, tmp_path):
    (tmp_path / "in").write_text("from the host\n")
    mount = f"{tmp_path}:/data"
    assert engine.output("run", "--rm", "-v", mount, images("busybox"), "sh", "-c", "cat /data/in; echo back > /data/out") == "from the host"
    assert (tmp_path / "out").read_text() == "back\n"
    result = engine.tare("run", "--rm", "-v", mount + ":ro", images("busybox"), "touch", "/data/no", code=1)
    assert "Read-only file system" in result.stderr
    assert not (tmp_path / "no").exists()


def test_hostname_read_only_and_its_files(engine, images):
    script = "hostname; cat /etc/hostname; grep -c box /etc/hosts; touch /x"
    result = engine.tare("run", "--rm", "--hostname", "box", "--read-only", images("busybox"), "sh", "-c", script, code=1)
    assert result.stdout.splitlines() == ["box", "box", "1"]
    assert "Read-only file system" in result.stderr


def capabilities(text):
    return int(re.search(r"CapEff:\s*([0-9a-f]+)", text).group(1), 16)


def test_capabilities_are_added_and_dropped(engine, images):
    def of(*options):
        return capabilities(engine.output("run", "--rm", *options, images("busybox"), "grep", "CapEff", "/proc/self/status"))

    net_admin, net_raw, chown = 1 << 12, 1 << 13, 1 << 0
    standard = of()
    assert standard & chown and not standard & net_admin
    assert of("--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN") == (standard | net_admin) & ~chown
    assert of("--cap-drop", "ALL", "--cap-add", "net_raw") == net_raw
    assert of("--privileged") & net_admin


def test_limits_reach_the_kernel(engine, images):
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null;" \
        "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null;" \
        "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"
    lines = engine.output("run", "--rm", "-m", "64m", "--pids-limit", "50", "--cpus", "0.5", images("busybox"), "sh", "-c", script).split()
    assert lines == [str(64 << 20), "50", "50000"]


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 3", 3), ("sh -c 'kill -9 $$'; exit $?", 137)])
def test_the_programs_exit_code_is_ours(engine, images, script, code):
    engine.tare("run", "--rm", images("busybox"), "sh", "-c", script, code=code)


def test_exit_codes_of_what_could_not_run(engine, images):
    assert "no-such-program" in engine.tare("run", "--rm", images("busybox"), "no-such-program", code=127).stderr
    engine.tare("run", "--rm", images("busybox"), "/etc/passwd", code=126)
    engine.tare("run", "--rm", "--no-such-flag", images("busybox"), code=125)
    assert engine.output("ps", "-aq") == ""


def test_output_is_kept_apart_and_whole(engine, images):
    script = "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    result = engine.tare("run", "--rm", images("busybox"), "sh", "-c", script)
    assert result.stdout == "".join(f"out {i}\n" for i in range(2000))
    assert result.stderr == "".join(f"err {i}\n" for i in range(2000))


def test_standard_input_reaches_the_program_and_ends(engine, images):
    data = "".join(f"line {i}\n" for i in range(20000))
    assert engine.tare("run", "--rm", "-i", images("busybox"), "cat", input=data).stdout == data
    assert engine.tare("run", "--rm", "-i", images("busybox"), "wc", "-l", input=data).stdout.strip() == "20000"


SERVICE = "echo started; trap 'echo stopping; exit 5' TERM; i=0; while true; do sleep 0.1; done"


@pytest.fixture(scope="module")
def service(engine, images):
    """A container in the background that stops politely; shared by the tests below, which end it."""
    container = engine.output("run", "-d", "--name", "service", "-e", "X=1", "-w", "/tmp", images("busybox"), "sh", "-c", SERVICE)
    assert re.fullmatch("[0-9a-f]{64}", container)
    wait_until(lambda: "started" in engine.output("logs", "service"), what="the service's first line")
    return container


def test_ps_lists_what_runs(engine, service):
    header, row = engine.output("ps").splitlines()
    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert row.startswith(service[:12]) and row.endswith("service") and " Up " in row
    assert engine.output("ps", "-q") == service[:12]


def test_inspect_has_dockers_shape(engine, service):
    (document,) = json.loads(engine.output("inspect", "service"))
    assert document["Id"] == service and document["Name"] == "/service"
    assert document["State"]["Running"] is True and document["State"]["Status"] == "running"
    assert document["State"]["Pid"] > 1
    assert document["Config"]["WorkingDir"] == "/tmp"
    assert "X=1" in document["Config"]["Env"]
    assert document["NetworkSettings"]["IPAddress"].startswith(engine.subnet)


def test_exec_runs_beside_it(engine, service):
    assert engine.output("exec", "-e", "Y=2", "-w", "/etc", "service", "sh", "-c", "echo $X $Y; pwd") == "1 2\n/etc"
    assert engine.output("exec", "-u", "user", "service", "id", "-u") == "1000"
    assert engine.tare("exec", "-i", "service", "cat", input="through\n").stdout == "through\n"
    engine.tare("exec", "service", "sh", "-c", "exit 9", code=9)
    engine.tare("exec", "service", "nothing-here", code=127)
    processes = engine.output("exec", "service", "ps")
    assert re.search(r"^\s*1 ", processes, re.MULTILINE)


def test_logs_since_tail_follow_and_times(engine, images):
    engine.output("run", "-d", "--name", "talker", images("busybox"), "sh", "-c",
        "for i in 1 2 3 4 5; do echo line $i; done; until [ -e /on ]; do sleep 0.1; done; echo last; echo error >&2")
    wait_until(lambda: "line 5" in engine.output("logs", "talker"), what="log lines")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 1", engine.output("logs", "-t", "talker"))
    follower = engine.popen("logs", "-f", "--tail", "2", "talker", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert follower.stdout.readline() == "line 4\n"
    engine.tare("exec", "talker", "touch", "/on")
    assert (follower.stdout.read(), follower.stderr.read(), follower.wait(60)) == ("line 5\nlast\n", "error\n", 0)
    engine.output("wait", "talker")
    last = engine.tare("logs", "--tail", "1", "talker")
    assert last.stdout + last.stderr in ("last\n", "error\n")  # two pipes have no order between them
    assert engine.output("logs", "--since", "2000-01-01T00:00:00Z", "talker").splitlines()[0] == "line 1"
    assert engine.output("logs", "--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60)), "talker") == ""
    engine.tare("rm", "talker")


def test_attach_sees_output_and_leaves_by_ctrl_p_ctrl_q(engine, images):
    engine.output("run", "-dit", "--name", "shell", images("busybox"), "sh")
    with engine.terminal("attach", "shell") as terminal:
        terminal.send("echo $((6*7))\n")
        terminal.expect("\n42\r\n")
        terminal.send("\x10\x11")
        terminal.expect("read escape sequence")
        assert terminal.wait() == 0
    assert engine.output("ps", "-q", "--filter", "name=shell")
    with engine.terminal("attach", "shell") as terminal:
        terminal.send("exit 4\n")
        assert terminal.wait() == 4
    assert engine.output("wait", "shell") == "4"
    engine.tare("rm", "shell")


def test_a_shell_with_a_terminal_behaves(engine, images):
    with engine.terminal("run", "--rm", "-it", images("debian"), "bash", "--norc", rows=30, columns=100) as terminal:
        terminal.expect(r"[#$] $")
        terminal.send("tty; stty size\n")
        terminal.expect(r"/dev/(pts/\d+|console)\r\n")
        terminal.expect("30 100\r\n")
        terminal.resize(41, 133)
        wait_until(lambda: terminal.send("stty size\n") or _try(terminal, "41 133\r\n"), what="the new size")
        # ctrl-c ends the command, not the shell
        terminal.send("sleep 1111; echo code $?\n")
        wait_until(lambda: processes_with("sleep 1111"), what="the command")
        terminal.send("\x03")
        terminal.expect(r"\^C")
        terminal.send("echo still $((1+1))\n")
        terminal.expect("still 2\r\n")
        # job control: ctrl-z stops, fg continues
        terminal.send("sleep 2222\n")
        wait_until(lambda: processes_with("sleep 2222"), what="the command")
        terminal.send("\x1a")
        terminal.expect(r"Stopped\s+sleep 2222")
        terminal.send("echo number $(jobs -p | wc -l); kill -KILL %1; sleep 0.3\n")
        terminal.expect("number 1\r\n")
        terminal.send("exit 7\n")
        assert terminal.wait() == 7


def _try(terminal, pattern):
    try:
        return terminal.expect(pattern, timeout=1)
    except AssertionError:
        return None


def test_exec_with_a_terminal(engine, service):
    with engine.terminal("exec", "-it", "service", "sh", rows=33, columns=99) as terminal:
        terminal.send("stty size; exit 6\n")
        terminal.expect("33 99\r\n")
        assert terminal.wait() == 6


def test_signals_reach_the_program_through_run(engine, images):
    process = engine.popen("run", "--rm", "--name", "signalled", images("busybox"), "sh", "-c", SERVICE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    process.terminate()
    assert process.stdout.read() == b"stopping\n"
    assert process.wait(60) == 5


def test_stop_is_polite_and_keeps_the_exit_code(engine, service):
    assert engine.output("stop", "-t", "1000", "service") == "service"
    assert engine.output("wait", "service") == "5"
    assert "Exited (5)" in engine.output("ps", "-a")
    assert engine.output("logs", "service").splitlines() == ["started", "stopping"]


def test_start_again_keeps_files(engine, service):
    assert engine.output("start", "service") == "service"
    wait_until(lambda: engine.output("logs", "service").splitlines().count("started") == 2, what="a second start")
    assert engine.output("kill", "-s", "KILL", "service") == "service"
    assert engine.output("wait", "service") == "137"
    assert engine.output("rm", "service") == "service"
    assert engine.output("ps", "-aq") == ""


def test_a_stubborn_program_is_killed_after_the_grace_period(engine, images):
    engine.output("run", "-d", "--name", "stubborn", images("busybox"), "sh", "-c", "trap '' TERM; while true; do sleep 0.1; done")
    begin = time.monotonic()
    engine.tare("stop", "-t", "1", "stubborn")
    assert time.monotonic() - begin > 0.9
    assert engine.output("wait", "stubborn") == "137"
    engine.tare("rm", "stubborn")


@pytest.mark.parametrize("options, code", [((), "7"), (("-t", "0"), "137")], ids=["its own", "what stop says"])
def test_a_container_has_a_grace_period_of_its_own(engine, images, options, code):
    """-1 waits for ever: here longer than the 10 seconds that are usual."""
    script = "trap 'sleep 11; exit 7' TERM; echo up; while true; do sleep 0.1; done"
    engine.output("run", "-d", "--name", "own", "--stop-timeout", "-1", images("busybox"), "sh", "-c", script)
    wait_until(lambda: engine.output("logs", "own") == "up", what="the trap")
    assert engine.output("inspect", "-f", "{{.Config.StopTimeout}}", "own") == "-1"
    engine.tare("stop", *options, "own")
    assert engine.output("wait", "own") == code
    engine.tare("rm", "own")
    assert "out of range" in engine.tare("create", "--stop-timeout", "-2", images("busybox"), code=1).stderr


def test_running_containers_are_removed_only_by_force(engine, images):
    engine.output("run", "-d", "--name", "busy", images("busybox"), "sleep", "1000")
    engine.tare("rm", "busy", code=1)
    engine.tare("rm", "-f", "busy")
    assert engine.output("ps", "-aq") == ""


def test_nginx_answers_on_its_published_port(engine, images, request):
    port = free_port()
    engine.output("run", "-d", "--name", "web", "-p", f"{port}:80", images("nginx"))
    request.addfinalizer(lambda: engine.tare("rm", "-f", "web"))
    (document,) = json.loads(engine.output("inspect", "web"))
    address = document["NetworkSettings"]["IPAddress"]
    wait_until(lambda: answers(address, 80), what="nginx")
    assert answers("127.0.0.1", port), "loopback"
    assert answers(f"{engine.subnet}.1", port), "the bridge's address"
    for host in host_addresses():
        assert answers(host, port), f"the host's address {host}"
    # from another container: by the container's address, and by the host's published port
    get = ["run", "--rm", images("busybox"), "wget", "-q", "-O", "-"]
    assert "Welcome to nginx" in engine.output(*get, f"http://{address}/")
    assert "Welcome to nginx" in engine.output(*get, f"http://{engine.subnet}.1:{port}/")
    assert f"0.0.0.0:{port}->80/tcp" in engine.output("ps")
    engine.tare("stop", "web")
    assert not answers("127.0.0.1", port)


def answers(address, port):
    try:
        return "Welcome to nginx" in fetch(address, port, timeout=20)[1]
    except OSError:
        return False


def host_addresses():
    """Addresses of this machine besides loopback and bridges."""
    links = json.loads(subprocess.check_output(["ip", "-json", "-4", "address", "show", "up"]))
    return [a["local"] for link in links for a in link["addr_info"] if not link["ifname"].startswith(("lo", "tt", "tare", "docker"))]


def test_network_none_and_host(engine, images):
    links = engine.output("run", "--rm", "--network", "none", images("busybox"), "ls", "/sys/class/net").split()
    assert links == ["lo"]
    mine = os.readlink("/proc/self/ns/net")
    assert engine.output("run", "--rm", "--network", "host", images("busybox"), "readlink", "/proc/self/ns/net") == mine
    assert engine.output("run", "--rm", images("busybox"), "readlink", "/proc/self/ns/net") != mine


def test_containers_on_the_bridge_reach_the_host(engine, images):
    assert engine.tare("run", "--rm", images("busybox"), "ping", "-c", "1", "-W", "30", f"{engine.subnet}.1", code=0)
    addresses = [engine.output("run", "--rm", images("busybox"), "hostname", "-i") for _ in range(2)]
    assert all(address.startswith(engine.subnet) for address in addresses)


def test_everything_can_be_removed(engine, images):
    for reference in engine.output("images", "-q").split():
        engine.tare("rmi", "-f", reference, code=None)
    assert engine.output("images", "-q") == ""
    assert engine.output("ps", "-aq") == ""
    wait_until(lambda: not any((engine.root / "content/blobs/sha256").iterdir()), what="blobs to be collected")
    wait_until(lambda: not any((engine.root / "snapshots/overlay").iterdir()), what="snapshots to be collected")
