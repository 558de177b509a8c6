"""The ad-hoc commands that there are: put together here, in the order in which users see them."""

from collections.abc import Callable

from gateway.call.calls import Calls
from gateway.call.trials import Trials
from gateway.commands import account_commands
from gateway.commands.affairs import Affairs
from gateway.commands.call_history import CallHistory
from gateway.commands.call_preferences import CallPreferences
from gateway.commands.command import Command
from gateway.commands.trial_call import TrialCall
from gateway.commands.try_registration import TryRegistration
from gateway.config import Settings
from gateway.history.keeping import History
from gateway.media.anchor import Anchors
from gateway.net.sip import SipPort
from gateway.parts import voices
from gateway.policy.permits import Used
from gateway.preferences import Preferences
from gateway.routing import Routing


def user_commands(
    settings: Settings,
    *,
    affairs: Affairs,
    calls: Calls,
    routing: Routing,
    sip: SipPort,
    anchors: Anchors | None,
    history: History,
    preferences: Preferences,
    used: Callable[[str], Used],
    reaches: Callable[[str], bool],
    new_id: Callable[[], str],
) -> tuple[Command, ...]:
    """All of them; ``reaches``: whether an account of a user's own making may lead to an address."""
    return (
        *account_commands.commands(affairs),
        TryRegistration(
            affairs=affairs, component=routing.domain, sip=sip, agent=settings.sip.user_agent, new_id=new_id
        ),
        TrialCall(
            affairs=affairs,
            component=routing.domain,
            calls=Trials(calls, routing, new_id),
            echo=settings.echo_number,
            voices=voices(anchors),
            reaches=reaches,
        ),
        CallHistory(history),
        CallPreferences(
            kept=preferences, serves=routing.serves, numbering=settings.routing.policy.numbering, used=used
        ),
    )
