"""What numba lacks: reading and writing bytes in words and vectors, and products of 128 bits. Nothing here checks a bound: whoever calls it knows them."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")
Array = Any  # of numpy; `kernel.SIGNATURE` has their types

UNCOUNTED: Final[dict[str, Any]] = {"_nrt": False}
"""For `numba.njit`, of a function that makes no array: references to its arrays are not counted, which took two fifths of the transcoder's time.

numba's own functions use it, and a function that does make one is not compiled.
"""
STEP: Final = 64  # bytes that are read or written at once, as one vector or as several
_VECTOR: Final = ir.VectorType(ir.IntType(8), STEP)


def part(function: Callable[P, R]) -> Callable[P, R]:
    """A small piece of a loop: it stands wherever it is called, since handing it its arrays would cost more than what it does."""
    return cast("Callable[P, R]", numba.njit(nogil=True, forceinline=True, **UNCOUNTED)(function))


def woven(function: Callable[P, R]) -> Callable[P, R]:
    """A piece that is called from one place: it is compiled with its caller, and not for itself as well."""
    return cast("Callable[P, R]", numba.njit(nogil=True, inline="always", **UNCOUNTED)(function))


def aside(function: Callable[P, R]) -> Callable[P, R]:
    """A piece that is seldom needed, or called from many places."""
    return cast("Callable[P, R]", numba.njit(nogil=True, **UNCOUNTED)(function))


def _builtin(function: Any) -> Callable[..., Any]:
    """A function that says itself what code it is."""
    return cast("Callable[..., Any]", intrinsic(function))


def _at(context: Any, builder: Any, array_type: Any, place: tuple[Any, Any], kind: Any) -> Any:
    """A pointer to a value of this kind at an offset in an array."""
    array, offset = place
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), kind.as_pointer())


@_builtin
def load8(_typing: Any, array: Any, _offset: Any) -> Any:
    """uint64: the 8 bytes from an offset on, which the caller knows to be there; little endian, as numba's platforms are."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_at(context, builder, signature.args[0], arguments, ir.IntType(64)), align=1)

    return types.uint64(array, types.int64), generate


@_builtin
def load_double(_typing: Any, array: Any, _offset: Any) -> Any:
    """float64: likewise."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_at(context, builder, signature.args[0], arguments, ir.DoubleType()), align=1)

    return types.float64(array, types.int64), generate


@_builtin
def load_float(_typing: Any, array: Any, _offset: Any) -> Any:
    """float64: of 4 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_at(context, builder, signature.args[0], arguments, ir.FloatType()), align=1)
        return builder.fpext(value, ir.DoubleType())

    return types.float64(array, types.int64), generate


@_builtin
def cell(_typing: Any, array: Any, _offset: Any) -> Any:
    """The value at a place of an array, or of a table as one line; numba would look whether the place is counted from the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load(builder.gep(data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


@_builtin
def put(_typing: Any, array: Any, _offset: Any, _value: Any) -> Any:
    """Write it, likewise."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.store(arguments[2], builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), generate


@_builtin
def put8(_typing: Any, array: Any, _offset: Any, _value: Any) -> Any:
    """Write 8 bytes, little endian, which the caller knows to have room."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _at(context, builder, signature.args[0], arguments[:2], ir.IntType(64)), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), generate


def _copying(size: int) -> Any:
    """Copies so many bytes, which the caller knows to be in both."""
    vector = ir.VectorType(ir.IntType(8), size)

    def copied(_typing: Any, source: Any, _at_source: Any, target: Any, _at_target: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(_at(context, builder, signature.args[0], arguments[:2], vector), align=1)
            builder.store(value, _at(context, builder, signature.args[2], arguments[2:], vector), align=1)
            return context.get_dummy_value()

        return types.void(source, types.int64, target, types.int64), generate

    return _builtin(copied)


copied: Final = _copying(STEP)
copied_half: Final = _copying(STEP // 2)


@_builtin
def zeros(_typing: Any, _value: Any) -> Any:
    """int64: how many zeros a uint64 that is not 0 ends with."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@_builtin
def hard(_typing: Any, source: Any, _at_source: Any, target: Any, _at_target: Any) -> Any:
    """Copy `STEP` bytes; uint64: a bit for each that is not plain in JSON: a control character, a quotation mark, a backslash, or not ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_at(context, builder, signature.args[0], arguments[:2], _VECTOR), align=1)
        builder.store(value, _at(context, builder, signature.args[2], arguments[2:], _VECTOR), align=1)

        def all_of(number: int) -> Any:
            return ir.Constant(_VECTOR, [number] * STEP)

        marks = builder.icmp_signed("<", value, all_of(0x20))  # what is not ASCII is negative
        for character in b'"\\':
            marks = builder.or_(marks, builder.icmp_unsigned("==", value, all_of(character)))
        return builder.bitcast(marks, ir.IntType(STEP))

    return types.uint64(source, types.int64, target, types.int64), generate


@_builtin
def ahead(_typing: Any, array: Any, _offset: Any) -> Any:
    """Let the memory at an offset come near, which will be read soon; any offset will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        builder.call(
            fetch, [_at(context, builder, signature.args[0], arguments, ir.IntType(8)), *(ir.Constant(number, each) for each in (0, 3, 1))]
        )
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@_builtin
def folded(_typing: Any, _one: Any, _two: Any) -> Any:
    """uint64: the two halves of a product of 128 bits, one laid over the other."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, two = (builder.zext(each, ir.IntType(128)) for each in arguments)
        product = builder.mul(one, two)
        high = builder.trunc(builder.lshr(product, ir.Constant(ir.IntType(128), 64)), ir.IntType(64))
        return builder.xor(builder.trunc(product, ir.IntType(64)), high)

    return types.uint64(types.uint64, types.uint64), generate
