# SPDX-License-Identifier: Apache-2.0
"""Logs in systemd's own journal, written and read back, in a guest that systemd runs (test/guest)."""

import pathlib
import subprocess
import tempfile

import bundle
import harness
import pytest

GUEST = pathlib.Path(__file__).resolve().parent.parent / "guest/systemd-namespace"
UNAVAILABLE = 125
# journald takes 10,000 messages in 30 s of one service
SCRIPT = r"""
set -e
mount -o remount,bind,rw /proc/sys
cd "$(dirname "$0")"
PATH=$PWD:$PATH
export TARE_ROOT=$PWD/root TARE_STATE=/run/tt TARE_CONFIG=$PWD/engine.json TARE_HOST=unix:///run/tt/tared.sock
echo '{}' >engine.json
tared 2>engine.log &
until [ -S /run/tt/tared.sock ]; do kill -0 $!; sleep 0.05; done
tare import rootfs.tar image >/dev/null
run() { tare run -d --network none --log-driver journald "$@"; }

id=$(run -e KEY=value -l label=1 --log-opt env=KEY --log-opt labels=label image sh -c \
    'printf "a\\0b\377\n\nc\n"; head -c 100000 /dev/zero | tr "\\0" x; echo; seq 1 2000; printf end')
tare logs -f $id >followed
printf 'MESSAGE=forged\nCONTAINER_ID_FULL=%s\nPRIORITY=6\n' $id | setpriv --reuid 65534 --clear-groups logger --journald
journalctl --sync
journalctl --quiet CONTAINER_ID_FULL=$id -o cat | tail -n 1 >newest
tare logs $id >whole
tare logs --tail 0 $id >tail-0
tare logs --tail 1 $id >tail-1
tare logs --tail 2001 $id >tail-2001
tare logs --tail 9999 $id >tail-9999
tare logs -t --tail 11 $id >stamped
since=$(sed -n 2p stamped | cut -d' ' -f1) until=$(sed -n 4p stamped | cut -d' ' -f1)
tare logs --since $since $id >since
tare logs --since $since --until $until $id >between
tare logs --until $until --tail 2 $id >until-tail
tare logs --details --tail 2 $id >details

id=$(run image sh -c 'echo out; echo err >&2')
tare logs -f $id >stdout 2>stderr

id=$(run image sh -c 'echo 0; until [ -e /on ]; do sleep 0.05; done; seq 1 3000')
tare logs -f $id >live &
follower=$!
until [ -s live ]; do kill -0 $follower; sleep 0.05; done
tare exec $id touch /on
wait $follower

mount -t tmpfs tmpfs /run/systemd/journal
tare logs $id 2>absent && exit 1
tare logs -f $id 2>>absent && exit 1
echo done
"""


@pytest.fixture(scope="module")
def answers(build):
    """What the script wrote, by name."""
    with tempfile.TemporaryDirectory(prefix="tare-journal-", dir="/var/tmp") as path:
        directory = pathlib.Path(path)
        harness.install_programs(build, directory)
        bundle.make_rootfs(directory / "rootfs")
        subprocess.run(["tar", "-C", directory / "rootfs", "-cf", directory / "rootfs.tar", "."], check=True)
        (directory / "script").write_text(SCRIPT)
        done = subprocess.run([GUEST, "-s", directory, f"bash {directory}/script"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=240)
        if done.returncode == UNAVAILABLE:
            pytest.skip(f"no systemd in namespaces here: {done.stdout[-200:]}")
        log = directory / "engine.log"
        assert done.stdout == "done\n" and done.returncode == 0, f"{done.stdout}\n{log.read_text() if log.exists() else ''}"
        yield {file.name: file.read_bytes() for file in directory.iterdir() if file.is_file() and file.suffix != ".tar"}


LINES = [b"a\0b\xff\n", b"\n", b"c\n", b"x" * 100000 + b"\n", *(b"%d\n" % i for i in range(1, 2001)), b"end"]


def test_output_comes_back_byte_for_byte(answers):
    assert answers["whole"] == b"".join(LINES)
    assert answers["followed"] == answers["whole"]
    assert (answers["stdout"], answers["stderr"]) == (b"out\n", b"err\n")


def test_a_tail_is_of_whole_lines(answers):
    for count in (0, 1, 2001, 9999):
        assert answers[f"tail-{count}"] == b"".join(LINES[-count:] if count else [])


def test_times_and_details_select_and_show(answers):
    assert b"".join(line.split(b" ", 1)[1] for line in answers["stamped"].splitlines(keepends=True)) == b"".join(LINES[-11:])
    assert answers["since"] == b"".join(LINES[-10:])
    assert answers["between"] == b"".join(LINES[-10:-7])
    assert answers["until-tail"] == b"".join(LINES[-9:-7])
    assert answers["details"] == b"KEY=value,LABEL=1 2000\nKEY=value,LABEL=1 end"


def test_a_follower_gets_what_comes_later(answers):
    assert answers["live"] == b"".join(b"%d\n" % i for i in range(3001))


def test_entries_that_somebody_else_sent_are_not_the_containers(answers):
    assert answers["newest"] == b"forged\n", "the journal has it"
    assert b"forged" not in answers["whole"]


def test_without_a_journal_one_line_says_so(answers):
    line = b"tare: journald is not enabled on this host: no such file or directory\n"
    assert answers["absent"] == 2 * line
