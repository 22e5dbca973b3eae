"""A certificate authority made for one test run, and server certificates with every fault."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """Signs certificates for 127.0.0.1. ``file`` is its own certificate, for REQUESTS_CA_BUNDLE."""

    def __init__(self, folder: Path):
        self.folder, self.file = folder, folder / "authority.pem"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name("Tests")
        certificate = (
            self.builder(self.name, self.name, self.key, NOW + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def builder(self, subject, issuer, key, until):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 10 * DAY)
            .not_valid_after(until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )

    def context(self, fault: str) -> ssl.SSLContext:
        """A server's TLS settings: "none", "self-signed", "expired", "wrong host", "unknown authority", "old TLS"."""
        key = ec.generate_private_key(ec.SECP256R1())
        alone = fault == "self-signed"
        host = (
            x509.DNSName("other.example.org")
            if fault == "wrong host"
            else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        )
        subject = name("server")
        certificate = (
            self.builder(subject, subject if alone else self.name, key, NOW - DAY if fault == "expired" else NOW + DAY)
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .sign(key if alone else self.key, hashes.SHA256())
        )
        file = self.folder / f"{fault.replace(' ', '-')}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if fault == "old TLS":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
        return context
