# SPDX-License-Identifier: Apache-2.0
"""contrib/hello: the image archive that ships inside the build."""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

import pytest

MAKE_ARCHIVE = pathlib.Path(__file__).resolve().parents[2] / "contrib/hello/make-archive"


@pytest.fixture
def hello(build):
    if not (build / "contrib/hello/hello.tar").exists():
        pytest.skip("contrib/hello is not built")
    return build / "contrib/hello"


def blobs_of(archive):
    with tarfile.open(archive) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_equal_programs_give_equal_archives(hello, tmp_path):
    subprocess.run([MAKE_ARCHIVE, hello / "hello", "amd64", tmp_path / "one.tar"], check=True)
    subprocess.run([MAKE_ARCHIVE, hello / "hello", "amd64", tmp_path / "two.tar"], check=True)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_the_archive_is_a_whole_oci_layout(hello):
    files = blobs_of(hello / "hello.tar")
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == "blobs/sha256/" + hashlib.sha256(content).hexdigest()

    def blob(descriptor):
        content = files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(content) == descriptor["size"]
        return content

    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/tare/hello:latest"
    manifest = json.loads(blob(entry))
    config = json.loads(blob(manifest["config"]))
    assert config["config"]["Entrypoint"] == ["/hello"]
    layer = gzip.decompress(blob(manifest["layers"][0]))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        (program,) = tar.getmembers()
        assert (program.name, program.mode, program.uid, program.mtime) == ("hello", 0o755, 0, 0)


def test_the_program_needs_nothing_beside_itself(hello, tmp_path):
    (tmp_path / "hello").write_bytes((hello / "hello").read_bytes())
    (tmp_path / "hello").chmod(0o755)
    output = subprocess.check_output(["chroot", tmp_path, "/hello", "so", "what"], text=True)
    assert output.startswith("Hello from inside a container!\n") and "You told me: so what\n" in output
