"""The menu: it shows exactly what the pages let in."""

from django.urls import reverse

from accounts.roles import EnterpriseType, MemberRole
from declarations.kinds import KINDS
from portal import menus


def test_it_names_the_types_that_file_each_kind():
    entries = {
        entry.arguments["kind"]: entry.types
        for section in menus.MENU
        for entry in section.entries
        if entry.url_name == "list"
    }
    assert entries == {kind.slug: {str(one) for one in kind.filed_by} for kind in KINDS}


def test_it_speaks_of_types_and_roles_that_exist():
    for section in (*menus.MENU, *menus.MENU_WITHOUT_ENTERPRISE):
        for entry in section.entries:
            assert entry.types <= set(EnterpriseType.values)
            assert entry.roles <= set(MemberRole.values)
            assert entry.address, entry.label


def test_it_marks_where_one_stands():
    drawn = menus.menu({"platform"}, {"filer"}, reverse("detail", kwargs={"kind": "order", "pk": 7}))
    current = [str(line.label) for _title, lines in drawn for line in lines if line.current]
    assert current == ["订单"]


def test_who_files_nothing_gets_no_entry_to_import():
    def shown(of_type):
        drawn = menus.menu({of_type}, {"filer"}, "/")
        return {line.address for _title, lines in drawn for line in lines}

    for of_type in EnterpriseType.values:
        files = any(of_type in kind.filed_by for kind in KINDS)
        assert (reverse("uploads") in shown(of_type)) == files
