"""Ranges of telephone numbers that cost more than others, by a word for each kind.

International ones by ITU-T E.164's list of assigned codes; national premium rates by the numbering plans of the
countries.  No such list is whole, and plans change: these are what fraud goes to most, and a word here spares an
operator to know them by heart.  The first digits are given in international form.
"""

DESTINATIONS: dict[str, tuple[str, ...]] = {
    "satellite": (
        "+870",  # Inmarsat
        "+881",  # global mobile satellite systems: Iridium, Globalstar
        "+882",
        "+883",  # international networks: Thuraya, ships, aeroplanes, virtual ones
        "+888",  # telecommunications for disaster relief, given back and misused
    ),
    "premium": (
        "+878",
        "+979",  # universal personal numbers, international premium rate
        "+1900",
        "+1976",  # North America
        "+31900",
        "+31906",
        "+31909",  # Netherlands
        "+3290",  # Belgium
        "+3389",  # France
        "+34803",
        "+34806",
        "+34807",
        "+34905",
        "+34907",  # Spain
        "+35315",  # Ireland
        "+358600",
        "+358700",  # Finland
        "+39892",
        "+39894",
        "+39895",
        "+39899",  # Italy
        "+41900",
        "+41901",
        "+41906",  # Switzerland
        "+43900",
        "+43901",
        "+43930",
        "+43931",
        "+43939",  # Austria
        "+449",
        "+4470",
        "+4487",
        "+44118",  # United Kingdom: premium, personal numbers, directories
        "+4590",  # Denmark
        "+46900",
        "+46939",
        "+46944",  # Sweden
        "+47820",
        "+47829",  # Norway
        "+4870",  # Poland
        "+49900",
        "+49137",
        "+49118",  # Germany: premium, televoting, directories
        "+61190",  # Australia
    ),
}
"The first digits of the numbers of each kind."
