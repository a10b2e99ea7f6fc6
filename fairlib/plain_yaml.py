"""YAML that people write by hand: a key stands once, nothing is guessed, and a fault is one sentence.

Plain YAML reads ``No: 1`` as the key False, ``007`` as 7, and of two equal keys the last, in silence. Here a key is the
text that was written, and so is a value; whoever asks for a number says so.
"""

from pathlib import Path

import yaml

NULL, TEXT, INT, FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "int", "float"))


class PlainYamlError(ValueError):
    """A file is no YAML; the message says in which line, and what is wrong there."""


def read(file: Path | str, numbers: bool = False) -> object:
    """What a YAML file holds: dicts, lists and texts, None where nothing stands, and numbers if they are asked for.

    Raises ``PlainYamlError``, ``OSError`` or ``UnicodeDecodeError``.
    """
    text = Path(file).read_text(encoding="utf-8-sig")
    try:
        return yaml.load(text, Loader=_Numbers if numbers else _Texts)
    except yaml.MarkedYAMLError as error:
        advice = "; a text that holds ': ' or ' #' needs quotation marks" if "mapping values" in error.problem else ""
        raise PlainYamlError(f"line {error.problem_mark.line + 1}: {error.problem}{advice}") from error
    except yaml.YAMLError as error:  # a character that no text holds
        raise PlainYamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise PlainYamlError("lists or keys lie in each other more deeply than anybody writes") from error


def _only(*kinds: str) -> dict:
    """Of the types that YAML guesses from how a value looks, these alone."""
    guessed = yaml.SafeLoader.yaml_implicit_resolvers.items()
    return {first: [rule for rule in rules if rule[0] in kinds] for first, rules in guessed}


class _Texts(yaml.SafeLoader):
    yaml_implicit_resolvers = _only(NULL)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = TEXT
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise PlainYamlError(f"key {key.value!r} stands twice, the second time in line {line}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Numbers(_Texts):
    yaml_implicit_resolvers = _only(NULL, INT, FLOAT)
