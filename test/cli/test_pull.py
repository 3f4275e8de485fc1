# SPDX-License-Identifier: Apache-2.0
"""How a pull is shown, and what is sent for it; the engine is the test's."""

import base64
import json
import subprocess
import time

import grpc
import pytest

from cli.fake_engine import Refusal

DIGEST = "sha256:" + "d" * 64
CANONICAL = "docker.io/library/busybox:latest"


def steps(pb, layers=("aaaaaaaaaaaa", "bbbbbbbbbbbb"), newer=True, pause=0):
    """The messages of one pull: the first layer comes, the others are here."""
    progress = pb.PullProgress
    yield progress(phase=progress.RESOLVED, reference=CANONICAL, tag="latest", path="library/busybox")
    for layer in layers:
        yield progress(phase=progress.WAITING, layer=layer)
    for layer in layers[1:]:
        yield progress(phase=progress.EXISTS, layer=layer)
    for percent in range(0, 101, 10):
        time.sleep(pause)
        yield progress(phase=progress.DOWNLOADING, layer=layers[0], current=percent * 10**5, total=10**7)
    for phase in (progress.VERIFYING, progress.DOWNLOADED, progress.EXTRACTING, progress.COMPLETE):
        yield progress(phase=phase, layer=layers[0])
    yield progress(phase=progress.DONE, digest=DIGEST, newer=newer, reference=CANONICAL, familiar="busybox:latest")


@pytest.fixture
def pulls(fake):
    """Every pull goes well."""
    pb = fake.messages["image"]
    fake.on("Images", "Pull", lambda request: steps(pb))
    return pb


def test_pull_prints_dockers_lines(tare, pulls):
    assert tare.run("pull", "busybox").stdout.splitlines() == [
        "Using default tag: latest",
        "latest: Pulling from library/busybox",
        "aaaaaaaaaaaa: Pulling fs layer",
        "bbbbbbbbbbbb: Pulling fs layer",
        "bbbbbbbbbbbb: Already exists",
        "aaaaaaaaaaaa: Verifying Checksum",
        "aaaaaaaaaaaa: Download complete",
        "aaaaaaaaaaaa: Extracting",
        "aaaaaaaaaaaa: Pull complete",
        f"Digest: {DIGEST}",
        "Status: Downloaded newer image for busybox:latest",
        CANONICAL,
    ]


@pytest.mark.parametrize("reference", ["busybox:1", "localhost:5000/x:1", f"busybox@{DIGEST}"])
def test_no_default_tag_where_one_was_given(tare, pulls, reference):
    assert "default tag" not in tare.run("pull", reference).stdout


def test_up_to_date(fake, tare):
    fake.on("Images", "Pull", lambda request: steps(fake.messages["image"], newer=False))
    assert "Status: Image is up to date for busybox:latest\n" in tare.run("pull", "busybox").stdout


def test_quiet_prints_the_canonical_name_only(tare, pulls):
    assert tare.run("image", "pull", "-q", "busybox").stdout == CANONICAL + "\n"


def test_platform_is_sent(fake, tare, pulls):
    tare.run("pull", "--platform", "linux/arm64", "busybox")
    assert fake.requests("Pull")[0].platform == "linux/arm64"


def screen_of(text, rows=24):
    """What a terminal shows after the text: a few lines of a terminal emulator."""
    lines, row, column = [""], 0, 0
    at = 0
    while at < len(text):
        if text.startswith("\x1b[", at):
            end = at + 2
            while text[end].isdigit():
                end += 1
            number, letter = int(text[at + 2 : end] or 1), text[end]
            row = max(0, row - number) if letter == "A" else row + number if letter == "B" else row
            if letter == "K":
                lines[row] = ""
            at = end + 1
            continue
        character = text[at]
        if character == "\n":
            row += 1
        elif character == "\r":
            column = 0
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
        while len(lines) <= row:
            lines.append("")
        at += 1
    return lines


