"""`./dsrl policy add`: a policy's folder, made from what somebody has."""

from __future__ import annotations

from typing import Annotated

import typer

from dsrl_ros.cli import policy_check


def add(
    source: Annotated[
        str, typer.Argument(help="File or folder of a checkpoint, or ws://host:port of a server.")
    ],
    name: Annotated[str, typer.Option(help="Of the new folder in policies/.")],
    like: Annotated[
        str, typer.Option(help="A policy: what the checkpoint does not tell is as there.")
    ] = "",
    backend: Annotated[str, typer.Option(help="What runs it. [default: by the file's kind]")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Of the policy file; value in YAML."),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Leave the weights where they are; hash them there.")
    ] = False,
    episodes: policy_check.Episodes = None,
) -> None:
    """Make a policy's folder from a checkpoint, measure it and write its card.

    What the checkpoint does not tell has to be given; nothing is left behind if it is refused.
    """
    import torch

    from dsrl_core.errors import InvalidFile
    from dsrl_core.policies.adding import Wanted, add_policy, parse_settings
    from dsrl_core.policies.probes import Sample, Verdict, verdict_of
    from dsrl_ros.paths import catalog, share

    known = catalog()
    if known.policies.absolute().is_relative_to(share().absolute()):
        raise InvalidFile(
            f"{known.policies} is installed, what is put there is lost with the next build; "
            "DSRL_POLICIES names the folder of your policies"
        )
    told = parse_settings(settings or [])
    if backend:
        told["backend"] = backend
    torch.set_num_threads(1)
    added = add_policy(
        known.policies,
        Wanted(source, name, known.policy(like) if like else None, told, link),
        lambda spec: (
            Sample.random(spec) if episodes is None else policy_check.recorded(spec, episodes)
        ),
    )
    policy_check.show(added.probes)
    typer.echo(f"{added.folder}: {added.recognised.kind}")
    raise typer.Exit(list(Verdict).index(verdict_of(added.probes)))
