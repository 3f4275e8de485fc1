# SPDX-License-Identifier: Apache-2.0
"""Tables, documents, logs and targets: what the command line makes of the engine's answers."""

import json
import re
import threading
import time

import grpc
import pytest

from cli.fake_engine import Refusal

NOW = time.time_ns()
SECOND = 10**9


def summary(pb, **more):
    values = {
        "id": "0123456789abcdef" * 4,
        "name": "web",
        "image": "nginx",
        "command": ["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"],
        "created": time.time_ns() - 125 * SECOND,
        "status": "Up 2 minutes",
    }
    return pb.ContainerSummary(**{**values, **more})


@pytest.fixture
def containers(fake):
    """containers(summary, …): what the engine lists."""
    pb = fake.messages["container"]

    def make(*summaries):
        fake.on("Containers", "List", lambda request: pb.ListContainersResponse(containers=summaries))

    return make


def test_ps_prints_columns_with_three_spaces(fake, tare, containers):
    pb = fake.messages["container"]
    ports = [
        pb.PortMapping(host_port=8080, container_port=80, protocol="tcp"),
        pb.PortMapping(container_port=443, protocol="tcp"),
        pb.PortMapping(host_ip="127.0.0.1", host_port=53, container_port=53, protocol="udp"),
    ]
    containers(summary(pb, ports=ports))
    assert tare.run("ps").stdout.splitlines() == [
        "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                                                 NAMES",
        '0123456789ab   nginx     "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes   443/tcp, 127.0.0.1:53->53/udp, 0.0.0.0:8080->80/tcp   web',
    ]


def test_ps_of_nothing_is_a_header(tare, containers):
    containers()
    assert tare.run("container", "ls").stdout == "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"


def test_ps_quiet_and_whole(fake, tare, containers):
    pb = fake.messages["container"]
    containers(summary(pb), summary(pb, id="f" * 64))
    assert tare.run("ps", "-q").stdout == "0123456789ab\nffffffffffff\n"
    assert tare.run("ps", "-q", "--no-trunc").stdout == "0123456789abcdef" * 4 + "\n" + "f" * 64 + "\n"
    assert "\"/docker-entrypoint.sh nginx -g 'daemon off;'\"" in tare.run("ps", "--no-trunc").stdout


def test_ps_by_template(fake, tare, containers):
    pb = fake.messages["container"]
    containers(summary(pb, labels=["com.example.some-role=db", "x=y"], state="running", networks=["bridge"], size_rw=5, size_root_fs=10**6))
    assert tare.run("ps", "--format", "{{.ID}}: {{.Names}} {{.Label \"x\"}}{{.Label \"none\"}}").stdout == "0123456789ab: web y\n"
    assert tare.run("ps", "--format", "table {{.Names}}\\t{{upper .Image}}\\t{{.Label \"com.example.some-role\"}}").stdout.splitlines() == [
        "NAMES     IMAGE     some role", "web       NGINX     db"]
    assert not fake.requests("List")[-1].size
    assert tare.run("ps", "-s").stdout.splitlines()[0].endswith("NAMES     SIZE")
    assert tare.run("ps", "--format", "{{.Size}}").stdout == "5B (virtual 1MB)\n"
    assert fake.requests("List")[-1].size
    document = json.loads(tare.run("ps", "--format", "json").stdout)
    assert document["Names"] == "web" and document["State"] == "running" and list(document) == sorted(document)
    assert tare.run("ps", "--format", "{{.Nope}}", code=1).stderr == (
        'tare: template parsing error: template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *formatter.ContainerContext\n')
    assert tare.run("ps", "--format", "{{.ID", code=1).stderr == "tare: template parsing error: template: :1: unclosed action\n"


def test_formats_of_the_users_file(fake, tare, containers, tmp_path):
    pb = fake.messages["container"]
    containers(summary(pb))
    (tmp_path / "config.json").write_text(json.dumps({"psFormat": "{{.Names}}!"}))
    tare.environment["DOCKER_CONFIG"] = str(tmp_path)
    assert tare.run("ps").stdout == "web!\n"
    assert tare.run("ps", "--format", "{{.Image}}").stdout == "nginx\n"
    assert tare.run("ps", "-q").stdout == "0123456789ab\n"


