"""The page on which one of the staff proposes other numbers for an enterprise (企业代码变更); another of them decides."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.access import address_of
from accounts.models import Enterprise, User
from accounts.onboarding import applications
from accounts.onboarding.kinds import ENTERPRISE_NUMBERS
from accounts.onboarding.numbers import NumbersForm, in_force, proposed, warn
from accounts.onboarding.numbers_elsewhere import without_list, words_of
from accounts.onboarding.pages import PAPER
from accounts.onboarding.papers import ACCEPTED, MOST_MEGABYTES
from accounts.onboarding.typed import Typed


def page(desk: ModelAdmin, request: HttpRequest, enterprise: Enterprise) -> HttpResponse:
    """The form with what is in force; what was typed is kept when something is wrong with it, files are chosen again."""
    assert isinstance(request.user, User)
    now = {name: texts[0] for name, texts in in_force(enterprise).items()}
    form = NumbersForm(request.POST or None, initial=now, label_suffix="")
    problems: dict[str, list[str]] = {}
    if request.method == "POST" and form.is_valid():
        problems = applications.lodge(
            ENTERPRISE_NUMBERS, _typed(form), by=request.user, topic=str(enterprise.pk), address=address_of(request),
            enterprise=enterprise, files=_files(request),
        )  # fmt: skip
        if not problems:
            warn(enterprise, form.cleaned_data)
            told = _("“%s”的代码变更已提交，等另一位同事在“申请”中审核，通过前一切照旧") % enterprise.name
            desk.message_user(request, told, messages.SUCCESS)
            return redirect("admin:accounts_enterprise_change", enterprise.pk)
        for name in [one for one in problems if one in form.fields or one == "__all__"]:
            form.add_error(None if name == "__all__" else name, problems[name])
    context = {
        **desk.admin_site.each_context(request),
        "opts": desk.opts,
        "title": ENTERPRISE_NUMBERS.label,
        "enterprise": enterprise,
        "waiting": proposed(enterprise),
        "form": form,
        "left_behind": words_of(without_list(enterprise.codes)),
        "papers": [(slot, f"{PAPER}{slot.name}", problems.get(slot.name, ())) for slot in ENTERPRISE_NUMBERS.papers],
        "files_lost": bool(request.FILES),
        "accepted": ACCEPTED,
        "most": MOST_MEGABYTES,
    }
    return TemplateResponse(request, "admin/accounts/enterprise/numbers.html", context)


def _typed(form: NumbersForm) -> Typed:
    return {name: [str(value)] for name, value in form.cleaned_data.items()}


def _files(request: HttpRequest) -> dict[str, UploadedFile]:
    sent = {slot.name: request.FILES.get(f"{PAPER}{slot.name}") for slot in ENTERPRISE_NUMBERS.papers}
    return {name: one for name, one in sent.items() if one is not None}
