"""The words of the pages: finds those marked for translation and those forgotten, and keeps the English catalogue true.

Chinese is written in place, in Python, templates and scripts; `manage.py check_text` reads them all with this module.
What is not for translation says so in a comment: `# untranslated: reason` behind a line, or on a line of its own at the
top of a file for the whole file (in a template `{# untranslated: reason #}`).
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

FOLDERS = ("portal", "accounts", "ledger", "declarations", "templates", "static")
# Data of customs, the other house, history, and code that users never meet.
LEFT_OUT = ("declarations/published/", "declarations/sandbox/", "/migrations/", "static/vendor/")
HAN = re.compile(r"[\u3400-\u9fff]")
MARKS = {
    "_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2,
    "pgettext": 2, "pgettext_lazy": 2, "npgettext": 3, "npgettext_lazy": 3,
}  # fmt: skip
EXAMPLES = ("example",)  # keyword arguments holding sample data
SHOWN_DOCSTRINGS = "declarations/kinds/"  # classes here explain themselves to users
EXEMPT = re.compile(r"untranslated:\s*\S")
QUOTED = re.compile('"([^"]*)"')  # what must be typed as it is stays Chinese: “无”
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sdf]|\{\w*\}")
CALL = re.compile(r"(?<!\w)(n?p?gettext|_)\(((?:\s*u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")\s*,?)+)")
SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Marked:
    """A text marked for translation: where, and its context, singular and plural as gettext knows them."""

    place: str
    text: str
    plural: str = ""
    context: str = ""

    @property
    def key(self) -> str | tuple[str, str]:
        """The message id in a catalogue."""
        return (self.text, self.plural) if self.plural else self.text


@dataclass(frozen=True)
class Forgotten:
    """Chinese that a user would read in every language."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: not marked for translation: {self.text.strip()[:60]!r}"


def read(root: Path) -> tuple[list[Marked], list[Forgotten]]:
    """Every marked and every forgotten text below `root`, in order of place."""
    marked: list[Marked] = []
    forgotten: list[Forgotten] = []
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            found = _in_python(name, source)
        elif path.suffix == ".js":
            found = _in_script(name, source)
        else:
            found = _in_template(name, source)
        for text in found:
            (marked if isinstance(text, Marked) else forgotten).append(text)  # type: ignore[arg-type]
    return marked, forgotten


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = f"/{path.relative_to(root).as_posix()}"
            wanted = path.suffix in (".py", ".html", ".js") or (path.suffix == ".txt" and folder == "templates")
            if wanted and not any(part in name for part in LEFT_OUT):
                yield path


# --- Python ------------------------------------------------------------------------------------------------------