def test_what_a_container_says_of_itself_cannot_move_the_cursor(fake, tare, containers):
    pb = fake.messages["container"]
    containers(summary(pb, command=["\x1b[2J", "\n"]))
    out = tare.run("ps", "--no-trunc").stdout
    assert "\x1b" not in out and len(out.splitlines()) == 2


@pytest.mark.parametrize(
    "words, all_, limit, filters",
    [
        ([], False, 0, []),
        (["-a"], True, 0, []),
        (["-n=2"], False, 2, []),
        (["-n", "1"], False, 1, []),
        (["-l"], False, 1, []),
        (["-aq"], True, 0, []),
        (["-qf", "status=exited", "--filter", "name=x"], False, 0, ["status=exited", "name=x"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_ps_asks_for_what_was_wanted(fake, tare, containers, words, all_, limit, filters):
    containers()
    tare.run("ps", *words)
    (request,) = fake.requests("List")
    assert (request.all, request.limit, list(request.filters)) == (all_, limit, filters)


def image(pb, **more):
    values = {
        "id": "sha256:" + "ab" * 32,
        "references": ["busybox:latest"],
        "digests": ["busybox@sha256:" + "d" * 64],
        "created": time.time_ns() - 15 * 24 * 3600 * SECOND,
        "size": 5590000,
    }
    return pb.ImageSummary(**{**values, **more})


@pytest.fixture
def images(fake):
    """images(summary, …): what the engine lists."""
    pb = fake.messages["image"]

    def make(*summaries):
        fake.on("Images", "List", lambda request: pb.ListImagesResponse(images=summaries))

    return make


def test_images_prints_a_row_a_name(fake, tare, images):
    pb = fake.messages["image"]
    images(image(pb, references=["busybox:latest", "localhost:5000/b:1"]), image(pb, references=[], digests=[], size=13256))
    assert tare.run("images").stdout.splitlines() == [
        "REPOSITORY         TAG       IMAGE ID       CREATED       SIZE",
        "busybox            latest    abababababab   2 weeks ago   5.59MB",
        "localhost:5000/b   1         abababababab   2 weeks ago   5.59MB",
        "<none>             <none>    abababababab   2 weeks ago   13.3kB",
    ]


def test_images_by_template(fake, tare, images):
    pb = fake.messages["image"]
    images(image(pb, containers=-1, shared_size=-1))
    assert tare.run("images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}} {{.SharedSize}}").stdout == "busybox:latest 5.59MB N/A\n"
    assert tare.run("images", "--format", "table {{.Tag}}\\t{{.ID}}").stdout.splitlines() == ["TAG       IMAGE ID", "latest    abababababab"]
    assert tare.run("images", "--format", "{{.Digest}}").stdout == "sha256:" + "d" * 64 + "\n"
    assert json.loads(tare.run("images", "--format", "json").stdout)["Repository"] == "busybox"
    assert "virtual_size: 5.59MB" in tare.run("images", "--format", "raw").stdout


def test_images_digests_ids_and_filters(fake, tare, images):
    pb = fake.messages["image"]
    images(image(pb))
    out = tare.run("images", "--digests", "--no-trunc").stdout
    assert "sha256:" + "d" * 64 in out and "sha256:" + "ab" * 32 in out
    assert tare.run("image", "ls", "-q").stdout == "ab" * 6 + "\n"
    tare.run("images", "busybox", "-a", "-f", "dangling=true")
    request = fake.requests("List")[-1]
    assert (request.reference, request.all, list(request.filters)) == ("busybox", True, ["dangling=true"])


def test_rmi_says_what_went(fake, tare):
    pb = fake.messages["image"]
    fake.on("Images", "Remove", lambda request: pb.RemoveImageResponse(untagged=["x:latest"], deleted=["sha256:1", "sha256:2"]))
    assert tare.run("rmi", "-f", "x").stdout == "Untagged: x:latest\nDeleted: sha256:1\nDeleted: sha256:2\n"
    assert fake.requests("Remove")[0].force


def test_tag(fake, tare):
    fake.on("Images", "Tag", lambda request: fake.messages["image"].TagImageResponse())
    tare.run("image", "tag", "a", "b:1")
    (request,) = fake.requests("Tag")
    assert (request.source, request.target) == ("a", "b:1")


@pytest.mark.parametrize("words, method", [(["start"], "Start"), (["stop"], "Stop"), (["kill"], "Kill"), (["rm"], "Remove")])
def test_one_bad_target_does_not_stop_the_others(fake, tare, words, method):
    pb = fake.messages["container"]

    def act(request):
        if request.container == "bad":
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no such container: bad")
        return pb.ContainerEmpty()

    fake.on("Containers", method, act)
    result = tare.run(*words, "one", "bad", "two", code=1)
    assert result.stdout == "one\ntwo\n"
    assert result.stderr == "tare: no such container: bad\n"


def test_stop_and_kill_options(fake, tare):
    pb = fake.messages["container"]
    fake.on("Containers", "Stop", lambda request: pb.ContainerEmpty())
    fake.on("Containers", "Kill", lambda request: pb.ContainerEmpty())
    for words in (["-t", "3"], ["--time=3"], ["--timeout", "3", "-s", "HUP"], []):
        tare.run("stop", *words, "c")
    assert [(r.has_timeout, r.timeout, r.signal) for r in fake.requests("Stop")] == [
        (True, 3, ""), (True, 3, ""), (True, 3, "HUP"), (False, 0, "")]
    tare.run("kill", "-s", "1", "c")
    assert fake.requests("Kill")[0].signal == "1"


def test_wait_prints_each_exit_code(fake, tare):
    pb = fake.messages["container"]
    fake.on("Containers", "Wait", lambda request: pb.WaitContainerResponse(exit_code=int(request.container)))
    assert tare.run("wait", "0", "137").stdout == "0\n137\n"


@pytest.fixture
def documents(fake):
    """One container `c`, one image `i` and one volume `v`."""

    def inspect(kind, name, response):
        def answer(request):
            if getattr(request, kind) != name:
                raise Refusal(grpc.StatusCode.NOT_FOUND, f"no such {kind}: {getattr(request, kind)}")
            return response(json=json.dumps({"Id": name, "State": {"Running": True}, "Labels": {"a.b": "c"}}))

        return answer

    fake.on("Containers", "Inspect", inspect("container", "c", fake.messages["container"].InspectResponse))
    fake.on("Images", "Inspect", inspect("image", "i", fake.messages["image"].InspectImageResponse))
    fake.on("Volumes", "Inspect", inspect("volume", "v", fake.messages["volume"].InspectVolumeResponse))


def test_inspect_prints_an_array_of_all_that_were_found(tare, documents):
    result = tare.run("inspect", "c", "none", "i", "v", code=1)
    assert [document["Id"] for document in json.loads(result.stdout)] == ["c", "i", "v"]
    assert result.stderr == "tare: no such object: none\n"
    assert result.stdout.startswith('[\n    {\n        "Id": "c",\n        "State": {\n            "Running": true\n        },\n')
    assert tare.run("inspect", "none", code=1).stdout == "[]\n"


def test_inspect_of_one_type(tare, documents):
    tare.run("inspect", "--type", "image", "i")
    assert "no such image: c" in tare.run("inspect", "--type=image", "c", code=1).stderr
    assert "no such container: i" in tare.run("container", "inspect", "i", code=1).stderr
    tare.run("image", "inspect", "i")


def test_inspect_by_template(tare, documents):
    assert tare.run("inspect", "-f", "{{.State.Running}}", "c", "i").stdout == "true\ntrue\n"
    assert tare.run("inspect", "--format", '{{index .Labels "a.b"}}', "c").stdout == "c\n"
    assert json.loads(tare.run("inspect", "-f", "{{json .State}}", "c").stdout) == {"Running": True}
    assert "map has no entry" in tare.run("inspect", "-f", "{{.Nope.X}}", "c", code=1).stderr
    assert tare.run("inspect", "-f", "json", "c").stdout.startswith('[{"Id"')
    assert tare.run("inspect", "-f", "{{.Nope}}", "c", code=1).stderr == (
        'tare: template parsing error: template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"\n')
    assert tare.run("inspect", "-f", "{{", "c", code=64).stderr == "tare: template parsing error: template: :1: unclosed action\n"


def log(pb, data, stderr=False, at=1700000000 * SECOND):
    return pb.LogsResponse(entries=[pb.LogsEntry(data=data, stderr=stderr, time=at)])


def test_logs_keep_streams_apart_and_bytes_as_they_are(fake, tare):
    pb = fake.messages["container"]
    fake.on("Containers", "Logs", lambda request: iter([log(pb, b"\xff\x00out\n"), log(pb, b"err\n", True), log(pb, b"no newline")]))
    result = tare.run("logs", "c", text=False)
    assert (result.stdout, result.stderr) == (b"\xff\x00out\nno newline", b"err\n")


def test_logs_times_stand_before_lines_only(fake, tare):
    pb = fake.messages["container"]
    messages = [log(pb, b"one\n"), log(pb, b"tw"), log(pb, b"err\n", True), log(pb, b"o\n", at=1700000000 * SECOND + 5)]
    fake.on("Containers", "Logs", lambda request: iter(messages))
    result = tare.run("logs", "-t", "c")
    stamp = "2023-11-14T22:13:20.000000000Z"
    assert result.stdout == f"{stamp} one\n{stamp} two\n"
    assert result.stderr == f"{stamp} err\n"


def test_logs_ask_for_what_was_wanted(fake, tare):
    fake.on("Containers", "Logs", lambda request: iter([]))
    for words in (["-f", "--tail", "5"], ["--tail=all"], ["-n", "0"], ["--since", "1700000000", "--until", "2023-11-14T22:13:21Z"], ["--since", "10m"]):
        tare.run("logs", *words, "c")
    follow, everything, none, times, minutes = fake.requests("Logs")
    assert all(request.joined for request in (follow, everything, none, times, minutes))
    for option in ("-t", "--details"):
        tare.run("logs", option, "c")
    assert not any(request.joined for request in fake.requests("Logs")[5:])
    assert follow.follow and follow.has_tail and follow.tail == 5
    assert not everything.has_tail and none.has_tail and none.tail == 0
    assert (times.since, times.until) == (1700000000 * SECOND, 1700000001 * SECOND)
    assert abs(minutes.since - (time.time_ns() - 600 * SECOND)) < 30 * SECOND
    assert "neither a time nor a duration" in tare.run("logs", "--since", "lately", "c", code=1).stderr


def test_logs_follow_shows_lines_as_they_come(fake, tare):
    pb = fake.messages["container"]

    was_read = threading.Event()

    def slowly(request):
        yield log(pb, b"first\n")
        if was_read.wait(60):
            yield log(pb, b"second\n")

    fake.on("Containers", "Logs", slowly)
    import subprocess

    process = tare.popen("logs", "-f", "c", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"first\n"
    was_read.set()
    assert process.stdout.read() == b"second\n" and process.wait(60) == 0


def test_version_and_info(fake, tare):
    pb = fake.messages["system"]
    fake.on("System", "Version", lambda request: pb.VersionResponse(version="1.2.3", os="linux", arch="amd64"))
    out = tare.run("version").stdout
    assert re.search(r"^Client: Tare$.*^Server: Tare$.*^ Version: +1\.2\.3$", out, re.MULTILINE | re.DOTALL)
    fake.on("System", "Info", lambda request: pb.InfoResponse(containers=3, containers_running=1, containers_stopped=2, images=4, memory=4110000000, warnings=["no swap"]))
    result = tare.run("info")
    for line in (" Containers: 3", "  Running: 1", "  Stopped: 2", " Images: 4", " Total Memory: 3.828GiB"):
        assert line in result.stdout.splitlines()
    assert result.stderr == "WARNING: no swap\n"
    assert tare.run("version", "--format", "{{.Server.Version}} {{.Client.Os}}").stdout == "1.2.3 linux\n"
    assert json.loads(tare.run("version", "-f", "json").stdout)["Server"]["Arch"] == "amd64"
    assert tare.run("info", "-f", "{{.Containers}} {{.MemTotal}} {{.Warnings}}").stdout == "3 4110000000 [no swap]\n"
    assert json.loads(tare.run("system", "info", "--format", "{{json .}}").stdout)["RegistryConfig"] == {"InsecureRegistries": [], "Mirrors": []}
    assert "template parsing error" in tare.run("info", "-f", "{{", code=1).stderr


def test_create_sends_every_option(fake, tare, tmp_path):
    pb = fake.messages["container"]
    fake.on("Containers", "Create", lambda request: pb.CreateContainerResponse(id="c" * 64))
    (tmp_path / "env").write_text("A=1\n# no\nB=2\n")
    tare.run(
        "create", "-it", "--rm", "--name", "n", "-e", "B=3", "--env-file", tmp_path / "env", "-v", f"{tmp_path}:/d:ro", "-w", "/w",
        "-u", "1:2", "--entrypoint", "/e", "-h", "box", "--read-only", "--privileged", "--cap-add", "NET_ADMIN", "--cap-drop=ALL",
        "-m", "64m", "--cpus", "1.5", "--pids-limit", "-1", "--net", "host", "-p", "127.0.0.1:8080:80/udp", "-p", "443", "-l", "a=b",
        "--stop-signal", "QUIT", "--stop-timeout", "0", "--platform", "linux/amd64", "image", "cmd", "-l", "--rm",
    )  # fmt: skip
    (r,) = fake.requests("Create")
    assert (r.image, list(r.command)) == ("image", ["cmd", "-l", "--rm"])
    assert list(r.environment) == ["A=1", "B=2", "B=3"] and list(r.labels) == ["a=b"]
    assert (r.name, r.working_directory, r.user, r.hostname, r.network) == ("n", "/w", "1:2", "box", "host")
    assert r.has_entrypoint and list(r.entrypoint) == ["/e"]
    assert r.terminal and r.open_stdin and r.auto_remove and r.read_only and r.privileged
    assert (list(r.capabilities_add), list(r.capabilities_drop)) == (["NET_ADMIN"], ["ALL"])
    assert (r.memory, r.nano_cpus, r.pids_limit) == (64 << 20, 1500000000, -1)
    assert [(p.host_ip, p.host_port, p.container_port, p.protocol) for p in r.ports] == [
        ("127.0.0.1", 8080, 80, "udp"), ("", 0, 443, "tcp")]
    (mount,) = r.mounts
    assert (mount.source, mount.target, mount.read_only, mount.mode) == (str(tmp_path), "/d", True, "ro")
    assert (r.stop_signal, r.has_stop_timeout, r.stop_timeout, r.platform) == ("QUIT", True, 0, "linux/amd64")


def test_an_empty_entrypoint_clears_the_images(fake, tare):
    fake.on("Containers", "Create", lambda request: fake.messages["container"].CreateContainerResponse(id="c" * 64))
    tare.run("create", "--entrypoint", "", "image")
    (request,) = fake.requests("Create")
    assert request.has_entrypoint and list(request.entrypoint) == [""]


def test_debug_shows_code_and_reason(fake, tare):
    def refuse(request):
        raise Refusal(grpc.StatusCode.NOT_FOUND, "no such container: x", "SOME_REASON")

    fake.on("Containers", "Remove", refuse)
    assert tare.run("-D", "rm", "x", code=1).stderr == "tare: no such container: x\ntare: code 5, reason SOME_REASON\n"


def test_messages_cannot_steer_the_terminal(fake, tare):
    def refuse(request):
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "registry said: \x1b[2J\x07\u009b31m ä\x7f")

    fake.on("Containers", "Remove", refuse)
    assert tare.run("rm", "x", code=1).stderr == "tare: registry said: ?[2J???31m ä?\n"


def test_hosts_over_tcp(fake, tare):
    pb = fake.messages["container"]
    fake.on("Containers", "List", lambda request: pb.ListContainersResponse())
    del tare.environment["TARE_HOST"]
    for host in (f"tcp://127.0.0.1:{fake.port}", f"127.0.0.1:{fake.port}", f"unix://{fake.socket}", str(fake.socket)):
        tare.run("-H", host, "ps")
    assert len(fake.requests("List")) == 4


def test_events_as_docker_prints_them(fake, tare):
    pb = fake.messages["system"]
    event = pb.EventMessage(
        type="container", action="die", id="c" * 64, time=1700000000 * SECOND + 5, attributes={"name": "web", "exitCode": "3", "image": "nginx"})
    fake.on("System", "Events", lambda request: iter([event]))
    tare.environment["TZ"] = "UTC"
    assert tare.run("events", "--since", "10", "--until", "20").stdout == (
        f"2023-11-14T22:13:20.000000005Z container die {'c' * 64} (exitCode=3, image=nginx, name=web)\n")
    (request,) = fake.requests("Events")
    assert (request.since, request.until) == (10 * SECOND, 20 * SECOND)
    document = json.loads(tare.run("system", "events", "-f", "event=die", "--format", "json").stdout)
    assert document == {
        "status": "die", "id": "c" * 64, "from": "nginx", "Type": "container", "Action": "die", "scope": "local", "time": 1700000000,
        "timeNano": 1700000000 * SECOND + 5, "Actor": {"ID": "c" * 64, "Attributes": {"exitCode": "3", "image": "nginx", "name": "web"}}}
    assert list(fake.requests("Events")[-1].filters) == ["event=die"]
    assert tare.run("events", "--format", "{{.Type}} {{.Actor.Attributes.name}} {{.ID}}").stdout == f"container web {'c' * 64}\n"
    tare.environment["TZ"] = "IST-5:30"
    assert tare.run("events").stdout.startswith("2023-11-15T03:43:20.000000005+05:30 ")


def test_df_adds_up_what_the_engine_says(fake, tare):
    system, images, containers = (fake.messages[name] for name in ("system", "image", "container"))
    reply = system.DiskUsageResponse(
        layers_size=9 * 10**6, content_size=10**6, containers_size=400, other_size=7000,
        images=[image(images, size=6 * 10**6, shared_size=2 * 10**6, containers=1), image(images, size=5 * 10**6, shared_size=2 * 10**6, containers=0)],
        containers=[summary(containers, state="running", size_rw=100), summary(containers, state="exited", size_rw=300)])
    fake.on("System", "DiskUsage", lambda request: reply)
    assert tare.run("system", "df").stdout.splitlines() == [
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE",
        "Images          2         1         10MB      6MB (60%)",
        "Containers      2         1         400B      300B (75%)",
        "Local Volumes   0         0         0B        0B",
        "Build Cache     0         0         0B        0B",
        "Other           0         0         7kB       0B (0%)"]
    assert tare.run("system", "df", "--format", "{{.Type}}={{.Size}}").stdout.splitlines()[0] == "Images=10MB"
    verbose = tare.run("system", "df", "-v").stdout
    assert re.search(r"^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$", verbose, re.MULTILINE)
    assert re.search(r"^busybox +latest .* 6MB +2MB +4MB +1$", verbose, re.MULTILINE)
    assert re.search(r"^CONTAINER ID +IMAGE +COMMAND +LOCAL VOLUMES +SIZE +CREATED +STATUS +NAMES$", verbose, re.MULTILINE)
    # all of it as one document, and for a template
    whole = json.loads(tare.run("system", "df", "-v", "--format", "json").stdout)
    assert list(whole) == ["Images", "Containers", "Volumes", "BuildCache"]
    assert [row["UniqueSize"] for row in whole["Images"]] == ["4MB", "3MB"] and whole["Volumes"] == []
    assert [row["Size"] for row in whole["Containers"]] == ["100B", "300B"]
    assert tare.run("system", "df", "-v", "--format", "{{range .Containers}}{{.State}},{{end}}").stdout == "running,exited,\n"
    assert tare.run("system", "df", "-v", "--format", "table").stdout == verbose


def test_prune_asks_first(fake, tare):
    containers, images = fake.messages["container"], fake.messages["image"]
    fake.on("Containers", "Prune", lambda request: containers.PruneContainersResponse(deleted=["c" * 64], space_reclaimed=1500))
    fake.on("Images", "Prune", lambda request: images.PruneImagesResponse(untagged=["a:1"], deleted=["sha256:1"], space_reclaimed=500))
    fake.on("Volumes", "Prune", lambda request: fake.messages["volume"].PruneVolumesResponse(deleted=["v1"], space_reclaimed=1000))
    question = "Are you sure you want to continue? [y/N] "
    assert tare.run("container", "prune").stdout == f"WARNING! This will remove all stopped containers.\n{question}\n"
    assert tare.run("image", "prune", input="n\n").stdout == f"WARNING! This will remove all dangling images.\n{question}"
    assert not fake.calls
    out = tare.run("image", "prune", "-a", "--filter", "until=100", "--filter", "label!=x", input="y\n").stdout
    assert out == (
        f"WARNING! This will remove all images without at least one container associated to them.\n{question}"
        "Deleted Images:\nuntagged: a:1\ndeleted: sha256:1\n\nTotal reclaimed space: 500B\n")
    (request,) = fake.requests("Prune")
    assert request.all and list(request.filters) == ["until=100.000000000", "label!=x"]
    out = tare.run("system", "prune", input="n\n").stdout
    assert out == f"WARNING! This will remove:\n  - all stopped containers\n  - all dangling images\n\n{question}"
    out = tare.run("system", "prune", "-af", "--volumes").stdout
    assert out == (
        f"Deleted Containers:\n{'c' * 64}\n\nDeleted Volumes:\nv1\n\nDeleted Images:\nuntagged: a:1\ndeleted: sha256:1\n\n"
        "Total reclaimed space: 3kB\n")
