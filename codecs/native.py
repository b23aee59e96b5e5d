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

STEP: Final = 16  # bytes of a vector
_VECTOR: Final = ir.VectorType(ir.IntType(8), STEP)


def part(function: Callable[P, R]) -> Callable[P, R]:
    """A small piece of a loop: it stands wherever it is called, since handing it its arrays would cost more than what it does."""
    return cast("Callable[P, R]", numba.njit(nogil=True, forceinline=True)(function))


def woven(function: Callable[P, R]) -> Callable[P, R]:
    """A piece that is called from one place: it is compiled with its caller, and not for itself as well."""
    return cast("Callable[P, R]", numba.njit(nogil=True, inline="always")(function))


def aside(function: Callable[P, R]) -> Callable[P, R]:
    """A piece that is seldom needed, or called from many places."""
    return cast("Callable[P, R]", numba.njit(nogil=True)(function))


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
def copy16(_typing: Any, source: Any, _at_source: Any, target: Any, _at_target: Any) -> Any:
    """Copy 16 bytes, which the caller knows to be in both."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_at(context, builder, signature.args[0], arguments[:2], _VECTOR), align=1)
        builder.store(value, _at(context, builder, signature.args[2], arguments[2:], _VECTOR), align=1)
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), generate


@_builtin
def hard16(_typing: Any, array: Any, _offset: Any) -> Any:
    """int64: a bit for each of 16 bytes that is not plain in JSON: a control character, a quotation mark, a backslash, or not ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_at(context, builder, signature.args[0], arguments, _VECTOR), align=1)

        def all_of(number: int) -> Any:
            return ir.Constant(_VECTOR, [number] * STEP)

        marks = builder.icmp_signed("<", value, all_of(0x20))  # what is not ASCII is negative
        for character in b'"\\':
            marks = builder.or_(marks, builder.icmp_unsigned("==", value, all_of(character)))
        return builder.zext(builder.bitcast(marks, ir.IntType(STEP)), ir.IntType(64))

    return types.int64(array, types.int64), generate


@_builtin
def folded(_typing: Any, _one: Any, _two: Any) -> Any:
    """uint64: the two halves of a product of 128 bits, one laid over the other."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, two = (builder.zext(each, ir.IntType(128)) for each in arguments)
        product = builder.mul(one, two)
        high = builder.trunc(builder.lshr(product, ir.Constant(ir.IntType(128), 64)), ir.IntType(64))
        return builder.xor(builder.trunc(product, ir.IntType(64)), high)

    return types.uint64(types.uint64, types.uint64), generate
