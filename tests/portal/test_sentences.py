"""What a worker writes down is read in the language of whoever reads it."""

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
    assert '"why":"{' in kept
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


def test_it_leaves_percent_signs_alone_where_there_is_nothing_to_put_in() -> None:
    assert speak(keep("100% sure")) == "100% sure"
    assert speak(None) == ""
    assert speak(keep("")) == ""
