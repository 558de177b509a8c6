"""A phone whose packets are protected by keys that stand in its description."""

import base64
from collections.abc import Sequence
from dataclasses import replace

from pylibsrtp import Policy, Session

from gateway.media.embedded import srtp
from mappings.description import Codec, Crypto, Description, Encryption
from tests.media.rig import Phone


class KeyedPhone:
    """A phone that speaks SDES, by libsrtp of its own."""

    def __init__(self, phone: Phone, suite: str, tag: int | None = None) -> None:
        """``tag`` of its line; None: 1, or that of the line that it answers."""
        self.phone = phone
        self._tag = tag
        self.suite = srtp.BY_SDES[suite]
        self.key = bytes(range(self.suite.key + self.suite.salt))
        self.line = Crypto(tag=tag or 1, crypto_suite=suite, key_params=f"inline:{base64.b64encode(self.key).decode()}")
        self.out = Session(self._policy(self.key, Policy.SSRC_ANY_OUTBOUND))
        self.into: Session

    def _policy(self, key: bytes, kind: int) -> Policy:
        return Policy(key=key, ssrc_type=kind, srtp_profile=self.suite.profile)

    def description(self, *lines: Crypto, name: str = "audio", codecs: Sequence[Codec] = ()) -> Description:
        """Its offer or answer."""
        said = self.phone.description(*codecs, name=name)
        media = said.media[0]
        encryption = Encryption(required=True, crypto=lines or (self.line,))
        return replace(said, media=(replace(media, rtp=replace(media.rtp, encryption=encryption)),))

    def told(self, description: Description) -> None:
        """What it was offered or answered."""
        self.phone.told(description)
        encryption = description.media[0].rtp.encryption
        assert encryption is not None
        line = next(one for one in encryption.crypto if one.crypto_suite == self.suite.sdes)
        if self._tag is None:
            self.line = replace(self.line, tag=line.tag)
        key = srtp.read(line)
        assert key is not None
        self.into = Session(self._policy(key, Policy.SSRC_ANY_INBOUND))
