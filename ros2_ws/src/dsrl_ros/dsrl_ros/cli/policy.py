"""`./dsrl policy`: the frozen policies that there are, and what is done with them.

A file here for each part of the command line (`policy_*.py`), registered in one line below.
"""

from __future__ import annotations

import typer

from dsrl_ros.cli import (
    policy_add,
    policy_check,
    policy_convert,
    policy_install,
    policy_keys,
    policy_listing,
    policy_serve,
)

policy = typer.Typer(
    help="Bring frozen policies, look at them, measure them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

policy.command("list")(policy_listing.list_)
policy.command("add")(policy_add.add)
policy.command("check")(policy_check.check)
policy.command("card")(policy_check.card)
policy.command("serve")(policy_serve.serve)
policy.command("keys")(policy_keys.keys)
policy.command("install")(policy_install.install)
policy.command("convert")(policy_convert.convert)
