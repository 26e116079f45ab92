"""An authority of a test's own, and a certificate for loopback."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["make_certificates"]


def make_certificates(folder: Path, *names: str) -> tuple[Path, Path]:
    """PEM files in `folder`: the authority's certificate; key and certificate of a server at 127.0.0.1 and `names`."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _signed("Test authority", authority_key, "Test authority", authority_key, None)
    loopback = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *(x509.DNSName(name) for name in names)]
    )
    server = _signed("127.0.0.1", server_key, "Test authority", authority_key, loopback)
    authorities, serving = folder / "authority.pem", folder / "server.pem"
    authorities.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    serving.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + server.public_bytes(serialization.Encoding.PEM)
    )
    return authorities, serving


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: str,
    with_key: ec.EllipticCurvePrivateKey,
    names: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
    )
    if names is not None:
        made = made.add_extension(names, critical=False)
    return made.sign(with_key, hashes.SHA256())
