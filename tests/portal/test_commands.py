"""The commands speak in sentences: without Django, with a port that is none, asked for help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.cast import ENTERPRISES
from portal.folders import ROOT
from portal.servers import ServiceError, whole_number

MERCHANT = ENTERPRISES["merchant"][2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a person sees who types this."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_names_the_right_python_where_django_is_missing() -> None:
    said = run("-I", "-S", "manage.py", "up")  # -S: nothing that was installed
    assert said.returncode == 1
    assert said.stderr.strip().count("\n") == 0 and ".venv/bin/python manage.py" in said.stderr


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "8_0", "²", "9" * 5000])
def test_a_port_is_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PORT", text)
    with pytest.raises(ServiceError, match=r"^PORTAL_PORT=.* is no number from 1 to 65535: [^.]*\.$"):
        whole_number("PORTAL_PORT", 8000, most=65535)
    monkeypatch.setenv("PORTAL_PORT", " ")
    assert whole_number("PORTAL_PORT", 8000, most=65535) == 8000


def test_a_wrong_port_is_one_sentence(tmp_path: Path) -> None:
    said = run("manage.py", "check", PORTAL_PORT="abc", DJANGO_SETTINGS_MODULE="portal.settings")
    assert said.returncode == 1
    assert said.stderr.startswith("PORTAL_PORT='abc' is no number") and said.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sandbox", "--help"], ["serve", "load", "settings", "例："]),
        (["sandbox", "serve", "--help"], ["监听端口", "监听地址", "回执发往的地址", "例："]),
        (["sandbox", "settings", "--help"], ["设置名称", "新值", "例："]),
        (["sandbox", "certify", "--help"], ["证书请求（PEM）", "certify request.csr > issued.pem"]),
        (["sandbox", "top-up", "--help"], ["海关编码", "金额", f"top-up {MERCHANT} 5000"]),
        (["sandbox", "consolidate", "--help"], ["海关编码", f"consolidate {MERCHANT}；"]),
        (["sandbox", "paid", "--help"], ["缴款书编号", "例："]),
    ],
)
def test_the_sandbox_explains_itself_by_the_cast_of_the_demonstration(command: list[str], words: list[str]) -> None:
    said = run("manage.py", *command)
    assert said.returncode == 0, said.stderr
    assert [word for word in words if word not in said.stdout] == []