def _in_python(name: str, source: str) -> Iterator[Marked | Forgotten]:
    exempt_lines, whole = _exemptions(source)
    tree = ast.parse(source)
    skipped = {id(node) for node in _docstrings(tree)}
    seen: list[Marked] = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and (function := _name(call.func)) in MARKS:
            arguments = call.args[: MARKS[function]]
            texts = [node.value for node in arguments if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            if len(texts) == len(arguments) and texts:
                seen.append(_marked(f"{name}:{call.lineno}", function, texts))
                skipped.update(id(node) for node in arguments)
        if isinstance(call, ast.keyword) and call.arg in EXAMPLES:
            skipped.update(id(node) for node in ast.walk(call.value))
    yield from seen
    if name.startswith(SHOWN_DOCSTRINGS):
        yield from _shown_docstrings(name, tree)
    if whole:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if HAN.search(node.value) and not exempt_lines.intersection(lines):
                yield Forgotten(f"{name}:{node.lineno}", node.value)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    """Strings that stand alone: docstrings, and the notes below attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _shown_docstrings(name: str, tree: ast.AST) -> Iterator[Marked]:
    """Docstrings written for users: what a kind of document is, said on its pages."""
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, ast.ClassDef) else None
        if text and HAN.search(text):
            yield Marked(f"{name}:{node.lineno}", text)  # type: ignore[attr-defined]


def _exemptions(source: str) -> tuple[set[int], bool]:
    lines: set[int] = set()
    whole = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and EXEMPT.search(token.string):
            if token.line.lstrip().startswith("#") and token.start[1] == 0:
                whole = True
            lines.add(token.start[0])
    return lines, whole


def _marked(place: str, function: str, texts: list[str]) -> Marked:
    context = texts.pop(0) if "pgettext" in function else ""
    return Marked(place, texts[0], texts[1] if len(texts) > 1 else "", context)


# --- templates and scripts ---------------------------------------------------------------------------------------


def _in_template(name: str, source: str) -> Iterator[Marked | Forgotten]:
    code = templatize(source)  # Django's own: what is not marked becomes X, what is becomes a call
    for match in CALL.finditer(code):
        texts = [str(text) for text in ast.literal_eval(f"[{match[2]}]")]
        yield _marked(f"{name}:{code.count(chr(10), 0, match.start()) + 1}", match[1], texts)
    if re.search(r"\{#\s*untranslated:\s*\S", source):
        return
    rest = re.sub(r"\{#.*?#\}", "", source)
    rest = re.sub(r"\{%\s*comment\b.*?endcomment\s*%\}", _only_lines, rest, flags=re.DOTALL)
    rest = re.sub(r"\{%\s*blocktrans.*?endblocktrans(?:late)?\s*%\}", _only_lines, rest, flags=re.DOTALL)
    rest = re.sub(r"\{%\s*trans(?:late)?\s.*?%\}|\b_\((?:'[^']*'|\"[^\"]*\")\)", "", rest)
    for number, line in enumerate(rest.splitlines(), 1):
        if HAN.search(line):
            yield Forgotten(f"{name}:{number}", line)


def _in_script(name: str, source: str) -> Iterator[Forgotten]:
    """Scripts carry no words: they take them from data- attributes the page has translated."""
    for number, line in enumerate(SCRIPT_COMMENT.sub(_only_lines, source).splitlines(), 1):
        if HAN.search(line):
            yield Forgotten(f"{name}:{number}", line)


def _only_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


# --- the catalogue -----------------------------------------------------------------------------------------------


def catalogue_path(root: Path) -> Path:
    """The English catalogue as text; compiled it lies beside it as .mo."""
    return root / "portal" / "locale" / "en" / "LC_MESSAGES" / "django.po"


def load(path: Path) -> Catalog:
    """The catalogue at `path`, an empty English one when there is none."""
    if not path.exists():
        return Catalog(locale="en", domain="django", project="Tongguan", fuzzy=False, header_comment="# English texts.")
    with path.open("rb") as file:
        return read_po(file, locale="en", domain="django")


def collect(path: Path, marked: list[Marked]) -> Catalog:
    """Bring the catalogue up to the marked texts: new ones come empty, gone ones go, translations stay."""
    old = load(path)
    new = Catalog(locale="en", domain="django", project="Tongguan", fuzzy=False, header_comment="# English texts.")
    for text in marked:
        before = old.get(text.key, text.context or None) or (old.get(text.text, text.context or None))
        string = before.string if before and not before.fuzzy and before.id == text.key else None
        new.add(text.key, string, locations=[(text.place.rpartition(":")[0], None)], context=text.context or None)  # type: ignore[list-item]
    new.creation_date = new.revision_date = old.creation_date  # no drift by the clock
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, new, width=116, sort_output=True, ignore_obsolete=True)
    return new


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue in the form gettext loads; the same bytes on every machine."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def problems(root: Path) -> list[str]:
    """Everything `make check` refuses, one line each."""
    marked, forgotten = read(root)
    path = catalogue_path(root)
    catalogue = load(path)
    found = [str(text) for text in forgotten]
    reported: set[object] = set()
    for text in marked:
        message = catalogue.get(text.key, text.context or None)
        if (text.key, text.context) in reported:
            continue
        reported.add((text.key, text.context))
        if message is None:
            found.append(f"{text.place}: not in the English catalogue: {text.text[:60]!r}")
        else:
            found += [f"{text.place}: {wrong}: {text.text[:60]!r}" for wrong in _wrong(message)]
    known = {text.key if isinstance(text.key, str) else text.key[0] for text in marked}
    for message in catalogue:
        if message.id and (message.id if isinstance(message.id, str) else message.id[0]) not in known:
            found.append(f"{path.name}: no longer used: {str(message.id)[:60]!r}")
    binary = path.with_suffix(".mo")
    if not binary.exists() or binary.read_bytes() != compiled(catalogue):
        found.append(f"{binary.name} is not made from {path.name}: run manage.py check_text --compile")
    return found


def _wrong(message: Message) -> Iterator[str]:
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ("",))
    texts = [message.id] if isinstance(message.id, str) else list(message.id)
    if message.fuzzy:
        yield "only guessed (fuzzy) in the English catalogue"
    if not all(strings):
        yield "not translated"
        return
    wanted = set(PLACEHOLDER.findall(texts[-1]))
    for string in strings:
        if HAN.search(QUOTED.sub(lambda quoted: "" if f"“{quoted[1]}”" in texts[-1] else quoted[0], string)):
            yield "Chinese in the English text"
        extra = set(PLACEHOLDER.findall(string)) - wanted
        lacking = wanted - set(PLACEHOLDER.findall(string)) if string is strings[-1] else set()
        if extra or lacking:
            yield f"placeholders differ ({', '.join(sorted(extra | lacking))})"
