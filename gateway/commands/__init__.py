"""What a user may do at the gateway by forms: ad-hoc commands (XEP-0050 with XEP-0004).

- `form`: forms, what is filled in and what is reported, as values; `filling` reads a submission against its form.
- `command`: what a command is, and what its stages return.
- `engine`: the sessions in which commands are run, pure; `telling` writes its answers.
- `desk`: the domain's answers, and the tasks in which stages run.
- `affairs`, `account_form`, `account_commands`: users' own SIP accounts, and the commands by which they look after
  them; `try_registration` asks a registrar, `trial_call` makes a test call.
- `inband`: the same by in-band registration (XEP-0077).

Theory of operation.  A command is a value with a node, a name, a rule who may run it, and a coroutine that begins it.
A stage returns `Ask`, which carries a form and the coroutine that takes it filled in, or `Done`.  Whatever a command
must know later is bound into that coroutine; so a session is a stack of the forms that were shown, going back is to
show the one before, and nothing of a command is left when its session ends.

Only the component's domain has commands.  Who may not run a command does not see it.  Every new command is one class in
one module, and its place in the list that the daemon is put together with.
"""
