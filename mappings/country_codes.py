"""Where the country code of an international number ends (ITU-T E.164 §6.2.1 and its list of assigned codes)."""

SHORT = frozenset(
    [
        "1",
        "7",
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)
"Those of one digit and of two; all others have three, and no code begins another."

LONGEST_NUMBER = 15
"Digits of an international number, its country code included."


def country_code(digits: str) -> str:
    """The country code that international digits, without their plus, begin with."""
    return next((digits[:length] for length in (1, 2) if digits[:length] in SHORT), digits[:3])
