"""A certificate authority made on the spot, and the certificates of the stack."""

import os
import subprocess

from .error import StackError
from .files import make_folder, write_file

DAYS = "3650"
LOOPBACK = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")


def _openssl(*arguments: str, text: str | None = None) -> None:
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _new_key(path: str) -> None:
    # The umask keeps the key private from its first byte on.
    old = os.umask(0o077)
    try:
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    finally:
        os.umask(old)


class Authority:
    """ECDSA P-256. The key stays in the caller's folder; whoever has the certificate trusts the stack."""

    def __init__(self, folder: str):
        self.folder = folder
        self.cert_file = os.path.join(folder, "ca.crt")
        self.key_file = os.path.join(folder, "ca.key")

    def make(self) -> bool:
        """True when it was made now: certificates of an earlier one are then void."""
        make_folder(self.folder)
        if os.path.exists(self.cert_file) and os.path.exists(self.key_file):
            return False
        _new_key(self.key_file)
        _openssl("req", "-x509", "-new", "-key", self.key_file, "-sha256", "-days", DAYS, "-out", self.cert_file,
                 "-subj", "/O=Leasehold/CN=Leasehold stack authority",
                 "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        os.chmod(self.cert_file, 0o644)
        return True

    def issue(self, cert_file: str, key_file: str, common_name: str, names: tuple[str, ...] = LOOPBACK) -> None:
        """A certificate for servers and clients. The names are subject alternative names, as openssl writes them."""
        request = cert_file + ".csr"
        extensions = cert_file + ".ext"
        _new_key(key_file)
        _openssl("req", "-new", "-key", key_file, "-sha256", "-out", request, "-subj", f"/O=Leasehold/CN={common_name}")
        write_file(extensions, "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                               "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=" + ",".join(names) + "\n")
        # A random serial number: several certificates may be issued at the same time.
        _openssl("x509", "-req", "-in", request, "-CA", self.cert_file, "-CAkey", self.key_file, "-sha256",
                 "-set_serial", str(int.from_bytes(os.urandom(15), "big") | 1), "-days", DAYS,
                 "-extfile", extensions, "-out", cert_file)
        os.chmod(cert_file, 0o644)
        os.unlink(request)
        os.unlink(extensions)
