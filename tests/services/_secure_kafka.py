"""Kafka with a listener that wants TLS and a password; the certificate is made for it."""

import re
import shutil
import ssl

from tests.services._kafka import KafkaServer
from tests.services._ports import HOST, free_port
from tests.services._process import CannotStart, as_unprivileged, run

USER, PASSWORD = "bus", "of-the-bus"
_OF_THE_STORE = "of-the-store"
_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"


class SecureKafkaServer(KafkaServer):
    """Its listener without TLS is there too: topics are made on it."""

    @property
    def secure_servers(self) -> str:
        """The listener that wants TLS and a password."""
        return f"{HOST}:{self._port}"

    def trusting(self) -> ssl.SSLContext:
        """Return what a client needs to trust its certificate."""
        return ssl.create_default_context(cafile=str(self.folder / "server.pem"))

    def _settings(self) -> str:
        assert self._ports is not None
        self._make_certificate()
        self._port = next(port for port in iter(free_port, 0) if port not in self._ports)
        settings = re.sub(
            r"(?m)^((?:advertised\.)?listeners=.*)$",
            rf"\1,SECURE://{HOST}:{self._port}",
            super()._settings(),
        )
        settings = re.sub(
            r"(?m)^(listener\.security\.protocol\.map=.*)$", r"\1,SECURE:SASL_SSL", settings
        )
        own = {
            "ssl.keystore.location": self.folder / "server.p12",
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.password": _OF_THE_STORE,
            "sasl.enabled.mechanisms": "PLAIN",
            "plain.sasl.jaas.config": f'{_MODULE} required user_{USER}="{PASSWORD}";',
        }
        lines = [f"listener.name.secure.{name}={value}" for name, value in own.items()]
        return "\n".join([settings, *lines, ""])

    def _make_certificate(self) -> None:
        keytool = shutil.which("keytool")
        if keytool is None:
            raise CannotStart("no keytool here: it comes with java")
        store = ["-keystore", "server.p12", "-storetype", "PKCS12", "-storepass", _OF_THE_STORE]
        name = ["-alias", "server"]
        key = [
            "-J-XX:TieredStopAtLevel=1",
            "-keyalg",
            "EC",
            "-validity",
            "30",
            "-dname",
            "CN=kafka",
            "-ext",
            f"san=ip:{HOST}",
        ]
        for command in (
            ["-genkeypair", *name, *key, *store],
            ["-exportcert", "-rfc", "-file", "server.pem", *name, *store],
        ):
            run([keytool, *command], cwd=self.folder, **as_unprivileged())
