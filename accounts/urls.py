"""Addresses of signing in and out, of guarding one's account, and of changing the enterprise and the password."""

from django.urls import path

from accounts import joining, security, views

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
    path("password/", views.change_password, name="change_password"),
    path("sessions/", security.signed_in_places, name="sessions"),
    path("second-factor/", security.second_factor, name="second_factor"),
    path("second-factor/app/", security.set_up, name="second_factor_app"),
    path("second-factor/app/remove/", security.remove, name="second_factor_remove"),
    path("second-factor/passkey/", security.add_passkey, name="add_passkey"),
    path("second-factor/passkey/<int:pk>/remove/", security.drop_passkey, name="drop_passkey"),
    path("second-factor/codes/", security.recovery_codes, name="recovery_codes"),
]
