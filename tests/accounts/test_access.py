"""Who gets in where, under which role of the database, and what is left of a view that fails."""

import re

import pytest
from django.db import connection
from django.test import Client

from accounts.access import Bystander, actor_of, address_of
from accounts.models import AuditEntry, Enterprise, Membership
from accounts.roles import EnterpriseState, MemberRole

pytestmark = pytest.mark.urls("tests.accounts.pages")


def present_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def test_it_shows_a_member_their_enterprise_and_nothing_else(client_of, cast):
    owner = present_role()
    assert client_of("merchant_filer").get("/desk/").content.decode() == f"portal_web {code(cast, 'merchant')}"
    assert client_of("neighbour_filer").get("/desk/").content.decode() == f"portal_web {code(cast, 'neighbour')}"
    assert present_role() == owner


def test_it_sends_a_visitor_to_sign_in_and_back(db):
    response = Client().get("/desk/?tab=1")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/desk/%3Ftab%3D1")
    fragment = Client().get("/desk/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/desk/"})
    assert fragment.status_code == 204
    assert fragment["HX-Redirect"].startswith("/login/?next=")
    assert Client().get("/who/").content.decode() == "portal_web "


def test_it_knows_no_pages_for_a_stranger_but_tells_them_why(client_of):
    stranger = client_of("stranger")
    assert stranger.get("/desk/").status_code == 404
    assert stranger.get("/filing/").status_code == 404
    assert bare(stranger.get("/desk/")) == bare(stranger.get("/nothing/"))
    home = stranger.get("/")
    assert home.status_code == 200
    assert "还没有加入企业" in home.content.decode()


def test_it_asks_for_the_role(client_of):
    assert client_of("merchant_finance").get("/bills/").status_code == 200
    assert client_of("merchant_filer").get("/filing/").status_code == 200
    for other in ("administrator", "finance", "viewer", "developer"):
        assert client_of(f"merchant_{other}").get("/filing/").status_code == 403, other


def test_it_lets_a_suspended_enterprise_look_and_not_file(client_of, cast):
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(state=EnterpriseState.SUSPENDED)
    filer = client_of("merchant_filer")
    assert filer.get("/bills/").status_code == 200
    assert filer.get("/filing/").status_code == 403
    assert not cast.actor("merchant_filer").may_file


def test_it_shuts_out_a_removed_member_at_once(client_of, cast):
    filer = client_of("merchant_filer")
    assert filer.get("/desk/").status_code == 200
    Membership.objects.filter(user=cast.users["merchant_filer"]).update(active=False)
    assert filer.get("/desk/").status_code == 404
    cast.users["merchant_viewer"].is_active = False
    viewer = client_of("merchant_viewer")
    cast.users["merchant_viewer"].save()
    assert viewer.get("/desk/").status_code == 302


@pytest.mark.parametrize(("path", "status"), [("/broken/", 500), ("/missing/", 404), ("/refused/", 500)])
def test_it_keeps_nothing_of_a_view_that_fails(client_of, path, status):
    owner = present_role()
    filer = client_of("merchant_filer")
    filer.raise_request_exception = False
    assert filer.get(path).status_code == status
    assert not AuditEntry.objects.filter(subject="lost").exists()
    assert present_role() == owner
    assert filer.get("/written/").status_code == 200
    assert AuditEntry.objects.filter(subject="kept").count() == 1


def test_it_runs_the_gateway_under_its_own_role_for_who_knows_the_token(db, settings):
    client = Client()
    assert client.post("/customs/receive/").status_code == 401
    assert client.post("/customs/receive/", headers={"Authorization": "Bearer 错"}).status_code == 401
    response = client.post("/customs/receive/", headers={"Authorization": f"Bearer {settings.GATEWAY_TOKEN}"})
    assert response.content == b"portal_gateway"


def test_it_switches_between_ones_own_enterprises_only(client_of, cast):
    Membership.objects.create(
        user=cast.users["merchant_filer"], enterprise=cast.enterprises["platform"], roles=[MemberRole.VIEWER]
    )
    filer = client_of("merchant_filer")
    assert "切换到 " + cast.enterprises["platform"].name in filer.get("/enterprise/").content.decode()
    response = filer.post("/enterprise/", {"enterprise": cast.enterprises["platform"].pk})
    assert response.status_code == 302
    assert code(cast, "platform") in filer.get("/desk/").content.decode()
    assert filer.get("/filing/").status_code == 403
    assert filer.post("/enterprise/", {"enterprise": cast.enterprises["neighbour"].pk}).status_code == 404
    assert filer.post("/enterprise/", {"enterprise": "x"}).status_code == 404
    assert AuditEntry.objects.filter(action="switch_enterprise").count() == 1


def test_it_refuses_a_post_without_the_token_of_the_form(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.users["merchant_filer"])
    for path in ("/enterprise/", "/logout/", "/login/"):
        assert client.post(path, {"enterprise": cast.enterprises["merchant"].pk}).status_code == 403, path


def test_it_costs_a_constant_number_of_queries(client_of, django_assert_max_num_queries):
    filer = client_of("merchant_filer")
    filer.get("/desk/")  # the first request of a session notes for whom it acts
    with django_assert_max_num_queries(
        16
    ):  # session, user, memberships, two walls with their savepoints, the view's two
        filer.get("/desk/")


def test_it_makes_the_actor_a_task_works_for(cast):
    merchant, user = cast.enterprises["merchant"], cast.users["merchant_filer"]
    assert actor_of(user.pk, merchant.pk) == cast.actor("merchant_filer")
    with pytest.raises(Membership.DoesNotExist):
        actor_of(user.pk, cast.enterprises["neighbour"].pk)
    assert Bystander().user is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # not our proxy: forged
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what the client itself wrote stands in front
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_it_believes_only_its_own_proxies_about_who_asks(rf, settings, peer, forwarded, address):
    settings.PORTAL_PROXIES = ["10.0.0.1", "10.0.0.2"]
    assert address_of(rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)) == address


def bare(response) -> str:
    """The page without what differs from one answer to the next: the form's token and the page's own address."""
    return re.sub(r'name="(csrfmiddlewaretoken|next)" value="[^"]*"', "", response.content.decode())


def code(cast, key: str) -> str:
    return cast.enterprises[key].customs_code
