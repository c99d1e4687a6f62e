"""The text check finds what a translator would miss, and leaves alone what is none of theirs."""

from pathlib import Path

import pytest
from babel.messages.pofile import write_po

from portal import texts

# Assembled, so that this very file holds no unmarked text in a template.
PYTHON = '''
"""订单的说明。"""
from django.utils.translation import gettext as _, ngettext, pgettext_lazy

class Order:
    """进口订单。"""
    label = _("订单")
    title = "未标记"
    place = ngettext("%(count)s 行", "%(count)s 行", 3)
    verb = pgettext_lazy("button", "放行")
    sample = Text(_("姓名"), example="沈若溪")
    number = "沪"  # untranslated: part of the number
    line = f"第 {label} 行"
    long = _(
        "两行"
        "合一"
    )
'''
TEMPLATE = """{% load i18n %}{# 注释 #}
<h1>{% translate "标题" %}</h1>
<p title="{% translate '提示' as hint %}">{% blocktranslate count n=rows %}{{ n }} 行{% plural %}{{ n }} 行们{% endblocktranslate %}</p>
{% comment %}不要{% endcomment %}
{% include "x.html" with label=_("标签") %}
<b>忘了</b>
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "portal/words.py", PYTHON)
    write(tmp_path, "templates/page.html", TEMPLATE)
    return tmp_path


def test_it_finds_unmarked_texts_in_python(project: Path) -> None:
    found = [(text.place, text.text) for text in texts.read(project)[1] if text.place.endswith(("8", "13"))]
    assert found == [("portal/words.py:8", "未标记"), ("portal/words.py:13", "第 "), ("portal/words.py:13", " 行")]
    assert {text.place for text in texts.read(project)[1]} == {
        "portal/words.py:8",
        "portal/words.py:13",
        "templates/page.html:6",
    }


def test_it_collects_marked_texts(project: Path) -> None:
    marked = {(text.text, text.plural, text.context) for text in texts.read(project)[0]}
    assert marked == {
        ("订单", "", ""),
        ("%(count)s 行", "%(count)s 行", ""),
        ("放行", "", "button"),
        ("姓名", "", ""),
        ("两行合一", "", ""),
        ("标题", "", ""),
        ("提示", "", ""),
        ("%(n)s 行", "%(n)s 行们", ""),
        ("标签", "", ""),
    }


def test_it_leaves_alone_data_tests_migrations_and_exempt_files(tmp_path: Path) -> None:
    write(tmp_path, "declarations/published/tables.py", 'x = "海关"')
    write(tmp_path, "declarations/sandbox/customs.py", 'x = "海关"')
    write(tmp_path, "accounts/migrations/0001_initial.py", 'x = "海关"')
    write(tmp_path, "accounts/cast.py", '"""People."""\n# untranslated: names of people\nx = "沈若溪"')
    write(tmp_path, "tests/test_x.py", 'x = "海关"')
    assert texts.read(tmp_path) == ([], [])


def test_it_finds_words_in_scripts_but_not_in_their_comments(tmp_path: Path) -> None:
    write(tmp_path, "static/js/page.js", "// 说明\n/* 说明\n */\nalert('你好');\n")
    (found,) = texts.read(tmp_path)[1]
    assert found.place == "static/js/page.js:4"


def complete(root: Path) -> None:
    """Translate everything and forget what was forgotten."""
    write(root, "portal/words.py", 'from x import _\nlabel = _("订单 %(number)s")\n')
    write(root, "templates/page.html", "")
    path = texts.catalogue_path(root)
    catalogue = texts.collect(path, texts.read(root)[0])
    catalogue["订单 %(number)s"].string = "Order %(number)s"
    with path.open("wb") as file:
        write_po(file, catalogue)
    path.with_suffix(".mo").write_bytes(texts.compiled(texts.load(path)))


def test_it_is_content_with_a_complete_catalogue(project: Path) -> None:
    complete(project)
    assert texts.problems(project) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Order %(number)s", "", "not translated"),
        ("Order %(number)s", "Order", "placeholders differ"),
        ("Order %(number)s", "订 %(number)s", "Chinese in the English text"),
        ('msgid "订单 ', 'msgid "运单 ', "not in the English catalogue"),
        ('msgid "订单 ', 'msgid "运单 ', "no longer used"),
        ('msgid "订单 ', '#, fuzzy\nmsgid "订单 ', "fuzzy"),
        ("Order", "An order", ".mo is not made from django.po"),
    ],
)
def test_it_finds_a_wrong_catalogue(project: Path, before: str, after: str, expected: str) -> None:
    complete(project)
    path = texts.catalogue_path(project)
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert any(expected in problem for problem in texts.problems(project)), texts.problems(project)


def test_it_keeps_translations_when_it_collects_again(project: Path) -> None:
    complete(project)
    write(project, "portal/more.py", 'from x import _\nlabel = _("运单")\n')
    path = texts.catalogue_path(project)
    catalogue = texts.collect(path, texts.read(project)[0])
    assert catalogue["订单 %(number)s"].string == "Order %(number)s"
    assert not catalogue["运单"].string
    once = path.read_bytes()
    texts.collect(path, texts.read(project)[0])
    assert path.read_bytes() == once
