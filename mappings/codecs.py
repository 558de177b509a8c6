"""What payload types mean without being told, and what their format parameters look like (RFC 3551, RFC 8866 §6.15)."""

from typing import NamedTuple


class Rate(NamedTuple):
    """A codec's RTP clock in Hz and its channels; None: one, which is never written."""

    clockrate: int
    channels: int | None = None


class Static(NamedTuple):
    """A payload type that RFC 3551 §6 fixes."""

    name: str
    clockrate: int
    channels: int | None = None


# fmt: off
STATIC: dict[int, Static] = {
    0: Static("PCMU", 8000),       3: Static("GSM", 8000),        4: Static("G723", 8000),
    5: Static("DVI4", 8000),       6: Static("DVI4", 16000),      7: Static("LPC", 8000),
    8: Static("PCMA", 8000),       9: Static("G722", 8000),      10: Static("L16", 44100, 2),
    11: Static("L16", 44100),     12: Static("QCELP", 8000),     13: Static("CN", 8000),
    14: Static("MPA", 90000),     15: Static("G728", 8000),      16: Static("DVI4", 11025),
    17: Static("DVI4", 22050),    18: Static("G729", 8000),      25: Static("CelB", 90000),
    26: Static("JPEG", 90000),    28: Static("nv", 90000),       31: Static("H261", 90000),
    32: Static("MPV", 90000),     33: Static("MP2T", 90000),     34: Static("H263", 90000),
}

RATES: dict[str, Rate] = {  # by lower-case name: what a peer that leaves the rate or the channels out must mean
    "opus": Rate(48000, 2),        # RFC 7587 §7: always 48000/2
    "ilbc": Rate(8000),            # RFC 3952
    "g722": Rate(8000),            # RFC 3551 §4.5.2: 8000 by an old mistake
    "pcmu": Rate(8000),
    "pcma": Rate(8000),
    "g729": Rate(8000),
    "telephone-event": Rate(8000),
    "amr": Rate(8000),             # RFC 4867
    "amr-wb": Rate(16000),
    "speex": Rate(8000),           # RFC 5574
    "isac": Rate(16000),
}

DEFAULT_RATE = {"audio": 8000, "video": 90000}
"The clock of a codec that nobody knows (conformance reference 4.3)."

ALWAYS = frozenset({"opus"})
"Codecs whose channels are filled in where a peer leaves them out."

BARE_PARAMETER: dict[str, str] = {"telephone-event": "events", "red": "pt"}
"Formats whose fmtp is a bare value, and the parameter that Jingle says it by (draft-ietf-stox-media-07 §10)."

BARE_ALIASES: dict[str, tuple[str, ...]] = {"telephone-event": ("dtmp_tones",), "red": ()}
"COMPAT(Monal): further names of that parameter."

DEFAULT_EVENTS = "0-15"
"What telephone-event without fmtp means (RFC 4733 §2.4.1)."

PAYLOAD_REFERENCES = {"rtx": "apt", "red": "pt"}
"Parameters that name other payload types, and must follow when those are renumbered (RFC 4588 §8.1, RFC 2198 §5)."

AUXILIARY = frozenset({"telephone-event", "cn", "red", "rtx", "ulpfec", "flexfec", "flexfec-03"})
"Formats that carry nothing without another one: an answer with nothing else has no codec (conformance XS-22)."

CRYPTO_SUITES = frozenset({
    "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80",               # RFC 4568 §6.2
    "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32",                                      # RFC 6188 §4
    "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
    "AES_CM_192_HMAC_SHA1_80", "AES_CM_192_HMAC_SHA1_32",                                      # COMPAT(drafts of it)
    "AES_CM_256_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_32",
    "AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM_8", "AEAD_AES_256_GCM_8",        # RFC 7714 §14.2
    "SEED_CTR_128_HMAC_SHA1_80", "SEED_128_CCM_80", "SEED_128_GCM_96",                         # RFC 5669 §2
})

HASHES = ("sha-256", "sha-384", "sha-512", "sha-224", "sha-1", "md5", "md2")
"Fingerprint hashes, the best known by every peer first (RFC 8122 §5)."
# fmt: on

KINDS = frozenset({"audio", "video"})
"The media that cross; text, application, image and message are refused in their place."

PROFILES = (
    "RTP/AVP",
    "RTP/AVPF",
    "RTP/SAVP",
    "RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "UDP/TLS/RTP/SAVPF",
)
"The m= protocols that cross (conformance reference 4.1)."
