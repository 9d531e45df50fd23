"""Creates the vendor's adapter from the settings; nothing connects before its first use. A second vendor would be chosen here."""

from smsrelay.settings import SettingsError
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.vendors.base import Vendor
from smsrelay_worker.vendors.yisha.adapter import Yisha, YishaAccount
from smsrelay_worker.vendors.yisha.credentials import AppCode, AppKey, Credentials
from smsrelay_worker.vendors.yisha.http import open_session


def create_vendor(settings: WorkerSettings) -> Vendor:
    """The vendor's adapter with the account of the settings; raises ``SettingsError`` for an account that cannot work."""
    try:
        account = YishaAccount(
            domestic_url=settings.vendor_url,
            intl_url=settings.vendor_intl_url,
            credentials=_credentials(settings),
            serialiser=settings.serialiser,
            channel=settings.channel,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
        )
    except ValueError as error:
        raise SettingsError(f"vendor account: {error}") from None
    proxy = settings.vendor_proxy.get_secret_value() if settings.vendor_proxy else None
    return Yisha(account, open_session(settings.concurrency, proxy))


def _credentials(settings: WorkerSettings) -> Credentials:
    if settings.app_key is not None and settings.app_secret is not None:
        return AppKey(settings.app_key, settings.app_secret.get_secret_value())
    return AppCode(settings.appcode.get_secret_value() if settings.appcode else "")
