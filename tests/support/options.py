"""What a config can name, from the program's own tables: `lockstep train --help-config`."""
import re


class Thing:
    """A row of a table of choices: its kind (layer, loss, ...), its name, its options as
    {option: what the reference says of its value}."""

    def __init__(self, kind, name):
        self.kind, self.name, self.options = kind, name, {}


def read(text):
    """(the config's keys as {key: what the reference says of its value}, [Thing])."""
    keys, things = {}, []
    options, last = keys, None
    for line in text.splitlines():
        head = re.match(r"(\w+) (\w+): ", line)
        if head:
            things.append(Thing(head[1], head[2]))
            options = things[-1].options
        elif re.match(r"  \S", line):
            last = line.split()[0]
        elif line.startswith("     "):
            options[last] = line.strip()
    return keys, things


def words(about):
    """The words of an option that takes one of some, else none."""
    found = re.match(r"one of (.*?)(;|$)", about)
    return found[1].split(", ") if found else []
