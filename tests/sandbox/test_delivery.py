"""How receipts travel: late, twice, shuffled, and through outages of either side."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from portal.folders import ROOT
from tests.conftest import until
from tests.sandbox.conftest import Listener, Sandbox
from tests.sandbox.papers import cast, envelope, message, sign, trade

Make = Callable[..., Sandbox]


def test_it_loses_nothing_when_the_portal_is_away_and_it_is_killed(make_customs: Make, listener: Listener) -> None:
    customs = make_customs()
    customs.start()
    listener.reply = 503
    papers = [trade().order for _ in range(5)]
    for paper in papers:
        customs.file(paper)
    until(lambda: customs.rows("SELECT count(*) FROM outgoing WHERE attempts > 0 AND sent_at IS NULL") != [(0,)])
    customs.kill()
    listener.reply = 200
    customs.start()
    until(lambda: all(listener.statuses(paper) for paper in papers), seconds=30)
    assert [listener.statuses(paper) for paper in papers] == [["2"]] * 5
    assert customs.stop() == 0


def test_it_decides_after_a_restart_what_it_had_only_kept(make_customs: Make, listener: Listener) -> None:
    customs = make_customs()
    customs.start()
    papers = [trade().order for _ in range(30)]
    for paper in papers:
        customs.file(paper)
    customs.kill()
    customs.start()
    until(lambda: all(listener.statuses(paper) for paper in papers), seconds=30)
    assert customs.rows("SELECT count(*) FROM document") == [(30,)]
    assert customs.rows("SELECT DISTINCT state FROM inbound") == [("answered",)]


def test_it_repeats_and_shuffles_as_set(make_customs: Make, listener: Listener) -> None:
    customs = make_customs(repeat="1", shuffle="yes", delay="0.05..0.4", seed="7")
    customs.start()
    papers = [trade().order for _ in range(8)]
    start = len(listener.answers)
    for paper in papers:
        customs.file(paper)
    until(lambda: all(len(listener.of(paper)) == 2 for paper in papers))
    came = [a.keys["orderNo"] for a in listener.answers[start:]]
    assert came != sorted(came)
    assert all(first == second for first, second in (listener.of(paper) for paper in papers))


def test_it_gives_no_two_steps_the_same_time(make_customs: Make, listener: Listener) -> None:
    customs = make_customs()
    customs.start()
    one = trade()
    for paper in (one.order, one.payment, one.waybill, one.inventory):
        customs.file(paper)
    until(lambda: listener.statuses(one.order) == ["2", "120"])
    stamps = [row[0] for row in customs.rows("SELECT stamp FROM document ORDER BY id")]
    assert len(set(stamps)) == 2  # the list's own, and that of the three it matched


def test_it_takes_many_callers_at_once(make_customs: Make, listener: Listener) -> None:
    customs = make_customs()
    customs.start()
    paper, sender = trade().order, cast()["platform"]
    texts = [sign(message([paper.changed(guid=f"{n:036d}")], sender), sender) for n in range(8)]
    bodies = [envelope(text, sender) for text in texts] * 2
    said: list[int] = []
    threads = [threading.Thread(target=lambda body=body: said.append(customs.post(body)[0])) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [200] * 16
    until(lambda: len({a.info for a in listener.of(paper)}) == 8)
    assert customs.rows("SELECT count(*) FILTER (WHERE stands), count(*) FROM document") == [(1, 8)]


def test_it_serves_one_database_once(make_customs: Make) -> None:
    customs = make_customs()
    customs.start()
    taken = customs.run("settings")
    assert taken.returncode == 0 and "tolerance" in taken.stdout
    second = customs.run("serve", "--port", str(customs.port))
    assert second.returncode == 1 and "SANDBOX" in second.stderr


def test_it_changes_settings_by_date(make_customs: Make) -> None:
    customs = make_customs()
    assert customs.run("settings", "tolerance", "0.1", "--since", "2020-01-01").returncode == 0
    assert "0.1 " in customs.run("settings").stdout
    for bad in (("tolerance", "viel"), ("colour", "red"), ("repeat", "2"), ("delay", "3..1")):
        result = customs.run("settings", *bad)
        assert result.returncode == 1 and bad[0] in result.stderr


def test_it_says_what_is_missing(tmp_path: object) -> None:
    command = [sys.executable, "-m", "declarations.sandbox"]
    bare = {name: text for name, text in os.environ.items() if name not in ("SANDBOX_DATABASE_URL", "DATABASE_URL")}
    result = subprocess.run([*command, "settings"], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "SANDBOX_DATABASE_URL" in result.stderr
    bare["GATEWAY_TOKEN"] = ""
    result = subprocess.run([*command, "serve"], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "GATEWAY_TOKEN" in result.stderr


def test_it_refuses_a_registry_that_is_wrong_and_keeps_the_old(make_customs: Make, tmp_path: object) -> None:
    customs = make_customs()
    for text in ("no json", "[]", '{"enterprises": [{}]}', '{"enterprises": [{"customs_code": "1"}]}'):
        file = os.path.join(str(tmp_path), "bad.json")
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        assert customs.run("load", file).returncode == 1
    assert customs.rows("SELECT count(*) FROM enterprise") == [(8,)]


def test_it_imports_nothing_of_the_portal() -> None:
    code = (
        "import sys; sys.argv = ['sandbox']; import declarations.sandbox.__main__;"
        "print([m for m in sys.modules if m.split('.')[0] in ('django', 'portal', 'accounts', 'ledger')"
        " or m.startswith('declarations.') and not m.startswith(('declarations.sandbox', 'declarations.published'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stderr
