"""Beside an example of kopf's: webhooks with a given certificate, for kopf's own maker of certificates knows no OpenSSL 3."""
import os
from typing import Any

import kopf


@kopf.on.startup()
def use_certificate(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.admission.server = kopf.WebhookServer(
        addr='127.0.0.1',
        host='127.0.0.1',
        certfile=os.environ['CERT_FILE'],
        pkeyfile=os.environ['KEY_FILE'],
    )