def test_on_a_terminal_each_layer_keeps_its_line(fake, tare):
    fake.on("Images", "Pull", lambda request: steps(fake.messages["image"], pause=0.06))
    with tare.terminal("pull", "busybox", rows=24, columns=100) as terminal:
        assert terminal.wait() == 0
        seen = terminal.seen
    assert "Downloading [" in seen and "=>" in seen and "5MB/10MB" in seen
    assert [line.rstrip() for line in screen_of(seen)] == [
        "Using default tag: latest",
        "latest: Pulling from library/busybox",
        "aaaaaaaaaaaa: Pull complete",
        "bbbbbbbbbbbb: Already exists",
        f"Digest: {DIGEST}",
        "Status: Downloaded newer image for busybox:latest",
        CANONICAL,
        "",
    ]


def test_lines_fit_a_narrow_terminal(fake, tare):
    fake.on("Images", "Pull", lambda request: steps(fake.messages["image"]))
    with tare.terminal("pull", "busybox", rows=24, columns=30) as terminal:
        assert terminal.wait() == 0
        layers = [line for line in screen_of(terminal.seen) if line.startswith(("aaaa", "bbbb"))]
    assert len(layers) == 2 and all(len(line) < 30 for line in layers)


def test_run_pulls_what_is_not_here_and_says_so_on_stderr(fake, tare, container, pulls):
    pb = fake.messages["container"]
    container(lambda peer: (peer.welcome(), peer.send(1, b"output\n"), peer.exit(0)))

    def create(request):
        if not fake.requests("Pull"):
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no such image: busybox:latest", "IMAGE_NOT_FOUND")
        return pb.CreateContainerResponse(id="c" * 64, warnings=["careful"])

    fake.on("Containers", "Create", create)
    result = tare.run("run", "--platform", "linux/arm64", "busybox")
    assert result.stdout == "output\n"
    lines = result.stderr.splitlines()
    assert lines[:2] == [
        "Unable to find image 'busybox:latest' locally",
        "latest: Pulling from library/busybox",
    ]
    assert lines[-2:] == ["Status: Downloaded newer image for busybox:latest", "WARNING: careful"]
    assert fake.requests("Pull")[0].platform == "linux/arm64"


def test_create_quietly(fake, tare, container, pulls):
    pb = fake.messages["container"]

    def create(request):
        if not fake.requests("Pull"):
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no such image", "IMAGE_NOT_FOUND")
        return pb.CreateContainerResponse(id="c" * 64)

    fake.on("Containers", "Create", create)
    result = tare.run("create", "-q", "busybox")
    assert (result.stdout, result.stderr) == ("c" * 64 + "\n", "")


def test_pull_never_and_always(fake, tare, pulls):
    def create(request):
        raise Refusal(grpc.StatusCode.NOT_FOUND, "no such image: busybox:latest", "IMAGE_NOT_FOUND")

    fake.on("Containers", "Create", create)
    assert tare.run("run", "--pull", "never", "busybox", code=125).stderr.startswith("tare: no such image: busybox:latest\n")
    assert not fake.requests("Pull")
    fake.on("Containers", "Create", lambda request: fake.messages["container"].CreateContainerResponse(id="c" * 64))
    tare.run("create", "--pull", "always", "busybox")
    assert len(fake.requests("Pull")) == 1


def test_a_failed_pull_says_why(fake, tare):
    def refuse(request):
        yield from steps(fake.messages["image"])
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "registry r.example: connection timed out")

    fake.on("Images", "Pull", refuse)
    result = tare.run("pull", "busybox", code=1)
    assert result.stderr == "tare: registry r.example: connection timed out\n"


def test_an_engine_that_dies_meanwhile_is_said(fake, tare):
    def die(request):
        yield from steps(fake.messages["image"])
        fake.server.stop(None)
        time.sleep(5)

    fake.on("Images", "Pull", die)
    assert tare.run("pull", "busybox", code=1).stderr.startswith("tare: ")


