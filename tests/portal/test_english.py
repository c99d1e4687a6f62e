"""The English pages: what is left of Chinese there is data, the names of enterprises and people and customs' own words."""

import re

import pytest
from django.urls import reverse
from lxml import html

from accounts.models import Enterprise, User
from declarations.kinds import KINDS
from declarations.models import Upload
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db
SLUGS = [kind.slug for kind in KINDS]
CHINESE = re.compile(r"[\u3001-\u303f\u3400-\u9fff\uff00-\uffef]")  # with its punctuation
QUOTED = re.compile('"[^"]*"')  # names of sheets, values, and what must be typed as it is
SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-label")
#: Where a page shows data: code tables, XML, what a document says, cells of lists and sheets, what customs wrote.
DATA = (
    "//script | //datalist | //pre | //body//*[starts-with(@lang, 'zh')]",
    "//dl[@class='kv']//dd | //table[contains(@class, 'goods')]/tbody",
    "//table[contains(@class, 'grid')]/tbody/tr[not(@class='why')] | //td[string(@data-label)]",
    "//td[contains(@class, 'text-bad')] | //div[@class='why-list'] | //ol[@class='time']//p[not(@class)]",
    "//p[contains(@class, 'hint')]/b | //td[contains(@class, 'key')]",
    "//section[@aria-labelledby='refusal']//div[@class='two']/div[1]//li | //section[@aria-labelledby='said']//ol/li",
)


def spoken(content: bytes) -> list[str]:
    """Every text of a page that is not data, with what only a screen reader or a pointer brings out."""
    page = html.fromstring(content.decode())
    for part in page.xpath(" | ".join(DATA)):
        part.drop_tree()
    texts = [*page.itertext(), *(value for name in SPOKEN for value in page.xpath(f"//@{name}"))]
    return [" ".join(text.split()) for text in texts if text.strip()]


def chinese_in(content: bytes) -> list[str]:
    """What an English reader could not read."""
    names = [
        *Enterprise.objects.values_list("name", flat=True),
        *User.objects.values_list("name", flat=True),
        *Upload.objects.values_list("filename", flat=True),
    ]
    found = []
    for text in spoken(content):
        rest = QUOTED.sub("", text)
        for name in sorted(filter(None, names), key=len, reverse=True):
            rest = rest.replace(name, "")
        if CHINESE.search(rest):
            found.append(text)
    return found


def ask(client, address: str, **sent: str) -> list[str]:
    """The Chinese of one page as a browser set to English gets it."""
    headers = {"accept-language": "en"}
    answer = client.post(address, sent, headers=headers) if sent else client.get(address, headers=headers)
    assert answer.status_code in (200, 403, 404), address
    assert '<html lang="en"' in answer.content.decode()
    return chinese_in(answer.content)


@pytest.mark.parametrize("slug", SLUGS)
def test_it_speaks_english_on_every_page_of_a_kind(slug, cast, client_of):
    client = client_of(filed.FILERS[slug])
    form = reverse("form", args=[slug])
    for address in (reverse("list", args=[slug]), form, reverse("upload", args=[slug]), reverse("uploads")):
        assert ask(client, address) == [], address
    assert ask(client, form, do="check", lines="1") == []
    queued, refused = filed.file(cast, slug, 1, 2)
    filed.reject([refused])
    upload = filed.uploaded(cast, slug, [make.entry(slug, 3), make.entry(slug, 4, currency="法郎")])
    addresses = [
        reverse("home"),
        reverse("uploads"),
        reverse("list", args=[slug]),
        reverse("list", args=[slug]) + "?tab=todo&q=nothing&since=never",
        reverse("list", args=[slug]) + "?tab=drafts",
        reverse("detail", args=[slug, queued.pk]),
        reverse("detail", args=[slug, refused.pk]),
        reverse("form", args=[slug]) + f"?from={refused.pk}",
        reverse("upload_check", args=[upload.pk]),
    ]
    for address in addresses:
        assert ask(client, address) == [], address


def test_it_speaks_english_to_visitors_strangers_and_staff(cast, client, client_of):
    assert ask(client, reverse("login")) == []
    assert ask(client, reverse("login"), username="nobody", password="wrong") == []
    assert ask(client_of("stranger"), reverse("home")) == []
    assert ask(client_of("merchant_viewer"), reverse("form", args=["order"])) == []
    assert ask(client_of("merchant_viewer"), "/nowhere/") == []
    for page in ("index", "accounts_enterprise_add", "accounts_membership_add", "accounts_auditentry_changelist"):
        assert ask(client_of("staff"), reverse(f"admin:{page}")) == [], page


def test_it_finds_chinese_where_there_is_some(cast, client_of):
    page = client_of("merchant_filer").get(reverse("home"), headers={"accept-language": "zh-hans"})
    assert "工作台" in chinese_in(page.content)
