# SPDX-License-Identifier: Apache-2.0
"""Words on the command line, before any engine is asked."""

import pathlib
import re
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

VERBS = "attach create exec images info inspect kill load logs ps pull rm rmi run start stop tag version wait".split()
CONTAINER_VERBS = "attach create exec inspect kill logs ls rm run start stop wait".split()
IMAGE_VERBS = "inspect load ls pull rm tag".split()
SPELLINGS = [[verb] for verb in VERBS] + [["container", verb] for verb in CONTAINER_VERBS] + [["image", verb] for verb in IMAGE_VERBS]


@pytest.mark.parametrize("words", SPELLINGS, ids=" ".join)
def test_every_command_has_help(alone, words):
    result = alone.run(*words, "--help")
    assert result.stdout.startswith(f"Usage:  tare {' '.join(words)}")
    assert re.search(r"^Options:$", result.stdout, re.MULTILINE)
    assert re.search(r"--help +Print usage$", result.stdout, re.MULTILINE)
    assert result.stderr == ""


def test_the_programs_help_lists_every_command(alone):
    out = alone.run("--help").stdout
    assert out.startswith("Usage:  tare [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n")
    for heading in ("Options:", "Management Commands:", "Commands:"):
        assert f"\n{heading}\n" in out
    for verb in VERBS:
        assert re.search(rf"^  {verb} +[A-Z]", out, re.MULTILINE)
    assert out.endswith("Run 'tare COMMAND --help' for more information on a command.\n")
    assert alone.run("help").stdout == out
    assert alone.run("help", "ps").stdout == alone.run("ps", "--help").stdout


@pytest.mark.parametrize("group", ["container", "content", "image", "lease", "namespace", "snapshot", "task"])
def test_groups_have_help(alone, group):
    assert alone.run(group, "--help").stdout.startswith(f"Usage:  tare {group} COMMAND\n")
    assert f"Usage:  tare {group} COMMAND" in alone.run(group, code=1).stderr


@pytest.mark.parametrize("words,names", [
    ("images", "tare image ls, tare image list, tare images"),
    ("rmi", "tare image rm, tare image remove, tare image rmi, tare rmi"),
    ("image tag", "tare image tag, tare tag"),
    ("volume ls", "tare volume ls, tare volume list"),
])
def test_help_names_all_words_for_a_command(alone, words, names):
    assert f"\nAliases:\n  {names}\n" in alone.run(*words.split(), "--help").stdout


def test_minus_h_is_help_except_where_it_is_the_hostname(alone):
    assert alone.run("images", "-h").stdout.startswith("Usage:")
    assert "flag needs an argument: 'h' in -h" in alone.run("run", "-h", code=125).stderr


def test_no_command_is_a_mistake(alone):
    assert "Usage:  tare [OPTIONS] COMMAND" in alone.run(code=1).stderr


def test_version_flag(alone):
    for flag in ("-v", "--version"):
        assert re.fullmatch(r"Tare version \d+\.\d+\.\d+, build \w+\n", alone.run(flag).stdout)


@pytest.mark.parametrize("words", [["nope"], ["container", "nope"], ["image", "run"]], ids=" ".join)
def test_unknown_commands_are_named(alone, words):
    result = alone.run(*words, code=1)
    assert result.stderr.startswith(f"tare: unknown command: tare {' '.join(words)}\n")
    assert "--help' for more information" in result.stderr


@pytest.mark.parametrize("words", [["run"], ["create"], ["ps"], ["container", "ls"], ["exec"], ["images"]], ids=" ".join)
def test_unknown_flags_exit_125_with_a_hint(alone, words):
    result = alone.run(*words, "--nope", code=125)
    name = " ".join(words)
    assert result.stderr.startswith(f"unknown flag: --nope\n\nUsage:  tare {name}")
    assert result.stderr.endswith(f"Run 'tare {name} --help' for more information\n")


@pytest.mark.parametrize("words", [["--nope"], ["-l", "loud", "ps"]], ids=" ".join)
def test_bad_global_flags_exit_125(alone, words):
    assert "Run 'tare --help' for more information" in alone.run(*words, code=125).stderr


