# SPDX-License-Identifier: Apache-2.0
"""commit, diff, export, import and history, end to end."""

import io
import json
import os
import re
import subprocess
import tarfile

import pytest

from harness import wait_until

ID = "sha256:[0-9a-f]{64}"


def config_of(engine, image):
    (document,) = json.loads(engine.output("image", "inspect", image))
    return document


@pytest.fixture
def container(engine, busybox):
    """A running one that has changed something."""
    name = engine.output("run", "-d", "-e", "A=one", "--label", "l=1", busybox, "sh", "-c",
                         "echo new > /new; rm /bin/vi; echo more >> /etc/passwd; touch /ready; exec sleep 1000")
    wait_until(lambda: engine.tare("exec", name, "ls", "/ready", code=None).returncode == 0, 60, "the changes")
    yield name
    engine.tare("rm", "-f", name)


def remove(engine, *images):
    engine.tare("rmi", "-f", *images, code=None)


def test_a_fresh_container_has_changed_nothing(engine, busybox):
    """What the engine made to mount upon is not the container's doing."""
    name = engine.output("run", "-d", "--read-only", busybox, "sleep", "1000")
    engine.tare("exec", name, "test", "-f", "/.dockerenv")
    assert engine.output("diff", name) == ""
    engine.tare("rm", "-f", name)


def test_changes_are_listed(engine, container):
    lines = engine.output("diff", container).splitlines()
    assert lines == ["C /bin", "D /bin/vi", "C /etc", "C /etc/passwd", "A /new", "A /ready"]
    assert "No such container: nobody" in engine.tare("container", "diff", "nobody", code=1).stderr


def test_commit_makes_an_image_that_runs(engine, busybox, container):
    image = engine.output("commit", "-a", "Me <me@here>", "-m", "a message", container, "made:1")
    assert re.fullmatch(ID, image)
    try:
        document, parent = config_of(engine, "made:1"), config_of(engine, busybox)
        assert document["Id"] == image and document["Author"] == "Me <me@here>" and document["Comment"] == "a message"
        assert document["RootFS"]["Layers"][:-1] == parent["RootFS"]["Layers"]
        assert document["Parent"] == parent["Id"] and parent["Parent"] == ""
        assert document["Config"]["Cmd"][:2] == ["sh", "-c"] and "A=one" in document["Config"]["Env"]
        assert document["Config"]["Labels"]["l"] == "1"
        assert engine.output("run", "--rm", "made:1", "cat", "/new") == "new"
        assert engine.tare("run", "--rm", "made:1", "ls", "/bin/vi", code=1).stderr
        # the container goes on, and so does the old image
        assert engine.output("exec", container, "cat", "/new") == "new"
        assert engine.output("run", "--rm", busybox, "ls", "/bin/vi") == "/bin/vi"
    finally:
        remove(engine, "made:1")


def test_an_image_of_an_image_of_a_container(engine, busybox):
    """Each commit adds one layer; what a lower one has is hidden, not gone; history tells the steps."""
    image = busybox
    try:
        name = engine.output("create", "--entrypoint", "/bin/sh", image, "-c", "true")
        engine.tare("commit", name, "chain:zero")
        engine.tare("rm", name)
        assert engine.output("history", "--format", "{{.CreatedBy}}", "chain:zero").splitlines()[0] == "-c true", "the command, not its entrypoint"
        remove(engine, "chain:zero")
        for step in ("one", "two"):
            name = engine.output("run", "-d", image, "sh", "-c", f"echo {step} > /{step}; rm -f /one; rm -rf /home; mkdir /home; echo {step} > /home/{step}")
            engine.tare("wait", name)
            image = engine.output("commit", "-m", step, name, f"chain:{step}")
            engine.tare("rm", name)
        assert engine.output("run", "--rm", "chain:two", "ls", "/home") == "two"
        rows = engine.output("history", "--format", "{{.ID}}|{{.Comment}}|{{.Size}}", "--no-trunc", "chain:two").splitlines()
        assert [row.split("|")[1] for row in rows[:2]] == ["two", "one"]
        assert [row.split("|")[0] for row in rows[:2]] == [config_of(engine, "chain:two")["Id"], config_of(engine, "chain:one")["Id"]]
    finally:
        remove(engine, "chain:two", "chain:one")


CHANGES = [
    ("CMD [\"echo\", \"hi\"]", ("Cmd", ["echo", "hi"])),
    ("CMD echo $HOME", ("Cmd", ["/bin/sh", "-c", "echo $HOME"])),
    ("ENTRYPOINT [\"/bin/cat\"]", ("Entrypoint", ["/bin/cat"])),
    ("LABEL a=b \"c d\"='e f'", ("Labels", {"a": "b", "c d": "e f"})),
    ("EXPOSE 80 53/udp", ("ExposedPorts", {"80/tcp": {}, "53/udp": {}})),
    ("VOLUME [\"/data\"]", ("Volumes", {"/data": {}})),
    ("WORKDIR /srv", ("WorkingDir", "/srv")),
    ("USER 5:6", ("User", "5:6")),
    ("STOPSIGNAL SIGINT", ("StopSignal", "SIGINT")),
    ("ONBUILD RUN true", ("OnBuild", ["RUN true"])),
]


