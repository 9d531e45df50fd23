"""Settings of the receiver: the keys that sign callbacks, its limits, and its spool."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from smsrelay.settings import Keys, KeySettings, PayloadKeySettings


class ReceiverSettings(PayloadKeySettings, KeySettings):
    """What the receiver needs to know. It holds no key that numbers are hashed with.

    With payload keys it encrypts the callbacks that it keeps because it cannot read them; without, it keeps them plain.
    """

    callback_keys: Keys = Field(
        description="Keys that sign callback URLs, new or new,old; each 16+ characters, no comma. Not for apps."
    )
    data: Path = Field(default=Path(".smsrelay"), description="Folder of the embedded broker and of the spool.")
    spool: Path | None = Field(
        default=None,
        description="Folder, on a local disk, of the reports that the broker cannot take; by default spool/ under SMSRELAY_DATA.",
    )
    spool_max: Annotated[int, Field(ge=1)] = Field(
        default=100_000, description="Reports the spool holds; then callbacks are answered 503."
    )
    callback_max_bytes: Annotated[int, Field(ge=512)] = Field(
        default=65536, description="Longest callback body taken, compressed or not."
    )
    callback_keep_alive: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=75, description="Seconds the receiver leaves an idle connection open: longer than the proxy before it does."
    )
    callback_connections: Annotated[int, Field(ge=8, le=60_000)] = Field(
        default=512, description="Connections the receiver has open at once."
    )
    callback_connections_per_address: Annotated[int, Field(ge=1, le=60_000)] = Field(
        default=256, description="Of these, from one address (of IPv6: one /64); a proxy before the receiver is one address."
    )
    unsigned_rate: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=200, description="Callbacks without a token that are taken a second, by each receiver."
    )
    unsigned_callbacks: bool = Field(
        default=False, description="Also take callbacks without a token, matched by the vendor's external id alone."
    )

    @property
    def spool_folder(self) -> Path:
        """Folder of the receiver's spool."""
        return self.spool or self.data / "spool"
