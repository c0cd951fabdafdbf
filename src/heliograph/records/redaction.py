"""What is secret in a command line: found by the names beside it, and left out of the record.

A name is secret if one of its words is: ``token``, ``password``, ``key`` and the like, in any case, alone or
as in ``api-key``, ``APIKEY``, ``apiKey``, ``masterkey``; ``keyboard`` and ``monkey`` are not. Hidden are

- the value of such a name: of an option (``--api-key x``, ``--api-key=x``), of a variable or a parameter
  (``API_KEY=x``, ``?api_key=x``), in JSON and the like, of a header (``Authorization: Bearer x``);
- what follows ``-p``, and ``-b`` if it is a cookie, ``name=value``; of ``name:password`` behind ``-u`` or
  ``--user``, the password;
- the password in a URL, and what follows ``Bearer``;
- wherever they stand, tokens whose beginning says what they are: ``ghp_…``, ``sk-…``, ``xoxb-…``, ``eyJ…``.

It is a best effort, which hides rather too much: ``-p`` may be a port. What has no such name beside it, nor
such a beginning, is not found, such as a password that is an argument of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

HIDDEN: Final = "***"

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET: Final = re.compile(
    r"([a-z]*(token|secret|password|passwd|passphrase|pwd|credential|cookie|sess(ion)?id)"
    r"|(?!(don|hoc|hot|joc|mon|tur|whis)key)[a-z]*key"
    r"|pass|auth|authorization|bearer|sig|signature)s?",
    re.IGNORECASE,
)
_LOGIN: Final = frozenset({"u", "user", "username", "login"})

# The arguments are looked at together, with a zero between them that none can hold: a value may be the next
# one. Names are tried from their beginnings alone: an argument may be as long as 128 KiB, and one word.
_NAME: Final = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]++)
    (?:(?P<quote>\\*["']?)\s*(?P<mark>[:=]+)\s*(?:(?<=:)\0)?(?:(?:basic|bearer|digest|token)[\s\0]+)?|\0|\s+)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED: Final = r"""(?:'(?:[^'\\\0]|\\[^\0])*+'?|"(?:[^"\\\0]|\\[^\0])*+"?)"""
_NESTED: Final = r"[\[{\\|>][^\0]*"  # where it ends would have to be parsed
_ARGUMENT: Final = re.compile(r"[^\0]*")
_LINE: Final = re.compile(rf"{_NESTED}|{_QUOTED}?[^\n\0]*")
# A shell takes what stands side by side for one: 'it'"'"'s'.
_VALUE: Final = re.compile(rf"{_NESTED}|{_QUOTED}(?:{_QUOTED}|[^&,;)\]}}'\"\s\0])*+|[^&\s\0]*")
_OPTION: Final = re.compile(r"--|-\w?(?![^\s\0])")
_COOKIE: Final = re.compile(r"[^=\s\0]+=")
_USER: Final = re.compile(r"[^:\s\0]*:(?!//)")
_ATTACHED: Final = re.compile(r"(?<![^\s\0])(-p|-u[^:=\s\0]+:(?!//))(?!=)[^\s\0]+")
_UP_TO_AT: Final = re.compile(r"(?<![^\s\0])[^\s\0]*@")
_URL_PASSWORD: Final = re.compile(r"(://[^:/@]*):.*@")
# GitHub's, GitLab's, Hugging Face's, Slack's, AWS's, OpenAI's and its like, and JSON web tokens.
_TOKEN: Final = re.compile(
    r"""(?<![\w-])(?:gh[opsur]_[A-Za-z0-9]{30,}+|github_pat_\w{30,}+|glpat-[\w-]{20,}+|hf_[A-Za-z0-9]{30,}+
    |xox[a-z]-[\w-]{10,}+|(?:AKIA|ASIA)[A-Z0-9]{16}(?![\w-])|sk-[\w-]*?[A-Za-z0-9]{16}[\w-]*+
    |eyJ[\w-]{8,}+\.eyJ[\w-]++\.[\w-]*+)""",
    re.VERBOSE,
)


def redacted(argv: Sequence[str]) -> list[str]:
    """A command line without what is secret.

    >>> redacted(["job.py", "--api-key=abc", "--token", "xyz", "--out", "a.csv", "--monkey=1"])
    ['job.py', '--api-key=***', '--token', '***', '--out', 'a.csv', '--monkey=1']
    """
    text = "\0".join(argument.replace("\0", "") for argument in argv)
    text = _UP_TO_AT.sub(lambda word: _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", word.group(), count=1), text)
    text = _ATTACHED.sub(rf"\1{HIDDEN}", text)
    kept: list[str] = []
    at = 0
    for found in _NAME.finditer(text):
        if found.start() >= at and (secret := _secret_of(text, found)):
            kept += [text[at : secret.start()], HIDDEN]
            at = secret.end()
    return _TOKEN.sub(HIDDEN, "".join([*kept, text[at:]])).split("\0") if argv else []


def is_secret(name: str) -> bool:
    """Whether a name says that its value is secret.

    >>> [is_secret(name) for name in ("SECRET_ACCESS_KEY", "apiKey", "PGPASSWORD", "keyboard")]
    [True, True, True, False]
    """
    return any(map(_SECRET.fullmatch, _WORD.findall(name)))


def _secret_of(text: str, found: re.Match[str]) -> re.Match[str] | None:
    """What is to be hidden for a name in a text."""
    name, mark, at = found["name"], found["mark"] or "", found.end()
    words = _WORD.findall(name)
    is_option = name.startswith("-")
    if not mark and (_OPTION.match(text, at) or not (is_option or name.lower() == "bearer")):
        return None
    of = _ARGUMENT if text[at - 1] == "\0" else _VALUE
    if is_option and words and words[-1].lower() in _LOGIN:
        user = _USER.match(text, at)
        return user and of.match(text, user.end())
    if not (name == "-p" or (name == "-b" and _COOKIE.match(text, at)) or is_secret(name)):
        return None
    if mark and not found["quote"]:
        if ":" in mark and of is _VALUE:
            of = _LINE
        elif found.start() == 0 or text[found.start() - 1] == "\0":
            of = _ARGUMENT
    value = of.match(text, at)
    return value if value and value.group() else None
