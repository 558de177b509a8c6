"""Users' own SIP accounts."""

from gateway.accounts.reading import AccountRules
from gateway.reach import Reach
from gateway.rules import Patterns

COMPONENT = "gw.example"
JULIET = "juliet@example.org"
RULES = AccountRules(component=COMPONENT, users=Patterns(["example.org"]), most=3, servers=Reach())
