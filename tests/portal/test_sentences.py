"""What a worker writes down is read in the language of whoever reads it."""

import json

import pytest
from django.utils.translation import gettext_lazy, gettext_noop, override

from portal import workbook
from portal.sentences import keep, speak
from portal.templatetags.parts import speak as speak_filter

WAITED = gettext_noop("%(days)d 天 %(hours)d 小时")


def test_it_speaks_the_readers_language_whatever_the_worker_spoke() -> None:
    with override("en"):
        kept = keep(WAITED, days=2, hours=3)
    with override("zh-hans"):
        assert kept == keep(WAITED, hours=3, days=2)
        assert speak(kept) == "2 天 3 小时"
    with override("en"):
        assert speak(kept) == speak_filter(kept) != "2 天 3 小时"
        assert "2" in speak(kept)


def test_it_keeps_the_text_not_its_translation_also_of_lazy_texts() -> None:
    with override("en"):
        refusal = workbook.WorkbookRefused("too_many_bytes", size=40, limit=30)
        kept = refusal.kept
        assert speak(kept) == refusal.reason
        assert "上限" not in speak(kept)
    with override("zh-hans"):
        assert speak(kept) == refusal.reason
        assert "上限" in speak(kept)


def test_it_speaks_lazy_and_kept_values_inside_a_sentence() -> None:
    with override("en"):
        kept = keep("A：%(why)s / %(note)s / %(n)s", why=gettext_lazy("%(days)d 天 %(hours)d 小时"), note="", n=3)
    assert '"why":{"say"' in kept
    nested = keep("A：%(why)s", why=keep(WAITED, days=1, hours=0))
    with override("zh-hans"):
        assert speak(nested) == "A：1 天 0 小时"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "海关原文 100%",
        "1301:逻辑校验不通过",
        '{"say":',
        '{"say":1}',
        '{"say":"%(a)s","with":{"b":1}}',
        '{"say":[],"with":{}}',
    ],
)
def test_it_leaves_every_other_text_as_it_is(text: str) -> None:
    assert speak(text) == text


@pytest.mark.parametrize(
    "typed",
    ['{"say":"%(a)5000000s","with":{"a":1}}', '{"say":"%(a)s","with":{"a":"b"}}', str(keep(WAITED, days=1, hours=0))],
)
def test_a_value_is_no_sentence_however_it_looks(typed: str) -> None:
    assert speak(keep("A：%(name)s", name=typed)) == f"A：{typed}"
    assert speak(keep("%(outer)s", outer=keep("B：%(name)s", name=typed))) == f"B：{typed}"


@pytest.mark.parametrize(
    "text", ["%(a)9s", "%(a)-9s", "%(a)09d", "%(a).2s", "%(a).2f", "%(a)*s", "%(a)x", "%s", "100%", "%"]
)
def test_a_place_for_a_value_is_its_name_and_nothing_more(text: str) -> None:
    with pytest.raises(ValueError, match="place"):
        keep(text, a=1)
    told = json.dumps({"say": text, "with": {"a": 1}}, separators=(",", ":"))
    assert speak(told) == told
    assert speak(keep(f"%(a)s %(a)d{text.replace('%', '%%')}", a=1)) == f"1 1{text}"


def test_what_only_looks_like_a_sentence_is_not_grown() -> None:
    told = '{"say":"%(a)s%(a)s","with":{"a":"x"}}'
    for _time in range(40):
        told = '{"say":"%(a)s%(a)s","with":{"a":' + told + "}}"
    assert speak(told) == told
    deep = '{"say":' * 20000
    assert speak(deep) == deep


def test_it_leaves_percent_signs_alone_where_there_is_nothing_to_put_in() -> None:
    assert speak(keep("100% sure")) == "100% sure"
    assert speak(None) == ""
    assert speak(keep("")) == ""
