"""What the settings say of ways and of intake; what they do not say is not set up."""

from collections.abc import Mapping

import httpx
from chassis.clock import SystemClock

from callback.notices.reach import Reaching
from callback.notices.ways import EmailWay, FolderWay, SmsWay, Way, WebhookWay
from callback.outgoing.targets import Sender, Targets
from callback.settings import CallbackSettings


def ways_of(settings: CallbackSettings, clock: SystemClock) -> Mapping[str, Way]:
    """The ways that are set up, by channel."""
    ways: dict[str, Way] = {}
    if settings.smtp_host is not None:
        ways["email"] = EmailWay(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_tls,
            settings.smtp_user,
            settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            settings.notice_patience,
            clock.real_now,
        )
    if settings.sms_url is not None:
        ways["sms"] = SmsWay(
            httpx.AsyncClient(timeout=settings.notice_patience),
            settings.sms_url,
            settings.sms_fields,
            settings.sms_form,
            settings.sms_authorization.get_secret_value() if settings.sms_authorization else None,
            clock.real_now,
        )
    if settings.notice_secret is not None:
        targets = Targets(settings.webhook_networks, plain=settings.environment == "development")
        ways["webhook"] = WebhookWay(
            Sender(targets, patience=settings.notice_patience, now=lambda: clock.real_now().timestamp()),
            settings.notice_secret.get_secret_value(),
            lambda: clock.real_now().timestamp(),
        )
    if settings.notice_folder is not None:
        for channel in ("email", "sms"):
            ways.setdefault(channel, FolderWay(settings.notice_folder, clock.real_now))
    return ways


def reaching_of(settings: CallbackSettings, clock: SystemClock) -> Reaching | None:
    """Who asks intake; None: its address is not told, or callback is nobody there."""
    if settings.intake is None or not settings.reach_clients:
        return None
    return Reaching(
        httpx.AsyncClient(timeout=settings.notice_patience),
        settings.intake,
        settings.issuer,
        settings.reach_clients,
        clock.monotonic,
    )