def test_credentials_go_with_their_registry_only(fake, tare, pulls, tmp_path):
    encoded = base64.b64encode(b"alice:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.example:5000": {"auth": encoded}}}))
    tare.environment["DOCKER_CONFIG"] = str(tmp_path)
    tare.run("pull", "r.example:5000/x")
    tare.run("pull", "r.example/x")
    tare.run("pull", "x")
    first, *others = fake.requests("Pull")
    assert (first.credentials.username, first.credentials.password) == ("alice", "secret")
    assert not any(request.HasField("credentials") for request in others)


def test_a_broken_credentials_file_is_named(tare, pulls, tmp_path):
    (tmp_path / "config.json").write_text('{"auths": 1}')
    tare.environment["DOCKER_CONFIG"] = str(tmp_path)
    result = tare.run("pull", "x", code=1)
    assert f"{tmp_path}/config.json: auths: expected" in result.stderr


def test_a_home_without_credentials_is_fine(tare, pulls, tmp_path):
    tare.environment["HOME"] = str(tmp_path)
    tare.run("pull", "-q", "x")
    del tare.environment["HOME"]
    tare.run("pull", "-q", "x")


def test_load_sends_the_whole_file(fake, tare, tmp_path):
    pb = fake.messages["image"]
    answer = pb.LoadResponse(references=["x:latest"], ids=["sha256:" + "e" * 64])
    fake.on("Images", "Load", lambda requests: list(requests) and answer)
    data = bytes(range(256)) * 4000
    (tmp_path / "image.tar").write_bytes(data)
    expected = f"Loaded image: x:latest\nLoaded image ID: sha256:{'e' * 64}\n"
    assert tare.run("load", "-i", tmp_path / "image.tar").stdout == expected
    with open(tmp_path / "image.tar", "rb") as file:
        assert tare.run("image", "load", stdin=file).stdout == expected
    for requests in fake.requests("Load"):
        assert b"".join(request.data for request in requests) == data


def test_load_of_nothing(tare, tmp_path):
    assert "/no/such/file" in tare.run("load", "-i", "/no/such/file", code=1).stderr
    with tare.terminal("load") as terminal:
        assert terminal.wait() == 1
        assert "stdin is empty" in terminal.seen


def test_load_that_the_engine_refuses_early(fake, tare):
    def refuse(requests):
        next(requests)
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no image in the archive")

    fake.on("Images", "Load", refuse)
    process = tare.popen("load", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    _, stderr = process.communicate(b"x" * (8 << 20), timeout=60)
    assert process.returncode == 1 and b"no image in the archive" in stderr


def push_steps(pb):
    progress = pb.PushProgress
    yield progress(phase=progress.REPOSITORY, repository="docker.io/library/busybox")
    for layer in ("aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"):
        yield progress(phase=progress.PREPARING, layer=layer)
    yield progress(phase=progress.WAITING, layer="cccccccccccc")
    yield progress(phase=progress.PUSHING, layer="aaaaaaaaaaaa", current=1000, total=2000)
    yield progress(phase=progress.MOUNTED, layer="bbbbbbbbbbbb", **{"from": "library/debian"})
    yield progress(phase=progress.PUSHED, layer="aaaaaaaaaaaa")
    yield progress(phase=progress.EXISTS, layer="cccccccccccc")
    yield progress(phase=progress.DONE, tag="latest", digest=DIGEST, total=528)


def test_push_prints_dockers_lines(fake, tare):
    fake.on("Images", "Push", lambda request: push_steps(fake.messages["image"]))
    assert tare.run("push", "busybox").stdout.splitlines() == [
        "Using default tag: latest",
        "The push refers to repository [docker.io/library/busybox]",
        "aaaaaaaaaaaa: Preparing",
        "bbbbbbbbbbbb: Preparing",
        "cccccccccccc: Preparing",
        "cccccccccccc: Waiting",
        "bbbbbbbbbbbb: Mounted from library/debian",
        "aaaaaaaaaaaa: Pushed",
        "cccccccccccc: Layer already exists",
        f"latest: digest: {DIGEST} size: 528",
    ]
    assert tare.run("image", "push", "-q", "busybox").stdout == CANONICAL + "\n"
    assert tare.run("push", "-q", "r.example/x/y:1").stdout == "r.example/x/y:1\n"
    tare.run("push", "--all-tags", "--platform", "linux/arm64", "busybox")
    sent = fake.requests("Push")[-1]
    assert (sent.reference, sent.all, sent.platform) == ("busybox", True, "linux/arm64")
    assert tare.run("push", "-a", "busybox:1", code=1).stderr == "tare: tag can't be used with --all-tags/-a\n"


def test_push_without_rights(fake, tare):
    def refuse(request):
        yield fake.messages["image"].PushProgress(repository="docker.io/library/busybox")
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "denied: requested access to the resource is denied")

    fake.on("Images", "Push", refuse)
    result = tare.run("push", "busybox:1", code=1)
    assert result.stdout == "The push refers to repository [docker.io/library/busybox]\n"
    assert result.stderr == "tare: denied: requested access to the resource is denied\n"


