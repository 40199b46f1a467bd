"""Calls that every checker must refuse, with what it must say of the line above."""

from __future__ import annotations

from golden.copies.manager import CopiesManager
from golden.crawler.manager import CrawlManager
from golden.crawler.spec import Page
from golden.generics.manager import GenericsManager
from golden.operators.manager import OperatorsManager
from golden.references.manager import ReferencesManager
from golden.shadows.manager import ShadowsManager
from golden.signatures.manager import SignaturesManager

from kinfolk.types.containers_manager import DictProxy


def crawl(crawl: CrawlManager) -> None:
    """The example of the README, used wrongly."""
    frontier = crawl.frontier()
    frontier.push(1)
    # mypy says: Argument 1 to "push" of "FrontierProxy" has incompatible type "int"; expected "str"
    # pyright says: "Literal[1]" is not assignable to "str"
    frontier.push("a", 2)
    # mypy says: Too many positional arguments for "push" of "FrontierProxy"
    # pyright says: Expected 1 positional argument
    frontier.push("a", prio=2)
    # mypy says: Unexpected keyword argument "prio" for "push" of "FrontierProxy"
    # pyright says: No parameter named "prio"
    frontier.push()
    # mypy says: Missing positional argument "url" in call to "push" of "FrontierProxy"
    # pyright says: Argument missing for parameter "url"
    frontier.pull()
    # mypy says: "FrontierProxy" has no attribute "pull"
    # pyright says: Cannot access attribute "pull" for class "FrontierProxy"
    frontier.limit = "many"
    # mypy says: expression has type "str", variable has type "int"
    # pyright says: "Literal['many']" is not assignable to "int"
    page: Page = frontier.pop()
    # mypy says: expression has type "Page | None", variable has type "Page"
    # pyright says: Type "Page | None" is not assignable to declared type "Page"
    print(page)
    crawl.cookies()["a"] = 1
    # mypy says: Incompatible types in assignment (expression has type "int", target has type "str")
    # pyright says: "Literal[1]" is not assignable to "str"
    crawl.job()
    # mypy says: Missing positional argument "name" in call to "job" of "CrawlManager"
    # pyright says: Argument missing for parameter "name"
    crawl.job("a", 3)
    # mypy says: Too many positional arguments for "job" of "CrawlManager"
    # pyright says: Expected 1 positional argument
    crawl.job("a").pages.add(Page("b"))
    # mypy says: "list[Page]" has no attribute "add"
    # pyright says: Cannot access attribute "add" for class "list[Page]"
    crawl.front()
    # mypy says: "CrawlManager" has no attribute "front"
    # pyright says: Cannot access attribute "front" for class "CrawlManager"
    crawl.frontier("a")
    # mypy says: Too many arguments for "frontier" of "CrawlManager"
    # pyright says: Expected 0 positional arguments


def signatures(signatures: SignaturesManager) -> None:
    """Kinds of parameters, overloads and attributes that cannot be set."""
    signatures.parameters().positional_only(a=1)
    # mypy says: Unexpected keyword argument "a" for "positional_only" of "ParametersProxy"
    # pyright says: Expected 1 more positional argument
    signatures.parameters().old_style(1, y=2)
    # mypy says: Unexpected keyword argument "y" for "old_style" of "ParametersProxy"
    # pyright says: No parameter named "y"
    signatures.parameters().everything(1, 2.0, "rest")
    # mypy says: Argument 3 to "everything" of "ParametersProxy" has incompatible type "str"
    # pyright says: "Literal['rest']" is not assignable to "bytes"
    signatures.overloads().parse("1", strict=1)
    # mypy says: No overload variant of "parse" of "OverloadsProxy" matches
    # pyright says: No overloads for "parse" match the provided arguments
    signatures.annotations().literal("c")
    # mypy says: Argument 1 to "literal" of "AnnotationsProxy" has incompatible type "Literal['c']"
    # pyright says: "Literal['c']" is not assignable to
    signatures.marked().unseen()
    # mypy says: "MarkedProxy" has no attribute "unseen"
    # pyright says: Cannot access attribute "unseen" for class "MarkedProxy"
    signatures.fields(1).double = 3
    # mypy says: Property "double" defined in "FieldsProxy" is read-only
    # pyright says: attribute "double" for class "FieldsProxy"
    signatures.fields(1).fixed = "x"
    # mypy says: Property "fixed" defined in "FieldsProxy" is read-only
    # pyright says: attribute "fixed" for class "FieldsProxy"
    signatures.frozen().number = 2
    # mypy says: Property "number" defined in "FrozenProxy" is read-only
    # pyright says: attribute "number" for class "FrozenProxy"
    signatures.fields(plain=1, renamed="x")
    # mypy says: Unexpected keyword argument "renamed" for "fields" of "SignaturesManager"
    # pyright says: No parameter named "renamed"


def others(
    shadows: ShadowsManager,
    operators: OperatorsManager,
    generics: GenericsManager,
    references: ReferencesManager,
) -> None:
    """Types that only their names could have confused."""
    shadows.dict().set("a", "b")
    # mypy says: Argument 2 to "set" of "BuiltinsProxy" has incompatible type "str"; expected "int"
    # pyright says: "Literal['b']" is not assignable to "int"
    shadows.str("2020-01-01")
    # mypy says: Argument 1 to "str" of "ShadowsManager" has incompatible type "str"
    # pyright says: "Literal['2020-01-01']" is not assignable to "date"
    print(operators.amount(1) + "x")
    # mypy says: Unsupported operand types for + ("AmountProxy" and "str")
    # pyright says: Operator "+" not supported for types "AmountProxy" and "Literal['x']"
    print(operators.total() < 1)
    # mypy says: Unsupported operand types for > ("int" and "TotalProxy")
    # pyright says: Operator "<" not supported for types "TotalProxy" and "Literal[1]"
    print({operators.table()})
    # pyright says: Set entry must be hashable
    generics.numbers().put("x")
    # mypy says: Argument 1 to "put" of "BoxProxy" has incompatible type "str"; expected "int"
    # pyright says: "Literal['x']" is not assignable to "int"
    generics.numbers().merged(generics.names())
    # mypy says: has incompatible type "NamedBoxProxy"; expected "BoxProxy[int]"
    # pyright says: "NamedBoxProxy" is not assignable to "BoxProxy[int]"
    references.root().add("child")
    # mypy says: Argument 1 to "add" of "NodeProxy" has incompatible type "str"
    # pyright says: "Literal['child']" is not assignable to "NodeProxy"


def copies(copies: CopiesManager, words: DictProxy[str, str]) -> None:
    """Changing what is a copy; and counting what is no number."""
    copies.numbers()["a"].append(1)
    # mypy says: "Sequence[int]" has no attribute "append"
    # pyright says: Cannot access attribute "append" for class "Sequence[int]"
    copies.library().shelves["a"] = ["b"]
    # mypy says: Unsupported target for indexed assignment ("Mapping[str, Sequence[str]]")
    # pyright says: "__setitem__" method not defined on type "Mapping[str, Sequence[str]]"
    words.increment("a")
    # mypy says: Invalid self argument "DictProxy[str, str]" to attribute function "increment"
    # pyright says: is not assignable to
