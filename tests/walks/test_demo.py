"""The demonstration as a story: a bare data folder, workers killed without warning, and every figure right all the same."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest

from accounts.cast import ENTERPRISES
from declarations.management.commands.demo import Command
from portal.folders import ROOT
from tests.conftest import Stack, make_stack, processes_of
from tests.walks import evidence


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str, int, int]]:
    """One run of ``manage.py demo --once`` whose workers are killed in the middle: portal, output, exit code, kills."""
    portal = make_stack(tmp_path_factory.mktemp("demo") / "data")
    demo = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--once"],
        cwd=ROOT,
        env=portal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    said: list[str] = []
    kills = 0
    for line in demo.stdout:
        said.append(line)
        if any(word in line for word in ("filed 1/1", "accepted ", "through customs ", "settled ")) and kills < 6:
            kills += kill_a_worker(portal.data, kills)
    code = demo.wait(60)
    yield portal, "".join(said), code, kills
    shutil.rmtree(portal.data, ignore_errors=True)


def kill_a_worker(data: Path, turn: int) -> int:
    """``kill -9`` a pool process, each third time a whole worker, another line's each time; how many were killed."""
    workers = sorted((one for one in processes_of(data) if is_worker(one)), key=lambda one: one.pid)
    parents = {process.pid for process in workers}
    whole = turn % 3 == 2
    victims = [process for process in workers if (process.ppid() in parents) is not whole]
    if not victims:
        return 0
    victims[turn % len(victims)].send_signal(signal.SIGKILL)
    return 1


def is_worker(process: psutil.Process) -> bool:
    """Whether this is the Celery worker or one of its pool, not the beat."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "celery" in command and "worker" in command


def test_it_ends_with_the_figures_of_the_sample(shown: tuple[Stack, str, int, int]) -> None:
    _portal, said, code, kills = shown
    assert kills >= 3, f"only {kills} workers could be killed:\n{said}"
    assert code == 0, said
    for number in ("1327", "1332", "130126", "1313", "1300"):
        assert number in said
    assert (
        "came too early" in said
        and "equal to the fen" in said
        and "as customs billed it" in said
        and "should be" not in said
    )
    assert said.splitlines()[-1].startswith("Ended") and "Portal: " not in said and "Logins" not in said


def test_it_prints_who_signs_in_and_by_which_codes_the_others_are_named() -> None:
    """Whoever fills in a form or workbook needs the codes of the others, and finds them where the logins stand."""
    printed = StringIO()
    Command(stdout=printed)._print_logins("http://127.0.0.1:8000")
    lines = printed.getvalue().splitlines()
    assert [line for line in lines if "warehouse_filer" in line and ENTERPRISES["warehouse"][2] in line]
    for name, _credit_code, customs_code, *_more in ENTERPRISES.values():
        assert [line for line in lines if name in line and customs_code in line]


def test_it_leaves_no_process_behind(shown: tuple[Stack, str, int, int]) -> None:
    portal, said, _code, _kills = shown
    gone = threading.Event()
    for _turn in range(100):
        if not processes_of(portal.data):
            return
        gone.wait(0.1)
    pytest.fail(f"still running: {processes_of(portal.data)}\n{said}")


def test_every_message_is_valid_signed_and_sent_once_and_each_order_withheld_what_customs_billed(
    shown: tuple[Stack, str, int, int], tmp_path: Path
) -> None:
    portal, said, _code, _kills = shown
    folder = tmp_path / "evidence"
    portal.manage("export_messages", str(folder))
    sent, received = evidence.messages(folder / "sent"), evidence.messages(folder / "received")
    assert sent and received, said
    assert [message.name for message in (*sent, *received) if not evidence.is_valid(message)] == []
    filed = evidence.documents(folder / "sent")
    assert {name: sum(1 for key in filed if key[0] == name) for name in evidence.KEYS} == {
        "CEB311Message": 117,
        "CEB411Message": 120,
        "CEB511Message": 117,
        "CEB621Message": 117,
    }
    assert [key for key, count in filed.items() if count > 1] == []
    assert len(sent) < 30, "what was let go together did not travel together"
    withheld, billed = evidence.withheld(folder / "sent"), evidence.billed(folder / "received")
    assert len(billed) == 111 and billed == {number: withheld[number] for number in billed}
    if not shutil.which("xmlsec1"):
        pytest.skip("xmlsec1 IS NOT INSTALLED: the signatures were not verified by an independent program")
    assert [message.name for message in sent if not evidence.verifies_with_xmlsec1(message, tmp_path)] == []
