"""The bench as it is run by hand, at a size at which it proves nothing but that it measures what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from portal.folders import ROOT
from tests.conftest import own_environment, processes_of

FIELDS = {"goal", "figure", "unit", "beside", "against", "ratio", "wanted", "met"}
ORDERS = 6


@pytest.mark.slow
def test_it_measures_product_and_peer_on_the_same_documents(tmp_path: Path) -> None:
    data = tmp_path / "data"
    sizes = ["--orders", str(ORDERS), "--peer-orders", str(ORDERS), "--repeat", "1"]
    ended = subprocess.run(
        [sys.executable, "manage.py", "bench", *sizes],
        cwd=ROOT,
        env=own_environment(data),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    figures = json.loads((data / "bench.json").read_text(encoding="utf-8"))
    assert all(set(one) == FIELDS for one in figures)
    assert all(one["figure"] > 0 and one["beside"] > 0 for one in figures)
    assert [one["figure"] for one in figures if one["unit"] == "documents"] == [ORDERS] * 3
    wanted = {one["goal"]: (one["wanted"], one["ratio"], one["met"]) for one in figures if one["wanted"]}
    assert [asked for asked, _ratio, _met in wanted.values()] == [30, 15, 100, 1, 1]
    # So few documents cost their start only: the job is not as fast as wanted, and the exit code says what was not met.
    for goal, (asked, ratio, met) in wanted.items():
        assert met == (ratio <= 1 if asked == 1 else ratio >= asked), goal
        assert (goal in ended.stderr) is not met
    assert ended.returncode == (0 if all(met for _asked, _ratio, met in wanted.values()) else 1), ended.stderr
    assert all(one["goal"].strip() in ended.stdout for one in figures)
    assert sorted(path.name for path in data.iterdir()) == ["bench.json", "secrets"]
    assert not processes_of(data)