def test_save_writes_a_file_whole_or_not_at_all(fake, tare, tmp_path):
    pb = fake.messages["image"]
    pieces = [bytes([i]) * 100000 for i in range(5)]
    fake.on("Images", "Save", lambda request: (pb.SaveResponse(data=piece) for piece in pieces))
    tare.run("save", "-o", tmp_path / "x.tar", "--platform", "linux/arm64", "a", "b:1")
    assert (tmp_path / "x.tar").read_bytes() == b"".join(pieces)
    sent = fake.requests("Save")[0]
    assert (list(sent.names), sent.platform) == (["a", "b:1"], "linux/arm64")

    def broken(request):
        yield pb.SaveResponse(data=b"half")
        raise Refusal(grpc.StatusCode.DATA_LOSS, "blob is damaged")

    fake.on("Images", "Save", broken)
    assert "blob is damaged" in tare.run("save", "-o", tmp_path / "y.tar", "a", code=1).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]
    assert tare.run("save", "-o", "/dev/null", "a", code=1).stderr == "tare: blob is damaged\n"
    with open("/dev/full", "wb") as full:
        fake.on("Images", "Save", lambda request: (pb.SaveResponse(data=piece) for piece in pieces))
        assert "no space left" in tare.run("save", "a", stdout=full, code=1).stderr.lower()


def test_load_of_one_platform(fake, tare, tmp_path):
    fake.on("Images", "Load", lambda requests: list(requests) and fake.messages["image"].LoadResponse())
    (tmp_path / "x.tar").write_bytes(b"tar")
    tare.run("load", "--platform", "linux/arm64", "-i", tmp_path / "x.tar")
    assert fake.requests("Load")[0][0].platform == "linux/arm64"


def test_pull_of_all_tags(fake, tare):
    pb = fake.messages["image"]

    def pull(request):
        for tag in ("1", "2"):
            yield pb.PullProgress(phase=pb.PullProgress.RESOLVED, tag=tag, path="library/busybox")
            yield pb.PullProgress(phase=pb.PullProgress.EXISTS, layer="aaaaaaaaaaaa")
            yield pb.PullProgress(phase=pb.PullProgress.DONE, digest=DIGEST, newer=tag == "1", familiar=f"busybox:{tag}")

    fake.on("Images", "Pull", pull)
    assert tare.run("pull", "-a", "busybox").stdout.splitlines() == [
        "1: Pulling from library/busybox",
        "aaaaaaaaaaaa: Already exists",
        f"Digest: {DIGEST}",
        "2: Pulling from library/busybox",
        "aaaaaaaaaaaa: Already exists",
        f"Digest: {DIGEST}",
        "Status: Downloaded newer image for busybox",
        "docker.io/library/busybox",
    ]
    assert fake.requests("Pull")[0].all
    assert tare.run("pull", "-aq", "busybox").stdout == "docker.io/library/busybox\n"
    assert "tag can't be used with --all-tags/-a" in tare.run("pull", "-a", "busybox:1", code=1).stderr
