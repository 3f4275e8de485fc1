# SPDX-License-Identifier: Apache-2.0
"""login, logout and search: what the registry is asked, what is kept and where."""

import base64
import json
import os
import stat

import pytest

from fake_registry import Fake

SCRIPT = """#!/bin/sh
case $1 in
store) cat > "$STORE" ;;
get) cat > /dev/null; [ -e "$STORE" ] && cat "$STORE" || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm "$STORE" ;;
esac
"""


@pytest.fixture
def own(new_engine, tmp_path, monkeypatch):
    engine = new_engine()
    engine.environment["DOCKER_CONFIG"] = str(tmp_path / "docker")
    return engine.start()


def config(tmp_path):
    return json.loads((tmp_path / "docker/config.json").read_text())


def test_what_the_registry_accepts_is_kept_for_the_owner_alone(own, registry_auth, tmp_path):
    address = registry_auth.address
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text(json.dumps({"psFormat": "x", "auths": {"other": {"auth": "YTpi"}}}))
    refused = own.tare("login", "-u", "alice", "--password-stdin", address, input="wrong\n", code=1)
    assert "401 Unauthorized" in refused.stderr and "Login Succeeded" not in refused.stdout
    assert config(tmp_path)["auths"].keys() == {"other"}
    result = own.tare("login", "-u", "alice", "--password-stdin", address, input="secret\n")
    assert result.stdout == "Login Succeeded\n"
    assert f"WARNING! Your credentials are stored unencrypted in '{tmp_path}/docker/config.json'." in result.stderr
    entry = base64.b64encode(b"alice:secret").decode()
    assert config(tmp_path) == {"psFormat": "x", "auths": {"other": {"auth": "YTpi"}, address: {"auth": entry}}}
    assert stat.S_IMODE(os.stat(tmp_path / "docker/config.json").st_mode) == 0o600
    own.tare("pull", "-q", registry_auth.reference("busybox"))
    again = own.tare("login", address)
    assert again.stdout == "Login Succeeded\n"
    assert again.stderr.startswith("Authenticating with existing credentials... [Username: alice]\n\n Info -> To login with a different account, run")
    # what is there already is no news
    assert own.tare("login", "-u", "alice", "-p", "secret", address).stderr == "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"
    for _ in range(2):
        assert own.output("logout", address) == f"Removing login credentials for {address}"
        assert config(tmp_path)["auths"].keys() == {"other"}
    with own.terminal("login", address) as terminal:
        terminal.expect("Username: ")
        terminal.send("alice\n")
        terminal.expect("Password: ")
        terminal.send("secret\n")
        terminal.expect("WARNING! Your credentials are stored unencrypted(.|\n)*Login Succeeded")
        assert terminal.wait(60) == 0 and "secret" not in terminal.seen
    done = own.tare("login", "-p", "secret", address, code=1)
    assert done.stderr.splitlines()[-1] == "tare: Cannot perform an interactive login from a non TTY device", "whose password is it?"
    with own.terminal("login", "-u", "bob", address) as terminal:
        terminal.expect("Password: ")
        terminal.send("\n")
        terminal.expect("tare: Password Required")
        assert terminal.wait(60) == 1
    assert config(tmp_path)["auths"][address] == {"auth": entry}


def test_a_credential_helper_keeps_it_instead(own, registry_auth, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "docker").mkdir()
    helper = tmp_path / "bin/docker-credential-box"
    helper.write_text(SCRIPT)
    helper.chmod(0o755)
    (tmp_path / "docker/config.json").write_text(json.dumps({"credHelpers": {registry_auth.address: "box"}}))
    own.environment |= {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "STORE": str(tmp_path / "store")}
    result = own.tare("login", "-u", "alice", "--password-stdin", registry_auth.address, input="secret")
    assert result.stdout == "Login Succeeded\n" and "unencrypted" not in result.stderr
    assert json.loads((tmp_path / "store").read_text()) == {"ServerURL": registry_auth.address, "Username": "alice", "Secret": "secret"}
    assert "auths" not in config(tmp_path)
    own.tare("pull", "-q", registry_auth.reference("busybox"))
    own.tare("logout", registry_auth.address)
    assert not (tmp_path / "store").exists()
    assert own.tare("pull", "-q", registry_auth.reference("busybox"), code=1)