def test_changes_of_the_config(engine, busybox):
    name = engine.output("create", busybox)
    words = [word for change, _ in CHANGES for word in ("-c", change)]
    image = engine.output("commit", *words, "-c", "ENV X=1 Y=\"two words\"", name)
    try:
        config = config_of(engine, image)["Config"]
        assert {"X=1", "Y=two words"} <= set(config["Env"])
        for change, (key, value) in CHANGES[1:]:
            if key not in ("Cmd", "Labels"):
                assert config[key] == value, change
        assert {"a": "b", "c d": "e f"}.items() <= config["Labels"].items()
        # a change may be a piece of a Dockerfile
        piece = "# a comment\n\nENV A=1 \\\n  # inside\n  B=2\ncmd [\"x\"]\n"
        assert {"A=1", "B=2"} <= set(config_of(engine, engine.output("commit", "-c", piece, name, "piece"))["Config"]["Env"])
        assert config_of(engine, "piece")["Config"]["Cmd"] == ["x"]
        remove(engine, "piece")
        engine.fails(1, "file with no instructions", "commit", "-c", "# nothing", name)
        assert "FROM is not a valid change command" in engine.tare("commit", "-c", "FROM x", name, code=1).stderr
    finally:
        engine.tare("rm", name)
        remove(engine, image)


def test_a_committed_image_travels(engine, busybox, container, registry, new_engine, tmp_path):
    """Through a registry and through an archive it comes to another engine as the same image."""
    name = registry.reference("committed:1")
    image = engine.output("commit", "-c", "CMD [\"cat\", \"/new\"]", container, name)
    elsewhere = new_engine().start()
    try:
        engine.tare("push", "-q", name)
        engine.tare("save", "-o", tmp_path / "image.tar", name)
        elsewhere.tare("pull", "-q", name)
        assert config_of(elsewhere, name)["Id"] == image and elsewhere.output("run", "--rm", name) == "new"
        elsewhere.tare("rmi", name)
        assert elsewhere.output("images", "-q") == ""
        assert elsewhere.output("load", "-i", tmp_path / "image.tar") == f"Loaded image: {name}"
        assert config_of(elsewhere, name)["Id"] == image and elsewhere.output("run", "--rm", name) == "new"
        assert config_of(elsewhere, name)["RootFS"] == config_of(engine, name)["RootFS"]
        # and here it is no other image when it comes back
        engine.tare("rmi", name)
        engine.tare("pull", "-q", name)
        assert config_of(engine, name)["Id"] == image
    finally:
        remove(engine, name)


def test_volumes_are_no_part_of_the_image(engine, busybox, tmp_path):
    (tmp_path / "file").write_text("of the host")
    name = engine.output("run", "-d", "-v", f"{tmp_path}:/test/volume", "-v", "/anonymous", busybox, "sleep", "1000")
    image = engine.output("commit", name)
    try:
        # one without a name is what VOLUME says: each container of the image gets its own
        assert config_of(engine, image)["Config"]["Volumes"] == {"/anonymous": {}}
        assert engine.output("run", "--rm", image, "ls", "-A", "/test") == "volume"
        assert engine.output("run", "--rm", image, "ls", "-A", "/test/volume") == ""
    finally:
        engine.tare("rm", "-f", name)
        remove(engine, image)


def test_export_and_import(engine, busybox, container, tmp_path):
    path = tmp_path / "flat.tar"
    engine.tare("export", "-o", path, container)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert "new" in names and "bin/vi" not in names and "bin/sh" in names
    piped = subprocess.run([engine.programs / "tare", "export", container], env=engine.environment, stdout=subprocess.PIPE, check=True).stdout
    assert sorted(tarfile.open(fileobj=io.BytesIO(piped)).getnames()) == sorted(names)
    with engine.terminal("export", container) as terminal:
        terminal.expect("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        assert terminal.wait(60) == 1
    image = engine.output("import", "-c", "CMD [\"cat\", \"/new\"]", "-m", "by hand", path, "flat:1")
    try:
        assert engine.output("run", "--rm", "flat:1") == "new"
        document = config_of(engine, image)
        assert document["Comment"] == "by hand" and len(document["RootFS"]["Layers"]) == 1
        with open(path, "rb") as file:
            zipped = subprocess.run(["gzip", "-c"], stdin=file, stdout=subprocess.PIPE, check=True).stdout
        again = subprocess.run([engine.programs / "tare", "import", "-"], env=engine.environment, input=zipped, stdout=subprocess.PIPE, check=True)
        second = again.stdout.decode().strip()
        assert config_of(engine, second)["RootFS"] == document["RootFS"]
        assert config_of(engine, second)["Comment"] == "Imported from -"
        remove(engine, second)
    finally:
        remove(engine, "flat:1")


def test_what_is_no_tar_is_not_imported(engine, tmp_path):
    before = engine.output("images", "-q")
    (tmp_path / "bad").write_bytes(os.urandom(100_000))
    assert engine.tare("import", tmp_path / "bad", code=1).stderr
    assert engine.output("images", "-q") == before


def test_history_has_docker_s_columns(engine, busybox):
    lines = engine.output("history", busybox).splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]
    assert lines[1].split()[0] == config_of(engine, busybox)["Id"][7:19]
    assert all(line.startswith("<missing>") for line in lines[2:])
    exact = engine.output("history", "-H=false", busybox).splitlines()
    assert "CREATED AT" in exact[0]
    total = sum(int(line) for line in engine.output("history", "--human=false", "--format", "{{.Size}}", busybox).splitlines())
    assert total == config_of(engine, busybox)["Size"]
    assert engine.output("image", "history", "-q", busybox).splitlines()[0] == lines[1].split()[0]


def test_an_image_is_not_made_of_a_container_that_goes(engine, busybox):
    assert "No such container" in engine.tare("commit", "nobody", code=1).stderr
    name = engine.output("create", busybox)
    assert "invalid reference" in engine.tare("commit", name, "UPPER:case", code=1).stderr
    engine.tare("rm", name)
