"""Addresses of signing in and out, of guarding one's account, of changing the enterprise, of members, applications,
preparation, certificates and consent, and of what one is told.
"""

from django.urls import path

from accounts import credential_pages, inbox, joining, members_views, preparing, security, views
from accounts.onboarding import views as onboarding

urlpatterns = [
    path("login/", views.login, name="login"),
    path("login/code/", views.login_code, name="login_code"),
    path("register/", joining.register, name="register"),
    path("register/codes/", joining.register_codes, name="register_codes"),
    path("register/account/", joining.register_account, name="register_account"),
    path("password/forgotten/", joining.forgot_password, name="forgot_password"),
    path("password/reset/<str:account>/<str:token>/", joining.reset_password, name="reset_password"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("members/", members_views.members, name="members"),
    path("members/<int:pk>/", members_views.one, name="member"),
    path("members/<int:pk>/remove/", members_views.remove, name="member_remove"),
    path("members/<int:pk>/restore/", members_views.restore, name="member_restore"),
    path("members/invitations/<int:pk>/resend/", members_views.resend, name="invitation_resend"),
    path("members/invitations/<int:pk>/revoke/", members_views.revoke, name="invitation_revoke"),
    path("invitations/<str:token>/", members_views.invitation, name="invitation"),
    path("password/", views.change_password, name="change_password"),
    path("applications/", onboarding.listed, name="applications"),
    path("applications/<int:pk>/", onboarding.application, name="application"),
    path("applications/<int:pk>/versions/<int:number>/", onboarding.version, name="application_version"),
    path("applications/<int:pk>/papers/<int:paper>/", onboarding.paper, name="paper"),
    path("applications/<slug:kind>/", onboarding.latest, name="application_of_kind"),
    path("applications/<slug:kind>/new/", onboarding.begin, name="application_new"),
    path("notices/", inbox.notices, name="notices"),
    path("notices/read/", inbox.read_all, name="notices_read"),
    path("notices/<int:pk>/", inbox.notice, name="notice"),
    path("preparation/", preparing.preparation, name="preparation"),
    path("offices/", preparing.offices, name="offices"),
    path("sessions/", security.signed_in_places, name="sessions"),
    path("second-factor/", security.second_factor, name="second_factor"),
    path("second-factor/app/", security.set_up, name="second_factor_app"),
    path("second-factor/app/remove/", security.remove, name="second_factor_remove"),
    path("second-factor/passkey/", security.add_passkey, name="add_passkey"),
    path("second-factor/passkey/<int:pk>/remove/", security.drop_passkey, name="drop_passkey"),
    path("second-factor/codes/", security.recovery_codes, name="recovery_codes"),
    path("credentials/", credential_pages.credentials, name="credentials"),
    path("credentials/new/", credential_pages.new_credential, name="new_credential"),
    path("credentials/<int:pk>/", credential_pages.change_credential, name="change_credential"),
    path("credentials/keys/<int:pk>/", credential_pages.key_request, name="key_request"),
    path("credentials/consent/", credential_pages.signing_consent, name="signing_consent"),
]