def test_login_options_that_contradict(own):
    for words, text in {
        ("-p", "x", "--password-stdin"): "conflicting options: cannot specify both --password and --password-stdin",
        ("--password-stdin",): "the --password-stdin option requires --username to be set",
        ("-u", ""): "username is empty",
        ("-u", "x", "-p", ""): "password is empty",
        ("-u", "x"): "Cannot perform an interactive login from a non TTY device",
        ("-u", "x", "--password-stdin"): "Cannot perform an interactive login from a non TTY device",
    }.items():
        own.fails(1, f"^tare: {text}$", "login", *words, "localhost:1")


def test_a_token_server_decides(own, tmp_path):
    fake = Fake()
    good = "Basic " + base64.b64encode(b"bob:pw").decode()

    def hook(handler):
        if handler.path.startswith("/token"):
            accepted = handler.headers.get("Authorization") == good
            return handler.answer(200 if accepted else 401, b'{"token":"t0ken"}' if accepted else b"{}")
        if handler.headers.get("Authorization") == "Bearer t0ken":
            return handler.answer(200, b"{}")
        return handler.answer(401, b"{}", WWW_Authenticate=f'Bearer realm="http://{fake.address}/token",service="reg"')

    fake.hook = hook
    try:
        assert "incorrect username or password" in own.tare("login", "-u", "bob", "--password-stdin", fake.address, input="no", code=1).stderr
        own.tare("login", "-u", "bob", "--password-stdin", f"http://{fake.address}/v2/", input="pw")
        assert fake.address in config(tmp_path)["auths"]
        asked = [path for path, _ in fake.requests if path.startswith("/token")]
        assert asked and all(path == "/token?service=reg" for path in asked)
    finally:
        fake.close()


def test_search_asks_an_index(own):
    fake = Fake()
    results = [
        {"name": "small", "description": "A small image\nof \u001b[2J things " + "x" * 60, "star_count": 5, "is_official": False, "is_automated": True},
        {"name": "redis", "description": "A data store", "star_count": 12000, "is_official": True, "is_automated": False},
    ]
    fake.hook = lambda handler: handler.answer(200, json.dumps({"results": results, "num_results": 2, "query": "q"}).encode())
    try:
        term = f"{fake.address}/red is"
        lines = own.output("search", term).splitlines()
        assert fake.requests[-1][0] == "/v1/search?q=red%20is&n=25"
        assert lines[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
        assert lines[2].split() == ["redis", "A", "data", "store", "12000", "[OK]"]
        assert lines[1].startswith("small") and "…" in lines[1] and "\x1b" not in lines[1] and len(lines) == 3
        assert [json.loads(line)["IsOfficial"] for line in own.output("search", "--format", "json", term).splitlines()] == ["false", "true"]
        assert own.output("search", "-f=STARS=3000", "--limit", "7", "--format", "{{.Name}} {{.StarCount}}", term) == "redis 12000"
        assert fake.requests[-1][0].endswith("&n=7")
        assert own.output("search", "-f", "is-automated=true", "--format", "{{.Name}}", term) == "small"
        assert "x" * 60 in own.output("search", "--no-trunc", term)
        assert "outside the range" in own.tare("search", "--limit", "101", term, code=1).stderr
        assert "invalid filter" in own.tare("search", "-f", "stars=many", term, code=1).stderr
        assert 'invalid argument "stars" for "-f, --filter" flag: bad format of filter (expected name=value)' in own.tare("search", "-f", "stars", term, code=125).stderr
    finally:
        fake.close()
