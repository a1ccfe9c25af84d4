"""Show how a campaign file was understood, and ask whether that is right."""

from __future__ import annotations

from postiz_async import Campaign
from postiz_async._cli.output import Output, ask, can_ask, count
from postiz_async.errors import CampaignError
from postiz_async.types import Guess, Understood


def guess_of(output: Output, *, yes: bool) -> Guess:
    """How a command guesses the columns of a file: with a question, with `--yes`, or not at all."""
    if yes:
        return True
    if output.as_json or not (output.out.is_terminal and can_ask()):
        return False
    return _is_right


def _is_right(understood: Understood) -> bool:
    show_understood(Output(says_results=True), understood)  # also with --quiet
    return bool(ask("Is this right?", default=True))


async def keep_guess(output: Output, campaign: Campaign, *, yes: bool) -> None:
    """Save a guess that was answered with yes next to the file, where every command finds it."""
    understood = campaign.understood
    if understood is None or not understood.is_guessed:
        return
    if yes and not output.as_json:
        show_understood(output, understood)
    try:
        path = await campaign.save_options(given=False)
    except CampaignError as error:
        output.say(f"It is not kept for the next time: {error}", "yellow")
    else:
        output.say(f"Kept for the next time: {path}")


def show_understood(output: Output, understood: Understood) -> None:
    """Show the columns of a file with their meanings and first values, and where they are."""
    for names, are in ((understood.new, "new"), (understood.gone, "not there any more")):
        if names:
            output.say(f"Since the last time, {are}: {', '.join(names)}", "bold yellow")
    output.table(
        ["column", "meaning", "first value"],
        [(each.name, each.label, each.value[:60]) for each in understood.columns],
    )
    sheet = f"sheet {understood.sheet}, " if understood.sheet else ""
    output.say(f"header: {sheet}row {understood.header}; times in {understood.timezone}")
    channels = understood.channels
    on = f" on {count(len(channels), 'channel')}: {', '.join(channels)}" if channels else ""
    output.say(f"{count(understood.posts, 'post')}{on}")