@pytest.mark.parametrize(
    "words, text",
    [
        (["rm"], "'tare rm' requires at least 1 argument"),
        (["container", "rm"], "'tare container rm' requires at least 1 argument"),
        (["exec", "x"], "'tare exec' requires at least 2 arguments"),
        (["tag", "x"], "'tare tag' requires 2 arguments"),
        (["logs", "a", "b"], "'tare logs' requires 1 argument"),
        (["ps", "x"], "'tare ps' accepts no arguments"),
        (["images", "a", "b"], "'tare images' requires at most 1 argument"),
        (["run"], "'tare run' requires at least 1 argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_argument_counts_are_explained(alone, words, text):
    result = alone.run(*words, code=1)
    assert result.stderr.startswith(f"tare: {text}\n\nUsage:  tare {words[0]}")


@pytest.mark.parametrize(
    "options, text",
    [
        (["-p", "8000-8010:80"], "port ranges are not supported"),
        (["-p", "--name"], "invalid port mapping '--name'"),
        (["-v", "name:"], "empty section between colons"),
        (["--mount", "type=image,src=a,dst=/b"], "mounts of type 'image' are not supported"),
        (["-v", "a:/b", "--mount", "dst=/b"], "duplicate mount point: /b"),
        (["-v", "/a:b"], "mount path must be absolute"),
        (["-v", "/a:/b:rx"], "invalid mode: rx"),
        (["-v", "/a:/b", "-v", "/c:/b"], "duplicate mount point: /b"),
        (["-m", "much"], "--memory"),
        (["--cpus", "two"], "--cpus"),
        (["--pids-limit", "x"], "--pids-limit"),
        (["-e", ""], "invalid environment variable"),
        (["-e", "=x"], "invalid environment variable"),
        (["--env-file", "/no/such/file"], "/no/such/file"),
        (["--pull", "often"], "invalid pull option"),
        (["--stop-signal", "SIGNOPE"], "SIGNOPE"),
        (["-a", "stdnope"], "valid streams are STDIN, STDOUT and STDERR"),
        (["-d", "-a", "stdout"], "cannot specify both --attach and --detach"),
        (["--detach-keys", "ctrl-nope"], "invalid detach keys"),
        (["-l", "=x"], "invalid label"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_values_of_run_exit_125(alone, options, text):
    result = alone.run("run", *options, "image", code=125)
    assert text in result.stderr
    assert "tare run --help" in result.stderr
    assert result.stdout == ""


def test_no_engine_is_said_clearly(alone, temporary):
    text = f"tare: cannot connect to the engine at unix://{temporary}/no.sock: is tared running?\n"
    assert alone.run("ps", code=1).stderr == text
    assert alone.run("rm", "a", "b", code=1).stderr == text
    assert alone.run("run", "x", code=125).stderr.startswith(text)
    result = alone.run("version", code=1)
    assert result.stdout.startswith("Client: Tare\n") and "Server" not in result.stdout
    assert result.stderr == text


def test_hosts_that_cannot_be(alone):
    assert "unable to parse host" in alone.run("-H", "http://x", "ps", code=1).stderr
    assert "invalid port" in alone.run("-H", "tcp://127.0.0.1:99999", "ps", code=1).stderr
    assert "numeric IPv4 address" in alone.run("-H", "tcp://name.example:1", "ps", code=1).stderr
    assert "is tared running?" in alone.run("-H", "tcp://127.0.0.1:1", "ps", code=1).stderr


def test_inspect_checks_its_own_words(alone):
    assert "unknown type" in alone.run("inspect", "--type", "network", "x", code=1).stderr
    assert "template: :1: unclosed action" in alone.run("inspect", "-f", "{{.Id", "x", code=64).stderr


def test_man_pages_come_from_the_tables(alone, build):
    page = alone.run("__man", "run").stdout
    assert page.startswith('.TH "tare-run" 1')
    assert r"\fB\-\-cap\-add\fR" in page
    assert (build / "cli" / "tare-run.1").read_text() == page


def complete(alone, line):
    """What bash offers at the end of the line."""
    script = (
        'PATH=$1:$PATH; source "$2"; COMP_WORDS=($3); [[ $3 == *" " ]] && COMP_WORDS+=("");'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tare; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    completion = REPOSITORY / "contrib/completion/tare"
    command = ["bash", "-c", script, "bash", str(alone.program.parent), str(completion), line]
    return subprocess.check_output(command, env=alone.environment, text=True).split()


def test_bash_completes_from_the_same_tables(alone):
    assert complete(alone, "tare ru") == ["run"]
    assert complete(alone, "tare container st") == ["start", "stop"]
    assert complete(alone, "tare --h") == ["--help", "--host"]
    assert complete(alone, "tare run --cap") == ["--cap-add", "--cap-drop"]
    assert complete(alone, "tare container run --cap-a") == ["--cap-add"]
    assert set(VERBS) < set(complete(alone, "tare "))


def test_output_that_cannot_be_written_is_a_failure(alone):
    with open("/dev/full", "w") as full:
        result = alone.run("--help", code=1, stdout=full)
    assert "cannot write to standard output" in result.stderr
