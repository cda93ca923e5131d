"""TLS towards targets: certificates are checked unless a service says that its own is not, and what fails is named."""

from __future__ import annotations

import ssl
from functools import cache

_CERTIFICATES = {  # the codes of X509_verify_cert, openssl/x509_vfy.h
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate is signed by itself",
    20: "nobody we know has signed its certificate",
    62: "its certificate is for another host",
    64: "its certificate is for another address",
}
_OLD = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "WRONG_VERSION_NUMBER"}
)


@cache
def context(*, insecure: bool) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the certificates that this machine trusts; insecure takes any."""
    made = ssl.create_default_context()
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def problem(error: BaseException) -> str:
    """What is wrong with a peer's TLS, by the error that it led to or any below it; empty where that is not it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return _CERTIFICATES.get(seen.verify_code, f"its certificate is not good: {seen.verify_message}")
        if isinstance(seen, ssl.SSLError):
            reason = seen.reason or ""
            return "it speaks no TLS that is safe today, or none at all" if reason in _OLD else f"TLS failed: {reason}"
        seen = seen.__cause__ or seen.__context__
    return ""
