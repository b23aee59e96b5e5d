"""What the documentation shows can be typed: its configurations load, its commands and options exist, its files are there."""

import re
import shlex
from pathlib import Path

import pytest
import typer.core
import typer.main

from currents_segment.flows.cli import app
from currents_segment.flows.config import load
from currents_segment.flows.errors import ConfigError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```(\w+)?[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = {"sh", "bash", "shell", "console"}


def blocks(text, *languages):
    """The contents of fenced blocks in one of the languages."""
    return [body for language, body in FENCE.findall(text) if language in languages]


def typed(text):
    """Every command of ours in a page, as words: in shell blocks (after `$` where there is one) and between back ticks."""
    lines = [line.removeprefix("$ ") for block in blocks(text, *SHELL) for line in block.replace("\\\n", " ").splitlines()]
    for line in lines + re.findall(r"`((?:currents-segment|make) [^`\n]+)`", FENCE.sub("", text)):
        for part in re.split(r"\s*(?:&&|\|\||[|;&]|\d?>>?)\s*", line.partition(" #")[0]):
            words = shlex.split(part)
            while words and re.match(r"^[A-Z_]+=", words[0]):
                words.pop(0)
            if words and words[0] in ("currents-segment", "make"):
                yield words


def wrong_command(words):
    """Why the words are no command of ours, or None."""
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return next((f"make {word}: no such target" for word in words[1:] if "=" not in word and word not in targets), None)
    command, rest = typer.main.get_command(app), words[1:]
    while isinstance(command, typer.core.TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            return f"{' '.join(words)}: no command {name}"
        command = command.commands[name]
    known = {"--help", *(option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))}
    return next(
        (f"{' '.join(words)}: no option {word}" for word in rest if word.startswith("--") and word.split("=")[0] not in known), None
    )


def wrong_configuration(text, folder):
    """The mistakes of a configuration in a page."""
    path = folder / "page.yaml"
    path.write_text(text)
    try:
        load(path, secrets=False)
    except ConfigError as error:
        return error.mistakes
    return []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configurations_load(page, tmp_path):
    """A reader can copy a configuration from a page: every `yaml` block is a whole one."""
    assert [] == [mistake for block in blocks(page.read_text(), "yaml") for mistake in wrong_configuration(block, tmp_path)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    """A reader can type a command from a page: the command and its options are there."""
    assert [] == [wrong for words in typed(page.read_text()) if (wrong := wrong_command(words))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """A link within the project names a file that is there."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", FENCE.sub("", page.read_text()))
    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_a_wrong_page_is_noticed(tmp_path):
    """The checks above can fail: a mistake of each kind is found."""
    page = (
        "```yaml\nworkspaces: {}\n```\n```sh\n$ K=v currents-segment run segment.yaml --onec && make tset  # slow\ncurrents-segment rnu x | cat\n```\n"
        "`currents-segment run x --once`, `make demo`\n"
    )
    assert 1 == len(wrong_configuration(blocks(page, "yaml")[0], tmp_path))
    assert [
        "currents-segment run segment.yaml --onec: no option --onec",
        "make tset: no such target",
        "currents-segment rnu x: no command rnu",
        None,
        None,
    ] == [wrong_command(words) for words in typed(page)]
