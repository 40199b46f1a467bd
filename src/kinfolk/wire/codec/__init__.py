"""The codec of declared types: values to MessagePack and back, strictly.

A declared type is compiled to a wire type, which msgspec decodes and checks, a function that lowers
values to it, and one that lifts them back. Both do nothing where msgspec is right by itself. One
type has one form, wherever it stands:

    declared type                         in the message
    ------------------------------------  -----------------------------------------------------
    None, bool, int, float, str, bytes    as MessagePack has them
    bytearray                             bin
    date, time, timedelta, naive or UTC   text in ISO 8601; with UTC a timestamp
      datetime
    UUID                                  text
    other classes without parts           an extension, see below
    list, set, frozenset, tuple,          array
      NamedTuple
    deque                                 [greatest length or nil, array]
    dict, Counter, OrderedDict            map; array of pairs where a key is no key in MessagePack
    defaultdict                           [name of the builtin class or nil, map or array of pairs]
    TypedDict                             map
    attrs class, dataclass                map of its fields, of which those with a default may be
                                          missing; under `$` its qualified name
    Enum                                  name of the member
    Flag                                  int
    Literal of text, int, None            as it is; of anything else its position
    union                                 as the member; where members would have the same form
                                          [position in the union, the member]
    shared class                          [name of the class, singleton's name or number]
    exception                             a Failure, see `kinfolk.wire.messages`
    type[exception]                       its qualified name
    traceback                             nil
    recursive type                        as the type itself
    Any                                   None, bool, int, float, str, bytes, list, dict as above;
                                          all else an extension

    extension  class                      contents
    ---------  -------------------------  -----------------------------------------------------
    1          int beyond 64 bits         big-endian two's complement
    2          complex                    two big-endian float64
    3          Fraction                   array of two bins, each as 1
    4          Decimal                    text
    5          range                      array of three bins, each as 1
    6, 7, 8    Path, PurePosixPath,       as the file system has it
               PureWindowsPath
    9          UUID                       16 bytes
    10         date                       text in ISO 8601
    11, 12     datetime, time             [naive value, fold, zone]; the zone is nil, a key, or
                                          [microseconds from UTC] with its name if it has one
    13         timedelta                  array of one bin as 1, microseconds
    14         timezone                   [microseconds from UTC] with its name if it has one
    15         ZoneInfo                   key
    16, 17     bytearray, memoryview      the bytes
    18         slice                      array of three Any
    32 - 34    tuple, set, frozenset      array of Any
    35         dict                       array of pairs of Any
    36 - 39    deque, defaultdict,        as above, of Any
               Counter, OrderedDict
    48         any other class            [qualified name, value as above]
    49, 50     exception, its class       as above
    51         shared object              reference, see `references`
    52         one registered by hand     as above, with the names that are exposed

Extensions 9, 10, 13, 16 and 32 to 52 stand only where `Any` is declared.
"""

from kinfolk.wire.codec.codecs import Codec, Codecs, encoded
from kinfolk.wire.codec.forms import Data
from kinfolk.wire.codec.mismatch import NESTING_LIMIT, CannotTravel, Mismatch
from kinfolk.wire.codec.node import Context, Node
from kinfolk.wire.codec.references import NO_REFERENCES

__all__ = [
    "NESTING_LIMIT",
    "NO_REFERENCES",
    "CannotTravel",
    "Codec",
    "Codecs",
    "Context",
    "Data",
    "Mismatch",
    "Node",
    "encoded",
]
